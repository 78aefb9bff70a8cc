"""Sessions of people who signed in with a browser, each of a key."""

import sqlalchemy as sa
from alembic import op

revision = "r0003"
down_revision = "r0002"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "sessions",
        sa.Column("hash", sa.String(64), primary_key=True),
        sa.Column("key_id", sa.String(16), nullable=False),
        sa.Column("created_ns", sa.BigInteger, nullable=False),
        sa.Column("expires_ns", sa.BigInteger, nullable=False),
        sa.ForeignKeyConstraint(["key_id"], ["api_keys.id"]),
    )
    op.create_index(op.f("ix_sessions_key_id"), "sessions", ["key_id"])
