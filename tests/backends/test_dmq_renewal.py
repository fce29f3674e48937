"""Jobs of the backend `dmq` while tickets come and go, before a server that ends a job with its ticket."""

import pytest

from gateway.config.models import Auth, Kerberos
from gateway.core.values import Outcome
from simulator.dmq_job import Rules
from simulator.facility import shipped_facility
from tests.backends.dmq_stage import CLOCK, IN_TIME, batches, parse, setting, staged
from tests.support.kdc import REALM, Kdc
from tests.support.leaks import check_leaks
from tests.support.processes import until
from tests.support.rabbitmq import RabbitMq

LIFE = 12  # s, of a ticket; it is renewed at half of it
TEXTS = [f"S:D{number:05d}@p,200" for number in range(3)]


def test_readings_and_sessions_outlive_the_ticket_that_they_began_with(
    rabbitmq: RabbitMq, realm: Kdc, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in realm.environment.items():
        monkeypatch.setenv(name, value)
    keytab = realm.add(f"passing@{REALM}", realm.folder / "passing.keytab", life=f"{LIFE}s")
    facility = shipped_facility()
    facility.synthetic(len(TEXTS), 5.0)
    auth, rules = Auth(kerberos=Kerberos(keytab=str(keytab))), Rules(with_ticket=True)
    with check_leaks(), staged(rabbitmq, "backoff_cap=0.5", facility, rules, realm.keytab, auth) as stage:
        stream = stage.backend.watch(parse(*TEXTS))
        batches(stream, good=True, slots=len(TEXTS))
        assert stage.backend.write([setting("Z:ACLTST", 1.0)], 5.0)[0].outcome is Outcome.ACCEPTED
        first = stage.backend.expires_in()["TICKET"] + CLOCK.monotonic()
        stage.command("refuse")  # a renewal that fails costs nothing: the job that is there goes on
        assert until(lambda: stage.backend.expires_in()["TICKET"] + CLOCK.monotonic() > first + 2, LIFE)
        assert until(lambda: stage.backend.counts()["SESSIONS"] == 0, IN_TIME)  # it saw the new ticket, jobs do, too
        stage.command("none")
        over_ns = CLOCK.now_ns() + LIFE * 1_000_000_000  # the first ticket was obtained long before
        newest: dict[int, int] = {}
        others = []

        def outlived() -> bool:
            batch = stream.get(0.2)
            others.extend(batch.others)
            newest.update(zip(batch.slot.tolist(), batch.stamp_ns.tolist(), strict=True))
            return bool(others) or min(newest.get(slot, 0) for slot in range(len(TEXTS))) > over_ns

        assert until(outlived, LIFE + IN_TIME)
        assert others == []
        counts = stage.backend.counts()
        assert (counts["SESSIONS"], counts["SESSIONS:EXPIRED"]) == (0, 1)  # idle, and older than the ticket
        assert stage.backend.write([setting("Z:ACLTST", 2.0)], 5.0)[0].outcome is Outcome.ACCEPTED
        assert until(lambda: stage.server.jobs == 2, IN_TIME)  # one of each kind: those that were renewed are gone
        assert stage.backend.health().reconnects == 0
