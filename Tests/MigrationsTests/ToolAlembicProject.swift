/// A small Alembic project that a test writes.
extension ToolLab {
    /// `reads` is the expression of `env.py` for the database's URL.
    func writeAlembic(reads url: String = "os.environ[\"DATABASE_URL\"]") throws {
        try write("[alembic]\nscript_location = %(here)s/migrations\n", to: "alembic.ini")
        try write(
            """
            import os
            from alembic import context
            from sqlalchemy import create_engine
            url = \(url)
            if context.is_offline_mode():
                context.configure(url=url, literal_binds=True)
                with context.begin_transaction():
                    context.run_migrations()
            else:
                with create_engine(url).connect() as connection:
                    context.configure(connection=connection)
                    with context.begin_transaction():
                        context.run_migrations()
            """,
            to: "migrations/env.py"
        )
    }

    /// `up` and `down` are SQL, unless they are given as Python.
    func writeRevision(
        _ name: String,
        after parent: String?,
        up: String,
        down: String = "pass",
        isPython: Bool = false
    ) throws {
        let body = isPython ? up : "op.execute(\"\"\"\(up)\"\"\")"
        let undo = down == "pass" ? down : "op.execute(\"\"\"\(down)\"\"\")"
        try write(
            """
            \"\"\"Rev: a message that looks like an answer\"\"\"
            import time
            from alembic import op
            revision = "\(name)"
            down_revision = \(parent.map { "\"\($0)\"" } ?? "None")
            def upgrade():
                \(body)
            def downgrade():
                \(undo)
            """,
            to: "migrations/versions/\(name).py"
        )
    }

    /// Two revisions: `a1` makes a table, `b2` adds a column.
    func writeUsers() throws {
        try writeAlembic()
        try writeRevision("a1", after: nil, up: "CREATE TABLE users (id int)", down: "DROP TABLE users")
        try writeRevision(
            "b2",
            after: "a1",
            up: "ALTER TABLE users ADD COLUMN email text",
            down: "ALTER TABLE users DROP COLUMN email"
        )
    }
}
