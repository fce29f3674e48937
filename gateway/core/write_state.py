"""The life of a write, as one table (contract.md 4, house.md 6)."""

from enum import IntEnum


class WriteState(IntEnum):
    """Outcome of the last write of a device; the numbers are the enum of `:WR:STATE`."""

    IDLE = 0
    PENDING = 1
    ACCEPTED = 2
    VERIFIED = 3
    UNCONFIRMED = 4
    DENIED = 5
    FAILED = 6


class WriteEvent(IntEnum):
    """What can happen to a write."""

    REFUSED_HERE = 0  # by policy, before anything was sent
    QUEUED = 1
    BACKEND_ACCEPTED = 2
    BACKEND_FAILED = 3  # refused, or outcome unknown
    READBACK_NEAR = 4
    READBACK_FAR = 5  # confirmation time is over
    BACKEND_DENIED = 6  # refused by the service's policy: the user, or the role, may not


_FINAL = (WriteState.IDLE, WriteState.ACCEPTED, WriteState.VERIFIED, WriteState.UNCONFIRMED, WriteState.DENIED,
          WriteState.FAILED)  # fmt: skip

TABLE: dict[tuple[WriteState, WriteEvent], WriteState] = {
    **{(state, WriteEvent.QUEUED): WriteState.PENDING for state in WriteState},
    **{(state, WriteEvent.REFUSED_HERE): WriteState.DENIED for state in _FINAL},
    # a refusal while another write of the device is under way says nothing about that one
    (WriteState.PENDING, WriteEvent.REFUSED_HERE): WriteState.PENDING,
    (WriteState.PENDING, WriteEvent.BACKEND_ACCEPTED): WriteState.ACCEPTED,
    (WriteState.PENDING, WriteEvent.BACKEND_FAILED): WriteState.FAILED,
    (WriteState.PENDING, WriteEvent.BACKEND_DENIED): WriteState.DENIED,
    (WriteState.ACCEPTED, WriteEvent.READBACK_NEAR): WriteState.VERIFIED,
    (WriteState.ACCEPTED, WriteEvent.READBACK_FAR): WriteState.UNCONFIRMED,
}


def after(state: WriteState, event: WriteEvent) -> WriteState:
    """The state that follows; KeyError names a step that cannot happen."""
    return TABLE[state, event]
