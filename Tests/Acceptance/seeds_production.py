#!/usr/bin/env python3
"""playbooks/mina-production.yml, run: real nginx with TLS, PostgreSQL and Alembic (behind `flask db`), a stand-in for replit.

usage: seeds_production.py [CHECK ...]      each check prints one line; the last line counts them.
"""
import pathlib, sys
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "platforms"))
from stage import *
from alembic_project import ENVIRONMENT, REVISION


class Mina(Stage):
    def __init__(self, days=90, rehearses=False):
        self.tls_port = free_port()
        super().__init__("mina-production.yml", lambda stage: {
            'address: "mina.example.com:443", days: 14': f'address: "127.0.0.1:{stage.tls_port}", name: mina.example.com, days: 14, ca: {stage.dir}/ca.pem',
            "https://mina.example.com": f"http://127.0.0.1:{stage.lb['port']}",
            "/var/log/nginx/app.bg.log": stage.dir / "access.log",
            "http://10.0.0.11:5000": stage.blue.url, "10.0.0.11:5000": stage.blue.server,
            "http://10.0.0.21:5000": stage.green.url, "10.0.0.21:5000": stage.green.server,
            "for: 15m": "for: 2s", "grace: 30s": "grace: 1s", "in: 15m": "in: 1s",
        }, tables="create table sessions (id serial primary key, title text not null, note text)", environment=dict(
            SESSION_SECRET="s" * 32, SENTRY_DSN="https://key@sentry.example/1", REDIS_URL="redis://cache:6379/0", OPENAI_API_KEY="sk-" + "x" * 30,
            SLACK_URL="http://127.0.0.1:9/", PAGERDUTY_KEY="k3y", REPLIT_HOME="", REPLIT_APPLICATION=str(HERE / "platforms/application.py")))
        if not rehearses:   # Alembic is started two dozen times for it
            self.edit('  rehearse: { database: "${secret.STAGING_DATABASE_URL}", down_and_up: true }\n', "")
        self.env["STAGING_DATABASE_URL"] = self.url("staging")
        self.database.sql("create database staging template shop owner app")
        self.replit = self.dir / "replit"
        (self.replit / "builds").mkdir(parents=True)
        self.env["REPLIT_HOME"] = str(self.replit)
        with world.world(self.world) as state:
            applications = state["applications"]
            (self.replit / "deployments.json").write_text(json.dumps({"primary": "mina-blue", "router": {}, "deployments": {
                f"mina-{n}": {"port": a["port"], "version": a["version"], "pids": [a["pid"]], "environment": state["environment"]} for n, a in applications.items()}}))
        project = self.folder / "mina/migrations"
        (project / "versions").mkdir(parents=True)
        (project / "alembic.ini").write_text("[alembic]\nscript_location = %(here)s\n")
        (project / "env.py").write_text(ENVIRONMENT)
        self.revision("alter table sessions add column language text", "alter table sessions drop column language")
        tests = self.folder / "tests"
        tests.mkdir()
        (tests / "test_production_readiness.py").write_text("import os\n\ndef test_secret():\n    assert len(os.environ['SESSION_SECRET']) >= 32\n")
        for argv in (["init", "-q"], ["add", "mina", "tests"], ["-c", "user.name=t", "-c", "user.email=t@example.com", "commit", "-qm", "v2.5.0"]):
            subprocess.run(["git", *argv], cwd=self.folder, check=True, capture_output=True)
        self.certificate(days)

    def certificate(self, days):
        """A certificate for mina.example.com by an authority of our own, and an nginx that shows it."""
        d = self.dir
        openssl = lambda *argv: subprocess.run(["openssl", *argv], cwd=d, check=True, capture_output=True)
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=lab", "-days", "365")
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", "tls.key", "-out", "tls.csr", "-subj", "/CN=mina.example.com")
        (d / "names").write_text("subjectAltName=DNS:mina.example.com\n")
        openssl("x509", "-req", "-in", "tls.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-out", "tls.pem", "-days", str(days), "-extfile", "names")
        (d / "tls").mkdir()
        (d / "tls/nginx.conf").write_text(f"""user root; pid {d}/tls/nginx.pid; error_log {d}/tls/error.log; events {{}}
http {{ access_log off; client_body_temp_path {d}/tls/b; proxy_temp_path {d}/tls/p; fastcgi_temp_path {d}/tls/f; uwsgi_temp_path {d}/tls/u; scgi_temp_path {d}/tls/s;
  server {{ listen 127.0.0.1:{self.tls_port} ssl; ssl_certificate {d}/tls.pem; ssl_certificate_key {d}/tls.key; location / {{ proxy_pass http://127.0.0.1:{self.lb['port']}; }} }} }}
""")
        self.procs.append(subprocess.Popen(["nginx", "-c", f"{d}/tls/nginx.conf", "-e", f"{d}/tls/error.log", "-g", "daemon off;"]))
        wait_port(self.tls_port)

    def revision(self, up, down="select 1"):
        (self.folder / "mina/migrations/versions/one.py").write_text(REVISION.format("one", None, up, down))

    def columns(self):
        return set(self.database.sql("select column_name from information_schema.columns where table_name = 'sessions'", "shop").split())

    def is_as_before(self):
        assert self.users() == {"blue"}, self.users()

    def __exit__(self, *error):
        for it in json.loads((self.replit / "deployments.json").read_text())["deployments"].values():
            for pid in it["pids"]:
                world.end(pid)
        super().__exit__(*error)

    release = Stage.release_confirmed


def releases_and_comes_back():
    """Variables, HTTPS, staging up and down and up, backup, flask db upgrade, five health routes; then back, with the schema as it is."""
    with Mina(rehearses=True) as mina:
        text = expect(mina.release(), 0)
        assert mina.users() == {"green"} and "language" in mina.columns()
        order = [text.index(words) for words in ("✓ required variables", "✓ HTTPS", "✓ start", "✓ rehearse", "✓ backup", "✓ migrate flask", "✓ detailed health", "✓ drained")]
        assert order == sorted(order)
        time.sleep(1.2)
        expect(mina.bgdeploy("resume", "--yes"), 0, "users have the new version")
        expect(mina.bgdeploy("health"), 0)
        expect(mina.bgdeploy("rollback", "--yes"), 0, "users are served")
        mina.is_as_before()
        assert "language" in mina.columns(), "a rollback has touched the database"


def required_variables_stop_it_and_recommended_ones_do_not():
    with Mina() as mina:
        for env, word in [(dict(SESSION_SECRET="short"), "SESSION_SECRET is too short"), (dict(SESSION_SECRET=""), "SESSION_SECRET is empty")]:
            expect(mina.release(env=env), 1, word)
        wrong = mina.release(env=dict(DATABASE_URL="mysql://db/mina"))
        expect(wrong, 1, "DATABASE_URL does not look as it must")
        assert "mysql://db/mina" not in wrong.stdout + wrong.stderr, "a value is shown"
        mina.is_as_before()
        mina.faults(green=dict(redis="disconnected"))
        r = mina.release(env=dict(SENTRY_DSN="", REDIS_URL="", OPENAI_API_KEY=""))
        expect(r, 0, "SENTRY_DSN is empty", "REDIS_URL is empty", "OPENAI_API_KEY is empty", "dependencies.redis.status")
        assert mina.users() == {"green"}


def a_certificate_that_ends_soon_stops_it():
    with Mina(days=5) as mina:
        expect(mina.release(), 1, "HTTPS")
        mina.is_as_before()


def what_is_not_secure_is_stopped():
    """A secret in the code, no CSRF protection, no rate limiting, a test that fails."""
    with Mina() as mina:
        (mina.folder / "mina/config.py").write_text("SESSION_SECRET = 'correct horse battery'\n")
        subprocess.run(["git", "add", "mina/config.py"], cwd=mina.folder, check=True)
        expect(mina.release(), 1, "a secret stands in the code")
        subprocess.run(["git", "rm", "-qf", "mina/config.py"], cwd=mina.folder, check=True)
        mina.faults(green=dict(csrf=True))
        expect(mina.release(), 1, "CSRF protection")
        mina.faults(green=dict(rate_limit=0))
        expect(mina.release(), 1, "rate limiting")
        (mina.folder / "tests/test_production_readiness.py").write_text("def test_debug_is_off():\n    assert False, 'DEBUG is on'\n")
        expect(mina.release(), 1, "DEBUG is on")
        mina.is_as_before()
        return "4 of 4 stopped"


def an_unhealthy_candidate_gets_no_user():
    """It is not built, does not start up, is not ready, is another version, has a slow database, is short of memory."""
    with Mina() as mina:
        mina.edit("attempts: 60, every: 1s", "attempts: 2, every: 100ms")
        (mina.replit / "builds/v2.5.0.broken").touch()
        expect(mina.release(), 1, "does not build")
        (mina.replit / "builds/v2.5.0.broken").unlink()
        for fault, word in [(dict(started=False), "health/startup"), (dict(ready=False), "health/ready"), (dict(version="v2.4.9"), "v2.4.9"),
                            (dict(latency_ms=700), "latency_ms"), (dict(memory_percent=97), "memory_percent")]:
            mina.faults(green=fault)
            expect(mina.release(), 1, word)
            mina.is_as_before()
        mina.faults(blue=dict(ready=False))
        expect(mina.release(), 1, "the version before is ready")


def a_database_is_never_taken_back():
    """A revision that breaks the version before, one that cannot be undone on staging, and `flask db downgrade` in the playbook."""
    with Mina(rehearses=True) as mina:
        mina.revision("alter table sessions drop column note")
        expect(mina.release(), 1, "drop-column")
        mina.revision("create table kept (id int)")
        expect(mina.release(), 1, "down does not undo")
        assert "note" in mina.columns() and mina.database.sql("select to_regclass('kept') is null", "shop") == "t"
        expect(mina.bgdeploy("migrations", "down"), 77, "never migrated down")
        mina.edit('- run: [replit, deployments, start, "mina-${candidate}"]', '- run: [flask, db, downgrade, "-1"]')
        expect(mina.bgdeploy("check"), 65, "`flask db downgrade` would take a database back")
        expect(mina.release(), 65, "`flask db downgrade` would take a database back")
        mina.is_as_before()


def watched(fault, code, *words):
    with Mina() as mina:
        mina.edit("for: 2s", "for: 40s" if code == 3 else "for: 12s")
        load, began = mina.load(mina.lb, 60), {}
        def later():
            if eventually(lambda: "green" in mina.shares(mina.lb, 5), 120, 0.2):
                mina.faults(green=fault)
                began["at"] = time.monotonic()
        threading.Thread(target=later, daemon=True).start()
        r = mina.release()
        load.stop()
        expect(r, code, *words)
        assert mina.users() == ({"blue"} if code == 3 else {"green"})
        return f"back after {time.monotonic() - began['at']:.0f} s" if code == 3 else "a remark"


def errors_over_five_percent_are_p2_and_go_back():
    return watched(dict(error_rate=0.12), 3, "P2")


def a_complete_outage_is_p1_and_goes_back():
    return watched(dict(error_rate=1.0), 3, "P1")


def an_exhausted_pool_goes_back():
    return watched(dict(checked_out=48), 3, "pool")


def memory_over_90_percent_goes_back():
    return watched(dict(memory_percent=95), 3, "memory")


def memory_over_80_percent_is_a_remark():
    return watched(dict(memory_percent=85), 0, "memory")


main([releases_and_comes_back, required_variables_stop_it_and_recommended_ones_do_not, a_certificate_that_ends_soon_stops_it,
      what_is_not_secure_is_stopped,
      an_unhealthy_candidate_gets_no_user, a_database_is_never_taken_back, errors_over_five_percent_are_p2_and_go_back,
      a_complete_outage_is_p1_and_goes_back, an_exhausted_pool_goes_back, memory_over_90_percent_goes_back, memory_over_80_percent_is_a_remark])
