"""Whose keys a Kerberos keytab holds: its bytes -> principals. The keys themselves are never taken out.

Format: "Keytab file format" of MIT Kerberos' documentation, version 2 (`05 02`), all numbers big-endian.
"""

from gateway.core.errors import ProtocolError

_VERSION = b"\x05\x02"


def keytab_principals(content: bytes) -> list[str]:
    """The principals, as `user1@FNAL.GOV`, each once, in the order of the file. Raises ProtocolError only."""
    if not content.startswith(_VERSION):
        raise ProtocolError("it is no keytab: its first two bytes are not 05 02")
    found: dict[str, None] = {}
    at = len(_VERSION)
    while at < len(content):
        size = int.from_bytes(_piece(content, at, 4), "big", signed=True)
        at += 4
        if size > 0:  # a negative one is the hole that a removed key left; 0 is the end that some writers leave
            found[_principal(_piece(content, at, size))] = None
        elif size == 0:
            break
        at += abs(size)
    return list(found)


def _principal(entry: bytes) -> str:
    count, at = int.from_bytes(_piece(entry, 0, 2), "big"), 2
    words = []
    for _ in range(count + 1):  # the realm comes first
        size = int.from_bytes(_piece(entry, at, 2), "big")
        words.append(_piece(entry, at + 2, size).decode("utf-8", "replace"))
        at += 2 + size
    return f"{'/'.join(words[1:])}@{words[0]}"


def _piece(content: bytes, at: int, size: int) -> bytes:
    piece = content[at : at + size]
    if len(piece) < size:
        raise ProtocolError("the keytab is cut off")
    return piece
