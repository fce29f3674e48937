"""Settings against a scripted server: prepared, applied once, never repeated."""

import numpy as np
import pytest

from gateway.backends.dpm_http import DpmHttpBackend
from gateway.core.drf import DataRequest
from gateway.core.status import BAD_REQUEST, DISCONNECTED, INVLEN, OK, PRIV, REQTMO, Status
from gateway.core.values import Outcome, Setting, SettingResult, SettingValue
from gateway.runtime.worker import Worker
from gateway.wire import dpm
from tests.backends.conftest import Make
from tests.backends.scripted_server import STAMP, Client, ScriptedServer, one_scalar


def setting(text: str, value: SettingValue = 1.0) -> Setting:
    return Setting(DataRequest.parse(text).for_writing(), value)


def said(results: list[SettingResult]) -> list[tuple[Outcome, Status]]:
    return [(result.outcome, result.status) for result in results]


def applied(server: ScriptedServer) -> list[dpm.ApplySettings]:
    return [one for one in server.requests(dpm.ApplySettings) if isinstance(one, dpm.ApplySettings)]


def instead_of_apply(server: ScriptedServer, *replies: dpm.Reply, hang_up: bool = False) -> None:
    def hook(client: Client, request: dpm.Request) -> bool:
        if isinstance(request, dpm.ApplySettings):
            client.send(*replies)
            if hang_up:
                client.hang_up()
        return isinstance(request, dpm.ApplySettings)

    server.hook = hook


def test_a_write_follows_the_order_of_messages_of_the_protocol(server: ScriptedServer, make: Make) -> None:
    results = make(role="testing").write([setting("M:OUTTMP", 72.5), setting("Z|ACLTST", 1.0)], 5)
    assert said(results) == [(Outcome.ACCEPTED, OK)] * 2
    server.wait_for(lambda: len(server.log) >= 9)
    before, after = ["StopList", "ClearList", *["AddToList"] * 3, "StartList"], ["StopList", "ClearList"]
    assert [type(request).__name__ for _, request in server.log] == [*before, "ApplySettings", *after]
    texts = [one.drf_request for one in server.requests(dpm.AddToList) if isinstance(one, dpm.AddToList)]
    assert texts == ["#ROLE:testing", "M:OUTTMP.SETTING@N", "Z:ACLTST.CONTROL@N"]
    assert applied(server)[0].scaled_array == (
        dpm.ScaledSetting(1, np.array([72.5])),
        dpm.ScaledSetting(2, np.array([1.0])),
    )


def test_without_a_role_none_is_sent(server: ScriptedServer, backend: DpmHttpBackend) -> None:
    backend.write([setting("M:OUTTMP")], 5)
    assert [one.drf_request for one in server.requests(dpm.AddToList) if isinstance(one, dpm.AddToList)] == [
        "M:OUTTMP.SETTING@N"
    ]


def test_a_refused_setting_has_the_status_of_the_server(server: ScriptedServer, backend: DpmHttpBackend) -> None:
    instead_of_apply(server, dpm.ApplySettingsReply((dpm.SettingStatus(2, 0), dpm.SettingStatus(1, PRIV.packed))))
    results = backend.write([setting("M:OUTTMP"), setting("G:AMANDA")], 5)
    assert said(results) == [(Outcome.REFUSED, PRIV), (Outcome.ACCEPTED, OK)]


def test_a_warning_is_accepted_and_kept(server: ScriptedServer, backend: DpmHttpBackend) -> None:
    instead_of_apply(server, dpm.ApplySettingsReply((dpm.SettingStatus(1, Status(66, 2).packed),)))
    assert said(backend.write([setting("M:OUTTMP")], 5)) == [(Outcome.ACCEPTED, Status(66, 2))]


def test_an_entry_for_reference_0_counts_for_all_without_one(server: ScriptedServer, backend: DpmHttpBackend) -> None:
    instead_of_apply(server, dpm.ApplySettingsReply((dpm.SettingStatus(0, PRIV.packed), dpm.SettingStatus(2, 0))))
    results = backend.write([setting("M:OUTTMP"), setting("G:AMANDA")], 5)
    assert said(results) == [(Outcome.REFUSED, PRIV), (Outcome.ACCEPTED, OK)]


def test_an_entry_that_is_missing_leaves_the_outcome_unknown(server: ScriptedServer, backend: DpmHttpBackend) -> None:
    instead_of_apply(server, dpm.ApplySettingsReply((dpm.SettingStatus(2, 0),)))
    results = backend.write([setting("M:OUTTMP"), setting("G:AMANDA")], 5)
    assert said(results) == [(Outcome.UNKNOWN, REQTMO), (Outcome.ACCEPTED, OK)]


def test_a_reply_that_never_comes_leaves_the_outcome_unknown_and_nothing_is_repeated(
    server: ScriptedServer, backend: DpmHttpBackend
) -> None:
    instead_of_apply(server)
    (result,) = backend.write([setting("M:OUTTMP")], 0.5)
    assert (result.outcome, result.status) == (Outcome.UNKNOWN, REQTMO)
    assert "not repeated" in result.message
    assert len(applied(server)) == 1


def test_a_link_lost_after_sending_leaves_the_outcome_unknown_and_nothing_is_repeated(
    server: ScriptedServer, backend: DpmHttpBackend
) -> None:
    instead_of_apply(server, hang_up=True)
    (result,) = backend.write([setting("M:OUTTMP")], 5)
    assert (result.outcome, result.status) == (Outcome.UNKNOWN, DISCONNECTED)
    assert (len(applied(server)), len(server.clients)) == (1, 1)


def test_a_link_lost_before_sending_is_replaced_once(server: ScriptedServer, backend: DpmHttpBackend) -> None:
    def hang_up_on_first(client: Client, request: dpm.Request) -> bool:
        if isinstance(request, dpm.StartList) and client.number == 0:
            client.hang_up()
            return True
        return False

    server.hook = hang_up_on_first
    assert said(backend.write([setting("M:OUTTMP")], 5)) == [(Outcome.ACCEPTED, OK)]
    assert (len(applied(server)), len(server.clients)) == (1, 2)


def test_a_server_that_always_hangs_up_refuses_with_nothing_sent(
    server: ScriptedServer, backend: DpmHttpBackend
) -> None:
    def hang_up(client: Client, request: dpm.Request) -> bool:
        if isinstance(request, dpm.StartList):
            client.hang_up()
        return isinstance(request, dpm.StartList)

    server.hook = hang_up
    (result,) = backend.write([setting("M:OUTTMP")], 5)
    assert (result.outcome, result.status) == (Outcome.REFUSED, DISCONNECTED)
    assert "nothing was sent" in result.message
    assert applied(server) == []


def test_a_server_that_is_not_there_refuses_with_nothing_sent(make: Make) -> None:
    (result,) = make(port=1).write([setting("M:OUTTMP")], 5)
    assert (result.outcome, result.status) == (Outcome.REFUSED, DISCONNECTED)
    assert "nothing was sent" in result.message


def test_a_bad_request_is_refused_and_the_others_are_applied(server: ScriptedServer, backend: DpmHttpBackend) -> None:
    bad = Status(16, -13)
    server.answer = lambda client, ref, text: (
        [dpm.StatusReply(ref, STAMP, 0, bad.packed)] if "NOTFND" in text else one_scalar(client, ref, text)
    )
    results = backend.write([setting("Z:NOTFND"), setting("M:OUTTMP")], 5)
    assert said(results) == [(Outcome.REFUSED, bad), (Outcome.ACCEPTED, OK)]
    assert applied(server)[0].scaled_array == (dpm.ScaledSetting(2, np.array([1.0])),)


def test_when_every_request_is_bad_nothing_is_applied(server: ScriptedServer, backend: DpmHttpBackend) -> None:
    server.answer = lambda _client, ref, _text: [dpm.StatusReply(ref, STAMP, 0, Status(17, 1).packed)]
    assert said(backend.write([setting("Z:NOTFND")], 5)) == [(Outcome.REFUSED, Status(17, 1))]
    assert applied(server) == []


def test_a_device_of_which_nothing_comes_leaves_time_for_the_others(
    server: ScriptedServer, backend: DpmHttpBackend
) -> None:
    server.answer = lambda client, ref, text: [] if "DEAD" in text else one_scalar(client, ref, text)
    results = backend.write([setting("Z:DEAD"), setting("M:OUTTMP")], 0.8)
    assert said(results) == [(Outcome.REFUSED, REQTMO), (Outcome.ACCEPTED, OK)]


def test_without_a_startlist_reply_nothing_is_applied(server: ScriptedServer, backend: DpmHttpBackend) -> None:
    server.hook = lambda _client, request: isinstance(request, dpm.StartList)
    (result,) = backend.write([setting("M:OUTTMP")], 0.4)
    assert (result.outcome, result.status) == (Outcome.REFUSED, REQTMO)
    assert applied(server) == []


def test_a_list_that_does_not_start_refuses_all(server: ScriptedServer, backend: DpmHttpBackend) -> None:
    server.answer = lambda _client, _ref, _text: [dpm.StatusReply(0, STAMP, 0, Status(1, -43).packed)]
    assert said(backend.write([setting("M:OUTTMP")], 5)) == [(Outcome.REFUSED, Status(1, -43))]


@pytest.mark.parametrize(
    ("one", "status"),
    [(setting("M:OUTTMP[0:2]", np.zeros(2)), INVLEN), (Setting(DataRequest.parse("M:OUTTMP"), 1.0), BAD_REQUEST)],
)
def test_what_is_refused_here_contacts_nobody(
    server: ScriptedServer, backend: DpmHttpBackend, one: Setting, status: Status
) -> None:
    assert said(backend.write([one], 5)) == [(Outcome.REFUSED, status)]
    assert server.clients == []


def test_a_value_too_large_for_a_message_is_refused_and_the_link_lives_on(
    server: ScriptedServer, backend: DpmHttpBackend
) -> None:
    (result,) = backend.write([setting("M:OUTTMP[:]", np.zeros(20_000))], 5)
    assert (result.outcome, result.status) == (Outcome.REFUSED, BAD_REQUEST)
    assert said(backend.write([setting("M:OUTTMP")], 5)) == [(Outcome.ACCEPTED, OK)]
    assert len(server.clients) == 1


def test_settings_of_one_property_go_one_after_the_other(server: ScriptedServer, backend: DpmHttpBackend) -> None:
    results = backend.write([setting("Z@A.MIN", 1.0), setting("Z@A.MAX", 2.0), setting("Z:B", 3.0)], 5)
    assert said(results) == [(Outcome.ACCEPTED, OK)] * 3
    values = [[one.data.tolist() for one in message.scaled_array or ()] for message in applied(server)]
    assert values == [[[1.0], [3.0]], [[2.0]]]
    assert len(server.clients) == 1


def test_close_frees_a_writer_that_waits_and_its_outcome_is_unknown(
    server: ScriptedServer, backend: DpmHttpBackend
) -> None:
    instead_of_apply(server)
    found: list[SettingResult] = []
    worker = Worker("writer", lambda _: found.extend(backend.write([setting("M:OUTTMP")], 30.0)))
    worker.start()
    server.wait_for(lambda: bool(applied(server)))
    backend.close()
    assert worker.stop(2.0)
    assert said(found) == [(Outcome.UNKNOWN, DISCONNECTED)]


def test_without_time_nothing_is_sent(server: ScriptedServer, backend: DpmHttpBackend) -> None:
    (result,) = backend.write([setting("M:OUTTMP")], 0.0)
    assert (result.outcome, result.status) == (Outcome.REFUSED, REQTMO)
    assert server.clients == []
