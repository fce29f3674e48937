"""The history rooms that need the database library, which is an extra: imported when they are asked for."""

import contextlib
import logging
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from gateway.core.errors import BadInput
from gateway.history.lines import Row, rows_of_file

if TYPE_CHECKING:
    from gateway.history.database import Database
    from gateway.history.table_journal import TableJournal

_INSTALL = "python -m pip install 'acgate[database]'"


def database_of(url: str, folder: Path = Path()) -> "Database":
    """The database of a URL; BadInput when the URL is wrong, or the packages are missing."""
    logging.getLogger("alembic").setLevel(logging.WARNING)  # it tells the log of each of its parts when it is imported
    try:
        from gateway.history.database import Database
    except ImportError as error:
        raise BadInput(f"a database needs Python packages ({error}); install them: {_INSTALL}") from None
    return Database(url, folder)


def table_journal(url: str, folder: Path, gateway: str) -> "TableJournal":
    """A journal of puts over a table, not started yet; WrongSchema where there is another."""
    database = database_of(url, folder)
    from gateway.history.database import NoDatabase
    from gateway.history.table_journal import TableJournal

    with contextlib.suppress(NoDatabase):  # it may be away now, which the journal tells as long as it lasts
        database.check()
    return TableJournal(database, gateway)


def rows_of(source: str, since_ns: int = 0, device: str = "", user: str = "") -> Iterator[Row]:
    """The rows of a journal from a time on, in the order of the answers; empty words ask for nobody in particular.

    `source` is a file of JSON lines, or the URL of a database. `device` means its name or one of its PVs.
    """
    found: Iterable[Row]
    if "://" in source:
        database = database_of(source)
        from gateway.history.table_rows import rows_of_table

        found = rows_of_table(database, since_ns)
    else:
        found = rows_of_file(Path(source))
    return (row for row in found if _wanted(row, since_ns, device, user))


def _wanted(row: Row, since_ns: int, device: str, user: str) -> bool:
    time_ns = row["time_ns"]
    assert isinstance(time_ns, int), "it was looked at when it was read"
    return time_ns >= since_ns and (not device or device in (row["device"], row["pv"])) and user in ("", row["user"])
