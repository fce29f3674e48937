import csv

import numpy as np

from gateway.core.drf import DataRequest
from gateway.core.values import TimedArray
from simulator.sent_log import SentLog


def test_every_kind_of_value_is_one_line_that_reads_back(tmp_path):
    log = SentLog(tmp_path / "log.csv")
    request = DataRequest.parse("Z_ACLTST")
    timed = TimedArray(np.array([0.5]), np.array([1], np.int64))
    for value in (0.1 + 0.2, np.array([1.0, 1 / 3]), b"\x01\xff", 'a "text", with\nlines', ("a", "b"), timed):
        log.add(1234, request, value)
    log.close()
    log.close()
    with (tmp_path / "log.csv").open(newline="") as file:
        rows = list(csv.reader(file))
    assert ["stamp_ms", "device", "property", "value"] == rows[0]
    assert {("1234", "Z:ACLTST", "SETTING")} == {tuple(row[:3]) for row in rows[1:]}
    texts = [row[3] for row in rows[1:]]
    assert 0.1 + 0.2 == float(texts[0])
    assert [1.0, 1 / 3] == [float(word) for word in texts[1].split()]
    assert ["01ff", 'a "text", with\nlines', "('a', 'b')", "0.5"] == texts[2:]


def test_what_was_written_is_in_the_file_after_half_a_second(tmp_path):
    log = SentLog(tmp_path / "log.csv")
    log.flush(100.0)
    log.add(1, DataRequest.parse("Z:ACLTST"), 1.0)
    log.flush(100.4)
    assert "Z:ACLTST" not in (tmp_path / "log.csv").read_text()
    log.flush(100.6)
    assert "Z:ACLTST" in (tmp_path / "log.csv").read_text()
    log.close()
