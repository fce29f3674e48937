"""Field lists: how a dataclass of annotated fields becomes the table that writes and reads it (dpm-http.md 4.1).

The dataclass is the only table: the order of its fields is the order on the wire, `Annotated[..., Kind]` says the
type, `| None` that the field may be absent. A key is the hash of a field's name, so one key belongs to one name.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Generic, TypeVar, get_args, get_type_hints

from gateway.core.errors import ProtocolError
from gateway.wire.pc import ARRAY, INTEGER, Kind, pack_number, unpack_count, unpack_number

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a list: its name in the dataclass, its encoded key, its type and whether it must be there."""

    name: str
    key: int
    key_bytes: bytes
    kind: Kind
    required: bool


@dataclass(frozen=True, slots=True)
class Layout(Generic[T]):
    """The fields of one message or struct in wire order, and what makes it from their values."""

    make: Callable[..., T]
    name: str
    fields: tuple[Field, ...]
    index: Mapping[int, int]  # key -> place in fields
    required: int  # how many fields must be there

    def pack(self, message: object) -> bytes:
        """The field list of a message; absent fields are left out."""
        present = [(field, value) for field in self.fields if (value := getattr(message, field.name)) is not None]
        parts = [pack_number(ARRAY, 2 * len(present))]
        for field, value in present:
            parts += (field.key_bytes, field.kind.pack(value))
        if len(present) < len(self.fields):
            _require(self, {field.name for field, _ in present})
        return b"".join(parts)

    def unpack(self, data: bytes, at: int) -> tuple[T, int]:
        """The message whose field list begins at `at`, in any order of fields, and the place behind it."""
        count, end = unpack_count(ARRAY, data, at, 1)
        if count % 2 or not 2 * self.required <= count <= 2 * len(self.fields):
            raise ProtocolError(f"{self.name}: wrong number of elements in the field list, {count}")
        values: dict[str, object] = {}
        for _ in range(count // 2):
            key, end = unpack_number(INTEGER, data, end)
            place = self.index.get(key)
            if place is None:
                raise ProtocolError(f"{self.name}: unknown field {key}")
            field = self.fields[place]
            if field.name in values:
                raise ProtocolError(f"{self.name}: field {field.name} is there twice")
            values[field.name], end = field.kind.unpack(data, end)
        if len(values) < len(self.fields):
            _require(self, set(values))
        return self.make(**values), end


def _require(layout: Layout[T], present: set[str]) -> None:
    for field in layout.fields:
        if field.required and field.name not in present:
            raise ProtocolError(f"{layout.name}: required field {field.name} is missing")


def layout_of(dataclass_type: type[T], keys: Mapping[str, int]) -> Layout[T]:
    """The layout of a dataclass whose fields are annotated with their `Kind`; `keys` is by field name."""
    hints = get_type_hints(dataclass_type, include_extras=True)
    table = []
    for field in fields(dataclass_type):  # type: ignore[arg-type]  # any dataclass
        hint = hints[field.name]
        optional = type(None) in get_args(hint)
        annotated = get_args(hint)[0] if optional else hint
        kind: Kind = annotated.__metadata__[0]
        key = keys[field.name]
        table.append(Field(field.name, key, pack_number(INTEGER, key), kind, not optional))
    index = {field.key: place for place, field in enumerate(table)}
    required = sum(field.required for field in table)
    return Layout(dataclass_type, dataclass_type.__name__, tuple(table), index, required)


def struct_of(dataclass_type: type[T], keys: Mapping[str, int]) -> Kind:
    """The kind of a struct inside an array: just its field list, without header."""
    layout = layout_of(dataclass_type, keys)

    def pack(value: object) -> bytes:
        if not isinstance(value, dataclass_type):
            raise ProtocolError(f"{value!r} is not a {layout.name}")
        return layout.pack(value)

    return Kind(layout.name, pack, layout.unpack)
