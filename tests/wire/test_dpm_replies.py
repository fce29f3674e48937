from typing import Any, get_args

import pytest

from gateway.wire.dpm import decode_reply, encode
from gateway.wire.dpm_replies import Reply
from tests.wire.dpm_vectors import message_of, same, vectors

VECTORS = vectors("vectors", direction="reply")


@pytest.mark.parametrize("vector", VECTORS.values(), ids=VECTORS.keys())
def test_a_reply_is_written_as_the_real_client_and_server_do(vector: dict[str, Any]) -> None:
    assert encode(message_of(vector)).hex() == vector["hex"]


@pytest.mark.parametrize("vector", VECTORS.values(), ids=VECTORS.keys())
def test_a_reply_is_read_from_its_bytes(vector: dict[str, Any]) -> None:
    assert same(decode_reply(bytes.fromhex(vector["hex"])), message_of(vector))


def test_every_kind_of_reply_has_an_id_of_its_own_and_a_vector() -> None:
    kinds = get_args(Reply)
    assert len({kind.ID for kind in kinds}) == len(kinds)
    assert {type(message_of(vector)) for vector in VECTORS.values()} == set(kinds)
