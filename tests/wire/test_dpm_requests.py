from typing import Any, get_args

import pytest

from gateway.wire.dpm import decode_request, encode
from gateway.wire.dpm_requests import Request
from tests.wire.dpm_vectors import message_of, same, vectors

VECTORS = vectors("vectors", direction="request")


@pytest.mark.parametrize("vector", VECTORS.values(), ids=VECTORS.keys())
def test_a_request_is_written_as_the_real_client_and_server_do(vector: dict[str, Any]) -> None:
    assert encode(message_of(vector)).hex() == vector["hex"]


@pytest.mark.parametrize("vector", VECTORS.values(), ids=VECTORS.keys())
def test_a_request_is_read_from_its_bytes(vector: dict[str, Any]) -> None:
    assert same(decode_request(bytes.fromhex(vector["hex"])), message_of(vector))


def test_every_kind_of_request_has_an_id_of_its_own_and_a_vector() -> None:
    kinds = get_args(Request)
    assert len({kind.ID for kind in kinds}) == len(kinds)
    assert {type(message_of(vector)) for vector in VECTORS.values()} == set(kinds)
