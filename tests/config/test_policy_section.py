"""The section `policies`: what is taken, and what is refused with place and remedy."""

import pytest

from gateway.config.problems import ConfigErrors
from tests.config.loading import loaded

HEAD = 'backends: {a: {url: "sim:"}}\ndevices: [{device: "M:OUTTMP"}]\npolicies:\n'


def test_a_policy_is_a_function_of_a_file_or_a_module_with_devices_and_options() -> None:
    first, second = loaded(
        HEAD + "  - {call: 'site/hours.py:quiet'}\n"
        "  - {call: 'site.caps:cap', name: cap-Z, devices: 'Z:*', options: {most: 3}}\n"
    ).policies
    assert ("site/hours.py", "quiet", "quiet", ("*",), {}) == (
        first.section.place, first.section.function, first.section.title, first.section.devices, first.section.options,
    )  # fmt: skip
    assert ("site.caps", "cap", "cap-Z", ("Z:*",), {"most": 3}) == (
        second.section.place, second.section.function, second.section.title, second.section.devices,
        second.section.options,
    )  # fmt: skip
    assert [4, 5] == [first.line, second.line]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("  - {call: hours}", "gw.yaml:4: policies[0].call: 'hours' names no function; write policies.py:function"),
        ("  - {devices: M:*}", "policies[0].call: is required and absent"),
        ("  - {call: 'a.py:f', devices: []}", "policies[0].devices: needs at least one entry"),
        ("  - {call: 'a.py:f', name: 'two words'}", "policies[0].name: is 1 to 60 letters"),
        ("  - {call: 'a.py:f', option: {}}", "unknown key; did you mean 'options'?"),
        ("  - {call: 'a.py:f'}\n  - {call: 'b.py:f'}", "gw.yaml:5: policies[1].name: 'f' stands twice; give one"),
    ],
)
def test_what_cannot_be_is_said(text: str, said: str) -> None:
    with pytest.raises(ConfigErrors) as error:
        loaded(f"{HEAD}{text}\n")
    assert said in str(error.value)
