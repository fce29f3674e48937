"""Ground: bytes to messages and back, for both ends of each protocol."""
