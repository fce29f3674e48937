"""The scalars and lists of the configuration."""

import pytest
from pydantic import ValidationError

from gateway.config.gateway_section import GatewaySection


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ({"allow": ["127.0.0.0/40"]}, "'127.0.0.0/40' is no network; write for example 127.0.0.0/8"),
        ({"interfaces": "eth0"}, "'eth0' is no IPv4 address; write for example 127.0.0.1"),
    ],
)
def test_addresses_are_checked_before_anything_runs(section: object, said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        GatewaySection.model_validate(section)


def test_a_network_may_be_an_address_within_it() -> None:
    assert GatewaySection.model_validate({"allow": "192.0.2.7/24"}).allow == ("192.0.2.7/24",)
