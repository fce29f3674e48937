"""TableJournal: one row of a database table for each put (features.md P-70)."""

from collections.abc import Sequence
from dataclasses import asdict

from sqlalchemy.dialects import postgresql, sqlite

from gateway.core.put_row import PutRow
from gateway.history.database import Database, NoDatabase, WrongSchema
from gateway.history.queued import NotKept, QueuedJournal
from gateway.history.schema import puts


class TableJournal(QueuedJournal):
    """A `PutJournal` over the table `puts`; each writing is one transaction, with a connection of its own."""

    def __init__(self, database: Database, gateway: str) -> None:
        super().__init__(database.place)
        self._database, self._gateway = database, gateway
        self._checked = False
        insert: sqlite.Insert | postgresql.Insert = (
            sqlite.insert(puts) if database.url.get_backend_name() == "sqlite" else postgresql.insert(puts)
        )
        self._insert = insert.on_conflict_do_nothing()

    def _open(self) -> None:
        if self._checked:
            return
        try:
            self._database.check()
        except (NoDatabase, WrongSchema) as error:
            raise NotKept(str(error).removeprefix(f"{self.place}: ")) from None
        self._checked = True

    def _look(self) -> None:
        self._checked = False
        self._open()

    def _write(self, rows: Sequence[PutRow]) -> None:
        try:
            with self._database.connected() as connection:
                connection.execute(self._insert, [{"gateway": self._gateway, **_storable(row)} for row in rows])
        except NoDatabase as error:
            self._checked = False
            raise NotKept(str(error).removeprefix(f"{self.place}: ")) from None

    def _close(self) -> None:
        """Nothing is held between two writings."""


def _storable(row: PutRow) -> dict[str, object]:
    """The fields, without what a client can send and PostgreSQL cannot store as text."""
    return {
        name: value.replace("\0", "?").encode("utf-8", "replace").decode() if isinstance(value, str) else value
        for name, value in asdict(row).items()
    }
