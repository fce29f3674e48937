"""The backend `dpm+grpc` before servers that do what the simulator never does (dpm-grpc.md 5 to 8)."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import numpy as np
import pytest

from gateway.backends.dpm_grpc import DpmGrpcBackend
from gateway.backends.dpm_lists import Budget
from gateway.backends.dpm_orders import Timeouts
from gateway.backends.jwt_tokens import Token
from gateway.core.drf import DataRequest
from gateway.core.ports import LinkState, Subscription
from gateway.core.status import BAD_REQUEST, DISCONNECTED, OK, PRIV, REQTMO, RETRY, Status
from gateway.core.values import Outcome, Reading, Setting, SettingResult, TimedArray
from gateway.runtime.clock import SystemClock
from gateway.wire import daq
from gateway.wire.daq_replies import Sample, encode_sample, encode_scalar
from gateway.wire.daq_values import StatusTexts
from tests.backends.scripted_daq import Read, ScriptedDaq, replies
from tests.support import grpc_engine
from tests.support.leaks import check_leaks
from tests.wire.grpc_vectors import VECTORS, message_of

SCENARIOS = {one["name"]: one for one in VECTORS["scenarios"] if one["rpc"] == "Read"}
SET_SCENARIOS = {one["name"]: one for one in VECTORS["scenarios"] if one["rpc"] == "Set"}
QUICK = Timeouts(connect=1.0, silence=1.0, backoff_cap=0.05)
STAMP = 1_700_000_000_123_456_789


class Tokens:
    """A source whose token the test changes."""

    def __init__(self, text: str = "a.b.c", lives: float = 600.0) -> None:
        self.token = Token(text, time.time() + lives)

    def current(self) -> Token:
        return self.token

    def close(self) -> None:
        pass


Make = Callable[..., DpmGrpcBackend]


@pytest.fixture
def server() -> Iterator[ScriptedDaq]:
    grpc_engine.begin()
    with check_leaks(), ScriptedDaq() as made:
        yield made


@pytest.fixture
def make(server: ScriptedDaq) -> Iterator[Make]:
    made: list[DpmGrpcBackend] = []

    def one(
        tokens: Tokens | None = None, timeouts: Timeouts = QUICK, budget: Budget | None = None, port: int | None = None
    ) -> DpmGrpcBackend:
        made.append(
            DpmGrpcBackend(
                "grpc", "127.0.0.1", port or server.port, clock=SystemClock(), tokens=tokens, budget=budget,
                timeouts=timeouts, chance=lambda: 0.5,
            )
        )  # fmt: skip
        return made[-1]

    yield one
    for backend in made:
        backend.close()


@pytest.fixture
def backend(make: Make) -> DpmGrpcBackend:
    return make(Tokens())


def parse(*texts: str) -> list[DataRequest]:
    return [DataRequest.parse(text) for text in texts]


def settings(*wishes: tuple[str, Any]) -> list[Setting]:
    return [Setting(DataRequest.parse(text).for_writing(), value) for text, value in wishes]


def plain(reading: Reading) -> Any:
    if isinstance(reading.value, TimedArray):
        return {"data": reading.value.values.tolist(), "micros": (reading.value.stamps_ns // 1000).tolist()}
    return reading.value


def periodic(value: float = 1.0, every: float = 0.02) -> Read:
    """A number for every index, again and again."""

    def read(texts: list[str], context: grpc.ServicerContext) -> Iterator[bytes]:
        over = threading.Event()
        if not context.add_callback(over.set):
            return
        while texts and not over.wait(every):
            for index in range(len(texts)):
                yield encode_scalar(index, time.time_ns(), value + index)

    return read


def until(stream: Subscription, wanted: Callable[[Any], bool], seconds: float = 5.0) -> Any:
    """The first batch that is as wanted."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        batch = stream.get(0.1)
        if len(batch) and wanted(batch):
            return batch
    raise AssertionError("nothing as wanted came")


def good(batch: Any) -> bool:
    return len(batch.slot) > 0


def lost(batch: Any) -> bool:
    return any(other.reading.status == DISCONNECTED for other in batch.others)


def wait_for(what: Callable[[], bool], seconds: float = 5.0) -> None:
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end
        time.sleep(0.01)


# -- reading ----------------------------------------------------------------------------------------------------------


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
    assert reading.message.startswith("127.0.0.1:1: cannot connect: ")
    assert "Connection refused" in reading.message


def test_a_message_larger_than_four_mebibytes_is_taken(server: ScriptedDaq, backend: DpmGrpcBackend) -> None:
    values = np.arange(1_000_000, dtype=np.float64)
    server.read = replies(encode_sample(0, Sample(values, STAMP, OK)))
    (reading,) = backend.read(parse("B:LARGE[]"), 20.0)
    assert isinstance(reading.value, np.ndarray)
    assert np.array_equal(reading.value, values)


def test_a_status_in_words_that_nobody_explained_is_shown_as_words(
    server: ScriptedDaq, backend: DpmGrpcBackend
) -> None:
    server.read = replies(encode_sample(0, Sample(StatusTexts({"On": "No", "Ready": "Yes"}), STAMP, OK)))
    assert backend.read(parse("N|LGXS"), 5.0)[0].value == ("On", "No", "Ready", "Yes")


# -- setting ----------------------------------------------------------------------------------------------------------


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


def refused(results: list[SettingResult]) -> str:
    (result,) = results
    assert (result.outcome, result.status) == (Outcome.REFUSED, PRIV)
    assert result.message.endswith("nothing was sent")
    return result.message


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


# -- watching ---------------------------------------------------------------------------------------------------------


def test_requests_share_one_call_and_a_closed_watch_frees_the_server(
    server: ScriptedDaq, backend: DpmGrpcBackend
) -> None:
    server.read = periodic()
    stream = backend.watch(parse("M:OUTTMP@p,100", "G:AMANDA@p,100", "m:outtmp@p,100"))
    batch = until(stream, lambda found: len(found.slot) >= 3)
    assert dict(zip(batch.slot.tolist(), batch.value.tolist(), strict=True)) == {0: 1.0, 1: 2.0, 2: 1.0}
    assert server.lists == [["M:OUTTMP.READING@P,100,TRUE", "G:AMANDA.READING@P,100,TRUE"]]
    assert (backend.health().state, backend.health().connections, backend.health().requests) == (LinkState.UP, 1, 2)
    stream.close()
    wait_for(lambda: server.open == 0)


def test_calls_are_within_the_budget(server: ScriptedDaq, make: Make) -> None:
    server.read = periodic(every=0.2)
    backend = make(budget=Budget(connections=2))
    streams = [backend.watch(parse(f"S:D{number:05d}@p,1000")) for number in range(5)]
    for stream in streams:
        until(stream, good)
    wait_for(lambda: server.open == 2)
    assert backend.health().requests == 5


def test_when_requests_are_added_the_former_call_is_given_back_and_nobody_is_told_of_a_loss(
    server: ScriptedDaq, make: Make
) -> None:
    server.read = periodic()
    backend = make(budget=Budget(connections=1))
    first = backend.watch(parse("M:OUTTMP@p,100"))
    until(first, good)
    second = backend.watch(parse("G:AMANDA@p,100"))
    until(second, good)
    wait_for(lambda: server.open == 1)
    assert server.lists[-1] == ["M:OUTTMP.READING@P,100,TRUE", "G:AMANDA.READING@P,100,TRUE"]
    assert not any(lost(first.get(0.05)) for _ in range(5))
    assert backend.health().reconnects == 0


def test_an_answered_one_shot_is_not_asked_again_when_others_join(server: ScriptedDaq, make: Make) -> None:
    server.read = periodic()
    backend = make(budget=Budget(connections=1))
    once = backend.watch(parse("M:OUTTMP@i"))
    until(once, good)
    until(backend.watch(parse("G:AMANDA@p,100")), good)
    assert server.lists[-1] == ["G:AMANDA.READING@P,100,TRUE"]


@pytest.mark.parametrize("code", ["UNAVAILABLE", "CANCELLED", "UNKNOWN", "INTERNAL"])
def test_a_call_that_fails_is_begun_anew(code: str, server: ScriptedDaq, backend: DpmGrpcBackend) -> None:
    server.read = replies(encode_scalar(0, STAMP, 1.0), code=code)
    stream = backend.watch(parse("M:OUTTMP@p,100"))
    batch = until(stream, lost)
    assert code in next(other.reading.message for other in batch.others)
    server.read = periodic()
    until(stream, good)
    wait_for(lambda: backend.health().state is LinkState.UP)
    assert backend.health().reconnects >= 1


def test_a_server_that_refuses_is_left_alone_for_a_while(server: ScriptedDaq, make: Make) -> None:
    server.read = replies(code="PERMISSION_DENIED", text="not you")
    backend = make()
    batch = until(backend.watch(parse("M:OUTTMP@p,100")), lost)
    assert "not you [PERMISSION_DENIED]" in batch.others[0].reading.message
    time.sleep(1.0)
    assert len(server.lists) == 1
    assert "not you" in backend.health().last_error


def test_a_token_that_expires_in_mid_stream_costs_no_reading(server: ScriptedDaq, make: Make) -> None:
    tokens = Tokens(lives=600.0)
    ended = threading.Event()

    def read(texts: list[str], context: grpc.ServicerContext) -> Iterator[bytes]:
        identity = dict(context.invocation_metadata()).get("authorization")
        for reply in periodic()(texts, context):
            yield reply
            if identity is not None and ended.is_set():
                context.abort(grpc.StatusCode.UNAUTHENTICATED, "the token has expired")

    server.read = read
    backend = make(tokens)
    stream = backend.watch(parse("M:OUTTMP@p,100"))
    until(stream, good)
    ended.set()
    wait_for(lambda: len(server.lists) == 2)
    batches = [stream.get(0.2) for _ in range(10)]
    assert any(good(batch) for batch in batches[3:])
    assert not any(lost(batch) for batch in batches)
    assert server.identities == ["Bearer a.b.c", None]
    tokens.token = Token("d.e.f", time.time() - 1.0)
    assert "expired 1 s ago" in refused(backend.write(settings(("Z:ACLTST", 1.0)), 5.0))


def test_a_stream_that_says_nothing_while_the_server_lives_is_left_in_peace(
    server: ScriptedDaq, backend: DpmGrpcBackend
) -> None:
    server.read = lambda texts, context: server.until_over(context) if texts else iter(())
    stream = backend.watch(parse("M:OUTTMP@e,0f"))
    wait_for(lambda: backend.health().state is LinkState.UP)  # a ping was answered
    time.sleep(2.5)
    assert len(stream.get(0.0)) == 0
    assert len(server.lists) == 1
    assert server.reads.count([]) >= 3


@pytest.mark.parametrize("code", ["INVALID_ARGUMENT", "UNIMPLEMENTED", "INTERNAL"])
def test_whatever_answers_a_ping_it_lives(code: str, server: ScriptedDaq, make: Make) -> None:
    def read(texts: list[str], context: grpc.ServicerContext) -> Iterator[bytes]:
        if not texts:
            context.abort(grpc.StatusCode[code], "an empty list")
        yield from server.until_over(context)

    server.read = read
    backend = make()
    stream = backend.watch(parse("M:OUTTMP@e,0f"))
    wait_for(lambda: backend.health().state is LinkState.UP)
    time.sleep(1.5)
    assert len(stream.get(0.0)) == 0


def test_a_server_that_answers_nothing_at_all_is_lost(server: ScriptedDaq, backend: DpmGrpcBackend) -> None:
    server.read = lambda _, context: server.until_over(context)
    batch = until(backend.watch(parse("M:OUTTMP@p,100")), lost)
    assert "no sign of the server for 1 s" in batch.others[0].reading.message


def test_a_stream_that_the_server_ends_is_lost_where_more_was_to_come(
    server: ScriptedDaq, backend: DpmGrpcBackend
) -> None:
    server.read = replies(encode_scalar(0, STAMP, 1.0))
    batch = until(backend.watch(parse("M:OUTTMP@p,100")), lost)
    assert "the server has ended the stream" in batch.others[0].reading.message


def test_what_a_closed_call_leaves_unanswered_is_an_incomplete_response(
    server: ScriptedDaq, backend: DpmGrpcBackend
) -> None:
    server.read = replies(encode_scalar(1, STAMP, 1.0))
    stream = backend.watch(parse("M:OUTTMP@i", "G:AMANDA@i"))
    batch = until(stream, lambda found: bool(found.others))
    ((slot, reading),) = [(other.slot, other.reading) for other in batch.others]
    assert (slot, reading.status) == (0, RETRY)
    assert reading.message.startswith("incomplete response")
    assert backend.health().state is LinkState.UP


def test_replies_for_nobody_are_dropped_and_said_once(
    server: ScriptedDaq, backend: DpmGrpcBackend, caplog: pytest.LogCaptureFixture
) -> None:
    stray = (encode_scalar(9, STAMP, 9.0), encode_sample(9, Sample("x", STAMP, OK)))

    def read(_: list[str], context: grpc.ServicerContext) -> Iterator[bytes]:
        yield from stray
        yield encode_sample(0, Sample("text", STAMP, OK))
        yield from stray
        yield encode_scalar(0, STAMP, 1.0)
        yield from server.until_over(context)

    server.read = read
    stream = backend.watch(parse("M:OUTTMP@p,100"))
    came: list[object] = []
    while len(came) < 2:
        batch = until(stream, lambda _: True)
        came += [other.reading.value for other in batch.others] + batch.value.tolist()
    assert came == ["text", 1.0]
    assert sum("were never given" in record.message for record in caplog.records) == 1


def test_what_has_no_stamp_came_now_and_a_warning_stays_with_its_value(
    server: ScriptedDaq, backend: DpmGrpcBackend
) -> None:
    warned = message_of(
        "services.daq.ReadingReply",
        {"readings": {"reading": [{"data": {"scalar": 1.5}, "status": {"facility_code": 17, "status_code": 2}}]}},
    ).SerializeToString()
    server.read = replies(warned, code="UNAVAILABLE")
    before = time.time_ns()
    batch = until(backend.watch(parse("M:OUTTMP@p,100")), good)
    assert before <= int(batch.stamp_ns[0]) <= time.time_ns()
    assert Status(int(batch.facility[0]), int(batch.number[0])) == Status(17, 2)


def test_status_words_are_unsigned(server: ScriptedDaq, backend: DpmGrpcBackend) -> None:
    server.read = periodic(-5.0)
    batch = until(backend.watch(parse("N|LGXS.BIT_VALUE@p,100")), good)
    assert batch.value[0] == 2.0**32 - 5


def test_a_server_restarted_twenty_times_is_found_again_and_nothing_grows(make: Make, server: ScriptedDaq) -> None:
    port = server.port
    server.read = periodic()
    backend = make()
    streams = [backend.watch(parse("M:OUTTMP@p,100")), backend.watch(parse("G:AMANDA@p,200"))]
    for stream in streams:
        until(stream, good)
    server.stop()
    threads = 0
    for number in range(20):
        for stream in streams:
            until(stream, lost)
        with ScriptedDaq(port) as again:
            again.read = periodic()
            for stream in streams:
                until(stream, good)
            now = threading.active_count()
            threads = threads or now
            assert now <= threads + 1, number  # a reader that is about to end
    for stream in streams:
        until(stream, lost)
    assert backend.health().reconnects == 2 * 20


def test_attempts_follow_the_shared_policy(make: Make) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(10.0)
        backend = make(port=listener.getsockname()[1], timeouts=Timeouts(connect=1.0, silence=1.0, backoff_cap=3.0))
        stream = backend.watch(parse("M:OUTTMP@p,100"))
        times: list[float] = []
        while len(times) < 4:
            client, _ = listener.accept()
            times.append(time.monotonic())
            client.close()  # before a byte
        gaps = np.diff(times)
        stream.close()
    assert 0.45 <= gaps[0] <= 1.2
    assert 0.95 <= gaps[1] <= 1.8
    assert 1.9 <= gaps[2] <= 2.9


def test_close_frees_a_reader_and_a_writer_that_wait(server: ScriptedDaq, make: Make) -> None:
    def answer(_: int, context: grpc.ServicerContext) -> bytes:
        list(server.until_over(context))
        return b""

    server.read = lambda _, context: server.until_over(context)
    server.answer = answer
    backend = make(Tokens(), Timeouts())
    results: list[object] = []
    threads = [
        threading.Thread(target=lambda: results.append(backend.read(parse("M:OUTTMP"), 30.0))),
        threading.Thread(target=lambda: results.append(backend.write(settings(("Z:ACLTST", 1.0)), 30.0))),
    ]
    for thread in threads:
        thread.start()
    wait_for(lambda: server.open == 1 and len(server.sets) == 1)
    begin = time.monotonic()
    backend.close()
    for thread in threads:
        thread.join(5.0)
    assert time.monotonic() - begin < 2.0
    assert len(results) == 2
