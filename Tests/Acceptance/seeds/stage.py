"""The stage on which playbooks/mina.yml plays: nginx and HAProxy, PostgreSQL, Redis, a git repository, and Mina's deployments.

All of it is real but the command lines in ../platforms, which act on real processes. The playbook is the shipped file, in which addresses
and durations are replaced; every replacement must find its text.
"""
import base64, http.server, pathlib, random, re, sys
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from lab import *
from postgres import Postgres

PLATFORMS = pathlib.Path(__file__).resolve().parent.parent / "platforms"
PLAYBOOK = PLATFORMS.parent.parent.parent / "playbooks/mina.yml"
BETA = ("12345", "67890", "11111")
SECRETS = {"TEST_TOKEN": "test-t0ken", "ADMIN_USER": "ada", "ADMIN_PASS": "adm1n pass&word", "ADMIN_TOKEN": "adm1n-t0ken",
           "PAGERDUTY_KEY": "pd-k3y-0123456789", "SENTRY_TOKEN": "s3ntry-t0ken"}

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
        context.configure(connection=connection, transaction_per_migration=True)
        with context.begin_transaction():
            context.run_migrations()
"""
FIRST = ["create table sessions (id serial primary key, title text not null, status text not null default 'active')",
         "create table segments (id serial primary key, session_id int not null references sessions, text text not null)",
         "insert into sessions (title, status) select 'session ' || n, case when n % 10 = 0 then 'active' else 'finalized' end from generate_series(1, 500) n",
         "insert into segments (session_id, text) select n, 'hello' from generate_series(1, 500) n"]
AUDIO = dict(up=["alter table segments add column audio_url text"], down=["alter table segments drop column audio_url"])


def revision_file(name, parent, up, down, transaction=True):
    """A file of Alembic's; without `transaction` each statement is in force by itself."""
    run = "\n".join(f"    op.execute({text!r})" for text in up)
    if not transaction:
        run = "    with op.get_context().autocommit_block():\n" + "\n".join(f"        op.execute({text!r})" for text in up)
    return (f"from alembic import op\nrevision, down_revision = {name!r}, {parent!r}\ndef upgrade():\n{run}\n"
            "def downgrade():\n" + "\n".join(f"    op.execute({text!r})" for text in down or ["select 1"]) + "\n")


Visit = collections.namedtuple("Visit", "start status environment user kind")


class Users(Load):
    """People with a session cookie each; every tenth visit opens a WebSocket and asks for a pong. The first three are the beta users."""

    def __init__(self, port, rate=120, people=300):
        self.people = [*BETA, *(str(n) for n in range(500, 500 + people))]
        super().__init__(port, rate)

    async def _one(self):
        user, socket_ = random.choice(self.people if random.random() > 0.1 else BETA), random.random() < 0.1
        start, status, environment = time.monotonic(), 0, "-"
        try:
            reader, writer = await asyncio.wait_for(asyncio.open_connection("127.0.0.1", self.port), 5)
            head = f"Host: mina\r\nCookie: session=s{user}\r\nX-User-Id: {user}\r\n"
            if socket_:
                writer.write(f"GET /socket.io/?transport=websocket HTTP/1.1\r\n{head}Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                             f"Sec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}\r\n\r\n".encode())
                status = int((await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)).split()[1])
            else:
                writer.write(f"GET {random.choice(['/', '/', '/api/sessions'])} HTTP/1.1\r\n{head}Connection: close\r\n\r\n".encode())
                data = await asyncio.wait_for(reader.read(-1), 10)
                status = int(data.split(b" ", 2)[1])
                environment = (re.search(rb'"environment": "(\w+)"', data) or [b"", b"-"])[1].decode()
            writer.close()
        except Exception:
            pass
        self.answers.append(Visit(start, status, environment, user, "socket" if socket_ else "request"))

    def failed(self, kind="request"):
        return [a for a in self.answers if a.kind == kind and a.status not in (200, 101)]


class Told(http.server.ThreadingHTTPServer):
    """Slack, PagerDuty and Sentry: keeps what it is sent."""

    def __init__(self):
        self.letters = []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
                outer.letters.append((self.path, body))
                data = b'{"status": "success", "dedup_key": "k", "version": "v", "id": "1"}'
                self.send_response(202 if "enqueue" in self.path else 201 if "releases" in self.path else 200)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)
            do_PUT = do_POST

            def log_message(self, *_):
                pass
        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def about(self, word, path=""):
        return [body for p, body in self.letters if word in body and path in p]


class Deployed:
    """An environment as the balancers' files and the checks see it; its faults are set here."""

    def __init__(self, stage, name):
        self.stage, self.name, self.port = stage, name, free_port()

    server = property(lambda self: f"127.0.0.1:{self.port}")
    url = property(lambda self: f"http://127.0.0.1:{self.port}")

    def fault(self, **faults):
        path = self.stage.replit / f"mina-{self.name}.faults"
        path.with_suffix(".new").write_text(json.dumps(faults))
        path.with_suffix(".new").rename(path)

    def log(self):
        path = self.stage.replit / f"mina-{self.name}.log"
        return path.read_text() if path.exists() else ""

    def pids(self):
        known = json.loads((self.stage.replit / "deployments.json").read_text())
        return [pid for pid in known["deployments"][f"mina-{self.name}"]["pids"] if pathlib.Path(f"/proc/{pid}").exists()]

    def ask(self, path):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        connection.request("GET", path)
        answer = connection.getresponse()
        try:
            return answer.status, json.loads(answer.read() or b"{}")
        finally:
            connection.close()


class Stage(Lab):
    def __init__(self, change=(), revision=None):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="bgdeploy-mina-"))
        self.procs, self.loads, self.state = [], [], f"sqlite:{self.dir}/state.db"
        self.replit, self.app, self.bucket = self.dir / "replit", self.dir / "app", self.dir / "s3"
        for folder in (self.replit, self.replit / "builds", self.replit / "backups", self.app, self.bucket):
            folder.mkdir()
        self.blue, self.green, self.staging = (Deployed(self, name) for name in ("blue", "green", "staging"))
        self.told, self.postgres = Told(), Postgres()
        for name in ("mina", "mina_staging"):
            self.sql(f"create database {name}", "postgres")
        self.redis = free_port()
        self.procs.append(subprocess.Popen(["redis-server", "--port", str(self.redis), "--save", "", "--dir", str(self.dir)], stdout=subprocess.DEVNULL))
        wait_port(self.redis)
        self.env = dict(SECRETS, DATABASE_URL=self.url("mina"), STAGING_DATABASE_URL=self.url("mina_staging"), REDIS_URL=f"redis://127.0.0.1:{self.redis}/0",
                        SLACK_URL=f"http://127.0.0.1:{self.told.server_port}/slack", REPLIT_HOME=str(self.replit), AWS_HOME=str(self.bucket),
                        PATH=f"{PLATFORMS}:{pathlib.Path(binary()).resolve().parent}:{os.environ['PATH']}", BGDEPLOY_ACTOR="ada",
                        BGDEPLOY_PLAYBOOK=str(self.app / "mina.yml"))
        self.repository()
        self.migration("0001", None, FIRST, ["drop table segments", "drop table sessions"])
        for name in ("mina", "mina_staging"):
            self.tool("flask", "--app", "mina", "db", "upgrade", "head", env={"DATABASE_URL": self.url(name)})
        if revision:
            self.migration("1a2b3c4d5e6f", "0001", **revision)
        self.deploy()
        self.nginx(), self.haproxy()
        self.playbook(change)

    def __exit__(self, *_):
        with contextlib.suppress(OSError, ValueError):
            for it in json.loads((self.replit / "deployments.json").read_text())["deployments"].values():
                for pid in it["pids"]:
                    with contextlib.suppress(OSError):
                        os.kill(pid, signal.SIGKILL)
        super().__exit__()
        self.told.shutdown()
        self.postgres.__exit__()

    def url(self, database):
        return f"postgresql://postgres@/{database}?host={self.postgres.dir}"

    def sql(self, text, database="mina"):
        r = subprocess.run([f"{self.postgres.tools}/psql", "-qAtX", "-v", "ON_ERROR_STOP=1", self.url(database), "-c", text], capture_output=True, text=True)
        assert r.returncode == 0, r.stderr
        return r.stdout.strip()

    def tool(self, *argv, env=None, check=True):
        r = subprocess.run(argv, cwd=self.app, env={**os.environ, **self.env, **(env or {})}, capture_output=True, text=True, stdin=subprocess.DEVNULL)
        assert r.returncode == 0 or not check, f"{' '.join(argv)}: {r.stdout[-500:]} {r.stderr[-900:]}"
        return r

    # -- what is there before a release -------------------------------------------------------------------------------------------

    def repository(self):
        migrations = self.app / "mina/migrations"
        (migrations / "versions").mkdir(parents=True)
        (migrations / "alembic.ini").write_text("[alembic]\nscript_location = %(here)s\n")
        (migrations / "env.py").write_text(ENVIRONMENT)
        shutil.copytree(PLATFORMS / "smoke", self.app / "tests/smoke")
        who = ["-c", "user.name=ada", "-c", "user.email=ada@example.com"]
        subprocess.run(["git", "init", "-q", "--bare", str(self.dir / "origin.git")], check=True)
        for argv in (["init", "-q"], ["config", "user.name", "ada"], ["config", "user.email", "ada@example.com"],
                     ["remote", "add", "origin", str(self.dir / "origin.git")], ["add", "."], [*who, "commit", "-q", "-m", "Begin"]):
            subprocess.run(["git", *argv], cwd=self.app, check=True, stdout=subprocess.DEVNULL)

    def migration(self, name, parent, up, down, transaction=True):
        (self.app / f"mina/migrations/versions/{name}.py").write_text(revision_file(name, parent, up, down, transaction))

    def deploy(self):
        """Blue serves v2.4.5, staging has the release already, green is empty."""
        known = {}
        for it, version, database in ((self.blue, "v2.4.5", "mina"), (self.green, "v2.4.4", "mina"), (self.staging, "v2.5.0", "mina_staging")):
            known[f"mina-{it.name}"] = {"port": it.port, "version": version, "pids": [], "environment": {**SECRETS, "DATABASE_URL": self.url(database), "REDIS_URL": self.env["REDIS_URL"]}}
        (self.replit / "deployments.json").write_text(json.dumps({"deployments": known}))
        (self.replit / "backups/mina-backup-20251024").write_text("mina-blue v2.4.5\n")
        for it in (self.blue, self.staging):
            self.tool("replit", "deployments", "start", f"mina-{it.name}")
            wait_port(it.port)

    def nginx(self):
        d, self.port = self.dir / "nginx", free_port()
        d.mkdir()
        (d / "mina.conf").write_text(f"upstream mina_backend {{\n    zone mina_backend 64k;\n    server {self.blue.server} max_fails=0;   # blue\n"
                                     f"    server {self.green.server} max_fails=0 down;\n}}\n")
        form = (PLATFORMS.parent.parent.parent / "nginx/log-format.conf").read_text().replace("unix:/run/bgdeploy", f"unix:{self.dir}")
        (d / "nginx.conf").write_text(f"""user root; worker_processes 2; pid {d}/nginx.pid; error_log {d}/error.log notice;
events {{ worker_connections 4096; }}
http {{
  {form}
  client_body_temp_path {d}/b; proxy_temp_path {d}/p; fastcgi_temp_path {d}/f; uwsgi_temp_path {d}/u; scgi_temp_path {d}/s;
  map $http_upgrade $connection_upgrade {{ default upgrade; '' ''; }}
  include {d}/mina.conf;
  server {{ listen 127.0.0.1:{self.port} backlog=4096;
    location / {{ proxy_pass http://mina_backend; proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade;
                  proxy_set_header Connection $connection_upgrade; proxy_set_header Host $host; proxy_read_timeout 1h; }} }}
}}
""")
        self.procs.append(subprocess.Popen(["nginx", "-c", f"{d}/nginx.conf", "-e", f"{d}/error.log", "-g", "daemon off;"]))
        wait_port(self.port)

    def haproxy(self):
        d, self.second = self.dir / "haproxy", free_port()
        d.mkdir()
        (d / "haproxy.cfg").write_text(f"""global
    stats socket {d}/admin.sock mode 600 level admin expose-fd listeners
    master-worker

defaults
    mode http
    timeout connect 2s
    timeout client 60s
    timeout server 60s
    timeout tunnel 1h

frontend mina
    bind 127.0.0.1:{self.second}
    default_backend mina_backend

backend mina_backend
    balance roundrobin
    server blue1 {self.blue.server} weight 100
    server green1 {self.green.server} weight 0
""")
        self.procs.append(subprocess.Popen(["haproxy", "-W", "-q", "-f", f"{d}/haproxy.cfg", "-p", f"{d}/haproxy.pid"], stderr=subprocess.DEVNULL))
        wait_port(self.second)

    def playbook(self, change=()):
        """The shipped file with the addresses and durations of this stage; `change` has more pairs."""
        book, n = PLAYBOOK.read_text(), self.dir / "nginx"
        told = f"http://127.0.0.1:{self.told.server_port}"
        addresses = [("https://mina.production.com", f"http://127.0.0.1:{self.port}"), ("10.0.0.11:5000", self.blue.server), ("10.0.0.21:5000", self.green.server),
                     ("/etc/nginx/conf.d/mina.conf", f"{n}/mina.conf"), ("test: [nginx, -t]", f"test: [nginx, -t, -q, -c, {n}/nginx.conf, -e, {n}/error.log]"),
                     ("unix:/run/bgdeploy", f"unix:{self.dir}"), ("/etc/haproxy/haproxy.cfg", f"{self.dir}/haproxy/haproxy.cfg"),
                     ("/run/haproxy/admin.sock", f"{self.dir}/haproxy/admin.sock"), ("https://mina-staging.replit.app", self.staging.url),
                     ("https://events.pagerduty.com", told), ("https://sentry.io", told),
                     ("bgdeploy report", f"bgdeploy report --state {self.state}")]
        durations = [("hold: 10m", "hold: 3s"), ("grace: 30s", "grace: 2s"), ("for: 15m", "for: 4s"), ("for: 5m", "for: 2s"), ("warm_up: 30s", "warm_up: 1s"),
                     ("hold: 2m", "hold: 3s"), ("users: 100", "users: 8"), ("connections: 100", "connections: 8"), ("every: 1s", "every: 50ms")]
        for old, new in {**dict(addresses), **dict(durations), **dict(change)}.items():
            assert old in book, f"{old!r} is not in the playbook"
            book = book.replace(old, new)
        (self.app / "mina.yml").write_text(book)
        r = self.command("check")
        assert r.returncode == 0, r.stdout + r.stderr
        r = self.command("traffic", "install", "--yes")
        assert r.returncode == 0, r.stdout[-900:] + r.stderr[-900:]

    # -- releases -----------------------------------------------------------------------------------------------------------------

    def command(self, *args, env=None, **more):
        return super().command(*args, env={**self.env, **(env or {})}, **more)

    def users(self, rate=120):
        users = Users(self.port, rate)
        self.loads.append(users)
        return users

    def shares(self, n=150, port=None):
        """The share of `n` new people on each side."""
        count = collections.Counter()
        for _ in range(n):
            c = http.client.HTTPConnection("127.0.0.1", port or self.port, timeout=5)
            c.request("GET", "/", headers={"Cookie": f"session={random.random()}"})
            count[json.loads(c.getresponse().read() or b"{}").get("environment", "-")] += 1
            c.close()
        return {k: v / n for k, v in count.items()}

    def everybody_on(self, name):
        """Both balancers send everybody there."""
        return self.shares(40) == self.shares(40, self.second) == {name: 1.0}

    def status(self):
        r = self.command("status", "--output", "json")
        return json.loads(r.stdout) if r.returncode == 0 else {}

    def run(self, version="v2.5.0", *options):
        return Release(self, version, options)


class Release:
    """A run in a process of its own, whose words are read as they come; a person opens its gates."""

    def __init__(self, stage, version, options):
        self.stage, self.gates, self.lines = stage, 0, []
        self.process = stage.command("run", version, "--yes", *options, wait=False)
        self.errors = threading.Thread(target=lambda: self.lines.extend(self.process.stderr.read().splitlines()), daemon=True)
        self.words = threading.Thread(target=self.read, daemon=True)
        self.errors.start(), self.words.start()

    def read(self):
        for line in self.process.stdout:
            self.lines.append(line.rstrip())
            if "waits for an approval" in line:
                self.gates += self.stage.command("approve", timeout=300).returncode == 0

    @property
    def out(self):
        return "\n".join(self.lines)

    def until(self, *words, seconds=600):
        """Waits until it has said one of these."""
        said = lambda: any(w in self.out for w in words)
        assert eventually(lambda: said() or self.process.poll() is not None, seconds) and said(), f"it never said {words}: {self.told()}"
        return self

    def end(self, seconds=600):
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise AssertionError(f"the run did not end in {seconds} s: {self.told()}") from None
        self.words.join(20), self.errors.join(20)
        return self.process.returncode

    def told(self):
        return f"exit {self.process.poll()}: {self.out[-1100:]}"
