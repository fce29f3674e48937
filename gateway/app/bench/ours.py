"""What the gateway is told when it is measured: its configuration, and the facility behind it."""

import csv
from dataclasses import dataclass
from pathlib import Path

READ_NAME = "S:D{:05d}"
PUT_NAME = "S:W{:05d}"
FLOOD_NAME = "F:D{:05d}"
WAVE_NAME = "S:V{:05d}"
GATEWAY = "BENCH"
DROPS = f"{GATEWAY}:DROPS"
TAKEN = f"{GATEWAY}:UPDATES"
IDLE_MS = 60_000
FASTEST_MS = 10  # the floor of the simulator's periods
SCATTER = 200  # groups of devices with a period of their own
WAVE_ELEMENTS = 100_000
LITTLE_BUFFER = 10  # readings per circular buffer where memory is measured: full ones would be all one sees


@dataclass(frozen=True, slots=True)
class Setup:
    """What a server shall serve."""

    pvs: int
    period_ms: int = IDLE_MS  # of every PV; IDLE_MS: no updates while anything is measured
    scattered: bool = False  # the periods spread by 10 % around period_ms: few PVs at a time
    puts: int = 0  # PVs that can be put, for the gateway in addition to the others
    waves: int = 0  # waveforms instead of the numbers, as fast as they go
    sim: bool = False  # the gateway's backend is `sim:`, in its own process
    batches: bool = False  # its backend makes batches in its own process, with nothing to decode
    buffer: int = 1000  # readings that each circular buffer of the gateway keeps
    flood: int = 0  # devices of a second backend, which nobody monitors
    flood_hertz: int = 10  # of each of them
    flood_scheme: str = "dpm+http"
    scheme: str = "dpm+http"  # between the gateway and its simulator
    on_demand: bool = False  # names that nobody configured are looked up
    records: bool = False  # stock caproto makes records, whose fields can be asked for; all others always do
    amqp: str = ""  # the broker between them, where the scheme is dmq

    @property
    def offered(self) -> float:
        """Updates per second at the source over all PVs."""
        return sum(1e3 / self.period_of(place) for place in range(self.pvs))

    @property
    def idle(self) -> bool:
        """Whether nothing is updated."""
        return self.period_ms >= IDLE_MS

    def period_of(self, place: int) -> int:
        """The period of one PV, ms."""
        if not self.scattered:
            return self.period_ms
        group = place * SCATTER // self.pvs
        return round(self.period_ms * (0.9 + 0.2 * group / SCATTER))

    @property
    def chunk(self) -> int:
        """How many PVs a peer updates between two pauses."""
        return max(1, self.pvs // SCATTER) if self.scattered else self.pvs


def facility_text(puts: int, waves: int = 0) -> str:
    """A facility file with devices that take settings at once, at least one, and with waveforms."""
    lines = ["devices:"]
    for place in range(max(1, puts)):
        name = PUT_NAME.format(place)
        lines.append(f'  - {{name: "{name}", index: {place + 1}, description: Put, units: V, setting: 1.0, settle: 0}}')
    for place in range(waves):
        name, index = WAVE_NAME.format(place), puts + place + 2
        lines.append(f'  - {{name: "{name}", index: {index}, description: Wave, units: V, length: {WAVE_ELEMENTS}}}')
    return "\n".join(lines) + "\n"


def write_config(setup: Setup, folder: Path, backend: str, flood: str = "", devdb: str = "") -> Path:
    """The configuration and its table of devices, in a folder; its path. `flood` is the URL of the second backend.

    `devdb` is where the device database is, for names on demand.
    """
    further = f'metadata: {{url: "devdb+grpc://{devdb}", cache: off}}\non_demand: {{allow: "*"}}\n' if devdb else ""
    second = f', flood: {{url: "{flood}"}}' if flood else ""
    config = folder / "gateway.yaml"
    config.write_text(
        f"gateway: {{name: {GATEWAY}, interfaces: [127.0.0.1], writes: on, buffer: {setup.buffer},\n"
        "  limits: {puts_per_client: 0, puts_per_pv: 0, puts_total: 0}}\n"
        f'backends: {{dpm: {{url: "{backend}"}}{second}}}\n'
        f"{further}devices:\n  - include: devices.csv\n",
        "utf-8",
    )
    with (folder / "devices.csv").open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(["device", "name", "event", "properties", "writable", "backend"])
        for place in range(0 if setup.sim or setup.waves else setup.pvs):
            name = READ_NAME.format(place)
            table.writerow([name, name, f"p,{setup.period_of(place)}", "reading", "false", "dpm"])
        for place in range(setup.puts):
            name = PUT_NAME.format(place)
            table.writerow([name, name, f"p,{IDLE_MS}", "setting", "true", "dpm"])
        for place in range(setup.waves):
            name = WAVE_NAME.format(place)
            table.writerow([f"{name}[0:{WAVE_ELEMENTS - 1}]", name, f"p,{FASTEST_MS}", "reading", "false", "dpm"])
        for place in range(setup.flood):
            event = f"p,{round(1e3 / setup.flood_hertz)}"
            table.writerow([READ_NAME.format(place), FLOOD_NAME.format(place), event, "reading", "false", "flood"])
    return config
