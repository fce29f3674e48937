"""Bursts of gets: a run of equal READ_NOTIFY requests for plain scalars, answered as rows. Pure."""

import numpy as np
import numpy.typing as npt

from iocs.fast import messages as ca
from iocs.fast.conversions import STRING
from iocs.fast.rows import HEADERS, ROWS, read_headers
from iocs.store import Index, Store

SHORTEST = 16  # gets from which on this way is the quicker one
Headers = npt.NDArray[np.void]


def run_of_gets(data: bytearray) -> Headers | None:
    """The requests at the start of `data` that are gets of one value of one numeric type; None for a short run."""
    if len(data) < 16 * SHORTEST or data[1] != ca.READ_NOTIFY or data[0]:
        return None
    headers = np.frombuffer(data, HEADERS, len(data) // 16)
    first = headers[0]
    if int(first["type"]) not in ROWS or first["type"] % 7 == STRING:  # of texts each has its precision
        return None
    alike = (headers["command"] == ca.READ_NOTIFY) & (headers["size"] == 0) & (headers["type"] == first["type"])
    alike &= headers["count"] <= 1
    length = len(headers) if alike.all() else int(alike.argmin())
    return headers[:length].copy() if length >= SHORTEST else None


def answers(headers: Headers, row_of: Index, store: Store) -> bytearray | None:
    """The replies in order; None where one of the channels is no row of the store, or does not exist.

    `row_of` gives the row of each server id, -1 for channels that have none.
    """
    ids = headers["first"]
    if int(ids.max()) >= len(row_of):
        return None
    index = row_of[ids]
    if (index < 0).any() or store.singled[index].any():
        return None
    data_type = int(headers["type"][0])
    return store.readings(index).messages(data_type, read_headers(data_type, headers["second"]))
