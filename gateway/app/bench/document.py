"""The tables of a run in a Markdown document, between two marks, so that figures are never copied by hand. Pure."""

from collections.abc import Mapping, Sequence

from gateway.app.bench.tables import Table
from gateway.core.errors import BadInput

BEGIN, END = "<!-- figures: written by acgate bench --tables -->", "<!-- figures: end -->"
_UNITS = ("kB", "us", "ms")  # no sentence begins with those in capitals
_SHOWN = ("processor", "cores", "system", "python", "caproto", "softioc", "epicscorelibs", "numpy", "load_average")


def refreshed(text: str, arguments: Sequence[str], facts: Mapping[str, object], tables: Sequence[Table]) -> str:
    """The document with the figures of this run in place of those between its marks; BadInput when it has none."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise BadInput(f"the document has no marks; put these two lines where the figures shall be: {BEGIN} and {END}")
    return "\n".join([before + BEGIN, "", *_lines(arguments, facts, tables), END + after])


def _lines(arguments: Sequence[str], facts: Mapping[str, object], tables: Sequence[Table]) -> list[str]:
    measured = ", ".join(f"{key.replace('_', ' ')} {facts[key]}" for key in _SHOWN if facts.get(key) is not None)
    lines = [f"Command: `{' '.join(['acgate', *arguments])}`", "", f"Measured with {measured}.", ""]
    for table in tables:
        heading, colon, said = table.title.partition(": ")
        lines += [f"### {heading}", ""]
        if colon:
            lines += [f"{said if said.startswith(_UNITS) else said[0].upper() + said[1:]}.", ""]
        lines += table.lines()[2:]
    return lines
