"""One list on a borrowed link: what was asked under which reference, and the first answer to each."""

from collections.abc import Callable, Iterable, Sequence

from gateway.backends.dpm_link import DpmLink, LinkLost
from gateway.backends.dpm_readings import DataReply
from gateway.core.ports import Clock
from gateway.core.status import Status
from gateway.wire import dpm


class Exchange:
    """The life of one list, from `ask` to `finish` (dpm-http.md 10, 14.1).

    First answers count, later ones are ignored (14.1), and so is what a former list of the link still sends.
    """

    def __init__(self, link: DpmLink, clock: Clock) -> None:
        self.link = link
        self._clock = clock
        self.refs: list[int] = []
        self.replies: dict[int, DataReply] = {}
        self.infos: dict[int, dpm.DeviceInfoReply] = {}
        self.started = False  # the StartList reply came
        self.applied: dpm.ApplySettingsReply | None = None
        self.list_error: Status | None = None  # the list did not start

    def ask(self, texts: Sequence[str], deadline: float, role: str | None = None, clear: bool = False) -> list[int]:
        """Add requests under new references and start the list, in one send; the references, in order."""
        list_id = self.link.list_id
        self.refs = [self.link.next_ref() for _ in texts]
        messages: list[dpm.Request] = [dpm.StopList(list_id), dpm.ClearList(list_id)] if clear else []
        if role:
            messages.append(dpm.AddToList(list_id, 0, f"#ROLE:{role}"))
        messages += [dpm.AddToList(list_id, ref, text) for ref, text in zip(self.refs, texts, strict=True)]
        messages.append(dpm.StartList(list_id))
        self.link.send(messages, deadline)
        return self.refs

    def collect(self, done: Callable[[], bool], deadline: float) -> bool:
        """Receive until it is done or the list did not start; False at the deadline. LinkLost when the link is."""
        while not done() and self.list_error is None:
            received = self.link.receive(deadline)
            if received is None:
                if self._clock.monotonic() < deadline:
                    raise LinkLost("the backend is closed")
                return False
            columns = received.columns
            rows = zip(
                columns.ref_id.tolist(), columns.timestamp_ms.tolist(), columns.status.tolist(),
                columns.value.tolist(), strict=True,
            )  # fmt: skip
            self._take(dpm.ScalarReply(ref, stamp, 0, status, value) for ref, stamp, status, value in rows)
            self._take(message for _, message in received.messages)
        return True

    def answered(self, ref: int) -> bool:
        """Whether the device is known to be good, or anything else came for it."""
        return ref in self.infos or ref in self.replies

    def covers(self, refs: set[int], infos_do: set[int]) -> bool:
        """Whether each of these references has its reply, or, where that will do, its DeviceInfo."""
        return len(self.replies) + len(self.infos) >= len(refs) and all(
            ref in self.replies or (ref in infos_do and ref in self.infos) for ref in refs
        )

    def finish(self, deadline: float) -> bool:
        """Stop and clear the list; whether the link can be used again."""
        list_id = self.link.list_id
        try:
            self.link.send((dpm.StopList(list_id), dpm.ClearList(list_id)), deadline)
        except LinkLost:
            return False
        return self.list_error is None

    def _take(self, messages: Iterable[object]) -> None:
        for message in messages:
            match message:
                case dpm.DeviceInfoReply(ref_id=ref):
                    self.infos.setdefault(ref, message)
                case dpm.StartListReply(status=status) if status:
                    self.list_error = Status.from_packed(status)
                case dpm.StartListReply():
                    self.started = True
                case dpm.StatusReply(ref_id=0, status=status):
                    self.list_error = Status.from_packed(status) if status else self.list_error
                case dpm.AddToListReply(ref_id=ref, status=status):
                    if status:
                        self.replies.setdefault(ref, dpm.StatusReply(ref, 0, 0, status))
                case dpm.ApplySettingsReply():
                    self.applied = message
                case dpm.ListStatusReply() | dpm.RemoveFromListReply() | dpm.AuthenticateReply():
                    pass
                case (
                    dpm.ScalarReply() | dpm.ScalarArrayReply() | dpm.RawReply() | dpm.TextReply()
                    | dpm.TextArrayReply() | dpm.TimedScalarArrayReply() | dpm.AnalogAlarmReply()
                    | dpm.DigitalAlarmReply() | dpm.BasicStatusReply() | dpm.StatusReply()
                ):  # fmt: skip
                    self.replies.setdefault(message.ref_id, message)
