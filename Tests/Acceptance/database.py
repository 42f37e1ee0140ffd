#!/usr/bin/env python3
"""The database phase, seen from outside: a real PostgreSQL, plain SQL and Alembic, and the program being killed in the middle.

usage: database.py [CHECK ...]      each check prints one line; the last line counts them.
"""
import re
from lab import *
from postgres import PASSWORD, ShopServer

class Shop:
    """A lab with a database and a folder of migrations."""

    def __init__(self, files, more=None, top=None):
        self.postgres, self.lab = ShopServer(), Lab()
        self.folder = self.lab.dir / "migrations"
        self.folder.mkdir()
        for name, text in files.items():
            (self.folder / name).write_text(text)
        self.lb = self.lab.nginx()
        migrate = {"apply": {"sql": "migrations", "database": "${secret.DATABASE_URL}"}}
        migrate.update(more or {})
        self.lab.playbook([self.lb], {"migrate": migrate, **(top or {})})

    def command(self, *args, **more):
        env = dict(DATABASE_URL=self.postgres.url(), STAGING_DATABASE_URL=self.postgres.url("staging"))
        return self.lab.command(*args, env={**env, **more.pop("env", {})}, **more)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.lab.__exit__()
        self.postgres.__exit__()


def told(r):
    text = r.stdout + r.stderr
    assert PASSWORD not in text and "s3cr%2Ft" not in text, "the password is shown"
    return text


EXPAND = {"001_status.sql": "ALTER TABLE orders ADD COLUMN status text;\n",
          "002_index.sql": "CREATE INDEX CONCURRENTLY orders_status ON orders (status);\n"}


def expand_is_applied_and_released():
    """Plain SQL, one file in a transaction and one outside: plan tells, run applies, the traffic goes over."""
    with Shop(EXPAND) as shop:
        plan = shop.command("plan", "v2.5.0")
        assert plan.returncode == 0, told(plan)
        for word in ("001_status.sql", "002_index.sql", "lint"):
            assert word in told(plan), f"`plan` does not tell of {word}: {plan.stdout}"
        assert "status" not in shop.postgres.columns(), "`plan` has migrated"
        status = json.loads(shop.command("migrations", "status", "--output", "json").stdout)
        assert [m["name"] for m in status[0]["pending"]] == list(EXPAND), status
        r = shop.command("run", "v2.5.0", "--yes")
        assert r.returncode == 0, told(r)
        told(r)
        assert "status" in shop.postgres.columns()
        assert shop.postgres.sql("select indisvalid from pg_index where indexrelid = 'orders_status'::regclass", "shop") == "t"
        status = json.loads(shop.command("migrations", "status", "--output", "json").stdout)
        assert status[0]["head"] and not status[0]["pending"], status
        assert shop.lab.shares(shop.lb, 20) == {"green": 1.0}
        back = shop.command("rollback", "--yes")
        assert back.returncode == 0 and shop.lab.shares(shop.lb, 20) == {"blue": 1.0}, told(back)
        assert "status" in shop.postgres.columns(), "a rollback has touched the database"


def the_gate_stops_what_breaks_the_stable_version():
    """A dropped column ends the run before anything of it runs; allowed in the file, the rollback asks for --force."""
    with Shop({"001_drop.sql": "ALTER TABLE orders DROP COLUMN note;\n"}) as shop:
        r = shop.command("run", "v2.5.0", "--yes")
        assert r.returncode == 1 and "drop-column" in told(r), told(r)
        assert "note" in shop.postgres.columns() and shop.lab.shares(shop.lb, 20) == {"blue": 1.0}
        (shop.folder / "001_drop.sql").write_text(
            "-- bgdeploy: allow drop-column because blue does not read it any more\nALTER TABLE orders DROP COLUMN note;\n")
        r = shop.command("run", "v2.5.0", "--yes")
        assert r.returncode == 0 and "note" not in shop.postgres.columns(), told(r)
        assert "does not read it any more" in shop.command("events").stdout, "the reason is not in the journal"
        back = shop.command("rollback", "--yes")
        assert back.returncode == 77 and "never migrated down" in told(back), told(back)
        assert shop.lab.shares(shop.lb, 20) == {"green": 1.0}
        back = shop.command("rollback", "--yes", "--force", "--reason", "better than nothing")
        assert back.returncode == 0 and shop.lab.shares(shop.lb, 20) == {"blue": 1.0}, told(back)


def stable_is_asked_after_the_migration():
    """Where the stable version does not bear the schema after all, the run ends with the traffic where it was."""
    with Shop({"001_status.sql": "ALTER TABLE orders ADD COLUMN status text;\n"}) as shop:
        def watch():
            while "status" not in shop.postgres.columns():
                time.sleep(0.02)
            shop.lab.blue.healthy = False
        shop.lab.playbook([shop.lb], {"migrate": {"apply": {"sql": "migrations", "database": "${secret.DATABASE_URL}"},
                                                  "forward_fix": "run fix_status.sql"},
                                      "validate": [{"http": {"get": "/api/health", "expect": {"json": {"status": "healthy"}}}}]})
        threading.Thread(target=watch, daemon=True).start()
        r = shop.command("run", "v2.5.0", "--yes")
        assert r.returncode == 1, told(r)
        assert "blue does not pass on the new schema" in told(r) and "fix_status.sql" in told(r), told(r)
        assert shop.lab.shares(shop.lb, 20).keys() == {"blue"}


def a_failing_migration_changes_nothing():
    """The second statement fails: the whole file is undone, and the message has its line of SQL and the server's words."""
    files = {"001_two.sql": "ALTER TABLE orders ADD COLUMN a int;\nALTER TABLE orders ADD COLUMN total int;\n"}
    with Shop(files) as shop:
        r = shop.command("run", "v2.5.0", "--yes")
        assert r.returncode == 1 and "already exists" in told(r), told(r)
        assert "a" not in shop.postgres.columns(), "half a file is in force"
        assert shop.lab.shares(shop.lb, 20) == {"blue": 1.0}
        (shop.folder / "001_two.sql").write_text("ALTER TABLE orders ADD COLUMN a int;\n")
        r = shop.command("run", "v2.5.0", "--yes")
        assert r.returncode == 0 and "a" in shop.postgres.columns(), told(r)


def killed_in_the_middle_and_resumed():
    """SIGKILL while a migration runs; `resume` finds out what is true, applies it once and goes on."""
    files = {"001_slow.sql": "SELECT pg_sleep(3);\nALTER TABLE orders ADD COLUMN slow int;\nINSERT INTO orders (note) VALUES ('once');\n"}
    with Shop(files) as shop:
        p = shop.command("run", "v2.5.0", "--yes", wait=False)
        running = "select count(*) from pg_stat_activity where query like '%pg_sleep%' and pid <> pg_backend_pid()"
        assert eventually(lambda: shop.postgres.sql(running) != "0"), "the migration does not begin"
        p.kill()
        p.communicate()
        r = shop.command("resume", "--yes", timeout=120)
        assert r.returncode == 0, told(r)
        assert "slow" in shop.postgres.columns()
        assert shop.postgres.sql("select count(*) from orders where note = 'once'", "shop") == "1", "applied twice"
        assert shop.lab.shares(shop.lb, 20) == {"green": 1.0}


def a_lock_is_given_up_before_users_queue():
    """A long transaction holds the table: the migration gives up, says who, and users read all the while."""
    with Shop({"001_status.sql": "ALTER TABLE orders ADD COLUMN status text;\n"},
              {"apply": {"sql": "migrations", "database": "${secret.DATABASE_URL}", "lock_timeout": "300ms", "lock_attempts": 2}}) as shop:
        holder = subprocess.Popen([f"{shop.postgres.tools}/psql", "-qX", "-h", str(shop.postgres.dir), "-U", "postgres", "-d", "shop"],
                                  stdin=subprocess.PIPE, text=True)
        holder.stdin.write("begin; select count(*) from orders \\g /dev/null\n")
        holder.stdin.flush()
        held = "select count(*) from pg_locks where relation = 'orders'::regclass"
        assert eventually(lambda: shop.postgres.sql(held, "shop") != "0"), "nobody holds the table"
        worst, stop = [0.0], threading.Event()

        def user():
            while not stop.is_set():
                start = time.monotonic()
                shop.postgres.sql("select 1 from orders limit 1", "shop")
                worst[0] = max(worst[0], time.monotonic() - start)
        reader = threading.Thread(target=user, daemon=True)
        reader.start()
        r = shop.command("run", "v2.5.0", "--yes")
        stop.set()
        reader.join(10)
        holder.stdin.close()
        holder.wait(10)
        assert r.returncode == 1 and "status" not in shop.postgres.columns(), told(r)
        assert re.search(r"lock", told(r)), told(r)
        assert worst[0] < 3, f"a user waited {worst[0]:.1f} s"
        return f"the longest a user waited: {worst[0] * 1000:.0f} ms"


def history_changed_behind_its_back():
    """An applied file with another text stops the next release, by name."""
    with Shop({"001_status.sql": "ALTER TABLE orders ADD COLUMN status text;\n"}) as shop:
        assert shop.command("run", "v2.5.0", "--yes").returncode == 0
        (shop.folder / "001_status.sql").write_text("ALTER TABLE orders ADD COLUMN other text;\n")
        (shop.folder / "002_more.sql").write_text("ALTER TABLE orders ADD COLUMN more text;\n")
        shop.lab.blue.version = "v2.6.0"
        r = shop.command("run", "v2.6.0", "--yes")
        assert r.returncode == 1 and "001_status.sql" in told(r), told(r)
        assert "more" not in shop.postgres.columns()


def backup_and_rehearsal_come_first():
    """On staging up, down and up again; then a backup that can be read back; then production."""
    files = {"001_status.sql": "ALTER TABLE orders ADD COLUMN status text;\n", "001_status.down.sql": "ALTER TABLE orders DROP COLUMN status;\n"}
    more = {"backup": {"postgres": "${secret.DATABASE_URL}", "to": "backups", "verify": "restore"},
            "rehearse": {"database": "${secret.STAGING_DATABASE_URL}", "down_and_up": True}}
    with Shop(files, more) as shop:
        shop.postgres.sql("create database staging template shop owner app")
        r = shop.command("run", "v2.5.0", "--yes", timeout=180)
        assert r.returncode == 0, told(r)
        dumps = list((shop.lab.dir / "backups").glob("*.dump"))
        assert len(dumps) == 1 and dumps[0].stat().st_mode & 0o077 == 0, dumps
        assert subprocess.run(["sha256sum", "-c", "--quiet"] + [p.name for p in dumps[0].parent.glob("*.sha256")], cwd=dumps[0].parent).returncode == 0
        listed = subprocess.run([f"{shop.postgres.tools}/pg_restore", "--list", str(dumps[0])], capture_output=True, text=True)
        assert "TABLE DATA public orders" in listed.stdout
        assert "status" not in subprocess.run([f"{shop.postgres.tools}/pg_restore", "-f", "-", "-s", str(dumps[0])], capture_output=True, text=True).stdout
        return f"{dumps[0].stat().st_size} bytes"


def wrong_password_is_told_without_it():
    with Shop({"001_status.sql": "ALTER TABLE orders ADD COLUMN status text;\n"}) as shop:
        bad = shop.postgres.url().replace("app:", "app:wr0ng")
        r = shop.command("run", "v2.5.0", "--yes", env=dict(DATABASE_URL=bad))
        assert r.returncode != 0 and "password authentication failed" in told(r) and "wr0ng" not in r.stdout + r.stderr, told(r)
        assert "wr0ng" not in shop.command("events", "--output", "json").stdout
        assert shop.lab.shares(shop.lb, 20) == {"blue": 1.0}


def down_is_refused():
    with Shop(EXPAND) as shop:
        r = shop.command("migrations", "down")
        assert r.returncode == 77 and "never migrated down" in told(r), told(r)


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


def alembic_is_judged_and_applied():
    """A real Alembic project: its SQL is judged, applied by Alembic, and a step that breaks blue is stopped."""
    with Shop({}) as shop:
        project = shop.lab.dir / "alembic"
        (project / "versions").mkdir(parents=True)
        (shop.lab.dir / "alembic.ini").write_text("[alembic]\nscript_location = %(here)s/alembic\n")
        (project / "env.py").write_text(ENVIRONMENT)
        (project / "versions/one.py").write_text(REVISION.format("one", None, "alter table orders add column status text", "alter table orders drop column status"))
        shop.lab.playbook([shop.lb], {"migrate": {"apply": {"alembic": "alembic.ini", "database": "${secret.DATABASE_URL}"}}})
        r = shop.command("run", "v2.5.0", "--yes", timeout=120)
        assert r.returncode == 0 and "status" in shop.postgres.columns(), told(r)
        (project / "versions/two.py").write_text(REVISION.format("two", "'one'", "alter table orders drop column note", "select 1"))
        shop.lab.blue.version = "v2.6.0"
        r = shop.command("run", "v2.6.0", "--yes", timeout=120)
        assert r.returncode == 1 and "drop-column" in told(r) and "note" in shop.postgres.columns(), told(r)


if __name__ == "__main__":
    main([expand_is_applied_and_released, the_gate_stops_what_breaks_the_stable_version, stable_is_asked_after_the_migration,
          a_failing_migration_changes_nothing, killed_in_the_middle_and_resumed, a_lock_is_given_up_before_users_queue,
          history_changed_behind_its_back, backup_and_rehearsal_come_first, wrong_password_is_told_without_it, down_is_refused,
          alembic_is_judged_and_applied])
