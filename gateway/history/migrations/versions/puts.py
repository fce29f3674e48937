"""The table of puts."""

import sqlalchemy as sa
from alembic import op

revision = "1"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table and its indices."""
    op.create_table(
        "puts",
        *(sa.Column(name, sa.String(64), primary_key=True) for name in ("gateway", "id")),
        sa.Column("time_ns", sa.BigInteger(), primary_key=True),
        sa.Column("pv", sa.String(255), primary_key=True),
        sa.Column("device", sa.String(255), nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("user", "host", "address", "old", "new")),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("layer", "outcome", "message", "readback")),
        sa.Column("answered_ns", sa.BigInteger(), nullable=False),
    )
    op.create_index("ix_puts_time_ns", "puts", ["time_ns"])
    op.create_index("ix_puts_device", "puts", ["device"])
