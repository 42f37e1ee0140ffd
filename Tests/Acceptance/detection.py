#!/usr/bin/env python3
"""How soon a bad candidate is found, and that a good one is left alone: 200 requests a second, a canary at 10 %.

usage: detection.py [--trials N] [CHECK ...]      N trials of each check, 3 by default; 20 is the full check

The candidate turns bad some seconds into its hold, all at once. The time counts from the client's first bad answer to
its last one, the bad answers are the client's own count. Healthy canaries run four side by side, so that the machine
is busy. The first trial says nothing of medians; the goals are held against 5 trials and more.
"""
import concurrent.futures, statistics
from lab import *

TRIALS = 3
RATE = 200
BASE = 0.02  # seconds that a healthy backend takes
LOG_FORMAT = (HERE.parents[1] / "nginx/log-format.conf").read_text().split("# Choose one")[0]
GOALS = {"five_percent": (15, 20), "all_errors": (5, 60), "doubled_latency": (90, None)}  # median seconds, bad answers


def balancer(lab, kind):
    """A balancer that tells what it does, and its entry in the playbook."""
    lb = getattr(lab, kind)() if kind == "haproxy" else lab.nginx(
        http=LOG_FORMAT, location=f"access_log syslog:server=unix:{lab.dir}/log.sock,nohostname,tag=bg bg;")
    log = f"unix:{lab.dir}/log.sock"
    if kind == "haproxy":
        text = lb["config"].read_text().replace("defaults\n", f"defaults\n    log {lab.dir}/log.sock format raw local0\n    option httplog\n", 1)
        lb["config"].write_text(text)
        next(p for p in lab.procs if p.poll() is None).send_signal(signal.SIGUSR2)
        assert eventually(lambda: subprocess.run(lb["test"], capture_output=True).returncode == 0)
        time.sleep(0.5)
    return lb, log


def start(lab, kind, **strategy):
    lab.blue.delay = lab.green.delay = BASE
    lb, log = balancer(lab, kind)
    strategy = {"canary": ["10%", "50%", "100%"], "hold": "10m", "early": False} | strategy
    path = lab.playbook([lb], {"strategy": strategy, "monitor": {"for": "20s"}, "rollback": {"gradual": ["0%"]}})
    book = json.loads(path.read_text())
    book["balancers"][0]["log"] = log
    path.write_text(json.dumps(book, indent=1))
    load = lab.load(lb, RATE)
    run = lab.command("run", "v2.5.0", "--yes", wait=False)
    return lb, load, run


def trial(kind, spoil, is_bad, settle=8):
    """Seconds from the first bad answer to the last, and how many there were."""
    with Lab() as lab:
        lb, load, run = start(lab, kind)
        assert eventually(lambda: any(a.environment == "green" for a in load.answers), 30), run.communicate()
        time.sleep(settle)
        assert run.poll() is None, run.communicate()
        spoil(lab.green)
        out, err = run.communicate(timeout=300)
        time.sleep(1)
        bad = [a for a in load.stop() if is_bad(a)]
        assert run.returncode == 3, f"exit {run.returncode}: {out[-1500:]} {err[-500:]}"
        assert bad, "nothing was spoiled"
        reason = next((line for line in out.splitlines() if "green" in line and "✗" in line), "").strip()
        return bad[-1].end - bad[0].end, len(bad), reason


def measure(name, kind, spoil, is_bad, settle=8):
    trials = [trial(kind, spoil, is_bad, settle) for _ in range(TRIALS)]
    seconds = sorted(t[0] for t in trials)
    bad = sorted(t[1] for t in trials)
    told = (f"{kind}: median {statistics.median(seconds):.1f} s (to {seconds[-1]:.1f}), "
            f"{statistics.median(bad):.0f} bad answers (to {bad[-1]}), {TRIALS} trials; last: {trials[-1][2][:160]}")
    limit, failures = GOALS[name]
    if TRIALS >= 5:
        assert statistics.median(seconds) <= limit, told
        assert failures is None or statistics.median(bad) <= failures, told
    return told


def failing(answer): return answer.status != 200
def slow(answer): return answer.environment == "green" and answer.end - answer.start > 1.5 * BASE


def part(environment): environment.error_rate = 0.05
def whole(environment): environment.error_rate = 1.0
def late(environment): environment.delay = 2 * BASE


def five_percent_nginx(): return measure("five_percent", "nginx", part, failing)
def five_percent_haproxy(): return measure("five_percent", "haproxy", part, failing)
def all_errors_nginx(): return measure("all_errors", "nginx", whole, failing)
def all_errors_haproxy(): return measure("all_errors", "haproxy", whole, failing)
def doubled_latency_nginx(): return measure("doubled_latency", "nginx", late, slow, 35)
def doubled_latency_haproxy(): return measure("doubled_latency", "haproxy", late, slow, 35)


def healthy(kind):
    def one(_):
        with Lab() as lab:
            lb, load, run = start(lab, kind, hold="15s")
            out, err = run.communicate(timeout=300)
            failed = len(load.failed())
            load.stop()
            assert run.returncode == 0, f"exit {run.returncode}: {out[-1500:]} {err[-500:]}"
            return failed
    count = max(4, TRIALS)
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        failed = list(pool.map(one, range(count)))
    return f"{kind}: {count} healthy canaries, four side by side, none rolled back; {sum(failed)} failed requests"


def healthy_nginx(): return healthy("nginx")
def healthy_haproxy(): return healthy("haproxy")


if __name__ == "__main__":
    if "--trials" in sys.argv:
        at = sys.argv.index("--trials")
        TRIALS = int(sys.argv[at + 1])
        del sys.argv[at:at + 2]
    main([five_percent_nginx, five_percent_haproxy, all_errors_nginx, all_errors_haproxy,
          doubled_latency_nginx, doubled_latency_haproxy, healthy_nginx, healthy_haproxy])
