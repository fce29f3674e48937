"""Watching over gRPC before servers that do what the simulator never does (dpm-grpc.md 5, 8.3)."""

import socket
import threading
import time
from collections.abc import Iterator

import grpc
import numpy as np
import pytest

from gateway.backends.dpm_grpc import DpmGrpcBackend
from gateway.backends.dpm_lists import Budget
from gateway.backends.dpm_orders import Timeouts
from gateway.backends.jwt_tokens import Token
from gateway.core.ports import LinkState
from gateway.core.status import OK, RETRY, Status
from gateway.wire.daq_replies import Sample, encode_sample, encode_scalar
from tests.backends.grpc_stage import (
    STAMP,
    Make,
    Tokens,
    good,
    lost,
    parse,
    periodic,
    refused,
    settings,
    until,
    wait_for,
)
from tests.backends.grpc_stage import backend as backend
from tests.backends.grpc_stage import make as make
from tests.backends.grpc_stage import server as server
from tests.backends.scripted_daq import ScriptedDaq, replies
from tests.support.leaks import open_files
from tests.wire.grpc_vectors import message_of


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
    threads = files = 0
    for number in range(20):
        for stream in streams:
            until(stream, lost)
        with ScriptedDaq(port) as again:
            again.read = periodic()
            for stream in streams:
                until(stream, good)
            now = threading.active_count()
            threads, files = threads or now, files or len(open_files())
            assert now <= threads + 1, number  # a reader that is about to end
            assert len(open_files()) <= files + 2, number  # a connection that is about to close, both its ends
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
