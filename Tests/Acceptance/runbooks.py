#!/usr/bin/env python3
"""Runbooks, seen from outside: a real PostgreSQL, real trouble, actions, and the program being killed in the middle of one.

usage: runbooks.py [CHECK ...]      each check prints one line; the last line counts them.
"""
from lab import *
from postgres import ShopServer

DATABASE = {"url": "${secret.DATABASE_URL}"}


class Desk:
    """A folder with a runbook and a journal; `command` is the program in it."""

    def __init__(self, more=None, postgres=None):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="bgdeploy-runbook-"))
        self.postgres, self.procs = postgres, []
        self.state = f"sqlite:{self.dir}/state.db"
        (self.dir / "runbooks").mkdir()
        self.write(more or {})

    def write(self, more, name="trouble"):
        book = {"runbook": name, "service": "mina", "title": "It is broken", "look": [self.flag()], **more}
        (self.dir / "runbooks" / f"{name}.yml").write_text(json.dumps(book, indent=1))

    def flag(self, **more):
        """A check that is fine while the file `fine` is there."""
        return {"run": ["test", "-e", f"{self.dir}/fine"], "reads": True, "name": "the flag is there", **more}

    def mend(self):
        (self.dir / "fine").touch()

    def command(self, *args, env=None, wait=True, timeout=60, **kw):
        e = {**os.environ, "BGDEPLOY_STATE": self.state, "NO_COLOR": "1", **(env or {})}
        if self.postgres:
            e["DATABASE_URL"] = self.postgres.url()
        p = subprocess.Popen([binary(), *args], env=e, cwd=self.dir, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **kw)
        self.procs.append(p)
        if not wait:
            return p
        out, err = p.communicate(timeout=timeout)
        return subprocess.CompletedProcess(args, p.returncode, out, err)

    def look(self, *args, **kw):
        r = self.command("runbook", "trouble", "--output", "json", *args, **kw)
        assert r.returncode in (0, 1), told(r)
        return r.returncode, json.loads(r.stdout)

    def runs(self):
        r = self.command("history", "--all", "--output", "json")
        assert r.returncode == 0, told(r)
        return json.loads(r.stdout)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for p in self.procs:
            if p.poll() is None:
                p.kill()
                p.wait()
        if not os.environ.get("LAB_KEEP"):
            shutil.rmtree(self.dir, ignore_errors=True)


def told(r):
    return f"exit {r.returncode}\n{r.stdout[-1500:]}\n{r.stderr[-1500:]}"


def a_look_finds_and_an_incident_ends():
    """Exit 1 and an open incident while a check fails; the next looks say since when, and the good one ends it."""
    with Desk() as desk:
        desk.write({"look": [desk.flag(severity="P1", hint="Make it.", suggests=["make"]), {"run": ["true"], "reads": True}],
                    "actions": {"other": {"title": "No use", "steps": [{"run": ["true"]}]}, "make": {"title": "Make the flag", "steps": [{"run": ["touch", str(desk.dir / "fine")]}]}}})
        code, first = desk.look()
        assert code == 1 and first["severity"] == "P1" and not first["fine"], first
        assert first["incident"]["run"] == first["run"] and first["incident"]["severity"] == "P1", first
        assert [c["outcome"] for c in first["checks"]] == ["failed", "fine"], first
        assert [a["name"] for a in first["actions"]] == ["make", "other"], first
        assert first["actions"][0]["command"].startswith("bgdeploy runbook trouble --do make"), first
        code, second = desk.look()
        assert second["incident"] == first["incident"] and second["run"] != first["run"], second
        r = desk.command("runbook", "trouble")
        assert r.returncode == 1 and "hint" not in r.stdout and "Make it." in r.stdout and "--do make" in r.stdout, told(r)
        assert "traffic" not in r.stdout and "live" not in r.stdout, told(r)
        desk.mend()
        code, third = desk.look()
        assert code == 0 and third["fine"] and third["incident"] is None, third
        r = desk.command("audit", "verify")
        assert r.returncode == 0, told(r)


def nothing_is_done_unasked():
    """Without a terminal and without --yes an action is refused (77), and nothing is on record."""
    with Desk() as desk:
        desk.write({"actions": {"make": {"title": "Make the flag", "steps": [{"run": ["touch", str(desk.dir / "fine")]}]}}})
        r = desk.command("runbook", "trouble", "--do", "make")
        assert r.returncode == 77 and not (desk.dir / "fine").exists() and not desk.runs(), told(r)
        r = desk.command("runbook", "trouble", "--do", "mkae", "--yes")
        assert r.returncode == 64 and "did you mean `make`" in r.stderr, told(r)
        r = desk.command("runbook", "trouble", "--do", "make", "--yes", "--reason", "night shift")
        assert r.returncode == 0 and (desk.dir / "fine").exists(), told(r)
        run = desk.runs()[0]
        assert run["service"] == "mina:trouble" and run["runbook"]["action"] == "make" and run["stable"] is None, run
        r = desk.command("report", run["run"])
        assert r.returncode == 0 and "live on" not in r.stdout and "moved" not in r.stdout and "night shift" in r.stdout, told(r)
        r = desk.command("rollback", run["run"], "--yes")
        assert r.returncode != 0, told(r)


def an_action_that_does_not_help_says_so():
    """Done, but the checks still fail: exit 1, the incident stays open. A step that fails: nothing after it is done."""
    with Desk() as desk:
        later = {"run": ["touch", str(desk.dir / "later")]}
        desk.write({"actions": {"useless": {"title": "Nothing", "steps": [{"run": ["true"]}]}, "broken": {"title": "Breaks", "steps": [{"run": ["false"]}, later]}}})
        r = desk.command("runbook", "trouble", "--do", "useless", "--yes")
        assert r.returncode == 1 and "1 of 1 checks failed" in r.stdout, told(r)
        assert desk.runs()[0]["incident"], desk.runs()
        r = desk.command("runbook", "trouble", "--do", "broken", "--yes")
        assert r.returncode == 1 and "stays done" in r.stdout and not (desk.dir / "later").exists(), told(r)
        assert desk.runs()[0]["state"] == "failed" and desk.runs()[0]["incident"], desk.runs()


def killed_in_an_action_and_resumed():
    """kill -9 in the middle of an action: looking still works, resume goes on, and the step ran once."""
    with Desk() as desk:
        count = desk.dir / "count"
        slow = {"script": f"echo once >> {count}; until test -e {desk.dir}/go; do sleep 0.05; done; touch {desk.dir}/fine"}
        desk.write({"actions": {"slow": {"title": "Takes its time", "steps": [slow]}}})
        p = desk.command("runbook", "trouble", "--do", "slow", "--yes", wait=False)
        assert eventually(count.exists, 30)
        code, seen = desk.look()
        assert code == 1 and not seen["kept"] and "under way" in seen["unkeptBecause"], seen
        p.kill()
        p.wait()
        run = desk.runs()[0]["run"]
        code, seen = desk.look()
        assert not seen["kept"] and run in seen["unkeptBecause"], seen
        r = desk.command("runbook", "trouble", "--do", "slow", "--yes")
        assert r.returncode == 75 and run in r.stderr, told(r)
        (desk.dir / "go").touch()
        r = desk.command("resume", run)
        assert r.returncode == 0 and count.read_text() == "once\n", told(r) + count.read_text()
        assert desk.runs()[0]["state"] == "succeeded" and len(desk.runs()) == 1, desk.runs()


def killed_in_a_look_and_looked_again():
    """A look that its process left does not stand in the way of the next."""
    with Desk() as desk:
        wait = {"script": f"touch {desk.dir}/begun; until test -e {desk.dir}/go; do sleep 0.05; done", "reads": True, "timeout": "60s"}
        desk.write({"look": [desk.flag(), wait]})
        p = desk.command("runbook", "trouble", wait=False)
        assert eventually((desk.dir / "begun").exists, 30)
        p.kill()
        p.wait()
        (desk.dir / "go").touch()
        code, seen = desk.look()
        assert code == 1 and seen["kept"], seen
        assert [r["state"] for r in desk.runs()] == ["succeeded", "failed"], desk.runs()


def approvals_hold_an_action():
    """Exit 5 at a gate; the person who began it is not another one; the second opens it by the run's name."""
    with Desk() as desk:
        touch = {"run": ["touch", str(desk.dir / "fine")]}
        desk.write({"actions": {"make": {"title": "Make it", "steps": [{"approval": {"four_eyes": True}}, touch]}}})
        r = desk.command("runbook", "trouble", "--do", "make", "--yes", "--no-wait", env={"BGDEPLOY_ACTOR": "ana"})
        run = desk.runs()[0]["run"]
        assert r.returncode == 5 and f"bgdeploy resume {run}" in r.stderr and f"bgdeploy approve {run}" in r.stdout, told(r)
        r = desk.command("approve", run, env={"BGDEPLOY_ACTOR": "ana"})
        assert r.returncode == 1 and "four_eyes" in r.stderr, told(r)
        r = desk.command("approve", run, env={"BGDEPLOY_ACTOR": "ben"})
        assert r.returncode == 5, told(r)
        r = desk.command("resume", run, env={"BGDEPLOY_ACTOR": "ana"})
        assert r.returncode == 0 and (desk.dir / "fine").exists(), told(r)


def the_state_store_is_away():
    """A look without a journal is a look all the same; an action is not begun without one."""
    with Desk() as desk:
        desk.write({"actions": {"make": {"title": "Make it", "steps": [{"run": ["touch", str(desk.dir / "fine")]}]}}})
        away = {"BGDEPLOY_STATE": f"postgresql://nobody@127.0.0.1:{free_port()}/nothing"}
        r = desk.command("runbook", "trouble", env=away)
        assert r.returncode == 1 and "Not kept: the state store cannot be reached" in r.stdout, told(r)
        r = desk.command("runbook", "trouble", "--do", "make", "--yes", env=away)
        assert r.returncode == 69 and not (desk.dir / "fine").exists(), told(r)


def a_deployment_is_not_held_up():
    """An action that takes its time and a release of the same service do not know of each other."""
    with Lab() as lab, Desk() as desk:
        lab.playbook([lab.nginx()], {"service": "mina"})
        desk.state = lab.state
        slow = {"script": f"touch {desk.dir}/begun; until test -e {desk.dir}/go; do sleep 0.05; done; touch {desk.dir}/fine"}
        desk.write({"actions": {"slow": {"title": "Takes its time", "steps": [slow]}}})
        p = desk.command("runbook", "trouble", "--do", "slow", "--yes", wait=False)
        assert eventually((desk.dir / "begun").exists, 30)
        r = lab.command("run", "v2.5.0", "--yes", timeout=120)
        assert r.returncode == 0, told(r)
        (desk.dir / "go").touch()
        assert p.wait(60) == 0
        r = lab.command("status", "--output", "json")
        assert json.loads(r.stdout)["version"] == "v2.5.0", told(r)
        r = lab.command("history", "--output", "json")
        assert [x["version"] for x in json.loads(r.stdout)] == ["v2.5.0"], told(r)
        r = lab.command("rollback", "--yes")
        assert r.returncode == 0, told(r)


def a_service_goes_on_with_an_action():
    """Whose process was killed: the service that serves mina resumes it, and a token for mina approves it; one for another does not."""
    with Lab() as lab, Desk() as desk:
        lab.playbook([lab.nginx()], {"service": "mina"})
        desk.state = lab.state
        count, ports = desk.dir / "count", free_port()
        slow = {"script": f"echo once >> {count}; until test -e {desk.dir}/go; do sleep 0.05; done"}
        desk.write({"actions": {"slow": {"title": "Takes its time", "steps": [slow, {"approval": {}}, {"run": ["touch", f"{desk.dir}/fine"]}]}}})
        mine, other = (lab.command("token", "create", name, "--scope", "approve", "--service", name).stdout.strip().splitlines()[0] for name in ("mina", "other"))
        serve = [binary(), "serve", "--listen", f"127.0.0.1:{ports}", "--socket", f"{lab.dir}/s.sock", "bgdeploy.yml"]
        lab.procs.append(subprocess.Popen(serve, env=dict(os.environ, BGDEPLOY_STATE=lab.state, NO_COLOR="1"), cwd=lab.dir, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
        wait_port(ports, 30)
        p = desk.command("runbook", "trouble", "--do", "slow", "--yes", wait=False)
        assert eventually(count.exists, 30)
        p.kill()
        p.wait()
        (desk.dir / "go").touch()

        def ask(method, path, token, body=None):
            c = http.client.HTTPConnection("127.0.0.1", ports, timeout=30)
            c.request(method, path, body and json.dumps(body), {"Authorization": f"Bearer {token}", **({"Content-Type": "application/json"} if body else {})})
            r = c.getresponse()
            return r.status, json.loads(r.read() or b"{}")

        run = desk.runs()[0]["run"]
        assert eventually(lambda: ask("GET", f"/v1/runs/{run}", mine)[1].get("state") == "waiting", 60), desk.runs()
        assert ask("GET", f"/v1/runs/{run}", other)[0] == 403
        status, seen = ask("GET", f"/v1/runs/{run}", mine)
        assert seen["runbook"]["action"] == "slow" and seen["stable"] is None, seen
        services = ask("GET", "/v1/services", mine)[1]["services"]
        assert [s["service"] for s in services] == ["mina"] and services[0]["run"] is None, services
        assert ask("POST", f"/v1/runs/{run}/commands", other, {"command": "approve"})[0] == 403
        assert ask("POST", f"/v1/runs/{run}/commands", mine, {"command": "approve"})[0] == 202
        assert eventually(lambda: desk.runs()[0]["state"] == "succeeded", 60), desk.runs()
        assert count.read_text() == "once\n" and desk.runs()[0]["incident"] is None


def idle_connections_are_ended():
    """The sample runbook against a real server: a look writes nothing, the action ends what is idle and nothing else."""
    sample = HERE.parent.parent / "playbooks/on-call/database-connections.yml"
    with ShopServer() as postgres, Desk(postgres=postgres) as desk:
        text = sample.read_text().replace("interval '10 minutes'", "interval '1 second'").replace("https://mina.production.com", "http://127.0.0.1:1")
        text = text.split("\nnotify:")[0] + "\n\nlook:" + text.split("\nlook:")[1].split("  - http:")[0] + "  - postgres: { url: \"${secret.DATABASE_URL}\", query: select 1, expect: \"1\", within: 5s }" + text.split("query: select 1, expect: \"1\", within: 5s }")[1]
        (desk.dir / "runbooks/trouble.yml").write_text(text)
        name = "database-connections"
        most = int(postgres.sql("show max_connections")) * 85 // 100
        idle = [subprocess.Popen([f"{postgres.tools}/psql", "-qX", postgres.url()], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, text=True) for _ in range(most)]
        try:
            for p in idle:
                p.stdin.write("select 1;\n")
                p.stdin.flush()
            connected = lambda: int(postgres.sql("select count(*) from pg_stat_activity where state = 'idle' and state_change < now() - interval '1 second'"))
            assert eventually(lambda: connected() == most, 30), connected()
            before = postgres.sql("select xact_commit >= 0, n_tup_ins from pg_stat_database, pg_stat_user_tables limit 1", "shop")
            r = desk.command("runbook", name, "--output", "json")
            seen = json.loads(r.stdout)
            taken = [c for c in seen["checks"] if "80 %" in c["check"]][0]
            assert r.returncode == 1 and taken["outcome"] == "failed" and "terminate-idle" in taken["suggests"], seen
            assert connected() == most and seen["severity"] == "P1", seen
            assert any("psql" in (c["shown"] or "") for c in seen["checks"]), seen
            assert before == postgres.sql("select xact_commit >= 0, n_tup_ins from pg_stat_database, pg_stat_user_tables limit 1", "shop")
            r = desk.command("runbook", name, "--do", "terminate-idle", "--yes")
            assert r.returncode == 0 and "psql" in r.stdout, told(r)
            assert connected() == 0, connected()
            return f"{most} idle connections found and ended"
        finally:
            for p in idle:
                p.kill()
                p.wait()


def a_look_cannot_write():
    """`check` refuses what may change something; what PostgreSQL is asked cannot write whatever its text says."""
    with ShopServer() as postgres, Desk(postgres=postgres) as desk:
        desk.write({"look": [{"run": ["rm", "x"]}, {"postgres": {**DATABASE, "statement": "delete from orders", "writes": True}}]})
        r = desk.command("check", "runbooks/trouble.yml")
        assert r.returncode == 65 and "reads: true" in r.stderr and "belongs into an action" in r.stderr, told(r)
        desk.write({"look": [{"postgres": {**DATABASE, "query": "delete from orders returning 1"}}]})
        code, seen = desk.look()
        assert code == 1 and "25006" in seen["checks"][0]["found"], seen
        assert postgres.sql("select count(*) from orders", "shop") == "2000"


main([a_look_finds_and_an_incident_ends, nothing_is_done_unasked, an_action_that_does_not_help_says_so, killed_in_an_action_and_resumed,
      killed_in_a_look_and_looked_again, approvals_hold_an_action, the_state_store_is_away, a_deployment_is_not_held_up, a_service_goes_on_with_an_action,
      idle_connections_are_ended, a_look_cannot_write])
