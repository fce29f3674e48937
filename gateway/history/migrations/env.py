"""What alembic runs for each upgrade: on the connection that it is handed, in the transaction that runs there."""

from alembic import context

context.configure(connection=context.config.attributes["connection"], transactional_ddl=True)
with context.begin_transaction():
    context.run_migrations()
