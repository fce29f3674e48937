"""gateway/core/drf.py: request strings, their canonical text, normal form and write form."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core.drf import LONGEST, DataRequest, DrfRange, Property
from gateway.core.drf_events import DEFAULT, IMMEDIATE, NEVER, DrfEvent, parse_event
from gateway.core.errors import BadRequest
from tests.core.vectors import vectors

VECTORS = vectors("drf", "vectors")
VALID = [vector for vector in VECTORS if vector["valid"]]
INVALID = [vector for vector in VECTORS if not vector["valid"]]
PARTS = {"name", "word", "range", "event", "source"}


def vector_id(vector: dict[str, Any]) -> str:
    return str(vector["id"])


def range_fields(found: DrfRange | None) -> dict[str, object] | None:
    if found is None:
        return None
    first, second = ("offset", "length") if found.byte else ("start", "end")
    kind = "byte" if found.byte else "array"
    return {"kind": kind, "mode": found.mode, first: found.start, second: found.end, "text": str(found)}


def event_fields(event: DrfEvent) -> dict[str, object]:
    fields: dict[str, object] = {"mode": event.mode, "text": event.text}
    if event.mode in ("P", "Q"):
        fields |= {"period_ms": event.period_ms, "continuous": event.mode == "P", "immediate": event.immediate}
    if event.mode == "E":
        fields |= {"number": event.clock_number, "clock": event.clock_type, "delay_ms": event.delay_ms}
    if event.mode == "S":
        fields |= {"device": event.state_device, "value": event.state_value, "op": event.state_op}
        fields |= {"delay_ms": event.delay_ms}
    return fields


def parsed_or_none(text: str) -> DataRequest | None:
    """What is parsed; None when it is refused as it should be. Anything else that is raised fails the test."""
    try:
        return DataRequest.parse(text)
    except BadRequest as refusal:
        return None if refusal.part in PARTS else pytest.fail(f"{refusal.part} is no part of a request")


@pytest.mark.parametrize("vector", VALID, ids=vector_id)
def test_a_valid_request_is_parsed_into_its_parts(vector: dict[str, Any]) -> None:
    request = DataRequest.parse(vector["input"])
    assert ("foreign" if request.is_foreign else "acnet") == vector["kind"]
    assert vector["device"] == request.device
    assert vector["property"] == (request.property_word or None)
    assert vector["range"] == range_fields(request.range)
    assert vector["field"] == request.field
    assert vector["event"] == event_fields(request.event)
    assert vector["source"] == request.source
    assert tuple(vector.get("suffix", (None, None))) == request.suffix


@pytest.mark.parametrize("vector", VALID, ids=vector_id)
def test_a_valid_request_has_its_canonical_text_and_write_form(vector: dict[str, Any]) -> None:
    request = DataRequest.parse(vector["input"])
    assert vector["canonical"] == str(request)
    assert vector["write_form"] == str(request.for_writing())


@pytest.mark.parametrize("vector", [v for v in VALID if v["java"]["valid"]], ids=vector_id)
def test_the_normal_form_is_the_canonical_text_of_the_java_server(vector: dict[str, Any]) -> None:
    assert vector["java"]["canonical"] == DataRequest.parse(vector["input"]).normal()


@pytest.mark.parametrize("vector", INVALID, ids=vector_id)
def test_an_invalid_request_is_refused_with_part_and_position(vector: dict[str, Any]) -> None:
    with pytest.raises(BadRequest) as refusal:
        DataRequest.parse(vector["input"])
    assert refusal.value.part in PARTS
    assert 0 <= refusal.value.position <= len(vector["input"])
    assert refusal.value.text == vector["input"]


@pytest.mark.parametrize("vector", VALID, ids=vector_id)
def test_the_canonical_text_is_a_fixed_point_and_means_the_same(vector: dict[str, Any]) -> None:
    request = DataRequest.parse(vector["input"])
    again = DataRequest.parse(str(request))
    assert request == again
    assert hash(request) == hash(again)
    assert str(request) == str(again)
    assert request.key() == again.key()


@pytest.mark.parametrize("vector", VALID, ids=vector_id)
def test_the_write_form_never_asks_for_data(vector: dict[str, Any]) -> None:
    request = DataRequest.parse(vector["input"])
    written = DataRequest.parse(vector["write_form"])
    assert written == request.for_writing()
    assert written.event.mode == "N"
    assert written.property in (Property.SETTING, Property.CONTROL, request.property)
    assert written.for_writing() == written


@pytest.mark.parametrize("vector", [v for v in VALID if v["kind"] == "acnet"], ids=vector_id)
def test_what_is_sent_means_the_same_and_has_no_hash(vector: dict[str, Any]) -> None:
    request = DataRequest.parse(vector["input"])
    again = DataRequest.parse(request.sent())
    assert request.with_event(DEFAULT).key() == again.with_event(DEFAULT).key()
    # frequencies become whole milliseconds, so the texts of the events may differ
    rounded = ("mode", "period_ms", "immediate", "clock_number", "clock_type", "delay_ms", "state_value", "state_op")
    assert all(getattr(request.event, name) == getattr(again.event, name) for name in rounded)
    assert not request.sent().startswith("#")
    assert again.sent() == request.sent()


ANSWERED_BADLY = (".INDEX", ".LONG_NAME", ".ALARM_LIST_NAME", "[3:]", "[5:]")  # valid, but see drf.md 12.2


@pytest.mark.parametrize("vector", [v for v in VALID if v["java"]["valid"]], ids=vector_id)
def test_a_reason_is_found_against_valid_requests_only_where_the_server_is_known_to_fail(
    vector: dict[str, Any],
) -> None:
    fails = any(text in vector["canonical"] for text in ANSWERED_BADLY)
    assert fails == bool(DataRequest.parse(vector["input"]).server_reason())


@pytest.mark.parametrize(
    "vector",
    # a lone field before a range does not occur in what is sent
    [v for v in VALID if not v["java"]["valid"] and ".RAW[" not in v["input"] and ".SCALED[" not in v["input"]],
    ids=vector_id,
)
def test_a_reason_is_found_against_what_the_java_server_refuses(vector: dict[str, Any]) -> None:
    assert DataRequest.parse(vector["input"]).server_reason()


PRINTABLE = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=40)
# strings made of the pieces that matter come further into the parser than random ones
PIECES = st.lists(
    st.sampled_from(
        ["M", "0", "#", ":", "_", "|", "@", ".", "[", "]", "{", "}", "1", "99", "<-", "LIVEDATA", "FTP", "LOGGER:1:2",
         "OUTTMP", ".READING", ".STATUS", ".RAW", ".ON", "[0:3]", "{0:20}", "[:]", "@p,1000", "@I", "@U", "@E,0F,H,1S",
         "@S,V:X,1,0,>=", "@Q,60H,F", " ", "X:", "~", "^", ",", "-", ".SETTING", ".ANALOG", ".MIN", ".BIT_STATUS"]
    ),
    max_size=9,
).map("".join)  # fmt: skip


@settings(deadline=None, max_examples=500)
@given(st.one_of(PRINTABLE, PIECES, st.text(max_size=20)))
def test_any_text_is_parsed_or_refused_and_what_is_parsed_has_a_stable_text(text: str) -> None:
    request = parsed_or_none(text)
    if request is None:
        return
    again = DataRequest.parse(str(request))
    assert request == again
    assert str(request) == str(again)
    assert request.key() == again.key()
    request.settable_reason()
    request.gateway_reason()
    if not request.is_foreign:  # a foreign name may end in `@`, and then its write form is no request
        written = request.for_writing()
        assert written == DataRequest.parse(str(written))


@pytest.mark.parametrize(
    "text",
    ["A.b" * 170, "@" * LONGEST, "abc" + "@a" * 250, "M:X@S," + "," * 500, "{" * LONGEST, "1.a[0].b" * 64,
     "M:X@S," + "1," * 250, "M:X@E," + "F" * 500, "M:X[" + "9" * 500 + "]"],
)  # fmt: skip
def test_long_hostile_texts_end_in_an_answer_at_once(text: str) -> None:
    parsed_or_none(text)


def test_a_text_beyond_the_limit_is_refused_without_being_cited_whole() -> None:
    with pytest.raises(BadRequest) as refusal:
        DataRequest.parse("M:X" + "A" * LONGEST)
    assert len(str(refusal.value)) < 200


@pytest.mark.parametrize(
    ("text", "part", "position"),
    [
        ("M:OUTTMP\n", "name", 8),
        ("M:OUTTMP@P,1000\n", "event", 15),
        ("M:OUTTMP<-FTP\x7f", "source", 13),
        ("M:OUTTMÉ", "name", 7),
        ("M", "name", 0),
        ("M:OUTTMP.READING.FOO", "word", 17),
        ("M:OUTTMP.FOO[0]", "word", 9),
        ("M:OUTTMP.FOO[0].RAW", "word", 9),
        ("M:OUTTMP.ON", "word", 9),
        ("M:OUTTMP.READING.RAW.X", "word", 20),
        ("M:OUTTMP..RAW", "word", 8),
        ("M:OUTTMP[0", "range", 8),
        ("M:OUTTMP[0:3]{4}", "range", 13),
        ("M:OUTTMP{a}", "range", 8),
        ("M:OUTTMP[3:1]", "range", 8),
        ("M:OUTTMP@", "event", 8),
        ("M:OUTTMP@X", "event", 9),
        ("M:OUTTMP<-", "source", 10),
        ("M:OUTTMP<-FTP<-FTP", "source", 13),
    ],
)
def test_the_refusal_names_the_part_and_its_position(text: str, part: str, position: int) -> None:
    with pytest.raises(BadRequest) as refusal:
        DataRequest.parse(text)
    assert (part, position) == (refusal.value.part, refusal.value.position)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("M:OUTTMP@p,1000", "m_outtmp.READ.COMMON@P,1S,T"),
        ("M:OUTTMP", "M:OUTTMP[0]@U"),
        ("B:IRMS06[:]", "B:IRMS06{:}"),
        ("B:IRMS06[]", "B:IRMS06[0:]"),
        ("#:123", "0:123"),
        ("M:OUTTMP", "M:OUTTMP<-LIVEDATA"),
        ("M:OUTTMP<-ftp", "M:OUTTMP<-FTP"),
        ("N|LGXS", "N:LGXS.STATUS.ALL"),
        ("MY:PV.VAL@p,1000", "MY:PV.VAL@P,1S"),
    ],
)
def test_requests_that_mean_the_same_share_a_key(one: str, other: str) -> None:
    assert DataRequest.parse(one).key() == DataRequest.parse(other).key()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("M:OUTTMP@p,1000", "M:OUTTMP@q,1000"),
        ("M:OUTTMP", "M:OUTTMP@I"),
        ("M:OUTTMP", "M:OUTTMP[1]"),
        ("M:OUTTMP", "M:OUTTMP[]"),
        ("M:OUTTMP", "M:OUTTMP<-FTP"),
        ("M:OUTTMP", "M_OUTTMP"),
        ("M:OUTTMP", "M:OUTTMP.RAW"),
        ("N:H801.ANALOG.MIN", "N:H801.ANALOG.MAX"),
        ("MY:PV", "my:pv"),
        ("MY:PV", "MY:PV[0]"),
    ],
)
def test_requests_that_differ_have_keys_of_their_own(one: str, other: str) -> None:
    # the names with MY are foreign: their first part has two letters
    assert DataRequest.parse(one).key() != DataRequest.parse(other).key()


@pytest.mark.parametrize(
    ("text", "sent"),
    [
        ("m_outtmp@p,1S", "M:OUTTMP.SETTING@P,1000,TRUE"),
        ("M:OUTTMP", "M:OUTTMP.READING"),
        ("M:OUTTMP@u", "M:OUTTMP.READING"),
        ("#:12345.SET@i", "0:12345.SETTING@I"),
        ("B:IRMS06.RAW[]@q,15h,f", "B:IRMS06.READING[:].RAW@Q,67,FALSE"),
        ("N|LGXS@e,00f", "N:LGXS.STATUS@E,F,E,0"),
        ("M:OUTTMP<-livedata", "M:OUTTMP.READING"),
        ("M:OUTTMP<-ftp", "M:OUTTMP.READING<-FTP"),
        ("M:OUTTMP<-Logger:1:2", "M:OUTTMP.READING<-Logger:1:2"),
        ("MY:PV.VAL[1]@p,1s", "MY:PV.VAL[1]@P,1000,TRUE"),
    ],
)
def test_what_is_sent_is_what_every_server_understands(text: str, sent: str) -> None:
    assert sent == DataRequest.parse(text).sent()


def test_with_event_replaces_the_event_only() -> None:
    request = DataRequest.parse("M:OUTTMP[1:3].RAW")
    assert str(request.with_event(IMMEDIATE)) == "M:OUTTMP.READING[1:3].RAW@I"
    assert request == request.with_event(IMMEDIATE).with_event(DEFAULT)
    assert str(request.with_event(parse_event("P,500"))) == "M:OUTTMP.READING[1:3].RAW@P,500"


def test_a_command_goes_to_control_whatever_was_asked_for() -> None:
    assert str(DataRequest.parse("Z_ACLTST.RAW@p,1000").for_command()) == "Z:ACLTST.CONTROL@N"
    assert str(DataRequest.parse("Z|ACLTST.ON").for_command()) == "Z:ACLTST.CONTROL@N"
    assert str(DataRequest.parse("Z&ACLTST.RAW").for_command()) == "Z:ACLTST.CONTROL.RAW@N"
    assert str(DataRequest.parse("MY:PV").for_command()) == "MY:PV@N"


@pytest.mark.parametrize("text", ["M:OUTTMP", "0:123", "#:123", "M:OUTTMP<-LIVEDATA", "M:OUTTMP<-ftp"])
def test_the_gateway_serves_live_acnet_requests(text: str) -> None:
    assert DataRequest.parse(text).gateway_reason() is None


@pytest.mark.parametrize(
    ("text", "word"),
    [("MY:PV", "MY:PV"), ("M:OUTTMP ", "M:OUTTMP "), ("#_123", "0:123"), ("M:OUTTMP<-LOGGER:1:2", "LOGGER:1:2")],
)
def test_the_gateway_says_why_it_does_not_serve_a_request(text: str, word: str) -> None:
    reason = DataRequest.parse(text).gateway_reason()
    assert reason is not None
    assert word in reason


@pytest.mark.parametrize(
    "text",
    ["M:OUTTMP", "M_OUTTMP", "M:OUTTMP.RAW", "Z&ACLTST", "N@H801.MIN", "N$H801.MASK", "N@H801{0:20}.RAW",
     "B:IRMS06[0:2]@p,1000"],
)  # fmt: skip
def test_what_can_be_set_has_no_reason_against_it(text: str) -> None:
    assert DataRequest.parse(text).settable_reason() is None


@pytest.mark.parametrize(
    "text",
    ["M:OUTTMP<-LIVEDATA", "MY:PV", "M~OUTTMP", "M:OUTTMP.INDEX", "M:OUTTMP.LONG_NAME", "M:OUTTMP.ALARM_LIST_NAME",
     "N:LGXS.BIT_STATUS.ON", "M_OUTTMP.MIN", "M:OUTTMP.MAX", "M_OUTTMP.UNITS", "N@H801", "N$H801", "N@H801.TEXT",
     "N@H801.STATUS<-FTP", "N:H801.ANALOG.STATUS", "N:H801.DIGITAL.TRIES_NOW", "N@H801.ABORT", "N|LGXS.ON", "N|LGXS"],
)  # fmt: skip
def test_what_cannot_be_set_is_refused_in_one_sentence(text: str) -> None:
    reason = DataRequest.parse(text).settable_reason()
    assert reason
    assert "\n" not in reason


def test_a_status_request_may_be_set_by_its_write_form() -> None:
    assert DataRequest.parse("N|LGXS").for_writing().settable_reason() is None


def test_the_event_of_a_request_is_the_default_when_none_is_written() -> None:
    assert DataRequest.parse("M:OUTTMP").event == DEFAULT
    assert DataRequest.parse("M:OUTTMP@n").event == NEVER
    assert DataRequest.parse("M:OUTTMP") == DataRequest.parse("M:OUTTMP@U")
