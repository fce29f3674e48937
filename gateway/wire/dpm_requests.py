"""The requests of a DPM client, fields in wire order (dpm-http.md section 5)."""

from dataclasses import dataclass
from typing import ClassVar

from gateway.wire.dpm_fields import Binary, Int32, Int64, RawSettings, ScaledSettings, String, TextSettings


@dataclass(frozen=True, slots=True)
class ServiceDiscovery:
    """Who is there? ACNET only."""

    ID: ClassVar[int] = -8230


@dataclass(frozen=True, slots=True)
class OpenList:
    """A new list. ACNET only: on TCP the connection is the list."""

    ID: ClassVar[int] = 2076
    location: String | None = None


@dataclass(frozen=True, slots=True)
class AddToList:
    """A request under a reference that the client chose, or a list property `#KEY:VALUE` (section 6.1)."""

    ID: ClassVar[int] = 97
    list_id: Int32
    ref_id: Int64
    drf_request: String


@dataclass(frozen=True, slots=True)
class Authenticate:
    """A GSS-API token; an empty one asks for the name of the service (section 11)."""

    ID: ClassVar[int] = -15277
    list_id: Int32
    token: Binary


@dataclass(frozen=True, slots=True)
class EnableSettings:
    """The signature of a message: settings are allowed from here on (section 11)."""

    ID: ClassVar[int] = 21346
    list_id: Int32
    mic: Binary
    message: Binary


@dataclass(frozen=True, slots=True)
class RemoveFromList:
    """Forget one reference at the next StartList."""

    ID: ClassVar[int] = -3807
    list_id: Int32
    ref_id: Int64


@dataclass(frozen=True, slots=True)
class StartList:
    """Bring the acquisition in line with the stored requests; `model` is their default source (section 6.2)."""

    ID: ClassVar[int] = -8779
    list_id: Int32
    model: String | None = None


@dataclass(frozen=True, slots=True)
class ClearList:
    """Forget all references; what runs goes on until StopList or StartList."""

    ID: ClassVar[int] = -15607
    list_id: Int32


@dataclass(frozen=True, slots=True)
class StopList:
    """Stop the acquisition; the requests stay stored."""

    ID: ClassVar[int] = 21417
    list_id: Int32


@dataclass(frozen=True, slots=True)
class ApplySettings:
    """Settings of references that were added before (section 10); the list id and user are ignored on TCP."""

    ID: ClassVar[int] = -14728
    user_name: String
    list_id: Int32
    raw_array: RawSettings | None = None
    scaled_array: ScaledSettings | None = None
    text_array: TextSettings | None = None


Request = (
    ServiceDiscovery
    | OpenList
    | AddToList
    | Authenticate
    | EnableSettings
    | RemoveFromList
    | StartList
    | ClearList
    | StopList
    | ApplySettings
)
