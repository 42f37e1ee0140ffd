#!/usr/bin/env python3
"""What it costs to watch 10,000 requests a second of access log: processor time and memory of a real run in monitor.

usage: watching.py [--seconds N] [--lines N] [WAY ...]     the binary is $BGDEPLOY_BIN, else .build/release/bgdeploy

The ways are unix, udp, file (nginx's format `bg`) and haproxy (option httplog by UDP, beside the counters of a real
HAProxy). A process of its own sends lines as the balancers write them, every millisecond its share. Then as many lines
as ten minutes have are sent as fast as bgdeploy takes them, over several rotations of the file: memory may not grow.
Goals: at most 30 % of one core, at most 4 MiB of growth, all lines counted; the exit status is 1 when one is missed.
"""
import argparse, pathlib, re, socket, subprocess, sys, time
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent.parent / "Tests" / "Acceptance"))
from lab import *

RATE = 10_000
CORE, GROWTH = 30.0, 4.0
FORMAT = (HERE.parents[1] / "nginx/log-format.conf").read_text().split("# Choose one")[0]
NGINX = ('<190>Nov 21 04:41:56 bg: {{"t":1795236116.{n:03},"m":"GET","st":{st},"rt":0.0{n:02},"ua":"{server}","us":"{st}",'
         '"ut":"0.0{n:02}","ct":"0.000","up":"","b":1{n:03},"id":"8c1f0e6f5d7a4f4e9b0d6c2c{n:08}"}}')
HAPROXY = ('<134>Nov 21 04:41:56 haproxy[411]: 10.1.2.{n}:5{n:04} [21/Nov/2026:04:41:56.{n:03}] www app/{server} '
           '0/0/0/{n}/{n} {st} 1{n:03} - - ---- 41/41/3/2/0 0/0 "GET /api/sessions/{n} HTTP/1.1"')


def lines_for(way, servers):
    template = HAPROXY if way == "haproxy" else NGINX
    text = [template.format(n=n, st=500 if n == 50 else 200, server=servers[n % 2]).encode() for n in range(100)]
    return [line.split(b"bg: ", 1)[1] + b"\n" for line in text] if way == "file" else text


def send(way, place, rate, total, servers):
    """Sends `total` lines, `rate` a second (0: as fast as they are taken)."""
    batch = lines_for(way, servers)
    if way == "file":
        out, written = open(place, "ab", buffering=0), 0
    else:
        family = socket.AF_UNIX if way == "unix" else socket.AF_INET
        out = socket.socket(family, socket.SOCK_DGRAM)
        out.connect(place if way == "unix" else ("127.0.0.1", int(place)))
    begin, sent = time.monotonic(), 0
    while sent < total:
        due = int((time.monotonic() - begin) * rate) if rate else sent + (5000 if way == "file" else 200)
        due = min(due, total)
        if way == "file":
            out.write(b"".join(batch[n % 100] for n in range(sent, due)))
            written += due - sent
            if written > 200_000:  # as logrotate does it
                time.sleep(1.5)
                os.rename(place, place + ".1")
                out, written = open(place, "ab", buffering=0), 0
        else:
            for n in range(sent, due):
                out.send(batch[n % 100])
        sent = due
        # UDP does not hold the sender back: at full speed give way, or the kernel drops.
        time.sleep(0.001 if rate else 0.001 if way in ("udp", "haproxy") else 0)


def sample(pid):
    """Seconds of processor time, and MiB of resident memory that is not the program's own file."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK"), int(re.search(r"RssAnon:\s+(\d+)", status)[1]) / 1024


def sender(way, place, rate, total, servers):
    arguments = [sys.executable, __file__, "--send", way, str(place), str(rate), str(total), *servers]
    return subprocess.Popen(arguments)


def counted(lab, column):
    """Requests (column 0) or durations (column 2) of both sides, from the ticks in the run's journal."""
    run = json.loads(lab.command("status", "--output", "json").stdout)["run"]
    total = 0
    for line in lab.command("events", run, "--output", "json").stdout.splitlines():
        for tick in filter(None, json.loads(line).get("facts", {}).get("ticks", "").split("\n")):
            total += sum(int(side.split()[column]) for side in tick.split(";")[1:])
    return total


def watch(way, seconds, total):
    with Lab() as lab:
        port = str(free_port())
        place = {"unix": lab.dir / "log.sock", "file": lab.dir / "access.log"}.get(way, port)
        log = {"unix": f"unix:{place}", "file": str(place)}.get(way, f"udp:127.0.0.1:{port}")
        if way == "file":
            place.write_bytes(b"")
        lb = lab.haproxy() if way == "haproxy" else lab.nginx(http=FORMAT)
        servers = ["blue1", "green1"] if way == "haproxy" else [lab.blue.server, lab.green.server]
        path = lab.playbook([lb], {"monitor": {"for": "20m", "metrics": {"error_rate": {"from": "balancer", "warn": "> 99%"}}}})
        book = json.loads(path.read_text())
        book["balancers"][0]["log"] = log
        path.write_text(json.dumps(book))
        run = lab.command("run", "v2.5.0", "--yes", wait=False)
        assert eventually(lambda: lab.shares(lb, 20).get("green") == 1, 60), "the candidate never got the traffic"
        time.sleep(3)
        assert run.poll() is None, run.communicate()
        idle, _ = sample(run.pid)
        time.sleep(5)
        before, _ = sample(run.pid)
        idle = (before - idle) / 5 * 100
        paced = sender(way, place, RATE, RATE * seconds, servers)
        time.sleep(1)
        start, begin = time.monotonic(), sample(run.pid)
        time.sleep(seconds - 2)
        took, end = time.monotonic() - start, sample(run.pid)
        paced.wait()
        column, sent = (2 if way == "haproxy" else 0), RATE * seconds
        # Of durations the judge leaves out the first second: it sets the scale.
        eventually(lambda: counted(lab, column) >= sent, 25, every=2)  # every ten seconds to the journal
        share = counted(lab, column) / sent * 100
        percent = (end[0] - begin[0]) / took * 100
        flood, began = sender(way, place, 0, total, servers), time.monotonic()
        flood.wait()
        flooded = time.monotonic() - began
        time.sleep(3)
        growth = sample(run.pid)[1] - begin[1]
        run.send_signal(signal.SIGTERM)
        run.communicate(timeout=30)
        good = percent <= CORE and growth <= GROWTH and share >= (95 if way == "haproxy" else 99)
        print(f"{'ok   ' if good else 'MISSED'} {way:8} {percent:5.1f} % of one core at {RATE} lines a second "
              f"({idle:.1f} % without lines), {share:.1f} % of them counted; "
              f"{growth:+.1f} MiB over {total} lines in {flooded:.0f} s", flush=True)
        return good


if __name__ == "__main__":
    if sys.argv[1:2] == ["--send"]:
        way, place, rate, total, *servers = sys.argv[2:]
        send(way, place, int(rate), int(total), servers)
        sys.exit(0)
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=int, default=20, help="how long 10,000 lines a second come")
    parser.add_argument("--lines", type=int, default=6_000_000, help="how many come after that, at full speed")
    parser.add_argument("way", nargs="*", default=[])
    chosen = parser.parse_args()
    ways = chosen.way or ["unix", "udp", "file", "haproxy"]
    sys.exit(0 if all([watch(way, chosen.seconds, chosen.lines) for way in ways]) else 1)
