"""Steering: which backend of a route serves each request now (pure: time is handed in).

A feed is the stream of one backend, by its place in the route: 0 is the preferred one.
"""

import numpy as np
import numpy.typing as npt

from gateway.core.batch import OtherReading, ReadingBatch
from gateway.core.status import DISCONNECTED, PRIV, REQTMO, RETRY, Status
from gateway.core.values import Outcome, Reading, SettingResult

Slots = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

# Statuses that say that a backend is lost, not that something is wrong with one device (values.md 7). Whatever is not
# here, such as a device that does not exist (16/-13), a refused privilege (17/-17) or a silent front end (1/-49), is
# an answer: another backend would give the same one.
BACKEND_LOST: dict[Status, str] = {
    DISCONNECTED: "an adapter has lost its link, or cannot make one",
    RETRY: "what adapters say of a call that failed, or of an answer that cannot be read",
    Status(1, -21): "the service itself is not connected to ACNET",
    Status(64, -6): "the service has lost its connection",
    Status(72, -96): "the channel of the DataBroker is not ready",
}


def is_loss(reading: Reading) -> bool:
    """Whether the reading says that its backend is lost."""
    return reading.value is None and reading.status in BACKEND_LOST


def overtaken(batch: ReadingBatch, other: OtherReading) -> bool:
    """Whether a plain scalar of the same slot comes after it in the batch."""
    return bool((batch.slot[other.after :] == other.slot).any())


def unanswered(reading: Reading) -> bool:
    """Whether an answer to a one-shot call is worth asking another backend: lost, or no answer in time."""
    return reading.value is None and (reading.status in BACKEND_LOST or reading.status == REQTMO)


def may_go_elsewhere(result: SettingResult) -> bool:
    """Whether another backend may be asked to set: this one is lost, or has no ticket, and nothing has left us.

    A privilege that the service itself refuses is an answer: no other role is tried.
    """
    lost = result.status in BACKEND_LOST or result.status in (REQTMO, PRIV)
    return result.outcome is Outcome.REFUSED and not result.sent and lost


class Steering:
    """The choice, per slot of a subscription. Times are seconds of one monotonic clock.

    A feed that answers takes over at once from one that is lost; a preferred one serves again only when it has
    answered for `hold` seconds without a break, so that a backend that comes and goes does not carry its clients
    along.
    """

    def __init__(self, slots: int, feeds: int, hold: float) -> None:
        self._hold = hold
        self._all = np.arange(slots)
        self.serving: Slots = np.zeros(slots, np.int64)  # place of the feed
        self._answers = np.zeros((feeds, slots), np.bool_)  # its newest reading was an answer
        self._lost = np.zeros((feeds, slots), np.bool_)  # its newest reading was a loss
        self._since = np.zeros((feeds, slots))  # since when it answers without a break
        self.changed = False  # whether `steer` may come to another choice than before, whatever the time

    def answered(self, feed: int, slots: Slots, now: float) -> None:
        """The feed has brought an answer for each of the slots."""
        new = slots[~self._answers[feed, slots]]
        if len(new):
            self._since[feed, new] = now
            self._answers[feed, new] = True
            self._lost[feed, new] = False
            self.changed = True

    def lost(self, feed: int, slots: Slots) -> None:
        """The feed has said that it is lost for each of the slots."""
        self._answers[feed, slots] = False
        self._lost[feed, slots] = True
        self.changed = True

    def forget(self, feed: int) -> None:
        """The feed is closed: nothing is known of it."""
        self._answers[feed] = self._lost[feed] = False

    def answering(self, feed: int) -> Slots:
        """The slots for which the feed answers."""
        return np.flatnonzero(self._answers[feed])

    def steer(self, now: float) -> Slots:
        """Choose anew; the slots that another feed serves from now on."""
        self.changed = False
        well = self._answers[self.serving, self._all]
        fit = np.where(well, self._answers & (now - self._since >= self._hold), self._answers)
        fit[self.serving, self._all] |= well
        chosen = np.where(fit.any(axis=0), fit.argmax(axis=0), self.serving)
        switched = np.flatnonzero(chosen != self.serving)
        self.serving = chosen
        return switched

    def forsaken(self, feeds: int) -> bool:
        """Whether there is a slot that each of the first so many feeds has lost."""
        return bool(self._lost[:feeds].all(axis=0).any())

    @property
    def unserved(self) -> int:
        """How many slots have lost the feed that serves them, and no other answers."""
        return int(self._lost[self.serving, self._all].sum())
