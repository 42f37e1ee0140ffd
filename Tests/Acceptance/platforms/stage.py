"""A stage for the shipped playbooks: PostgreSQL (with a streaming replica where wanted), nginx, the application in two environments,
and the platforms' command lines in PATH. A playbook is run from a copy in which only addresses, files and durations are replaced.
"""
import glob, pathlib, sys
sys.path[:0] = [str(pathlib.Path(__file__).resolve().parent), str(pathlib.Path(__file__).resolve().parent.parent)]
from lab import *
import world

PASSWORD = "s3cr/t p4ss"
PLAYBOOKS = HERE.parent.parent / "playbooks"
TOOLS = sorted(glob.glob("/usr/lib/postgresql/*/bin"), key=lambda p: int(p.split("/")[4]))[-1]
DROP = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] if os.geteuid() == 0 else []
LOG = """log_format bg escape=json '{"t":$msec,"m":"$request_method","st":$status,"rt":$request_time,'
  '"ua":"$upstream_addr","us":"$upstream_status","ut":"$upstream_response_time",'
  '"ct":"$upstream_connect_time","up":"$http_upgrade","b":$bytes_sent,"id":"$request_id"}';"""


class Server:
    """One PostgreSQL on a socket in a folder of its own; `app` needs its password, `postgres` none."""

    def __init__(self, folder, primary=None):
        self.dir = pathlib.Path(folder)
        self.dir.mkdir(parents=True)
        if DROP:
            shutil.chown(self.dir, "postgres")
        if primary:
            self.run("pg_basebackup", "-D", f"{self.dir}/data", "-h", str(primary.dir), "-U", "postgres", "-X", "stream", "-R", "--checkpoint=fast", "--no-sync")
        else:
            self.run("initdb", "-D", f"{self.dir}/data", "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync", "--locale=C")
            (self.dir / "data/pg_hba.conf").write_text("local all app scram-sha-256\nlocal all all trust\nlocal replication all trust\n")
        self.start()

    @staticmethod
    def run(tool, *argv):
        r = subprocess.run(DROP + [f"{TOOLS}/{tool}", *argv], capture_output=True, text=True, cwd="/")
        assert r.returncode == 0, r.stderr

    def start(self):
        settings = ["fsync=off", "listen_addresses=", f"unix_socket_directories={self.dir}", "max_connections=120", "log_min_messages=panic", "wal_level=replica"]
        self.process = subprocess.Popen(DROP + [f"{TOOLS}/postgres", "-D", f"{self.dir}/data"] + [x for s in settings for x in ("-c", s)],
                                        cwd="/", stderr=subprocess.DEVNULL, start_new_session=True)
        ready = lambda: subprocess.run([f"{TOOLS}/pg_isready", "-q", "-h", str(self.dir), "-U", "postgres"]).returncode == 0
        assert eventually(ready, 60), "PostgreSQL does not start"

    @property
    def pid(self):
        """The server's own process, behind `setpriv`."""
        return int((self.dir / "data/postmaster.pid").read_text().split()[0])

    def sql(self, text, database="postgres"):
        r = subprocess.run([f"{TOOLS}/psql", "-qAtX", "-v", "ON_ERROR_STOP=1", "-h", str(self.dir), "-U", "postgres", "-d", database, "-c", text],
                           capture_output=True, text=True)
        assert r.returncode == 0, r.stderr
        return r.stdout.strip()

    def end(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGQUIT)
        self.process.wait(20)


class Place:
    """Where an environment's application is to listen."""

    def __init__(self, name):
        self.name, self.port = name, free_port()
        self.url, self.server = f"http://127.0.0.1:{self.port}", f"127.0.0.1:{self.port}"


class Stage(Lab):
    """Blue has the traffic, in version v2.4.5; green is stopped or old."""

    def __init__(self, book, replacements, tables="create table events (id serial primary key, at timestamptz not null default now())", replica=False, environment=None, database="shop"):
        super().__init__()
        self.dir.chmod(0o755)
        self.blue, self.green = Place("blue"), Place("green")
        self.world = self.dir / "world"
        self.world.mkdir()
        self.servers = [Server(self.dir / "pg1")]
        self.database = self.servers[0]
        self.database.sql(f"create role app login superuser password '{PASSWORD}'")
        self.name = database
        self.database.sql(f"create database {database} owner app")
        if tables:
            self.database.sql(f"set role app; {tables}", database)
        if replica:
            self.servers.append(Server(self.dir / "pg2", self.database))
        self.env = dict(DATABASE_URL=self.url(), PLATFORM_WORLD=str(self.world), SMOKE_PASSWORD="sm0ke-pass",
                        PATH=f"{HERE / 'platforms'}:/usr/bin:{os.environ['PATH']}", **(environment or {}))
        with world.world(self.world) as state:
            state["applications"] = {b.name: {"port": b.port} for b in (self.blue, self.green)}
            state["environment"] = {k: self.env[k] for k in ("DATABASE_URL", "SMOKE_PASSWORD")}
            state["database"] = {"servers": [str(s.dir) for s in self.servers], "tools": TOOLS, "user": DROP}
        self.start("blue", "v2.4.5")
        self.start("green", "v2.4.4")
        (self.dir / "access.log").touch()
        self.lb = self.nginx(http=LOG, location=f"access_log {self.dir}/access.log bg;")
        self.folder = self.dir / "service"
        shutil.copytree(PLAYBOOKS / book.removesuffix(".yml"), self.folder) if (PLAYBOOKS / book.removesuffix(".yml")).is_dir() else self.folder.mkdir()
        self.copy = self.folder / book
        self.replacements = {
            "/etc/nginx/conf.d/app.conf": f"{self.lb['config']}\n    test: {json.dumps(self.lb['test'])}\n    reload: {json.dumps(self.lb['reload'])}",
            **replacements(self)}
        self.copy.write_text(self.replaced((PLAYBOOKS / book).read_text()))
        self.replacements.update(self.more_replacements())

    def replaced(self, text, **more):
        """The text with every replacement made; one that finds nothing is a mistake of the check."""
        for old, new in {**self.replacements, **more}.items():
            assert old in text, f"the playbook has no {old!r} any more"
            text = text.replace(old, str(new))
        return text

    def more_replacements(self):
        """What stands in runbooks alone."""
        return {}

    def runbook(self, name, *args, env=None, edits=None, timeout=300):
        """Calls a runbook of the playbook's folder, from a copy with the playbook's replacements."""
        text = (PLAYBOOKS / self.copy.stem / f"{name}.yml").read_text()
        for old, new in [*self.replacements.items(), *(edits or {}).items()]:
            assert old in text or old in self.replacements, f"the runbook has no {old!r} any more"
            text = text.replace(old, str(new))
        path = self.folder / f"{name}.yml"
        path.write_text(text)
        return self.bgdeploy("runbook", str(path), *args, env=env, timeout=timeout)

    def edit(self, old, new):
        text = self.copy.read_text()
        assert old in text, f"the playbook has no {old!r}"
        self.copy.write_text(text.replace(old, new))

    def start(self, name, version):
        with_environment = dict(os.environ)
        os.environ.update(self.env)
        try:
            world.start(name, version, self.world)
        finally:
            os.environ.clear()
            os.environ.update(with_environment)

    def url(self, database=None, user="app"):
        from urllib.parse import quote
        hosts = ",".join(str(s.dir) for s in self.servers)
        more = "&target_session_attrs=primary" if len(self.servers) > 1 else ""
        return f"postgresql://{user}:{quote(PASSWORD, safe='')}@/{database or self.name}?host={hosts}{more}"

    def faults(self, **faults):
        new = self.world / "faults.new"
        new.write_text(json.dumps(faults))
        new.rename(self.world / "faults.json")

    def calls(self):
        path = self.world / "calls.log"
        return path.read_text().splitlines() if path.exists() else []

    def bgdeploy(self, *args, env=None, **more):
        return self.command(*args, playbook=self.copy, env={**self.env, **(env or {})}, **more)

    def release(self, version="v2.5.0", *more, env=None, timeout=300):
        return self.bgdeploy("run", version, "--yes", *more, env=env, timeout=timeout)

    def release_confirmed(self, version="v2.5.0", *more, **options):
        """Runs, with somebody who confirms the checklist."""
        process = self.bgdeploy("run", version, "--yes", *more, wait=False, **options)
        def confirm():
            while process.poll() is None:
                if self.bgdeploy("approve", env=dict(BGDEPLOY_ACTOR="ana")).returncode == 0:
                    return
                time.sleep(0.1)
        thread = threading.Thread(target=confirm, daemon=True)
        thread.start()
        try:
            out, err = process.communicate(timeout=300)
        except subprocess.TimeoutExpired:
            process.kill()
            raise AssertionError(f"the run did not end: {process.communicate()}")
        thread.join(30)
        return subprocess.CompletedProcess([], process.returncode, out, err)

    def users(self):
        """Who has the users' requests."""
        return set(self.shares(self.lb, 20))

    def __exit__(self, *_):
        with world.world(self.world) as state:
            for application in state["applications"].values():
                if application.get("pid"):
                    world.end(application["pid"])
            more = state.get("processes", [])
        for pid in more:
            world.end(pid)
        for server in self.servers:
            server.end()
        super().__exit__()


def expect(r, code, *words):
    """The exit code, and words that are told."""
    text = r.stdout + r.stderr
    assert PASSWORD not in text and "s3cr%2Ft" not in text, "the password is shown"
    assert r.returncode == code, f"exit {r.returncode}, expected {code}: {text[-1500:]}"
    for word in words:
        assert word in text, f"it does not say {word!r}: {text[-1800:]}"
    return text
