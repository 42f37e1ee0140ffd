#!/usr/bin/env python3
"""The service, seen from outside: its API, the command line at it, several orchestrators on one PostgreSQL, and each of them dying.

usage: service.py [CHECK ...] [--times N]      each check prints one line; the last line counts them.
`kills` runs when it is named: N random SIGKILL or SIGSTOP (50) and N/5 restarts of PostgreSQL. SEED sets the instants.
"""
import glob, re, sqlite3, urllib.parse
from lab import *
from postgres import Postgres

BLUE, GREEN = {"blue": 1.0}, {"green": 1.0}
TIMES = 50
CONTAINED = ["unshare", *([] if os.geteuid() == 0 else ["--map-root-user"]), "--pid", "--fork", "--kill-child", "--mount-proc"]
if "--times" in sys.argv:
    at = sys.argv.index("--times")
    TIMES = int(sys.argv[at + 1])
    del sys.argv[at:at + 2]


def canary(hold="60s", *shares):
    return {"strategy": {"canary": [*(shares or ["25%"]), "100%"], "hold": hold, "early": False}, "monitor": {"for": "1s"}}


Reply = collections.namedtuple("Reply", "status headers text")


class Service:
    """One `bgdeploy serve`; with `host` in a UTS namespace of its own, so that others cannot ask the kernel whether it lives; `contained` in a PID namespace."""

    def __init__(self, lab, name="one", host=None, playbooks=("bgdeploy.yml",), token=None, env=None, contained=False):
        self.contained = contained
        self.lab, self.name, self.host, self.playbooks, self.token, self.env = lab, name, host, playbooks, token, env or {}
        self.port, self.log = free_port(), lab.dir / f"{name}.log"
        self.start()

    def start(self):
        argv = [binary(), "serve", "--listen", f"127.0.0.1:{self.port}", "--socket", str(self.lab.dir / f"{self.name}.sock"), *self.playbooks]
        if self.host:
            argv = ["unshare", *([] if os.geteuid() == 0 else ["--map-root-user"]), "--uts", "sh", "-c", 'hostname "$0"; exec "$@"', self.host, *argv]
        if self.contained:
            argv = [*CONTAINED, *argv]
        env = dict(os.environ, BGDEPLOY_STATE=self.lab.state, NO_COLOR="1", **self.env)
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(argv, env=env, cwd=self.lab.dir, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.lab.procs.append(self.process)
        wait_port(self.port, 30)

    def ask(self, method, path, body=None, token=None, timeout=60, **headers):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        token = self.token if token is None else token
        fields = {key.replace("_", "-"): value for key, value in headers.items()}
        if token:
            fields["Authorization"] = f"Bearer {token}"
        if body is not None:
            fields["Content-Type"] = "application/json"
        try:
            connection.request(method, path, None if body is None else json.dumps(body), fields)
            r = connection.getresponse()
            return Reply(r.status, {k.lower(): v for k, v in r.getheaders()}, r.read().decode())
        finally:
            connection.close()

    def get(self, path, **more):
        r = self.ask("GET", path, **more)
        assert r.status == 200, f"GET {path}: {r.status} {r.text[:600]}"
        return json.loads(r.text)

    def run(self, version, strategy=None, code=201, **more):
        """Begins a run; its JSON."""
        body = {"version": version, **({"strategy": strategy} if strategy else {}), **more}
        r = self.ask("POST", "/v1/services/app/runs", body)
        assert r.status == code, f"POST runs: {r.status} {r.text[:600]}"
        return json.loads(r.text)

    def command(self, run, word, code=202, token=None, **more):
        r = self.ask("POST", f"/v1/runs/{run}/commands", {"command": word, **more}, token=token)
        assert r.status == code, f"{word}: {r.status} {r.text[:600]}"
        if code != 202:
            return json.loads(r.text)
        number, seen = json.loads(r.text)["command"], {}
        assert eventually(lambda: seen.update(self.get(f"/v1/commands/{number}")) or seen["answered"], 20), f"{word} was never answered"
        return seen["refusal"]

    def state(self):
        return self.get("/v1/services/app")

    def until(self, what, seconds=30):
        """Waits until `what` holds of the service's status."""
        seen = {}

        def look():
            with contextlib.suppress(OSError, http.client.HTTPException, AssertionError):
                seen.clear()
                seen.update(self.state())
                return what(seen)
        told = ("state", "phase", "split", "waitingFor", "reason")
        assert eventually(look, seconds, 0.1), f"never reached; last {[seen.get(k) for k in told]}\n{self.log.read_text()[-600:]}"
        return seen

    def until_ended(self, run, seconds=60, **more):
        """Waits until the run is settled; its state."""
        seen = {}

        def look():
            with contextlib.suppress(OSError, http.client.HTTPException, AssertionError):
                seen.update(self.get(f"/v1/runs/{run}"))
                return seen["state"] in ("succeeded", "failed", "rolledBack", "rollbackFailed")
        assert eventually(look, seconds, 0.1), f"run {run} never ended: {seen.get('state')}\n{self.log.read_text()[-900:]}"
        return seen["state"]

    def events(self, run):
        return self.get(f"/v1/runs/{run}/events?limit=200")["events"]

    def end(self, how=signal.SIGTERM, seconds=20):
        self.process.send_signal(how)
        return self.process.wait(seconds)


def token(lab, name, *more):
    r = lab.command("token", "create", name, *more)
    assert r.returncode == 0, r.stderr
    return r.stdout.strip()


def stream(service, run, after=None, seconds=30, until=lambda events: False, token=None, cookie=None):
    """What Server-Sent Events bring: [(id, event, data)]; read until the stream or `until` ends."""
    c, got, block = http.client.HTTPConnection("127.0.0.1", service.port, timeout=seconds), [], {}
    who = {"Cookie": cookie} if cookie else {"Authorization": f"Bearer {token or service.token}"}
    c.request("GET", f"/v1/runs/{run}/events", headers={**who, "Accept": "text/event-stream",
                                                        **({} if after is None else {"Last-Event-ID": str(after)})})
    answer = c.getresponse()
    assert answer.status == 200 and answer.getheader("Content-Type").startswith("text/event-stream"), (answer.status, answer.getheaders())
    for line in answer:
        line = line.decode().rstrip("\n")
        if line and line[0] != ":":
            key, _, value = line.partition(": ")
            block[key] = value
        elif not line and "event" in block:
            got.append((int(block["id"]) if "id" in block else None, block["event"], json.loads(block["data"])))
            block = {}
            if until(got):
                break
    c.close()
    return got


def problem(r, status, code=None):
    """The answer is a problem document with this status, and says the exit code."""
    assert r.status == status, f"{r.status}, expected {status}: {r.text[:500]}"
    assert r.headers["content-type"] == "application/problem+json", r.headers
    body = json.loads(r.text)
    assert body["status"] == status and body["detail"] and body["title"] and (code is None or body["code"] == code), body
    return body["detail"]


def split_is(green):
    return lambda s: (s.get("split") or {}).get("green") == green


def held_at(green):
    """Watched there: a promotion has a hold to end."""
    return lambda s: split_is(green)(s) and (s["waitingFor"] or {}).get("kind") == "hold"


def fence(lab):
    """The highest fencing number in any balancer's mark."""
    counters = []
    for path in lab.dir.rglob("*.mark"):
        with contextlib.suppress(ValueError, OSError):
            counters.append(json.loads(path.read_text())["token"]["counter"])
    return max(counters, default=0)


def no_failures(load):
    time.sleep(0.3)
    load.stop()
    assert not load.failed(), f"{len(load.failed())} of {len(load.answers)} requests failed: {collections.Counter(a.status for a in load.failed())}"
    return len(load.answers)


# -- the API -----------------------------------------------------------------------------------------------------------------

def api_end_to_end():
    """A release by a CI job's token and two people, followed by Server-Sent Events, steered, and taken back."""
    with Lab() as lab:
        lb = lab.haproxy()
        gate = {"validate": [{"http": {"get": "/api/health", "expect": {"json": {"status": "healthy"}}}}, {"approval": {"by": 1, "timeout": "1h"}}]}
        lab.playbook([lb], {**canary("60s", "25%", "50%"), **gate})
        s, load = Service(lab, token=token(lab, "root", "--scope", "admin")), lab.load(lb, 60)
        make = lambda name, **more: json.loads(s.ask("POST", "/v1/tokens", {"name": name, **more}).text)
        ci, anna = make("ci", scopes=["deploy"], services=["app"]), make("anna", scopes=["approve"])
        assert ci["name"] == "ci" and "token" in ci, ci
        secret = ci["token"]
        order, once = {"version": "v2.5.0", "reason": "ticket 17"}, {"Idempotency_Key": "job-1"}
        first = s.ask("POST", "/v1/services/app/runs", order, token=secret, **once)
        assert first.status == 201, first
        run = json.loads(first.text)["run"]
        again = s.ask("POST", "/v1/services/app/runs", order, token=secret, **once)
        assert (again.status, again.text) == (201, first.text), again
        problem(s.ask("POST", "/v1/services/app/runs", {"version": "v9"}, token=secret, **once), 422, 64)
        assert len(s.get("/v1/runs")["runs"]) == 1
        followed = []
        reader = threading.Thread(target=lambda: followed.extend(stream(s, run, seconds=90)), daemon=True)
        reader.start()
        s.until(lambda now: (now["waitingFor"] or {}).get("kind") == "approval")
        problem(s.ask("POST", f"/v1/runs/{run}/commands", {"command": "approve"}, token=secret), 403, 77)
        assert s.command(run, "approve", token=anna["token"], reason="looks good") is None
        s.until(split_is(25))
        assert s.command(run, "pause", reason="lunch") is None
        s.until(lambda now: now["state"] == "paused")
        assert s.command(run, "proceed") is None
        # The split is asserted anew before the hold goes on.
        s.until(held_at(25))
        assert s.command(run, "promote") is None
        s.until(held_at(50))
        assert s.command(run, "promote", full=True) is None
        assert s.until_ended(run) == "succeeded" and lab.shares(lb, 40) == GREEN
        problem(s.ask("POST", f"/v1/runs/{run}/commands", {"command": "promote"}), 409, 1)
        reader.join(20)
        events, last = s.events(run), s.get(f"/v1/runs/{run}")["lastEvent"]
        assert [e["event"] for e in events] == list(range(1, last + 1)), events
        assert [d for i, kind, d in followed if kind == "entry"] == events, "the stream is not the journal"
        assert followed[-1][1:] == ("end", {"state": "succeeded"}), followed[-1]
        part = stream(s, run, until=lambda got: len(got) == 3)
        rest = stream(s, run, after=part[-1][0])
        assert part + rest == followed, "Last-Event-ID misses something"
        pages, after = [], 0
        while after is not None:
            page = s.get(f"/v1/runs/{run}/events?limit=2&after={after}")
            pages, after = pages + page["events"], page["next"]
        assert pages == events, "the pages are not the journal"
        by = {e["command"]: e for e in events if e["type"] == "commanded"}
        assert by["approve"]["by"].startswith("anna (token ") and by["approve"]["by"].endswith("127.0.0.1)"), by
        assert by["approve"]["reason"] == "looks good" and by["pause"]["reason"] == "lunch", by
        assert "v2.5.0" in s.ask("GET", f"/v1/runs/{run}/report?format=markdown").text
        assert "service" in s.ask("GET", f"/v1/runs/{run}/playbook").text
        back = s.ask("POST", "/v1/services/app/rollback", {"reason": "seen on the phone"}, token=secret, Idempotency_Key="job-2")
        assert back.status in (200, 202), back
        assert eventually(lambda: lab.shares(lb, 20) == BLUE)
        repeated = s.ask("POST", "/v1/services/app/rollback", {"reason": "seen on the phone"}, token=secret, Idempotency_Key="job-2")
        assert (repeated.status, repeated.text) == (back.status, back.text), repeated
        assert s.until_ended(run) == "rolledBack"
        audit = s.get("/v1/audit")
        assert audit["whole"] is True and audit["entries"] >= last, audit
        metrics = s.ask("GET", "/metrics").text
        assert 'bgdeploy_service_split_percent{service="app",environment="blue"} 100' in metrics, metrics
        return f"{no_failures(load)} requests, 0 failed; {len(events)} events"


def the_reason_of_a_run_is_kept():
    """Why a run was asked for is said in its journal, also of one that waited."""
    with Lab() as lab:
        lab.playbook([lab.haproxy()], canary())
        s = Service(lab, token=token(lab, "root", "--scope", "admin"))
        run = s.run("v2.5.0", reason="ticket 17")["run"]
        s.run("v2.5.0", reason="ticket 18", queue=True, code=202)
        assert "ticket 18" in json.dumps(s.get("/v1/services/app/queue")), "the queue does not say why"
        s.until(split_is(25))
        s.command(run, "abort")
        s.until_ended(run)
        assert eventually(lambda: len(s.get("/v1/runs")["runs"]) == 2), "what waited was not begun"
        second = s.get("/v1/runs")["runs"][0]["run"]
        for one, word in ((run, "ticket 17"), (second, "ticket 18")):
            assert word in s.ask("GET", f"/v1/runs/{one}/journal").text, f"the journal does not say {word}"
        s.command(second, "abort")


def the_log_of_a_step_is_masked():
    """What a step printed can be read through the API, without the secrets that it printed too."""
    with Lab() as lab:
        lab.playbook([lab.haproxy()], {**canary(), "prepare": [{"run": ["sh", "-c", "echo hello; echo $SHOP"], "env": {"SHOP": "${secret.SHOP_KEY}"}}]})
        s = Service(lab, token=token(lab, "root", "--scope", "admin"), env={"SHOP_KEY": "hunter2hunter2"})
        run = s.run("v2.5.0")["run"]
        s.until(split_is(25))
        r = s.ask("GET", f"/v1/runs/{run}/steps/prepare-1/log")
        assert r.status == 200 and "hello" in r.text, r
        everything = [r.text, s.ask("GET", f"/v1/runs/{run}/journal").text, s.ask("GET", f"/v1/runs/{run}/report").text, s.log.read_text()]
        assert not any("hunter2" in text for text in everything), "the secret is shown"
        problem(s.ask("GET", f"/v1/runs/{run}/steps/..%2f..%2fprepare-1/log"), 404)
        s.command(run, "abort")


def what_is_refused():
    """Each refusal is a problem document with its status and exit code, and changes nothing."""
    with Lab() as lab:
        a, b = lab.haproxy(), lab.haproxy("other")
        lab.playbook([a], canary())
        lab.playbook([b], {**canary(), "service": "other"}, name="other.yml")
        s = Service(lab, playbooks=("bgdeploy.yml", "other.yml"), token=token(lab, "root", "--scope", "admin"))
        reads, deploys = token(lab, "eve", "--scope", "read"), token(lab, "ci", "--scope", "deploy", "--service", "other")
        old = token(lab, "old", "--scope", "deploy")
        runs = "/v1/services/app/runs"
        problem(s.ask("GET", "/v1/services", token=""), 401, 77)
        problem(s.ask("GET", "/v1/services", token="bgd_nonsense"), 401, 77)
        problem(s.ask("POST", runs, {"version": "v2.5.0"}, token=reads), 403, 77)
        problem(s.ask("GET", "/v1/services/app", token=deploys), 403, 77)
        problem(s.ask("POST", runs, {"version": "v2.5.0"}, token=deploys), 403, 77)
        problem(s.ask("GET", "/v1/tokens", token=old), 403, 77)
        problem(s.ask("GET", "/v1/audit", token=old), 403, 77)
        assert [x["service"] for x in json.loads(s.ask("GET", "/v1/services", token=deploys).text)["services"]] == ["other"]
        number = next(t["id"] for t in s.get("/v1/tokens")["tokens"] if t["name"] == "old")
        assert s.ask("DELETE", f"/v1/tokens/{number}").status == 200
        problem(s.ask("GET", "/v1/services", token=old), 401, 77)
        for path in ("/v1/services/nothing", "/v1/runs/nothing", "/v1/nothing", "/v1/services/nothing/queue", "/v1/runs/nothing/events"):
            problem(s.ask("GET", path), 404)
        for body, word in (({}, "version"), ({"version": "v2.5.0", "verison": 1}, "verison"), ({"version": 7}, "string"),
                           ({"version": "v1; rm"}, "version"), ({"version": "v2.5.0", "strategy": "sideways"}, "sideways")):
            told = problem(s.ask("POST", runs, body), 422)
            assert word in told, f"{body}: {told}"
        problem(s.ask("POST", runs, ["v2.5.0"]), 400)
        for query in ("limit=0", "limit=x", "limit=201"):
            problem(s.ask("GET", f"/v1/runs?{query}"), 422, 64)
        assert s.get("/v1/runs")["runs"] == []
        run = s.run("v2.5.0")["run"]
        problem(s.ask("GET", f"/v1/runs/{run}", token=deploys), 403, 77)
        problem(s.ask("POST", f"/v1/runs/{run}/commands", {"command": "abort"}, token=deploys), 403, 77)
        problem(s.ask("POST", f"/v1/runs/{run}/commands", {"command": "abort"}, token=reads), 403, 77)
        assert "app is held" in problem(s.ask("POST", runs, {"version": "v2.6.0"}), 409, 75)
        assert "expected approve" in problem(s.ask("POST", f"/v1/runs/{run}/commands", {"command": "explode"}), 422, 64)
        s.until(split_is(25))
        problem(s.ask("PUT", "/v1/services/app/traffic", {"split": {"green": 50}}), 409, 75)
        refused = problem(s.ask("POST", f"/v1/runs/{run}/commands", {"command": "approve"}), 409, 1)
        problem(s.ask("POST", "/v1/services/app/rollback", {"run": "nothing"}), 404)
        problem(s.ask("POST", "/v1/services/other/rollback", {}), 404)
        document, count = s.get("/v1/openapi.json"), 0
        for path, methods in document["paths"].items():
            for name, value in dict(service="app", run=run, step="prepare-1", command="1", token=number).items():
                path = path.replace("{" + name + "}", value)
            for method in ("get", "put", "post", "delete", "patch", "options"):
                body = {} if method in ("put", "post", "patch") else None
                if method not in methods:
                    r = s.ask(method.upper(), path, body, **({} if path.startswith("/v1") else {"Origin": f"http://127.0.0.1:{s.port}"}))
                    assert r.status == 405 and set(r.headers["allow"].split(", ")) == {m.upper() for m in methods}, f"{method} {path}: {r}"
                elif methods[method].get("security") != []:
                    problem(s.ask(method.upper(), path, body, token=""), 401, 77)
                    count += 1
        assert count > 20, count
        assert s.command(run, "abort") is None and s.until_ended(run) == "rolledBack" and lab.shares(a, 40) == BLUE
        done = s.ask("PUT", "/v1/services/other/traffic", {"split": {"green": 25}}, token=deploys)
        assert done.status == 200 and json.loads(done.text)["split"] == {"blue": 75, "green": 25}, done
        assert abs(lab.shares(b, 400)["green"] - 0.25) < 0.06 and lab.shares(a, 40) == BLUE
        for _ in range(12):
            last = s.ask("GET", "/v1/services", token="bgd_nonsense")
        problem(last, 429)
        assert int(last.headers["retry-after"]) in range(1, 61) and s.ask("GET", "/v1/services", token=reads).status == 200
        return f"{count} operations want a token; {refused}"


def a_queue_is_worked_off_in_order():
    """What waits begins when the run before it is settled; one that cannot begin says why and is not in the way."""
    with Lab() as lab:
        lb = lab.haproxy()
        lab.playbook([lb], {**canary(), "prepare": [{"run": ["sh", "-c", f"echo $0 >> {lab.dir}/ran", "${version}"]}]})
        s = Service(lab, token=token(lab, "root", "--scope", "admin"))
        run = s.run("v2.5.0")["run"]
        for version in ("v2.5.0", "v2.6.0"):
            s.run(version, strategy="instant", queue=True, code=202)
        assert [q["version"] for q in s.get("/v1/services/app/queue")["queue"]] == ["v2.5.0", "v2.6.0"]
        s.until(split_is(25))
        lab.blue.version = "v2.6.0"
        assert s.command(run, "abort") is None
        done = lambda: [(r["version"], r["state"]) for r in s.get("/v1/runs")["runs"]]
        expected = [("v2.6.0", "succeeded"), ("v2.5.0", "succeeded"), ("v2.5.0", "rolledBack")]
        assert eventually(lambda: done() == expected, 40, 0.2), done()
        assert s.get("/v1/services/app/queue")["queue"] == [] and lab.shares(lb, 40) == BLUE
        assert (lab.dir / "ran").read_text().split() == ["v2.5.0", "v2.5.0", "v2.6.0"]


def server_command_line():
    """The command line at the service, on a host that has neither playbook nor journal: the same words and exit codes."""
    with Lab() as lab, tempfile.TemporaryDirectory() as elsewhere:
        lb = lab.haproxy()
        lab.playbook([lb], {**canary("1s"), "validate": [{"approval": {"by": 1, "timeout": "1h"}}]})
        root = token(lab, "root", "--scope", "admin")
        s, reads = Service(lab, token=root), token(lab, "eve", "--scope", "read")
        base = {k: v for k, v in os.environ.items() if not k.startswith("BGDEPLOY_")}

        def at(*args, code=0, words=(), token=root, wait=True, address=f"http://127.0.0.1:{s.port}"):
            env = dict(base, BGDEPLOY_SERVER=address, BGDEPLOY_TOKEN=token, NO_COLOR="1")
            p = subprocess.Popen([binary(), *args], env=env, cwd=elsewhere, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            if not wait:
                lab.procs.append(p)
                return p
            out, err = p.communicate(timeout=60)
            assert p.returncode == code, f"{' '.join(args)}: exit {p.returncode}, expected {code}: {out[-600:]} {err[-600:]}"
            for word in words:
                assert word in out + err, f"{' '.join(args)}: no {word!r} in {out[-600:]} {err[-600:]}"
            return out
        at("status", words=("app", "blue", "no run yet"))
        at("plan", "v2.5.0", words=("v2.5.0", "25"))
        at("run", "v2.5.0", "--yes", code=77, token=reads, words=("deploy",))
        at("status", code=77, token="bgd_nonsense")
        at("status", code=69, address=f"http://127.0.0.1:{free_port()}")
        at("run", "v1; rm", "--yes", code=64)
        p = at("run", "v2.5.0", "--yes", wait=False)
        s.until(lambda now: (now["waitingFor"] or {}).get("kind") == "approval")
        at("run", "v2.6.0", "--yes", code=75, words=("v2.5.0",))
        at("approve", code=77, token=reads)
        at("approve", "--reason", "looks good")
        out, err = p.communicate(timeout=60)
        assert p.returncode == 0 and "approv" in out + err, f"exit {p.returncode}: {out[-600:]} {err[-600:]}"
        assert lab.shares(lb, 40) == GREEN
        run = s.get("/v1/runs")["runs"][0]["run"]
        assert run in at("history") and at("history", "--output", "json") == lab.command("history", "--output", "json").stdout
        assert at("events", "--output", "json") == lab.command("events", "--output", "json").stdout, "events differ"
        assert at("report", run) == lab.command("report", run).stdout, "the report differs"
        assert json.loads(at("status", "--output", "json")) == json.loads(lab.command("status", "--output", "json").stdout)
        at("rollback", "--yes", "--reason", "seen on the phone", words=("blue",))
        assert lab.shares(lb, 40) == BLUE
        at("run", "v2.5.0", "--yes", "--no-wait", code=5)
        at("abort", "--yes")
        p = at("run", "v2.5.0", "--yes", "--key", "job-7", wait=False)
        s.until(lambda now: (now["waitingFor"] or {}).get("kind") == "approval")
        count = len(s.get("/v1/runs")["runs"])
        again = at("run", "v2.5.0", "--yes", "--key", "job-7", wait=False)
        at("approve")
        s.until(split_is(25))
        at("abort", "--yes", "--reason", "changed our minds")
        for one in (p, again):
            out, err = one.communicate(timeout=60)
            assert one.returncode == 3 and "changed our minds" in out + err, f"exit {one.returncode}: {out[-600:]} {err[-600:]}"
        assert len(s.get("/v1/runs")["runs"]) == count, "the key has begun two runs"
        assert lab.shares(lb, 40) == BLUE and os.listdir(elsewhere) == []
        at("status", address=f"unix:{lab.dir}/one.sock", token="", words=("app",))


def a_stream_ends_with_its_token():
    """Who follows a run is cut off within seconds when the token is revoked or over, and a browser when it logs out; others follow on."""
    with Lab() as lab:
        lab.playbook([lab.haproxy()], canary())
        s = Service(lab, token=token(lab, "root", "--scope", "admin"))
        run = s.run("v2.5.0")["run"]
        s.until(split_is(25))
        page = {"Origin": f"http://127.0.0.1:{s.port}", "Content-Type": "application/x-www-form-urlencoded"}

        def post(path, cookie, **fields):
            c = http.client.HTTPConnection("127.0.0.1", s.port, timeout=20)
            c.request("POST", path, urllib.parse.urlencode(fields), {**page, **({"Cookie": cookie} if cookie else {})})
            answer = c.getresponse()
            return answer, answer.read().decode()
        anna = token(lab, "anna", "--scope", "read")
        browser = token(lab, "bob", "--scope", "read")
        cookie = post("/login", None, token=browser)[0].getheader("Set-Cookie").split(";")[0]
        ended = {}

        def follow(name, **who):
            start = time.monotonic()
            try:
                got = stream(s, run, seconds=40, **who)
            except TimeoutError:
                return
            ended[name] = (time.monotonic() - start, got[-1][1])
        short = token(lab, "short", "--scope", "read", "--expires", "6s")
        threads = [threading.Thread(target=follow, args=(name,), kwargs=who, daemon=True) for name, who in
                   (("root", {}), ("anna", {"token": anna}), ("short", {"token": short}), ("bob", {"token": "", "cookie": cookie}))]
        [t.start() for t in threads]
        assert eventually(lambda: "bgdeploy_followers 4" in s.ask("GET", "/metrics").text, 5), "four follow"
        assert eventually(lambda: "short" in ended, 20), "the token that is over is let follow on"
        assert ended["short"][0] < 15 and ended["short"][1] == "entry", ended
        time.sleep(3)
        assert set(ended) == {"short"}, f"others were cut off too: {ended}"
        number = next(t["id"] for t in s.get("/v1/tokens")["tokens"] if t["name"] == "anna")
        start = time.monotonic()
        assert s.ask("DELETE", f"/v1/tokens/{number}").status == 200
        assert eventually(lambda: "anna" in ended, 15), "the revoked token is let follow on"
        took = time.monotonic() - start
        problem(s.ask("GET", f"/v1/runs/{run}/events", token=anna, Accept="text/event-stream"), 401)
        form = http.client.HTTPConnection("127.0.0.1", s.port, timeout=20)
        form.request("GET", "/", headers={"Cookie": cookie})
        csrf = re.search(r'name="csrf" value="([0-9a-f]+)"', form.getresponse().read().decode())[1]
        assert post("/logout", cookie, csrf=csrf)[0].status == 303
        assert eventually(lambda: "bob" in ended, 15), "who has logged out is let follow on"
        assert "root" not in ended, ended
        s.command(run, "abort")
        assert eventually(lambda: "root" in ended, 20) and ended["root"][1] == "end", ended
        return f"{took:.1f} s after it was revoked"


def retired_and_pushed_through_a_window_from_elsewhere():
    """`retire` and `--override-window` at the service: what they do, what they refuse, and who did it."""
    with Lab() as lab, tempfile.TemporaryDirectory() as elsewhere:
        lb, marker, year = lab.haproxy(), lab.dir / "stopped", time.gmtime().tm_year
        lab.playbook([lb], {"monitor": {"for": "1s"}, "validate": [{"window": {"freeze": [f"{year}-01-01..{year + 1}-12-31"], "then": "stop"}}],
                            "afterwards": [{"retire": {"after": "7d", "do": [{"run": ["touch", str(marker)]}]}}]})
        s = Service(lab, token=token(lab, "root", "--scope", "admin"))
        env = {**{k: v for k, v in os.environ.items() if not k.startswith("BGDEPLOY_")}, "BGDEPLOY_SERVER": f"http://127.0.0.1:{s.port}", "BGDEPLOY_TOKEN": s.token, "NO_COLOR": "1"}

        def at(*args, code=0, words=()):
            r = subprocess.run([binary(), *args], env=env, cwd=elsewhere, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
            assert r.returncode == code, f"{' '.join(args)}: exit {r.returncode}, expected {code}: {r.stdout[-600:]} {r.stderr[-600:]}"
            for word in words:
                assert word in r.stdout + r.stderr, f"{' '.join(args)}: no {word!r} in {r.stdout[-600:]} {r.stderr[-600:]}"
        at("run", "v2.5.0", "--yes", code=1)
        at("run", "v2.5.0", "--yes", "--override-window", code=64, words=("--reason",))
        at("run", "v2.5.0", "--yes", "--override-window", "--reason", "the fix of ticket 9")
        assert lab.shares(lb, 40) == GREEN
        run = s.get("/v1/runs")["runs"][0]["run"]
        journal = s.ask("GET", f"/v1/runs/{run}/journal").text
        assert "the fix of ticket 9" in journal and "root (token" in journal, journal[:900]
        at("retire", "--yes", code=77, words=("--now", "kept"))
        assert not marker.exists()
        at("retire", "--now", "--yes", "--reason", "we are sure", words=("we are sure",))
        assert marker.exists() and s.state()["retiredAt"], s.state()
        at("retire", "--now", "--yes", code=77, words=("out of service",))
        assert lab.shares(lb, 40) == GREEN and os.listdir(elsewhere) == []


def many_are_looked_at_side_by_side():
    """Balancers that hang keep nobody waiting one after the other: all services at once, a deadline for each, and nothing is asked twice in a moment."""
    with Lab() as lab:
        lb = lab.haproxy()
        lab.playbook([lb], canary())
        doors, books = [], ["bgdeploy.yml"]
        for number in range(5):
            door = socket.socket(socket.AF_UNIX)
            door.bind(str(lab.dir / f"hung{number}"))
            door.listen(64)
            doors.append(door)
            books.append(lab.playbook([{**lb, "socket": lab.dir / f"hung{number}"}], {"service": f"hung{number}"}, name=f"hung{number}.yml").name)
        s = Service(lab, playbooks=books, token=token(lab, "root", "--scope", "admin"))
        figures = []
        for path in ("/v1/services", "/metrics", "/v1/services"):
            start = time.monotonic()
            r = s.ask("GET", path)
            figures.append(time.monotonic() - start)
            assert r.status == 200 and figures[-1] < 10, f"{path}: {r.status} after {figures[-1]:.1f} s"
        listed = {x["service"]: x for x in json.loads(r.text)["services"]}
        assert len(listed) == 6 and listed["app"]["split"] == {"blue": 100, "green": 0} and all(x["seenAt"].endswith("Z") for x in listed.values()), listed
        start = time.monotonic()
        again = {x["service"]: x["seenAt"] for x in s.get("/v1/services")["services"]}
        took = time.monotonic() - start
        assert took < 1 and all(again[name] == x["seenAt"] for name, x in listed.items() if name != "app"), f"those that hang were asked again at once, {took:.1f} s after {figures}"
        assert eventually(lambda: {x["service"]: x for x in s.get("/v1/services")["services"]}["app"]["seenAt"] > listed["app"]["seenAt"], 20)
        return ", ".join(f"{f:.1f} s" for f in figures) + f", {took:.2f} s"


def tokens_are_in_the_journal():
    """Who made and revoked a token is in the hash chain, for admins alone and beside the runs; the token is not."""
    with Lab() as lab:
        lab.playbook([lab.haproxy()], canary())
        root = token(lab, "root", "--scope", "admin")
        s = Service(lab, token=root)
        eve = json.loads(s.ask("POST", "/v1/tokens", {"name": "eve", "scopes": ["deploy"], "services": ["app"]}).text)
        reads = token(lab, "bob", "--scope", "read")
        assert lab.command("token", "revoke", eve["id"]).returncode == 0
        r = lab.command("events", "TOKENS")
        lines = [line for line in r.stdout.splitlines() if "token " in line]
        assert r.returncode == 0 and len(lines) == 4, r.stdout + r.stderr
        assert "root: admin on every service" in lines[0] and f"token {eve['id']} made by root (token" in lines[1] and "eve: deploy on app until" in lines[1], lines
        assert f"token {eve['id']} of eve revoked by" in lines[3], lines
        told = s.ask("GET", "/v1/runs/TOKENS/journal").text
        assert '"services":"app"' in told and not any(secret in told + r.stdout for secret in (root, reads, eve["token"])), told
        problem(s.ask("GET", "/v1/runs/TOKENS/journal", token=reads), 403, 77)
        assert s.get("/v1/runs")["runs"] == [] and "no run yet" in lab.command("history", "--all").stdout
        audit = s.get("/v1/audit")
        assert audit["whole"] and audit["entries"] == 5, audit
        with contextlib.closing(sqlite3.connect(lab.dir / "state.db")) as state:
            state.execute("update events set event = replace(event, 'eve', 'ann')")
            state.commit()
        assert lab.command("audit", "verify").returncode == 1


def small_print():
    """HEAD, what is not there, what is logged, and how long a queue may get."""
    with Lab() as lab:
        lab.playbook([lab.haproxy()], canary())
        s = Service(lab, token=token(lab, "root", "--scope", "admin"))
        for path in ("/livez", "/v1/services", "/v1/services/app", "/v1/nothing"):
            get, head = s.ask("GET", path), s.ask("HEAD", path)
            assert (head.status, head.text) == (get.status, ""), f"HEAD {path}: {head}"
        problem(s.ask("GET", "/v1/commands/17"), 404)
        run = s.run("v2.5.0")["run"]
        problem(s.ask("POST", "/v1/services/app/runs", {"version": "v2.6.0"}), 409, 75)
        for number in range(100):
            s.run(f"v3.{number}", queue=True, code=202)
        told = problem(s.ask("POST", "/v1/services/app/runs", {"version": "v4", "queue": True}), 503, 69)
        assert "100 runs wait" in told, told
        lines = [json.loads(line) for line in s.log.read_text().splitlines() if line.startswith("{")]
        assert not [x for x in lines if x["level"] == "error"], lines
        assert len([x for x in lines if "listening" in x["message"]]) == 2, "one line for the address, one for the socket"
        for waiting in s.get("/v1/services/app/queue")["queue"]:
            assert s.ask("DELETE", f"/v1/services/{waiting['queued'].replace('/', '/queue/')}").status == 200
        s.command(run, "abort")


# -- one that ends and begins again ------------------------------------------------------------------------------------------

def restart_loses_nothing():
    """SIGTERM and SIGKILL in a step and in a canary's hold, under load: the next process ends the run, and no step runs twice."""
    figures = []
    for how in (signal.SIGTERM, signal.SIGKILL):
        with Lab() as lab:
            lb, marker = lab.nginx(), lab.dir / "ran"
            lab.playbook([lb], {**canary("5s"), "prepare": [{"run": ["sh", "-c", f"echo start >> {marker}; sleep 2; echo end >> {marker}"]}]})
            s, load = Service(lab, token=token(lab, "root", "--scope", "admin")), lab.load(lb, 100)
            run = s.run("v2.5.0")["run"]
            assert eventually(marker.exists)
            start = time.monotonic()
            code = s.end(how)
            figures.append(f"{how.name} {time.monotonic() - start:.1f} s")
            assert code == (0 if how == signal.SIGTERM else -9), f"exit {code} after {how.name}"
            s.start()
            s.until(split_is(25))
            waits = s.until(lambda now: (now["waitingFor"] or {}).get("kind") == "hold")["waitingFor"]
            start = time.monotonic()
            s.end(how)
            figures.append(f"{time.monotonic() - start:.1f} s")
            assert abs(lab.shares(lb, 200)["green"] - 0.25) < 0.05, "the traffic was moved"
            s.start()
            now = s.state()
            assert now["run"] == run and (now["waitingFor"] in (waits, None) or now["waitingFor"]["kind"] != "hold"), f"the hold begins anew: {waits}, {now['waitingFor']}"
            assert s.until_ended(run) == "succeeded" and lab.shares(lb, 40) == GREEN
            assert marker.read_text().split() == ["start", "end"], f"{how.name}: the step ran {marker.read_text().split()}"
            assert len(s.get("/v1/runs")["runs"]) == 1
            no_failures(load)
    return ", ".join(figures)


def a_long_hold_outlives_many_restarts():
    """Six upgrades of the service in one hold are no crashes of the run: it is watched all the while, and ends well."""
    for how in (signal.SIGTERM, signal.SIGKILL):
        with Lab() as lab:
            lb = lab.haproxy()
            lab.playbook([lb], canary("30s"))
            s = Service(lab, token=token(lab, "root", "--scope", "admin"))
            run = s.run("v2.5.0")["run"]
            s.until(split_is(25))
            for number in range(6):
                s.end(how)
                s.start()
                drives = lambda: ((s.get("/v1/services/app/lease") or {}).get("holder") or {}).get("process") == s.process.pid
                assert eventually(drives, 10), f"{how.name} number {number + 1}: nobody goes on with it: {s.log.read_text()[-500:]}"
            assert s.command(run, "promote", full=True) is None and s.until_ended(run) == "succeeded" and lab.shares(lb, 40) == GREEN


def asked_again_after_it_died_before_answering():
    """A process dies after the run's first entry and before its answer is kept: the same key never begins a second run."""
    with Lab() as lab:
        lb = lab.haproxy()
        lab.playbook([lb], {"monitor": {"for": "1s"}})
        s = Service(lab, token=token(lab, "root", "--scope", "admin"))
        lab.blue.version = "v2.5.0"
        ask = lambda: s.ask("POST", "/v1/services/app/runs", {"version": "v2.5.0"}, Idempotency_Key="job-1")
        run = json.loads(ask().text)["run"]
        assert s.until_ended(run) == "succeeded"
        s.end(signal.SIGKILL)
        with contextlib.closing(sqlite3.connect(lab.dir / "state.db")) as state:  # as it would have left it three minutes ago
            (key, text), = state.execute("select key, value from records where kind = 'idempotency'").fetchall()
            entry = json.loads(text)
            entry.pop("answer")
            entry["since"] = {k: v - 180_000 for k, v in entry["since"].items()} if isinstance(entry["since"], dict) else entry["since"] - 180_000
            state.execute("update records set value = ? where kind = 'idempotency' and key = ?", (json.dumps(entry), key))
            state.commit()
        s.start()
        again = ask()
        assert len(s.get("/v1/runs")["runs"]) == 1, f"it was begun a second time: {again.status} {again.text[:300]}"
        assert again.status == 201 and json.loads(again.text)["run"] == run and lab.shares(lb, 40) == GREEN, again


def an_open_gate_outlives_its_process():
    """A run that waits for an approval and one that is paused are nobody's while the service is down, and go on when somebody says so."""
    with Lab() as lab:
        lb = lab.haproxy()
        lab.playbook([lb], {**canary(), "validate": [{"approval": {"by": 1, "timeout": "1h"}}]})
        s = Service(lab, token=token(lab, "root", "--scope", "admin"))
        run = s.run("v2.5.0")["run"]
        s.until(lambda now: (now["waitingFor"] or {}).get("kind") == "approval")
        s.end(signal.SIGKILL)
        s.start()
        assert s.command(run, "approve") is None
        s.until(split_is(25))
        assert s.command(run, "pause") is None
        s.end(signal.SIGTERM)
        s.start()
        time.sleep(3)
        assert s.state()["state"] == "paused" and s.state()["split"]["green"] == 25, s.state()
        assert s.command(run, "proceed") is None
        s.until(held_at(25))
        assert s.command(run, "promote", full=True) is None
        assert s.until_ended(run) == "succeeded" and lab.shares(lb, 40) == GREEN


def one_in_a_container_is_judged_by_its_time():
    """Two on one journal and one host, one of them in a PID namespace: its number is another process's here, so only its lease's time counts."""
    if subprocess.run([*CONTAINED, "true"], capture_output=True).returncode != 0:
        return "left out: no PID namespaces here"
    with Lab() as lab:
        lb = lab.haproxy()
        lab.playbook([lb], canary())
        root = token(lab, "root", "--scope", "admin")
        inside, outside = Service(lab, "inside", token=root, contained=True), Service(lab, "outside", token=root)
        run = inside.run("v2.5.0")["run"]
        inside.until(split_is(25))
        before = fence(lab)
        time.sleep(6)
        assert fence(lab) == before, "it was taken from a process that lives"
        assert outside.state()["state"] in ("running", "waiting"), outside.state()["state"]
        inside.end(signal.SIGKILL)
        start = time.monotonic()
        assert eventually(lambda: fence(lab) > before, 40), outside.log.read_text()[-900:]
        took = time.monotonic() - start
        assert outside.command(run, "promote", full=True) is None and outside.until_ended(run) == "succeeded" and lab.shares(lb, 40) == GREEN
        return f"taken over {took:.1f} s after it was killed"


# -- two on one PostgreSQL ---------------------------------------------------------------------------------------------------

class Pair:
    """Two orchestrators, each as on a host of its own, one PostgreSQL, one balancer under load."""

    def __init__(self, kind="haproxy", extra=None, rate=60):
        self.postgres, self.lab = Postgres(), Lab()
        self.lab.state = self.postgres.url()
        self.lb = getattr(self.lab, kind)()
        self.lab.playbook([self.lb], extra or canary())
        admin = token(self.lab, "root", "--scope", "admin")
        self.services = [Service(self.lab, name, host=f"host-{name}", token=admin) for name in ("alpha", "beta")]
        self.load = self.lab.load(self.lb, rate)
        self.falls, self.stopping = [], threading.Event()
        self.watcher = threading.Thread(target=self.watch, daemon=True)
        self.watcher.start()

    def watch(self):
        """Notes each time that the balancer's mark has a lower fence than before."""
        highest = 0
        while not self.stopping.wait(0.02):
            now = fence(self.lab)
            if 0 < now < highest:
                self.falls.append((highest, now))
            highest = max(highest, now)

    def driver(self):
        """The one that holds the service, and the other."""
        lease = {}
        for s in self.services:
            with contextlib.suppress(OSError, http.client.HTTPException, AssertionError):
                lease = s.get("/v1/services/app/lease", timeout=5) or {}
                break
        host = lease.get("holder", {}).get("host")
        return next((tuple(self.services[::step]) for step in (1, -1) if self.services[::step][0].host == host), None)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stopping.set()
        self.watcher.join(5)
        for s in self.services:
            s.process.send_signal(signal.SIGCONT)
        self.lab.__exit__()
        self.postgres.__exit__()


def can_be_two_hosts():
    return subprocess.run(["unshare", *([] if os.geteuid() == 0 else ["--map-root-user"]), "--uts", "true"], capture_output=True).returncode == 0


def two_orchestrators_on_postgresql():
    """kill -9 of the one that drives: the other goes on within the lease's time. One that was stopped and wakes up changes nothing."""
    if not can_be_two_hosts():
        return "left out: no UTS namespaces here"
    with Pair() as pair:
        lab = pair.lab
        run = pair.services[0].run("v2.5.0")["run"]
        pair.services[0].until(split_is(25))
        driving, other = pair.driver()
        before = fence(lab)
        start = time.monotonic()
        driving.end(signal.SIGKILL)
        assert eventually(lambda: fence(lab) > before, 40), f"nobody took over\n{other.log.read_text()[-900:]}"
        took = time.monotonic() - start
        assert took < 20, f"the other took over after {took:.1f} s"
        assert other.state()["split"]["green"] == 25 and other.command(run, "promote", full=True) is None
        assert other.until_ended(run) == "succeeded" and lab.shares(pair.lb, 40) == GREEN
        driving.start()

        lab.blue.version = "v2.6.0"
        run = driving.run("v2.6.0")["run"]
        driving.until(lambda now: (now.get("split") or {}).get("blue") == 25)
        asleep, other = pair.driver()
        before, start = fence(lab), time.monotonic()
        asleep.process.send_signal(signal.SIGSTOP)
        assert eventually(lambda: fence(lab) > before, 40), "nobody took over from one that is stopped"
        slept = time.monotonic() - start
        assert other.until(lambda now: now["state"] == "waiting")["split"]["blue"] == 25
        time.sleep(max(0, 20 - slept))
        taken = fence(lab)
        asleep.process.send_signal(signal.SIGCONT)
        time.sleep(4)
        assert fence(lab) == taken and pair.driver()[0] is other, f"the one that woke up holds the service again: {before}, {taken}, {fence(lab)}"
        assert abs(lab.shares(pair.lb, 200)["blue"] - 0.25) < 0.05
        assert asleep.command(run, "abort", reason="enough") is None, "a command through the other one"
        assert asleep.until_ended(run) == "rolledBack" == other.until_ended(run) and lab.shares(pair.lb, 40) == GREEN
        assert not pair.falls, f"the fence fell: {pair.falls}"
        assert other.get("/v1/audit")["whole"]
        return f"taken over after {took:.1f} s (killed), {slept:.1f} s (stopped); {no_failures(pair.load)} requests, 0 failed"


def two_work_off_one_queue():
    """Two versions wait; the one that drives is killed while they do: each begins once, in order, whoever begins it."""
    if not can_be_two_hosts():
        return "left out: no UTS namespaces here"
    with Pair() as pair:
        lab = pair.lab
        lab.playbook([pair.lb], {**canary(), "prepare": [{"run": ["sh", "-c", f"echo $0 >> {lab.dir}/ran; sleep 1", "${version}"]}]})
        one, two = pair.services
        run = one.run("v2.5.0")["run"]
        one.run("v2.5.0", strategy="instant", queue=True, code=202)
        two.run("v2.6.0", strategy="instant", queue=True, code=202)
        one.until(split_is(25))
        lab.blue.version = "v2.6.0"
        assert two.command(run, "abort") is None
        seen = lambda: [(r["version"], r["state"]) for r in two.get("/v1/runs")["runs"]]
        assert eventually(lambda: len(seen()) == 2, 30), seen()
        driving, other = pair.driver() or (one, two)
        driving.end(signal.SIGKILL)
        two, expected = other, [("v2.6.0", "succeeded"), ("v2.5.0", "succeeded"), ("v2.5.0", "rolledBack")]
        assert eventually(lambda: seen() == expected, 60, 0.2), seen()
        assert (lab.dir / "ran").read_text().split() == ["v2.5.0", "v2.5.0", "v2.6.0"], (lab.dir / "ran").read_text().split()
        assert other.get("/v1/services/app/queue")["queue"] == [] and lab.shares(pair.lb, 40) == BLUE
        return f"{no_failures(pair.load)} requests, 0 failed"


def postgresql_restarts():
    """PostgreSQL is restarted in a hold, for a moment and for longer than a lease: the run ends as it should."""
    if not can_be_two_hosts():
        return "left out: no UTS namespaces here"
    figures = []
    for away, ends in ((0.5, "succeeded"), (18, "succeeded"), (0.5, "rolledBack")):
        with Pair(extra=canary("6s", "25%", "50%")) as pair:
            one, two = pair.services
            run = one.run("v2.5.0")["run"]
            one.until(split_is(25))
            pair.postgres.restart(away)
            start = time.monotonic()
            if ends == "rolledBack":
                one.until(lambda now: now["run"] == run)
                assert two.command(run, "abort") is None
            found = one.until_ended(run, 90)
            figures.append(f"away {away} s: {found} {time.monotonic() - start:.1f} s after")
            assert found == ends, f"{found}, expected {ends}: {one.get(f'/v1/runs/{run}')['reason']}"
            assert pair.lab.shares(pair.lb, 40) == (GREEN if ends == "succeeded" else BLUE)
            assert not pair.falls and one.get("/v1/audit")["whole"]
            no_failures(pair.load)
    return "; ".join(figures)


def state_copy():
    """From SQLite to PostgreSQL: chain whole, history and tokens the same; a new run, and a way back, go on there."""
    with Lab() as lab, Postgres() as postgres:
        lb = lab.haproxy()
        lab.playbook([lb], {"monitor": {"for": "1s"}})
        secret = token(lab, "root", "--scope", "admin")
        assert lab.command("run", "v2.5.0", "--yes").returncode == 0
        lab.blue.version = "v2.6.0"
        assert lab.command("run", "v2.6.0", "--yes").returncode == 0
        looks = [("history", "--output", "json"), ("events", "--output", "json"), ("status", "--output", "json"), ("report",), ("token", "list", "--output", "json")]
        before = [lab.command(*args).stdout for args in looks]
        old = lab.state
        r = lab.command("state", "copy", lab.state, postgres.url(), "--output", "json")
        assert r.returncode == 0, r.stderr
        copied = json.loads(r.stdout)
        lab.state = postgres.url()
        assert [lab.command(*args).stdout for args in looks] == before, "what is told is not the same"
        audit = lab.command("audit", "verify", "--output", "json")
        assert audit.returncode == 0 and copied["head"] in audit.stdout, f"{copied} {audit.stdout} {audit.stderr}"
        again = lab.command("state", "copy", old, postgres.url())
        assert again.returncode not in (0, 70) and "empty" in again.stdout + again.stderr, f"exit {again.returncode}: {again.stderr}"
        s = Service(lab, token=secret)
        assert s.ask("POST", "/v1/services/app/rollback", {"reason": "back"}).status in (200, 202)
        assert eventually(lambda: lab.shares(lb, 20) == GREEN)
        s.until_ended(s.get("/v1/runs")["runs"][0]["run"])
        lab.blue.version = "v2.7.0"
        assert s.until_ended(s.run("v2.7.0")["run"]) == "succeeded" and lab.shares(lb, 40) == BLUE
        assert len(s.get("/v1/runs")["runs"]) == 3 and s.get("/v1/audit")["whole"]
        return f"{copied['entries']} entries"


# -- killed again and again --------------------------------------------------------------------------------------------------

def turn(pair, dice, number, fault):
    """One run with one fault in it; returns what happened."""
    lab = pair.lab
    version, idle = f"v3.{number}.0", lab.green if lab.shares(pair.lb, 20) == BLUE else lab.blue
    live, idle.version = (lab.blue if idle is lab.green else lab.green), version
    is_aborted, after = dice.random() < 0.5, dice.uniform(0, 6)
    run = dice.choice(pair.services).run(version)["run"]
    time.sleep(after)
    victim = dice.choice(pair.services)
    held = (pair.driver() or (None,))[0]
    where = f"run {number}, {fault} of {'the driver' if victim is held else victim.name} after {after:.2f} s, {'aborted' if is_aborted else 'left alone'}"
    back = None
    if fault == "postgresql":
        pair.postgres.restart(dice.uniform(0, 3))
    elif fault == "SIGKILL":
        victim.end(signal.SIGKILL)
        back = (time.monotonic() + dice.choice((0, 2, 18)), victim.start)
    else:
        victim.process.send_signal(signal.SIGSTOP)
        back = (time.monotonic() + dice.choice((1, 8, 20)), lambda: victim.process.send_signal(signal.SIGCONT))
    speaker = victim if fault == "postgresql" else next(s for s in pair.services if s is not victim)
    late = False
    if is_aborted:
        reply = {}

        def post():
            with contextlib.suppress(OSError, http.client.HTTPException):
                r = speaker.ask("POST", f"/v1/runs/{run}/commands", {"command": "abort"}, timeout=30)
                reply["status"] = r.status
                return r.status in (202, 409)
        assert eventually(post, 30, 0.3), f"{where}: abort was not taken: {reply}"
        late = reply["status"] == 409
    end = time.monotonic() + 90
    state = "unknown"
    while time.monotonic() < end and state not in ("succeeded", "failed", "rolledBack", "rollbackFailed"):
        if back and time.monotonic() >= back[0]:
            back[1]()
            back = None
        with contextlib.suppress(OSError, http.client.HTTPException, AssertionError):
            state = speaker.get(f"/v1/runs/{run}", timeout=5)["state"]
        time.sleep(0.1)
    if back:
        back[1]()
    tail = lambda: "\n".join(f"{s.name}: {s.log.read_text()[-700:]}" for s in pair.services)
    # An abort that came after the last decision may find the run ended well.
    allowed = ("succeeded",) if not is_aborted else ("rolledBack", "succeeded") if late else ("rolledBack", "failed")
    if is_aborted and not late and state == "succeeded":
        refusals = [e for e in speaker.events(run) if e["type"] == "commanded" and e["command"] == "abort"]
        allowed += ("succeeded",) if not refusals else ()
    assert state in allowed, f"{where}: {state}, expected {allowed}: {speaker.get(f'/v1/runs/{run}').get('reason')}\n{tail()}"
    users = {(idle if state == "succeeded" else live).name: 1.0}
    time.sleep(0.5)
    assert lab.shares(pair.lb, 40) == users, f"{where}: {state}, and {lab.shares(pair.lb, 40)}\n{tail()}"
    return f"{fault}{' driver' if victim is held and fault != 'postgresql' else ''} {state}"


def kills():
    """N times SIGKILL or SIGSTOP of one of two, and N/5 restarts of PostgreSQL, at random instants of canaries under load."""
    if not can_be_two_hosts():
        return "left out: no UTS namespaces here"
    seed = int(os.environ.get("SEED", random.randrange(10**6)))
    chance = random.Random(seed)
    faults = [chance.choice(("SIGKILL", "SIGSTOP")) for _ in range(TIMES)] + ["postgresql"] * (TIMES // 5)
    chance.shuffle(faults)
    worlds = min(int(os.environ.get("WORLDS", 3)), len(faults))
    counts, requests, bad = collections.Counter(), [], []

    def world(index):
        with Pair("nginx" if index % 2 else "haproxy", canary("2s", "25%", "50%"), rate=40) as pair:
            dice = random.Random(f"{seed} {index}")
            for number, fault in list(enumerate(faults))[index::worlds]:
                try:
                    counts[turn(pair, dice, number, fault)] += 1
                    assert not pair.falls, f"run {number}, {fault}: the fence fell: {pair.falls}"
                    assert not pair.load.failed(), f"run {number}, {fault}: {len(pair.load.failed())} requests failed"
                except Exception as error:
                    bad.append(f"world {index}: {error or type(error).__name__}")
                    return
                print(f"      {number}: {sum(counts.values())} of {len(faults)}", file=sys.stderr, flush=True)
            try:
                assert all(s.get("/v1/audit")["whole"] for s in pair.services)
                requests.append(no_failures(pair.load))
            except Exception as error:
                bad.append(f"world {index}: {error}")
    threads = [threading.Thread(target=world, args=(i,)) for i in range(worlds)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    told = f"seed {seed}: {sum(counts.values())} runs, {dict(sorted(counts.items()))}, {sum(requests)} requests"
    assert not bad, f"{told}\n" + "\n".join(bad)
    return told


def schemathesis():
    """What the OpenAPI document says is what the server does: `pip install schemathesis`, or $SCHEMATHESIS with its path."""
    tool = os.environ.get("SCHEMATHESIS") or shutil.which("schemathesis")
    if not tool:
        return "left out: schemathesis is not installed"
    with Lab() as lab:
        lb = lab.haproxy()
        lab.playbook([lb], {**canary("1s"), "prepare": [{"run": ["echo", "hello"]}]})
        s = Service(lab, token=token(lab, "root", "--scope", "admin"))
        run = s.run("v2.5.0")["run"]
        s.until_ended(run)
        # What only this service can know is wrong (an environment's name, shares that do not rise) is a 422; bad tokens meet the limit of attempts (what_is_refused asks for each).
        (lab.dir / "schemathesis.toml").write_text("[checks]\npositive_data_acceptance.expected-statuses = ['2xx', '401', '403', '404', '409', '422']\n"
                                                   "[parameters]\n'path.service' = 'app'\n'path.step' = 'prepare-1'\n'path.command' = '1'\n")
        r = subprocess.run([tool, "run", f"http://127.0.0.1:{s.port}/v1/openapi.json", "-H", f"Authorization: Bearer {s.token}", "--checks", "all", "--exclude-checks", "ignored_auth",
                            "--max-examples", os.environ.get("EXAMPLES", "25"), "--no-color", "--seed", os.environ.get("SEED", "1")],
                           cwd=lab.dir, capture_output=True, text=True, timeout=900)
        assert r.returncode == 0, (r.stdout + r.stderr)[-int(os.environ.get("TAIL", 1400)):]
        return next((line.strip() for line in reversed(r.stdout.splitlines()) if "generated" in line), "")


if __name__ == "__main__":
    checks = [api_end_to_end, the_reason_of_a_run_is_kept, the_log_of_a_step_is_masked, what_is_refused, a_queue_is_worked_off_in_order, server_command_line, a_stream_ends_with_its_token,
              retired_and_pushed_through_a_window_from_elsewhere, many_are_looked_at_side_by_side, tokens_are_in_the_journal, small_print, restart_loses_nothing,
              a_long_hold_outlives_many_restarts, asked_again_after_it_died_before_answering, an_open_gate_outlives_its_process, one_in_a_container_is_judged_by_its_time, two_orchestrators_on_postgresql, two_work_off_one_queue, postgresql_restarts, state_copy, schemathesis]
    main(checks + ([kills] if "kills" in sys.argv else []))
