#!/usr/bin/env python3
"""The runbooks of playbooks/on-call, each with the trouble that it is for: a real service, nginx, PostgreSQL and Redis are broken, the look
finds it and says how grave it is, the action mends it and is verified, and a look while all is well finds nothing.

usage: on_call.py [CHECK ...]      each check prints one line; the last line counts them.
Of the files only addresses, paths and durations are replaced. `systemctl` is a stand-in that starts and ends the real processes.
"""
import base64, re, ssl
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from postgres import ShopServer
from lab import *

RUNBOOKS = HERE.parent.parent / "playbooks/on-call"


# -- the service ---------------------------------------------------------------------------------------------------------------

class Mina:
    """The service itself, in a process of its own: `on_call.py --serve FOLDER NAME`. What goes wrong is read from FOLDER/NAME.json."""

    def __init__(self, folder, name):
        self.folder, self.name = pathlib.Path(folder), name
        unit = json.loads((self.folder / "units.json").read_text())[name]
        self.port, self.version, self.openai = unit["port"], unit["version"], unit["openai"]
        self.answers = collections.deque(maxlen=20000)   # (failed, seconds)
        self.handshakes = collections.deque(maxlen=1000)

    def fault(self, key, default=None):
        try:
            return json.loads((self.folder / f"{self.name}.json").read_text()).get(key, default)
        except (OSError, ValueError):
            return default

    def serve(self):
        mina = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            def log_message(self, *_): pass
            def do_GET(self): mina.answer(self)

        class Server(ThreadingHTTPServer):
            request_queue_size, daemon_threads = 512, True

        Server(("127.0.0.1", self.port), Handler).serve_forever()

    def answer(self, request):
        path = request.path.split("?")[0]
        if path.startswith("/socket.io/"):
            return self.websocket(request)
        status, body = 200, {}
        if path in ("/api/health", "/health"):
            well = self.fault("healthy", True) and self.database()
            status, body = (200, {"status": "healthy"}) if well else (503, {"status": "degraded"})
            body["version"] = self.version
        elif path == "/api/health/openai":
            body = {"status": "available" if self.ai() else "unavailable"}
        elif path == "/api/metrics/errors":
            body = {"error_rate_5min": sum(f for f, _ in self.answers) / max(1, len(self.answers))}
        elif path == "/api/metrics/performance":
            times = sorted(s for _, s in self.answers) or [0]
            body = {"p95_ms": round(1000 * times[int(0.95 * (len(times) - 1))])}
        elif path == "/api/metrics/websockets":
            body = {"connection_success_rate": sum(self.handshakes) / len(self.handshakes) if self.handshakes else 1}
        else:
            began = time.monotonic()
            time.sleep(self.fault("delay", 0))
            every = self.fault("fail_every", 0)
            failed = bool(every) and (len(self.answers) + 1) % every == 0
            if failed:
                status = 500
                with open(self.folder / "app.log", "a") as log:
                    log.write(f"ERROR RuntimeError: fault in {self.name}\n")
            body = {"environment": self.name, "version": self.version}
            self.answers.append((failed, time.monotonic() - began))
        data = json.dumps(body).encode()
        request.send_response(status)
        request.send_header("Content-Type", "application/json")
        request.send_header("Content-Length", str(len(data)))
        request.end_headers()
        request.wfile.write(data)

    def database(self):
        """Whether the service gets in with the password of its file of secrets, where there is one."""
        try:
            url = re.search("^DATABASE_URL=(.*)$", (self.folder / "secrets.env").read_text(), re.M)[1]
        except OSError:
            return True
        return subprocess.run(["psql", "-XAtqc", "select 1", url], capture_output=True).returncode == 0

    def ai(self):
        import urllib.request
        try:
            return urllib.request.urlopen(urllib.request.Request(self.openai + "/v1/models", headers={"Authorization": "Bearer sk-good"}), timeout=3).status == 200
        except OSError:
            return False

    def websocket(self, request):
        import hashlib
        refused = self.fault("ws") is False
        self.handshakes.append(not refused)
        request.close_connection = True
        if refused:
            with open(self.folder / "app.log", "a") as log:
                log.write("ERROR websocket: the worker is dead\n")
            return request.send_error(503)
        key = request.headers["Sec-WebSocket-Key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        request.send_response(101)
        request.send_header("Upgrade", "websocket")
        request.send_header("Connection", "Upgrade")
        request.send_header("Sec-WebSocket-Accept", base64.b64encode(hashlib.sha1(key.encode()).digest()).decode())
        request.end_headers()
        text = b'0{"sid":"lab","upgrades":[]}'
        request.wfile.write(bytes([0x81, len(text)]) + text)
        request.wfile.flush()
        request.connection.settimeout(10)
        with contextlib.suppress(OSError):
            request.rfile.read(2)


def unit(folder, action, *names):
    """What `systemctl ACTION mina…` does here: `mina` is both environments."""
    folder = pathlib.Path(folder)
    chosen = ["blue", "green"] if "mina" in names else [n.removeprefix("mina-") for n in names]
    for name in chosen:
        pid = folder / f"{name}.pid"
        if action in ("restart", "stop") and pid.exists():
            with contextlib.suppress(ProcessLookupError, ValueError):
                os.kill(int(pid.read_text()), signal.SIGKILL)
        if action in ("restart", "start"):
            (folder / f"{name}.json").unlink(missing_ok=True)   # what was wrong with the process is gone with it
            port = json.loads((folder / "units.json").read_text())[name]["port"]
            p = subprocess.Popen([sys.executable, __file__, "--serve", str(folder), name], start_new_session=True,
                                 stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            pid.write_text(str(p.pid))
            wait_port(port)


# -- the laboratory ----------------------------------------------------------------------------------------------------------------

class Inbox:
    """Slack and PagerDuty: keeps what it is sent."""

    def __init__(self):
        self.messages = []
        inbox = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_): pass
            def do_POST(self):
                inbox.messages.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
                self.send_response(202)
                self.send_header("Content-Length", "0")
                self.end_headers()

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    def has(self, *words):
        return any(all(w in m for w in words) for m in self.messages)


class OpenAI:
    """Somebody else's API: answers with `status`."""

    def __init__(self):
        self.status = 200
        api = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_): pass
            def do_GET(self):
                self.send_response(api.status if self.headers["Authorization"] == "Bearer sk-good" else 401)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server.server_address[1]}"


TABLES = """
create role mina login password 'first'; create role report login;
create table sessions (id int primary key, title text, note text); create table segments (id int primary key, session_id int, text text);
create table feature_flags (name text primary key, kill_switch boolean not null default false);
insert into sessions select n, 'session ' || n from generate_series(1, 500) n;
insert into segments select n, 1 + n % 500, 'text' from generate_series(1, 2000) n;
insert into feature_flags values ('ai_insights');
alter table sessions owner to mina; grant select, insert, update, delete on segments to mina;
grant select, insert, update on sessions to report with grant option; grant select (text), update (text) on segments to report;
grant all on feature_flags to mina
"""


class Ward:
    """The service in two environments behind nginx, with what it needs."""

    def __init__(self, redis=False):
        self.lab, self.openai, self.inbox = Lab(), OpenAI(), Inbox()
        self.dir = self.lab.dir
        self.units = {n: {"port": free_port(), "version": v, "openai": self.openai.url} for n, v in (("blue", "v1"), ("green", "v2"))}
        (self.dir / "units.json").write_text(json.dumps(self.units))
        (self.dir / "app.log").write_text("INFO began\n")
        (self.dir / "access.log").write_text("")
        bin = self.dir / "bin"
        bin.mkdir()
        for name, text in (("sudo", 'exec "$@"'), ("systemctl", f'exec {sys.executable} {__file__} --unit {self.dir} "$@"')):
            (bin / name).write_text(f"#!/bin/sh\n{text}\n")
            (bin / name).chmod(0o755)
        (bin / "bgdeploy").symlink_to(os.path.abspath(binary()))
        self.systemctl("start", "mina")
        servers = {n: f"127.0.0.1:{u['port']}" for n, u in self.units.items()}
        self.lb = self.lab.nginx(
            upstream=f"upstream app {{\n    zone app 64k;\n    server {servers['blue']} max_fails=0;\n    server {servers['green']} max_fails=0 down;\n}}\n",
            http='map $http_upgrade $mina_connection { default upgrade; "" ""; }',
            location="proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $mina_connection;")
        self.lab.playbook([self.lb], {"validate": [{"http": {"get": "/api/health"}}], "monitor": {"for": "1s", "compare": "none", "metrics": {}}},
                          environments={n: {"url": f"http://{s}", "servers": [s]} for n, s in servers.items()})
        self.postgres = ShopServer()
        self.postgres.sql(TABLES, "shop")
        hba = self.postgres.dir / "data/pg_hba.conf"
        hba.write_text("local all mina scram-sha-256\n" + hba.read_text())
        self.postgres.sql("select pg_reload_conf()")
        self.redis_port, self.url, self.cleanup = free_port(), self.mina_url(), contextlib.ExitStack()
        if redis:
            self.redis()

    def redis(self):
        p = subprocess.Popen(["redis-server", "--port", str(self.redis_port), "--bind", "127.0.0.1", "--save", "", "--dir", str(self.dir)], stdout=subprocess.DEVNULL)
        self.lab.procs.append(p)
        wait_port(self.redis_port)
        return p

    def __enter__(self):
        return self

    def __exit__(self, *_):
        unit(self.dir, "stop", "mina")
        self.cleanup.close()
        self.lab.__exit__()
        self.postgres.__exit__()
        self.inbox.server.shutdown()
        self.openai.server.shutdown()

    def systemctl(self, *args):
        unit(self.dir, *args)

    def faults(self, name, **what):
        (self.dir / f"{name}.json").write_text(json.dumps(what))

    def ask(self, count=200, path="/", workers=16):
        """Requests through nginx, as users send them."""
        left = iter(range(count))
        def work():
            for _ in left:
                c = http.client.HTTPConnection("127.0.0.1", self.lb["port"], timeout=20)
                with contextlib.suppress(OSError, http.client.HTTPException):
                    c.request("GET", path)
                    c.getresponse().read()
                c.close()
        threads = [threading.Thread(target=work) for _ in range(workers)]
        [t.start() for t in threads]
        [t.join() for t in threads]

    def admin_url(self, database="shop"):
        return f"postgresql://postgres@/{database}?host={self.postgres.dir}"

    def mina_url(self, password="first"):
        return f"postgresql://mina:{password}@/shop?host={self.postgres.dir}"

    def runbook(self, name, **more):
        """A copy of the shipped file with this laboratory's addresses; `more` are replacements, each of which must be there."""
        text = (RUNBOOKS / f"{name}.yml").read_text()
        door = f"http://127.0.0.1:{self.lb['port']}"
        for old, new in {
            "https://mina.example.com": door, "https://mina.production.com": door, "127.0.0.1:5001": f"127.0.0.1:{self.units['blue']['port']}",
            "127.0.0.1:5002": f"127.0.0.1:{self.units['green']['port']}", "https://api.openai.com": self.openai.url,
            "-p, /etc/bgdeploy/mina.yml": f"-p, {self.dir}/bgdeploy.yml, --state, \"{self.lab.state}\"",
            "/var/log/mina/app.log": f"{self.dir}/app.log", "/var/log/nginx/access.log": f"{self.dir}/access.log",
            "/var/backups/": f"{self.dir}/backups/", "/mnt/second/": f"{self.dir}/second/", "/etc/mina/": f"{self.dir}/",
            'pagerduty: "${secret.PAGERDUTY_KEY}"': f'pagerduty: "${{secret.PAGERDUTY_KEY}}"\n    url: {self.inbox.url}',
        }.items():
            text = text.replace(old, new)
        for old, new in more.get("replace", {}).items():
            assert old in text, f"{name}.yml has no {old!r}"
            text = text.replace(old, new)
        path = self.dir / f"{name}.yml"
        path.write_text(text)
        return path

    def command(self, *args, actor="oncall", **more):
        env = {"PATH": f"{self.dir}/bin:{os.environ['PATH']}", "BGDEPLOY_ACTOR": actor, "DATABASE_URL": self.url,
               "ADMIN_DATABASE_URL": self.admin_url(), "SCRATCH_URL": self.admin_url("postgres"),
               "REDIS_URL": f"redis://127.0.0.1:{self.redis_port}/0", "OPENAI_API_KEY": "sk-good",
               "SLACK_URL": f"{self.inbox.url}/slack", "PAGERDUTY_KEY": "0123456789abcdef0123456789abcdef"}
        return self.lab.command(*args, env={**env, **more.pop("env", {})}, **more)

    def look(self, book, severity=None, failed=(), fine=()):
        """Looks; `severity` None: nothing is wrong. `failed` and `fine` are names of checks."""
        r = self.command("runbook", str(book), "--output", "json")
        assert r.returncode in (0, 1), f"exit {r.returncode}: {r.stdout[-700:]} {r.stderr[-700:]}"
        found = json.loads(r.stdout)
        bad = {c["check"]: c["found"] for c in found["checks"] if c["outcome"] == "failed"}
        assert r.returncode == (1 if severity else 0), f"exit {r.returncode}, expected {severity or 'nothing wrong'}: {bad}"
        assert found["severity"] == severity, f"{found['severity']} instead of {severity}: {bad}"
        for name in failed:
            assert name in bad, f"{name!r} was not found: {bad}"
        for name in fine:
            assert name not in bad, f"{name!r} is not fine"
        assert severity or not bad, bad
        return found

    def do(self, book, action, code=0, approvers=()):
        """Carries an action out, with the people who approve."""
        if not approvers:
            r = self.command("runbook", str(book), "--do", action, "--yes", "--reason", "INC-17", timeout=180)
        else:
            p = self.command("runbook", str(book), "--do", action, "--yes", "--reason", "INC-17", wait=False)
            ledger = re.search("^runbook: (.*)$", book.read_text(), re.M)[1]
            for who in approvers:
                assert eventually(lambda: self.command("approve", self.waiting(ledger), actor=who).returncode == 0, 30), f"{who} cannot approve"
            out, err = p.communicate(timeout=180)
            r = subprocess.CompletedProcess(p.args, p.returncode, out, err)
        assert r.returncode == code, f"--do {action}: exit {r.returncode}, expected {code}: {r.stdout[-2000:]} {r.stderr[-1000:]}"
        return r.stdout + r.stderr

    def waiting(self, runbook):
        """The identity of the runbook's latest run."""
        runs = json.loads(self.command("history", "--all", "--output", "json").stdout or "[]")
        return next((r["run"] for r in runs if r["service"].endswith(f":{runbook}")), "none")


# -- the checks ------------------------------------------------------------------------------------------------------------------

def service_down():
    """Both processes are killed: P0; restarted: resolved, and Slack was told both."""
    with Ward(redis=True) as w:
        book = w.runbook("service-down")
        w.look(book)
        w.systemctl("stop", "mina")
        w.look(book, "P0", ["users get an answer", "blue takes connections", "green takes connections"], ["the database answers", "Redis answers"])
        assert eventually(lambda: w.inbox.has("P0", "service-down"), 15), w.inbox.messages
        w.do(book, "restart")
        w.look(book)
        assert eventually(lambda: w.inbox.has("resolved"), 15), w.inbox.messages
        return "both killed: P0; restart: resolved"


def service_down_by_a_release():
    """A release that answers nothing: the way back is one action."""
    with Ward(redis=True) as w:
        book = w.runbook("service-down")
        r = w.command("run", "v2", "--yes")
        assert r.returncode == 0, r.stdout + r.stderr
        w.look(book)
        w.faults("green", healthy=False)
        w.look(book, "P0", ["users get an answer"], ["green takes connections"])
        w.do(book, "rollback")
        w.look(book)
        return "rollback from the runbook: resolved"


def error_rate():
    """10 %, 4 % and 2 % of real errors are P0, P1 and P2; below 1 % nothing is found."""
    with Ward() as w:
        book = w.runbook("error-rate")
        w.ask(300)
        w.look(book)
        for every, severity in ((10, "P0"), (25, "P1"), (50, "P2"), (150, None)):
            w.systemctl("restart", "mina")
            w.faults("blue", fail_every=every)
            w.ask(300)
            w.look(book, severity, ["error_rate"] if severity else [])
        assert w.command("run", "v2", "--yes").returncode == 0
        w.faults("green", fail_every=5)
        w.ask(300)
        w.look(book, "P0")
        w.do(book, "rollback")
        w.look(book)
        return "10 % P0, 4 % P1, 2 % P2, 0.7 % fine; rollback: resolved"


def long_queries():
    """Ends the application's own long statements; a backup and somebody else's go on."""
    with Ward() as w:
        book = w.runbook("error-rate", replace={"'5 minutes'": "'1 second'"})
        sleep = lambda user, name: subprocess.Popen(["psql", "-XAtqc", "select pg_sleep(120)"], stderr=subprocess.DEVNULL, env={
            **os.environ, "PGHOST": str(w.postgres.dir), "PGUSER": user, "PGPASSWORD": "first", "PGDATABASE": "shop", "PGAPPNAME": name})
        app, dump, other = sleep("mina", "web"), sleep("mina", "pg_dump"), sleep("postgres", "psql")
        w.lab.procs += [app, dump, other]
        count = lambda: int(w.postgres.sql("select count(*) from pg_stat_activity where query like 'select pg_sleep%' and query_start < now() - interval '1.2 seconds'"))
        assert eventually(lambda: count() == 3), count()
        w.look(book, "P2", ["no statement runs for more than five minutes"])
        w.do(book, "end-long-queries", 1)     # done, but the other two still run: the look says so
        assert eventually(lambda: app.poll() is not None), "it still runs"
        assert dump.poll() is None and other.poll() is None, "a backup or somebody else's statement was ended"
        return "the application's ended, pg_dump and postgres left alone"


def slow():
    """Real slow answers: P1 and P2 by the 95th percentile; a forgotten transaction that others wait for is ended."""
    with Ward() as w:
        book = w.runbook("slow", replace={"'1 minute'": "'1 second'", "2 * cores": "1000 * cores", 'expect: "< 3"': 'expect: "< 2"'})
        w.ask(50)
        w.look(book)
        for delay, severity in ((0.33, "P2"), (0.42, "P1")):
            w.systemctl("restart", "mina")
            w.faults("blue", delay=delay)
            w.ask(60)
            w.look(book, severity, ["latency_p95_ms"])
        w.do(book, "restart")
        env = {**os.environ, "PGHOST": str(w.postgres.dir), "PGUSER": "mina", "PGPASSWORD": "first", "PGDATABASE": "shop"}
        holder = subprocess.Popen(["psql", "-Xq"], stdin=subprocess.PIPE, env=env, text=True, stderr=subprocess.DEVNULL)
        holder.stdin.write("begin; update sessions set note = 'x' where id = 1;\n")
        holder.stdin.flush()
        held = "select count(*) from pg_stat_activity where state = 'idle in transaction'"
        assert eventually(lambda: w.postgres.sql(held) == "1")
        waiters = [subprocess.Popen(["psql", "-XAtqc", "update sessions set note = 'y' where id = 1"], env=env) for _ in range(3)]
        w.lab.procs += [holder, *waiters]
        assert eventually(lambda: w.postgres.sql("select count(*) from pg_stat_activity where cardinality(pg_blocking_pids(pid)) > 0") == "3")
        time.sleep(1.1)
        w.look(book, "P1", ["few sessions wait for another one's lock"])
        w.do(book, "end-blockers")
        assert all(p.wait(10) == 0 for p in waiters), "those who waited did not go on"
        return "+68 % P1, +32 % P2; three waiters went on"


def database_connections():
    """The pool is taken by idle sessions; they are ended, and others get in again."""
    with Ward() as w:
        book = w.runbook("database-connections", replace={"interval '10 minutes'": "interval '1 second'"})
        w.look(book)
        env = {**os.environ, "PGHOST": str(w.postgres.dir), "PGUSER": "mina", "PGPASSWORD": "first", "PGDATABASE": "shop"}
        most = int(w.postgres.sql("show max_connections"))
        pool = [subprocess.Popen(["psql", "-Xq"], stdin=subprocess.PIPE, stderr=subprocess.DEVNULL, env=env) for _ in range(most * 85 // 100)]
        w.lab.procs += pool
        count = lambda: int(w.postgres.sql("select count(*) from pg_stat_activity where usename = 'mina' and state_change < now() - interval '1.1 seconds'"))
        assert eventually(lambda: count() == len(pool), 60), count()
        w.look(book, "P1", ["less than 80 % of the connections are taken"], ["the database answers"])
        w.do(book, "terminate-idle")
        assert count() == 0
        w.look(book)
        w.postgres.process.send_signal(signal.SIGQUIT)
        w.postgres.process.wait(20)
        w.look(book, "P0", ["the database answers"])
        return f"{len(pool)} of {most} idle: P1, ended; the server is away: P0"


def websockets():
    """The worker refuses handshakes: P1; restarted: resolved. Redis is away: P1."""
    with Ward(redis=True) as w:
        book = w.runbook("websockets")
        w.look(book)
        w.faults("blue", ws=False)
        w.look(book, "P1", ["a WebSocket opens", "the site's own origin is let in"], ["users get an answer"])
        w.do(book, "restart")
        w.look(book)
        w.lab.procs[-1].terminate()
        w.lab.procs[-1].wait(10)
        w.look(book, "P1", ["Redis, which carries messages between workers, answers"], ["a WebSocket opens"])
        w.redis()
        w.look(book)
        return "refused handshakes P1, Redis away P1"


def ai_service():
    """The API refuses our key, then everything: P1; the feature is switched off and on again."""
    with Ward() as w:
        book = w.runbook("ai-service")
        w.look(book)
        for status in (401, 429, 503):
            w.openai.status = status
            found = w.look(book, "P1", ["the service can use it", "our key is taken"], ["the rest of the service is well without it"])
            assert str(status) in json.dumps(found), f"{status} is not told"
        flag = lambda: w.postgres.sql("select kill_switch from feature_flags", "shop")
        w.do(book, "pause-insights")
        assert flag() == "t"
        w.do(book, "resume-insights", 1)
        assert flag() == "t", "switched on although the key is refused"
        w.openai.status = 200
        w.do(book, "resume-insights")
        assert flag() == "f"
        w.look(book)
        return "401, 429, 503: P1; paused, not resumed too early, resumed"


def backup_failure():
    """No backup and a full disk: P1. Nothing old is removed before a new backup is made and proven, on the second disk."""
    with Ward() as w:
        main, second = w.dir / "backups/mina", w.dir / "second/mina"
        main.mkdir(parents=True)
        second.parent.mkdir()
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m,mode=0700", "tmpfs", str(main)], capture_output=True).returncode != 0:
            return "skipped: this host does not let us make a small disk"
        w.cleanup.callback(subprocess.run, ["umount", "-l", str(main)])
        book = w.runbook("backup-failure")
        w.url = w.admin_url()
        old = main / "mina-shop-20250101T000000Z-OLD.dump"
        for suffix in ("", ".sha256", ".json"):
            path = old.with_name(old.name + suffix)
            path.write_text("old")
            os.utime(path, (0, 0))
        digest = subprocess.run(["sha256sum", old.name], cwd=main, capture_output=True, text=True).stdout
        old.with_name(old.name + ".sha256").write_text(digest)
        os.utime(old.with_name(old.name + ".sha256"), (0, 0))
        filler = main / "filler"
        filler.write_bytes(b"x" * 3_900_000)
        w.look(book, "P1", ["there is a backup of the last 26 hours", "the disk of the backups has room"], ["the newest backup has the bytes that were written"])
        w.do(book, "remove-old", 1)
        assert old.exists(), "the old backup was removed before there was a new one"
        blocked = w.do(book, "back-up", 1)
        w.do(book, "back-up-elsewhere", 1)       # made and proven, but the first disk is still full: the look says so
        made = list(second.glob("*.dump"))
        assert "no space" in blocked.lower() or "room" in blocked.lower(), blocked[-800:]
        assert len(made) == 1 and json.loads(made[0].with_name(made[0].name + ".json").read_text()), made
        filler.unlink()
        w.do(book, "remove-old")
        assert not old.exists() and made[0].exists(), "the old backup is still there, or the new one is not"
        w.do(book, "back-up")
        w.look(book)
        newest = next(main.glob("*.dump"))
        newest.write_bytes(newest.read_bytes()[:-100])
        w.look(book, "P0", ["the newest backup has the bytes that were written"])
        return "none: P1; new one first, then the old one went; a damaged one: P0"


def total_failure():
    """Both environments are down: started. The database is restored beside what is there."""
    with Ward() as w:
        w.url = w.admin_url()
        w.command("runbook", str(w.runbook("backup-failure")), "--do", "back-up", "--yes", timeout=120)
        book = w.runbook("total-failure", replace={"127.0.0.1:443": f"127.0.0.1:{w.lb['port']}"})
        w.look(book)
        w.systemctl("stop", "mina")
        w.look(book, "P0", ["users get an answer", "blue takes connections", "green takes connections"], ["the balancer takes connections", "the database answers"])
        w.do(book, "start")
        w.look(book)
        rows = lambda database: w.postgres.sql("select count(*) from sessions", database)
        w.postgres.sql("delete from segments; delete from sessions where id > 100", "shop")
        w.do(book, "restore-beside")
        kept = w.postgres.sql("select datname from pg_database where datname like 'bgdeploy\\_kept\\_%'").split()
        assert len(kept) == 1 and rows(kept[0]) == "500" and rows("shop") == "100", f"{kept} {rows('shop')}"
        return "both down: P0; started; 500 rows restored beside, production as it was"


def data_corruption():
    """Rows are gone: P0. Frozen, restored beside, copied back, thawed: the rights are exactly those of before."""
    with Ward() as w:
        w.url = w.admin_url()
        book = w.runbook("data-corruption")
        w.look(book)
        w.command("runbook", str(w.runbook("backup-failure")), "--do", "back-up", "--yes", timeout=120)
        rights = lambda: sorted(w.postgres.sql("select relname || relacl::text from pg_class where relname in ('sessions', 'segments') union all"
                                               " select attname || attacl::text from pg_attribute where attrelid = 'segments'::regclass and attacl is not null", "shop").splitlines())
        def writes(user):
            r = subprocess.run(["psql", "-XAtqc", "update sessions set note = 'w' where id = 1"], capture_output=True, text=True, env={
                **os.environ, "PGHOST": str(w.postgres.dir), "PGUSER": user, "PGPASSWORD": "first", "PGDATABASE": "shop"})
            return r.returncode == 0
        w.postgres.sql("update sessions set note = 'before'", "shop")
        before = rights()
        assert writes("mina") and writes("report")
        w.postgres.sql("delete from sessions where id between 10 and 60", "shop")
        w.look(book, "P0", ["every segment has its session"])
        w.do(book, "freeze", approvers=["ana"])
        assert not writes("mina") and not writes("report"), "somebody can still write"
        assert w.postgres.sql("set role mina; select count(*) from sessions", "shop") == "449", "reading must go on"
        w.do(book, "freeze", 1, approvers=["ana"])      # twice would lose the rights that were kept
        w.do(book, "back-up")
        w.do(book, "restore-beside")
        kept = w.postgres.sql("select datname from pg_database where datname like 'bgdeploy\\_kept\\_%'")
        lost = w.postgres.sql("copy (select * from sessions where id between 10 and 60) to stdout", kept)
        with_rows = subprocess.run([f"{w.postgres.tools}/psql", "-Xq", "-v", "ON_ERROR_STOP=1", "-h", str(w.postgres.dir), "-U", "postgres", "-d", "shop", "-c",
                                    "copy sessions from stdin"], input=lost + "\n", text=True, capture_output=True)
        assert with_rows.returncode == 0, with_rows.stderr
        w.do(book, "thaw", approvers=["ana"])
        assert rights() == before, f"{before}\n{rights()}"
        assert writes("mina") and writes("report")
        w.look(book)
        return "51 rows gone: P0; frozen, restored beside, thawed with exactly the rights of before"


def security_incident():
    """An unknown superuser and readable secrets: P0. Evidence is kept, a role is barred, the password is new and the old one is dead."""
    with Ward() as w:
        secrets = w.dir / "secrets.env"
        secrets.write_text(f"SESSION_SECRET=x\nDATABASE_URL={w.mina_url()}\n")
        secrets.chmod(0o600)
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30", "-subj", "/CN=mina.example.com", "-addext",
                        "subjectAltName=DNS:mina.example.com", "-keyout", str(w.dir / "key.pem"), "-out", str(w.dir / "cert.pem")], check=True, capture_output=True)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(w.dir / "cert.pem", w.dir / "key.pem")
        door = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
        door.socket = context.wrap_socket(door.socket, server_side=True)
        threading.Thread(target=door.serve_forever, daemon=True).start()
        book = w.runbook("security-incident", replace={
            'address: "mina.example.com:443"': f'address: "127.0.0.1:{door.server_address[1]}", name: mina.example.com, ca: {w.dir}/cert.pem',
            "('postgres')": "('postgres', 'app')", "PGHOST: 127.0.0.1": f"PGHOST: {w.postgres.dir}", "PGDATABASE: postgres": "PGDATABASE: shop",
            "mina_report": "report"})
        w.look(book)
        w.postgres.sql("create role mallory superuser login")
        secrets.chmod(0o644)
        (w.dir / "access.log").write_text('1.2.3.4 - - [x] "GET /admin HTTP/1.1" 403 12\n' * 600)
        w.look(book, "P0", ["no superuser but those that we know", "the file of secrets is its owner's alone", "few requests were refused lately"])
        w.do(book, "evidence")
        kept = next((w.dir / "backups/mina-evidence").iterdir())
        assert subprocess.run(["sha256sum", "-c", "--quiet", "SHA256SUMS"], cwd=kept).returncode == 0
        assert "mallory" in (kept / "database.txt").read_text() and (kept / "access.log").exists()
        assert kept.stat().st_mode & 0o077 == 0
        session = subprocess.Popen(["psql", "-XAtqc", "select pg_sleep(60)"], stderr=subprocess.DEVNULL,
                                   env={**os.environ, "PGHOST": str(w.postgres.dir), "PGUSER": "report", "PGDATABASE": "shop"})
        w.lab.procs.append(session)
        assert eventually(lambda: w.postgres.sql("select count(*) from pg_stat_activity where usename = 'report'") == "1")
        w.do(book, "lock-out", approvers=["ana"])
        assert session.wait(10) != 0
        out = w.do(book, "rotate-password", approvers=["ana", "bo"])
        new = re.search("mina:([0-9a-f]{64})@", secrets.read_text())[1]
        assert new not in out and new not in w.command("events", w.waiting("security-incident")).stdout, "the new password is told"
        login = lambda p: subprocess.run(["psql", "-XAtqc", "select 1", w.mina_url(p)], capture_output=True).returncode == 0
        assert login(new) and not login("first"), "the old password still works, or the new one does not"
        w.postgres.sql("drop role mallory")
        (w.dir / "access.log").write_text("")
        assert secrets.stat().st_mode & 0o777 == 0o600
        w.look(book)
        door.shutdown()
        return "unknown superuser, open secrets: P0; evidence, lock-out, new password"


if __name__ == "__main__":
    if sys.argv[1:2] == ["--serve"]:
        Mina(*sys.argv[2:]).serve()
    elif sys.argv[1:2] == ["--unit"]:
        unit(*sys.argv[2:])
    else:
        main([service_down, service_down_by_a_release, error_rate, long_queries, slow, database_connections, websockets, ai_service,
              backup_failure, total_failure, data_corruption, security_incident])
