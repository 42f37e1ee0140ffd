#!/usr/bin/env python3
"""The service and its journals: entries, steps against DBOS, and the API while a thousand connections follow runs.

usage: service.py [--rounds N] [--runs N] [--followers N] [PART ...]    the binary is $BGDEPLOY_BIN, else .build/release/bgdeploy

entries    from one entry of a run to the next, against a bare insert and commit of the same bytes, as durable, on the same disk
steps      ten steps that do nothing, against DBOS (from PyPI) on the same PostgreSQL
followers  the API's answers and the server's memory, with and without who follows by Server-Sent Events
The ways take turns in one run of this script. Our side of an entry is all of it: the fold, a step that does nothing, a folder
for what it would print, and the append; the journal tells times by the millisecond, so means are compared. A switch of 1, 10 and 100
HAProxy processes is in ../bench.py.
"""
import argparse, asyncio, json, os, pathlib, resource, sqlite3, statistics, subprocess, sys, tempfile, time
SCRIPTS = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(SCRIPTS.parents[1] / "Tests" / "Acceptance"), str(SCRIPTS.parent)]

NO_OP = {"env": {"HOME": None}}  # looks whether a variable is there
ENTRIES = 300


def percentile(values, share):
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


# -- baselines, each in a process of its own -----------------------------------------------------------------------------------

def bare_sqlite(folder, lines):
    connection = sqlite3.connect(pathlib.Path(folder) / f"bare{time.monotonic_ns()}.db", isolation_level=None)
    for pragma in ("page_size = 1024", "journal_mode = WAL", "synchronous = FULL"):
        connection.execute(f"PRAGMA {pragma}")
    connection.execute("CREATE TABLE events (position INTEGER PRIMARY KEY, text TEXT NOT NULL)")
    return timed(lines, lambda line: connection.execute("INSERT INTO events (text) VALUES (?)", (line,)))


def bare_postgresql(url, lines):
    import psycopg
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("DROP TABLE IF EXISTS bare; CREATE TABLE bare (position bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, text text NOT NULL)")
        return timed(lines, lambda line: connection.execute("INSERT INTO bare (text) VALUES (%s)", (line,)))


def timed(lines, insert):
    """Milliseconds of each insert and commit, and of each with a folder for a step's output, as durable."""
    alone, whole = [], []
    with tempfile.TemporaryDirectory() as folder:
        for number, line in enumerate(lines):
            start = time.perf_counter()
            insert(line)
            alone.append((time.perf_counter() - start) * 1000)
            start = time.perf_counter()
            path = pathlib.Path(folder) / f"step-{number}"
            path.mkdir(mode=0o700)
            (path / "1").mkdir(mode=0o700)
            parent = os.open(path, os.O_RDONLY)
            os.fsync(parent)
            os.close(parent)
            insert(line)
            whole.append((time.perf_counter() - start) * 1000)
    return alone, whole


def dbos_steps(url, workflows):
    """Milliseconds for each step of a workflow of ten; the first workflow warms up."""
    from dbos import DBOS
    DBOS(config={"name": "bench", "system_database_url": url, "log_level": "ERROR", "run_admin_server": False})

    @DBOS.step()
    def nothing():
        return 42

    @DBOS.workflow()
    def ten():
        for _ in range(10):
            nothing()
    DBOS.launch()
    took = []
    for _ in range(workflows + 1):
        start = time.perf_counter()
        ten()
        took.append((time.perf_counter() - start) * 100)
    DBOS.destroy()
    return took[1:]


def baseline(python, name, place, argument):
    r = subprocess.run([python, __file__, "--baseline", name, str(place)], input=json.dumps(argument), capture_output=True, text=True, timeout=120)
    if r.returncode != 0:
        raise RuntimeError(f"{name}: {r.stderr[-600:]}")
    return json.loads(r.stdout.splitlines()[-1])


if sys.argv[1:2] == ["--baseline"]:
    print(json.dumps(globals()[sys.argv[2]](sys.argv[3], json.load(sys.stdin))))
    sys.exit()

import bench
from postgresql import *


def python_with_dbos(folder):
    """A Python that has psycopg and DBOS; none when they cannot be installed."""
    for step in ([sys.executable, "-m", "venv", str(folder)], [str(folder / "bin/pip"), "-q", "install", "dbos"]):
        with contextlib.suppress(subprocess.TimeoutExpired, OSError):
            if subprocess.run(step, capture_output=True, timeout=180).returncode == 0:
                continue
        return None
    return str(folder / "bin/python")


# -- entries and steps ---------------------------------------------------------------------------------------------------------

def steps_of(lab, lb, count):
    """Milliseconds from each step's entry to the next one's, in a run of `count` steps."""
    lab.playbook([lb], {"prepare": [NO_OP] * count, "validate": [{"approval": {"by": 1, "timeout": "1h"}}]})
    r = lab.command("run", "v2.5.0", "--yes", "--no-wait", timeout=300)
    assert r.returncode == 5, f"exit {r.returncode}: {r.stderr[-600:]}"
    events = [json.loads(line) for line in lab.command("events", "--output", "json").stdout.splitlines()]
    assert lab.command("abort", "--yes").returncode == 0
    seconds = [float(e["at"][14:16]) * 60 + float(e["at"][17:-1]) for e in events if e.get("step", "").startswith("prepare/")]
    assert len(seconds) == count, f"{len(seconds)} entries of {count} steps: {events[:3]}"
    return [((b - a) % 3600) * 1000 for a, b in zip(seconds, seconds[1:])]


def texts(state, server):
    """What a step's entries are, as the journal has them: all of a row's texts."""
    query = "SELECT run || event || effects || previous || hash FROM {}events WHERE sequence > 2 ORDER BY position DESC LIMIT " + str(ENTRIES)
    if state.startswith("sqlite:"):
        with contextlib.closing(sqlite3.connect(state.removeprefix("sqlite:"))) as journal:
            return [text for text, in journal.execute(query.format(""))]
    return server.sql(query.format("bgdeploy."), "journal").splitlines()


def entries(rounds, python):
    """Single runs on each store: what an entry costs."""
    with Server() as server, Lab() as lab:
        lb = lab.haproxy()
        stores = [("SQLite", lab.state, lambda lines: baseline(sys.executable, "bare_sqlite", lab.dir, lines))]
        if python:
            stores.append(("PostgreSQL", server.url(), lambda lines: baseline(python, "bare_postgresql", server.url(), lines)))
        bare, whole, ours = ({name: [] for name, _, _ in stores} for _ in range(3))
        for _ in range(max(3, rounds // 2)):
            for name, state, insert in stores:
                lab.state = state
                ours[name].append(steps_of(lab, lb, ENTRIES))
                for kept, took in zip((bare, whole), insert(texts(state, server))):
                    kept[name].append(took)
        for name, _, _ in stores:
            means = lambda all: [statistics.mean(one) for one in all]
            bench.row(f"an entry of a run on {name}, against a bare commit", means(bare[name]), means(ours[name]))
            bench.row(f"an entry of a run on {name}, against a commit and a folder", means(whole[name]), means(ours[name]), 2)
            for what, of in (("bare commit", bare), ("commit and folder", whole), ("entry of a run", ours)):
                values = [v for one in of[name] for v in one]
                print(f"  {name}, {what}: p50 {percentile(values, 0.5):.2f} ms, p99 {percentile(values, 0.99):.2f} ms, "
                      f"{1000 / statistics.mean(values):.0f} a second, {len(values)} of them")


def steps(rounds, python):
    """Ten steps that do nothing, durable each: of a run, and of a workflow."""
    if not python:
        print("steps: left out, dbos can neither be found nor installed")
        return
    with Server() as server, Lab() as lab:
        lb, theirs, ours = lab.haproxy(), [], []
        server.sql("create database dbos owner bgdeploy")
        url = server.url().replace("/journal", "/dbos")
        lab.state = server.url()
        for _ in range(max(5, rounds // 2)):
            theirs.append(statistics.median(baseline(python, "dbos_steps", url, 10)))
            ours.append(statistics.mean(steps_of(lab, lb, 10)))
        bench.row("a step that does nothing, against one of DBOS", theirs, ours, 1)


# -- followers -----------------------------------------------------------------------------------------------------------------

def many_services(lab, count):
    """`count` playbooks, each of a service with an HAProxy backend of its own in one process."""
    folder, port = lab.dir / "edge", free_port()
    folder.mkdir()
    books = []
    text = f"global\n    stats socket {folder}/admin.sock mode 600 level admin\n    nbthread 1\ndefaults\n    mode http\n" \
           "    timeout connect 2s\n    timeout client 60s\n    timeout server 60s\n" \
           f"frontend www\n    bind 127.0.0.1:{port}\n    default_backend app0\n"
    for n in range(count):
        text += f"backend app{n}\n    server blue1 {lab.blue.server} weight 100\n    server green1 {lab.green.server} weight 0\n"
    (folder / "haproxy.cfg").write_text(text)
    lab.procs.append(subprocess.Popen(["haproxy", "-q", "-f", str(folder / "haproxy.cfg")], stderr=subprocess.DEVNULL))
    wait_port(port)
    for n in range(count):
        (folder / f"{n}.yml").write_text(json.dumps({
            "service": f"s{n}", "public_url": f"http://127.0.0.1:{port}",
            "environments": {e.name: {"url": e.url, "servers": [e.server]} for e in (lab.blue, lab.green)},
            "balancers": [{"haproxy": str(folder / "haproxy.cfg"), "backend": f"app{n}", "socket": str(folder / "admin.sock"),
                           "test": ["haproxy", "-c", "-q", "-f", str(folder / "haproxy.cfg")]}],
            "prepare": [NO_OP] * 10, "validate": [{"approval": {"by": 1, "timeout": "1h"}}], "monitor": {"for": "1s"}}))
        books.append(str(folder / f"{n}.yml"))
    return books


def memory(pid):
    """MiB of resident memory that is not the program's own file."""
    text = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(next(line.split()[1] for line in text.splitlines() if line.startswith("RssAnon:"))) / 1024


def processor(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def answers(service, paths, count):
    """Milliseconds of `count` requests over one connection, the paths in turn."""
    connection, took = http.client.HTTPConnection("127.0.0.1", service.port, timeout=60), []
    for n in range(count):
        start = time.perf_counter()
        connection.request("GET", paths[n % len(paths)], headers={"Authorization": f"Bearer {service.token}"})
        r = connection.getresponse()
        r.read()
        took.append((time.perf_counter() - start) * 1000)
        assert r.status == 200, f"{paths[n % len(paths)]}: {r.status}"
    connection.close()
    return took


class Followers:
    """Connections that each follow a run, in a process's own thread; counts what comes."""

    def __init__(self, service, runs, count):
        self.service, self.targets = service, [runs[n % len(runs)] for n in range(count)]
        self.entries, self.open, self.stopping = 0, 0, threading.Event()
        self.arrived = collections.Counter()
        self.thread = threading.Thread(target=lambda: asyncio.run(self.all()), daemon=True)
        self.thread.start()

    async def all(self):
        self.gate = asyncio.Semaphore(50)
        tasks = [asyncio.create_task(self.one(run)) for run in self.targets]
        while not self.stopping.is_set():
            await asyncio.sleep(0.1)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def one(self, run):
        async with self.gate:
            reader, writer = await asyncio.open_connection("127.0.0.1", self.service.port)
            writer.write(f"GET /v1/runs/{run}/events HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {self.service.token}\r\n"
                         "Accept: text/event-stream\r\n\r\n".encode())
            await reader.readuntil(b"\r\n\r\n")
            self.open += 1
        try:
            while line := await reader.readline():
                if line.startswith(b"id:"):
                    self.entries += 1
                    self.arrived[run] += 1
        finally:
            self.open -= 1
            writer.close()

    def stop(self):
        self.stopping.set()
        self.thread.join(20)


def followers(rounds, count, connections):
    """`count` runs that are really open and driven by one server, each waiting for an approval, and `connections` that follow them."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, 4 * connections + 1000)), hard))
    with Lab() as lab:
        books = many_services(lab, count)
        lab.playbook([lab.haproxy()])
        s = Service(lab, playbooks=books, token=token(lab, "root", "--scope", "admin"))
        runs, empty = [], memory(s.process.pid)
        for n in range(count):
            r = s.ask("POST", f"/v1/services/s{n}/runs", {"version": "v2.5.0"})
            assert r.status == 201, f"service {n}: {r.status} {r.text[:300]}"
            runs.append(json.loads(r.text)["run"])
        waits = lambda n: (s.get(f"/v1/services/s{n}").get("waitingFor") or {}).get("kind") == "approval"
        assert eventually(lambda: all(waits(n) for n in range(0, count, max(1, count // 10))), 120, 0.5), s.log.read_text()[-600:]
        time.sleep(3)
        driven, begin, start = memory(s.process.pid), processor(s.process.pid), time.monotonic()
        time.sleep(5)
        busy = (processor(s.process.pid) - begin) / (time.monotonic() - start) * 100
        paths = [f"/v1/runs/{runs[0]}", "/v1/services/s1", f"/v1/runs/{runs[-1]}/events", "/v1/runs?limit=20"]
        alone, followed, growth = [], [], []
        for _ in range(3):
            before = memory(s.process.pid)
            alone += answers(s, paths, 100)
            f = Followers(s, runs, connections)
            assert eventually(lambda: f.open == connections, 120), f"{f.open} of {connections} connections"
            time.sleep(2)
            growth.append(memory(s.process.pid) - before)
            followed += answers(s, paths, 100)
            f.stop()
            assert eventually(lambda: "bgdeploy_followers 0" in s.ask("GET", "/metrics").text, 60), "the server keeps followers that are gone"
        f = Followers(s, runs, connections)
        assert eventually(lambda: f.open == connections, 120)
        time.sleep(1)
        seen, start = f.arrived[runs[0]], time.perf_counter()
        s.ask("POST", f"/v1/runs/{runs[0]}/commands", {"command": "abort"})
        each = sum(1 for run in f.targets if run == runs[0])
        assert eventually(lambda: f.arrived[runs[0]] >= seen + each, 60, 0.005), "an entry did not come to all who follow its run"
        reached = (time.perf_counter() - start) * 1000
        f.stop()
        print(f"  {count} runs really open (each driven, with a lease, at an approval; all in one HAProxy process), {connections} connections, "
              f"{connections // count} to a run; nothing is simulated but the releases' emptiness")
        print(f"  memory of the server's own: {empty:.1f} MiB empty, {driven:.1f} MiB with the runs ({(driven - empty) * 1024 / count:.0f} KiB a run), "
              f"+{statistics.median(growth):.1f} MiB with the connections ({max(growth) * 1024 / connections:.1f} KiB each at most)")
        print(f"  {busy:.0f} % of one core with the runs waiting; an abort's first entry was with all {each} who follow the run after {reached:.0f} ms")
        for what, values in (("alone", alone), ("followed", followed)):
            print(f"  API {what}: p50 {percentile(values, 0.5):.1f} ms, p99 {percentile(values, 0.99):.1f} ms, {len(values)} requests")
        bench.row(f"API, {connections} connections following, against none", alone, followed, 2)
        bench.row("API with followers, the slowest of a hundred", [], [percentile(followed, 0.99)], limit=50)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--followers", type=int, default=1000)
    parser.add_argument("part", nargs="*", help="entries, steps, followers; all by default")
    chosen = parser.parse_args()
    broken = 0
    with tempfile.TemporaryDirectory() as folder:
        wanted = chosen.part or ["entries", "steps", "followers"]
        python = os.environ.get("DBOS_PYTHON") or ("followers" != wanted[0] and python_with_dbos(pathlib.Path(folder) / "venv")) or None
        parts = {"entries": lambda: entries(chosen.rounds, python), "steps": lambda: steps(chosen.rounds, python),
                 "followers": lambda: followers(chosen.rounds, chosen.runs, chosen.followers)}
        for part in wanted:
            try:
                parts[part]()
            except Exception as error:
                broken += 1
                print(f"could not run {part}: {error or type(error).__name__}", flush=True)
    print(f"  load of the machine: {' '.join(f'{v:.1f}' for v in os.getloadavg())} on {os.cpu_count()} processors: ratios count, milliseconds hardly")
    bench.table()
    sys.exit(1 if broken else 0)


if __name__ == "__main__":
    main()
