"""Reloads while the device database says other things, and while names live on demand."""

import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.wire.devdb import PropertyRecord
from iocs.fast import messages as ca
from tests.support.ca_client import CaClient, search
from tests.support.processes import HOST, Running, Site, until
from tests.system.test_metadata import Centre

OUTTMP = '  - {device: "M:OUTTMP", properties: reading}\n'
SETTABLE = '  - {{device: "Z:ACLTST", writable: true, step: {step}, properties: "reading, setting"}}\n'


class Stage:
    """A gateway with a device database that is looked at again and again, and names on demand."""

    def __init__(self, site: Site, centre: Centre, folder: Path) -> None:
        self.site, self.centre, self.path = site, centre, folder / "gateway.yaml"
        self.generation = 1
        self.write(OUTTMP)
        self.gateway: Running = site.acgate("run", str(self.path), ready=True)

    def write(self, devices: str) -> None:
        self.path.write_text(
            f"gateway: {{name: GW1, interfaces: [{HOST}], writes: on}}\n"
            f'backends: {{dpm: {{url: "dpm+http://{self.centre.dpm}"}}}}\n'
            f'metadata: {{url: "devdb+grpc://{self.centre.devdb}", cache: off, refresh: 0.1}}\n'
            f"on_demand: {{allow: ['*'], linger: 1}}\ndevices:\n{devices}"
        )

    def reload(self, devices: str) -> str:
        self.write(devices)
        self.generation += 1
        self.gateway.process.send_signal(signal.SIGHUP)
        assert until(lambda: self.value("RELOAD:GENERATION") == self.generation, 30), self.gateway.report()
        assert until(lambda: self.said().startswith("OK"), 10), self.said()
        return self.said()

    def value(self, suffix: str) -> object:
        with CaClient(self.site.ca_port) as client:
            return client.get(client.create(f"GW1:{suffix}"))

    def said(self) -> str:
        signs = self.value("RELOAD:RESULT")
        return bytes(signs if isinstance(signs, list) else [signs]).partition(b"\0")[0].decode("latin-1")

    def units(self, name: str) -> str:
        with CaClient(self.site.ca_port) as client:
            return client.get_control(client.create(name)).units


@pytest.fixture
def stage(site: Site, tmp_path: Path) -> Iterator[Stage]:
    centre = Centre()
    made = Stage(site, centre, tmp_path)
    yield made
    made.gateway.end()
    centre.close()


class Renaming:
    """The device database says other units of a device, again and again."""

    def __init__(self, centre: Centre, device: str) -> None:
        self._centre, self._device, self.last = centre, device, ""
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> "Renaming":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join(10)
        assert not self._thread.is_alive()

    def _run(self) -> None:
        number = 0
        while not self._over.wait(0.02):
            number += 1
            self.last = f"u{number}"
            setting = PropertyRecord("V", self.last, 0.0, 100.0, 10)
            self._centre.database.records.edit(self._device, setting=setting)


def test_devices_change_while_the_device_database_describes_them_otherwise(stage: Stage) -> None:
    with CaClient(stage.site.ca_port) as client:
        stays = client.create("M:OUTTMP")
        monitor = client.subscribe(stays)
        with Renaming(stage.centre, "Z:ACLTST") as renaming:
            for step in (2, 3, 4, 5):
                stage.reload(OUTTMP + SETTABLE.format(step=step))
                setpoint = client.create("Z:ACLTST:SP")
                held = client.create("Z:ACLTST:SP_RBV")
                assert until(lambda held=held: client.get_time(held).severity < 3, 20)
                now = client.get(held)
                assert isinstance(now, float)
                further = [client.put(setpoint, now + change) for change in (step + 0.5, step - 0.5)]
                assert [ca.PUT_FAILED, ca.NORMAL] == further, f"the step of this configuration is {step}"
                assert until(lambda held=held, now=now, step=step: client.get(held) == now + step - 0.5, 20)
                client.put(setpoint, now)
                assert until(lambda held=held, now=now: client.get(held) == now, 20)
        assert until(lambda: stage.units("Z:ACLTST:SP") == renaming.last, 20), "the last that was said is shown"
        client.inbox[:] = [one for one in client.inbox if one.p2 == monitor or one.command == ca.SERVER_DISCONNECT]
        assert stays.cid not in [one.p1 for one in client.inbox if one.command == ca.SERVER_DISCONNECT]
        assert client.update(monitor, 20).value is not None
    assert " ERROR " not in stage.gateway.err, stage.gateway.report()


def test_what_lives_on_demand_goes_on_until_it_is_configured_and_comes_back_when_that_ends(stage: Stage) -> None:
    port = stage.site.ca_port
    for name in ("G:AMANDA", "M_OUTTMP@p,200"):
        assert until(lambda name=name: bool(search(port, [name], wait=0.5)), 20)
    with CaClient(port) as client:
        demanded, setting = client.create("G:AMANDA"), client.create("M_OUTTMP@p,200")
        monitor = client.subscribe(demanded)
        assert client.update(monitor, 20).severity < 3
        assert "OK: 1 added" in stage.reload(OUTTMP + '  - {device: "G:AMANDA", writable: true}\n')
        assert client.update(monitor, 20).severity < 3, "who has it keeps it"
        assert not [one for one in client.inbox if one.command == ca.SERVER_DISCONNECT]
        configured = client.create("G:AMANDA:SP")
        assert configured.rights & ca.RIGHT_WRITE, "who comes now has what is configured"
        lost = client.create("G_AMANDA")
        assert "1 removed" in stage.reload(OUTTMP)
        gone = {client.take(ca.SERVER_DISCONNECT).p1 for _ in range(2)}
        assert {configured.cid, lost.cid} == gone
        assert client.update(monitor, 20).severity < 3
        assert until(lambda: bool(search(port, ["G_AMANDA"], wait=0.5)), 20)
        assert not client.create("G_AMANDA").rights & ca.RIGHT_WRITE, "it is on demand again, for reading"
        assert isinstance(client.get(setting), float)
    assert until(lambda: stage.value("ONDEMAND:WORLDS") == 0, 30)
    assert "Traceback" not in stage.gateway.err
