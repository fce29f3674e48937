"""The database of the history: opened by a URL, its schema made and upgraded by `acgate db` alone (contract.md 2).

Each place is an SQLAlchemy URL, of SQLite or PostgreSQL. What the database library raises becomes `NoDatabase` here.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config as Migrations
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import URL, Connection, Engine, create_engine, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from gateway.core.errors import AcgateError, BadInput

PATIENCE = 5.0  # s for the database to connect and to answer
_DRIVERS = {"sqlite": "sqlite", "postgresql": "postgresql+pg8000"}
_WAITS = {"sqlite": "timeout", "postgresql": "timeout"}
_LIKE = "write for example sqlite:///puts.db or postgresql://acgate@db1/acgate"


class NoDatabase(AcgateError):
    """The database cannot be used now; the text says why, in one sentence."""


class WrongSchema(BadInput):
    """The database has no schema, or that of another version; the text names the command that helps."""


class Database:
    """One database; nothing is connected until `begin`. A file of SQLite is relative to `folder`."""

    def __init__(self, text: str, folder: Path = Path()) -> None:
        self.url = _url(text, folder)
        self.place = self.url.render_as_string(hide_password=True)
        given = self.url.get_backend_name()
        self._engine: Engine = create_engine(
            self.url.set(drivername=_DRIVERS[given]), poolclass=NullPool, connect_args={_WAITS[given]: PATIENCE}
        )

    @contextmanager
    def connected(self) -> Iterator[Connection]:
        """A connection for one transaction, committed at its end; NoDatabase when it cannot be had or fails."""
        try:
            with self._engine.begin() as connection:
                yield connection
        except (SQLAlchemyError, OSError) as error:
            raise NoDatabase(f"{self.place}: {_reason(error)}") from None

    def version(self) -> str:
        """The version of its schema; empty when it has none. A file that is not there is not made."""
        if self.url.get_backend_name() == "sqlite" and not Path(self.url.database or "").exists():
            return ""
        with self.connected() as connection:
            return MigrationContext.configure(connection).get_current_revision() or ""

    def check(self) -> None:
        """WrongSchema unless its schema is that of this program: says which command brings it there."""
        found = self.version()
        if found == NEWEST:
            return
        if found and found not in VERSIONS:
            raise WrongSchema(f"{self.place} has schema {found}, which is newer than this acgate ({NEWEST}); update it")
        has = f"has schema {found}, which is older than this acgate ({NEWEST})" if found else "has no schema yet"
        raise WrongSchema(f"{self.place} {has}; run: acgate db upgrade --url '{self.place}'")

    def upgrade(self) -> str:
        """Bring the schema to the newest version, in one transaction; the version that it had."""
        before = self.version()
        if before and before not in VERSIONS:
            self.check()
        with self.connected() as connection:
            migrations = _migrations()
            migrations.attributes["connection"] = connection
            command.upgrade(migrations, "head")
        return before


def _url(text: str, folder: Path) -> URL:
    try:
        url = make_url(text)
    except ArgumentError:
        raise BadInput(f"{text!r} is no URL of a database; {_LIKE}") from None
    if url.drivername not in _DRIVERS:
        raise BadInput(f"{url.drivername!r} is no database that is known here; {_LIKE}")
    if url.drivername == "sqlite":
        if not url.database or url.database == ":memory:":
            raise BadInput(f"{text!r} names no file; {_LIKE}")
        return url.set(database=str(folder / url.database))
    return url


def _reason(error: Exception) -> str:
    """What the database said, in one line, without the statement and its values."""
    original = getattr(error, "orig", None) or error
    if original.args and isinstance(original.args[0], dict):  # the fields of PostgreSQL's own answer: M is its text
        return str(original.args[0].get("M", original.args[0]))
    return (str(original).strip() or type(original).__name__).splitlines()[0]


def _migrations() -> Migrations:
    made = Migrations()
    made.set_main_option("script_location", "gateway.history:migrations")
    made.set_main_option("path_separator", "os")
    return made


VERSIONS = tuple(step.revision for step in ScriptDirectory.from_config(_migrations()).walk_revisions())
NEWEST = VERSIONS[0]
