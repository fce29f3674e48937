"""Ground: the configuration, from text and an environment mapping to checked values."""
