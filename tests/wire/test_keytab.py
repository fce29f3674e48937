import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.errors import ProtocolError
from gateway.wire.keytab import keytab_principals


def counted(text: str) -> bytes:
    return struct.pack(">H", len(text.encode())) + text.encode()


def entry(realm: str, *components: str, version: int = 2) -> bytes:
    """One key as kadmin writes it: a principal, its name type, when it was made, its version, the key itself."""
    body = struct.pack(">H", len(components)) + counted(realm) + b"".join(map(counted, components))
    body += struct.pack(">IIB", 1, 1_700_000_000, version) + struct.pack(">HH", 18, 32) + bytes(range(32))
    body += struct.pack(">I", version)
    return struct.pack(">i", len(body)) + body


USER, SERVICE = entry("FNAL.GOV", "user1"), entry("FNAL.GOV", "daeset", "bd", "dmq.fnal.gov")


def test_the_principals_are_named_in_the_order_of_the_file_each_once() -> None:
    content = b"\x05\x02" + USER + SERVICE + entry("FNAL.GOV", "user1", version=3)
    assert keytab_principals(content) == ["user1@FNAL.GOV", "daeset/bd/dmq.fnal.gov@FNAL.GOV"]


def test_a_hole_that_a_removed_key_left_is_passed_over() -> None:
    assert keytab_principals(b"\x05\x02" + struct.pack(">i", -7) + bytes(7) + USER) == ["user1@FNAL.GOV"]


def test_a_length_of_0_ends_it() -> None:
    assert keytab_principals(b"\x05\x02" + USER + bytes(4) + b"what was there before") == ["user1@FNAL.GOV"]


def test_an_empty_one_has_no_principal() -> None:
    assert keytab_principals(b"\x05\x02") == []


@pytest.mark.parametrize("content", [b"", b"\x05\x01" + USER, b"# a text file\n"])
def test_what_is_no_keytab_is_said_to_be_none(content: bytes) -> None:
    with pytest.raises(ProtocolError, match="no keytab"):
        keytab_principals(content)


@pytest.mark.parametrize("size", range(1, len(USER)))
def test_one_that_is_cut_off_is_said_to_be_so(size: int) -> None:
    with pytest.raises(ProtocolError, match="cut off"):
        keytab_principals(b"\x05\x02" + USER[:size])


@given(st.binary(max_size=200))
def test_whatever_follows_it_returns_or_raises_a_protocol_error(content: bytes) -> None:
    try:
        keytab_principals(b"\x05\x02" + content)
    except ProtocolError:
        return
