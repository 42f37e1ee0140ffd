"""The two files of an Alembic project: `env.py`, which reads DATABASE_URL, and a revision by its name, parent, way up and way down."""

ENVIRONMENT = """import os
from alembic import context
from sqlalchemy import create_engine
url = os.environ["DATABASE_URL"].replace("postgresql://", "postgresql+psycopg2://", 1)
if context.is_offline_mode():
    context.configure(url=url, literal_binds=True)
    with context.begin_transaction():
        context.run_migrations()
else:
    with create_engine(url).connect() as connection:
        context.configure(connection=connection)
        with context.begin_transaction():
            context.run_migrations()
"""
REVISION = """from alembic import op
revision, down_revision = "{0}", {1}
def upgrade():
    op.execute("{2}")
def downgrade():
    op.execute("{3}")
"""
