"""A mapping of a YAML file that remembers its lines, so that every error names file, line and key."""

import difflib
import math
from typing import TypeVar

import yaml

from gateway.core.errors import BadConfig

T = TypeVar("T")
_LIMIT = 10_000_000  # of whole numbers; nothing in a facility is larger, but masks


class Section:
    """A mapping whose keys are taken one by one; `finish` refuses those that nobody took."""

    def __init__(self, node: yaml.Node, file: str, key: str) -> None:
        self.file, self.key = file, key
        self.line = node.start_mark.line + 1
        if not isinstance(node, yaml.MappingNode):
            raise self.wrong(f"write `key: value` pairs below {key!r}")
        self._nodes: dict[str, yaml.Node] = {}
        for name, value in node.value:
            text = str(name.value)
            if text in self._nodes:
                raise BadConfig(file, name.start_mark.line + 1, text, "this key stands here twice")
            self._nodes[text] = value
        self._lines = {str(name.value): name.start_mark.line + 1 for name, _ in node.value}
        self._taken: set[str] = set()

    def wrong(self, reason: str, key: str = "") -> BadConfig:
        """The error for a key of this section, or for all of it."""
        line = self._lines.get(key, self.line) if key else self.line
        return BadConfig(self.file, line, key or self.key, reason)

    def finish(self) -> None:
        """BadConfig for a key that is not known."""
        for key in self._nodes:
            if key not in self._taken:
                near = difflib.get_close_matches(key, self._taken, 1)
                known = f"did you mean {near[0]!r}" if near else f"known are {', '.join(sorted(self._taken))}"
                raise self.wrong(f"unknown key; {known}", key)

    def has(self, key: str) -> bool:
        """Whether the key stands there."""
        self._taken.add(key)
        return key in self._nodes

    def node(self, key: str) -> yaml.Node | None:
        """What stands under the key, not yet interpreted."""
        return self._nodes[key] if self.has(key) else None

    def plain(self, key: str) -> object:
        """What stands under the key as plain Python; None when it is absent."""
        node = self.node(key)
        return None if node is None else _constructed(node)

    def section(self, key: str) -> "Section | None":
        """The mapping under the key."""
        node = self.node(key)
        return None if node is None else Section(node, self.file, key)

    def items(self, key: str) -> list[yaml.Node]:
        """The nodes of a list; one that is no list is a list of one."""
        node = self.node(key)
        if node is None:
            return []
        return list(node.value) if isinstance(node, yaml.SequenceNode) else [node]

    def number(self, key: str, default: float) -> float:
        """A finite number."""
        found = self.plain(key)
        if found is None and not self.has(key):
            return default
        if isinstance(found, bool) or not isinstance(found, int | float) or not math.isfinite(found):
            raise self.wrong("write a number, for example 1.5", key)
        return float(found)

    def whole(self, key: str, default: int, low: int = 0, high: int = _LIMIT) -> int:
        """A whole number between two limits."""
        found = self.plain(key)
        if found is None and not self.has(key):
            return default
        if isinstance(found, bool) or not isinstance(found, int) or not low <= found <= high:
            raise self.wrong(f"write a whole number from {low} to {high}", key)
        return found

    def text(self, key: str, default: str = "") -> str:
        """A text of ISO-8859-1, all that DPM can carry."""
        found = self.plain(key)
        if found is None and not self.has(key):
            return default
        if not isinstance(found, str) or any(ord(letter) > 255 for letter in found):
            raise self.wrong("write a text of ISO-8859-1, in quotes where YAML takes it for something else", key)
        return found

    def flag(self, key: str, default: bool = False) -> bool:
        """True or false."""
        found = self.plain(key)
        if found is None and not self.has(key):
            return default
        if not isinstance(found, bool):
            raise self.wrong("write true or false", key)
        return found

    def choice(self, key: str, choices: dict[str, T], default: T) -> T:
        """One of several words."""
        found = self.text(key, "")
        if not found:
            return default
        if found not in choices:
            raise self.wrong(f"{found!r} is none of {', '.join(choices)}", key)
        return choices[found]

    def numbers(self, key: str) -> tuple[float, ...]:
        """A number or a list of them."""
        found = self.plain(key)
        several = found if isinstance(found, list) else [found]
        numbers = [float(one) for one in several if isinstance(one, int | float) and not isinstance(one, bool)]
        if not several or len(numbers) < len(several):
            raise self.wrong("write a number or a list of numbers", key)
        return tuple(numbers)

    def texts(self, key: str) -> tuple[str, ...]:
        """A text or a list of them."""
        found = self.plain(key)
        several = found if isinstance(found, list) else [found]
        texts = [one for one in several if isinstance(one, str)]
        if len(texts) < len(several):
            raise self.wrong("write a text or a list of texts", key)
        return tuple(texts)


def root(text: str, file: str) -> Section:
    """The outermost mapping of a YAML text; BadConfig when it is none."""
    try:
        node = yaml.compose(text, yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        raise BadConfig(file, line, "", f"this is no YAML: {error.problem}") from None
    except yaml.YAMLError as error:
        raise BadConfig(file, 0, "", f"this is no YAML: {error}") from None
    if node is None:
        raise BadConfig(file, 0, "", "the file is empty; it needs a list `devices`")
    return Section(node, file, "the file")


def _constructed(node: yaml.Node) -> object:
    loader = yaml.SafeLoader("")
    try:
        found: object = loader.construct_object(node, deep=True)
    finally:
        loader.dispose()
    return found
