"""The acceptor's end of Kerberos: tokens and signatures are checked against a keytab (dpm-http.md 11, dmq.md 4).

Needs the extra `kerberos`. Nothing here waits for anybody: an acceptor speaks to no Kerberos server.
"""

from pathlib import Path

import gssapi
from gssapi.exceptions import DuplicateTokenError, TokenTooEarlyError, TokenTooLateError
from gssapi.raw.misc import GSSError

from gateway.core.errors import BadInput, ProtocolError
from gateway.wire.keytab import keytab_principals
from simulator.rejected import Rejected as Rejected

_SKEW = 300.0  # s that MIT adds for clocks that differ, at the acceptor's end
_FIRST = -1765328384  # of the table krb5 (krb5.h); minor codes are unsigned in GSS-API
_SENTENCES = {
    31: "the token was not made for this service's key, or was changed on its way",  # BAD_INTEGRITY
    32: "the ticket has expired",  # TKT_EXPIRED
    34: "the token was used before",  # REPEAT
    35: "the token is for another service, whose key is not in the keytab",  # NOT_US
    37: "the clocks of client and server differ too much",  # SKEW
    44: "the token was made for an older or newer key of this service",  # BADKEYVER
}
_TABLE = {(_FIRST + number) % (1 << 32): sentence for number, sentence in _SENTENCES.items()}


class AcceptedContext:
    """One client's context: it steps until it is complete, then it verifies, in the order of arrival."""

    def __init__(self, credentials: gssapi.Credentials) -> None:
        self._context = gssapi.SecurityContext(usage="accept", creds=credentials)

    def step(self, token: bytes) -> bytes | None:
        """The token to send back, None for none. Rejected says why not; the context is of no use then."""
        if not token:  # MIT's acceptor takes an empty one for the start of a negotiation (dmq.md 4.3)
            raise Rejected("the token is empty")
        try:
            answer: bytes | None = self._context.step(token)
            return answer
        except GSSError as error:
            raise Rejected(_TABLE.get(error.min_code, "the token is no token of Kerberos")) from None

    @property
    def complete(self) -> bool:
        """Whether the client is known."""
        return bool(self._context.complete)

    @property
    def user(self) -> str:
        """The client's principal, such as user1@FNAL.GOV; Rejected before the context is complete."""
        if not self.complete:
            raise Rejected("the client has sent no token that is enough")
        return str(self._context.initiator_name)

    @property
    def lifetime(self) -> float:
        """Seconds that the client's ticket is still good."""
        return max(0.0, float(self._context.lifetime) - _SKEW)

    def verify(self, data: bytes, mic: bytes) -> None:
        """Nothing, when `mic` signs `data`; Rejected says why not.

        A gap in the sequence numbers is accepted: something that was signed was never sent (dmq.md 4.4).
        """
        if not self.complete:
            raise Rejected("there is no context that could verify the signature")
        if not mic:
            raise Rejected("there is no signature")
        try:
            self._context.verify_signature(data, mic)
        except TokenTooEarlyError:
            return
        except DuplicateTokenError:
            raise Rejected("the signature was used before") from None
        except TokenTooLateError:
            raise Rejected("the signature is older than one that came before") from None
        except GSSError:
            raise Rejected("the signature is wrong") from None


class Acceptor:
    """What a service knows: the keys of its keytab. Thread-safe."""

    def __init__(self, keytab: Path) -> None:
        """BadInput, one sentence, when the keytab cannot be used."""
        try:
            self.principals = keytab_principals(keytab.read_bytes())
            store: dict[bytes | str, bytes | str] = {"keytab": f"FILE:{keytab}"}
            self._credentials = gssapi.Credentials(usage="accept", mechs=[gssapi.MechType.kerberos], store=store)
        except OSError as error:
            raise BadInput(f"the keytab {keytab} cannot be read: {error.strerror}") from None
        except ProtocolError as error:
            raise BadInput(f"the keytab {keytab} cannot be used: {error}") from None
        except GSSError:
            raise BadInput(f"the keytab {keytab} holds no key of a service; make it with kadmin: ktadd") from None

    def accept(self) -> AcceptedContext:
        """The end of a new context."""
        return AcceptedContext(self._credentials)
