"""The facility file: YAML text -> device specifications (pure). The shipped facility.yaml shows every key."""

import dataclasses

import yaml

from gateway.core.device_info import Command, PropertyInfo, StatusBit
from gateway.core.drf import DataRequest, Property
from gateway.core.drf_events import parse_event
from gateway.core.errors import BadConfig, BadInput
from gateway.core.status import OK, Status
from simulator.device_spec import (
    NAN,
    STANDARD_BITS,
    STANDARD_COMMANDS,
    AnalogSpec,
    Behaviour,
    CommandSpec,
    DeviceSpec,
    DigitalSpec,
    Scale,
    Settle,
    StatusSpec,
)
from simulator.models import KINDS, Constant, Model, Sum, replay, seeded
from simulator.permissions import Permissions, parse_permissions
from simulator.raw import RAW_TYPES
from simulator.yaml_section import Section, root

_LONGEST = 1_000_000  # elements: 8 MB, more than one message of gRPC holds by default
_BEHAVIOURS = {behaviour.value: behaviour for behaviour in Behaviour}
_FULL_WORD = 0xFFFFFFFF


def parse_facility(text: str, file: str) -> tuple[tuple[DeviceSpec, ...], Permissions]:
    """The devices of a facility file in order, and who may set them; BadConfig names file, line and key."""
    top = root(text, file)
    specs: dict[str, DeviceSpec] = {}
    indices: dict[int, str] = {}
    for place, node in enumerate(top.items("devices"), 1):
        section = Section(node, file, f"device {place}")
        spec = _device(section, place)
        if spec.name in specs:
            raise section.wrong(f"{spec.name} stands here twice; every device has one entry", "name")
        if spec.index in indices:
            raise section.wrong(f"{indices[spec.index]} has the index {spec.index} too; every device has its own")
        specs[spec.name], indices[spec.index] = spec, spec.name
    permissions = parse_permissions(top.section("permissions"))
    top.finish()
    return tuple(specs.values()), permissions


def _device(section: Section, place: int) -> DeviceSpec:
    name = _name(section)
    length = section.whole("length", 1, 1, _LONGEST)
    is_text = section.has("texts")
    info = _property(section, length, is_text)
    reading = info if section.flag("reading", True) and (is_text or section.has("units")) else None
    setting = info if section.has("setting") else None
    status = _status(section.section("status"))
    spec = DeviceSpec(
        name=name,
        index=section.whole("index", 100_000 + place),
        description=section.text("description"),
        long_name=section.text("long_name"),
        alarm_list=section.text("alarm_list"),
        event=_event(section),
        model=_model(section, place),
        reading=reading,
        setting=setting,
        initial=section.numbers("setting") if setting and not is_text else (),
        texts=section.texts("texts") if is_text else (),
        initial_texts=section.texts("setting") if setting and is_text else (),
        text_size=section.whole("text_size", 16, 1, 4096),
        scale=_scale(section.section("scale")),
        settle=_settle(section),
        behaviour=section.choice("behaviour", _BEHAVIOURS, Behaviour.FOLLOW),
        refusal=_refusal(section),
        offset=section.number("offset", 0.0),
        silent=section.flag("silent"),
        status=status,
        commands=_commands(section, status),
        analog=_analog(section.section("analog")),
        digital=_digital(section.section("digital")),
        protection=section.whole("protection", 0, 0, _FULL_WORD),
    )
    section.finish()
    _check(section, spec)
    return spec


def _check(section: Section, spec: DeviceSpec) -> None:
    """What keys ask of each other."""
    if spec.analog and (spec.reading is None or spec.reading.text):
        raise section.wrong("an analog alarm needs a reading in numbers; give `units`", "analog")
    if spec.digital and spec.status is None:
        raise section.wrong("a digital alarm needs a `status`", "digital")
    if len(spec.initial) not in (0, 1, spec.setting.length if spec.setting else 0):
        raise section.wrong("give one number, or as many as `length` says", "setting")
    if spec.texts and not set(spec.initial_texts) <= set(spec.texts):
        raise section.wrong("the text is none of `texts`", "setting")


def _name(section: Section) -> str:
    name = section.text("name")
    try:
        request = DataRequest.parse(name)
    except BadInput as error:
        raise section.wrong(str(error), "name") from None
    if request.property is not Property.READING or request.device != name:
        raise section.wrong(f"{name!r} is no device name; write it in capitals with a colon, as M:OUTTMP", "name")
    return name


def _property(section: Section, length: int, is_text: bool) -> PropertyInfo:
    limits = section.numbers("limits") if section.has("limits") else (NAN, NAN)
    if len(limits) != 2:
        raise section.wrong("write [low, high]", "limits")
    precision = section.whole("precision", 3, 0, 15)
    return PropertyInfo(length, is_text, section.text("units"), limits[0], limits[1], precision)


def _event(section: Section) -> str:
    text = section.text("event", "p,1000")
    try:
        parse_event(text)
    except BadInput as error:
        raise section.wrong(str(error), "event") from None
    return text


def _refusal(section: Section) -> Status:
    text = section.text("refusal")
    try:
        return Status.parse(text) if text else OK
    except BadInput as error:
        raise section.wrong(str(error), "refusal") from None


def _model(section: Section, place: int) -> Model:
    parts = [_one_model(Section(node, section.file, "model")) for node in section.items("model")]
    if not parts:
        return Constant()
    return seeded(parts[0] if len(parts) == 1 else Sum(tuple(parts)), 1 + 100 * place)


def _one_model(section: Section) -> Model:
    kind = section.text("kind")
    if kind == "replay":
        text = section.text("csv")
        section.finish()
        try:
            return replay(text)
        except ValueError as error:
            raise section.wrong(str(error), "csv") from None
    if kind not in KINDS:
        raise section.wrong(f"{kind!r} is none of {', '.join((*KINDS, 'replay'))}", "kind")
    numbers = {}
    for field in dataclasses.fields(KINDS[kind]):  # type: ignore[arg-type]  # every model is a dataclass
        if section.has(field.name) and field.name != "seed":
            numbers[field.name] = section.number(field.name, 0.0)
            if field.name in ("period_s", "step_s") and numbers[field.name] <= 0:
                raise section.wrong("write seconds above 0", field.name)
    section.finish()
    return KINDS[kind](**numbers)


def _scale(section: Section | None) -> Scale:
    if section is None:
        return Scale()
    scale = Scale(
        raw=section.choice("raw", {name: name for name in RAW_TYPES}, "float32"),
        step=section.number("step", 1.0),
        slope=section.number("slope", 1.0),
        offset=section.number("offset", 0.0),
        primary_units=section.text("primary_units", "V"),
        none=section.flag("none"),
    )
    section.finish()
    if scale.step == 0 or scale.slope == 0:
        raise section.wrong("step and slope must not be 0")
    return scale


def _settle(section: Section) -> Settle:
    settle = Settle(
        section.number("settle", 0.0), section.choice("settle_shape", {"linear": True, "first": False}, False)
    )
    if settle.seconds < 0:
        raise section.wrong("write seconds, 0 or more", "settle")
    return settle


def _status(section: Section | None) -> StatusSpec | None:
    if section is None:
        return None
    length = section.whole("length", 2, 1, 4)
    if length == 3:
        raise section.wrong("a status word has 1, 2 or 4 bytes", "length")
    bits: list[StatusBit] = []
    for node in section.items("bits"):
        bits.append(_bit(node, section, 5 + sum(bit.order >= 5 for bit in bits)))
    spec = StatusSpec(length, section.whole("word", 0, 0, (1 << 8 * length) - 1), tuple(bits), section.flag("fault"))
    section.finish()
    for bit in bits:
        if bit.mask >> 8 * length:
            raise section.wrong(f"the mask of {bit.name} is wider than the word", "bits")
    return spec


def _bit(node: yaml.Node, parent: Section, order: int) -> StatusBit:
    if isinstance(node, yaml.ScalarNode):
        for place, (name, true_text, false_text) in enumerate(STANDARD_BITS):
            if name == node.value:
                return StatusBit(place, name, 1 << place, 1 << place, False, true_text, false_text)
        names = ", ".join(name for name, _, _ in STANDARD_BITS)
        reason = f"{node.value!r} is none of {names}; describe other bits with name, mask, on and off"
        raise BadConfig(parent.file, node.start_mark.line + 1, "bits", reason)
    section = Section(node, parent.file, "bits")
    mask = section.whole("mask", 0, 1, _FULL_WORD)
    name = section.text("name").upper()
    standard = {word: place for place, (word, _, _) in enumerate(STANDARD_BITS)}
    bit = StatusBit(
        standard.get(name, order), name, mask, section.whole("match", mask, 0, _FULL_WORD), section.flag("invert"),
        section.text("true_text", "true"), section.text("false_text", "false"),
    )  # fmt: skip
    section.finish()
    if not name or not mask:
        raise section.wrong("a bit needs a name and a mask")
    return bit


def _commands(parent: Section, status: StatusSpec | None) -> tuple[CommandSpec, ...]:
    found: list[CommandSpec] = []
    orders = {bit.name: bit.order for bit in status.bits} if status else {}
    for node in parent.items("commands"):
        if isinstance(node, yaml.ScalarNode):
            if node.value not in STANDARD_COMMANDS:
                known = ", ".join(STANDARD_COMMANDS)
                reason = f"{node.value!r} is none of {known}; describe other commands with code and name"
                raise BadConfig(parent.file, node.start_mark.line + 1, "commands", reason)
            code, order, state = STANDARD_COMMANDS[node.value]
            found.append(CommandSpec(Command(code, node.value), node.value.lower(), order, state))
            continue
        section = Section(node, parent.file, "commands")
        name = section.text("name").upper()
        bit = section.choice("bit", orders, -1)
        command = Command(section.whole("code", 0, 0, 255), name)
        found.append(
            CommandSpec(command, section.text("long_name", name), None if bit < 0 else bit, section.flag("state", True))
        )
        section.finish()
    if found and status is None:
        raise parent.wrong("commands need a `status` that they act on", "commands")
    if len({spec.command.code for spec in found}) < len(found):
        raise parent.wrong("two commands have the same code", "commands")
    return tuple(found)


def _analog(section: Section | None) -> AnalogSpec | None:
    if section is None:
        return None
    spec = AnalogSpec(
        section.number("min", 0.0), section.number("max", 0.0), section.flag("enable", True), section.flag("abort"),
        section.flag("abort_inhibit"), section.whole("tries_needed", 1, 0, 255), section.text("text"),
        section.flag("event"), section.flag("fields", True),
    )  # fmt: skip
    section.finish()
    if spec.minimum > spec.maximum:
        raise section.wrong("min is above max")
    return spec


def _digital(section: Section | None) -> DigitalSpec | None:
    if section is None:
        return None
    spec = DigitalSpec(
        section.whole("nominal", 0, 0, _FULL_WORD), section.whole("mask", 0, 0, _FULL_WORD),
        section.flag("enable", True), section.flag("abort"), section.flag("abort_inhibit"),
        section.whole("tries_needed", 1, 0, 255), section.flag("event"), section.flag("fields", True),
    )  # fmt: skip
    section.finish()
    return spec
