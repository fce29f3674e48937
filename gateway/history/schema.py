"""The tables of the history as this program reads and writes them; `migrations/` makes them."""

from sqlalchemy import BigInteger, Column, MetaData, String, Table, Text

tables = MetaData()

puts = Table(
    "puts", tables,
    # a row that is written again, since the answer of the database was lost, has the same key and is left out
    Column("gateway", String(64), primary_key=True),
    Column("id", String(64), primary_key=True),
    Column("time_ns", BigInteger, primary_key=True, index=True),
    Column("pv", String(255), primary_key=True),
    Column("device", String(255), nullable=False, index=True),
    Column("user", Text, nullable=False),
    Column("host", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("old", Text, nullable=False),
    Column("new", Text, nullable=False),
    Column("layer", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("message", Text, nullable=False),
    Column("readback", Text, nullable=False),
    Column("answered_ns", BigInteger, nullable=False),
)  # fmt: skip
"""One row per put: the fields of `PutRow`, and the gateway that it came through. Times are Unix, UTC, in ns."""
