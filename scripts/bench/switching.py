"""Rows about one switch: against what people write by hand, and how long the balancer itself is busy with it."""
import re
from lab import *
from load_client import Crowd, LoadLab, knows, with_mode

SCRIPTS = pathlib.Path(__file__).resolve().parent
PROBES = [{"name": "probes", "callers": 4, "think_ms": 4, "reuse": False}]
NAMES = {"green": "blue", "blue": "green"}


def ended_well(argv, **more):
    """Milliseconds that a command took, which has to end well."""
    start = time.monotonic()
    r = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, **more)
    if r.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, argv))}: exit {r.returncode}: {r.stdout[-600:]} {r.stderr[-600:]}")
    return (time.monotonic() - start) * 1000


def last_old_answers(switches, records):
    """Per switch, milliseconds from its start to the start of the last request that the old environment answered."""
    took = []
    for (old, start), (_, after) in zip(switches, switches[1:] + [(None, time.monotonic())]):
        late = [r[0] for r in records["probes"].requests if start <= r[0] < after and r[3] == old]
        took.append((max(late, default=start) - start) * 1000)
    return took


def verified_switch_on_nginx(rounds):
    """`traffic set`, from its start until it has verified, against the last old answer after a script's start."""
    with LoadLab() as lab, LoadLab() as other:
        lab.playbook([lab.nginx()])
        theirs, by_script, ours = other.nginx(), [], []
        crowd = Crowd(theirs["port"], PROBES)
        mine = Crowd(json.loads((lab.dir / "bgdeploy.yml").read_text())["public_url"].rsplit(":", 1)[1], PROBES)
        time.sleep(1)
        for number in range(rounds):
            to = ("green", "blue")[number % 2]
            by_script.append((NAMES[to], time.monotonic()))
            servers = [getattr(other, name).server for name in (to, NAMES[to])]
            ended_well([SCRIPTS / "nginx_switch.sh", theirs["config"], theirs["main"], theirs["dir"] / "error.log"] + servers)
            time.sleep(0.5)
            ours.append(switched(lab, to))
            time.sleep(0.5)
        mine.stop()
        return [("verified switch on nginx, against the script's last old answer", last_old_answers(by_script, crowd.stop()), ours, 1.5)]


class Relay:
    """Stands between bgdeploy and HAProxy's socket and notes when what was said."""

    def __init__(self, path, behind):
        self.path, self.behind, self.asked, self.answered = path, str(behind), [], []
        self.server = socket.socket(socket.AF_UNIX)
        self.server.bind(str(path))
        self.server.listen(64)
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            client, _ = self.server.accept()
            haproxy = socket.socket(socket.AF_UNIX)
            haproxy.connect(self.behind)
            threading.Thread(target=self.pass_on, args=(client, haproxy, self.asked), daemon=True).start()
            threading.Thread(target=self.pass_on, args=(haproxy, client, self.answered), daemon=True).start()

    def pass_on(self, source, target, notes):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                notes.append((time.monotonic(), data.decode(errors="replace")))
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)

    def busy(self):
        """Milliseconds from the first command that changes the traffic to the last answer."""
        first = min(at for at, text in self.asked if re.search(r"\b(set|add|commit) (server|weight|map)\b", text))
        return (max(at for at, _ in self.answered) - first) * 1000


def by_the_journal(lab):
    """Milliseconds from "asked for" to "is" in the journal: the balancers alone, with their files and tests."""
    lines = lab.command("events", "--output", "json").stdout.splitlines()
    seconds = lambda line: float(json.loads(line)["at"][17:-1])
    return (seconds(lines[-1]) - seconds(lines[-2])) % 60 * 1000


def since_the_mark(lab):
    """Milliseconds from the mark, the first thing that a switch writes at a balancer, to "is" in the journal."""
    mark = next(lab.dir.glob("**/.bgdeploy/*.mark")).stat().st_mtime
    at = json.loads(lab.command("events", "--output", "json").stdout.splitlines()[-1])["at"]
    return (float(at[17:-1]) - mark % 60) % 60 * 1000


def haproxy_balancer_time(rounds):
    """HAProxy is busy with a switch from the first command that changes a weight until all was read back."""
    with Lab() as lab:
        lb = lab.haproxy()
        relay = Relay(lab.dir / "relay.sock", lb["socket"])
        lb["socket"] = relay.path
        lab.playbook([lb])
        busy, whole = [], []
        for number in range(rounds):
            relay.asked.clear()
            relay.answered.clear()
            switched(lab, ("green", "blue")[number % 2])
            busy.append(relay.busy())
            whole.append(by_the_journal(lab))
        return [("HAProxy: from the first weight to the last reading back", [], busy, None, 5),
                ("HAProxy: the same with file and mark, by the journal", [], whole)]


def switchboard(rounds):
    """nginx without a reload, by the journal: mark, files, one rename, and reading back."""
    if not knows("switchboard"):
        print("switchboard: left out, this version has no such mode")
        return []
    with Lab() as lab:
        with_mode(lab, lab.nginx(), "switchboard")
        took, whole = [], []
        for number in range(rounds):
            switched(lab, ("green", "blue")[number % 2])
            whole.append(by_the_journal(lab))
            took.append(since_the_mark(lab))
        return [("switchboard: from the mark at nginx to verified", [], took, None, 5),
                ("switchboard: the same with looking and staging, by the journal", [], whole)]


def ansible(folder):
    """The path of ansible-playbook: the host's, or one installed below `folder`; none when there is no way."""
    if found := shutil.which("ansible-playbook"):
        return found
    steps = [[sys.executable, "-m", "venv", str(folder)], [str(folder / "bin/pip"), "-q", "install", "ansible-core"]]
    for step in steps:
        with contextlib.suppress(subprocess.TimeoutExpired, OSError):
            if subprocess.run(step, capture_output=True, timeout=180).returncode == 0:
                continue
        return None
    return str(folder / "bin/ansible-playbook")


def against_ansible(rounds):
    """A play that does the same, unverified; `rounds` are cut to three each way, for a play takes seconds."""
    with tempfile.TemporaryDirectory() as folder:
        play = ansible(pathlib.Path(folder) / "ansible")
        if not play:
            print("against Ansible: left out, ansible-core can neither be found nor installed")
            return []
        return [against_a_play(kind, play, min(rounds, 3)) for kind in ("nginx", "haproxy")]


def against_a_play(kind, play, rounds):
    with Lab() as lab, Lab() as other:
        lab.playbook([getattr(lab, kind)()])
        theirs, base, ours = getattr(other, kind)(), [], []
        for number in range(rounds * 2):
            to = ("green", "blue")[number % 2]
            values = {"socket": str(theirs.get("socket")), "to": f"{to}1", "from": f"{NAMES[to]}1"}
            if kind == "nginx":
                values = {"file": str(theirs["config"]), "main": str(theirs["main"]), "log": str(theirs["dir"] / "error.log"),
                          "to": getattr(other, to).server, "from": getattr(other, NAMES[to]).server}
            values["ansible_python_interpreter"] = sys.executable
            base.append(ended_well([play, "-i", "localhost,", "-e", json.dumps(values), str(SCRIPTS / f"play_{kind}.yml")], cwd=SCRIPTS))
            ours.append(switched(lab, to))
            assert eventually(lambda: other.shares(theirs, 20) == {to: 1.0}, 3), "the play did not switch"
        return f"verified switch on {kind}, against an Ansible play", base, ours, 0.02


def switched(lab, to):
    """Milliseconds of a verified switch by the command."""
    start = time.monotonic()
    r = lab.command("traffic", "set", f"{to}=100", "--yes")
    assert r.returncode == 0, f"exit {r.returncode}: {r.stdout[-600:]} {r.stderr[-600:]}"
    return (time.monotonic() - start) * 1000
