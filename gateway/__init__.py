"""acgate: every ACNET device as EPICS process variables."""

__version__ = "0.1.0"
