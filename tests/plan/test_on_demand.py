import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.config.config import Config, OnDemandConfig
from gateway.core.device_info import DeviceInfo, PropertyInfo
from gateway.plan.family import find
from gateway.plan.on_demand import MOST_ELEMENTS, allowed, plan_of, plausible, wanted
from tests.config.loading import loaded

INFO = DeviceInfo("Z:ACLTST", reading=PropertyInfo(), setting=PropertyInfo(), status=True)


def configured() -> tuple[Config, OnDemandConfig]:
    config = loaded("backends: {a: {url: 'sim:'}}\non_demand: {allow: 'm:* z:*', deny: 'Z:SECRET*', event: 'p,500'}\n")
    assert config.on_demand is not None
    return config, config.on_demand


@pytest.mark.parametrize(
    ("name", "key", "pv"),
    [
        ("M:OUTTMP", "M:OUTTMP", "M:OUTTMP"),
        ("m:outtmp", "M:OUTTMP", "M:OUTTMP"),
        ("Z:ACLTST:SP_RBV", "Z:ACLTST", "Z:ACLTST:SP_RBV"),
        ("Z:ACLTST:STS:ON", "Z:ACLTST", "Z:ACLTST:STS:ON"),
        ("Z_ACLTST", "Z:ACLTST", "Z:ACLTST:SP"),
        ("Z?ACLTST", "Z:ACLTST", "Z:ACLTST"),
        ("Z|ACLTST", "Z:ACLTST", "Z:ACLTST:STS"),
        ("Z&ACLTST", "Z:ACLTST", "Z:ACLTST:CMD"),
        ("Z@ACLTST", "Z:ACLTST", "Z:ACLTST:ALM:STATUS"),
        ("Z$ACLTST", "Z:ACLTST", "Z:ACLTST:DALM:STATUS"),
        ("Z~ACLTST", "Z:ACLTST", "Z:ACLTST.DESC"),
        ("M:OUTTMP.DESC", "M:OUTTMP", "M:OUTTMP.DESC"),
        ("Z:ACLTST.SETTING", "Z:ACLTST", "Z:ACLTST:SP"),
        ("M:OUTTMP@p,500", "M:OUTTMP.READING@p,500", "M:OUTTMP.READING@p,500"),
        ("M:OUTTMP@E,02", "M:OUTTMP.READING@E,02", "M:OUTTMP.READING@E,02"),
        ("B:IRMS06[0:10]", "B:IRMS06.READING[0:10]", "B:IRMS06.READING[0:10]"),
        ("B:IRMS06[]", "B:IRMS06.READING[:]", "B:IRMS06.READING[:]"),
        ("Z_ACLTST@p,500", "Z:ACLTST.SETTING@p,500", "Z:ACLTST.SETTING@p,500:SP"),
    ],
)
def test_a_name_means_a_device_and_one_of_its_pvs(name: str, key: str, pv: str) -> None:
    wish = wanted(name)

    assert wish is not None
    assert (wish.key, wish.key + wish.suffix) == (key, pv)


@pytest.mark.parametrize(
    "name",
    [
        "nonsense", "M:OUTTMP.EGU", "M:OUTTMP<-LOGGER", "M:OUTTMP@p,500\n", "M:OUTTMP,Z:ACLTST", "M:OUTTMP.RAW",
        "Z|ACLTST.ON", "M^OUTTMP", "M:OUTTMP@I", "M:OUTTMP@N", "M:OUTTMP@p,1", "Z~ACLTST@p,500", "B:IRMS06{0:10}",
        "Z|ACLTST[0:3]", "B:IRMS06[0:40000]", "B:IRMS06[0:99999999]", "M:" + "A" * 10_000, "../../etc",
        "ABC.SETTING[0:1]", "0_0", "0:ACLTST.SETTING",
    ],
)  # fmt: skip
def test_what_is_no_request_or_none_that_is_served_means_nothing(name: str) -> None:
    assert wanted(name) is None


@given(st.text(max_size=80))
def test_no_text_breaks_it(name: str) -> None:
    wish = wanted(name)

    assert wish is None or plausible(name)


def test_names_that_begin_like_no_device_fall_out_at_once() -> None:
    assert plausible("M:OUTTMP")
    assert plausible("Z@ACLTST")
    assert not plausible("GW1:UPTIME")
    assert not plausible("M: ")


def test_policy_allows_and_denies_by_patterns() -> None:
    _, section = configured()

    assert allowed("M:OUTTMP", section)
    assert allowed("Z:ACLTST", section)
    assert not allowed("Z:SECRET1", section)
    assert not allowed("B:IRMS06", section)


def test_a_plan_of_one_is_read_only_at_the_default_event_and_remembers_little() -> None:
    config, section = configured()
    wish = wanted("Z_ACLTST")
    assert wish is not None

    plan = plan_of(wish, config, section, INFO)

    assert plan is not None
    spec = find(plan, "Z:ACLTST:SP")
    assert spec is not None
    assert not spec.writable
    assert plan.watches[spec.row].request.event.normal == section.event.normal
    assert plan.buffer == 100


def test_a_request_keeps_its_own_event_and_range() -> None:
    config, section = configured()
    wish = wanted("Z_ACLTST[0:3]@p,2000")
    assert wish is not None

    plan = plan_of(wish, config, section, INFO)

    assert plan is not None
    (watch,) = plan.watches
    assert (watch.length, watch.request.event.period_ms) == (4, 2000)


@pytest.mark.parametrize("length", [1, MOST_ELEMENTS + 1])
def test_a_request_whose_length_is_unknown_or_too_large_has_no_plan(length: int) -> None:
    config, section = configured()
    wish = wanted("Z:ACLTST[]")
    assert wish is not None

    assert plan_of(wish, config, section, DeviceInfo("Z:ACLTST", reading=PropertyInfo(length=length))) is None
