"""Brings a database's tables up to date. The only file that knows Alembic, besides the migrations themselves."""

from typing import Final

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.util.exc import CommandError

from breadboard.errors import BreadboardError
from breadboard.settings.database import revision

FIRST: Final = "r0001"
"""The tables of before there were migrations."""


def upgrade(work: sa.Connection) -> None:
    """Run what is missing, within the transaction of ``work``; tables of before there were migrations are taken over.

    Raises BreadboardError for a database that a newer Breadboard has made.
    """
    config = configured(work)
    before = revision(work)
    try:
        if before is None and sa.inspect(work).has_table("rules"):
            command.stamp(config, FIRST)
        command.upgrade(config, "head")
    except CommandError:
        raise BreadboardError(
            f"the settings were made by a newer breadboard than this one (their revision is {before})",
            hint="pip install --upgrade breadboard",
        ) from None


def configured(work: sa.Connection | None = None) -> Config:
    """Return Alembic's configuration: the migrations of this package, on this connection."""
    config = Config(attributes={"connection": work})
    config.set_main_option("script_location", "breadboard.settings:migrations")
    return config


def newest() -> str | None:
    """Return the migration that no other one follows."""
    return ScriptDirectory.from_config(configured()).get_current_head()
