"""The conventional commands of CONTROL (values.md 4.3)."""

COMMANDS = (
    "RESET",
    "ON",
    "OFF",
    "POSITIVE",
    "NEGATIVE",
    "RAMP",
    "DC",
    "LOCAL",
    "REMOTE",
    "TRIP",
)  # the place is the code
RELIABLE = COMMANDS[:7]  # mean the same on every device; the others often do not
