"""What a user gets wrong: one sentence with file, line and remedy, the right exit code, and never a traceback."""

from collections.abc import Iterator

import pytest

from tests.support.processes import Running, Site, config_of, until

BEGIN = """gateway: {{interfaces: [127.0.0.1]}}
backends: {{dpm: {{url: "dpm+http://{dpm}"}}}}
devices:
"""
CASES = {  # name: the rest of the file, the line at fault, and what is said of it
    "key": ('  - {device: "M:OUTTMP", writeable: true}\n', 4, "writeable: unknown key; did you mean 'writable'?"),
    "drf": ('  - {device: "G:AMANDA"}\n  - {device: "M:OUTTMP[5:2]"}\n', 5, "the end is before the start"),
    "event": ('  - {device: "M:OUTTMP", event: "p;1000"}\n', 4, "p;1000"),
    "duplicate": (
        '  - {device: "M:OUTTMP"}\n  - {device: "m:outtmp"}\n',
        5,
        "duplicate PV 'M:OUTTMP', first in {file}:4; give one of them a 'name'",
    ),
    "backend": ('  - {device: "M:OUTTMP", backend: dmp}\n', 4, "unknown backend 'dmp'; did you mean 'dpm'?"),
    "include": ("  - {include: absent.csv}\n", 4, "cannot read 'absent.csv' (No such file or directory)"),
}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with Site(tmp_path_factory.mktemp("bad")) as made:
        yield made


@pytest.fixture(scope="module")
def simulator(place: Site) -> Iterator[Running]:
    running = place.simulate()
    yield running
    running.end()


@pytest.fixture(scope="module")
def refused(place: Site, simulator: Running) -> dict[str, tuple[str, Running, Running]]:
    """Each bad file with `check` and with `run`, all at the same time."""
    found = {}
    for name, (text, _, _) in CASES.items():
        path = place.folder / f"{name}.yaml"
        path.write_text(BEGIN.format(dpm=simulator.said["dpm_http"]) + text, "utf-8")
        found[name] = (str(path), place.acgate("check", str(path)), place.acgate("run", str(path)))
    return found


@pytest.mark.parametrize("name", CASES)
def test_a_wrong_configuration_is_one_sentence_with_file_line_and_remedy(
    refused: dict[str, tuple[str, Running, Running]], name: str
) -> None:
    path, *commands = refused[name]
    _, line, said = CASES[name]

    for command in commands:
        assert command.wait(30) == 2, command.report()
        assert command.out == ""
        (sentence,) = command.err.splitlines()
        assert sentence.startswith(f"{path}:{line}: "), sentence
        assert said.format(file=path) in sentence


def test_a_channel_access_port_in_use_is_refused_with_a_remedy(place: Site, simulator: Running) -> None:
    config = config_of(simulator, '  - {device: "M:OUTTMP"}\n')
    first = place.run(config)
    (place.folder / "second.yaml").write_text(config, "utf-8")
    second = place.acgate("run", str(place.folder / "second.yaml"))

    assert second.wait(20) == 1, second.report()
    (sentence,) = second.err.splitlines()
    assert sentence.startswith(
        f"Channel Access port {place.ca_port} on 127.0.0.1 cannot be used: Address already in use"
    )
    assert "set EPICS_CAS_SERVER_PORT to a free port" in sentence
    first.end()


def test_a_dpm_port_in_use_is_refused_with_a_remedy(place: Site, simulator: Running) -> None:
    port = simulator.said["dpm_http"].rpartition(":")[2]
    second = place.acgate("simulate", "--dpm-http-port", port)

    assert second.wait(20) == 2, second.report()
    (sentence,) = second.err.splitlines()
    assert f"127.0.0.1:{port} (Address already in use); choose another port" in sentence


@pytest.mark.parametrize("command", ["run", "demo", "simulate"])
def test_a_ready_file_that_cannot_be_written_is_refused(place: Site, simulator: Running, command: str) -> None:
    path = place.folder / "ready.yaml"
    path.write_text(config_of(simulator, '  - {device: "M:OUTTMP"}\n'), "utf-8")
    arguments = {"run": [str(path)], "demo": [], "simulate": ["--dpm-http-port", "0"]}[command]
    refused = place.acgate(command, *arguments, "--ready-file", str(place.folder / "absent" / "ready"))

    assert refused.wait(20) == 2, refused.report()
    (sentence,) = refused.err.splitlines()
    assert "absent/ready: cannot be written (No such file or directory); name a file" in sentence


def test_an_unknown_device_is_one_invalid_pv_and_a_line_in_the_log(place: Site, simulator: Running) -> None:
    gateway = place.run(
        config_of(simulator, "".join(f'  - {{device: "{n}"}}\n' for n in ("M:OUTTMP", "Z:NOTFND", "L:Q1")))
    )
    client = place.client("live_aioca", "M:OUTTMP", "Z:NOTFND", "L:Q1", stdin=True)

    def updates(name: str) -> list[int]:
        return [line["severity"] for line in client.lines() if line.get("pv") == name]

    assert until(lambda: all(len(updates(name)) >= 3 for name in ("M:OUTTMP", "L:Q1")), 15), client.report()
    assert {*updates("M:OUTTMP"), *updates("L:Q1")} == {0}
    assert set(updates("Z:NOTFND")) == {3}
    lines = [line for line in gateway.err.splitlines() if "Z:NOTFND" in line]
    assert len(lines) == 1, gateway.err
    assert "DBM_NOPROP" in lines[0]
    client.end()
    gateway.end()
