"""The README and the pages of docs/ say what the program does: their snippets are run, their tables compared."""

import json
import os
import re
import shlex
import subprocess
import sys
import urllib.request
from argparse import ArgumentParser
from collections.abc import Iterator, Mapping
from configparser import RawConfigParser
from contextlib import ExitStack
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path

import pytest

from gateway.app import cli
from gateway.app.adapters import open_any
from gateway.app.commands.demo import welcome
from gateway.app.compose import Gateway, Ready
from gateway.app.figures import figures
from gateway.app.metadata import Home, open_metadata
from gateway.app.rules import rules_of
from gateway.config import gateway_section, models
from gateway.config.backend_url import BackendUrl
from gateway.config.config import MetadataConfig
from gateway.config.drive_section import DriveSection
from gateway.config.freeze_section import FreezeSection
from gateway.config.gateway_section import GatewaySection
from gateway.config.group_section import GroupSection
from gateway.config.load import load
from gateway.config.policy_section import PolicySection
from gateway.config.scalars import Section
from gateway.core.errors import BadInput
from gateway.core.severity import alarm_of
from gateway.core.status import Status
from gateway.plan.alarm_parts import ANALOG, DIGITAL
from gateway.plan.build import build_plan
from gateway.plan.model import Role
from gateway.runtime.clock import SystemClock
from iocs.environment import ca_settings
from iocs.guard import Guard
from simulator.facility import load_facility, shipped_facility
from tests.house.programs import Running, free_port, start
from tests.house.tree import ROOT, name

PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
DOCS = ROOT / "docs"
BIN = Path(sys.executable).parent
USUAL = {
    "dpm_http": "127.0.0.1:6802", "dpm_grpc": "127.0.0.1:50051", "devdb": "127.0.0.1:50052",
    "acl": "http://127.0.0.1:8081/cgi-bin/acl.pl",
}  # fmt: skip  # where the simulated services are when nobody else is there
BLOCK = re.compile(r"^```(\w*)[ ]?([^\n]*)\n(.*?)^```$", re.M | re.S)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
CHECKED = {"console", "csv", "ini", "python", "sh", "text", "yaml"}
NUMBER = re.compile(r"[-+]?[0-9]+(\.[0-9]*)?(e[-+]?[0-9]+)?")


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block of a page."""

    page: str
    language: str
    marks: tuple[str, ...]  # the words behind the language
    text: str

    @property
    def file(self) -> str:
        """The name that the page gives it as a file, or an empty text."""
        return next((mark.removeprefix("file=") for mark in self.marks if mark.startswith("file=")), "")


def blocks(page: Path) -> list[Block]:
    """The fenced blocks of a page."""
    found = BLOCK.findall(page.read_text("utf-8"))
    return [Block(name(page), language, tuple(marks.split()), text) for language, marks, text in found]


ALL = [block for page in PAGES for block in blocks(page)]
FILES = {block.file: block.text for block in ALL if block.file}


@dataclass(slots=True)
class Places:
    """Where the demo (`demo`) and the reader's own gateway (`own`) listen, and the folder of the reader's files."""

    folder: Path
    ca: dict[str, int] = field(default_factory=dict)
    pvs: dict[str, int] = field(default_factory=dict)  # how many there are
    instead: dict[str, dict[str, str]] = field(default_factory=dict)  # what stands for the addresses of the pages

    def put(self, kind: str, text: str) -> str:
        """The text with the addresses that really listen."""
        for usual, real in self.instead[kind].items():
            text = text.replace(usual, real)
        return text

    def environment(self, kind: str) -> dict[str, str]:
        """That of a reader's terminal."""
        return {
            **os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": str(ROOT),
            "EPICS_CA_SERVER_PORT": str(self.ca[kind]), "EPICS_CA_ADDR_LIST": "127.0.0.1",
            "EPICS_CA_AUTO_ADDR_LIST": "NO", "OPHYD_CONTROL_LAYER": "pyepics",
        }  # fmt: skip


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Places]:
    """The demo, the simulator and the reader's own gateway, as the pages start them, on free ports."""
    folder = tmp_path_factory.mktemp("reader")
    found = Places(folder)
    with ExitStack() as running:

        def begun(*words: str, **environment: str) -> Running:
            return running.enter_context(start(folder, words, environment))

        demo = begun("demo", EPICS_CAS_SERVER_PORT=str(free_port()))
        simulated = begun("simulate", "--dpm-http-port", "0", "--acl-port", "0", "--control-port", "0")
        control = str(simulated.ready["control"]).removeprefix("http://")
        found.instead["demo"] = {"127.0.0.1:6802": str(demo.ready["dpm_http"])}
        found.instead["own"] = {
            "127.0.0.1:6802": str(simulated.ready["dpm_http"]),
            "127.0.0.1:8889": control,
            "127.0.0.1:8081": str(simulated.ready["acl"]).removeprefix("http://").partition("/")[0],
        }
        for file, text in FILES.items():
            (folder / file).write_text(found.put("own", text), "utf-8")
        own = begun("run", "gateway.yaml", EPICS_CAS_SERVER_PORT=str(free_port()))
        found.pvs = {"demo": int(demo.ready["pvs"]), "own": int(own.ready["pvs"])}
        found.ca = {"demo": int(demo.ready["ca_port"]), "own": int(own.ready["ca_port"])}
        yield found


def test_every_snippet_is_of_a_kind_that_is_checked() -> None:
    assert [f"{block.page}: {block.language}" for block in ALL if block.language not in CHECKED] == []
    assert {block.marks[0] for block in ALL if block.language == "console" and block.marks} <= {"demo", "own", "shown"}
    assert [block.page for block in ALL if block.language == "console" and not block.marks] == []


def test_links_lead_to_pages_and_headings_that_exist() -> None:
    broken = []
    for page in PAGES:
        for target in LINK.findall(BLOCK.sub("", page.read_text("utf-8"))):
            file, _, heading = target.partition("#")
            if file.startswith(("http://", "https://")):
                continue
            place = (page.parent / file).resolve() if file else page
            if not place.exists() or (heading and heading not in headings(place)):
                broken.append(f"{name(page)}: {target}")

    assert broken == []


def headings(page: Path) -> set[str]:
    """The anchors of a page, as GitHub makes them."""
    titles = re.findall(r"^#+ (.*)$", BLOCK.sub("", page.read_text("utf-8")), re.M)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def test_every_page_is_reached_from_the_index() -> None:
    reached, waiting = set(), [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        reached.add(page)
        for target in LINK.findall(page.read_text("utf-8")):
            place = (page.parent / target.partition("#")[0]).resolve()
            if place.suffix == ".md" and place.exists() and place not in reached:
                waiting.append(place)

    assert [name(page) for page in PAGES if page not in reached] == []


@pytest.mark.parametrize("block", [b for b in ALL if b.language == "yaml"], ids=lambda block: block.page)
def test_yaml_snippets_are_what_they_say(block: Block) -> None:
    if block.file in ("facility.yaml", "guarded.yaml"):
        assert load_facility(block.text, block.file).devices
        return
    config = load(block.text, block.page, {}, lambda file: FILES[file])
    plan, warnings = build_plan(config, {})

    assert plan.devices
    assert [*config.notes, *warnings] == []


def test_units_of_systemd_name_a_command_that_exists() -> None:
    (block,) = [block for block in ALL if block.language == "ini"]
    unit = RawConfigParser()
    unit.read_string(block.text)

    check_words(shlex.split(unit["Service"]["ExecStart"])[1:])


@pytest.mark.parametrize("block", [b for b in ALL if b.language == "sh"], ids=lambda block: block.page)
def test_shell_snippets_can_be_parsed_and_name_files_that_exist(block: Block) -> None:
    subprocess.run(["bash", "-n", "-c", block.text], check=True)

    for word in re.findall(r"\bdocker/\S+", block.text):
        assert (ROOT / word).exists(), word


def check_words(words: list[str]) -> None:
    """Whether `acgate` understands these words; nothing is done."""
    parser = ArgumentParser()
    assert words[0] in cli.COMMANDS
    import_module(f"gateway.app.commands.{words[0]}").add_options(parser)
    parser.parse_args(words[1:])


@pytest.mark.parametrize(
    "block", [b for b in ALL if b.language == "console" and b.marks == ("shown",)], ids=lambda b: b.page
)
def test_commands_that_are_only_shown_are_understood(block: Block) -> None:
    for line in block.text.splitlines():
        words = shlex.split(line.removeprefix("$ "))
        if line.startswith("$ ") and words[0] == "acgate":
            check_words(words[1:])


@pytest.mark.parametrize(
    "page", [page for page in PAGES if any(b.marks[:1] in (("demo",), ("own",)) for b in blocks(page))], ids=name
)
def test_what_the_page_shows_is_what_is_printed(page: Path, places: Places) -> None:
    for block in blocks(page):
        if block.language == "console" and block.marks[0] != "shown":
            for command, shown in dialogue(block.text):
                if shown[-1:] == ["^C"]:
                    del shown[-1]
                    command += " --duration 3"
                printed = carry_out(command, block.marks[0], places)
                assert agrees(shown, printed), f"{name(page)}: {command}\n{printed}"


def dialogue(text: str) -> list[tuple[str, list[str]]]:
    """Each command of a console, and the lines that are shown below it."""
    found: list[tuple[str, list[str]]] = []
    for line in text.splitlines():
        if line.startswith("$ "):
            found.append((line.removeprefix("$ "), []))
        else:
            found[-1][1].append(line)
    return found


def carry_out(command: str, kind: str, places: Places) -> str:
    """What a reader sees who types the command; without the line by which caproto's monitor says that it ends."""
    command = places.put(kind, command)
    words = shlex.split(command)
    environment = places.environment(kind)
    if words[0] in ("source", "export"):
        return ""
    if words[0] == "curl":
        body = words[words.index("-d") + 1].encode() if "-d" in words else None
        with urllib.request.urlopen(words[-1], body, timeout=10) as answer:
            return str(answer.read().decode())
    while "=" in words[0]:
        key, _, value = words.pop(0).partition("=")
        environment[key] = value
    if words[0] == "acgate":
        words[:1] = [sys.executable, "-m", "gateway"]
    elif words[0].startswith("caproto-"):
        words.insert(1, "--no-repeater")
    done = subprocess.run(
        words, cwd=places.folder, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    lines = [line.rstrip("\0") for line in done.stdout.splitlines() if not line.startswith("<VirtualCircuit")]
    return "\n".join(lines) + (done.stderr if done.returncode else "")


def agrees(shown: list[str], printed: str) -> bool:
    """Whether all lines that are shown were printed; numbers, blanks and order may differ.

    Without a line `...` nothing else was printed.
    """
    wanted = {pattern(line) for line in shown if line != "..."}
    got = {pattern(line) for line in printed.splitlines() if line.strip()}
    return wanted <= got if "..." in shown else wanted == got


def pattern(line: str) -> str:
    """A line without what changes from time to time."""
    return re.sub("#+", "#", NUMBER.sub("#", " ".join(line.split())))


def test_the_readme_shows_what_the_demo_prints(places: Places) -> None:
    (block,) = [block for block in ALL if block.marks == ("welcome",)]

    assert welcome(Ready(5064, places.pvs["demo"]), USUAL) + "\n" == block.text


def test_the_first_steps_show_what_run_and_simulate_print(places: Places) -> None:
    page = (DOCS / "tutorials" / "first-steps.md").read_text("utf-8")

    assert f"acgate: {places.pvs['own']} PVs on Channel Access port 5064; Ctrl-C ends it\n" in page
    assert f"\n{len(shipped_facility().devices)} simulated devices; Ctrl-C ends it\n" in page


@pytest.mark.parametrize("command", ["", *cli.COMMANDS])
def test_the_page_of_commands_says_what_help_says(command: str) -> None:
    marks = ("help", command) if command else ("help",)
    (block,) = [block for block in ALL if block.marks == marks]
    words = [sys.executable, "-m", "gateway", *marks[1:], "--help"]
    printed = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60).stdout

    assert squeezed(block.text) == squeezed(printed)


def squeezed(text: str) -> str:
    """Without the line breaks that the width of a terminal makes; argparse may break words at hyphens, too."""
    return re.sub(r"\s+", "", text)


SECTIONS: Mapping[str, type[Section]] = {
    "## The file": models.ConfigFile, "## gateway": gateway_section.GatewaySection,
    "`failover`:": gateway_section.FailoverSection, "`limits`:": gateway_section.LimitsSection,
    "`audit`:": gateway_section.AuditSection,
    "A mapping of names to:": models.BackendSection,
    "| key of `kerberos`": models.Kerberos, "| key of `jwt`": models.Jwt, "## metadata": models.MetadataSection,
    "A list. A device:": models.DeviceEntry, "An include:": models.IncludeEntry, "`backend`, split:": models.ReadWrite,
    "`drive`:": DriveSection, "`confirm`:": models.ConfirmSection, "An entry of `bits`:": models.BitSection,
    "An entry of `commands`:": models.CommandSection, "## on_demand": models.OnDemandSection,
    "## history": models.HistorySection, "## freeze": FreezeSection,
    "## groups": GroupSection, "## policies": PolicySection,
}  # fmt: skip


@pytest.mark.parametrize("heading", SECTIONS)
def test_the_page_of_the_configuration_has_every_key_and_its_default(heading: str) -> None:
    page = (DOCS / "reference" / "configuration.md").read_text("utf-8")
    table = page[page.index(heading) :]
    table = table[table.index("\n| ---") :].split("\n\n")[0]
    rows = dict(re.findall(r"^\| `(\w+)` \| (.*?) \|", table, re.M))
    fields = SECTIONS[heading].model_fields

    assert sorted(fields) == sorted(rows)
    for key, said in rows.items():
        default = fields[key].default
        if fields[key].is_required():
            assert said == "required", key
        elif isinstance(default, float | int) and not isinstance(default, bool):
            assert float(said) == default, key
        else:
            assert said != "required", key


def test_the_page_of_severities_is_the_table_of_the_program() -> None:
    page = (DOCS / "reference" / "severity.md").read_text("utf-8")
    row = re.compile(r"^\| `(\w+)` \| .*? \| \w+ (\d+)/(-?\d+) \| (\S+) \| (\S+) \|$", re.M)
    rows = row.findall(page)

    assert len(rows) == 15
    for category, facility, number, _, without in rows:
        status = Status(int(facility), int(number))
        assert status.category == category
        assert str(alarm_of(status, has_value=False, had_value=True)) == without, category
    statuses = [Status(f, n) for f in range(256) for n in range(1, 128)]
    with_value = {status.category: str(alarm_of(status, has_value=True, had_value=True)) for status in statuses}
    for category, _, _, said, _ in rows:
        assert with_value.get(category, "-") == said, category


def test_the_page_of_pvs_has_every_pv_of_devices_and_gateway() -> None:
    page = (DOCS / "reference" / "pvs.md").read_text("utf-8")
    parts = {Role.STATUS_BIT: ["name"], Role.ANALOG: [part.name for part in ANALOG]}
    parts[Role.DIGITAL] = [part.name for part in DIGITAL]
    for role in Role:
        for part in parts.get(role, [""]):
            suffix = f":{role.value}{part}" if role is not Role.READING else ""
            assert f"| `X{suffix}` |" in page, role
    clock = SystemClock()
    text = 'backends: {name: {url: "sim:"}, a: {url: "sim:"}, b: {url: "sim:"}}\ndevices:\n'
    text += '  - {device: "M:OUTTMP", backend: name}\n  - {device: "G:AMANDA", backend: [a, b]}\n'
    config = load(text, "text", {}, str)
    backends = {name: open_any(name, backend.url, clock, str) for name, backend in config.backends.items()}
    guard = Guard(rules_of(GatewaySection(), ROOT), clock)
    try:
        metadata = open_metadata(MetadataConfig(BackendUrl.parse("sim:"), "off", 0), Home("GW1", ROOT), clock, {}, str)
        settings = ca_settings({}, (), (), 0)
        gateway = Gateway(build_plan(config, {})[0], backends, clock, settings, guard, metadata=metadata)
        names = figures(gateway)
    finally:
        for backend in backends.values():
            backend.close()
    names = {name for name in names if not name.startswith(("BACKEND:a:", "BACKEND:b:"))}

    assert set(re.findall(r"^\| `GW1:(\S+)` \|", page, re.M)) == names


def test_the_page_of_the_environment_has_every_variable() -> None:
    page = (DOCS / "reference" / "environment.md").read_text("utf-8")
    server = page[: page.index("## EPICS clients")]
    source = "".join((ROOT / file).read_text("utf-8") for file in ("iocs/environment.py", "gateway/app/cli.py"))
    wanted = set(re.findall(r"EPICS_[A-Z_]+|ACGATE_[A-Z]+", source))

    assert wanted - set(re.findall(r"EPICS_[A-Z_]+|ACGATE_[A-Z]+", server)) == set()
    assert set(re.findall(r"^\| `(EPICS_[A-Z_]+)`", server, re.M)) <= wanted


def test_the_page_of_protocols_names_every_codec() -> None:
    page = (DOCS / "reference" / "protocols.md").read_text("utf-8")
    for module in sorted((ROOT / "gateway" / "wire").glob("*.py")):
        if module.stem != "__init__":
            assert f"`wire/{module.name}`" in page
    for module in re.findall(r"`((?:wire|core)/\w+\.\w+)`", page):
        assert (ROOT / "gateway" / module).exists(), module


def test_the_pages_name_modules_that_exist() -> None:
    rooms = [path.name for path in sorted((ROOT / "gateway").iterdir()) if path.is_dir()]
    for page in PAGES:
        for module in re.findall(r"`([a-z]\w*/[\w/]+\.(?:py|txt|yaml))`", page.read_text("utf-8")):
            place = ROOT / "gateway" / module if module.split("/")[0] in rooms else ROOT / module
            assert place.exists(), f"{name(page)}: {module}"


def test_an_error_in_a_snippet_would_be_seen() -> None:
    text = FILES["gateway.yaml"].replace("writes: on", "wrties: on")

    with pytest.raises(BadInput, match="wrties: unknown key; did you mean 'writes'"):
        load(text, "gateway.yaml", {}, str)
    assert not agrees(["M:OUTTMP [1]"], "M:OUTTMP [1]\nmore\n")
    assert agrees(["M:OUTTMP [1]", "..."], "M:OUTTMP   [22.5]\nmore\n")
    assert json.loads('{"a": 1}') == {"a": 1}
