"""What is wrong with a configuration, as sentences that name the place and the remedy."""

import re
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from gateway.core.errors import BadConfig, BadInput

Path = tuple[str | int, ...]
SHORT_NAME = r"^[A-Za-z0-9_-]{1,20}$"
PV_NAME = r"^[!-~]{1,60}$"
_PATTERNS = {
    SHORT_NAME: "is 1 to 20 letters, digits, '_' and '-'",
    PV_NAME: "is 1 to 60 letters, digits and signs of ASCII, without spaces",
}
_KINDS: dict[type, str] = {dict: "a mapping", list: "a list", tuple: "a list"}


class ConfigErrors(BadInput):
    """Everything that is wrong with one configuration; its text is one sentence per line."""

    def __init__(self, problems: Sequence[BadInput]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = tuple(problems)


def raise_all(problems: Sequence[BadInput]) -> None:
    """Raise ConfigErrors when there is any problem."""
    if problems:
        raise ConfigErrors(problems)


def suggestion(word: str, valid: Iterable[str]) -> str:
    """The remedy for a misspelt word: the nearest valid one, or all of them."""
    choices = sorted(valid)
    lower = {choice.lower(): choice for choice in choices}
    near = get_close_matches(word.lower(), list(lower), n=1, cutoff=0.6)
    if near:
        return f"did you mean {lower[near[0]]!r}?"
    return f"valid are {', '.join(choices)}" if choices else "there is none"


def dotted(path: Path) -> str:
    """A path as people write it: `devices[2].confirm.timeout`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


class Places:
    """Which file and line each key of a configuration stands in; an unknown path has the place of its parent."""

    def __init__(self, file: str) -> None:
        self.file = file
        self._places: dict[Path, tuple[str, int]] = {}

    def note(self, path: Path, file: str, line: int) -> None:
        """Remember a place; `line` counts from 1, 0 when there is none."""
        self._places[path] = (file, line)

    def of(self, path: Path) -> tuple[str, int]:
        """File and line of the path, or of the nearest parent that is written."""
        while path and path not in self._places:
            path = path[:-1]
        return self._places.get(path, (self.file, 0))

    def problem(self, path: Path, reason: str, key: str | None = None) -> BadConfig:
        """A BadConfig at the path; its key is the dotted path unless another is given."""
        return BadConfig(*self.of(path), dotted(path) if key is None else key, reason)


_MEMBERS = frozenset({"<split>", "<list>", "<name>", "<command>"})  # models.py names its union members so


def problems_of(error: ValidationError, model: type[BaseModel], places: Places, base: Path = ()) -> list[BadInput]:
    """One BadConfig per thing that pydantic found; `base` is the path of what was validated, keys are said below it."""
    return [_problem(detail, model, places, base) for detail in error.errors(include_url=False)]


def _problem(detail: ErrorDetails, model: type[BaseModel], places: Places, base: Path) -> BadInput:
    # an unknown key stands last and may look like anything
    members, key = (
        (detail["loc"][:-1], detail["loc"][-1:]) if detail["type"] == "extra_forbidden" else (detail["loc"], ())
    )
    path, keepers = _walk(model, (*(part for part in members if part not in _MEMBERS), *key))
    return places.problem((*base, *path), _reason(detail, path, keepers), dotted(path))


def _reason(detail: ErrorDetails, path: Path, keepers: list[type[BaseModel]]) -> str:
    if detail["type"] == "extra_forbidden":
        return f"unknown key; {suggestion(str(path[-1]), {key for owner in keepers for key in owner.model_fields})}"
    if detail["type"] == "missing":
        return "is required and absent"
    if detail["type"] == "value_error":
        return detail["msg"].removeprefix("Value error, ")
    if detail["type"] == "too_short":
        return "needs at least one entry"
    given = detail["input"]
    if detail["type"] == "string_pattern_mismatch":
        return f"{_PATTERNS[detail['ctx']['pattern']]}, not {given!r}"
    if given is None:
        shown = "nothing"
    elif "auth" in path and isinstance(given, str):
        shown = "a text"  # it may be a secret
    else:
        shown = repr(given) if isinstance(given, str | int | float) else _KINDS.get(type(given), "this")
    said = re.sub(r"valid dictionary or .*|valid dictionary", "mapping of keys", detail["msg"].removeprefix("Input "))
    said = said.replace("valid tuple", "list").replace("a valid boolean", "true or false").partition(", unable to")[0]
    return f"{said[:1].lower()}{said[1:]}, not {shown}"


def _walk(model: type[BaseModel], loc: tuple[int | str, ...]) -> tuple[Path, list[type[BaseModel]]]:
    """The path, and the models to which its last key may belong."""
    path: list[str | int] = []
    owners = keepers = [model]
    for part in loc:
        path.append(part)
        keepers = owners
        field = next((owner.model_fields[part] for owner in owners if part in owner.model_fields), None)
        if field is not None:
            owners = list(_models(field.annotation))
    return tuple(path), keepers


def _models(annotation: object) -> Iterable[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _models(part)
