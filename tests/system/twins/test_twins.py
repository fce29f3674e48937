"""T-01: a C IOC and acgate are told the same, and clients cannot tell them apart, but for a table that says why."""

import struct
from typing import Any

from gateway.core.severity import Severity
from gateway.core.status import OK
from tests.support.ca_client import CaClient, Channel, plain
from tests.system.twins.conftest import LOST, TWINS, WARNING, Step, Twins
from tests.system.twins.differences import check

NAN, INF = float("nan"), float("inf")
MASKS = {1: "VALUE", 2: "LOG", 4: "ALARM", 8: "PROPERTY", 5: "VALUE|ALARM"}
STREAMS = {
    "AI": [
        (1.5, OK), (1.5, OK), (2.675, WARNING), (1e7, WARNING), (-40000.25, OK), (1e17, OK), (-1e300, OK), (1e-40, OK),
        (255.7, OK), (0.995, OK), (123456.789, OK), (99.0, WARNING),
    ],
    "AID": [
        (1.0, OK), (2.0, OK), (2.5, OK), (4.0, OK), (5.0, OK), (49.0, OK), (50.0, OK), (49.5, OK), (48.0, OK),
        (None, LOST), (None, LOST), (48.0, OK), (-5.0, OK), (-4.5, OK), (-3.0, OK), (60.0, WARNING), (99.0, OK),
    ],
    "LI": [(65, OK), (65, OK), (-1, WARNING), (2**31 - 1, OK), (-(2**31), OK), (99, WARNING)],
    "BI": [(1, OK), (1, OK), (0, WARNING), (0, OK), (1, WARNING)],
    "WF": [([1.5], OK), ([1.5], OK), ([1.0, 2.0, 3.0, 4.0], WARNING), ([NAN, INF, -INF, 1e300], OK), ([99.0], WARNING)],
    "CH": [("hello", OK), ("x" * 39, OK), ("x" * 40, WARNING), ("x" * 63, OK), ("99", WARNING)],
}  # fmt: skip
LEADS = {  # struct formats of what stands before the values, by form and native type
    0: [""] * 7,
    1: ["HH", "HH", "HH", "HH", "HHx", "HH", "HH4x"],
    2: ["HHII", "HHII2x", "HHII", "HHII2x", "HHII3x", "HHII", "HHII4x"],
    3: ["HH", "HH8s6h", "HHh2x8s6f", "HHH" + "26s" * 16, "HH8s6Bx", "HH8s6i", "HHh2x8s6d"],
    4: ["HH", "HH8s8h", "HHh2x8s8f", "HHH" + "26s" * 16, "HH8s8Bx", "HH8s8i", "HHh2x8s8d"],
}


def readable(item: Any) -> Any:
    """Texts end at their NUL, and one NaN is as good as another."""
    if isinstance(item, bytes):
        return item.partition(b"\0")[0].decode("latin-1")
    if isinstance(item, list):
        return [readable(one) for one in item]
    return "nan" if item != item else item


def parsed(data_type: int, count: int, payload: bytes, stamped: bool) -> Any:
    """What a payload says; what is padding is nobody's business."""
    if data_type > 34:
        return readable([payload[at : at + 40] for at in range(8 if data_type == 37 else 0, len(payload), 40)][:1])
    form, native = divmod(data_type, 7)
    lead = ">" + LEADS[form][native]
    head = [readable(item) for item in struct.unpack_from(lead, payload)]
    if not stamped:  # of what a put brought the stamp is when that was; pythonSoftIOC leaves such records undefined
        head[: 4 if form == 2 else 2 if form else 0] = []
    return head, readable(plain(native, count, payload[struct.calcsize(lead) :]))


def answer(client: CaClient, channel: Channel, data_type: int, count: int, stamped: bool) -> Any:
    found = client.get_message(channel, data_type, count)
    if found.command == 15 and found.p1 == 1:
        return found.count if data_type < 35 else 0, parsed(found.data_type, found.count, found.payload, stamped)
    return f"failed with {found.p1 if found.command == 15 else found.p2}"


def without_lost_stamps(events: list[Any]) -> tuple[list[Any], list[Any]]:
    """The events, and apart from them the stamps of those that tell that the backend is lost."""
    lost = [about.pop("raw_stamp", None) for _, about in events if about.get("severity") == Severity.INVALID]
    return events, [stamp for stamp in lost if stamp is not None]


def test_every_mask_type_and_format_has_the_same_events(twins: Twins) -> None:
    client = twins.watch(*STREAMS)
    steps = [
        [Step(record, value, status, 0.25 * (place + 1)) for place, (value, status) in enumerate(steps)]
        for record, steps in STREAMS.items()
    ]
    for turn in range(max(map(len, steps))):
        for record in steps:
            if turn < len(record):
                twins.tell(record[turn])
    client.tell("report")
    said = client.result(60)["events"]
    found = {}
    for key, events in said.items():
        name, data_type, form, mask = key.split()
        if name.startswith("C:"):
            events, lost = without_lost_stamps(events)
            twin, kept = without_lost_stamps(said[f"{TWINS[name[2:]]} {data_type} {form} {mask}"])
            found[f"monitor {name[2:]} {data_type} {form} {MASKS[int(mask)]}"] = events, twin
            if lost:
                found[f"monitor lost {form} {MASKS[int(mask)]}"] = lost, kept
    assert 6 * 7 * 3 * 5 <= len(found)
    assert 12 < len(found["monitor AI DOUBLE TIME VALUE"][0])
    check("monitor", found)


def test_every_type_can_be_had_as_every_other_and_fails_alike(twins: Twins) -> None:
    shown = {"AI": (2.5, NAN), "LI": (-7, 70000), "BI": (0, 1), "WF": ([], [1.0, 300.5]), "CH": ("", "12")}
    found = {}
    for turn in range(2):
        for record, values in shown.items():
            twins.tell(Step(record, values[turn], after=500.0 + turn))
        for record, twin in TWINS.items():
            stamped = record not in ("AO", "MBBO", "SI")
            c, g = twins.c.create(f"C:{record}"), twins.g.create(twin)
            label = "NaN" if record == "AI" and turn else record
            for data_type in range(39):
                for count in (0, 1, c.count):
                    answers = (answer(*who, data_type, count, stamped) for who in ((twins.c, c), (twins.g, g)))
                    found[f"get {label} {data_type} {count} {turn}"] = tuple(answers)
    check("get", found)


SUFFIXES = (
    "AI.", "AI.VAL", "AI.val", "AI.VAL ", "AI$", "AI.$", "AI.VAL$", "AI[0:3]", "AI.[0:3]", "AI{}", "AI.{}", "AI.VAL{}",
    "SI.$", "SI.VAL$", "SI.DESC$[0:1]", "AI.DESC$", "AI.EGU$", "AI.RTYP$", "AI.HIHI$", "AI.NOPE",
    "AI.ZNAM", "BI.HIHI",
    "WF.[0:1]", "WF.VAL[1:2]", "WF.[0:0:1]", "WF.[-2:]", "WF.[1]", "WF.[5:6]", "WF.[2:1]", "WF.[::2]", "WF.[:2]",
    "WF.[]", "WF.[:]", "WF.[a]", "WF.[0:1][0:0]", "WF.[0.5:1]", "WF.[0:1:2:3]", "WF.[ 0 : 1 ]",
    'WF.{"arr":{"s":1,"e":2}}',
    'WF.{"arr":{"i":0}}', 'WF.{"arr":{"i":-1}}', 'WF.{"arr":{}}', 'WF.{"arr":{"s":"x"}}', 'WF.{"arr":{"q":1}}',
    'AI.{"arr":{"s":1}}', 'WF.{"arr":{"s":1},"arr":{"s":1}}', 'WF.[1:2]{"ts":{}}', 'WF.{"ts":{}}[1:2]',
    'AI.{"dbnd":{"abs":1.5}}', 'AI.{"dbnd":{"rel":5}}', 'AI.{"dbnd":{}}', 'AI.{"dbnd":{"abs":-1}}',
    'AI.{"dbnd":{"d":1,"m":"rel"}}', 'AI.{"dbnd":{"d":1,"m":"x"}}', 'AI.{"dbnd":{"d":"x"}}', 'SI.{"dbnd":{"abs":1}}',
    'BI.{"dbnd":{"abs":1}}', 'WF.{"dbnd":{"abs":1}}', 'AI.DESC{"dbnd":{"abs":1}}', 'AI.HIHI{"dbnd":{"abs":1}}',
    'AI.{"ts":{}}', 'AI.{"ts":{"x":1}}', 'AI.{"ts":1}', 'AI.{"ts":{"num":"dbl"}}', 'AI.{"sync":{}}',
    'AI.{"sync":{"m":"while","s":"red"}}', 'AI.{"nope":{}}', 'AI.{"dbnd":{"abs":1},"ts":{}}', 'AI.{"dbnd":{"abs":1}',
    "AI.{dbnd:{abs:1}}", "AI.{'dbnd':{'abs':1}}", 'AI.{"dec":{"n":2}}', 'AI.{"utag":{"M":1,"V":1}}',
)  # fmt: skip


def test_the_same_names_are_channels_of_the_same_type_and_length(twins: Twins) -> None:
    for record, value in (("AI", 2.5), ("WF", [1.0, 2.0, 3.0, 4.0]), ("BI", 1)):
        twins.tell(Step(record, value, after=600.0))
    found = {}
    for suffix in SUFFIXES:
        record = next(name for name in sorted(TWINS, key=len, reverse=True) if suffix.startswith(name))
        results = []
        for client, name in ((twins.c, f"C:{suffix}"), (twins.g, TWINS[record] + suffix[len(record) :])):
            try:
                channel = client.create(name)
            except LookupError:
                results.append("refused")
            else:
                value = readable(client.get(channel))
                results.append((channel.data_type, channel.count, str(value).replace(name.partition(".")[0], "NAME")))
        found[f"create {suffix}"] = results[0], results[1]
    check("create", found)


FIELDS = (
    "NAME DESC RTYP SCAN STAT SEVR TIME VAL UDF EGU PREC HOPR LOPR DRVH DRVL HIHI HIGH LOW LOLO HHSV HSV LSV LLSV HYST "
    "MDEL ADEL ZNAM ONAM ZSV OSV COSV ZRST ONST TWST FFST ZRVL TWVL NELM NORD FTVL ASG DISP PROC PACT PINI PHAS DTYP "
    "INP OUT ACKS ACKT TSE AMSG NAMSG UTAG MPST APST OIF IVOA NOBT"
)


def test_every_record_has_the_same_fields_of_the_same_types_and_values(twins: Twins) -> None:
    for record, value in (("AI", 2.5), ("WF", [1.0, 2.0]), ("BI", 1), ("LI", 3), ("CH", "ab")):
        twins.tell(Step(record, value, after=700.0))
    fields, rights = {}, {}
    for record, twin in TWINS.items():
        for field in FIELDS.split():
            if record in ("AO", "MBBO") and field in ("STAT", "SEVR"):  # pythonSoftIOC leaves them undefined
                continue
            results = []
            for client, pv in ((twins.c, f"C:{record}"), (twins.g, twin)):
                try:
                    channel = client.create(f"{pv}.{field}")
                except LookupError:
                    results.append(("no such field", 0))
                else:
                    text, value = client.get(channel, 0), client.get(channel)
                    about = channel.data_type, channel.count, readable(value), text
                    results.append((str(about).replace(pv, "NAME"), channel.rights))
            fields[f"field {record} {field}"] = results[0][0], results[1][0]
            if results[0][1] and results[1][1]:
                rights[f"rights {record} {field}"] = results[0][1], results[1][1]
    check("field", fields)
    check("rights", rights)


PUTS = {
    "AO": [
        *(("STRING", text) for text in ("1.5", "1.5 mA", " 2.5 ", "abc", "", "1_0", "1,5", "0x5", "inf", "nan", "5.")),
        ("STRING", "1e400"),
        ("SHORT", 7), ("ENUM", 8), ("CHAR", 9), ("LONG", -5), ("FLOAT", 2.5), ("DOUBLE", 9.5), ("DOUBLE", 99.0),
        ("DOUBLE", -99.0), ("DOUBLE", NAN), ("DOUBLE", INF),
    ],
    "MBBO": [
        *(("STRING", text) for text in ("ON", "on", "1", " 1", "OFF ", "3", "17", "bad", "1.0", "0x1", "")),
        ("ENUM", 1), ("ENUM", 2), ("ENUM", 3), ("LONG", -1), ("DOUBLE", 1.9), ("CHAR", 1), ("SHORT", 1),
    ],
    "LI": [("LONG", 5)], "BI": [("ENUM", 1), ("STRING", "on")], "AO.NAME": [("STRING", "x")],
    "AO.RTYP": [("STRING", "x")],
    "AO.DESC": [("STRING", "x" * 39), ("CHAR", 65)], "AO.EGU": [("STRING", "0123456789abcdefghij")],
    "AO.PREC": [("STRING", "4"), ("STRING", "x"), ("STRING", ""), ("DOUBLE", 5.7)],
    "AO.HHSV": [("STRING", "MAJOR"), ("STRING", "major"), ("STRING", "1"), ("ENUM", 3), ("STRING", "9"), ("ENUM", 9)],
    "AO.HIHI": [("STRING", "7.5"), ("DOUBLE", 8.5), ("LONG", 3)], "AO.MDEL": [("DOUBLE", 2.5), ("STRING", "-1")],
    "AI.SEVR": [("ENUM", 1)],
}  # fmt: skip
NAMES = ("STRING", "SHORT", "FLOAT", "ENUM", "CHAR", "LONG", "DOUBLE")


def test_puts_are_taken_and_refused_alike_and_bring_the_same_value(twins: Twins) -> None:
    found = {}
    for record, puts in PUTS.items():
        pv, dot, field = record.partition(".")
        c, g = twins.c.create(f"C:{record}"), twins.g.create(f"{TWINS[pv]}{dot}{field}")
        for name, value in puts:
            results = []
            for client, channel in ((twins.c, c), (twins.g, g)):
                if record in ("AO", "MBBO"):
                    assert client.put(channel, 0) == 1
                status = client.put(channel, value, NAMES.index(name))
                results.append((status, str(readable(client.get(channel))).replace(f"{TWINS[pv]}", f"C:{pv}")))
            found[f"put {record} {name} {value!r}"] = results[0], results[1]
    check("put", found)
