"""The text of a configuration as plain data, with the file and line of every key: YAML, CSV and the environment."""

import csv
import re
from collections.abc import Iterator, Mapping
from typing import cast

import yaml

from gateway.config.problems import Path, Places, dotted, suggestion
from gateway.core.errors import BadConfig

PREFIX = "ACGATE__"
_BOOLEANS = {"true": True, "false": False}
_INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]*|0x[0-9A-Fa-f]+)")
_FLOAT = re.compile(r"[-+]?(?:[0-9]+\.[0-9]*|\.[0-9]+|[0-9]+(?=[eE]))(?:[eE][-+]?[0-9]+)?")
_LOADER: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the C parser where it was built


def scalar(text: str) -> object:
    """What an unquoted word means.

    Not all that YAML 1.1 makes of words: `ON`, `no`, `1:30`, `010` and `2024-01-01` are texts here, since commands,
    bits and devices have such names. Where a model wants a truth value it takes on, off, yes and no.
    """
    if text in ("", "~", "null", "Null", "NULL"):
        return None
    if text.lower() in _BOOLEANS:
        return _BOOLEANS[text.lower()]
    if _INTEGER.fullmatch(text):
        return int(text, 0)
    return float(text) if _FLOAT.fullmatch(text) else text


def read_yaml(text: str, file: str, places: Places, base: Path = ()) -> object:
    """The data of one YAML document; its places are noted below `base`. Keys are always text."""
    try:
        node = yaml.compose(text, Loader=_LOADER)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        raise BadConfig(file, mark.line + 1 if mark else 0, "", f"is no YAML: {error.problem}") from None
    except (yaml.YAMLError, ValueError) as error:
        raise BadConfig(file, 0, "", f"is no YAML: {str(error).splitlines()[0]}") from None
    places.note(base, file, 0 if node is None else node.start_mark.line + 1)
    return None if node is None else _data(node, file, places, base, ())


def _data(node: yaml.Node, file: str, places: Places, path: Path, above: tuple[int, ...]) -> object:
    if id(node) in above:
        raise BadConfig(file, node.start_mark.line + 1, dotted(path), "contains itself; take out the alias")
    above = (*above, id(node))
    if isinstance(node, yaml.MappingNode):
        return _mapping(node, file, places, path, above)
    if isinstance(node, yaml.SequenceNode):
        items: list[object] = []
        for index, item in enumerate(node.value):
            places.note((*path, index), file, item.start_mark.line + 1)
            items.append(_data(item, file, places, (*path, index), above))
        return items
    plain = isinstance(node, yaml.ScalarNode) and not node.style  # None of the Python parser, empty of the C one
    return scalar(node.value) if plain else node.value


def _mapping(
    node: yaml.MappingNode, file: str, places: Places, path: Path, above: tuple[int, ...]
) -> dict[str, object]:
    data: dict[str, object] = {}
    for key_node, value_node in node.value:
        line = key_node.start_mark.line + 1
        if not isinstance(key_node, yaml.ScalarNode):
            raise BadConfig(file, line, dotted(path), "a key is a word, not a list or mapping")
        key = key_node.value
        if key in data:
            raise BadConfig(
                file, line, dotted((*path, key)), f"stands twice, first in line {places.of((*path, key))[1]}"
            )
        places.note((*path, key), file, line)
        data[key] = _data(value_node, file, places, (*path, key), above)
    return data


def override(data: dict[str, object], environ: Mapping[str, str], places: Places) -> None:
    """Put the scalars of `ACGATE__SECTION__KEY` into the data; a list is addressed by index, from 0."""
    for variable in sorted(name for name in environ if name.startswith(PREFIX)):
        words = variable.removeprefix(PREFIX).split("__")
        place: object = data
        path: Path = ()
        for word in words[:-1]:
            path = (*path, _key(place, word, variable))
            place = _below(place, path[-1])
        key = _key(place, words[-1], variable)
        cast("dict[str | int, object]", place)[key] = scalar(environ[variable])  # or a list; _key has looked
        places.note((*path, key), f"environment variable {variable}", 0)


def _key(place: object, word: str, variable: str) -> str | int:
    if isinstance(place, list):
        if not word.isdecimal() or int(word) >= len(place):
            raise BadConfig(
                f"environment variable {variable}", 0, word, f"is no index; the list has {len(place)} entries"
            )
        return int(word)
    if not isinstance(place, dict) or not word:
        raise BadConfig(
            f"environment variable {variable}", 0, word, "there is nothing below; write ACGATE__SECTION__KEY"
        )
    return next((key for key in place if key.upper() == word.upper()), word.lower())


def _below(place: object, key: str | int) -> object:
    """The part under the key; a mapping that is absent or empty is made."""
    parts = cast("dict[str | int, object]", place)
    if isinstance(place, dict) and place.get(key) is None:
        parts[key] = {}
    return parts[key]


def read_csv(text: str, file: str, valid: set[str]) -> Iterator[tuple[int, dict[str, object]]]:
    """Line and data of each row. The header names the columns; `a.b` is key b of mapping a; an empty cell is no key.

    Rows that are empty or begin with `# ` are comments. Cells are text; the models turn them into numbers.
    """
    rows = csv.reader(text.splitlines(), strict=True)
    header: list[str] = []
    try:
        for row in rows:
            if not any(row) or row[0].startswith("# "):
                continue
            if not header:
                header = _header(row, file, rows.line_num, valid)
                continue
            if len(row) > len(header):
                reason = f"has {len(row)} cells and the header {len(header)}; quote cells that hold commas"
                raise BadConfig(file, rows.line_num, "", reason)
            yield rows.line_num, _row(header, row)
    except csv.Error as error:
        raise BadConfig(file, rows.line_num, "", f"is no CSV: {error}") from None


def _header(row: list[str], file: str, line: int, valid: set[str]) -> list[str]:
    header = [cell.strip() for cell in row]
    for column in header:
        if column not in valid:
            raise BadConfig(file, line, column, f"unknown column; {suggestion(column, valid)}")
        if header.count(column) > 1:
            raise BadConfig(file, line, column, "the column stands twice")
    return header


def _row(header: list[str], row: list[str]) -> dict[str, object]:
    data: dict[str, object] = {}
    groups: dict[str, dict[str, object]] = {}
    for column, cell in zip(header, row, strict=False):
        outer, dot, inner = column.partition(".")
        if cell and dot:
            data[outer] = groups.setdefault(outer, {})
            groups[outer][inner] = cell
        elif cell:
            data[column] = cell
    return data
