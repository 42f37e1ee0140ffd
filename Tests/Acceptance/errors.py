#!/usr/bin/env python3
"""Errors, tried: what goes wrong around a deployment, with real nginx and HAProxy, and what the program makes of it.

usage: errors.py [CHECK ...]      each check prints one line; the last line counts them.
Every check looks at the exit code, at the message (what is wrong, what to do), and at the traffic and the files.
KILLS sets how often a run is killed (15), SEED the instants. What this host cannot do is left out with a reason.
"""
import hashlib, sqlite3
from lab import *

BLUE, GREEN = {"blue": 1.0}, {"green": 1.0}
CANARY = {"strategy": {"canary": ["25%", "100%"], "hold": "60s", "early": False}}


def digest(path):
    return hashlib.sha256(pathlib.Path(path).read_bytes()).hexdigest()


def said(r):
    return r.stdout + r.stderr


def expect(r, codes, *words):
    """The exit code is one of `codes`; each word, or one of a tuple of words, stands in what was printed."""
    codes = codes if isinstance(codes, tuple) else (codes,)
    text = said(r)
    assert r.returncode in codes, f"exit {r.returncode}, expected {codes}: {text[-900:]}"
    for word in words:
        choice = word if isinstance(word, tuple) else (word,)
        assert any(w.lower() in text.lower() for w in choice), f"the message does not say {' or '.join(choice)}: {text[-900:]}"
    assert "Fatal error" not in text and "Swift runtime" not in text, text[-900:]


def end(p, timeout=60):
    """Waits for a program that was started in the background."""
    try:
        out, err = p.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        p.kill()
        out, err = p.communicate()
        raise AssertionError(f"it did not end in {timeout} s\n{out[-1500:]}\n{err[-1500:]}")
    return subprocess.CompletedProcess(p.args, p.returncode, out, err)


def status(lab):
    r = lab.command("status", "--output", "json")
    return json.loads(r.stdout) if r.returncode == 0 and r.stdout.strip() else {}


def in_state(lab, check, seconds=20):
    seen = {}
    def look():
        seen.clear()
        seen.update(status(lab))
        return check(seen)
    assert eventually(look, seconds, 0.1), f"never reached; last {seen.get('state')} {seen.get('phase')} {seen.get('waitingFor')} {seen.get('split')}"


def at_quarter(lab, lb):
    assert eventually(lambda: lab.shares(lb, 40).get("green", 0) > 0.1, 30), "the canary never got traffic"


def edit_playbook(lab, change):
    path = lab.dir / "bgdeploy.yml"
    book = json.loads(path.read_text())
    change(book)
    path.write_text(json.dumps(book, indent=1))


@contextlib.contextmanager
def tmpfs(path, size="2m"):
    path.mkdir(parents=True, exist_ok=True)
    if os.geteuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(path)], capture_output=True).returncode != 0:
        yield False
        return
    try:
        yield True
    finally:
        subprocess.run(["umount", "-l", str(path)], capture_output=True)


class Filler:
    """Keeps a disk full from now on, also when somebody frees some of it."""

    def __init__(self, folder):
        self.path, self.stop = folder / "fill", threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        with open(self.path, "ab", buffering=0) as f:
            while not self.stop.is_set():
                for size in (65536, 4096):
                    with contextlib.suppress(OSError):
                        while not self.stop.is_set() and f.write(b"x" * size) == size:
                            pass
                time.sleep(0.002)

    def end(self):
        self.stop.set()
        self.thread.join()
        self.path.unlink(missing_ok=True)


# -- the journal -------------------------------------------------------------------------------------------------------

def disk_full_before_traffic():
    """The state's disk fills up while a step runs: exit 1, no traffic moved, and after cleaning up it goes on."""
    with Lab() as lab, tmpfs(lab.dir / "state") as can:
        if not can:
            return "left out: cannot mount a tmpfs"
        lb, marker = lab.haproxy(), lab.dir / "ran"
        lab.state = f"sqlite:{lab.dir}/state/state.db"
        lab.playbook([lb], {"prepare": [{"run": ["sh", "-c", f"touch {marker}; sleep 2"]}]})
        before = digest(lb["config"])
        p = lab.command("run", "v2.5.0", "--yes", wait=False)
        assert eventually(marker.exists, 20), "the step never started"
        fill = Filler(lab.dir / "state")
        try:
            r = end(p)
        finally:
            fill.end()
        expect(r, 1, "full", ("free", "space"))
        assert lab.shares(lb, 40) == BLUE and digest(lb["config"]) == before
        expect(lab.command("resume", "--yes"), 0)
        assert lab.shares(lb, 40) == GREEN


def disk_full_with_traffic_on_the_candidate():
    """The same while the candidate has 25 %: users are put back by what lies beside the balancer, exit 3."""
    for kind in ("nginx", "haproxy"):
        with Lab() as lab, tmpfs(lab.dir / "state") as can:
            if not can:
                return "left out: cannot mount a tmpfs"
            lb = getattr(lab, kind)()
            lab.state = f"sqlite:{lab.dir}/state/state.db"
            lab.playbook([lb], {"strategy": {"canary": ["25%", "100%"], "hold": "4s", "early": False}})
            p = lab.command("run", "v2.5.0", "--yes", wait=False)
            at_quarter(lab, lb)
            fill = Filler(lab.dir / "state")
            try:
                r = end(p)
            finally:
                fill.end()
            expect(r, 3, "full", "put back")
            assert lab.shares(lb, 40) == BLUE, kind
            expect(lab.command("resume", "--yes"), 3)
            assert status(lab)["state"] == "rolledBack" and lab.shares(lb, 40) == BLUE, kind


def state_is_locked():
    """A backup tool holds the journal: bounded waiting, exit 69 with the holder; the emergency way needs no journal."""
    with Lab() as lab:
        lb = lab.nginx()
        lab.playbook([lb])
        expect(lab.command("run", "v2.5.0", "--yes"), 0)
        lab.blue.version = "v2.6.0"
        before = digest(lb["config"])
        db = sqlite3.connect(f"{lab.dir}/state.db", isolation_level=None)
        db.execute("BEGIN EXCLUSIVE")
        start = time.monotonic()
        r = lab.command("run", "v2.6.0", "--yes")
        took = time.monotonic() - start
        expect(r, 69, "locked", "python3", "--emergency")
        assert took < 15, f"{took:.1f} s"
        assert digest(lb["config"]) == before and lab.shares(lb, 40) == GREEN
        expect(lab.command("rollback", "--emergency", "--yes"), 0)
        assert lab.shares(lb, 40) == BLUE
        db.execute("ROLLBACK")
        db.close()
        return f"{took:.1f} s"


def state_of_a_later_version():
    with Lab() as lab:
        lb = lab.nginx()
        lab.playbook([lb])
        lab.command("history")
        with contextlib.closing(sqlite3.connect(f"{lab.dir}/state.db")) as db:
            db.execute("PRAGMA user_version = 99")
            db.commit()
        before, config = digest(lab.dir / "state.db"), digest(lb["config"])
        expect(lab.command("run", "v2.5.0", "--yes"), 69, "later version", "99")
        assert digest(lab.dir / "state.db") == before and digest(lb["config"]) == config and lab.shares(lb, 40) == BLUE


def state_is_garbage():
    with Lab() as lab:
        lb = lab.nginx()
        lab.playbook([lb])
        (lab.dir / "state.db").write_bytes(random.Random(1).randbytes(40960))
        os.chmod(lab.dir / "state.db", 0o600)
        before, config = digest(lab.dir / "state.db"), digest(lb["config"])
        expect(lab.command("run", "v2.5.0", "--yes"), 69, "state.db", ("damaged", "not a database", "no journal"))
        assert digest(lab.dir / "state.db") == before and digest(lb["config"]) == config and lab.shares(lb, 40) == BLUE


# -- the balancers -----------------------------------------------------------------------------------------------------

def configuration_is_read_only():
    with Lab() as lab, tmpfs(lab.dir / "conf") as can:
        if not can:
            return "left out: cannot mount a tmpfs"
        config = lab.dir / "conf" / "app.conf"
        config.write_text(f"upstream app {{\n    server {lab.blue.server};\n    server {lab.green.server} down;\n}}\n")
        lb = dict(lab.nginx(include=config), config=config)
        lab.playbook([lb])
        before = digest(config)
        subprocess.run(["mount", "-o", "remount,ro", str(lab.dir / "conf")], check=True)
        r = lab.command("run", "v2.5.0", "--yes")
        expect(r, 1, str(config.parent), ("read-only", "writable", "cannot be written", "not be written"))
        assert digest(config) == before and lab.shares(lb, 40) == BLUE


def reload_is_not_permitted():
    """A user who may write the file but not signal nginx: exit 1, the file as it was."""
    if os.geteuid() != 0:
        return "left out: needs root to become another user"
    with Lab() as lab:
        lb = lab.nginx()
        lab.playbook([lb])
        os.chmod(lab.dir, 0o777)
        for path in [lb["dir"], *lb["dir"].iterdir(), lab.dir / "bgdeploy.yml"]:
            os.chown(path, 65534, 65534)
        if subprocess.run([binary(), "--version"], user=65534, group=65534, extra_groups=[], capture_output=True).returncode != 0:
            return "left out: nobody may not run the binary"
        before = digest(lb["config"])
        home = lab.dir / "home"
        home.mkdir()
        os.chown(home, 65534, 65534)
        lab.state = f"sqlite:{home}/state.db"
        r = lab.command("run", "v2.5.0", "--yes", user=65534, group=65534, extra_groups=[], env={"HOME": str(home)})
        expect(r, 1, ("not permitted", "not allowed", "Permission denied"))
        assert digest(lb["config"]) == before and lab.shares(lb, 40) == BLUE


def nginx_is_not_running():
    with Lab() as lab:
        lb = lab.nginx()
        lab.playbook([lb])
        before = digest(lb["config"])
        lab.procs[-1].terminate()
        lab.procs[-1].wait()
        expect(lab.command("run", "v2.5.0", "--yes"), (1, 69), "nginx", ("not running", "no master", "no running"))
        assert digest(lb["config"]) == before


def nginx_master_is_stopped():
    """SIGSTOP: -t and -s reload succeed and nothing happens. Found out; nothing of it lands later."""
    with Lab() as lab:
        lb = lab.nginx()
        lab.playbook([lb])
        before, master = digest(lb["config"]), lab.procs[-1]
        master.send_signal(signal.SIGSTOP)
        try:
            expect(lab.command("run", "v2.5.0", "--yes", timeout=120), 1, "stopped")
            assert digest(lb["config"]) == before and lab.shares(lb, 40) == BLUE
        finally:
            master.send_signal(signal.SIGCONT)
        time.sleep(1)
        assert lab.shares(lb, 40) == BLUE


def a_reload_that_is_not_applied():
    """nginx -t and -s reload succeed, but a new listen port is taken: the run says so and does not claim success."""
    with Lab() as lab:
        lb = lab.nginx()
        lab.playbook([lb])
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            main_conf = pathlib.Path(lb["main"])
            text = main_conf.read_text()
            main_conf.write_text(text.rstrip().rstrip("}") + f"  server {{ listen 127.0.0.1:{taken.getsockname()[1]}; }}\n}}\n")
            before = digest(lb["config"])
            r = lab.command("run", "v2.5.0", "--yes", timeout=120)
            expect(r, (1, 3), "bind()")
            assert lab.shares(lb, 40) == BLUE and digest(lb["config"]) == before


def restart_haproxy(lab, lb, change):
    lab.procs[-1].terminate()
    lab.procs[-1].wait()
    lb["config"].write_text(change(lb["config"].read_text()))
    lab.procs.append(subprocess.Popen(["haproxy", "-W", "-q", "-f", str(lb["config"])], stderr=subprocess.DEVNULL))
    wait_port(lb["port"])  # which may still be the old process

    def answers():
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as s:
            s.connect(str(lb["socket"]))
            return True

    assert eventually(answers), "the new haproxy does not open its socket"


def haproxy_socket_without_admin():
    for level in ("operator", "user"):
        with Lab() as lab:
            lb = lab.haproxy()
            restart_haproxy(lab, lb, lambda text: text.replace("level admin", f"level {level}"))
            lab.playbook([lb])
            before = digest(lb["config"])
            expect(lab.command("run", "v2.5.0", "--yes"), (1, 77), level, "level admin", str(lb["socket"]))
            assert digest(lb["config"]) == before and lab.shares(lb, 40) == BLUE


def haproxy_socket_is_missing():
    with Lab() as lab:
        lb = lab.haproxy()
        lab.playbook([dict(lb, socket=lab.dir / "nowhere.sock")])
        before = digest(lb["config"])
        expect(lab.command("run", "v2.5.0", "--yes"), (1, 69), "nowhere.sock", "stats socket")
        assert digest(lb["config"]) == before and lab.shares(lb, 40) == BLUE


def names_that_are_not_there():
    """Wrong upstream and backend (the nearest is named), a server that the file lacks, two upstreams of one name."""
    with Lab() as lab:
        a, b = lab.nginx(), lab.haproxy()
        sums = digest(a["config"]), digest(b["config"])
        lab.playbook([a])
        edit_playbook(lab, lambda book: book["balancers"][0].update(upstream="apq"))
        expect(lab.command("run", "v2.5.0", "--yes"), (1, 65, 69), "apq", ("`app`", " app"))
        lab.playbook([b])
        edit_playbook(lab, lambda book: book["balancers"][0].update(backend="apq"))
        expect(lab.command("run", "v2.5.0", "--yes"), (1, 65, 69), "apq", ("`app`", " app"))
        for lb in (a, b):
            lab.playbook([lb], environments={"blue": {"url": lab.blue.url, "servers": [lab.blue.server]}, "green": {"url": lab.green.url, "servers": ["127.0.0.1:9"]}})
            expect(lab.command("run", "v2.5.0", "--yes"), (1, 65, 69), "127.0.0.1:9", str(lb["config"]))
        assert sums == (digest(a["config"]), digest(b["config"]))
        lab.playbook([a])
        a["config"].write_text(a["config"].read_text() * 2)
        twice = digest(a["config"])
        expect(lab.command("run", "v2.5.0", "--yes"), (1, 65, 69), "app", ("twice", "two", "2 ", "more than one", "several", "duplicate"))
        assert digest(a["config"]) == twice and lab.shares(a, 40) == BLUE and lab.shares(b, 40) == BLUE


def file_edited_during_the_run():
    """Somebody edits the file between plan and switch: the run stops or merges, and keeps the edit."""
    with Lab() as lab:
        lb = lab.nginx()
        lab.playbook([lb], {"prepare": [{"run": ["sh", "-c", f"sleep 0.5; printf '%s\\n' '# hand edit' >> {lb['config']}; sed -i 's/max_fails=0;/max_fails=7;/' {lb['config']}"]}]})
        r = lab.command("run", "v2.5.0", "--yes")
        text = pathlib.Path(lb["config"]).read_text()
        assert "# hand edit" in text and "max_fails=7" in text, "the hand edit was lost"
        expect(r, (0, 1), "app.conf")
        assert lab.shares(lb, 40) == (GREEN if r.returncode == 0 else BLUE)
        return "stopped" if r.returncode == 1 else "merged"


# -- the candidate and the playbook ----------------------------------------------------------------------------------------

def candidate_refuses_from_the_start():
    with Lab() as lab:
        lb = lab.nginx()
        lab.playbook([lb])
        before = digest(lb["config"])
        lab.green.stop()
        expect(lab.command("run", "v2.5.0", "--yes"), 1, str(lab.green.port), "refuse")
        assert digest(lb["config"]) == before and lab.shares(lb, 40) == BLUE


def candidate_dies_between_validation_and_switch():
    with Lab() as lab:
        lb = lab.nginx()
        lab.playbook([lb], {"validate": [{"http": {"get": "/api/health", "expect": {"json": {"status": "healthy"}}}}, {"run": ["sleep", "2"]}]})
        before, load = digest(lb["config"]), lab.load(lb)
        p = lab.command("run", "v2.5.0", "--yes", wait=False)
        assert eventually(lambda: lab.green.seen["GET /api/health"], 20)
        lab.green.stop()
        expect(end(p), 1, lab.green.server, "refuse")
        load.stop()
        assert not load.failed() and digest(lb["config"]) == before and lab.shares(lb, 40) == BLUE


def health_endpoint_hangs():
    """It takes the connection and never answers: the step's deadline ends it."""
    with Lab() as lab, socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        lb, mute = lab.nginx(), f"127.0.0.1:{silent.getsockname()[1]}"
        lab.playbook([lb], {"validate": [{"http": {"get": "/api/health"}, "timeout": "2s"}]},
                     environments={"blue": {"url": lab.blue.url, "servers": [lab.blue.server]}, "green": {"url": f"http://{mute}", "servers": [lab.green.server]}})
        before, start = digest(lb["config"]), time.monotonic()
        expect(lab.command("run", "v2.5.0", "--yes"), 1, "/api/health", ("2s", "2 s"))
        took = time.monotonic() - start
        assert took < 8, f"{took:.1f} s"
        assert digest(lb["config"]) == before and lab.shares(lb, 40) == BLUE
        return f"{took:.1f} s"


def what_is_missing_is_named():
    """No playbook, no secret: exit 65, nothing begun."""
    with Lab() as lab:
        lb = lab.nginx()
        expect(lab.command("run", "v2.5.0", "--yes"), 65, "bgdeploy.yml", "bgdeploy init")
        lab.playbook([lb], {"prepare": [{"run": ["touch", str(lab.dir / "ran"), "${secret.NO_SUCH_SECRET}"]}]})
        before = digest(lb["config"])
        expect(lab.command("run", "v2.5.0", "--yes"), 65, "NO_SUCH_SECRET")
        assert not (lab.dir / "ran").exists() and digest(lb["config"]) == before and lab.shares(lb, 40) == BLUE


# -- signals and kills --------------------------------------------------------------------------------------------------

def waits(lab):
    """Each kind of wait: its name, the playbook's keys that lead to it, and how to see that it is reached."""
    waiting = lambda kind: lambda s: (s.get("waitingFor") or {}).get("kind") == kind
    phase = lambda name: lambda s: s.get("phase") == name
    marker = lab.dir / "ran"
    return {
        "hold": ({"strategy": {"canary": ["25%", "100%"], "hold": "5s", "early": False}}, lambda s: (s.get("split") or {}).get("green") == 25),
        "approval": ({"validate": [{"approval": {"by": 1, "timeout": "1h"}}]}, waiting("approval")),
        "wait": ({"prepare": [{"wait": "5s"}]}, phase("prepare")),
        "run": ({"prepare": [{"run": ["sh", "-c", f"echo start >> {marker}; sleep 5; echo end >> {marker}"]}]}, lambda s: marker.exists()),
        "retry": ({"validate": [{"http": {"get": "/api/health", "expect": {"json": {"status": "healthy"}}}, "retry": {"attempts": 60, "every": "500ms"}}]}, lambda s: lab.green.seen["GET /api/health"] > 1),
        "monitor": ({"monitor": {"for": "6s"}}, phase("monitor")),
    }


def signals_in_each_wait():
    """SIGTERM and SIGINT: soon gone with 143 or 130, resumable, and resume ends with 0 and each step done once."""
    slowest = (0, "")
    for number, code in ((signal.SIGTERM, 143), (signal.SIGINT, 130)):
        for kind in ("hold", "approval", "wait", "run", "retry", "monitor"):
            with Lab() as lab:
                lb = lab.haproxy()
                extra, reached = waits(lab)[kind]
                lab.playbook([lb], extra)
                lab.green.healthy = kind != "retry"
                p = lab.command("run", "v2.5.0", "--yes", wait=False)
                try:
                    in_state(lab, reached)
                    before = status(lab)["split"]
                    start = time.monotonic()
                    p.send_signal(number)
                    r = end(p, 15)
                    slowest = max(slowest, (time.monotonic() - start, kind))
                    expect(r, code, "bgdeploy resume")
                    now = status(lab)
                    rest = "waiting" if kind == "approval" else "interrupted"   # a run at a gate is at rest: nothing was cut off
                    assert now["state"] == rest and now["split"] == before, f"{now['state']}, from {before} to {now['split']}"
                    lab.green.healthy = True
                    p = lab.command("resume", "--yes", wait=False)
                    if kind == "approval":
                        assert eventually(lambda: f"process {p.pid}" in lab.command("status").stdout, 20), "resume never held the run"
                        expect(lab.command("approve", "--yes"), 0)
                    expect(end(p), 0)
                except AssertionError as error:
                    raise AssertionError(f"{number.name} in {kind}: {error}") from None
                assert lab.shares(lb, 40) == GREEN
                if kind == "run":
                    assert (lab.dir / "ran").read_text().split() == ["start", "end"], "the step ran twice or not to its end"
    return f"slowest {slowest[0]:.1f} s, in {slowest[1]}"


def second_signal_leaves_at_once():
    """A request in flight is waited for after the first Ctrl-C; the second one ends the process, nothing is lost."""
    with Lab() as lab, socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        lb = lab.nginx()
        lab.playbook([lb], {"prepare": [{"http": {"post": f"http://127.0.0.1:{silent.getsockname()[1]}/"}, "timeout": "5s"}]})
        p = lab.command("run", "v2.5.0", "--yes", wait=False)
        in_state(lab, lambda s: s.get("phase") == "prepare")
        p.send_signal(signal.SIGINT)
        time.sleep(0.5)
        assert p.poll() is None, "the request in flight was not waited for"
        start = time.monotonic()
        p.send_signal(signal.SIGINT)
        expect(end(p, 5), 130)
        assert time.monotonic() - start < 0.5
        assert status(lab)["state"] == "interrupted" and lab.shares(lb, 40) == BLUE


def killed_at_random_instants():
    """SIGKILL anywhere in a canary run; then `resume` ends on green or `rollback` on blue, and no step ran twice."""
    seed = int(os.environ.get("SEED", random.randrange(10**6)))
    dice, kills, instants = random.Random(seed), int(os.environ.get("KILLS", 15)), []
    for turn in range(kills):
        with Lab() as lab:
            lb = lab.nginx() if turn % 2 else lab.haproxy()
            marker = lab.dir / "ran"
            lab.playbook([lb], {"prepare": [{"run": ["sh", "-c", f"echo start >> {marker}; sleep 0.7; echo end >> {marker}"]}],
                                "strategy": {"canary": ["25%", "100%"], "hold": "1s", "early": False}, "monitor": {"for": "1s"}})
            load, after = lab.load(lb, 60), dice.uniform(0.03, 3.4)
            p = lab.command("run", "v2.5.0", "--yes", wait=False)
            time.sleep(after)
            p.kill()
            p.wait()
            verb = "resume" if turn % 4 < 2 else "rollback"
            where = f"seed {seed}, turn {turn}, {verb} on {lb['kind']} after {after:.2f} s"
            at = status(lab).get("phase") or status(lab).get("state")
            instants.append(f"{at}")
            if not status(lab).get("run"):
                load.stop()
                continue   # killed before there was a run
            r = lab.command(verb, "--yes")
            time.sleep(0.2)
            load.stop()
            assert r.returncode == 0, f"{where} ({at}): exit {r.returncode}: {said(r)[-700:]}"
            assert lab.shares(lb, 60) == (GREEN if verb == "resume" else BLUE), f"{where} ({at}): {lab.shares(lb, 60)}"
            assert not load.failed(), f"{where}: {len(load.failed())} of {len(load.answers)} requests failed"
            ran = marker.read_text().split() if marker.exists() else []
            assert ran.count("start") <= 1 and (verb == "rollback" or ran == ["start", "end"]), f"{where} ({at}): the step ran {ran}"
    return f"seed {seed}: {dict(collections.Counter(instants))}"


# -- commands against a run that is going on ----------------------------------------------------------------------------

def rollback_takes_a_run_over():
    with Lab() as lab:
        lb = lab.haproxy()
        lab.playbook([lb], CANARY)
        p = lab.command("run", "v2.5.0", "--yes", wait=False)
        at_quarter(lab, lb)
        expect(lab.command("rollback", "--yes", "--reason", "seen on the phone"), 0)
        assert lab.shares(lb, 40) == BLUE
        expect(end(p, 20), 3, ("taken over", "taken this run over"))
        assert status(lab)["state"] == "rolledBack"


def abort_stops_and_goes_back():
    with Lab() as lab:
        lb = lab.haproxy()
        lab.playbook([lb], CANARY)
        p = lab.command("run", "v2.5.0", "--yes", wait=False)
        at_quarter(lab, lb)
        expect(lab.command("abort", "--yes", "--reason", "changed our minds"), 0)
        assert lab.shares(lb, 40) == BLUE
        expect(end(p, 20), 3, "changed our minds")


def pause_and_promote():
    with Lab() as lab:
        lb = lab.haproxy()
        lab.playbook([lb], {"strategy": {"canary": ["25%", "50%", "75%", "100%"], "hold": "60s", "early": False}})
        p = lab.command("run", "v2.5.0", "--yes", wait=False)
        at_quarter(lab, lb)
        expect(lab.command("pause", "--reason", "lunch"), 0, "resume")
        in_state(lab, lambda s: s["state"] == "paused")
        assert abs(lab.shares(lb, 400)["green"] - 0.25) < 0.02
        expect(lab.command("resume"), 0)
        in_state(lab, lambda s: s["state"] != "paused")
        expect(lab.command("promote"), 0)
        in_state(lab, lambda s: s["split"].get("green") == 50)
        expect(lab.command("promote", "--full"), 0)
        in_state(lab, lambda s: s["split"].get("green") == 100)
        expect(end(p, 20), 0)
        assert lab.shares(lb, 40) == GREEN
        expect(lab.command("promote"), 1, "ended")


def approvals():
    """One person is not two; two are; nobody in time is a failure before any traffic moved."""
    with Lab() as lab:
        lb = lab.haproxy()
        lab.playbook([lb], {"validate": [{"approval": {"by": 2, "timeout": "1h"}}]})
        p = lab.command("run", "v2.5.0", "--yes", wait=False)
        in_state(lab, lambda s: s["state"] == "waiting")
        expect(lab.command("approve", env={"BGDEPLOY_ACTOR": "ann"}), 0)
        lab.command("approve", env={"BGDEPLOY_ACTOR": "ann"})
        time.sleep(0.5)
        assert p.poll() is None and lab.shares(lb, 40) == BLUE, "one person opened a gate for two"
        expect(lab.command("approve", env={"BGDEPLOY_ACTOR": "bob"}), 0)
        expect(end(p, 20), 0)
        assert "ann" in lab.command("events").stdout and "bob" in lab.command("events").stdout
    with Lab() as lab:
        lb = lab.haproxy()
        lab.playbook([lb], {"validate": [{"approval": {"by": 1, "timeout": "1s"}}]})
        before = digest(lb["config"])
        expect(lab.command("run", "v2.5.0", "--yes"), 1, "approved")
        assert digest(lb["config"]) == before and lab.shares(lb, 40) == BLUE


def windows():
    """A closed window is waited for, over a restart too; whoever goes through it is on record; rollbacks wait for none."""
    year = time.gmtime().tm_year
    closed = {"freeze": [f"{year}-01-01..{year + 1}-12-31"]}
    with Lab() as lab:
        lb = lab.haproxy()
        lab.playbook([lb], {"monitor": {"for": "1s"}, "validate": [{"window": dict(closed, then="stop")}]})
        before = digest(lb["config"])
        expect(lab.command("run", "v2.5.0", "--yes"), 1, "closed", "--override-window")
        assert digest(lb["config"]) == before and lab.shares(lb, 40) == BLUE
        expect(lab.command("run", "v2.5.0", "--yes", "--override-window"), 64, "--reason")
        plan = json.loads(lab.command("plan", "v2.5.0", "--output", "json").stdout)
        step = [s for p in plan["phases"] for s in p.get("steps", []) if "isOpen" in s][0]
        assert step["isOpen"] is False and step["opens"] is None, step
        expect(lab.command("run", "v2.5.0", "--yes", "--override-window", "--reason", "cannot pay", env={"BGDEPLOY_ACTOR": "ann"}), 0)
        events = lab.command("events").stdout
        assert "gone through by ann: cannot pay" in events, events
        expect(lab.command("rollback", "--yes"), 0)
        assert lab.shares(lb, 40) == BLUE
    with Lab() as lab:
        # Open in every minute of the day but the one that is closed now.
        lb = lab.haproxy()
        now = time.gmtime()
        opens = (now.tm_hour * 60 + now.tm_min + 1) % 1440
        hours = f"{opens // 60:02}:{opens % 60:02}-{(opens + 1439) % 1440 // 60:02}:{(opens + 1439) % 1440 % 60:02}"
        lab.playbook([lb], {"monitor": {"for": "1s"}, "preflight": [{"window": {"only": [hours]}}]})
        p = lab.command("run", "v2.5.0", "--yes", wait=False)
        in_state(lab, lambda s: s["state"] in ("waiting", "succeeded"))
        state = status(lab)
        if state["state"] == "waiting":
            assert state["waitingFor"]["kind"] == "window" and state["nextTask"]["kind"] == "window", state
            p.kill()
            p.wait()
            expect(lab.command("resume", "--yes", timeout=90), 0)
        else:
            end(p, 20)
        assert lab.shares(lb, 40) == GREEN


def retirement():
    """What nobody uses goes out of service, and users are not put back to it until a version is brought to it again."""
    with Lab() as lab:
        lb = lab.haproxy()
        stop = [{"run": ["sh", "-c", f"echo $0 >>{lab.dir}/stopped", "${stable}"]}]
        lab.playbook([lb], {"monitor": {"for": "1s"}, "afterwards": [{"retire": {"after": "1h", "do": stop}}]})
        assert lab.command("run", "v2.5.0", "--yes").returncode == 0
        assert status(lab)["nextTask"]["kind"] == "retirement" and status(lab)["retiredAt"] is None
        expect(lab.command("retire", "--yes"), 77, "is kept until", "--now")
        assert not (lab.dir / "stopped").exists()
        expect(lab.command("retire", "--yes", "--now", "--reason", "cheaper"), 0, "out of service")
        assert (lab.dir / "stopped").read_text() == "blue\n"
        expect(lab.command("retire", "--yes", "--now"), 77, "out of service")
        expect(lab.command("rollback", "--yes"), 77, "out of service", "bgdeploy run")
        assert lab.shares(lb, 40) == GREEN
        assert lab.command("run", "v2.4.5", "--yes").returncode == 0 and lab.shares(lb, 40) == BLUE
        expect(lab.command("rollback", "--yes"), 0)
        assert lab.shares(lb, 40) == GREEN


# -- the emergency way back ------------------------------------------------------------------------------------------------

def emergency_with_haproxy_and_both():
    """It works with either and with both; the interrupted run then ends as rolled back, not forward."""
    for kinds in (["haproxy"], ["nginx", "haproxy"]):
        with Lab() as lab:
            lbs = [getattr(lab, k)() for k in kinds]
            lab.playbook(lbs, CANARY)
            p = lab.command("run", "v2.5.0", "--yes", wait=False)
            at_quarter(lab, lbs[-1])
            p.kill()
            p.wait()
            expect(lab.command("rollback", "--emergency", "--yes", "--reason", "pager"), 0, "blue 100 %")
            for lb in lbs:
                assert lab.shares(lb, 40) == BLUE, lb["kind"]
            expect(lab.command("resume", "--yes"), 3, "pager")
            assert status(lab)["state"] == "rolledBack"
            for lb in lbs:
                assert lab.shares(lb, 40) == BLUE, lb["kind"]
            expect(lab.command("run", "v2.5.0", "--yes", "--strategy", "instant"), 0)


def resume_keeps_what_the_rollback_script_did():
    """kill -9 in a canary's hold, and in the middle of its routing; then the script beside the balancer, and resume: rolled back."""
    for sample in (60, 6):  # a few requests see the candidate before the routing has been verified
        with Lab() as lab:
            lb = lab.nginx()
            lab.playbook([lb], {"strategy": {"canary": ["25%", "100%"], "hold": "60s"}})
            p = lab.command("run", "v2.5.0", "--yes", wait=False)
            assert eventually(lambda: lab.shares(lb, sample).get("green", 0) > 0, 30, 0.001), "the canary never got traffic"
            p.kill()
            p.wait()
            script = next(lab.dir.rglob("rollback*.sh"))
            r = subprocess.run(["sh", str(script)], capture_output=True, text=True, timeout=20)
            assert r.returncode == 0, r.stdout + r.stderr
            r = lab.command("resume", "--yes")
            assert r.returncode == 3, f"exit {r.returncode}: {r.stdout[-600:]} {r.stderr[-600:]}"
            assert lab.shares(lb, 40) == BLUE


def emergency_after_a_rollback_stays_there():
    """What is kept for an emergency is not made of the release that was taken back."""
    for kind in ("nginx", "haproxy"):
        with Lab() as lab:
            lb = getattr(lab, kind)()
            lab.playbook([lb], {"monitor": {"for": "1s"}})
            assert lab.command("run", "v2.5.0", "--yes").returncode == 0
            assert lab.command("rollback", "--yes").returncode == 0
            assert lab.command("rollback", "--emergency", "--yes").returncode == 0
            assert lab.shares(lb, 40) == BLUE, f"{kind}: the emergency went back to the bad release"


def follow_ups_that_are_due_run_on_resume():
    with Lab() as lab:
        lb = lab.haproxy()
        touch = lambda name: [{"run": ["touch", str(lab.dir / name)]}]
        lab.playbook([lb], {"monitor": {"for": "1s"}, "afterwards": [{"in": "0s", "do": touch("now")}, {"in": "1h", "do": touch("later")}]})
        assert lab.command("run", "v2.5.0", "--yes").returncode == 0
        for _ in range(5):
            assert lab.command("resume", "--yes").returncode == 0
        assert (lab.dir / "now").exists() and not (lab.dir / "later").exists()


def emergency_without_a_mark():
    """Nothing was ever switched here: it says that it does not know where back is, and touches nothing."""
    with Lab() as lab:
        lbs = [lab.nginx(), lab.haproxy()]
        lab.playbook(lbs)
        sums = [digest(lb["config"]) for lb in lbs]
        expect(lab.command("rollback", "--emergency", "--yes"), 4, "which environment was live", "traffic set")
        assert sums == [digest(lb["config"]) for lb in lbs] and lab.shares(lbs[0], 40) == BLUE


if __name__ == "__main__":
    main([disk_full_before_traffic, disk_full_with_traffic_on_the_candidate, state_is_locked, state_of_a_later_version, state_is_garbage,
          configuration_is_read_only, reload_is_not_permitted, nginx_is_not_running, nginx_master_is_stopped, a_reload_that_is_not_applied,
          haproxy_socket_without_admin, haproxy_socket_is_missing, names_that_are_not_there, file_edited_during_the_run,
          candidate_refuses_from_the_start, candidate_dies_between_validation_and_switch, health_endpoint_hangs, what_is_missing_is_named,
          signals_in_each_wait, second_signal_leaves_at_once, killed_at_random_instants, rollback_takes_a_run_over, abort_stops_and_goes_back,
          pause_and_promote, approvals, windows, retirement, emergency_with_haproxy_and_both, emergency_without_a_mark, resume_keeps_what_the_rollback_script_did,
          emergency_after_a_rollback_stays_there, follow_ups_that_are_due_run_on_resume])
