"""Ground: the immutable description of every PV, made of config and device information."""
