from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.errors import ProtocolError
from gateway.core.status import OK, RETRY, Status
from gateway.wire import dmq
from gateway.wire.dmq import ErrorSample, Sample, SampleKind
from gateway.wire.dmq_connection import (
    Answer,
    ClientJob,
    Event,
    Pending,
    Refusal,
    ServerJob,
    error_envelope,
    status_of,
)
from gateway.wire.dmq_envelope import Envelope
from gateway.wire.dmq_states import INVALID_REQUEST, PENDING, Kind, State, Timers
from tests.wire.dmq_vectors import section

RESOLUTION = section("resolution")
ENTRIES = ("M:OUTTMP.READING@I", "G:AMANDA.READING@I")
ENTRY = "Z:ACLTST.SETTING@N"
HOST = bytes((127, 0, 0, 1))
GOOD = Sample(SampleKind.DOUBLE, 72.5, 1)


def asked(kind: Kind, *entries: str, message_id: str = "m1") -> ClientJob:
    job = ClientJob(kind, entries, 0.0)
    job.init(message_id, "e1", "acgate", HOST)
    return job


def both(kind: Kind, *entries: str) -> tuple[ClientJob, ServerJob]:
    client = ClientJob(kind, entries, 0.0)
    return client, ServerJob(client.init("m1", "e1", "acgate", HOST), 0.0)


def open_session() -> tuple[ClientJob, ServerJob]:
    client, server = both(Kind.SETTING, ENTRY)
    assert client.receive(server.pending(1), 0.1) == Pending()
    return client, server


def answer(event: Event | None) -> tuple[str, Any]:
    assert isinstance(event, Answer)
    return event.entry, event.sample


@pytest.mark.parametrize("vector", RESOLUTION.values(), ids=RESOLUTION.keys())
def test_a_delivery_means_what_the_vector_says(vector: dict[str, Any]) -> None:
    job = asked(Kind.READING, *vector["init"], message_id=vector["init_message_id"])
    body = bytes.fromhex(vector["body_hex"])
    event = job.receive(Envelope(vector["routing_key"], body, correlation_id=vector["correlation_id"]), 1.0)
    if vector["result"] == "ignored":
        assert event is None or event == Pending()
        return
    wanted = Status(vector.get("facility", 0), vector.get("error", 0))
    if vector["result"] == "job error":
        assert isinstance(event, Refusal)
        assert event.status == wanted
        return
    entry, sample = answer(event)
    assert entry == vector["init"][vector["index"]]
    found = RETRY if sample is None else status_of(sample) if isinstance(sample, ErrorSample) else OK
    assert found == wanted


def test_a_read_is_answered_with_the_strings_of_the_init() -> None:
    client, server = both(Kind.READING, *ENTRIES)
    assert server.entries == ENTRIES
    assert client.receive(server.pending(1), 0.1) == Pending()
    assert answer(client.receive(server.answer(ENTRIES[1], GOOD), 0.2)) == (ENTRIES[1], GOOD)


def test_a_reading_job_opens_with_its_first_answer_when_pending_is_missing() -> None:
    job = asked(Kind.READING, *ENTRIES)
    assert answer(job.receive(Envelope(f"R.{ENTRIES[0]}", dmq.encode(GOOD)), 0.1)) == (ENTRIES[0], GOOD)
    assert job.state is State.OPEN


def test_a_setting_goes_out_only_after_pending() -> None:
    client = asked(Kind.SETTING, ENTRY)
    with pytest.raises(ProtocolError, match="asked"):
        client.set(ENTRY, dmq.encode(GOOD), "s1", HOST)
    assert client.receive(Envelope(f"R.{ENTRY}", dmq.encode(GOOD)), 0.1) is None  # nothing was asked


def test_answers_find_their_settings_by_correlation_or_in_order() -> None:
    client, server = open_session()
    for name in ("s1", "s2", "s3", "s4"):
        assert server.receive(client.set(ENTRY, dmq.encode(GOOD), name, HOST), 0.2) == ENTRY
    said = [server.answer(ENTRY, GOOD, correlation) for correlation in ("s3", "", None, "unknown")]
    assert [answer(client.receive(one, 0.3))[0] for one in said] == ["s3", "s1", "s2", "s4"]
    assert client.receive(server.answer(ENTRY, GOOD), 0.4) is None


def test_an_answer_that_cannot_be_understood_counts_for_its_setting() -> None:
    client, _ = open_session()
    client.set(ENTRY, dmq.encode(GOOD), "s1", HOST)
    assert answer(client.receive(Envelope(f"R.{ENTRY}", b"XYZ"), 0.2)) == ("s1", None)


@pytest.mark.parametrize("correlation", ["m1", None, ""])
def test_a_session_is_refused_while_it_is_not_open(correlation: str | None) -> None:
    client = asked(Kind.SETTING, ENTRY)
    event = client.receive(error_envelope(INVALID_REQUEST, "bad", 1, correlation), 0.1)
    assert event == Refusal(INVALID_REQUEST, "bad")
    assert client.state is State.OVER
    assert client.receive(error_envelope(INVALID_REQUEST, "bad", 1, "m1"), 0.2) is None


def test_an_error_on_the_job_key_of_an_open_session_is_the_answer_to_the_oldest_setting() -> None:
    client, server = open_session()
    client.set(ENTRY, dmq.encode(GOOD), "s1", HOST)
    assert answer(client.receive(error_envelope(RETRY, "", 1), 0.2))[0] == "s1"
    refusal = client.receive(server.refuse(RETRY, "over", 1), 0.3)
    assert refusal == Refusal(RETRY, "over")


def test_a_reading_job_can_be_refused_without_correlation() -> None:
    client, server = both(Kind.READING, *ENTRIES)
    refusal = server.refuse(INVALID_REQUEST, "Ω is bad", 1, "R.null")
    assert (refusal.key, refusal.correlation_id) == ("R.null", None)
    assert client.receive(refusal, 0.1) == Refusal(INVALID_REQUEST, "? is bad")
    assert client.receive(Envelope(f"R.{ENTRIES[0]}", dmq.encode(GOOD)), 0.2) is None
    assert client.receive(error_envelope(INVALID_REQUEST, "again", 1), 0.2) is None


def test_heartbeats_go_both_ways_and_silence_is_noticed() -> None:
    client, server = both(Kind.READING, *ENTRIES)
    assert (client.due, client.beats(4.9), client.beats(5.0), client.due) == (5.0, False, True, 10.0)
    assert server.receive(client.beat(), 5.0) is None
    assert server.heard == 5.0
    assert server.beats(5.0)
    assert client.receive(server.beat(), 5.1) is None
    assert client.heard == 5.1
    assert (client.lost(35.0), client.lost(35.1), server.lost(35.0)) == (False, True, True)


def test_data_is_no_sign_of_life() -> None:
    client, server = both(Kind.READING, *ENTRIES)
    client.receive(server.answer(ENTRIES[0], GOOD), 20.0)
    assert client.heard == 0.0


def test_a_job_that_was_dropped_is_over_at_both_ends() -> None:
    client, server = both(Kind.READING, *ENTRIES)
    assert (drop := client.drop()) is not None
    assert server.receive(drop, 1.0) is None
    assert client.state is server.state is State.OVER
    assert client.drop() is None
    assert not client.beats(100.0)
    assert client.receive(Envelope("Q"), 100.0) is None
    assert server.receive(Envelope("H"), 100.0) is None
    assert (client.heard, server.heard) == (0.0, 0.0)


def test_a_setting_to_a_job_that_is_over_or_by_another_key_is_none() -> None:
    _, server = open_session()
    assert server.receive(Envelope("X"), 1.0) is None
    server.receive(Envelope("D"), 1.0)
    assert server.receive(Envelope(f"S.{ENTRY}"), 1.0) is None


def test_pending_comes_again_without_effect_and_not_after_the_end() -> None:
    client, server = open_session()
    assert client.receive(server.pending(2), 0.2) == Pending()
    client.drop()
    assert client.receive(error_envelope(PENDING, "", 1), 0.3) is None


def test_an_init_that_is_too_long_to_address_is_not_sent() -> None:
    job = ClientJob(Kind.READING, ("M:" + "X" * 252,), 0.0)
    with pytest.raises(ProtocolError, match="253 bytes"):
        job.init("m1", "e1", "acgate", HOST)
    assert job.state is State.NEW


def test_the_entries_of_a_job_are_distinct() -> None:
    body = dmq.encode(dmq.ReadingRequest((ENTRY, "A", ENTRY)))
    assert ServerJob(Envelope("I", body), 0.0, Timers(1.0, 2.0)).entries == (ENTRY, "A")


def test_a_status_that_is_none_is_a_failure() -> None:
    assert status_of(ErrorSample(400, 1, 0)) == RETRY


BODIES = (
    b"",
    b"XYZ",
    *map(dmq.encode, (GOOD, *(ErrorSample(72, n, 0) for n in (1, -98)), ErrorSample(1, 0, 0, ref_id=1))),
)
ENVELOPES = st.builds(
    Envelope,
    st.sampled_from(["Q", "R", "R.null", f"R.{ENTRY}", "R.other", "H", ""]),
    st.sampled_from(BODIES) | st.binary(),
    correlation_id=st.sampled_from([None, "", "m1", "s1", "other"]),
)


@given(st.sampled_from(Kind), st.lists(ENVELOPES))
def test_whatever_arrives_a_client_goes_on(kind: Kind, envelopes: list[Envelope]) -> None:
    job = asked(kind, ENTRY)
    for number, envelope in enumerate(envelopes):
        if job.kind is Kind.SETTING and job.state is State.OPEN:
            job.set(ENTRY, b"", f"s{number}", HOST)
        event = job.receive(envelope, float(number))
        assert event is None or isinstance(event, Pending | Answer | Refusal)
