#!/usr/bin/env python3
"""playbooks/cardmint.yml, run: real nginx, Alembic, pgbench, PostgreSQL with a streaming replica; a stand-in for flyctl.

usage: seeds_cardmint.py [CHECK ...]      each check prints one line; the last line counts them.
"""
import datetime, http.server, pathlib, sys
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "platforms"))
from stage import *
from alembic_project import ENVIRONMENT, REVISION

VOLUME = "vol_primary0001"
class CardMint(Stage):
    def __init__(self, windows="open", replica=True, rehearses=False, **environment):
        self.proxy, self.prometheus = free_port(), free_port()
        super().__init__("cardmint.yml", lambda stage: {
            "https://cardmint.example.com": f"http://127.0.0.1:{stage.lb['port']}",
            "/var/log/nginx/app.bg.log": stage.dir / "access.log",
            "http://cardmint-blue.flycast:8080": stage.blue.url, "cardmint-blue.flycast:8080": stage.blue.server,
            "http://cardmint-green.flycast:8080": stage.green.url, "cardmint-green.flycast:8080": stage.green.server,
            "hold: 10m": "hold: 1s\n  early: false", "for: 15m": "for: 2s", "grace: 30s": "grace: 1s", "hold: 2m": "hold: 1s",
            "5433": str(stage.proxy), "-T 300": "-T 2", "-c 20 -j 4": "-c 4 -j 2", "-L 150": "-L 1000",   # the machine of the check is small and busy
             "every: 5s": "every: 300ms", "in: 24h": "in: 1s",
            "smtps://smtp.example.com:465": "smtps://127.0.0.1:9",
        }, tables="create table cards (id serial primary key, name text not null, rarity text)", replica=replica, database="cardmint", environment=dict(
            CARDMINT_VOLUME=VOLUME, SLACK_URL="http://127.0.0.1:9/", PAGERDUTY_KEY="k3y", SMTP_PASSWORD="x", **environment))
        self.windows(windows)
        if not rehearses:   # Alembic is started a dozen times for it
            self.edit('  rehearse: { database: "${secret.STAGING_DATABASE_URL}" }\n', "")
        self.env["STAGING_DATABASE_URL"] = self.url("staging")
        self.database.sql("create database staging template cardmint owner app")
        subprocess.run([f"{TOOLS}/pgbench", "-i", "-q", "-s", "1", "-h", str(self.database.dir), "-U", "postgres", "cardmint"], check=True, capture_output=True)
        with world.world(self.world) as state:
            names = ["primary", "replica"][:len(self.servers)]
            state["fly"] = {"secrets": {}, "applications": {"cardmint-blue": "blue", "cardmint-green": "green"}, "clusters": {"cardmint-db": {
                "machines": [{"id": f"m-{n}", "server": str(s.dir), "size": "shared-cpu-2x", "volume": f"vol_{n}0001"} for n, s in zip(names, self.servers)],
                "volumes": [{"id": f"vol_{n}0001", "size_gb": 40, "machine": f"m-{n}", "snapshots": []} for n in names]}}}
        (self.folder / "alembic/versions").mkdir(parents=True)
        (self.folder / "alembic.ini").write_text("[alembic]\nscript_location = %(here)s/alembic\n")
        (self.folder / "alembic/env.py").write_text(ENVIRONMENT)
        self.revision("one", None, "alter table cards add column grade text")
        shutil.copy(HERE / "platforms/production_cli.py", self.folder)
        (self.folder / "test_v03_production.py").write_text("print('passed')\n")

    def windows(self, state):
        """The real windows are open or closed by the hour of the check: so other hours are put in their place."""
        today = datetime.datetime.now(datetime.timezone.utc)
        if state == "open":
            self.edit('"Sun 02:00-04:00"', today.strftime('"%a"'))
            self.edit('"first Sat 01:00-06:00"', (today + datetime.timedelta(days=1)).strftime('"%a"'))
        elif state == "closed":
            self.edit('"Sun 02:00-04:00"', (today + datetime.timedelta(days=3)).strftime('"%a 02:00-04:00"'))
            self.edit('"first Sat 01:00-06:00"', (today + datetime.timedelta(days=4)).strftime('"%a 01:00-06:00"'))

    def more_replacements(self):
        return {'"Sun 02:00-04:00", "first Sat 01:00-06:00"': datetime.datetime.now(datetime.timezone.utc).strftime('"%a"'),
                "https://api.fly.io/prometheus/personal": f"http://127.0.0.1:{self.prometheus}", "attempts: 60, every: 1s": "attempts: 3, every: 100ms"}

    def revision(self, name, before, sql):
        (self.folder / f"alembic/versions/{name}.py").write_text(REVISION.format(name, repr(before), sql, "select 1"))

    def columns(self):
        return set(self.database.sql("select column_name from information_schema.columns where table_name = 'cards'", "cardmint").split())

    def is_as_before(self):
        assert self.users() == {"blue"}, self.users()

    def snapshots(self):
        with world.world(self.world) as state:
            return len(state["fly"]["clusters"]["cardmint-db"]["volumes"][0]["snapshots"])


def releases_in_a_window():
    """Cluster looked at, snapshot before Alembic, a card, pgbench; then the traffic, watched; a day later health and figures."""
    with CardMint(rehearses=True) as mint:
        r = mint.release()
        text = expect(r, 0)
        assert mint.users() == {"green"} and "grade" in mint.columns() and mint.snapshots() == 1
        order = [text.index(words) for words in ("✓ cluster status", "✓ deploy", "✓ the snapshot is there", "✓ migrate alembic", "✓ a card can be made", "✓ pgbench")]
        assert order == sorted(order)
        time.sleep(1.2)
        expect(mint.bgdeploy("resume", "--yes"), 0, "daily figures")
        expect(mint.bgdeploy("rollback", "--yes"), 0, "health after the way back")
        mint.is_as_before()
        assert "grade" in mint.columns(), "a rollback has touched the database"


def outside_of_the_windows_it_waits():
    """Closed: the run waits, says until when, and has touched nothing."""
    with CardMint(windows="closed") as mint:
        r = mint.release("v2.5.0", "--no-wait")
        expect(r, 5)
        waits = json.loads(mint.bgdeploy("status", "--output", "json").stdout)["waitingFor"]
        assert waits["kind"] == "window" and waits["until"], waits
        assert not mint.calls(), mint.calls()
        expect(mint.bgdeploy("abort", "--yes"), 0)
        mint.is_as_before()


def a_critical_fix_goes_through_with_a_reason():
    with CardMint(windows="closed") as mint:
        expect(mint.release("v2.5.0", "--override-window"), 64, "say why")
        expect(mint.release("v2.5.0", "--override-window", "--reason", "OPS-17"), 0)
        assert mint.users() == {"green"}
        assert "OPS-17" in mint.bgdeploy("report", "--format", "markdown").stdout


def a_cluster_that_is_not_well_is_left_alone():
    """Storage, pool, no replica, no primary, a tool that is missing: each stops the run before anything is done."""
    with CardMint() as mint:
        def stops(*words, env=None):
            before = len(mint.calls())
            expect(mint.release(env=env), 1, *words)
            done = [c for c in mint.calls()[before:] if "deploy" in c or "snapshot" in c]
            assert not done and "grade" not in mint.columns(), done
            mint.is_as_before()
        mint.faults(blue=dict(storage_used=0.91))
        stops("database.storage_used")
        mint.faults(blue=dict(pool_utilization=0.95))
        stops("database.pool_utilization")
        mint.faults(**{"flyctl status": "You must be authenticated to view this."})
        stops("You must be authenticated")
        mint.faults()
        mint.servers[1].end()
        stops("a replica is streaming")
        mint.servers[0].end()
        expect(mint.release(), 1, "the primary answers")
        return "5 of 5 stopped"


def no_snapshot_no_migration():
    """Fly.io refuses the snapshot, or it does not come: Alembic is never called."""
    with CardMint() as mint:
        mint.faults(**{"flyctl volumes snapshot create": "volume is not attached"})
        expect(mint.release(), 1, "volume is not attached")
        mint.edit("attempts: 60, every: 300ms", "attempts: 3, every: 300ms")
        mint.faults(**{"snapshot delay": 3600})
        expect(mint.release(), 1, "the snapshot is there")
        assert "grade" not in mint.columns()
        mint.is_as_before()


def a_revision_that_cannot_be():
    """One that breaks the old version is judged, one that fails is undone, one that the application cannot use is found."""
    with CardMint() as mint:
        mint.revision("one", None, "alter table cards drop column rarity")
        expect(mint.release(), 1, "drop-column")
        assert "rarity" in mint.columns()
        mint.is_as_before()
        mint.revision("one", None, "alter table cards add column a int; alter table cards add column name int")
        expect(mint.release(), 1, "already exists")
        assert "a" not in mint.columns(), "half a revision is in force"
        mint.is_as_before()
        expect(mint.bgdeploy("migrations", "down"), 77, "never migrated down")
        mint.edit("- run: [flyctl, postgres, list]", "- run: [alembic, downgrade, \"-1\"]")
        expect(mint.bgdeploy("check"), 65, "alembic downgrade")


def an_unfit_candidate_gets_no_user():
    """No card can be made, the database is too slow under pgbench, the application's own test fails."""
    with CardMint() as mint:
        (mint.folder / "test_v03_production.py").write_text("raise SystemExit('latency budget exceeded')\n")
        expect(mint.release(), 1, "latency budget exceeded")
        mint.faults(**{"slow database": 1.2})
        expect(mint.release(), 1, "p95 is over 150 ms")
        mint.faults(green=dict(version="v0.0.1"))
        expect(mint.release(), 1, "v0.0.1")
        mint.faults()
        mint.database.sql("create function refuse() returns trigger language plpgsql as 'begin raise exception ''no cards today''; end'; create trigger no before insert on cards execute function refuse()", "cardmint")
        expect(mint.release(), 1, "no cards today")
        mint.is_as_before()


def watched(fault, code, *words, load=0):
    """A release into a figure of the database: what becomes of it."""
    with CardMint() as mint:
        mint.edit("hold: 1s\n  early: false", "hold: 15s\n  early: false")
        mint.edit("canary: [10%, 50%, 100%]", "canary: [50%, 100%]")
        began = {}
        def later():
            if eventually(lambda: "green" in mint.shares(mint.lb, 10), 90, 0.2):
                mint.faults(green=fault)
                began["at"] = time.monotonic()
        threading.Thread(target=later, daemon=True).start()
        r = mint.release()
        text = expect(r, code, *words)
        assert mint.users() == ({"blue"} if code == 3 else {"green"})
        return f"{time.monotonic() - began['at']:.0f} s" if code == 3 else "a remark"


def latency_over_150_ms_goes_back():
    return watched(dict(latency_p95_ms=180), 3, "db_latency_p95")


def latency_over_100_ms_is_a_remark():
    return watched(dict(latency_p95_ms=120), 0, "db_latency_p95")


def pool_over_90_percent_goes_back_at_once():
    return watched(dict(pool_utilization=0.95), 3, "pool")


def pool_over_80_percent_is_a_remark():
    return watched(dict(pool_utilization=0.85), 0, "pool")


def replica_lag_over_30_s_goes_back():
    return watched(dict(replica_lag_s=40), 3, "replica_lag")


def replica_lag_over_10_s_is_a_remark():
    return watched(dict(replica_lag_s=15), 0, "replica_lag")


def storage_over_85_percent_goes_back():
    return watched(dict(storage_used=0.9), 3, "storage")


def storage_over_70_percent_is_a_remark():
    return watched(dict(storage_used=0.75), 0, "storage")


# -- runbooks -----------------------------------------------------------------------------------------------------------

PRIMARY = dict(PRIMARY="m-primary", REPLICA="m-replica", MACHINE="m-primary", VOLUME=VOLUME)


def writes(mint):
    """Whether the application's user can write, wherever the primary is."""
    return subprocess.run(["/usr/bin/python3", str(mint.folder / "production_cli.py"), "test-card"], env={**os.environ, **mint.env}, capture_output=True).returncode == 0


def a_dead_primary_is_failed_over():
    """All well; then the primary is killed: P0, failover is suggested; refused without a confirmation; then the replica serves."""
    with CardMint() as mint:
        expect(mint.runbook("database-down"), 0, "m-primary")
        os.kill(mint.servers[0].pid, signal.SIGKILL)
        expect(mint.runbook("database-down"), 1, "P0", "failover")
        expect(mint.runbook("database-down", "--do", "failover"), 77)
        assert not any("failover" in c for c in mint.calls())
        began = time.monotonic()
        expect(mint.runbook("database-down", "--do", "failover", "--yes"), 0)
        assert mint.servers[1].sql("select pg_is_in_recovery()") == "f" and writes(mint)
        mint.servers[1].end()
        expect(mint.runbook("database-down", "--do", "failover", "--yes"), 1, "no suitable standby")
        return f"{time.monotonic() - began:.0f} s"


def writes_are_stopped_and_allowed():
    """Data is wrong: users read and nobody writes, until writing is allowed again; a snapshot becomes a cluster beside."""
    with CardMint() as mint:
        assert writes(mint)
        expect(mint.runbook("database-down", "--do", "stop-writes", "--yes"), 0)
        assert not writes(mint) and mint.users() == {"blue"}
        expect(mint.runbook("database-down", "--do", "allow-writes", "--yes"), 0)
        assert writes(mint)
        expect(mint.runbook("database-down", "--do", "restore-beside", "--yes", env=dict(SNAPSHOT="vs_000001")), 0)


def a_drill_measures_the_recovery():
    """Outside of the window nothing is killed; inside the primary dies, the replica is promoted, and the time is on record."""
    with CardMint() as mint:
        closed = {'["%s"]' % datetime.datetime.now(datetime.timezone.utc).strftime("%a"): '["%s"]' % (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=3)).strftime("%a 02:00-04:00")}
        expect(mint.runbook("failover-drill", "--do", "drill", "--yes", env=PRIMARY, edits=closed), 1)
        assert not mint.calls()
        text = expect(mint.runbook("failover-drill", "--do", "drill", "--yes", env=PRIMARY), 0, "recovery_time_ms")
        took = int((mint.folder / ".recovery-ms").read_text())
        assert str(took) in text and writes(mint)
        assert mint.servers[1].sql("select pg_is_in_recovery()") == "f"
        runs = [r for r in json.loads(mint.bgdeploy("history", "--all", "--output", "json").stdout) if (r.get("runbook") or {}).get("action") == "drill"]
        report = mint.bgdeploy("report", runs[0]["run"])
        assert str(took) in report.stdout, report.stdout + report.stderr
        return f"{took} ms until a card could be made again"


def no_replica_no_drill():
    with CardMint(replica=False) as mint:
        expect(mint.runbook("failover-drill", env=PRIMARY), 1, "a replica follows")
        expect(mint.runbook("failover-drill", "--do", "drill", "--yes", env=PRIMARY), 1, "a replica follows")
        assert not any("kill" in c for c in mint.calls()) and writes(mint)


def a_slow_database_is_graded_and_scaled():
    with CardMint() as mint:
        expect(mint.runbook("high-latency", env=PRIMARY), 0)
        mint.faults(blue=dict(latency_p95_ms=120))
        expect(mint.runbook("high-latency", env=PRIMARY), 1, "P2")
        mint.faults(blue=dict(latency_p95_ms=180, pool_utilization=0.95))
        expect(mint.runbook("high-latency", env=PRIMARY), 1, "P1", "scale-up")
        expect(mint.runbook("high-latency", "--do", "scale-up", "--yes", env=PRIMARY), 0)
        with world.world(mint.world) as state:
            assert state["fly"]["clusters"]["cardmint-db"]["machines"][0]["size"] == "performance-2x"


def a_full_volume_is_graded_and_extended():
    with CardMint() as mint:
        expect(mint.runbook("storage-full"), 0)
        for used, grade in [(0.75, "P2"), (0.87, "P1"), (0.95, "P0")]:
            mint.faults(storage=used, blue=dict(storage_used=used))
            expect(mint.runbook("storage-full"), 1, grade)
        expect(mint.runbook("storage-full", "--do", "extend", "--yes", env=PRIMARY), 0)
        with world.world(mint.world) as state:
            assert state["fly"]["clusters"]["cardmint-db"]["volumes"][0]["size_gb"] == 50
        expect(mint.runbook("storage-full", "--do", "extend", "--yes", env=PRIMARY), 1, "must be bigger")


def a_password_is_rotated_and_never_shown():
    with CardMint() as mint:
        expect(mint.runbook("rotate-credentials"), 0)
        mint.database.sql("alter role app valid until '%s'" % (datetime.date.today() + datetime.timedelta(days=3)))
        expect(mint.runbook("rotate-credentials"), 1, "rotate")
        text = expect(mint.runbook("rotate-credentials", "--do", "rotate", "--yes"), 0)
        new = (mint.folder / ".new-password").read_text().strip()
        assert len(new) == 64 and new not in text and not any(new in c for c in mint.calls())
        assert not writes(mint), "the old password is still good"
        expect(mint.runbook("rotate-credentials"), 1, "password authentication failed")   # bgdeploy has the old one still
        mint.env["DATABASE_URL"] = mint.env["DATABASE_URL"].replace("s3cr%2Ft%20p4ss", new)
        assert writes(mint) and mint.users() == {"blue"}
        expect(mint.runbook("rotate-credentials", "--do", "forget", "--yes"), 0)


def an_audit_finds_who_may_too_much():
    with CardMint() as mint:
        expect(mint.runbook("security-audit"), 1, "nobody else is a superuser")
        mint.database.sql("alter role app nosuperuser")
        expect(mint.runbook("security-audit"), 0)
        mint.database.sql("grant select on cards to public", "cardmint")
        expect(mint.runbook("security-audit"), 1, "nothing is open to everybody")


def a_load_test_is_held_against_the_limit():
    with CardMint() as mint:
        expect(mint.runbook("load-test"), 0)
        expect(mint.runbook("load-test", "--do", "load", "--yes"), 0, "percent_over_150_ms")
        mint.faults(**{"slow database": 1.2})
        expect(mint.runbook("load-test", "--do", "load", "--yes"), 1, "percent_over_150_ms")


def a_small_cluster_is_scaled():
    """CPU and memory over their time from Prometheus; primary, replica, a pool of connections, another replica."""
    with CardMint() as mint:
        figures = dict(cpu=30, memory=40)

        class Prometheus(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                query = self.rfile.read(int(self.headers["Content-Length"])).decode()
                value = time.time() if "timestamp" in query else figures["cpu" if "cpu_busy" in query else "memory"]
                data = json.dumps({"status": "success", "data": {"resultType": "vector", "result": [{"metric": {}, "value": [time.time(), str(value)]}]}}).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_):
                pass
        server = http.server.ThreadingHTTPServer(("127.0.0.1", mint.prometheus), Prometheus)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        env = dict(PRIMARY, FLY_TOKEN="fo1_token")
        expect(mint.runbook("scale", env=env), 0)
        figures.update(cpu=82)
        expect(mint.runbook("scale", env=env), 1, "P2", "scale-primary")
        for action in ("scale-primary", "scale-replica", "pgbouncer", "read-replica"):
            figures.update(cpu=30)
            expect(mint.runbook("scale", "--do", action, "--yes", env=env), 0)
        server.shutdown()
        assert sum("machine update" in c for c in mint.calls()) == 2


main([releases_in_a_window, outside_of_the_windows_it_waits, a_critical_fix_goes_through_with_a_reason,
      a_cluster_that_is_not_well_is_left_alone, no_snapshot_no_migration,
      a_revision_that_cannot_be, an_unfit_candidate_gets_no_user, latency_over_150_ms_goes_back, latency_over_100_ms_is_a_remark,
      pool_over_90_percent_goes_back_at_once, pool_over_80_percent_is_a_remark, replica_lag_over_30_s_goes_back,
      replica_lag_over_10_s_is_a_remark, storage_over_85_percent_goes_back, storage_over_70_percent_is_a_remark,
      a_dead_primary_is_failed_over, writes_are_stopped_and_allowed, a_drill_measures_the_recovery, no_replica_no_drill,
      a_slow_database_is_graded_and_scaled, a_full_volume_is_graded_and_extended, a_password_is_rotated_and_never_shown,
      an_audit_finds_who_may_too_much, a_load_test_is_held_against_the_limit, a_small_cluster_is_scaled])
