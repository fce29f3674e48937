"""A flood of one cause is a few lines, and hides no other."""

import logging

from gateway.app.few_lines import FewLines


def record(text: str, at: float, *arguments: object, name: str = "acgate.circuit") -> logging.LogRecord:
    made = logging.LogRecord(name, logging.WARNING, "", 0, text, arguments, None)
    made.created = at
    return made


def test_two_thousand_lines_of_one_cause_are_ten_and_the_next_minute_says_so() -> None:
    few = FewLines()
    assert sum(few.filter(record("put of %s failed", n / 100, n)) for n in range(2000)) == 10
    assert few.filter(record("another cause", 1.0))
    later = record("put of %s failed", 60.0, "alice")
    assert few.filter(later)
    assert later.getMessage() == "put of alice failed (1990 more lines like this were left out before)"
    assert sum(few.filter(record("put of %s failed", 61.0, n)) for n in range(50)) == 9


def test_a_cause_that_keeps_within_its_lines_says_nothing_of_others() -> None:
    few = FewLines()
    for minute in range(5):
        for _ in range(10):
            line = record("circuit of %s closed", 60.0 * minute, "x")
            assert few.filter(line)
            assert line.getMessage() == "circuit of x closed"


def test_what_no_client_brings_about_is_never_left_out() -> None:
    few = FewLines()
    assert all(few.filter(record("%s", 0.0, n, name="acgate.compose")) for n in range(100))
