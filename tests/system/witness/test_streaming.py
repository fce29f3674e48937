"""The third-party client streams from the simulator: rates, stamps, values, clean ends."""

from collections import Counter
from pathlib import Path
from typing import Any

from tests.system.witness.simulated import Simulated, simulated
from tests.system.witness.witness import Witness, of, steps

STREAMED_S = 5.0


def ended_well(answer: dict[str, Any]) -> bool:
    return (answer["failed"], answer["dropped"], answer["stopped"]) == (None, 0, True)


def test_streams_of_several_rates_keep_their_periods_to_the_millisecond(simulator: Simulated, witness: Witness) -> None:
    periods = {"I:TOROID": 100, "G:LCWFLO": 500, "M:OUTTMP": 1000}
    answer = witness.stream([f"{device}@p,{period}" for device, period in periods.items()], STREAMED_S)
    assert ended_well(answer)
    for device, period in periods.items():
        came = of(device, answer)
        assert all(one["ok"] for one in came)
        assert {period} == steps(came)
        due = STREAMED_S * 1000 / period + 1  # the first one comes at once
        assert due * 0.9 - 1 <= len(came) <= due + 1
    assert 0 == simulator.await_clients(0)  # the stream's connection is closed


def test_what_a_stream_brings_is_what_the_simulator_says_it_sent(simulator: Simulated, witness: Witness) -> None:
    devices = ["G:AMANDA", "G:WNDSPD", "I:HP601"]
    answer = witness.stream([f"{device}@p,100" for device in devices], 2.0)
    for device in devices:
        came = [(one["stamp_ms"], repr(one["value"])) for one in of(device, answer)]
        assert len(came) >= 15
        sent = simulator.sent(device, until_ms=came[-1][0])
        assert came == [row for row in sent if came[0][0] <= row[0] <= came[-1][0]]


def test_a_request_without_an_event_streams_at_the_default_of_the_device(witness: Witness) -> None:
    answer = witness.stream(["I:TOROID", "G:LCWFLO"], 2.0)
    assert ({100}, {500}) == (steps(of("I:TOROID", answer)), steps(of("G:LCWFLO", answer)))


def test_a_stream_on_change_brings_every_sample_as_the_real_server_does(witness: Witness) -> None:
    came = of("I:STAIRS", witness.stream(["I:STAIRS[4]@q,200"], 2.0))
    assert {200} == steps(came)
    assert {9.0} == {one["value"] for one in came}


def test_a_clock_event_brings_a_reading_each_time_it_happens(witness: Witness) -> None:
    answer = witness.stream(["I:BEAM@e,0f", "G:AMANDA@e,1e"], 3.5)
    assert ended_well(answer)
    fast, slow = of("I:BEAM", answer), of("G:AMANDA", answer)
    assert {66, 67} == steps(fast)  # 15 Hz, in whole milliseconds
    assert 45 <= len(fast) <= 54
    assert {1000} == steps(slow)
    assert {0} == {one["stamp_ms"] % 1000 for one in slow}
    assert len(slow) in (3, 4)


def test_an_irregular_clock_event_stamps_all_its_devices_alike(witness: Witness) -> None:
    answer = witness.stream(["B:CHG0@e,1d", "B:IRMS06[0:9]@e,1d"], 7.0)
    single, array = of("B:CHG0", answer), of("B:IRMS06", answer)
    assert len(single) >= 2
    assert [one["stamp_ms"] for one in single] == [one["stamp_ms"] for one in array]
    assert {10} == {len(one["value"]) for one in array}
    assert all(700 <= step <= 3000 for step in steps(single))


def test_an_immediate_request_in_a_stream_is_answered_once(witness: Witness) -> None:
    answer = witness.stream(["Z:ACLTST@I", "I:TOROID@p,200"], 1.5)
    assert 1 == len(of("Z:ACLTST", answer))
    assert len(of("I:TOROID", answer)) >= 6


def test_an_unknown_device_in_a_stream_is_one_reading_with_codes_and_the_others_go_on(witness: Witness) -> None:
    answer = witness.stream(["Z:NOTFND@p,200", "I:TOROID@p,200"], 1.5)
    assert ended_well(answer)
    assert [(16, -13, None)] == [(one["facility"], one["error"], one["value"]) for one in of("Z:NOTFND", answer)]
    assert len(of("I:TOROID", answer)) >= 6


def test_arrays_texts_and_status_are_streamed_too(witness: Witness) -> None:
    drfs = ["D:GAINS[0:1]@p,200", "G:MODE@p,200", "N|LGXS@p,200", "Z@ACLTST@p,200", "Z:ACLTS1.RAW@p,200"]
    answer = witness.stream(drfs, 1.5)
    assert ended_well(answer)
    counts = Counter((one["drf"], one["kind"]) for one in answer["readings"])
    kinds = ["SCALAR_ARRAY", "TEXT", "BASIC_STATUS", "ANALOG_ALARM", "RAW"]
    assert set(zip(drfs, kinds, strict=True)) == set(counts)
    assert all(count >= 6 for count in counts.values())


def test_two_streams_of_one_client_do_not_disturb_each_other(simulator: Simulated, witness: Witness) -> None:
    witness.ask("open_stream", "long", ["G:LCWFLO@p,100"])
    for _ in range(3):
        assert {100} == steps(of("I:TOROID", witness.stream(["I:TOROID@p,100"], 0.5)))
    assert 1 == simulator.await_clients(1)
    came = witness.ask("take_stream", "long", 0.5, seconds=0.5)
    assert came["failed"] is None
    assert {100} == steps(of("G:LCWFLO", came))


def test_five_hundred_fast_devices_are_streamed_without_a_loss(folder: Path) -> None:
    drfs = [f"S:D{number:05}@p,100" for number in range(500)]
    with simulated(folder, "--synthetic", "500", "--rate", "10") as big, Witness(big.port) as client:
        answer = client.stream(drfs, 3.0)
    assert ended_well(answer)
    counts = Counter(one["name"] for one in answer["readings"])
    assert 500 == len(counts)
    assert max(counts.values()) - min(counts.values()) <= 1
    assert min(counts.values()) >= 25
    assert {100} == steps(of("S:D00499", answer))
