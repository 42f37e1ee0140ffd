#!/usr/bin/env python3
"""Ratios against hand-written baselines, measured in one run on this machine.

usage: bench.py [--rounds N] [--switches N] [PART ...]     the binary is $BGDEPLOY_BIN, else .build/release/bgdeploy

Baseline and bgdeploy take turns, so that both see the same machine; medians are compared. Milliseconds alone say
little on a busy machine, the ratio says much. Ends with 0 unless something could not be run at all.
"""
import argparse, pathlib, statistics, sys
SCRIPTS = pathlib.Path(__file__).resolve().parent / "bench"
sys.path[:0] = [str(SCRIPTS.parent.parent / "Tests" / "Acceptance"), str(SCRIPTS)]
from lab import *
import fleet, load, switching

rows = []


def timed(argv, env=None, cwd=None):
    """Milliseconds from the start of a process to its end, which has to be a good one."""
    start = time.perf_counter()
    r = subprocess.run(argv, env=env, cwd=cwd, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    took = (time.perf_counter() - start) * 1000
    if r.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, argv))}: exit {r.returncode}: {r.stdout[-600:]} {r.stderr[-600:]}")
    return took


def row(what, baseline, ours, goal=None, limit=None):
    """Adds a line to the table. `goal` is the highest ratio that is good, `limit` the highest median in milliseconds."""
    base, mine = statistics.median(baseline) if baseline else None, statistics.median(ours)
    ratio = mine / base if base else None
    wanted = f"<= {goal}" if goal else f"<= {limit:.0f} ms" if limit else "-"
    is_met = ratio <= goal if goal else mine <= limit if limit else None
    rows.append((what, f"{base:.1f} ms" if base else "-", f"{mine:.1f} ms", f"{ratio:.3g}" if ratio else "-",
                 wanted, {None: "", True: "met", False: "NOT MET"}[is_met]))
    spread = lambda v: f"{min(v):.1f}-{max(v):.1f}" if v else "-"
    print(f"{what}: baseline {spread(baseline)} ms, bgdeploy {spread(ours)} ms, {len(ours)} rounds", flush=True)


def hello(folder):
    """A one-line Swift program, as small as one can be: the floor for a start."""
    source = folder / "hello.swift"
    source.write_text('print("hello")\n')
    subprocess.run(["swiftc", "-O", "-static-stdlib", str(source), "-o", str(folder / "hello")], check=True, capture_output=True)
    return folder / "hello"


def environment(lab):
    return dict(os.environ, BGDEPLOY_STATE=lab.state, BGDEPLOY_PLAYBOOK=str(lab.dir / "bgdeploy.yml"), NO_COLOR="1")


def start_up(rounds):
    with Lab() as lab:
        lab.playbook([lab.nginx()])
        env, program = environment(lab), hello(lab.dir)
        assert lab.command("run", "v2.5.0", "--yes").returncode == 0
        base, version, status = [], [], []
        for _ in range(rounds * 2):
            base.append(timed([program]))
            version.append(timed([binary(), "--version"], env))
            status.append(timed([binary(), "status"], env))
        row("start: --version, against hello", base, version, 3)
        row("start: status, against hello", base, status, 8)


def forward(lab, live="green"):
    r = lab.command("traffic", "set", f"{live}=100", "--yes")
    if r.returncode != 0:
        raise RuntimeError(f"traffic set {live}=100: exit {r.returncode}: {r.stdout[-400:]} {r.stderr[-400:]}")


def back_on_nginx(rounds):
    with Lab() as lab, Lab() as other:
        lab.playbook([lab.nginx()])
        env, ours, base, mine_shell = environment(lab), [], [], other.nginx()
        script = [str(SCRIPTS / "nginx_back.sh"), str(mine_shell["config"]), str(mine_shell["main"]),
                  str(mine_shell["dir"] / "error.log"), str(mine_shell["dir"] / "nginx.pid")]
        for _ in range(rounds):
            timed(script + [other.green.server, other.blue.server])
            forward(lab)
            time.sleep(0.1)
            base.append(timed(script + [other.blue.server, other.green.server]))
            ours.append(timed([binary(), "rollback", "--emergency", "--yes", "--reason", "bench"], env))
        assert lab.shares(lab_port(lab), 40) == other.shares(mine_shell, 40) == {"blue": 1.0}
        row("emergency rollback on nginx, against sed, -t, reload, wait", base, ours, 1.3)


def lab_port(lab):
    book = json.loads((lab.dir / "bgdeploy.yml").read_text())
    return {"port": int(book["public_url"].rsplit(":", 1)[1])}


def back_on_haproxy(rounds):
    if not shutil.which("socat"):
        print("emergency rollback on haproxy: left out, there is no socat")
        return
    with Lab() as lab, Lab() as other:
        lab.playbook([lab.haproxy()])
        env, ours, base, plain = environment(lab), [], [], other.haproxy()
        script = [str(SCRIPTS / "haproxy_back.sh"), str(plain["socket"])]
        for _ in range(rounds):
            timed(script + ["green1", "blue1"])
            forward(lab)
            time.sleep(0.05)
            base.append(timed(script + ["blue1", "green1"]))
            ours.append(timed([binary(), "rollback", "--emergency", "--yes", "--reason", "bench"], env))
        assert lab.shares(lab_port(lab), 40) == other.shares(plain, 40) == {"blue": 1.0}
        row("emergency rollback on haproxy, against socat", base, ours, 3)


def journalled(rounds):
    """`rollback` of a released run, with the journal: for information."""
    for kind in ("nginx", "haproxy"):
        with Lab() as lab:
            lab.playbook([getattr(lab, kind)()], {"monitor": {"for": "10ms"}, "validate": []})
            ours = []
            for _ in range(max(5, rounds // 3)):
                r = lab.command("run", "v2.5.0", "--yes")
                assert r.returncode == 0, r.stderr[-400:]
                ours.append(timed([binary(), "rollback", "--yes"], environment(lab)))
            row(f"journalled rollback on {kind}", [], ours)


def switches(count):
    """Under a steady load of new connections, the split is turned around again and again."""
    for kind in ("nginx", "haproxy"):
        with Lab() as lab:
            lb = getattr(lab, kind)()
            lab.playbook([lb])
            load, took = lab.load(lb), []
            time.sleep(0.5)
            for number in range(count):
                start = time.perf_counter()
                forward(lab, "blue" if number % 2 else "green")
                took.append((time.perf_counter() - start) * 1000)
            time.sleep(0.5)
            load.stop()
            failed = len(load.failed())
            rows.append((f"{count} switches under load on {kind}", "-", f"{statistics.median(took):.1f} ms each",
                         f"{failed} of {len(load.answers)} failed", "0 failed", "met" if failed == 0 else "NOT MET"))
            print(f"{rows[-1][0]}: {rows[-1][3]}", flush=True)


def rows_of(make):
    """A part of the table that another file measures."""
    def part(rounds):
        for entry in make(rounds):
            row(*entry)
    part.__name__ = make.__name__
    return part


def configuration_text(rounds):
    import config_text
    for entry in config_text.rows(rounds):
        row(*entry)


def table():
    head = ("what", "baseline median", "bgdeploy median", "ratio", "goal", "")
    widths = [max(len(r[i]) for r in [head] + rows) for i in range(len(head))]
    print()
    for r in [head, tuple("-" * w for w in widths)] + rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(r, widths)).rstrip())


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--switches", type=int, default=100)
    parser.add_argument("part", nargs="*", help="what to measure, such as back_on_nginx; everything by default")
    chosen = parser.parse_args()
    broken = 0
    parts = [start_up, back_on_nginx, back_on_haproxy, journalled, switches]
    parts += map(rows_of, [switching.verified_switch_on_nginx, switching.haproxy_balancer_time, switching.switchboard,
                           fleet.many_haproxies, switching.against_ansible])
    parts.append(rows_of(load.requests_of_100_users))
    if (SCRIPTS / "config_text.py").exists():
        parts.append(configuration_text)
    for part in parts:
        if chosen.part and part.__name__ not in chosen.part:
            continue
        try:
            part(chosen.switches if part is switches else chosen.rounds)
        except Exception as error:
            broken += 1
            print(f"could not run {part.__name__}: {error or type(error).__name__}", flush=True)
    table()
    sys.exit(1 if broken else 0)


if __name__ == "__main__":
    main()
