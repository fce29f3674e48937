import json

from gateway.core.put_row import PutRow, shown

ROW = PutRow(
    "5f-1", 1_790_000_000_123_000_000, "M:X:SP", "M:X", "alice", "my pc", "192.0.2.7", "1", "2\n3", "", "ACCEPTED", "",
    "", 1_790_000_000_200_000_000,
)  # fmt: skip


def test_a_row_is_one_line_of_json() -> None:
    line = ROW.as_json()
    assert "\n" not in line
    read = json.loads(line)
    assert ("5f-1", "2\n3", "2026-09-21T14:13:20.123+00:00") == (read["id"], read["new"], read["time"])


def test_a_row_is_one_line_of_caputlog() -> None:
    assert "GW1 21-Sep-26 14:13:20 my_pc alice M:X:SP new=2?3 old=1\n" == ROW.as_caputlog("GW1")


def test_what_the_client_does_not_claim_is_filled_in() -> None:
    anonymous = PutRow("1", 0, "P", "D", "", "", "192.0.2.7", "", "2", "", "", "", "", 0)
    assert " 192.0.2.7 unknown P new=2 old=" in anonymous.as_caputlog("GW1")


def test_a_value_is_shown_in_one_line_of_bounded_length() -> None:
    assert ["a?b", "x" * 200 + "..."] == [shown("a\nb"), shown("x" * 500)]
