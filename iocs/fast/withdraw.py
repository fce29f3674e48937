"""withdraw: channels that the server has no more. Their clients are told, and look for them again."""

from collections.abc import Callable

from iocs.fast import messages as ca
from iocs.fast.circuit import Circuit
from iocs.fast.service import Client
from iocs.filtered import FilteredChannel
from iocs.row_channel import RowChannel
from iocs.served import Served

LINGER = 60.0  # s for which requests that crossed the news are still answered


class Withdrawn(FilteredChannel):
    """What is left of a channel for requests that are under way: nobody may do anything with it."""

    def rights(self) -> int:
        """None."""
        return 0


def leaving(circuit: Circuit, gone: Callable[[Served], bool]) -> list[tuple[int, Client]]:
    """The channels of a client that would be gone, by server id."""
    return [
        (number, client)
        for number, client in circuit._clients.items()
        if not isinstance(client.channel, Withdrawn) and gone(client.channel)
    ]


def withdraw(circuit: Circuit, gone: Callable[[Served], bool]) -> bool:
    """Tell a client of each of its channels that is gone; whether there was one. The circuit stays."""
    clients, found = circuit._clients, leaving(circuit, gone)
    for number, client in found:
        for subscription in tuple(client.subscriptions):
            circuit.cancel(subscription)
        client.asked.clear()
        channel = client.channel
        if isinstance(channel, RowChannel):
            channel = channel.whole
        elif isinstance(channel, FilteredChannel):
            channel = channel.base
        client.channel, client.rights = Withdrawn(channel, client.long_string, ()), 0
        clients.judge(number)
        circuit.write(ca.pack(ca.SERVER_DISCONNECT, p1=client.cid))
    if found:
        circuit.loop.call_later(LINGER, _forget, circuit, dict(found))
    return bool(found)


def _forget(circuit: Circuit, left: dict[int, Client]) -> None:
    for number, client in left.items():
        if circuit._clients.get(number) is client:
            circuit._clients.remove(number)
