#!/usr/bin/env python3
"""playbooks/vercel-supabase.yml, run: real nginx and PostgreSQL, stand-ins for vercel, supabase, npm and systemctl.

usage: seeds_vercel_supabase.py [CHECK ...]      each check prints one line; the last line counts them.
"""
import pathlib, sys
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "platforms"))
from stage import *

REFERENCE = "abcdefghijklmnopqrst"
FIRST = "create table public.orders (id serial primary key, note text); alter table public.orders enable row level security;\n"
EXPAND = "alter table public.orders add column status text;\n"


class Shop(Stage):
    def __init__(self, migrations=None, **edits):
        self.edge = free_port()
        super().__init__("vercel-supabase.yml", lambda stage: {
            "https://api.example.com": f"http://127.0.0.1:{stage.lb['port']}",
            "https://your-app.vercel.app": f"http://127.0.0.1:{stage.edge}",
            "/var/log/nginx/app.bg.log": stage.dir / "access.log",
            "http://127.0.0.1:8001": stage.blue.url, "127.0.0.1:8001": stage.blue.server,
            "http://127.0.0.1:8002": stage.green.url, "127.0.0.1:8002": stage.green.server,
            "/srv/api/": f"{stage.dir}/api-",
            "hold: 10m": "hold: 1s\n  early: false", "for: 15m": "for: 2s", "grace: 30s": "grace: 1s", "hold: 1m": "hold: 1s",
            "every: 2s": "every: 100ms",
        }, tables="", environment=dict(
            SECRET_KEY="k" * 64, CRON_SECRET="c" * 32, SUPABASE_PROJECT_REF=REFERENCE, SUPABASE_ACCESS_TOKEN="sbp_t0ken",
            SLACK_URL="http://127.0.0.1:9/", PAGERDUTY_KEY="k3y"))
        self.edit("in: 1h", "in: 1s")
        self.edit("in: 24h", "in: 1s")
        with world.world(self.world) as state:
            old = f"http://127.0.0.1:{self.edge}/_deployment/old"
            state["supabase"] = {"reference": REFERENCE}
            state["vercel"] = {"port": self.edge, "deployments": {old: {"version": "v2.4.5"}}, "production": [old],
                               "variables": ["DATABASE_URL", "SECRET_KEY", "CRON_SECRET", "SUPABASE_SERVICE_ROLE_KEY"]}
            for name in ("blue", "green"):
                state["applications"][name]["folder"] = f"{self.dir}/api-{name}"
        self.repository()
        self.migration("20250101000000_first.sql", FIRST)
        self.database.sql("create schema supabase_migrations; create table supabase_migrations.schema_migrations (version text primary key, statements text[], name text);"
                          f"insert into supabase_migrations.schema_migrations values ('20250101000000'); set role app; {FIRST}"
                          "create table events (id serial primary key, at timestamptz not null default now()); alter table events enable row level security;"
                          "create table feature_flags (name text primary key, enabled bool not null, kill_switch bool not null, rollout_percentage int not null); alter table feature_flags enable row level security;"
                          "create table security_audit (id serial primary key, event text, created_at timestamptz not null default now()); alter table security_audit enable row level security;"
                          "insert into feature_flags values ('new_checkout', true, false, 10)", "shop")
        for name, text in (migrations if migrations is not None else {"20250201000000_status.sql": EXPAND}).items():
            self.migration(name, text)
        self.procs.append(subprocess.Popen([sys.executable, str(HERE / "platforms/vercel_edge.py"), str(self.edge), str(self.lb["port"])],
                                           env={**os.environ, **self.env}, stderr=subprocess.DEVNULL))
        wait_port(self.edge)

    def more_replacements(self):
        return {"/etc/shop-api.env": self.dir / "shop-api.env"}

    def flag(self):
        return self.database.sql("select enabled, kill_switch, rollout_percentage from feature_flags", "shop")

    def migration(self, name, text):
        path = self.folder / "supabase/migrations" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def repository(self):
        """The application's repository, with the playbook in it, and a clone for each environment."""
        (self.folder / "package.json").write_text(json.dumps({"name": "shop", "scripts": {
            "env:validate": "test -n \"$SECRET_KEY\" || { echo SECRET_KEY is not set; exit 1; }",
            "retention:cleanup": "psql -qX \"$DATABASE_URL\" -c \"delete from events where at < now() - interval '90 days'\"",
            "audit:secrets": "! git grep -nE 'sk_live_[0-9a-z]{8}'", "test": "true"}}))
        (self.folder / "package-lock.json").write_text("{}\n")
        (self.folder / "backend").mkdir()
        (self.folder / "backend/requirements.txt").write_text("fastapi\nuvicorn\n")
        self.git("init", "-q", "-b", "main")
        self.git("add", "package.json", "package-lock.json", "backend")
        for version in ("v2.4.5", "v2.5.0", "v2.6.0"):
            self.git("commit", "-q", "--allow-empty", "-m", version)
            self.git("tag", version)
        for name in ("blue", "green"):
            self.git("clone", "-q", str(self.folder), f"{self.dir}/api-{name}")
            pip = self.dir / f"api-{name}/backend/.venv/bin/pip"
            pip.parent.mkdir(parents=True)
            pip.write_text("#!/bin/sh\ntest -f requirements.txt\n")
            pip.chmod(0o755)

    def git(self, *argv):
        subprocess.run(["git", "-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "init.defaultBranch=main", *argv], cwd=self.folder, check=True, capture_output=True)

    release = Stage.release_confirmed

    def frontend(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.edge, timeout=5)
        connection.request("GET", "/")
        return connection.getresponse().read().decode().partition("content=")[2].rstrip(">")

    def columns(self):
        return set(self.database.sql("select column_name from information_schema.columns where table_name = 'orders'", "shop").split())

    def is_as_before(self):
        assert self.users() == {"blue"}, self.users()
        assert self.frontend() == "v2.4.5", self.frontend()


def releases_all_three():
    """Schema, API and front-end go over; the checks an hour and a day later are carried out by `resume`; then back."""
    with Shop() as shop:
        r = shop.release()
        expect(r, 0)
        assert shop.users() == {"green"} and shop.frontend() == "v2.5.0" and "status" in shop.columns()
        calls = [c for c in shop.calls() if c.startswith(("supabase", "vercel")) and "migration list" not in c]
        order = [next(n for n, c in enumerate(calls) if words in c) for words in ("link --project-ref", "db push --dry-run", "vercel deploy --prod --skip-domain", "--yes db push", "vercel promote")]
        assert order == sorted(order), calls
        assert not any("reset" in c for c in calls)
        time.sleep(1.2)
        expect(shop.bgdeploy("resume", "--yes"), 0, "through Vercel")
        back = shop.bgdeploy("rollback", "--yes")
        expect(back, 0)
        shop.is_as_before()
        assert "status" in shop.columns(), "a rollback has touched the database"
        return f"{len(calls)} calls"


def what_is_not_ready_is_stopped_before_anything_is_done():
    """Each item of the list before a deployment, missing: the run ends, and no migration, no build, no traffic has moved."""
    with Shop() as shop:
        def stops(*words, env=None):
            before = len(shop.calls())
            expect(shop.release(env=env), 1, *words)
            done = [c for c in shop.calls()[before:] if c.startswith(("supabase", "vercel deploy", "vercel promote", "systemctl"))]
            assert not done, f"something was done: {done}"
            shop.is_as_before()
        stops("SECRET_KEY is not set", env=dict(SECRET_KEY=""))
        stops("CRON_SECRET is too short", env=dict(CRON_SECRET="short"))
        stops("SUPABASE_PROJECT_REF does not look as it must", env=dict(SUPABASE_PROJECT_REF="Not A Reference"))
        shop.faults(**{"npm audit": 3})
        stops("3 high severity vulnerabilities")
        shop.faults()
        (shop.folder / "package-lock.json").write_text("changed\n")
        stops("the lock file is committed")
        shop.git("checkout", "-q", "package-lock.json")
        (shop.folder / "backend/config.py").write_text("KEY = 'sk_live_1234abcd'\n")
        shop.git("add", "backend/config.py")
        stops("sk_live_")
        shop.git("rm", "-q", "-f", "backend/config.py")
        with world.world(shop.world) as state:
            state["vercel"]["variables"].remove("CRON_SECRET")
        stops("CRON_SECRET is not set for production at Vercel")
        with world.world(shop.world) as state:
            state["vercel"]["variables"].append("CRON_SECRET")
        shop.faults(blue=dict(supabase="disconnected"))
        stops('supabase')
        return "8 of 8 stopped"


def nobody_confirms_the_checklist():
    """A checklist that is not confirmed in its time: the run ends, nothing was done."""
    with Shop() as shop:
        shop.edit("  - checklist:\n", "  - timeout: 1s\n    checklist:\n")
        expect(shop.bgdeploy("run", "v2.5.0", "--yes"), 1)
        assert not shop.calls(), shop.calls()
        shop.is_as_before()


def the_wrong_project_or_a_failed_build():
    """`supabase link` refuses, uvicorn does not start, `vercel deploy` and `vercel promote` fail: users stay where they are."""
    with Shop({}) as shop:
        expect(shop.release(env=dict(SUPABASE_PROJECT_REF="z" * 20)), 1, "Project not found")
        shop.faults(**{"systemctl restart": True})
        expect(shop.release(), 1, "control process exited")
        shop.faults(**{"vercel deploy": "Command \"npm run build\" exited with 1"})
        expect(shop.release(), 1, "npm run build")
        shop.faults(**{"vercel promote": "Timed out"})
        expect(shop.release(), 1, "Timed out")
        shop.faults(frontend="v2.5.0")
        expect(shop.release(), 1, "the front-end that was built answers")
        shop.is_as_before()


def a_migration_that_breaks_the_old_api():
    """It is judged before it runs, it fails whole, and a database is never reset."""
    with Shop({"20250201000000_drop.sql": "alter table public.orders drop column note;\n"}) as shop:
        expect(shop.release(), 1, "drop-column")
        assert "note" in shop.columns()
        shop.is_as_before()
        shop.migration("20250201000000_drop.sql", "alter table public.orders add column a int; alter table public.orders add column note int;\n")
        expect(shop.release(), 1, "already exists")
        assert "a" not in shop.columns(), "half a migration is in force"
        shop.is_as_before()
        expect(shop.bgdeploy("migrations", "down"), 77, "never migrated down")
        shop.edit("- run: [vercel, rollback, --yes]", "- run: [supabase, db, reset, --linked]")
        expect(shop.bgdeploy("check"), 65, "supabase db reset")
        expect(shop.release(), 65, "supabase db reset")
        assert not any("reset" in c for c in shop.calls())


def an_unfit_candidate_gets_no_user():
    """Health, version, pool, row level security, login: each stops the run before the front-end goes over."""
    with Shop() as shop:
        shop.edit("attempts: 60", "attempts: 2")
        for fault, word in [(dict(healthy=False), "503"), (dict(version="v2.4.9"), "v2.4.9"), (dict(checked_out=50), "pool.checked_out"),
                            (dict(login=True), "login")]:
            shop.faults(green=fault)
            expect(shop.release(), 1, word)
            shop.is_as_before()
        shop.faults()
        shop.migration("20250301000000_notes.sql", "create table public.notes (id serial primary key);\n")
        expect(shop.release(), 1, "row level security")
        shop.is_as_before()
        assert not any("vercel promote" in c for c in shop.calls())
        shop.migration("20250302000000_policy.sql", "alter table public.notes enable row level security;\n")
        expect(shop.release(), 0)
        assert shop.users() == {"green"}, "mended by the next migration"


def watched(shop, **fault):
    """Releases into a fault that users meet; seconds from the first user to the way back."""
    shop.edit("hold: 1s\n  early: false", "hold: 40s\n  early: false")
    shop.edit("canary: [10%, 50%, 100%]", "canary: [50%, 100%]")
    load = shop.load(shop.lb, 60)
    began = {}
    def switch():
        if eventually(lambda: any("vercel promote" in c for c in shop.calls()), 60):
            shop.faults(green=fault)
            began["at"] = time.monotonic()
    threading.Thread(target=switch, daemon=True).start()
    r = shop.release()
    load.stop()
    shop.is_as_before()
    assert any(c.startswith("vercel rollback") for c in shop.calls()), shop.calls()
    return r, f"back after {time.monotonic() - began['at']:.0f} s"


def errors_over_one_percent_take_both_back():
    with Shop({}) as shop:
        r, figure = watched(shop, error_rate=0.12)
        expect(r, 3, "P1")
        return figure


def an_exhausted_pool_takes_both_back():
    with Shop({}) as shop:
        r, figure = watched(shop, checked_out=50)
        expect(r, 3, "pool")
        return figure


def slow_answers_take_both_back_gradually():
    with Shop({}) as shop:
        r, figure = watched(shop, hang=2.4)
        expect(r, 3, "p95 of green")
        return figure


def data_beyond_its_time_is_on_record():
    """A day later: the policy of retention is not kept. It is told, and changes nothing."""
    with Shop({}) as shop:
        expect(shop.release(), 0)
        shop.faults(green=dict(overdue=12))
        time.sleep(1.2)
        expect(shop.bgdeploy("resume", "--yes"), 0, "retention.overdue")
        assert shop.users() == {"green"}


# -- runbooks -----------------------------------------------------------------------------------------------------------

def a_feature_is_killed_and_rolled_out():
    """Killed after a confirmation and not before; a killed one takes no share; every step is verified in the database."""
    with Shop({}) as shop:
        flag = dict(FLAG="new_checkout")
        expect(shop.runbook("kill-switch", env=flag), 0, "new_checkout")
        expect(shop.runbook("kill-switch", env=dict(FLAG="no_such")), 1, "the flag exists")
        expect(shop.runbook("kill-switch", "--do", "kill", env=flag), 77)
        assert shop.flag() == "t|f|10"
        expect(shop.runbook("kill-switch", "--do", "kill", "--yes", env=flag), 0)
        assert shop.flag() == "t|t|10"
        expect(shop.runbook("rollout", "--do", "set", "--yes", env=dict(flag, PERCENT="25")), 1, "the share is as it was asked for")
        assert shop.flag() == "t|t|10"
        expect(shop.runbook("kill-switch", "--do", "revive", "--yes", env=flag), 0)
        for share in ("25", "50", "100"):
            expect(shop.runbook("rollout", "--do", "set", "--yes", env=dict(flag, PERCENT=share)), 0)
            assert shop.flag() == f"t|f|{share}"
        expect(shop.runbook("rollout", "--do", "set", "--yes", env=dict(flag, PERCENT="400")), 1)
        expect(shop.runbook("rollout", "--do", "disable", "--yes", env=flag), 0)
        assert shop.flag() == "f|f|100"
        assert shop.users() == {"blue"} and not any("vercel" in c for c in shop.calls())


def secrets_are_rotated_and_never_shown():
    """A secret in the code is found; the new one is at Vercel and in the API's file, and in no output and no journal."""
    with Shop({}) as shop:
        expect(shop.release(), 0)
        (shop.dir / "shop-api.env").write_text("SECRET_KEY=old\nOTHER=kept\n")
        expect(shop.runbook("rotate-secrets"), 0)
        (shop.folder / "backend/config.py").write_text("KEY = 'sk_live_1234abcd'\n")
        shop.git("add", "backend/config.py")
        expect(shop.runbook("rotate-secrets"), 1, "P0", "secret-key")
        shop.git("rm", "-q", "-f", "backend/config.py")
        told = expect(shop.runbook("rotate-secrets", "--do", "secret-key", "--yes"), 0)
        with world.world(shop.world) as state:
            key = state["vercel"]["values"]["SECRET_KEY"]
        assert len(key) == 64 and f"SECRET_KEY={key}" in (shop.dir / "shop-api.env").read_text() and "OTHER=kept" in (shop.dir / "shop-api.env").read_text()
        assert (shop.folder / ".new-secret-key").stat().st_mode & 0o077 == 0
        assert key not in told and not any(key in c for c in shop.calls())
        expect(shop.runbook("rotate-secrets", "--do", "cron-secret", "--yes"), 0)
        expect(shop.runbook("rotate-secrets", "--do", "forget", "--yes"), 0)
        assert not (shop.folder / ".new-secret-key").exists()


def old_data_is_found_and_removed():
    with Shop({}) as shop:
        expect(shop.runbook("retention"), 0)
        shop.database.sql("insert into events (at) select now() - interval '91 days' from generate_series(1, 7); insert into events default values", "shop")
        expect(shop.runbook("retention"), 1, "events are kept for 90 days", "clean-up")
        assert shop.database.sql("select count(*) from events", "shop") == "8", "a look has changed something"
        expect(shop.runbook("retention", "--do", "clean-up", "--yes"), 0)
        assert shop.database.sql("select count(*) from events", "shop") == "1"


def a_backup_is_restored_and_measured():
    with Shop({}) as shop:
        env = dict(SCRATCH_URL=shop.url("postgres"))
        expect(shop.runbook("restore-test", env=env), 1, "back-up")
        expect(shop.runbook("restore-test", "--do", "back-up", "--yes", env=env), 0)
        expect(shop.runbook("restore-test", env=env), 0)
        expect(shop.runbook("restore-test", "--do", "restore", "--yes", env=env), 0, "recovery_time")
        assert shop.database.sql("select count(*) from pg_database where datname like 'bgdeploy%'") == "0", "a scratch database was left"


main([releases_all_three, what_is_not_ready_is_stopped_before_anything_is_done, nobody_confirms_the_checklist,
      the_wrong_project_or_a_failed_build, a_migration_that_breaks_the_old_api, an_unfit_candidate_gets_no_user,
      errors_over_one_percent_take_both_back, an_exhausted_pool_takes_both_back, slow_answers_take_both_back_gradually,
      data_beyond_its_time_is_on_record, a_feature_is_killed_and_rolled_out, secrets_are_rotated_and_never_shown,
      old_data_is_found_and_removed, a_backup_is_restored_and_measured])
