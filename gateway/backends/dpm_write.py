"""Settings through a pooled link: prepared, applied once, never repeated (dpm-http.md 10)."""

from collections.abc import Mapping, Sequence

from gateway.backends.dpm_exchange import Exchange
from gateway.backends.dpm_link import LinkLost
from gateway.backends.dpm_lists import apply_settings, refusal, rounds
from gateway.backends.dpm_login import NotLoggedIn, log_in
from gateway.backends.dpm_pool import LinkPool
from gateway.backends.kerberos_port import Credentials
from gateway.core.errors import ProtocolError
from gateway.core.ports import Clock
from gateway.core.status import BAD_REQUEST, DISCONNECTED, OK, PRIV, REQTMO, Status
from gateway.core.values import Outcome, Setting, SettingResult

_NOTHING_SENT = "nothing was sent"
_UNKNOWN = "outcome unknown, not repeated"

Results = dict[int, SettingResult]


def _refused(settings: Mapping[int, Setting], status: Status, message: str = "") -> Results:
    return {place: SettingResult(one, status, Outcome.REFUSED, message, sent=False) for place, one in settings.items()}


def _unknown(settings: Mapping[int, Setting], status: Status, message: str) -> Results:
    return {place: SettingResult(one, status, Outcome.UNKNOWN, message) for place, one in settings.items()}


class Writer:
    """Writes the items of one call, in as many rounds as their order demands."""

    def __init__(
        self, pool: LinkPool, clock: Clock, role: str | None = None, credentials: Credentials | None = None
    ) -> None:
        self._pool, self._clock, self._role, self._credentials = pool, clock, role, credentials
        self.last_error = (0.0, "")  # when, on the monotonic clock, and what

    def write(self, settings: Sequence[Setting], timeout: float) -> list[SettingResult]:
        """One result per setting, in order. A lost link is replaced once, but never after ApplySettings was sent."""
        deadline = self._clock.monotonic() + timeout
        results: Results = {}
        for place, setting in enumerate(settings):
            if found := refusal(setting):
                results[place] = SettingResult(setting, found[0], Outcome.REFUSED, found[1], sent=False)
        accepted_here = [place for place in range(len(settings)) if place not in results]
        for group in rounds([settings[place] for place in accepted_here]):
            results |= self._round({accepted_here[n]: settings[accepted_here[n]] for n in group}, deadline)
        return [results[place] for place in range(len(settings))]

    def _round(self, settings: Mapping[int, Setting], deadline: float) -> Results:
        reason = ""
        for fresh in (False, True):
            if self._clock.monotonic() >= deadline:
                return _refused(settings, REQTMO, f"no time was left, {_NOTHING_SENT}")
            try:
                link = self._pool.borrow(deadline, fresh)
            except LinkLost as error:
                return _refused(settings, DISCONNECTED, f"{self._note(error)}, {_NOTHING_SENT}")
            exchange = Exchange(link, self._clock)
            results, usable = None, False
            try:
                if self._credentials is not None and not link.user:
                    log_in(link, self._credentials, self._clock, deadline)
                results = self._prepare(exchange, settings, deadline)
                left = {place: one for place, one in settings.items() if place not in results}
                if left:
                    refs = dict(zip(settings, exchange.refs, strict=True))
                    results |= self._apply(
                        exchange, {refs[place]: (place, one) for place, one in left.items()}, deadline
                    )
                usable = not any(r.outcome is Outcome.UNKNOWN or r.status == REQTMO for r in results.values())
                return results
            except LinkLost as error:
                reason = self._note(error)
            except NotLoggedIn as error:
                return _refused(settings, PRIV, f"{self._note(error)}; {_NOTHING_SENT}")
            finally:
                self._pool.settle(link, usable and exchange.finish(deadline))
        return _refused(settings, DISCONNECTED, f"{reason}, {_NOTHING_SENT}")

    def _note(self, error: LinkLost | NotLoggedIn) -> str:
        self.last_error = (self._clock.monotonic(), str(error))
        return str(error)

    def _prepare(self, exchange: Exchange, settings: Mapping[int, Setting], deadline: float) -> Results:
        """Add the requests and learn which of them are bad; the results of those. LinkLost: nothing was sent."""
        texts = [one.request.sent() for one in settings.values()]
        refs = exchange.ask(texts, deadline, self._role, clear=True)
        if not exchange.collect(lambda: exchange.started, deadline):
            return _refused(settings, REQTMO, f"the server did not start the list in time, {_NOTHING_SENT}")
        if exchange.list_error is None:
            # Of a bad database entry nothing ever comes (7.2): the others shall have their share of the time.
            patience = (self._clock.monotonic() + deadline) / 2
            exchange.collect(lambda: all(exchange.answered(ref) for ref in refs), patience)
        if exchange.list_error is not None:
            return _refused(settings, exchange.list_error, f"the server did not start the list, {_NOTHING_SENT}")
        results: Results = {}
        for (place, setting), ref in zip(settings.items(), refs, strict=True):
            reply = exchange.replies.get(ref)
            status = Status.from_packed(getattr(reply, "status", 0)) if reply is not None else OK
            if not exchange.answered(ref):
                status = REQTMO
            if status != OK:
                results[place] = SettingResult(setting, status, Outcome.REFUSED, _NOTHING_SENT, sent=False)
        return results

    def _apply(self, exchange: Exchange, settings: Mapping[int, tuple[int, Setting]], deadline: float) -> Results:
        """Send ApplySettings once, for settings by reference, and wait for what became of them."""
        all_of_them = dict(settings.values())
        try:
            link, by_ref = exchange.link, {ref: one for ref, (_, one) in settings.items()}
            message = apply_settings(link.list_id, by_ref, link.user)
            link.send((message,), deadline)
            in_time = exchange.collect(lambda: exchange.applied is not None, deadline)
        except ProtocolError as error:
            return _refused(all_of_them, BAD_REQUEST, f"{error}, {_NOTHING_SENT}")
        except LinkLost as error:
            return _unknown(all_of_them, DISCONNECTED, f"{self._note(error)}, {_UNKNOWN}")
        if exchange.applied is None:
            status = exchange.list_error or REQTMO
            return _unknown(all_of_them, status, f"{'no answer' if in_time else 'no answer in time'}, {_UNKNOWN}")
        entries = {entry.ref_id: Status.from_packed(entry.status) for entry in exchange.applied.status}
        results: Results = {}
        for ref, (place, setting) in settings.items():
            found = entries.get(ref, entries.get(0))
            if found is None:
                results |= _unknown({place: setting}, REQTMO, f"the answer leaves it out, {_UNKNOWN}")
            else:
                outcome = Outcome.REFUSED if found.failed else Outcome.ACCEPTED
                results[place] = SettingResult(setting, found, outcome, self._why(found, link.user))
        return results

    def _why(self, status: Status, user: str) -> str:
        """What a lack of permission means, and what to do; nothing for other statuses (section 12)."""
        if status != PRIV:
            return ""
        if not user:
            return "the server does not allow it without a user; give the backend credentials (auth.kerberos)"
        role = f"with the role {self._role}" if self._role else "without a role; name one in the URL (role=...)"
        return f"the server does not allow it to {user} {role}"
