"""The functions of the list `policies`, loaded at the start; what cannot be loaded is told before anything serves."""

import inspect
import re
import sys
from collections.abc import Iterator
from importlib import import_module
from importlib.machinery import SourceFileLoader
from pathlib import Path
from traceback import extract_tb
from types import ModuleType

from gateway.access.policy import Function, Policy, concerns
from gateway.config.config import Config, PolicyConfig
from gateway.config.problems import raise_all, suggestion
from gateway.core.errors import BadConfig, BadInput
from gateway.plan.model import Plan


def policies_of(config: Config) -> tuple[Policy, ...]:
    """The policies in their order; ConfigErrors names each entry that cannot be used."""
    folder, modules = Path(config.file).parent, dict[str, ModuleType]()
    found, problems = [], list[BadInput]()
    for one in config.policies:
        section = one.section
        try:
            if section.place not in modules:
                modules[section.place] = _module(one, folder)
            function = _function(one, modules[section.place])
            found.append(Policy(section.title, function, section.devices, dict(section.options)))
        except BadConfig as problem:
            problems.append(problem)
    raise_all(problems)
    return tuple(found)


def notes_of_policies(config: Config, plan: Plan) -> Iterator[str]:
    """Policies that no device of the plan concerns."""
    for one in config.policies:
        if not any(concerns(one.section.devices, name) for name in plan.devices):
            patterns = " or ".join(one.section.devices)
            yield str(_wrong(one, f"no device is called {patterns}; {one.section.title} is never asked", "devices"))


def _module(one: PolicyConfig, folder: Path) -> ModuleType:
    """Load a file beside the configuration, or a module as Python finds it."""
    place = one.section.place
    try:
        if not place.endswith(".py"):
            return import_module(place)
        path = folder / place
        path.read_bytes()
        name = re.sub(r"\W", "_", f"acgate policy {place}")
        loader = SourceFileLoader(name, str(path))
        module = sys.modules[name] = ModuleType(name)  # or else it could define no dataclasses
        module.__file__ = str(path)
        loader.exec_module(module)
        return module
    except ModuleNotFoundError as error:
        if error.name is not None and (place == error.name or place.startswith(f"{error.name}.")):
            remedy = f"install it where acgate runs, or name a file beside the configuration, {place.split('.')[0]}.py"
            raise _wrong(one, f"there is no module {place!r}; {remedy}:{one.section.function}") from None
        raise _wrong(one, f"{place} needs the module {error.name!r}; install it where acgate runs") from None
    except OSError as error:
        reason = f"{place!r} cannot be read ({error.strerror}); the name is relative to the configuration file"
        raise _wrong(one, reason) from None
    except SyntaxError as error:
        raise _wrong(one, f"line {error.lineno} of {place} is no Python: {error.msg}") from None
    except (Exception, SystemExit) as error:  # noqa: BLE001 - a site's own code may raise anything, and it is told
        line = extract_tb(error.__traceback__)[-1].lineno
        raise _wrong(one, f"{place} cannot be loaded: {type(error).__name__}: {error}, in line {line}") from None


def _function(one: PolicyConfig, module: ModuleType) -> Function:
    section = one.section
    function: Function | None = getattr(module, section.function, None)
    if function is None:
        own = [
            name
            for name, what in vars(module).items()
            if inspect.isfunction(what) and what.__module__ == module.__name__
        ]
        raise _wrong(one, f"{section.place} has no function {section.function!r}; {suggestion(section.function, own)}")
    if not callable(function) or inspect.isclass(function):
        raise _wrong(one, f"{section.function} of {section.place} is no function of (put, context)")
    if inspect.iscoroutinefunction(function):
        raise _wrong(one, f"{section.function} of {section.place} is asynchronous; a policy answers at once")
    try:
        inspect.signature(function).bind(None, None)
    except (TypeError, ValueError):
        raise _wrong(one, f"{section.function} of {section.place} does not take (put, context)") from None
    return function


def _wrong(one: PolicyConfig, reason: str, key: str = "call") -> BadConfig:
    return BadConfig(one.file, one.line, f"policies[{one.index}].{key}", reason)
