"""Device entries: data requests, events, routes and writing, each error with its line and remedy."""

import pytest

from gateway.config.entries import DEFAULT_EVENT
from gateway.config.problems import ConfigErrors
from gateway.core.route import Route
from tests.config.loading import loaded, with_devices


def refused(entry: str) -> str:
    with pytest.raises(ConfigErrors) as caught:
        with_devices(entry)
    return str(caught.value)


def test_a_device_without_event_is_asked_for_every_second() -> None:
    (device,) = with_devices("{device: 'M:OUTTMP', backend: dpm}").devices

    assert device.request.event == DEFAULT_EVENT
    assert str(device.request) == "M:OUTTMP.READING@P,1000,TRUE"


@pytest.mark.parametrize(
    "entry", ["{device: 'M:X@e,0f', backend: dpm}", "{device: 'M:X', event: 'e,0f', backend: dpm}"]
)
def test_the_event_stands_in_the_device_or_beside_it(entry: str) -> None:
    (device,) = with_devices(entry).devices

    assert str(device.request) == "M:X.READING@e,0f"


def test_a_length_without_range_means_the_first_elements() -> None:
    (array, text) = with_devices(
        "{device: 'B:IRMS06', length: 64, backend: dpm}", "{device: 'M:T', text: true, length: 30, backend: dpm}"
    ).devices

    assert str(array.request) == "B:IRMS06.READING[0:63]@P,1000,TRUE"
    assert str(text.request) == "M:T.READING@P,1000,TRUE"


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ("{device: 'M: X', backend: dpm}", "gw.yaml:3: device: 'M: X' holds a space; take it out"),
        (
            "{device: 'M:X[3:1]', backend: dpm}",
            "gw.yaml:3: device: invalid data request 'M:X[3:1]': range at position 3",
        ),
        ("{device: 'MY:PV', backend: dpm}", "is no ACNET device name"),
        ("{device: 'N~H801', backend: dpm}", "DESCRIPTION has no PVs; name READING, SETTING, STATUS, CONTROL"),
        ("{device: 'N@H801.MAX', backend: dpm}", "the field MAX of ANALOG has no PV of its own; leave it out"),
        ("{device: 'N|LGXS.ON', backend: dpm}", "the field ON of STATUS has no PV of its own; leave it out"),
        ("{device: 'M:X', event: 'x', backend: dpm}", "gw.yaml:3: event: invalid event 'x'"),
        ("{device: 'M:X@p,100', event: 'p,200', backend: dpm}", "the event stands in the device 'M:X@p,100' too"),
        ("{device: 'M:X', event: 'i', backend: dpm}", "gives no stream of readings; write for example p,1000"),
        ("{device: 'M:X', event: 'u', backend: dpm}", "gives no stream of readings"),
        ("{device: 'M:X'}", "is required where there are several backends; write one of dpm, acl"),
        ("{device: 'M:X', backend: dpn}", "gw.yaml:3: backend: unknown backend 'dpn'; did you mean 'dpm'?"),
        ("{device: 'M:X', backend: {read: dpm, write: dpn}}", "unknown backend 'dpn'"),
        ("{device: 'M:X', backend: [dpm, dpn]}", "unknown backend 'dpn'"),
        (
            "{device: 'M:X', backend: acl, writable: true}",
            "M:X is writable, but 'acl' (acl+https) cannot write; route writes to 'dpm' (dpm+http)",
        ),
        (
            "{device: 'M:X', backend: {read: dpm, write: [dpm, acl]}, writable: true}",
            "gw.yaml:3: writable: M:X is writable, but 'acl' (acl+https) cannot write",
        ),
        ("{device: 'M:X', backend: [dpm, acl, dpm]}", "gw.yaml:3: backend: 'dpm' stands twice; leave one out"),
        ("{device: 'M:X', backend: []}", "gw.yaml:3: backend: needs at least one entry"),
        ("{device: 'M:X<-LIVEDATA', backend: dpm, writable: true}", "a request with a source cannot be set"),
    ],
)
def test_what_cannot_be_is_refused_with_place_and_remedy(entry: str, said: str) -> None:
    assert said in refused(entry)


def test_reading_and_writing_may_go_different_ways() -> None:
    (device,) = with_devices("{device: 'M:X', writable: true, backend: {read: acl, write: dpm}}").devices

    assert device.route == Route(("acl",), ("dpm",))


@pytest.mark.parametrize(
    ("written", "route"),
    [
        ("[dpm, acl]", Route(("dpm", "acl"), ("dpm",))),
        ("'acl, dpm'", Route(("acl", "dpm"), ("dpm",))),
        ("{read: [acl, dpm], write: dpm}", Route(("acl", "dpm"), ("dpm",))),
        ("acl", Route(("acl",), ())),
    ],
)
def test_of_a_list_those_that_can_write_are_asked_to_in_its_order(written: str, route: Route) -> None:
    (device,) = with_devices(f"{{device: 'M:X', backend: {written}}}").devices

    assert device.route == route


def test_where_no_backend_can_write_the_schemes_that_can_are_named() -> None:
    with pytest.raises(ConfigErrors, match="none of the configured backends can; schemes that can are dpm\\+http, "):
        loaded("backends: {a: {url: 'acl+https://h/acl.pl'}}\ndevices: [{device: 'M:X', writable: true}]")


def test_a_service_that_is_no_source_of_readings_is_no_route() -> None:
    with pytest.raises(ConfigErrors, match="'a' \\(devdb\\+grpc\\) cannot read; route it to 'b' \\(sim\\)"):
        loaded("backends: {a: {url: 'devdb+grpc://h'}, b: {url: 'sim:'}}\ndevices: [{device: 'M:X', backend: [b, a]}]")


def test_a_service_that_answers_nobody_without_credentials_is_no_route_for_a_gateway_that_has_none() -> None:
    text = "backends: {{q: {{url: 'dmq://h'{auth}}}}}\ndevices: [{{device: 'M:X'}}]"

    with pytest.raises(ConfigErrors, match="M:X: 'q' \\(dmq\\) has no credentials, and the service answers nobody"):
        loaded(text.format(auth=""))
    assert loaded(text.format(auth=", auth: {kerberos: {}}")).devices[0].route == Route(("q",), ("q",))
    simulated = text.replace("dmq://h", "dmq://h/?unsigned=yes")
    assert loaded(simulated.format(auth="")).devices[0].route == Route(("q",), ("q",))


def test_the_only_backend_needs_no_mention() -> None:
    config = loaded("backends: {a: {url: 'sim:'}}\ndevices: [{device: 'M:X'}]")

    assert config.devices[0].route == Route(("a",), ("a",))


def test_what_works_otherwise_than_written_is_noted_once() -> None:
    config = with_devices(
        "{device: 'M:X', event: 'p,10', backend: dpm}",
        "{device: 'M:Y', event: 'p,10', backend: dpm}",
        "{device: 'M:Z[0:40000]', backend: [dpm]}",
    )

    notes = [note for note in config.notes if "acl+https" not in note]
    assert len(notes) == 2
    assert "'p,10' is faster than the 67 ms" in "\n".join(notes)
    assert "M:Z[0:40000]: the server knows array indices up to 32767" in "\n".join(notes)


def test_a_writable_device_of_an_unusable_backend_is_told_of_the_backend_only() -> None:
    with pytest.raises(ConfigErrors) as caught:
        loaded("backends: {a: {url: 'dpn:'}}\ndevices: [{device: 'M:X', writable: true}]")

    assert len(caught.value.problems) == 1


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        (
            "{device: 'M:X', backend: acl, event: 'p,500'}",
            "gw.yaml:3: event: 'acl' (acl+https): 'p,500' is faster than the 1 s at which this backend is polled; "
            "write p,1000, or period=SECONDS in its URL",
        ),
        ("{device: 'M:X', backend: [dpm, acl], event: 'e,02'}", "'e,02' cannot be watched by polling"),
    ],
)
def test_what_a_polled_backend_cannot_keep_is_refused_with_the_reason(entry: str, said: str) -> None:
    assert said in refused(entry)


def test_a_polled_backend_is_polled_at_its_floor() -> None:
    (device,) = with_devices("{device: 'M:X', backend: acl, event: 'p,1000'}").devices
    assert device.request.event.period_ms == 1000
