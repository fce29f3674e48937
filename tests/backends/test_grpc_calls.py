"""Reads and settings over gRPC before servers that do what the simulator never does (dpm-grpc.md 5 to 8)."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import numpy as np
import pytest

from gateway.backends.dpm_grpc import DpmGrpcBackend
from gateway.core.drf import DataRequest
from gateway.core.status import BAD_REQUEST, OK, PRIV, REQTMO, RETRY
from gateway.core.values import Outcome, Setting
from gateway.wire import daq
from gateway.wire.daq_replies import Sample, encode_sample, encode_scalar
from gateway.wire.daq_values import StatusTexts
from tests.backends.grpc_stage import (
    STAMP,
    Make,
    Tokens,
    parse,
    plain,
    refused,
    settings,
    wait_for,
)
from tests.backends.grpc_stage import backend as backend
from tests.backends.grpc_stage import make as make
from tests.backends.grpc_stage import server as server
from tests.backends.scripted_daq import ScriptedDaq, replies
from tests.wire.grpc_vectors import VECTORS

SCENARIOS = {one["name"]: one for one in VECTORS["scenarios"] if one["rpc"] == "Read"}
SET_SCENARIOS = {one["name"]: one for one in VECTORS["scenarios"] if one["rpc"] == "Set"}


@pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=SCENARIOS.keys())
def test_what_a_server_does_becomes_the_readings_of_the_vectors(
    scenario: dict[str, Any], server: ScriptedDaq, backend: DpmGrpcBackend
) -> None:
    server.read = replies(*(bytes.fromhex(reply["hex"]) for reply in scenario["replies"]), code=scenario["end"])
    readings = backend.read(parse(*scenario["request"]), 5.0)
    assert [(plain(one), one.status.facility, one.status.number) for one in readings] == [
        (one["value"], one["facility"], one["number"]) for one in scenario["expected"]
    ]


def test_equal_requests_are_asked_once_and_each_answered(server: ScriptedDaq, backend: DpmGrpcBackend) -> None:
    server.read = replies(encode_scalar(0, STAMP, 1.5), encode_scalar(1, STAMP, 2.5))
    readings = backend.read(parse("m:outtmp", "G:AMANDA@p,100", "M:OUTTMP.READING@I"), 5.0)
    assert [one.value for one in readings] == [1.5, 2.5, 1.5]
    assert [one.stamp_ns for one in readings] == [STAMP] * 3
    assert server.lists == [["M:OUTTMP.READING@I", "G:AMANDA.READING@I"]]


def test_a_call_is_cancelled_as_soon_as_all_is_answered(server: ScriptedDaq, backend: DpmGrpcBackend) -> None:
    def read(_: list[str], context: grpc.ServicerContext) -> Iterator[bytes]:
        yield encode_scalar(0, STAMP, 1.0)
        yield from server.until_over(context)  # the live server has been seen not to close

    server.read = read
    begin = time.monotonic()
    assert backend.read(parse("M:OUTTMP"), 5.0)[0].value == 1.0
    assert time.monotonic() - begin < 2.0
    wait_for(lambda: server.open == 0)


def test_at_the_deadline_what_came_is_given_and_the_rest_is_late(server: ScriptedDaq, backend: DpmGrpcBackend) -> None:
    def read(_: list[str], context: grpc.ServicerContext) -> Iterator[bytes]:
        yield encode_scalar(1, STAMP, 1.0)
        yield from server.until_over(context)

    server.read = read
    begin = time.monotonic()
    readings = backend.read(parse("M:OUTTMP", "G:AMANDA"), 0.5)
    assert time.monotonic() - begin < 2.0
    assert [(one.value, one.status) for one in readings] == [(None, REQTMO), (1.0, OK)]


def test_long_lists_go_in_several_calls(server: ScriptedDaq, backend: DpmGrpcBackend) -> None:
    server.read = lambda texts, _: iter([encode_scalar(index, STAMP, 1.0) for index in range(len(texts))])
    requests = [f"S:D{number:05d}" for number in range(1100)]
    readings = backend.read(parse(*requests), 10.0)
    assert {one.value for one in readings} == {1.0}
    assert [len(one) for one in server.lists] == [500, 500, 100]


def test_a_name_that_the_server_would_take_for_a_directive_is_not_sent(
    server: ScriptedDaq, backend: DpmGrpcBackend
) -> None:
    (reading,) = backend.read(parse("#ROLE;testing"), 1.0)
    assert (reading.value, reading.status) == (None, BAD_REQUEST)
    assert "list directive" in reading.message
    assert server.reads == []


def test_a_reply_that_is_no_message_fails_its_call_with_a_sentence(
    server: ScriptedDaq, backend: DpmGrpcBackend
) -> None:
    server.read = replies(b"\x08\x80")
    (reading,) = backend.read(parse("M:OUTTMP"), 5.0)
    assert (reading.value, reading.status) == (None, RETRY)
    assert "2 bytes are no services.daq.ReadingReply" in reading.message


def test_an_old_server_is_recognized(make: Make) -> None:
    with ThreadPoolExecutor(1) as pool:
        old = grpc.server(pool)
        port = old.add_insecure_port("127.0.0.1:0")
        old.start()
        (reading,) = make(port=port).read(parse("M:OUTTMP"), 5.0)
        old.stop(0).wait(5.0)
    assert "the server does not know the service of this version" in reading.message
    assert "UNIMPLEMENTED" in reading.message


def test_nobody_there_is_said_with_the_address_and_at_once(make: Make) -> None:
    begin = time.monotonic()
    (reading,) = make(port=1).read(parse("M:OUTTMP"), 5.0)
    assert time.monotonic() - begin < 3.0
    assert reading.status == RETRY
    assert reading.message.startswith("127.0.0.1:1: cannot connect: Connection refused")


def test_a_message_larger_than_four_mebibytes_is_taken(server: ScriptedDaq, backend: DpmGrpcBackend) -> None:
    values = np.arange(1_000_000, dtype=np.float64)
    server.read = replies(encode_sample(0, Sample(values, STAMP, OK)))
    (reading,) = backend.read(parse("B:LARGE[]"), 20.0)
    assert isinstance(reading.value, np.ndarray)
    assert np.array_equal(reading.value, values)


def test_a_status_in_words_that_nobody_explained_is_shown_as_words_and_the_remedy_said_once(
    server: ScriptedDaq, backend: DpmGrpcBackend, caplog: pytest.LogCaptureFixture
) -> None:
    server.read = replies(encode_sample(0, Sample(StatusTexts({"On": "No", "Ready": "Yes"}), STAMP, OK)))
    for _ in range(2):
        assert backend.read(parse("N|LGXS"), 5.0)[0].value == ("On", "No", "Ready", "Yes")
    (said,) = (record.message for record in caplog.records)
    assert said.startswith("N:LGXS.STATUS@I comes in words of the device")
    assert "configure metadata" in said


@pytest.mark.parametrize("scenario", SET_SCENARIOS.values(), ids=SET_SCENARIOS.keys())
def test_what_a_server_says_of_settings_becomes_the_results_of_the_vectors(
    scenario: dict[str, Any], server: ScriptedDaq, backend: DpmGrpcBackend
) -> None:
    def answer(_: int, context: grpc.ServicerContext) -> bytes:
        if scenario["end"] != "OK":
            context.abort(grpc.StatusCode[scenario["end"]], "no")
        (reply,) = scenario["replies"]
        return bytes.fromhex(reply["hex"])

    server.answer = answer
    wishes = [(text, value["scalar"]) for text, value in scenario["request"]]
    results = backend.write([Setting(DataRequest.parse(text), value) for text, value in wishes], 5.0)
    assert [(one.status.facility, one.status.number) for one in results] == [
        (one["facility"], one["number"]) for one in scenario["expected"]
    ]
    assert len(server.sets) == 1


@pytest.mark.parametrize(
    ("code", "outcome"),
    [
        ("UNAUTHENTICATED", Outcome.REFUSED),
        ("PERMISSION_DENIED", Outcome.REFUSED),
        ("INVALID_ARGUMENT", Outcome.REFUSED),
        ("UNAVAILABLE", Outcome.UNKNOWN),
        ("INTERNAL", Outcome.UNKNOWN),
        ("UNKNOWN", Outcome.UNKNOWN),
        ("CANCELLED", Outcome.UNKNOWN),
    ],
)
def test_a_set_that_fails_is_refused_or_unknown_and_never_repeated(
    code: str, outcome: Outcome, server: ScriptedDaq, backend: DpmGrpcBackend
) -> None:
    server.answer = lambda _, context: context.abort(grpc.StatusCode[code], "as the script says")
    (result,) = backend.write(settings(("Z:ACLTST", 1.0)), 5.0)
    assert (result.outcome, result.status) == (outcome, RETRY)
    assert "as the script says" in result.message
    assert code in result.message
    assert len(server.sets) == 1


def test_too_few_statuses_make_every_outcome_unknown_and_too_many_none(
    server: ScriptedDaq, backend: DpmGrpcBackend
) -> None:
    wishes = settings(("Z:ACLTST", 1.0), ("Z:ACLTS1", 2.0))
    server.answer = lambda count, _: daq.encode_set_reply([OK] * (count - 1))
    assert [one.outcome for one in backend.write(wishes, 5.0)] == [Outcome.UNKNOWN] * 2
    server.answer = lambda count, _: daq.encode_set_reply([OK] * (count + 1))
    assert [one.outcome for one in backend.write(wishes, 5.0)] == [Outcome.ACCEPTED] * 2
    server.answer = lambda _, __: b"\x12\x7f"
    (first, _) = backend.write(wishes, 5.0)
    assert (first.outcome, first.status) == (Outcome.UNKNOWN, RETRY)


def test_a_late_answer_is_an_unknown_outcome(server: ScriptedDaq, backend: DpmGrpcBackend) -> None:
    def answer(_: int, context: grpc.ServicerContext) -> bytes:
        list(server.until_over(context))
        return b""

    server.answer = answer
    (result,) = backend.write(settings(("Z:ACLTST", 1.0)), 0.5)
    assert (result.outcome, result.status) == (Outcome.UNKNOWN, REQTMO)
    assert "outcome unknown, not repeated" in result.message


def test_one_property_of_a_device_goes_once_in_a_call_and_a_hundred_settings_at_most(
    server: ScriptedDaq, backend: DpmGrpcBackend
) -> None:
    server.answer = lambda count, _: daq.encode_set_reply([OK] * count)
    many = settings(*((f"S:D{number:05d}", float(number)) for number in range(150)), ("S:D00000", 7.0))
    assert {one.outcome for one in backend.write(many, 5.0)} == {Outcome.ACCEPTED}
    assert [len(one) for one in server.sets] == [100, 50, 1]
    assert server.sets[2] == [("S:D00000.SETTING@N", 7.0)]


def test_texts_of_any_script_are_sent_and_what_no_text_can_be_is_refused_here(
    server: ScriptedDaq, backend: DpmGrpcBackend
) -> None:
    server.answer = lambda count, _: daq.encode_set_reply([OK] * count)
    results = backend.write(settings(("G:MODE", "20 µA ≈ π")), 5.0)
    assert (results[0].outcome, server.sets[0]) == (Outcome.ACCEPTED, [("G:MODE.SETTING@N", "20 µA ≈ π")])
    (bad,) = backend.write(settings(("G:MODE", "\ud800")), 5.0)
    assert (bad.outcome, bad.status, len(server.sets)) == (Outcome.REFUSED, BAD_REQUEST, 1)


def test_without_a_good_token_readings_go_on_and_settings_are_refused_here(server: ScriptedDaq, make: Make) -> None:
    server.read = replies(encode_scalar(0, STAMP, 1.0))
    nobody, expired = make(), make(Tokens(lives=-5.0))
    assert "backend grpc has no token; write auth: {jwt: {token_file: FILE}}" in (
        refused(nobody.write(settings(("Z:ACLTST", 1.0)), 5.0))
    )
    assert "expired 5 s ago; renew it" in refused(expired.write(settings(("Z:ACLTST", 1.0)), 5.0))
    assert [one.read(parse("M:OUTTMP"), 5.0)[0].value for one in (nobody, expired)] == [1.0, 1.0]
    assert server.identities == [None, None]
    assert server.sets == []
    assert (nobody.expires_in(), expired.expires_in()) == ({}, {"TOKEN": 0.0})


def test_a_token_goes_with_readings_and_settings(server: ScriptedDaq, backend: DpmGrpcBackend) -> None:
    server.read = replies(encode_scalar(0, STAMP, 1.0))
    backend.read(parse("M:OUTTMP"), 5.0)
    assert server.identities == ["Bearer a.b.c"]
    assert 590 < backend.expires_in()["TOKEN"] <= 600


def test_the_server_s_own_refusal_is_explained(server: ScriptedDaq, backend: DpmGrpcBackend) -> None:
    server.answer = lambda count, _: daq.encode_set_reply([PRIV] * count)
    (result,) = backend.write(settings(("Z:ACLTST", 1.0)), 5.0)
    assert (result.outcome, result.status) == (Outcome.REFUSED, PRIV)
    assert "does not let this token set it" in result.message
