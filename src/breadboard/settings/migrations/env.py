"""What Alembic runs before any migration: it hands over the connection that we are on."""

from alembic import context

from breadboard.settings.schema import METADATA

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    render_as_batch=True,  # SQLite changes few things of a table in place
)
with context.begin_transaction():
    context.run_migrations()
