"""Rows of the journal out of its file of JSON lines."""

import json
from collections.abc import Iterator
from pathlib import Path

from gateway.core.errors import BadInput

Row = dict[str, object]


def rows_of_file(path: Path) -> Iterator[Row]:
    """The rows of a file; BadInput says what is wrong with it."""
    try:
        text = path.read_text("utf-8")
    except UnicodeDecodeError:
        raise BadInput(f"{path}: is no UTF-8 text; name the file that gateway.audit names") from None
    except OSError as error:
        reason = f"cannot be read ({error.strerror}); name the file that gateway.audit names"
        raise BadInput(f"{path}: {reason}") from None
    for number, line in enumerate(text.splitlines(), 1):
        try:
            row = json.loads(line)
        except ValueError:
            row = None
        if not isinstance(row, dict) or not isinstance(row.get("time_ns"), int):
            raise BadInput(f"{path}:{number}: is no line of a journal of puts")
        yield row
