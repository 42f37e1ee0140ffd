#!/usr/bin/env python3
"""The way back when everything else is broken: `bgdeploy rollback --emergency`, and the script beside the balancer.

usage: emergency.py [--trials N] [CHECK ...]      N trials of each check, 10 by default; 100 is the full check

The full check also holds the 99th percentile against its goal: 1 s on HAProxy, 2 s on nginx.

Before a trial a run has given the candidate all of the traffic, or a canary's share. Then something breaks. The time
counts from the start of the process until twelve fresh requests in a row are answered by the stable environment; for
0.3 s after that no answer of the candidate may follow. The command must not say that it is done before that is so.
"""
import itertools, math
from errors import Filler, tmpfs
from lab import *
from load_client import knows, with_mode

TRIALS = 10
GOALS = {"haproxy": 1.0, "nginx": 2.0}  # seconds, 99th percentile


class Trial:
    """One balancer with a run under way in which the candidate has `share` percent."""

    def __init__(self, lab, kind, mode, share):
        self.lab, self.share, self.kind, self.mode = lab, share, kind, mode
        self.prefix = []  # put before the command that goes back
        self.state, self.hold = f"sqlite:{lab.dir}/state/state.db", "60s"
        self.may_complain = False  # it may say with its exit status that not all could be written; the traffic counts

    def start(self):
        (self.lab.dir / "state").mkdir(exist_ok=True)
        self.lab.state = self.state
        self.lb = getattr(self.lab, self.kind)()
        extra = {"monitor": {"for": "60s"}}
        if self.share == 25:
            extra["strategy"] = {"canary": ["25%", "100%"], "hold": self.hold, "early": False}
        if self.mode == "weights":
            self.lab.playbook([self.lb], extra)
        else:
            with_mode(self.lab, self.lb, self.mode, **extra)
        self.run = self.lab.command("run", "v2.5.0", "--yes", wait=False)
        wanted = 0.1 if self.share == 25 else 1
        has_share = lambda: self.run.poll() is None and self.lab.shares(self.lb, 20).get("green", 0) >= wanted
        if not eventually(has_share, 30, 0.01):
            self.run.kill()
            raise AssertionError("the candidate never got its share: " + " ".join(self.run.communicate())[-700:])
        return self

    def kill(self):
        self.run.kill()
        self.run.wait()

    def stop_in_the_middle(self):
        """Stops the run's process while it holds the balancer's lock: on its way on, or back when it has everything."""
        word = "promote" if self.share == 25 else "abort"
        held = lambda: '"hold"' in self.lab.command("status", "--output", "json").stdout
        assert word == "abort" or eventually(held, 20, 0.02), "the run never came to its hold"
        lock = next(self.lab.dir.rglob(".bgdeploy/*.lock")).stat().st_ino
        command = self.lab.command(word, wait=False)
        while command.poll() is None and not self.has_locked(lock):
            pass
        self.run.send_signal(signal.SIGSTOP)

    def has_locked(self, inode):
        lines = (line.split() for line in pathlib.Path("/proc/locks").read_text().splitlines())
        return any(f[1] == "FLOCK" and f[4] == str(self.run.pid) and f[5].endswith(f":{inode}") for f in lines if len(f) == 8)

    def back(self, way):
        """Goes back and returns the seconds until that was so."""
        if way == "script":
            argv = ["sh", str(next(self.lab.dir.rglob("rollback*.sh")))]
        else:
            argv = [binary(), "rollback", "--emergency", "--yes", "--reason", "trial"]
        environment = dict(os.environ, BGDEPLOY_STATE=self.state, BGDEPLOY_PLAYBOOK=str(self.lab.dir / "bgdeploy.yml"))
        start = time.monotonic()
        r = subprocess.run(self.prefix + argv, env=environment, cwd="/", stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
        done = time.monotonic()
        assert r.returncode == 0 or self.may_complain and r.stderr.strip(), f"exit {r.returncode} after {done - start:.2f} s, {self.environment()} answers: {r.stdout[-700:]} {r.stderr[-700:]}"
        verified, last_old = self.settled(f"exit {r.returncode}: {r.stdout[-500:]} {r.stderr[-500:]}")
        assert way == "script" or r.returncode or last_old is None, f"it was done after {done - start:.3f} s, and {last_old - done:.3f} s later the candidate still answered"
        return verified - start

    def settled(self, said):
        """When the stable environment answered for the twelfth time in a row, for good; and the last answer of the other."""
        row, verified, last_old, end = 0, None, None, time.monotonic() + 10
        while time.monotonic() < end:
            began, name = time.monotonic(), self.environment()
            if name == "blue":
                row += 1
                verified = time.monotonic() if row == 12 else verified
                if verified and time.monotonic() > verified + 0.3:
                    return verified, last_old
            else:
                row, verified, last_old = 0, None, began
        raise AssertionError(f"the candidate still answers, ten seconds after it ended with {said}")

    def environment(self):
        try:
            return next(iter(self.lab.shares(self.lb, 1)))
        except (OSError, http.client.HTTPException) as error:
            return f"{error or type(error).__name__}"

    def resume_stopped(self):
        """The stopped process goes on, and must not take the traffic to the candidate again."""
        self.run.send_signal(signal.SIGCONT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.run.wait(5)
        assert self.lab.shares(self.lb, 20) == {"blue": 1.0}, "the stopped process went on and undid the rollback"


# -- what is broken: each yields the trial once it is ------------------------------------------------------------------

@contextlib.contextmanager
def state_lost(trial):
    """The process is killed and its state deleted."""
    trial.start().kill()
    shutil.rmtree(trial.lab.dir / "state")
    yield trial


@contextlib.contextmanager
def state_read_only(trial):
    with tmpfs(trial.lab.dir / "state"):
        trial.start().kill()
        subprocess.run(["mount", "-o", "remount,ro", str(trial.lab.dir / "state")], check=True)
        yield trial


@contextlib.contextmanager
def state_disk_full(trial):
    with tmpfs(trial.lab.dir / "state"), contextlib.ExitStack() as after:
        trial.start().kill()
        after.callback(Filler(trial.lab.dir / "state").end)
        yield trial


@contextlib.contextmanager
def host_disk_full(trial):
    """The disk of everything is full: state, configuration, what lies beside it, and the balancer's logs."""
    trial.may_complain = True
    with tmpfs(trial.lab.dir, "16m"), contextlib.ExitStack() as after:
        trial.start().kill()
        after.callback(Filler(trial.lab.dir).end)
        assert eventually(lambda: shutil.disk_usage(trial.lab.dir).free == 0, 10, 0.01), "the disk did not get full"
        yield trial


@contextlib.contextmanager
def names_dead(trial):
    """No name resolves: the playbook's addresses have names nobody knows, and no name server answers."""
    trial.start().kill()
    path = trial.lab.dir / "bgdeploy.yml"
    book = json.loads(path.read_text())
    book["public_url"] = "http://app.invalid"
    for name, environment in book["environments"].items():
        environment["url"] = f"http://{name}.invalid:80"
    path.write_text(json.dumps(book))
    resolver = trial.lab.dir / "resolv.conf"
    resolver.write_text("nameserver 192.0.2.1\n")  # an address of documentation: nobody is there
    trial.prefix = ["unshare", "-m", "sh", "-c", f"mount --bind {resolver} /etc/resolv.conf && exec \"$@\"", "names_dead"]
    yield trial


@contextlib.contextmanager
def process_stopped(trial):
    """The run's process hangs while it waits."""
    trial.hold = "2s"
    trial.start().run.send_signal(signal.SIGSTOP)
    yield trial
    trial.resume_stopped()


@contextlib.contextmanager
def process_stopped_with_the_lock(trial):
    """The run's process hangs with the balancer's lock in its hand, half-way through a change."""
    trial.start().stop_in_the_middle()
    yield trial
    trial.resume_stopped()


NEED_MOUNTS = {host_disk_full, names_dead, state_disk_full, state_read_only}
FAULTS = [state_lost, process_stopped_with_the_lock, host_disk_full, names_dead, process_stopped, state_disk_full, state_read_only]


def trials(kind, way, mode="weights"):
    """Runs the trials; every one has to end on the stable environment, and 99 of 100 within the goal."""
    if mode != "weights" and not knows(mode):
        return f"left out: this version has no `mode: {mode}`"
    if (kind, way) == ("haproxy", "script") and not shutil.which("socat"):
        return "left out: the script needs socat"
    took, failures, faults = [], [], list(FAULTS)
    if not can_mount():
        faults = [fault for fault in faults if fault not in NEED_MOUNTS]
    # With an odd number of faults and two shares in turn, twice as many trials try every pair.
    faults = faults if len(faults) % 2 else faults + [state_lost]
    for fault, share, _ in zip(itertools.cycle(faults), itertools.cycle((25, 100)), range(TRIALS)):
        try:
            with Lab() as lab, fault(Trial(lab, kind, mode, share)) as trial:
                took.append((trial.back(way), fault.__name__, share))
        except Exception as error:
            failures.append(f"{fault.__name__}, candidate with {share} %: {str(error) or type(error).__name__}")
    took.sort()
    if took:
        at = lambda p: took[math.ceil(p * len(took)) - 1]
        worst = at(1)
        told = f"p50 {at(0.5)[0] * 1000:.0f} ms, p99 {at(0.99)[0] * 1000:.0f} ms, worst {worst[0] * 1000:.0f} ms ({worst[1]}, {worst[2]} %)"
    assert not failures, f"{len(failures)} of {TRIALS} did not come back" + (f"; the others: {told}" if took else "") + "\n" + "\n".join(f[:900] for f in failures[:4])
    # Fewer trials have no 99th percentile, and a busy machine is not to fail them.
    assert TRIALS < 100 or at(0.99)[0] < GOALS[kind], f"{told}; the goal for p99 is {GOALS[kind]} s"
    left_out = "" if can_mount() else "; full disks and dead names left out: nothing can be mounted here"
    return f"{len(took)} of {TRIALS} back; {told}{left_out}"


def can_mount():
    return subprocess.run(["unshare", "-m", "mount", "-t", "tmpfs", "tmpfs", "/tmp"], capture_output=True).returncode == 0


def command_on_haproxy():
    return trials("haproxy", "command")


def command_on_nginx():
    return trials("nginx", "command")


def command_on_map():
    return trials("haproxy", "command", "map")


def command_on_switchboard():
    return trials("nginx", "command", "switchboard")


def script_on_haproxy():
    return trials("haproxy", "script")


def script_on_nginx():
    return trials("nginx", "script")


def script_on_map():
    return trials("haproxy", "script", "map")


def script_on_switchboard():
    return trials("nginx", "script", "switchboard")


if __name__ == "__main__":
    if "--trials" in sys.argv:
        at = sys.argv.index("--trials")
        TRIALS = int(sys.argv[at + 1])
        del sys.argv[at:at + 2]
    main([command_on_haproxy, command_on_nginx, command_on_map, command_on_switchboard,
          script_on_haproxy, script_on_nginx, script_on_map, script_on_switchboard])
