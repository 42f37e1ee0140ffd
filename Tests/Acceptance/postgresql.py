#!/usr/bin/env python3
"""The journal in a PostgreSQL as people have one: behind TLS, behind PgBouncer, and with a replica that takes over.

usage: postgresql.py [CHECK ...]      each check prints one line; the last line counts them. Needs postgresql, pgbouncer and openssl.
"""
from service import *
from urllib.parse import quote

PASSWORD = "j0urnal/s3cret"
TOOLS = sorted(glob.glob("/usr/lib/postgresql/*/bin"), key=lambda p: int(p.split("/")[4]))[-1]
DROP = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] if os.geteuid() == 0 else []


def run(*argv):
    """As the user `postgres`, whom PostgreSQL and PgBouncer want instead of root."""
    r = subprocess.run([*DROP, *map(str, argv)], cwd="/", capture_output=True, text=True)
    assert r.returncode == 0, f"{argv[0]}: exit {r.returncode}: {r.stdout[-400:]} {r.stderr[-600:]}"
    return r.stdout


class Server:
    """A PostgreSQL on TCP with a user `bgdeploy` that owns the database `journal` and is nothing else."""

    def __init__(self, of=None, via=None, settings=()):
        """`of` is the primary that it follows, over the port `via`."""
        self.dir, self.port, self.settings = pathlib.Path(tempfile.mkdtemp(prefix="bgdeploy-pg-")), free_port(), list(settings)
        if DROP:
            shutil.chown(self.dir, "postgres")
        self.data, self.process = self.dir / "data", None
        if of:
            run(f"{TOOLS}/pg_basebackup", "-D", self.data, "-R", "-X", "stream", "-c", "fast",
                "-d", f"host=127.0.0.1 port={via or of.port} user=postgres application_name=replica")
        else:
            run(f"{TOOLS}/initdb", "-D", self.data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync", "--locale=C")
            self.rules("host all bgdeploy 127.0.0.1/32 scram-sha-256", "host all,replication postgres 127.0.0.1/32 trust")
        self.start()
        if not of:
            self.sql(f"create role bgdeploy login password '{PASSWORD}'")
            self.sql("create database journal owner bgdeploy")

    def rules(self, *lines):
        (self.data / "pg_hba.conf").write_text("\n".join(["local all all trust", *lines, ""]))

    def start(self):
        settings = ["listen_addresses=127.0.0.1", f"port={self.port}", f"unix_socket_directories={self.dir}", "max_connections=60", *self.settings]
        self.log = open(self.dir / "server.log", "ab")
        self.process = subprocess.Popen([*DROP, f"{TOOLS}/postgres", "-D", str(self.data), *(x for s in settings for x in ("-c", s))], cwd="/",
                                        stdout=self.log, stderr=self.log)
        ready = lambda: subprocess.run([f"{TOOLS}/pg_isready", "-q", "-h", self.dir, "-p", str(self.port), "-U", "postgres"]).returncode == 0
        assert eventually(ready, 60), f"PostgreSQL does not start: {(self.dir / 'server.log').read_text()[-800:]}"

    def url(self, hosts=None, **options):
        """As `bgdeploy`; `hosts` instead of this one."""
        more = "&".join(f"{key}={quote(str(value), safe='')}" for key, value in options.items())
        return f"postgresql://bgdeploy:{quote(PASSWORD, safe='')}@{hosts or f'127.0.0.1:{self.port}'}/journal" + ("?" + more if more else "")

    def sql(self, text, database="postgres"):
        return run(f"{TOOLS}/psql", "-qAtX", "-v", "ON_ERROR_STOP=1", "-h", self.dir, "-p", self.port, "-U", "postgres", "-d", database, "-c", text).strip()

    def promote(self):
        run(f"{TOOLS}/pg_ctl", "-D", self.data, "-w", "promote")

    def end(self, how=signal.SIGQUIT):
        """SIGQUIT: at once, as a host that loses its power; SIGINT: in order."""
        if self.process and self.process.poll() is None:
            self.process.send_signal(how)
            self.process.wait(30)
        self.log.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()
        shutil.rmtree(self.dir, ignore_errors=True)


def told(r):
    """What the program wrote, which must not be the password."""
    text = r.stdout + r.stderr
    assert PASSWORD not in text and quote(PASSWORD, safe="") not in text, "the password is shown"
    return " ".join(text.split())


# -- TLS ---------------------------------------------------------------------------------------------------------------------

def certificates(folder):
    """Two authorities, and a key and certificate of the first one for the name `localhost` alone."""
    make = lambda *argv: subprocess.run(["openssl", *argv], cwd=folder, check=True, capture_output=True)
    for name in ("ours", "other"):
        make("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", f"/CN={name}",
             "-keyout", f"{name}.key", "-out", f"{name}.pem")
    make("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=localhost", "-keyout", "server.key", "-out", "server.csr")
    (folder / "names").write_text("subjectAltName=DNS:localhost\n")
    make("x509", "-req", "-in", "server.csr", "-CA", "ours.pem", "-CAkey", "ours.key", "-CAcreateserial", "-days", "2", "-extfile", "names", "-out", "server.pem")


def tls_is_verified():
    """sslmode=verify-full: the right authority is taken, and every connection is encrypted; a wrong one, a wrong name and a missing file are refused."""
    with Lab() as lab, Server() as server:
        lb = lab.haproxy()
        lab.playbook([lb], {"monitor": {"for": "1s"}})
        certificates(lab.dir)
        for name in ("server.key", "server.pem"):
            shutil.copy(lab.dir / name, server.dir / name)
            (server.dir / name).chmod(0o600)
            if DROP:
                shutil.chown(server.dir / name, "postgres", "postgres")
        server.rules("hostssl all bgdeploy 127.0.0.1/32 scram-sha-256", "hostssl all bgdeploy ::1/128 scram-sha-256")
        server.end(signal.SIGINT)
        server.settings += ["listen_addresses=localhost", "ssl=on", f"ssl_cert_file={server.dir}/server.pem", f"ssl_key_file={server.dir}/server.key"]
        server.start()
        at = lambda host, root: server.url(f"{host}:{server.port}", sslmode="verify-full", sslrootcert=lab.dir / root)
        said = []
        for url, words in ((at("localhost", "other.pem"), ("certificate", "sslrootcert")), (at("127.0.0.1", "ours.pem"), ("127.0.0.1", "localhost", "certificate")),
                           (at("localhost", "missing.pem"), ("missing.pem",)), (server.url(f"localhost:{server.port}", sslmode="disable"), ("no encryption",))):
            lab.state = url
            r = lab.command("run", "v2.5.0", "--yes")
            assert r.returncode not in (0, 70) and all(w in told(r) for w in words), f"expected {words}: exit {r.returncode}: {told(r)}"
            assert lab.shares(lb, 20) == BLUE, "the traffic was moved"
            said.append(told(r))
        lab.state = at("localhost", "ours.pem")
        s = Service(lab, token=token(lab, "root", "--scope", "admin"))
        assert s.until_ended(s.run("v2.5.0")["run"]) == "succeeded" and lab.shares(lb, 20) == GREEN
        plain = server.sql("select count(*) from pg_stat_activity a join pg_stat_ssl s using (pid) where a.usename = 'bgdeploy' and not s.ssl")
        encrypted = server.sql("select count(*) from pg_stat_activity a join pg_stat_ssl s using (pid) where a.usename = 'bgdeploy' and s.ssl")
        assert plain == "0" and int(encrypted) >= 3, f"{plain} connections are not encrypted, {encrypted} are"
        return f"{encrypted} encrypted; {said[0]}" if os.environ.get("TELL") else f"{encrypted} connections, all encrypted"


# -- a pooler ----------------------------------------------------------------------------------------------------------------

class PgBouncer:
    def __init__(self, server, mode, size=4):
        self.dir, self.port = pathlib.Path(tempfile.mkdtemp(prefix="bgdeploy-pool-")), free_port()
        (self.dir / "users.txt").write_text(f'"bgdeploy" "{PASSWORD}"\n')
        (self.dir / "pgbouncer.ini").write_text(f"""[databases]
journal = host=127.0.0.1 port={server.port} dbname=journal
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {self.port}
unix_socket_dir =
auth_type = plain
auth_file = {self.dir}/users.txt
pool_mode = {mode}
default_pool_size = {size}
logfile = {self.dir}/pgbouncer.log
""")
        for path in (self.dir, *self.dir.iterdir()):
            if DROP:
                shutil.chown(path, "postgres")
        tool = shutil.which("pgbouncer") or "/usr/sbin/pgbouncer"
        self.process = subprocess.Popen([*DROP, tool, "-q", str(self.dir / "pgbouncer.ini")], cwd="/", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_port(self.port)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(20)
        shutil.rmtree(self.dir, ignore_errors=True)


def lags(follower, run, words):
    """Seconds from each command until its entry comes to who follows the run at `follower`."""
    arrived, took = {}, []
    def until(got):
        for _, kind, data in got:
            if kind == "entry" and data["type"] == "commanded":
                arrived.setdefault(data["event"], time.monotonic())
        return len(arrived) >= len(words)
    reader = threading.Thread(target=lambda: stream(follower, run, seconds=90, until=until), daemon=True)
    reader.start()
    for number, word in enumerate(words, 1):
        time.sleep(1)
        start = time.monotonic()
        assert follower.command(run, word) is None
        assert eventually(lambda: len(arrived) >= number, 40), f"the entry of {word} never came"
        took.append(sorted(arrived.values())[number - 1] - start)
    return took


def pooled(mode):
    """Two orchestrators behind one PgBouncer: a run, a command through the other one, a takeover; the fence never falls."""
    with Server() as server, PgBouncer(server, mode, 12 if mode == "session" else 3) as pool, Lab() as lab:
        lab.state = server.url(f"127.0.0.1:{pool.port}")
        lb = lab.haproxy()
        lab.playbook([lb], canary())
        admin = token(lab, "root", "--scope", "admin")
        one, two = (Service(lab, name, host=f"host-{name}", token=admin) for name in ("alpha", "beta"))
        load = lab.load(lb, 60)
        run = one.run("v2.5.0")["run"]
        one.until(split_is(25))
        driver, other = (one, two) if one.get("/v1/services/app/lease")["holder"]["host"] == "host-alpha" else (two, one)
        took = max(lags(other, run, ["pause", "proceed", "pause", "proceed"]))
        assert took < 9, f"who follows the run heard of a command {took:.1f} s after it"
        before, start = fence(lab), time.monotonic()
        driver.end(signal.SIGKILL)
        assert eventually(lambda: fence(lab) > before, 40), f"nobody took over\n{other.log.read_text()[-900:]}"
        over = time.monotonic() - start
        assert over < 20, f"the other took over after {over:.1f} s"
        assert other.command(run, "promote", full=True) is None and other.until_ended(run) == "succeeded" and lab.shares(lb, 40) == GREEN
        assert other.get("/v1/audit")["whole"]
        return f"heard of after {took:.1f} s at most, taken over after {over:.1f} s; {no_failures(load)} requests, 0 failed"


def pgbouncer_in_transaction_mode():
    """Nothing of bgdeploy's needs a session of its own: leases hold, runs go on, and who follows a run hears of it within seconds."""
    return pooled("transaction") if can_be_two_hosts() else "left out: no UTS namespaces here"


def pgbouncer_in_session_mode():
    return pooled("session") if can_be_two_hosts() else "left out: no UTS namespaces here"


# -- a replica that takes over -----------------------------------------------------------------------------------------------

class Wire:
    """The network between a replica and its primary, which can be cut."""

    def __init__(self, port):
        self.behind, self.is_cut, self.pairs = port, False, []
        self.server = socket.create_server(("127.0.0.1", 0))
        self.port = self.server.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.server.accept()
                with contextlib.suppress(OSError):
                    if self.is_cut:
                        client.close()
                        continue
                    other = socket.create_connection(("127.0.0.1", self.behind), 5)
                    other.settimeout(None)
                    self.pairs.append((client, other))
                    for a, b in ((client, other), (other, client)):
                        threading.Thread(target=self.carry, args=(a, b), daemon=True).start()

    def carry(self, source, target):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
        for one in (source, target):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def cut(self):
        self.is_cut = True
        for pair in self.pairs:
            for one in pair:
                with contextlib.suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)
        self.pairs.clear()

    def mend(self):
        self.is_cut = False


class Cluster:
    """A primary and a synchronous replica: what is committed is on both."""

    def __init__(self):
        self.primary = Server()
        self.wire = Wire(self.primary.port)
        self.replica = Server(of=self.primary, via=self.wire.port, settings=["wal_receiver_status_interval=1", "wal_retrieve_retry_interval=200"])
        self.primary.sql("alter system set synchronous_standby_names = 'replica'")
        self.primary.sql("select pg_reload_conf()")
        self.synchronous()
        self.url = self.primary.url(f"127.0.0.1:{self.primary.port},127.0.0.1:{self.replica.port}", target_session_attrs="read-write")

    def synchronous(self):
        is_so = lambda: self.primary.sql("select sync_state from pg_stat_replication") == "sync"
        assert eventually(is_so, 30), "the replica does not follow"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.wire.server.close()
        self.wire.cut()
        for one in (self.replica, self.primary):
            one.__exit__()


def chain(server):
    """Every entry that the server has: run, number and hash."""
    rows = server.sql("select run || ' ' || sequence || ' ' || hash from bgdeploy.events order by position", "journal")
    return rows.splitlines()


def failover_in_a_canary():
    """The primary dies in a hold and the replica is promoted: the run goes on there, no entry is lost, and the fence does not fall."""
    with Cluster() as cluster, Lab() as lab:
        lab.state = cluster.url
        lb = lab.haproxy()
        lab.playbook([lb], canary("8s", "25%", "50%"))
        s = Service(lab, token=token(lab, "root", "--scope", "admin"))
        falls, stopping = [], threading.Event()

        def watch():
            highest = 0
            while not stopping.wait(0.02):
                now = fence(lab)
                if 0 < now < highest:
                    falls.append((highest, now))
                highest = max(highest, now)
        threading.Thread(target=watch, daemon=True).start()
        load = lab.load(lb, 60)
        run = s.run("v2.5.0")["run"]
        s.until(split_is(25))
        followed = []
        reader = threading.Thread(target=lambda: followed.extend(stream(s, run, seconds=90)), daemon=True)
        reader.start()
        time.sleep(1)
        known = [f"{run} {e['event']}" for e in s.events(run)]
        before = fence(lab)
        cluster.primary.end()
        start = time.monotonic()
        time.sleep(2)
        cluster.replica.promote()
        assert s.until_ended(run, 90) == "succeeded", s.log.read_text()[-900:]
        took = time.monotonic() - start
        stopping.set()
        rows = chain(cluster.replica)
        assert all(any(row.startswith(k + " ") for row in rows) for k in known), f"entries are lost: {known}, {rows}"
        assert not falls and fence(lab) >= before, f"the fence fell: {falls}"
        assert lab.shares(lb, 40) == GREEN and s.get("/v1/audit")["whole"]
        reader.join(20)
        assert [d for _, kind, d in followed if kind == "entry"] == s.events(run), "the stream is not the journal"
        lab.blue.version = "v2.6.0"
        second = s.run("v2.6.0", strategy="instant")["run"]
        assert s.until_ended(second) == "succeeded" and lab.shares(lb, 40) == BLUE and fence(lab) > before
        return f"ended {took:.1f} s after the primary; {no_failures(load)} requests, 0 failed"


def nothing_is_done_before_the_replica_has_it():
    """A primary cut off from its replica commits for itself alone: no traffic moves on such an entry, and after the fail-over none is missed."""
    with Cluster() as cluster, Lab() as lab:
        lab.state = cluster.url
        lb = lab.haproxy()
        lab.playbook([lb], canary("4s", "25%", "50%"))
        s = Service(lab, token=token(lab, "root", "--scope", "admin"))
        load = lab.load(lb, 60)
        run = s.run("v2.5.0")["run"]
        s.until(split_is(25))
        before = fence(lab)
        cluster.wire.cut()
        start = time.monotonic()
        moved = None
        while time.monotonic() - start < 20 and not moved:  # the hold ends meanwhile, and every answer is late
            share = lab.shares(lb, 60).get("green", 0)
            moved = f"{share:.0%} of the traffic after {time.monotonic() - start:.1f} s" if share > 0.4 else None
            time.sleep(0.2)
        cluster.primary.end()
        cluster.replica.promote()
        assert not moved, f"green has {moved}, though no replica has the entry: {chain(cluster.replica)[-1]}"
        assert s.until_ended(run, 90) == "succeeded", s.log.read_text()[-900:]
        assert fence(lab) >= before and s.get("/v1/audit")["whole"] and lab.shares(lb, 40) == GREEN
        return f"{no_failures(load)} requests, 0 failed"


if __name__ == "__main__":
    main([tls_is_verified, pgbouncer_in_transaction_mode, pgbouncer_in_session_mode, failover_in_a_canary, nothing_is_done_before_the_replica_has_it])
