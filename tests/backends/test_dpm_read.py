"""One-shot reads and descriptions against a scripted server."""

import time

import pytest

from gateway.backends.dpm_http import DpmHttpBackend
from gateway.backends.dpm_lists import Budget
from gateway.core.device_info import DeviceInfo, PropertyInfo
from gateway.core.drf import DataRequest
from gateway.core.status import BAD_REQUEST, DISCONNECTED, OK, REQTMO, Status
from gateway.runtime.worker import Worker
from gateway.wire import dpm
from tests.backends.conftest import QUICK, Make
from tests.backends.scripted_server import STAMP, Client, ScriptedServer, one_scalar


def parse(*texts: str) -> list[DataRequest]:
    return [DataRequest.parse(text) for text in texts]


def added(server: ScriptedServer) -> list[str]:
    return [one.drf_request for one in server.requests(dpm.AddToList) if isinstance(one, dpm.AddToList)]


def test_each_request_has_one_reading_in_order(server: ScriptedServer, backend: DpmHttpBackend) -> None:
    server.answer = lambda _client, ref, text: [dpm.ScalarReply(ref, STAMP, 0, 0, float(text[3:5]))]
    readings = backend.read(parse("Z:D01", "Z:D03", "Z:D02"), 5)
    assert [reading.value for reading in readings] == [1.0, 3.0, 2.0]
    assert [str(reading.request) for reading in readings] == ["Z:D01.READING", "Z:D03.READING", "Z:D02.READING"]
    assert {reading.stamp_ns for reading in readings} == {STAMP * 1_000_000}


def test_a_read_is_always_immediate_and_equal_requests_are_asked_once(
    server: ScriptedServer, backend: DpmHttpBackend
) -> None:
    readings = backend.read(parse("M:OUTTMP@p,1000", "m:outtmp", "M:OUTTMP.READING[0]@e,0F"), 5)
    assert [reading.value for reading in readings] == [72.5] * 3
    assert added(server) == ["M:OUTTMP.READING@I"]


def test_one_bad_item_does_not_spoil_the_others(server: ScriptedServer, backend: DpmHttpBackend) -> None:
    bad = Status(16, -13)
    server.answer = lambda client, ref, text: (
        [dpm.StatusReply(ref, STAMP, 0, bad.packed)] if "NOTFND" in text else one_scalar(client, ref, text)
    )
    readings = backend.read(parse("M:OUTTMP", "Z:NOTFND", "G:AMANDA"), 5)
    assert [(reading.value, reading.status) for reading in readings] == [(72.5, OK), (None, bad), (72.5, OK)]


def test_an_addtolist_reply_with_an_error_fails_its_item(server: ScriptedServer, backend: DpmHttpBackend) -> None:
    server.answer = lambda _client, ref, _text: [dpm.AddToListReply(0, ref, BAD_REQUEST.packed)]
    assert backend.read(parse("M:OUTTMP"), 5)[0].status == BAD_REQUEST


def test_what_was_not_answered_by_the_deadline_says_so(server: ScriptedServer, backend: DpmHttpBackend) -> None:
    server.answer = lambda client, ref, text: [] if "DEAD" in text else one_scalar(client, ref, text)
    begin = time.monotonic()
    readings = backend.read(parse("M:OUTTMP", "Z:DEAD"), 0.4)
    assert [(reading.value, reading.status) for reading in readings] == [(72.5, OK), (None, REQTMO)]
    assert time.monotonic() - begin < 1.0


def test_a_link_with_an_unanswered_request_is_not_used_again(server: ScriptedServer, backend: DpmHttpBackend) -> None:
    server.answer = lambda _client, _ref, _text: []
    backend.read(parse("Z:DEAD"), 0.2)
    server.answer = one_scalar
    assert backend.read(parse("M:OUTTMP"), 5)[0].value == 72.5
    assert len(server.clients) == 2


def test_a_link_is_used_again_with_references_that_are_new(server: ScriptedServer, backend: DpmHttpBackend) -> None:
    backend.read(parse("M:OUTTMP"), 5)
    backend.read(parse("M:OUTTMP", "G:AMANDA"), 5)
    assert len(server.clients) == 1
    assert [one.ref_id for one in server.requests(dpm.AddToList) if isinstance(one, dpm.AddToList)] == [1, 2, 3]
    server.wait_for(lambda: len(server.requests(dpm.StopList)) == len(server.requests(dpm.ClearList)) == 2)


def test_late_data_of_a_former_read_are_ignored(server: ScriptedServer, backend: DpmHttpBackend) -> None:
    backend.read(parse("M:OUTTMP"), 5)
    server.answer = lambda _client, ref, _text: [
        dpm.ScalarReply(1, STAMP, 0, 0, -1.0),
        dpm.ScalarReply(ref, STAMP, 0, 0, 2.0),
        dpm.ScalarReply(ref, STAMP, 0, 0, 3.0),
    ]
    assert backend.read(parse("M:OUTTMP"), 5)[0].value == 2.0


def test_a_pooled_link_that_the_server_closed_is_replaced_unseen(
    server: ScriptedServer, backend: DpmHttpBackend
) -> None:
    backend.read(parse("M:OUTTMP"), 5)
    server.clients[0].hang_up()
    assert backend.read(parse("M:OUTTMP"), 5)[0].value == 72.5
    assert len(server.clients) == 2


def test_a_link_that_dies_under_a_read_is_replaced_once(server: ScriptedServer, backend: DpmHttpBackend) -> None:
    def hang_up_on_first(client: Client, request: dpm.Request) -> bool:
        if isinstance(request, dpm.StartList) and client.number == 0:
            client.hang_up()
            return True
        return False

    server.hook = hang_up_on_first
    assert backend.read(parse("M:OUTTMP"), 5)[0].value == 72.5
    assert len(server.clients) == 2


def test_a_server_that_always_hangs_up_fails_the_items(server: ScriptedServer, backend: DpmHttpBackend) -> None:
    def hang_up(client: Client, request: dpm.Request) -> bool:
        if isinstance(request, dpm.StartList):
            client.hang_up()
        return isinstance(request, dpm.StartList)

    server.hook = hang_up
    (reading,) = backend.read(parse("M:OUTTMP"), 5)
    assert (reading.value, reading.status) == (None, DISCONNECTED)
    assert "closed by the server" in reading.message
    assert len(server.clients) == 2


def test_a_server_that_is_not_there_fails_the_items_at_once(make: Make) -> None:
    backend = make(port=1)
    (reading,) = backend.read(parse("M:OUTTMP"), 5)
    assert reading.status == DISCONNECTED
    assert "cannot connect" in reading.message
    assert "cannot connect" in backend.health().last_error


@pytest.mark.parametrize(
    ("greeting", "reason"),
    [
        (b"HTTP/1.1 503 Service Unavailable\r\n\r\n", "503 Service Unavailable"),
        (b"\x00\x00\x00\x00", "length 0"),
        (b"\xff\xff\xff\xff", "length"),
        (b"\x00\x00\x00\x04SDD\x01", "SDD"),
        (b"\x00\x00\x00\x09SDD\x02Q\x03", "closed before the list was open"),
    ],
)
def test_a_greeting_that_cannot_be_understood_fails_the_items(
    server: ScriptedServer, backend: DpmHttpBackend, greeting: bytes, reason: str
) -> None:
    def greet(client: Client) -> None:
        client.raw(greeting)
        client.hang_up()

    server.greet = greet
    (reading,) = backend.read(parse("M:OUTTMP"), 5)
    assert reading.status == DISCONNECTED
    assert reason in reading.message


def test_a_first_message_that_is_no_openlist_fails_the_items(server: ScriptedServer, backend: DpmHttpBackend) -> None:
    body = dpm.encode(dpm.ListStatusReply(1, 0))
    server.greet = lambda client: client.raw(dpm.frame(body))
    (reading,) = backend.read(parse("M:OUTTMP"), 5)
    assert reading.status == DISCONNECTED
    assert "ListStatusReply may not come" in reading.message


def test_a_connection_closed_without_a_byte_is_tried_once_more(server: ScriptedServer, backend: DpmHttpBackend) -> None:
    def greet(client: Client) -> None:
        if client.number == 0:
            client.hang_up()
        else:
            client.send(dpm.OpenListReply(5))

    server.greet = greet
    assert backend.read(parse("M:OUTTMP"), 5)[0].value == 72.5


def test_a_handshake_that_is_never_answered_ends_with_the_connect_timeout(server: ScriptedServer, make: Make) -> None:
    server.greet = lambda _client: None
    backend = make(timeouts=type(QUICK)(connect=0.3, silence=1.0, backoff_cap=0.05))
    begin = time.monotonic()
    assert backend.read(parse("M:OUTTMP"), 5)[0].status == DISCONNECTED
    assert time.monotonic() - begin < 1.5


def test_garbage_after_the_answer_does_not_take_the_answer_away(
    server: ScriptedServer, backend: DpmHttpBackend
) -> None:
    def answer_and_garbage(client: Client, request: dpm.Request) -> bool:
        if isinstance(request, dpm.StartList):
            good = client.connection.send(dpm.ScalarReply(max(client.requests), STAMP, 0, 0, 4.0))
            client.raw(good + b"\x00\x00\x00\x03abc")
        return isinstance(request, dpm.StartList)

    server.hook = answer_and_garbage
    assert backend.read(parse("M:OUTTMP"), 5)[0].value == 4.0
    server.hook = lambda _client, _request: False
    assert backend.read(parse("M:OUTTMP"), 5)[0].value == 72.5


def test_a_list_that_does_not_start_gives_its_status_to_all(server: ScriptedServer, backend: DpmHttpBackend) -> None:
    server.answer = lambda _client, _ref, _text: [dpm.StatusReply(0, STAMP, 0, Status(1, -43).packed)]
    assert backend.read(parse("M:OUTTMP"), 5)[0].status == Status(1, -43)


def test_a_startlist_reply_with_an_error_gives_its_status_to_all(
    server: ScriptedServer, backend: DpmHttpBackend
) -> None:
    def refuse(client: Client, request: dpm.Request) -> bool:
        if isinstance(request, dpm.StartList):
            client.send(dpm.StartListReply(1, Status(17, -9).packed))
        return isinstance(request, dpm.StartList)

    server.hook = refuse
    assert backend.read(parse("M:OUTTMP"), 5)[0].status == Status(17, -9)


def test_history_is_refused_before_anything_is_sent(server: ScriptedServer, backend: DpmHttpBackend) -> None:
    (reading,) = backend.read(parse("M:OUTTMP<-LOGGER:1:2"), 5)
    assert reading.status == BAD_REQUEST
    assert server.clients == []


def test_no_more_links_than_the_pool_has_are_used(server: ScriptedServer, make: Make) -> None:
    backend = make(budget=Budget(readers=1))
    server.answer = lambda _client, _ref, _text: []
    slow = Worker("slow-reader", lambda _: backend.read(parse("Z:DEAD"), 1.0) and None)
    slow.start()
    server.wait_for(lambda: bool(server.requests(dpm.StartList)))
    (reading,) = backend.read(parse("M:OUTTMP"), 0.2)
    assert reading.status in (DISCONNECTED, REQTMO)
    assert "in use" in reading.message
    assert slow.stop(5.0)
    assert len(server.clients) == 1


def test_close_frees_a_reader_that_waits(server: ScriptedServer, backend: DpmHttpBackend) -> None:
    server.answer = lambda _client, _ref, _text: []
    found: list[Status] = []
    worker = Worker("reader", lambda _: found.append(backend.read(parse("Z:DEAD"), 30.0)[0].status))
    worker.start()
    server.wait_for(lambda: bool(server.requests(dpm.StartList)))
    backend.close()
    assert worker.stop(2.0)
    assert found == [DISCONNECTED]


def test_reads_after_close_fail_as_items(server: ScriptedServer, backend: DpmHttpBackend) -> None:
    backend.close()
    backend.close()
    assert backend.read(parse("M:OUTTMP"), 5)[0].status == DISCONNECTED
    assert server.clients == []


def test_a_device_is_described_by_what_dpm_tells(server: ScriptedServer, backend: DpmHttpBackend) -> None:
    def answer(client: Client, ref: int, text: str) -> list[dpm.Reply]:
        device, word = text.split("@")[0].split(".")
        if device == "Z:NOTFND" or word in ("CONTROL", "DIGITAL"):
            return [dpm.StatusReply(ref, STAMP, 0, Status(16, -13).packed)]
        if word == "STATUS" and text.endswith("@I"):
            return [dpm.BasicStatusReply(ref, STAMP, 0, on=True, ramp=False)]
        if word == "READING" and text.endswith("@I"):
            return [dpm.TextReply(ref, STAMP, 0, 0, "warm")]
        return one_scalar(client, ref, text)

    server.answer = answer
    found = backend.describe(["m:outtmp", "Z:NOTFND"], 5)
    assert found["Z:NOTFND"] == DeviceInfo("Z:NOTFND", reading=PropertyInfo(), exists=False)
    info = found["M:OUTTMP"]
    assert info.description == "a device"
    assert info.reading is not None
    assert (info.reading.units, info.reading.text) == ("DegF", True)
    assert info.setting is not None
    assert (info.status, info.analog, info.digital, info.commands) == (True, True, False, ())
    assert [(bit.order, bit.name, bit.true_text, bit.false_text) for bit in info.bits] == [
        (0, "ON", "on", "off"),
        (4, "RAMP", "ramping", "DC"),
    ]


def test_devices_that_can_be_controlled_have_the_conventional_commands(backend: DpmHttpBackend) -> None:
    info = backend.describe(["M:OUTTMP"], 5)["M:OUTTMP"]
    assert [(one.code, one.name) for one in info.commands][:3] == [(0, "RESET"), (1, "ON"), (2, "OFF")]


def test_many_devices_are_described_in_lists_of_bearable_size(server: ScriptedServer, backend: DpmHttpBackend) -> None:
    found = backend.describe([f"Z:D{number}" for number in range(130)], 10)
    assert len(found) == 130
    assert len(server.requests(dpm.StartList)) == 3
