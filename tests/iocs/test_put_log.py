"""The way of a put in the log, by its id (features.md P-71)."""

import logging
import re

import pytest

from tests.iocs.serving import connected

ENTRY = '{device: "Z:ACLTST", writable: true, confirm: {tolerance: 0.1, timeout: 0.2, interval: 0.01}}'
NORMAL = 1


def test_the_id_of_a_put_finds_its_whole_way_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "acgate.put")
    with connected(ENTRY) as (_, client):
        assert NORMAL == client.put(client.create("Z:ACLTST:SP"), 5.0)
        assert NORMAL == client.put(client.create("Z:ACLTST:SP"), 6.0)
    lines = [record.getMessage() for record in caplog.records if record.name == "acgate.put"]
    first = lines[0].partition(":")[0]
    way = [line.removeprefix(f"{first}: ") for line in lines if line.startswith(f"{first}: ")]
    assert re.fullmatch("put [0-9a-f]+-1", first)
    assert ["alice@console puts 5.0 to Z:ACLTST:SP", "Z:ACLTST.SETTING@N is sent to a"] == way[:2]
    assert way[2].startswith("ACCEPTED after 0.")
    assert ["VERIFIED by 1 readbacks, the last is 5.0", "VERIFIED"] == way[3:]
    assert 10 == len(lines)
