"""Which EPICS record a PV is: its type, and the fields that people ask of such a record. Pure."""

from gateway.plan.model import PvSpec, PvType, Role

_IN = {PvType.DOUBLE: "ai", PvType.LONG: "longin", PvType.STRING: "stringin"}
_OUT = {PvType.DOUBLE: "ao", PvType.LONG: "longout", PvType.STRING: "stringout"}
_ORDERS = frozenset({Role.SETPOINT, Role.COMMAND})  # what people order, even where they may not


def record_type(spec: PvSpec) -> str:
    """The record type as RTYP and DBR_CLASS_NAME tell it."""
    out = spec.writable or spec.role in _ORDERS
    if spec.length > 1 or spec.type in (PvType.TEXT, PvType.BYTES):
        return "waveform"
    if spec.type is PvType.ENUM:
        return ("bo" if out else "bi") if len(spec.labels) == 2 else ("mbbo" if out else "mbbi")
    return (_OUT if out else _IN)[spec.type]
