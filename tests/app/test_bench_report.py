"""The report of the benchmarks: medians over the rounds, ratios to ours, tables."""

from gateway.app.bench.cells import Options
from gateway.app.bench.report import medians, number, ratios, report, summary
from gateway.app.bench.rounds import Result
from gateway.app.bench.tables import Table, tables

OPTIONS = Options(devices=(1000,), peers=("caproto",))


def test_medians_are_taken_of_each_figure_over_the_rounds() -> None:
    results = [Result(turn, "acgate", "idle/1000", {"ready_s": value}) for turn, value in enumerate((1.0, 9.0, 2.0))]
    assert medians(results) == {"idle/1000": {"acgate": {"ready_s": 2.0}}}


def test_what_failed_takes_no_part_in_the_medians() -> None:
    results = [Result(0, "acgate", "idle/1000", {}, "it ended"), Result(1, "acgate", "idle/1000", {"ready_s": 3.0})]
    assert medians(results) == {"idle/1000": {"acgate": {"ready_s": 3.0}}}


def test_ratios_are_the_peer_over_ours_and_leave_out_what_we_lack_or_have_as_zero() -> None:
    of = {
        "idle/1000": {"acgate": {"ready_s": 2.0, "lost": 0.0}, "caproto": {"ready_s": 1.0, "lost": 0.5, "x": 1.0}},
        "idle/5": {"caproto": {"ready_s": 1.0}},
    }
    assert ratios(of) == {"idle/1000": {"caproto": {"ready_s": 0.5}}}


def test_what_an_idle_pv_takes_is_the_difference_of_the_most_and_the_fewest() -> None:
    results = [
        Result(0, "acgate", "idle/1000", {"rss_mb": 70.0, "pvs": 8000.0}),
        Result(0, "acgate", "idle/3000", {"rss_mb": 90.0, "pvs": 24000.0}),
    ]
    most = medians(results)["idle/3000"]["acgate"]
    assert (most["device_kb"], most["idle_pv_kb"]) == (10.0, 1.25)


def test_numbers_have_three_digits_and_a_letter() -> None:
    assert [number(value) for value in (None, 0.12345, 12.345, 1234.5, 999_990.0, 5_000_000.0)] == [
        "", "0.123", "12.3", "1.23k", "1M", "5M",
    ]  # fmt: skip


def test_a_table_is_markdown_with_aligned_columns() -> None:
    table = Table("Title", ("server", "x"), (("acgate", "1"), ("b", "22")))
    assert table.lines() == [
        "Title",
        "",
        "| server | x  |",
        "|--------|----|",
        "| acgate | 1  |",
        "| b      | 22 |",
        "",
    ]


def _rung(delivered: float, held: float) -> dict[str, float]:
    return {
        "updates_s": 5000 * delivered,
        "delivered": delivered,
        "cpu_us": 2.0,
        "p50_ms": 1.0,
        "p99_ms": 2.0,
        "held": held,
    }


def test_the_ladder_shows_the_highest_rate_that_was_held_and_leaves_the_rungs_not_tried_empty() -> None:
    results = [
        Result(0, "acgate", "updates/1000/5000", _rung(1.0, 1.0)),
        Result(0, "acgate", "updates/1000/20000", _rung(4.0, 1.0)),
        Result(0, "caproto", "updates/1000/5000", _rung(0.6, 0.0)),
    ]
    (table,) = tables(OPTIONS, results)
    assert table.head == ("server", "5k/s", "20k/s", "held/s", "with p99 < 20 ms")
    assert table.rows == (
        ("acgate", "100% 2 us 1/2 ms", "400% 2 us 1/2 ms", "20k", "20k"),
        ("caproto", "60% 2 us 1/2 ms", "", "0", "0"),
        ("caproto : acgate", "1 x CPU", "", "", ""),
    )


def test_the_cpu_of_a_collapsed_server_is_not_compared() -> None:
    results = [
        Result(0, "acgate", "updates/1000/5000", _rung(1.0, 1.0)),
        Result(0, "caproto", "updates/1000/5000", _rung(0.01, 0.0)),
    ]
    (table,) = tables(OPTIONS, results)
    assert table.rows[-1] == ("caproto : acgate", "", "", "")


def test_get_and_put_have_a_row_of_ratios_and_the_put_says_where_it_goes() -> None:
    figures = {"get_p50_ms": 2.0, "put_p50_ms": 4.0}
    results = [Result(0, "acgate", "getput/1000", figures), Result(0, "caproto", "getput/1000", {"get_p50_ms": 1.0})]
    get, put = tables(OPTIONS, results)
    assert get.rows[-1][:2] == ("caproto : acgate", "0.5")
    assert "acgate's goes to the simulator and back" in put.title
    assert put.rows[1][1] == ""


def test_parts_that_were_not_asked_for_have_no_table() -> None:
    results = [Result(0, "acgate", "idle/1000", {"ready_s": 1.0, "rss_mb": 80.0})]
    options = Options(devices=(1000,), peers=(), parts=("start",))
    assert [table.title.split(":")[0] for table in tables(options, results)] == ["Start"]


def test_a_line_of_progress_says_what_failed_and_what_was_not_held() -> None:
    assert summary(Result(0, "acgate", "c", {}, "it ended")) == "failed: it ended"
    assert summary(Result(0, "acgate", "c", {"cpu_us": 2.0, "held": 0.0})) == "cpu_us 2, not held"
    assert summary(Result(0, "acgate", "c", {"ready_s": 2.0})) == "ready_s 2"


def test_the_json_holds_options_machine_medians_ratios_and_every_result() -> None:
    made = report(OPTIONS, {"cores": 2}, [Result(0, "acgate", "idle/1000", {"ready_s": 1.0})])
    assert sorted(made) == ["machine", "medians", "options", "ratios", "results"]
    assert made["machine"] == {"cores": 2}
