"""gateway/core/ports.py: what the floors above know of the world."""

import inspect

import pytest

from gateway.core import ports
from gateway.core.ports import Backend, Capabilities, Health, LinkState


def test_a_backend_streams_by_itself_unless_it_says_that_it_polls() -> None:
    assert not Capabilities(read=True, write=True, watch=True).polled


def test_the_states_of_a_link_have_the_numbers_that_operators_see() -> None:
    numbers = {state.name: state.value for state in LinkState}
    assert numbers == {"DISCONNECTED": 0, "CONNECTING": 1, "UP": 2, "DEGRADED": 3}


def test_health_has_no_error_before_the_first_one() -> None:
    assert not Health(LinkState.UP, connections=1, requests=2, reconnects=0).last_error


def test_the_ports_are_narrow() -> None:
    members = {name for name in vars(Backend) if not name.startswith("_")}
    assert members == {"name", "capabilities", "read", "write", "watch", "health", "close"}


@pytest.mark.parametrize("name", ["Clock", "Subscription", "Backend", "DeviceInfoSource", "ReadingSink"])
def test_a_port_cannot_be_used_without_an_adapter(name: str) -> None:
    port = getattr(ports, name)
    assert inspect.isclass(port)
    with pytest.raises(TypeError):
        port()
