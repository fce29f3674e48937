"""Kerberos for one backend: its ticket, obtained and renewed in the background.

Only one worker, the keeper, speaks to the Kerberos server, however long that takes; everybody else waits for it no
longer than they can. Needs the extra `kerberos`.
"""

import logging
import threading
from collections.abc import Mapping

from gateway.backends.kerberos_port import KerberosError
from gateway.backends.kerberos_ticket import SecurityContext, Ticket, obtain
from gateway.config.models import Kerberos
from gateway.core.ports import Clock
from gateway.runtime.backoff import Backoff
from gateway.runtime.worker import StopToken, SupervisedWorker

_log = logging.getLogger(__name__)
LOOK = 15.0  # s between two looks at a ticket cache that somebody else renews
AGAIN = Backoff(first=1.0, cap=60.0)  # after the Kerberos server refused, or could not be reached
REMEMBERED = 1.0  # s for which a failure is an answer: a burst of writes asks the Kerberos server once


class KerberosCredentials:
    """The ticket of one backend, kept good until `close`. Thread-safe.

    With a keytab the ticket is renewed at half of its life, into a new cache that lives in memory, together with
    those of the services in use: writes go on meanwhile with the old one. Without a keytab somebody else renews
    (kinit, k5start); what is in the cache is looked at four times a minute, and whenever it is missed.
    """

    def __init__(self, section: Kerberos, clock: Clock, name: str = "kerberos") -> None:
        self._section, self._clock, self._name = section, clock, name
        self._changed = threading.Condition()
        self._closed = False
        self._keeper: SupervisedWorker | None = None
        self._ticket: Ticket | None = None
        self._wanted: set[str] = set()  # services to be prepared in the next turn
        self._asked = self._answered = 0  # how many asked the keeper to look, and the last who was answered
        self._failures: dict[str, tuple[float, KerberosError]] = {}  # by service, the ticket's is empty: when, what
        self._due = 0.0  # when to obtain a ticket next, on the monotonic clock
        self._failed = 0  # attempts in a row

    def start(self) -> None:
        """Begin to keep a ticket; safe to call twice. Asking for one does it, too."""
        with self._changed:
            if self._keeper is None and not self._closed:
                self._keeper = SupervisedWorker(f"{self._name}-kerberos", self._keep)
                self._keeper.start()

    @property
    def principal(self) -> str:
        """Whose ticket it is; KerberosError when there is none within 5 s."""
        return self._good("", 5.0).principal

    def context(self, service: str, timeout: float = 5.0) -> SecurityContext:
        """A new context for a service, by its Kerberos principal; KerberosError says why there is none in time."""
        return SecurityContext(self._good(service, timeout), service)

    def store(self, timeout: float = 5.0) -> Mapping[bytes | str, bytes | str]:
        """See the port."""
        return self._good("", timeout).store

    @property
    def expires_ns(self) -> int:
        """See the port."""
        ticket = self._ticket
        return 0 if ticket is None else ticket.expires_ns

    def expires_in(self) -> float:
        """Seconds until the ticket expires; 0 when there is none that is good."""
        return max(0.0, (self.expires_ns - self._clock.now_ns()) / 1e9) if self.expires_ns else 0.0

    def close(self, timeout: float = 0.5) -> None:
        """End the keeper and free who waits. One that waits for the Kerberos server ends when that answers."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        if self._keeper is not None:
            self._keeper.stop(timeout)

    def _ready(self, service: str) -> Ticket | None:
        """The ticket, if it is good and that of the service is at hand."""
        ticket = self._ticket if self.expires_in() > 0.0 else None
        return ticket if ticket is not None and (not service or service in ticket.services) else None

    def _good(self, service: str, timeout: float) -> Ticket:
        """See `_ready`; the keeper is asked where it is not, and has `timeout` seconds."""
        self.start()
        with self._changed:
            answered = True
            if self._ready(service) is None:
                self._wanted.add(service)
                self._asked = call = self._asked + 1
                self._changed.notify_all()
                answered = self._changed.wait_for(lambda: self._closed or self._answered >= call, timeout)
            if self._closed:
                raise KerberosError("the backend is closed")
            if ticket := self._ready(service):
                return ticket
            _, failure = self._failures.get("") or self._failures.get(service) or (0.0, None)
            if failure is None or not answered:
                raise KerberosError(f"the Kerberos server has not answered within {timeout:g} s; see krb5.conf")
            raise type(failure)(str(failure))  # a new one: it goes to another thread

    def _keep(self, _: StopToken) -> None:
        while True:
            with self._changed:
                left = max(0.0, self._due - self._clock.monotonic())
                self._changed.wait_for(lambda: self._closed or self._asked > self._answered, left)
                if self._closed:
                    return
                call, wanted, self._wanted = self._asked, self._wanted, set()
            ticket = self._obtained()
            if ticket is not None:
                self._prepare(ticket, wanted | (self._ticket.services if self._ticket else set()))
            with self._changed:
                self._ticket, self._answered = ticket, call
                self._changed.notify_all()

    def _obtained(self) -> Ticket | None:
        """The ticket, a new one where it is time; None when there is none that is good."""
        if self._clock.monotonic() < self._due and self._ready(""):
            return self._ticket
        if not self._young(""):
            try:
                ticket = obtain(self._section, self._clock)
            except KerberosError as error:
                self._note("", error)
                self._due = self._clock.monotonic() + AGAIN.delay(self._failed, 0.5)
                self._failed += 1
            else:
                if self._failures.pop("", None):
                    _log.info("%s: there is a Kerberos ticket of %s again", self._name, ticket.principal)
                self._due = self._clock.monotonic() + (ticket.lifetime / 2 if self._section.keytab else LOOK)
                self._failed = 0
                return ticket
        return self._ready("")

    def _prepare(self, ticket: Ticket, services: set[str]) -> None:
        """Obtain the tickets of services, so that making a context never waits for the Kerberos server."""
        for service in services - ticket.services - {""}:
            if not self._young(service):
                try:
                    SecurityContext(ticket, service).step()
                except KerberosError as error:
                    self._note(service, error)
                else:
                    self._failures.pop(service, None)
                    ticket.services.add(service)

    def _young(self, service: str) -> bool:
        """Whether it failed a moment ago: then that is the answer, the Kerberos server is not asked again."""
        return service in self._failures and self._clock.monotonic() - self._failures[service][0] < REMEMBERED

    def _note(self, service: str, error: KerberosError) -> None:
        if service not in self._failures or str(self._failures[service][1]) != str(error):
            _log.warning("%s: %s", self._name, error)
        self._failures[service] = (self._clock.monotonic(), error)
