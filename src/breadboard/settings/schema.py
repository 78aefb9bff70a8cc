"""The tables of people's settings, as the newest migration leaves them."""

from typing import Final

import sqlalchemy as sa

from breadboard.model.rules import NAME_CHARACTERS

HEAD: Final = "r0003"
"""The newest migration. A database that says so needs none, and Alembic is not even loaded."""

METADATA: Final = sa.MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "ix": "ix_%(table_name)s_%(column_0_name)s",
    }
)

USERS: Final = sa.Table(
    "users",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("name", sa.String(NAME_CHARACTERS), nullable=False, unique=True),
    sa.Column("created_ns", sa.BigInteger, nullable=False),
)
KEYS: Final = sa.Table(
    "api_keys",
    METADATA,
    sa.Column("id", sa.String(16), primary_key=True),
    sa.Column("user_id", sa.Integer, sa.ForeignKey("users.id"), nullable=False, index=True),
    sa.Column("scope", sa.String(8), nullable=False),
    sa.Column("hash", sa.String(64), nullable=False),
    sa.Column("created_ns", sa.BigInteger, nullable=False),
    sa.Column("expires_ns", sa.BigInteger, nullable=False),
    sa.Column("revoked_ns", sa.BigInteger, nullable=True),
)
SESSIONS: Final = sa.Table(
    "sessions",
    METADATA,
    sa.Column("hash", sa.String(64), primary_key=True),
    sa.Column("key_id", sa.String(16), sa.ForeignKey("api_keys.id"), nullable=False, index=True),
    sa.Column("created_ns", sa.BigInteger, nullable=False),
    sa.Column("expires_ns", sa.BigInteger, nullable=False),
)
RULES: Final = sa.Table(
    "rules",
    METADATA,
    sa.Column("name", sa.String(NAME_CHARACTERS), primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("version", sa.String(12), nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("removed", sa.Boolean, nullable=False),
    sa.Column("changed_ns", sa.BigInteger, nullable=False),
    sa.Column("owner", sa.Integer, sa.ForeignKey("users.id"), nullable=True),
)
"""A rule is never overwritten: each change is a row of its own with the next number, and a removal is one too.

Of no owner: the house's, made where no key is needed. Everybody sees it, and who has the scope ``admin`` changes it.
"""
WATCHLISTS: Final = sa.Table(
    "watchlists",
    METADATA,
    sa.Column("name", sa.String(NAME_CHARACTERS), primary_key=True),
    sa.Column("symbols", sa.Text, nullable=False),
    sa.Column("changed_ns", sa.BigInteger, nullable=False),
    sa.Column("owner", sa.Integer, sa.ForeignKey("users.id"), nullable=True),
)
