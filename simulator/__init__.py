"""The central services, played: one facility behind every protocol."""
