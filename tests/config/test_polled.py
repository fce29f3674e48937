import pytest

from gateway.config.backend_url import BackendUrl
from gateway.config.polled import floor_of, polling_reason
from gateway.core.drf_events import parse_event


@pytest.mark.parametrize(
    ("url", "floor"),
    [
        ("acl+https://www-bd.fnal.gov/cgi-bin/acl.pl", 1.0),
        ("acl+ssh://me@clx01.fnal.gov?period=0.2", 0.2),
        ("dpm+http://127.0.0.1", 0.0),
    ],
)
def test_the_floor_is_a_second_unless_the_url_says_another(url: str, floor: float) -> None:
    assert floor_of(BackendUrl.parse(url)) == floor


@pytest.mark.parametrize(
    ("event", "said"),
    [
        ("p,999", "'p,999' is faster than the 1 s at which this backend is polled; write p,1000, or period=SECONDS"),
        ("q,100", "'q,100' is faster than the 1 s"),
        ("e,02", "'e,02' cannot be watched by polling, which knows periods only; write for example p,1000"),
        ("s,M:STATE,1,0,=", "cannot be watched by polling"),
    ],
)
def test_what_cannot_be_polled_is_said_with_the_remedy(event: str, said: str) -> None:
    assert said in (polling_reason(parse_event(event), 1.0) or "")


@pytest.mark.parametrize("event", ["p,1000", "q,2s", "p,1h", "U", "I", "N"])
def test_periods_from_the_floor_on_are_polled(event: str) -> None:
    assert polling_reason(parse_event(event), 1.0) is None
