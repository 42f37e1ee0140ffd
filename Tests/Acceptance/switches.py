#!/usr/bin/env python3
"""Hundreds of switches under load: nobody loses a request or a WebSocket, and nobody is served by the wrong environment.

usage: switches.py [--switches N] [CHECK ...]      N switches in each mode, 40 by default; 200 is the full check

A mixed crowd (load_client.py) sends while `bgdeploy traffic set` moves everything, or a canary's share, to and fro. A
client never tries a failed request again. What a reload of nginx costs keep-alive clients is compared with what bare
`nginx -s reload`s cost the same clients in the same run: blocks of both take turns, at the same pace.
"""
import statistics
from lab import *
from load_client import BUSY, CROWD, Crowd, DISTANT, LoadLab, NEW, SOCKETS, STREAMS, THINKING, WEB_SOCKETS, knows, with_mode

SWITCHES = 40
# A canary's share on the way, and straight from one environment to the other, in both directions.
SPLITS = ["green=100", "blue=100", "green=25", "green=100", "blue=50", "blue=100"]


def switch(lab, count, pause=0.05):
    done = []
    for number in range(count):
        time.sleep(pause)
        done.append(lab.set(SPLITS[number % len(SPLITS)]))
    return done


def strays(switches, record):
    """Requests on new connections that began while everything belonged to the other environment."""
    wrong = []
    for (split, _, since), after in zip(switches, switches[1:] + [(None, float("inf"), None)]):
        name, _, share = split.partition("=")
        if share == "100":
            wrong += [r for r in record.requests if since <= r[0] < after[1] and r[2] == "ok" and r[3] != name]
    return wrong


def seen(switches, records, groups=CROWD):
    """Fails on any request that failed or went astray; else tells how many there were of each kind."""
    told = "; ".join(record.told() for record in records.values())
    lost = sum(len(records[group["name"]].failed()) for group in groups)
    assert lost == 0, f"{lost} failed: {told}"
    wrong = strays(switches, records[NEW["name"]])
    assert not wrong, f"{len(wrong)} answers of the environment that had nothing any more: {wrong[:3]}"
    assert all(len(record) > 10 for record in records.values()), f"there was no load: {told}"
    took = statistics.median(end - begin for _, begin, end in switches) * 1000
    return f"{len(switches)} switches of {took:.0f} ms; {told}"


def without_reload(lab, lb, processes):
    """The whole crowd, and the same processes to the end."""
    before, crowd = processes(lb), Crowd(lb["port"])
    time.sleep(2)
    try:
        switches = switch(lab, SWITCHES)
        time.sleep(0.5)
    finally:
        records = crowd.stop()
    told = "; ".join(record.told() for record in records.values())
    assert processes(lb) == before, f"{lb['kind']} was reloaded: {told}"
    return f"{seen(switches, records)}; {crowd.rate():.0f} requests/s"


def haproxy_weights():
    """HAProxy by weights: 0 failed requests, 0 WebSockets cut, and the same process to the end."""
    with LoadLab() as lab:
        lb = lab.haproxy()
        lab.playbook([lb])
        return without_reload(lab, lb, haproxy_pid)


def haproxy_pid(lb):
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(str(lb["socket"]))
        s.sendall(b"show info\n")
        return next(line for line in s.makefile() if line.startswith("Pid:"))


def haproxy_map():
    """HAProxy by a map: the same."""
    if not knows("map"):
        return "left out: this version has no `mode: map`"
    with LoadLab() as lab:
        lb = lab.haproxy()
        with_mode(lab, lb, "map")
        return without_reload(lab, lb, haproxy_pid)


def nginx_switchboard():
    """nginx by the switchboard: the same, and no worker was replaced."""
    if not knows("switchboard"):
        return "left out: this version has no `mode: switchboard`"
    with LoadLab() as lab:
        lb = lab.nginx(location=WEB_SOCKETS)
        with_mode(lab, lb, "switchboard")
        return without_reload(lab, lb, workers)


def workers(lb):
    master = (lb["dir"] / "nginx.pid").read_text().strip()
    return pathlib.Path(f"/proc/{master}/task/{master}/children").read_text()


def nginx_reload():
    """nginx by reload: 0 failed on new connections, in streams and in WebSockets."""
    with LoadLab() as lab:
        lb = lab.nginx(location=WEB_SOCKETS)
        lab.playbook([lb])
        # A stream on a connection used before may meet the race of keep-alive clients at its start.
        groups = [NEW, dict(STREAMS, reuse=False), SOCKETS]
        crowd = Crowd(lb["port"], groups)
        time.sleep(2)
        try:
            switches = switch(lab, SWITCHES, pause=0.2)
            time.sleep(1)
        finally:
            records = crowd.stop()
        return seen(switches, records, groups)


def nginx_reload_keeps_to_the_price():
    """nginx by reload: keep-alive clients lose no more by our reloads than by bare ones.

    The requests lost within a period after each reload are counted, for ours and bare ones in turns of five. Both
    samples scatter, so ours may be worse by three standard errors of the difference; twice the loss, as a second
    reload would cost, is far outside of that.
    """
    with LoadLab() as lab:
        lb = lab.nginx()
        lab.playbook([lb])
        crowd = Crowd(lb["port"], [BUSY, THINKING, DISTANT])
        time.sleep(2)
        marks = {"ours": [], "bare": []}
        period = 0.7
        try:
            due = time.monotonic()
            for kind in ["ours", "bare"] * (max(20, SWITCHES) // 5):
                for step in range(5):
                    due = max(due + period, time.monotonic())
                    time.sleep(max(0, due - time.monotonic()))
                    marks[kind].append(time.monotonic())
                    if kind == "ours":
                        lab.set(SPLITS[step % 2])
                    else:
                        subprocess.run(lb["reload"], check=True, capture_output=True)
            time.sleep(period)
        finally:
            records = crowd.stop()
        return compared(marks, records, period)


def compared(marks, records, period):
    failures = [r for record in records.values() for r in record.failed()]
    lost = {kind: [sum(mark <= r[1] < mark + period for r in failures) for mark in of] for kind, of in marks.items()}
    ours, bare = (statistics.mean(lost[kind]) for kind in ("ours", "bare"))
    error = (statistics.variance(lost["ours"]) / len(lost["ours"]) + statistics.variance(lost["bare"]) / len(lost["bare"])) ** 0.5
    told = f"lost per reload: ours {ours:.1f}, bare {bare:.1f}, allowed {bare + 3 * error:.1f}; " + "; ".join(r.told() for r in records.values())
    other = [r for r in failures if r[2] != "race"]
    assert not other, f"{len(other)} failed otherwise than by the race: {other[:3]}; {told}"
    assert bare > 0, f"bare reloads cost nothing here, so that there is nothing to compare with: {told}"
    assert ours <= bare + 3 * error, told
    return told


if __name__ == "__main__":
    if "--switches" in sys.argv:
        at = sys.argv.index("--switches")
        SWITCHES = int(sys.argv[at + 1])
        del sys.argv[at:at + 2]
    main([haproxy_weights, haproxy_map, nginx_switchboard, nginx_reload, nginx_reload_keeps_to_the_price])
