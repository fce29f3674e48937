"""load: every error at once, each with file, line, key and remedy; includes; what is not built is said."""

from importlib.resources import files

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.config.backend_url import BackendUrl
from gateway.config.config import MetadataConfig
from gateway.config.problems import ConfigErrors
from gateway.core.route import Route
from tests.config.loading import HEAD, loaded


def refused(text: str, includes: dict[str, str] | None = None, environ: dict[str, str] | None = None) -> list[str]:
    with pytest.raises(ConfigErrors) as caught:
        loaded(text, includes, environ)
    return str(caught.value).splitlines()


def test_the_shipped_example_is_valid_and_works_as_written() -> None:
    config = loaded((files("gateway.config") / "example.yaml").read_text("utf-8"))

    assert config.notes == ()
    assert len(config.devices) == 5
    assert config.gateway.writes


def test_all_errors_are_found_at_once() -> None:
    text = "gatewy: {}\n" + HEAD + "  - {device: 'M:X', writeable: true, backend: dpm}\n  - {device: 'M:'}\n  - 3\n"

    assert refused(text) == [
        "gw.yaml:1: gatewy: unknown key; did you mean 'gateway'?",
        "gw.yaml:4: writeable: unknown key; did you mean 'writable'?",
        "gw.yaml:5: device: invalid data request 'M:': name at position 0: a name has at least three characters, for "
        "example M:OUTTMP",
        "gw.yaml:6: should be a mapping of keys, not 3",
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "gw.yaml: backends: is required and absent"),
        ("- 1\n", "gw.yaml:1: a configuration is a mapping with the keys gateway, backends and devices; this is none"),
        ("a: [\n", "gw.yaml:2: is no YAML"),
        ("backends: {a: {url: 'sim:'}}\ndevices: {device: 'M:X'}\n", "gw.yaml:2: devices: is a list"),
        ("backends: 3\n", "gw.yaml:1: backends: should be a mapping of keys, not 3"),
        ("backends: {}\n", "gw.yaml:1: backends: needs at least one entry"),
        ("backends: {a: {url: 'dpm+http:'}}\n", "gw.yaml:1: backends.a.url: 'dpm+http:': the host is absent"),
    ],
)
def test_a_file_of_another_shape_is_refused(text: str, said: str) -> None:
    assert refused(text)[0].startswith(said)


def test_the_environment_overrides_and_is_named_where_it_is_wrong() -> None:
    text = "backends: {a: {url: 'sim:'}}\n"

    assert loaded(text, environ={"ACGATE__GATEWAY__WRITES": "on"}).gateway.writes
    assert refused(text, environ={"ACGATE__GATEWAY__WRITES": "maybe"}) == [
        "environment variable ACGATE__GATEWAY__WRITES: gateway.writes: is on or off, not 'maybe'"
    ]


def test_a_csv_file_brings_devices_with_their_own_places() -> None:
    rows = 'device,event,backend,confirm.tolerance,backend.read,backend.write\nM:X,"p,100",dpm,,,\nM:Y,,,0.5,acl,dpm\n'

    config = loaded(HEAD + "  - include: d.csv\n", {"d.csv": rows})

    assert [device.place for device in config.devices] == ["d.csv:2", "d.csv:3"]
    assert config.devices[1].route.read == ("acl",)
    assert config.devices[1].entry.confirm is not None


@pytest.mark.parametrize("inner", ["- {device: 'M:X', backend: dpm}\n", "devices:\n- {device: 'M:X', backend: dpm}\n"])
def test_a_yaml_file_brings_devices_as_a_list_or_below_devices(inner: str) -> None:
    config = loaded(HEAD + "  - include: d.yaml\n", {"d.yaml": inner})

    assert config.devices[0].file == "d.yaml"


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("absent.csv", None, "gw.yaml:3: include: cannot read 'absent.csv' (No such file or directory); the name is"),
        ("d.txt", "", "gw.yaml:3: include: 'd.txt' is neither .csv nor .yaml"),
        ("d.csv", "device\nM:X\n", "d.csv:2: backend: is required where there are several backends"),
        ("d.csv", "device,writable\nM:X,perhaps\n", "d.csv:2: writable: should be true or false, not 'perhaps'"),
        ("d.csv", "devise\n", "d.csv:1: devise: unknown column; did you mean 'device'?"),
        ("d.yaml", "a: 1\n", "d.yaml:1: an included file is a list of devices"),
        ("d.yaml", "- {include: e.csv}\n", "d.yaml:1: include: an included file includes no others"),
        ("d.yaml", "- {device: 'M:X', backnd: dpm}\n", "d.yaml:1: backnd: unknown key; did you mean 'backend'?"),
        ("d.yaml", "- [", "d.yaml:2: is no YAML"),
    ],
)
def test_an_include_that_is_wrong_names_the_file_that_is(name: str, text: str | None, said: str) -> None:
    assert refused(HEAD + f"  - include: {name}\n", {} if text is None else {name: text})[0].startswith(said)


def test_an_include_has_no_other_keys() -> None:
    assert refused(HEAD + "  - {include: d.csv, event: p}\n")[0].startswith("gw.yaml:3: event: unknown key")


def test_what_this_version_lacks_is_said_and_not_ignored_silently() -> None:
    text = (
        "gateway: {http: '127.0.0.1:8080', access_file: a.acf}\n"
        "backends: {a: {url: 'dpm+http://h', auth: {kerberos: {}}}}\n"
        "metadata: {url: 'devdb+grpc://h'}\nhistory: {url: 'sqlite:///h.db'}\n"
    )

    assert list(loaded(text).notes) == [
        "gw.yaml:1: gateway.http: is not in this version and has no effect",
        "gw.yaml:4: history: is not in this version and has no effect",
    ]


@pytest.mark.parametrize(
    ("url", "auth", "reason"),
    [
        (
            "dpm+http://h",
            "jwt: {token_file: t}",
            "auth.jwt: dpm+http does not take it (credentials: Kerberos for writes",
        ),
        ("dpm+grpc://h", "kerberos: {}", "auth.kerberos: dpm+grpc does not take it (credentials: JWT for writes)"),
        ("sim:", "kerberos: {}", "auth.kerberos: sim does not take it (credentials: none)"),
    ],
)
def test_credentials_of_another_service_are_refused(url: str, auth: str, reason: str) -> None:
    (said,) = refused(f'backends: {{a: {{url: "{url}", auth: {{{auth}}}}}}}\n')
    assert said.startswith(f"gw.yaml:1: {reason}")


def test_the_device_database_is_no_backend() -> None:
    assert refused("backends: {a: {url: 'devdb+grpc://h'}}\n") == [
        "gw.yaml:1: backends.a.url: devdb+grpc describes devices and serves none; write it as metadata: {url: "
        "devdb+grpc://h}"
    ]


def test_metadata_from_the_simulator_works() -> None:
    config = loaded("backends: {a: {url: 'sim:'}}\nmetadata: {url: 'sim:'}\n")

    assert config.notes == ()
    assert config.metadata == MetadataConfig(BackendUrl.parse("sim:"), "auto", 3600.0)


def test_metadata_come_from_a_device_database_and_from_nothing_else() -> None:
    text = "backends: {a: {url: 'sim:'}}\nmetadata: {url: 'dpm+http://h', cache: off, refresh: 5}\n"

    assert refused(text) == [
        "gw.yaml:2: metadata.url: dpm+http is no device database; write for example devdb+grpc://host:50051, or sim:"
    ]


def test_ten_thousand_rows_are_loaded() -> None:
    rows = "device,event,backend\n" + "".join(f'S:D{n:05d},"p,100",dpm\n' for n in range(10_000))

    config = loaded(HEAD + "  - include: d.csv\n", {"d.csv": rows})

    assert len(config.devices) == 10_000


WORDS = """gateway backends metadata devices on_demand history name interfaces writes allow buffer url auth kerberos
jwt a b device event backend writable confirm tolerance timeout properties bits mask commands code length
text include"""
KEYS = st.sampled_from(WORDS.split())
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8),
    st.sampled_from(["M:X", "M:X[0:3]", "N|L", "p,100", "sim:", "dpm+http://h", "on", "reading", "ON", "a", "d.csv"]),
)  # fmt: skip
TREES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=6), max_leaves=20
)
ENTRIES = st.dictionaries(KEYS, TREES, max_size=8)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.fixed_dictionaries(
        {"backends": TREES | st.just({"a": {"url": "sim:"}}), "devices": st.lists(ENTRIES, max_size=3)}
    )
)
def test_whatever_is_written_is_loaded_or_refused_with_sentences(tree: dict[str, object]) -> None:
    try:
        loaded(yaml.safe_dump(tree), {"d.csv": "device\nM:Y\n"})
    except ConfigErrors as errors:
        wrong = [str(problem) for problem in errors.problems]
    else:
        wrong = []

    assert [problem for problem in wrong if not problem.startswith(("gw.yaml", "d.csv"))] == []


@pytest.mark.parametrize("key", ["<", "<name>", "<list>"])
def test_a_key_that_looks_like_our_own_inner_names_is_an_unknown_key_like_any_other(key: str) -> None:
    assert any(f"{key}: unknown key" in said for said in refused(f"'{key}': 1\n"))


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="abM:X-[]{}#&*!|>'\"%@`,?\n\t 01~<", max_size=60))
def test_any_text_is_loaded_or_refused(text: str) -> None:
    with pytest.raises(ConfigErrors):
        loaded(text)


def test_names_on_demand_have_a_route_without_writes_and_an_event() -> None:
    config = loaded(HEAD_OF_TWO + "on_demand: {allow: 'm:*', backend: [b, a], event: 'p,500'}\n")

    assert config.on_demand is not None
    assert config.on_demand.allow == ("M:*",)
    assert config.on_demand.route == Route(("b", "a"), ())
    assert config.on_demand.event.period_ms == 500


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ("{}", "gw.yaml:2: on_demand.backend: is required where there are several backends; write one of a, b"),
        ("{backend: a, event: i}", "gw.yaml:2: on_demand.event: 'I' gives no stream of readings"),
    ],
)
def test_names_on_demand_that_cannot_be_served_name_the_key(section: str, said: str) -> None:
    assert refused(HEAD_OF_TWO + f"on_demand: {section}\n")[0].startswith(said)


HEAD_OF_TWO = "backends: {a: {url: 'sim:'}, b: {url: 'sim:'}}\n"
