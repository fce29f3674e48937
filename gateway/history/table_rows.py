"""Rows of the journal out of its table."""

from sqlalchemy import select

from gateway.history.database import Database
from gateway.history.lines import Row
from gateway.history.schema import puts


def rows_of_table(database: Database, since_ns: int = 0) -> list[Row]:
    """The rows from a time on, in the order in which the puts were answered; NoDatabase or WrongSchema otherwise."""
    database.check()
    asked = select(puts).where(puts.c.time_ns >= since_ns).order_by(puts.c.answered_ns, puts.c.time_ns)
    with database.connected() as connection:
        return [dict(row) for row in connection.execute(asked).mappings()]
