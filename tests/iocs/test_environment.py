"""The environment variables of a Channel Access server."""

import pytest

from gateway.core.errors import BadInput
from iocs.environment import AS_TEXT, CaSettings, Network, ca_settings, client_settings

EVERYWHERE = ("0.0.0.0",)


def settings(interfaces: tuple[str, ...] = (), allow: tuple[str, ...] = (), largest: int = 0, **env: str) -> CaSettings:
    return ca_settings(env, interfaces, allow, largest)


def test_without_anything_said_it_listens_on_the_loopback_on_5064() -> None:
    found = settings()
    assert (5064, ("127.0.0.1",), (("127.0.0.1", 5065),)) == (found.port, found.interfaces, found.beacons)
    assert (15.0, frozenset(), (), 16384 + 1024) == (found.beacon_period, found.ignored, found.allowed, found.largest)


def test_the_servers_own_port_wins_over_the_clients() -> None:
    assert 6000 == settings(EPICS_CA_SERVER_PORT="6000").port
    assert 7000 == settings(EPICS_CA_SERVER_PORT="6000", EPICS_CAS_SERVER_PORT="7000").port
    assert 6000 == settings(EPICS_CA_SERVER_PORT="6000", EPICS_CAS_SERVER_PORT=" ").port


@pytest.mark.parametrize("text", ["0", "65536", "-1", "abc", "5064.0", "²"])
def test_a_port_that_is_none_is_said_with_its_name(text: str) -> None:
    with pytest.raises(BadInput, match=f"EPICS_CAS_SERVER_PORT={text}: not a port"):
        settings(EPICS_CAS_SERVER_PORT=text)


def test_the_interfaces_of_the_environment_win_over_the_configuration() -> None:
    assert ("10.0.0.1",) == settings(("10.0.0.1",)).interfaces
    assert ("127.0.0.1", "127.0.0.2") == settings(
        ("10.0.0.1",), EPICS_CAS_INTF_ADDR_LIST="127.0.0.1 127.0.0.2:5064"
    ).interfaces


def test_beacons_go_where_epics_says() -> None:
    assert (("10.1.1.255", 5065), ("10.1.2.255", 9999), ("255.255.255.255", 5065)) == settings(
        EVERYWHERE, EPICS_CAS_BEACON_ADDR_LIST="10.1.1.255 10.1.2.255:9999"
    ).beacons
    assert (("10.1.1.255", 7065),) == settings(
        EVERYWHERE,
        EPICS_CA_ADDR_LIST="10.1.1.255 10.1.1.255",
        EPICS_CAS_AUTO_BEACON_ADDR_LIST="no",
        EPICS_CA_REPEATER_PORT="7065",
    ).beacons
    assert 8065 == settings(EVERYWHERE, EPICS_CA_REPEATER_PORT="7065", EPICS_CAS_BEACON_PORT="8065").beacons[0][1]


def test_who_listens_on_the_loopback_only_announces_himself_there_only() -> None:
    assert (("127.0.0.1", 5065),) == settings(("127.0.0.1",), EPICS_CA_ADDR_LIST="10.1.1.255").beacons
    assert (("127.0.0.9", 1),) == settings(("127.0.0.1",), EPICS_CA_ADDR_LIST="127.0.0.9:1 10.1.1.255").beacons


@pytest.mark.parametrize("text", ["10.0.0.1:x", "10.0.0.1:99999", "10.0.0.1:"])
def test_an_address_with_a_bad_port_is_refused(text: str) -> None:
    with pytest.raises(BadInput, match="not a port after the colon"):
        settings(EPICS_CAS_BEACON_ADDR_LIST=text)


def test_the_period_of_beacons_has_a_lower_bound() -> None:
    assert [5.0, 0.1] == [settings(EPICS_CAS_BEACON_PERIOD=text).beacon_period for text in ("5", "0")]


def test_the_ignore_list_is_of_addresses() -> None:
    assert {"10.0.0.9", "10.0.0.8"} == settings(EPICS_CAS_IGNORE_ADDR_LIST="10.0.0.9 10.0.0.8:5064").ignored


def test_allowed_networks_may_be_written_as_addresses() -> None:
    assert (Network("10.0.0.7/32"), Network("192.168.0.0/16")) == settings(allow=("10.0.0.7", "192.168.3.4/16")).allowed


@pytest.mark.parametrize(
    ("allow", "environment"),
    [
        (("nowhere",), {}),
        (("::1",), {}),
        ((), {"EPICS_CAS_BEACON_PERIOD": "soon"}),
        ((), {"EPICS_CA_MAX_ARRAY_BYTES": "1e6"}),
    ],
)
def test_what_cannot_be_read_is_bad_input(allow: tuple[str, ...], environment: dict[str, str]) -> None:
    with pytest.raises(BadInput):
        ca_settings(environment, (), allow, 0)


def test_the_largest_message_holds_the_largest_value_as_texts_too() -> None:
    assert 80_000 * AS_TEXT + 1024 == settings(largest=80_000).largest
    assert 1_000_000 + 1024 == settings(largest=80, EPICS_CA_MAX_ARRAY_BYTES="1000000").largest


def test_what_clients_are_sent_has_a_limit_where_epics_is_told_so() -> None:
    assert settings(EPICS_CA_MAX_ARRAY_BYTES="100000").largest_value is None
    assert 100_000 == settings(EPICS_CA_MAX_ARRAY_BYTES="100000", EPICS_CA_AUTO_ARRAY_BYTES="NO").largest_value
    assert 16_384 == settings(EPICS_CA_AUTO_ARRAY_BYTES="no").largest_value


def test_a_client_looks_where_epics_says() -> None:
    assert (("255.255.255.255", 5064),) == client_settings({}, "pc").addresses
    env = {"EPICS_CA_ADDR_LIST": "10.1.1.255 ioc1:6000 ioc1:6000", "EPICS_CA_SERVER_PORT": "7000", "USER": "bob"}
    found = client_settings(env, "pc")
    assert (("10.1.1.255", 7000), ("ioc1", 6000), ("255.255.255.255", 7000)) == found.addresses
    assert ("bob", "pc", 30.0) == (found.user, found.host, found.silence)
    env |= {"EPICS_CA_AUTO_ADDR_LIST": "NO", "EPICS_CA_CONN_TMO": "5", "LOGNAME": "alice"}
    found = client_settings(env, "pc")
    assert (2, "alice", 5.0) == (len(found.addresses), found.user, found.silence)
    with pytest.raises(BadInput, match=r"EPICS_CA_CONN_TMO: .*; give seconds"):
        client_settings({"EPICS_CA_CONN_TMO": "long"}, "pc")
