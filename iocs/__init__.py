"""Channel Access: PVGroups in front of the devices."""
