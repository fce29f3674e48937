"""What a device says and EPICS cannot hold, as sentences for people."""

from collections.abc import Iterator

from gateway.plan.model import DevicePlan, Role
from gateway.plan.names import LONGEST_LABEL, LONGEST_NAME, LONGEST_UNITS, MOST_LABELS

LONGEST_DESCRIPTION = 40  # bytes of .DESC
_LONGEST_ROLE = max((role.value for role in Role), key=len)


def limits(device: DevicePlan) -> Iterator[str]:
    """One warning per limit of EPICS that the device goes past; what is too long reaches clients cut.

    The whole texts are in the device's META:TEXT.
    """
    whole = f"the whole is in {device.name}:{Role.DESCRIBED.value}"
    suffixes = [_LONGEST_ROLE, *(f"{Role.STATUS_BIT.value}{bit.name}" for bit in device.info.bits)]
    longest = f"{device.name}:{max(suffixes, key=len)}"
    if len(longest) > LONGEST_NAME:
        yield f"the PV name {longest} has {len(longest)} characters, some EPICS tools take {LONGEST_NAME}"
    shown = {info.units for info in (device.info.reading, device.info.setting) if info is not None}
    for units in sorted(shown):
        if (size := _size(units)) > LONGEST_UNITS:
            yield f"the units {units!r} take {size} bytes, EPICS shows {LONGEST_UNITS}; {whole}"
        elif _strange(units):
            yield f"the units {units!r} hold signs that EPICS does not have and shows as '?'"
    if (size := _size(device.info.description)) > LONGEST_DESCRIPTION:
        yield f"the description takes {size} bytes, .DESC shows {LONGEST_DESCRIPTION}; {whole}"
    elif _strange(device.info.description):
        yield "the description holds signs that EPICS does not have and shows as '?'"
    labels = [text for bit in device.info.bits for text in (bit.true_text, bit.false_text)]
    for text in (*labels, *(command.name for command in device.info.commands)):
        if _size(text) > LONGEST_LABEL:
            yield f"the label {text!r} is longer than the {LONGEST_LABEL} bytes that EPICS shows; {whole}"
        elif _strange(text):
            yield f"the label {text!r} holds signs that EPICS does not have and shows as '?'"
    if len(device.info.commands) > MOST_LABELS:
        left = ", ".join(command.name for command in device.info.commands[MOST_LABELS:])
        yield f"{len(device.info.commands)} commands, an EPICS enum has {MOST_LABELS} states; left out: {left}"


def _size(text: str) -> int:
    """Bytes that the text takes in Channel Access, whose clients read Latin-1."""
    return len(text.encode("latin-1", "replace"))


def _strange(text: str) -> bool:
    return any(ord(sign) > 0xFF for sign in text)
