"""What adapters know of Kerberos; it can be imported without the extra `kerberos`."""

from collections.abc import Mapping
from typing import Protocol

from gateway.config.models import Kerberos
from gateway.core.errors import AcgateError, BadInput
from gateway.core.ports import Clock


class KerberosError(AcgateError):
    """Kerberos does not give what is needed; the text is one sentence that says why and what to do."""


class TicketExpired(KerberosError):
    """The ticket was good once."""


class Initiator(Protocol):
    """The client's end of one context; belongs to one thread at a time."""

    @property
    def complete(self) -> bool:
        """Whether it can sign."""
        ...

    @property
    def expires_ns(self) -> int:
        """When the ticket that it was made with expires, Unix time."""
        ...

    def step(self, token: bytes | None = None) -> bytes | None:
        """The next token for the server; None when there is none to send. KerberosError says why not."""
        ...

    def sign(self, data: bytes) -> bytes:
        """The MIC of `data`."""
        ...


class Credentials(Protocol):
    """The Kerberos identity of one backend. Thread-safe."""

    @property
    def principal(self) -> str:
        """Whose it is; KerberosError when there is no ticket."""
        ...

    def start(self) -> None:
        """Begin to obtain and keep a ticket in the background."""
        ...

    def context(self, service: str, timeout: float = 5.0) -> Initiator:
        """A new context for a service, by its principal; KerberosError says why there is none in time."""
        ...

    def store(self, timeout: float = 5.0) -> Mapping[bytes | str, bytes | str]:
        """Where the ticket is, as a credential store of GSS-API; empty: where GSS-API looks by itself.

        KerberosError says why there is no ticket in time.
        """
        ...

    @property
    def expires_ns(self) -> int:
        """When the ticket expires, Unix time; 0 when there is none."""
        ...

    def expires_in(self) -> float:
        """Seconds until the ticket expires; 0 when there is none that is good."""
        ...

    def close(self) -> None:
        """Free who waits, end what runs. Safe to call twice."""
        ...


def kerberos_trouble(section: Kerberos, clock: Clock) -> str:
    """Why there can be no ticket, as far as files tell; empty when there may be one. Contacts nobody."""
    try:
        from gateway.backends.kerberos_ticket import trouble
    except ImportError as error:
        return f"auth.kerberos needs {error.name}; pip install 'acgate[kerberos]'"
    return trouble(section, clock)


def kerberos_credentials(section: Kerberos, clock: Clock, name: str) -> Credentials:
    """Those of a backend; contacts nobody. BadInput when the extra is not installed."""
    try:
        from gateway.backends.kerberos import KerberosCredentials
    except ImportError as error:
        raise BadInput(f"backend {name}: auth.kerberos needs {error.name}; pip install 'acgate[kerberos]'") from None
    return KerberosCredentials(section, clock, name)
