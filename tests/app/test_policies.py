"""Policies are loaded from files and modules; what cannot be used is one sentence with place and remedy."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.access.policy import Allow, Context, PutAsked
from gateway.app.config_file import read_config
from gateway.app.policies import notes_of_policies, policies_of
from gateway.config.problems import ConfigErrors
from gateway.plan.build import build_plan

GOOD = """from dataclasses import dataclass
from gateway.access.policy import Allow, Context, PutAsked

@dataclass
class Told:
    text: str

def open_to_all(put: PutAsked, context: Context) -> Allow:
    return Allow(Told("so").text)

def takes_one(put):
    return Allow()

async def later(put, context):
    return Allow()

class Thing:
    pass

number = 3
"""
PUT, CONTEXT = PutAsked("M:X:SP", "M:X", "M:X.SETTING@N", 1.0), Context("alice", "pc", "127.0.0.1", 0)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder with modules, which are forgotten at the end."""
    before = set(sys.modules)
    (tmp_path / "good.py").write_text(GOOD)
    (tmp_path / "syntax.py").write_text("def f(:\n")
    (tmp_path / "raises.py").write_text("x = 1\nraise RuntimeError('no key')\n")
    (tmp_path / "needs.py").write_text("import acgate_has_no_such_module\n")
    yield tmp_path
    for name in set(sys.modules) - before:
        del sys.modules[name]


def configured(folder: Path, *policies: str):
    path = folder / "gw.yaml"
    head = "gateway: {writes: on}\nbackends: {sim: {url: 'sim:'}}\ndevices: [{device: 'Z:ACLTST', writable: true}]\n"
    path.write_text(head + "policies:\n" + "".join(f"  - {policy}\n" for policy in policies))
    return read_config(path, {})


def test_a_file_is_found_beside_the_configuration_and_a_module_as_python_finds_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(folder))
    (folder / "site_rules.py").write_text(GOOD)
    first, second = policies_of(
        configured(folder, "{call: 'good.py:open_to_all', devices: 'Z:*', options: {a: 1}}",
                   "{call: 'site_rules:open_to_all', name: other}")
    )  # fmt: skip
    assert ("open_to_all", ("Z:*",), {"a": 1}) == (first.name, first.devices, first.options)
    assert [Allow("so"), Allow("so")] == [one.function(PUT, CONTEXT) for one in (first, second)]


@pytest.mark.parametrize(
    ("call", "said"),
    [
        ("absent.py:f", "'absent.py' cannot be read (No such file or directory); the name is relative to"),
        ("absent.rules:f", "there is no module 'absent.rules'; install it where acgate runs, or name a file beside"),
        ("needs.py:f", "needs.py needs the module 'acgate_has_no_such_module'; install it where acgate runs"),
        ("syntax.py:f", "line 1 of syntax.py is no Python"),
        ("raises.py:f", "raises.py cannot be loaded: RuntimeError: no key, in line 2"),
        ("good.py:open_to_al", "good.py has no function 'open_to_al'; did you mean 'open_to_all'?"),
        ("good.py:takes_one", "takes_one of good.py does not take (put, context)"),
        ("good.py:later", "later of good.py is asynchronous; a policy answers at once"),
        ("good.py:Thing", "Thing of good.py is no function of (put, context)"),
        ("good.py:number", "number of good.py is no function of (put, context)"),
    ],
)
def test_what_cannot_be_used_is_one_sentence(folder: Path, call: str, said: str) -> None:
    with pytest.raises(ConfigErrors) as error:
        policies_of(configured(folder, f"{{call: '{call}'}}"))
    (sentence,) = str(error.value).splitlines()
    assert sentence.startswith(f"{folder / 'gw.yaml'}:5: policies[0].call: {said}")


def test_all_that_is_wrong_is_said_at_once(folder: Path) -> None:
    with pytest.raises(ConfigErrors) as error:
        policies_of(configured(folder, "{call: 'absent.py:f'}", "{call: 'good.py:g'}", "{call: 'good.py:open_to_all'}"))
    assert [":5: policies[0].call", ":6: policies[1].call"] == [
        line.removeprefix(str(folder / "gw.yaml")).partition(": ")[0] + ": " + line.split(": ")[1]
        for line in str(error.value).splitlines()
    ]


def test_a_policy_that_concerns_no_device_is_told_of(folder: Path) -> None:
    config = configured(folder, "{call: 'good.py:open_to_all', devices: 'M:*'}", "{call: 'good.py:f', devices: 'Z:*'}")
    (note,) = notes_of_policies(config, build_plan(config, {})[0])
    assert f"{folder / 'gw.yaml'}:5: policies[0].devices: no device is called M:*; open_to_all is never asked" == note
