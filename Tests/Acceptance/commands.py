#!/usr/bin/env python3
"""Every command, seen from outside: what it prints as text and as JSON, its exit codes, and that looking changes nothing.

usage: commands.py [CHECK ...]      each check prints one line; the last line counts them.
"""
import hashlib, sqlite3
from lab import *

COMMANDS = ["run", "plan", "resume", "approve", "promote", "pause", "abort", "rollback", "status", "health", "traffic", "traffic show",
            "traffic set", "traffic render", "history", "events", "report", "audit", "audit verify", "check", "doctor", "init", "config", "config set-weights", "demo"]
STATUS_FIELDS = ["run", "service", "version", "state", "phase", "stable", "candidate", "split", "waitingFor", "startedAt", "updatedAt", "lastEvent"]


def digest(path):
    return hashlib.sha256(pathlib.Path(path).read_bytes()).hexdigest()


def good(r, code=0):
    assert r.returncode == code, f"bgdeploy {' '.join(r.args)}: exit {r.returncode}, expected {code}: {r.stdout[-600:]} {r.stderr[-600:]}"
    return r


def document(r, code=0):
    """The one JSON document on standard output, and nothing else there."""
    good(r, code)
    try:
        return json.loads(r.stdout)
    except ValueError:
        raise AssertionError(f"bgdeploy {' '.join(r.args)}: not one JSON document: {r.stdout[:400]!r}") from None


def lines(text):
    return [json.loads(line) for line in text.splitlines()]


def in_words(text, *words):
    for word in words:
        assert word in text, f"{word!r} is not in: {text[:900]}"


def status_tells_where_it_stands():
    """Before any run, during one, after it, and after somebody else changed the traffic."""
    with Lab() as lab:
        lb = lab.haproxy()
        lab.playbook([lb], {"strategy": {"canary": ["25%", "100%"], "hold": "60s", "early": False}})
        s = document(lab.command("status", "--output", "json"))
        assert s["run"] is None and s["state"] == "idle" and s["split"] == {"blue": 100, "green": 0} and s["live"] == "blue", s
        in_words(good(lab.command("status")).stdout, "app", "blue is live", "no run yet")
        p = lab.command("run", "v2.5.0", "--yes", wait=False)
        seen = lambda: document(lab.command("status", "--output", "json"))
        assert eventually(lambda: seen()["state"] == "waiting" and seen()["split"]["green"] == 25, 20), seen()
        s = seen()
        missing = [f for f in STATUS_FIELDS if f not in s]
        assert not missing, f"missing {missing}"
        assert (s["version"], s["stable"], s["candidate"], s["phase"], s["service"]) == ("v2.5.0", "blue", "green", "switch", "app"), s
        assert s["waitingFor"]["kind"] == "hold" and s["waitingFor"]["until"].endswith("Z"), s["waitingFor"]
        assert s["split"] == {"blue": 75, "green": 25} and isinstance(s["lastEvent"], int), s
        in_words(good(lab.command("status")).stdout, "v2.5.0", "75", "25", "hold", f"process {p.pid}")
        good(lab.command("promote", "--full"))
        p.communicate(timeout=30)
        s = seen()
        assert (s["state"], s["live"], s["drift"]) == ("succeeded", "green", []), s
        in_words(good(lab.command("status", s["run"])).stdout, "green is live", "succeeded")
        with socket.socket(socket.AF_UNIX) as c:
            c.connect(str(lb["socket"]))
            c.sendall(b"set server app/blue1 weight 100;set server app/green1 weight 0\n")
            c.recv(100)
        s = seen()
        assert s["drift"] and s["split"] == {"blue": 100, "green": 0}, f"the drift is not shown: {s}"
        in_words(good(lab.command("status")).stdout, "somebody else changed the traffic")
        good(lab.command("status", "01NOSUCHRUN"), 69)


def status_shows_a_hand_edit():
    with Lab() as lab:
        lb = lab.nginx()
        lab.playbook([lb])
        good(lab.command("run", "v2.5.0", "--yes"))
        text = lb["config"].read_text()
        lb["config"].write_text(text.replace("max_fails=0 down;", "max_fails=0;"))
        s = document(lab.command("status", "--output", "json"))
        assert s["drift"], f"the edited file is not told: {s}"
        assert "app.conf" in json.dumps(s["drift"]) + json.dumps(s["balancers"]), s["drift"]


def plan_and_dry_run():
    with Lab() as lab:
        lb = lab.nginx()
        lab.playbook([lb], {"prepare": [{"run": ["touch", str(lab.dir / "ran")]}]})
        before = digest(lb["config"])
        for args in (("plan", "v2.5.0"), ("run", "v2.5.0", "--dry-run", "--yes")):
            text = good(lab.command(*args)).stdout
            in_words(text, "preflight", "prepare", "validate", "switch", "monitor", "green gets the version", "+", "-", lab.green.server, "app.conf")
            j = document(lab.command(*args, "--output", "json"))
            assert [p["phase"] for p in j["phases"]][:1] == ["preflight"] and j["stable"] == "blue" and j["candidate"] == "green", j
            assert j["traffic"][-1]["split"] == {"blue": 0, "green": 100} and "+" in j["traffic"][-1]["diff"], j["traffic"]
        text = good(lab.command("plan", "v2.5.0", "--strategy", "20%,60%")).stdout
        in_words(text, "20 %", "60 %", "100 %")
        assert digest(lb["config"]) == before and not (lab.dir / "ran").exists(), "a plan changed something"
        assert document(lab.command("history", "--output", "json")) == []
        good(lab.command("plan", "no version"), 64)
        good(lab.command("plan", "v1", "--strategy", "50%,20%"), 64)


def strategy_overrides_the_playbook():
    with Lab() as lab:
        lb = lab.haproxy()
        lab.playbook([lb], {"strategy": {"canary": ["25%", "100%"], "hold": "1s", "early": False}})
        r = good(lab.command("run", "v2.5.0", "--yes", "--strategy", "instant", "--output", "json"))
        splits = [e["split"]["green"] for e in lines(r.stdout)]
        assert 25 not in splits and splits[-1] == 100, splits
        lab.blue.version = "v2.6.0"
        r = good(lab.command("run", "v2.6.0", "--yes", "--strategy", "30%,60%", "--output", "json"))
        splits = [e["split"]["blue"] for e in lines(r.stdout)]
        assert {30, 60, 100} <= set(splits), splits


def history_events_report_audit():
    """One good and one bad run, told in every format; then one byte of the journal is changed."""
    with Lab() as lab:
        lb = lab.haproxy()
        lab.playbook([lb])
        good(lab.command("history"))
        assert document(lab.command("history", "--output", "json")) == []
        run_out = lines(good(lab.command("run", "v2.5.0", "--yes", "--output", "json")).stdout)
        lab.blue.healthy = False
        good(lab.command("run", "v2.6.0", "--yes"), 1)
        past = document(lab.command("history", "--output", "json"))
        assert [(p["version"], p["state"]) for p in past] == [("v2.6.0", "failed"), ("v2.5.0", "succeeded")], past
        in_words(good(lab.command("history")).stdout, "v2.5.0", "succeeded", "v2.6.0", "failed", past[0]["run"])
        first = past[1]["run"]
        told = lines(good(lab.command("events", first, "--output", "json")).stdout)
        assert [e["event"] for e in told] == list(range(1, len(told) + 1)) and told[0]["type"] == "started", told[:2]
        assert told == run_out, "`run --output json` and `events --output json` tell the same run differently"
        assert all({"run", "event", "at", "type", "state", "phase", "split", "message"} <= set(e) for e in told)
        in_words(good(lab.command("events", first)).stdout, "v2.5.0", "is live on green")
        in_words(good(lab.command("report", first)).stdout, "# app v2.5.0: succeeded", "## Timeline", "## Impact")
        in_words(good(lab.command("report")).stdout, "# app v2.6.0: failed", "## Cause", "/api/health")
        html = good(lab.command("report", "--format", "html")).stdout
        in_words(html, "<!doctype html>", "</html>", "v2.6.0")
        j = document(lab.command("report", first, "--format", "json"))
        assert j["state"] == "succeeded" and j["timeline"] and j["shares"][-1]["candidate"] == 100, j
        whole = document(lab.command("audit", "verify", "--output", "json"))
        assert whole["whole"] and whole["entries"] == len(told) + past[0]["lastEvent"], whole
        in_words(good(lab.command("audit", "verify")).stdout, "whole", whole["head"])
        with contextlib.closing(sqlite3.connect(f"{lab.dir}/state.db")) as db:
            db.execute("UPDATE events SET event = replace(event, 'v2.5.0', 'v2.5.1') WHERE position = 1")
            db.commit()
        broken = document(lab.command("audit", "verify", "--output", "json"), 1)
        assert not broken["whole"] and "1" in broken["breach"], broken
        in_words(good(lab.command("audit", "verify"), 1).stdout, "broken", broken["breach"])
        return broken["breach"][:90]


def monitor_replays_a_run():
    """A candidate with errors is rolled back; bolder settings would have been sooner or as soon, and its ticks go through `judge`."""
    with Lab() as lab:
        lb = lab.haproxy()
        lab.playbook([lb], {"strategy": {"canary": ["50%", "100%"], "hold": "60s"}, "rollback": {"gradual": ["0%"]}})
        lab.load(lb, 200)
        lab.green.error_rate = 0.3
        assert lab.command("run", "v2.5.0", "--yes", timeout=120).returncode == 3
        run = document(lab.command("history", "--output", "json"))[0]["run"]
        in_words(good(lab.command("monitor", "--replay", run)).stdout, "recorded", "replayed", "rolled back")
        (lab.dir / "bold.json").write_text('{"alpha": 0.05}')
        good(lab.command("monitor", "--replay", run, "--config", str(lab.dir / "bold.json")))
        ticks = good(lab.command("monitor", "--replay", run, "--ticks")).stdout
        assert len(lines(ticks)) >= 1, ticks
        judged = subprocess.run([binary(), "judge"], input=ticks, capture_output=True, text=True, timeout=30)
        assert judged.returncode == 0 and len(lines(judged.stdout)) == len(lines(ticks)), judged.stderr
        in_words(good(lab.command("report", run)).stdout, "failed", "green")
        good(lab.command("monitor", "--replay", "no-such-run"), 69)
        return f"{len(lines(ticks))} seconds"


def events_follow_a_run():
    with Lab() as lab:
        lb = lab.haproxy()
        lab.playbook([lb], {"prepare": [{"run": ["sleep", "2"]}]})
        p = lab.command("run", "v2.5.0", "--yes", wait=False)
        assert eventually(lambda: lab.command("events").returncode == 0, 20)
        told = lines(good(lab.command("events", "--follow", "--output", "json")).stdout)
        assert told[0]["type"] == "started" and told[-1]["state"] == "succeeded", told[-1]
        p.communicate(timeout=20)


def traffic_show_set_render():
    for kind in ("nginx", "haproxy"):
        with Lab() as lab:
            lb = getattr(lab, kind)()
            lab.playbook([lb])
            j = document(lab.command("traffic", "--output", "json"))
            in_words(json.dumps(j), '"blue": 100')
            in_words(good(lab.command("traffic", "show")).stdout, "blue 100 %")
            before = digest(lb["config"])
            diff = good(lab.command("traffic", "render", "green=25", "--diff")).stdout
            in_words(diff, "---", "+++", "@@", "-", "+")
            whole = good(lab.command("traffic", "render", "green=25")).stdout
            assert digest(lb["config"]) == before, "render wrote the file"
            patched = subprocess.run(["patch", "-o", "-", str(lb["config"])], input=diff, capture_output=True, text=True) if shutil.which("patch") else None
            assert patched is None or patched.stdout == whole, f"the diff does not make the file: {patched.stderr}"
            good(lab.command("traffic", "set", "green=25", "--yes", "--reason", "by hand"))
            assert lb["config"].read_text() == whole, "set and render differ"
            assert abs(lab.shares(lb, 400)["green"] - 0.25) < 0.05
            in_words(good(lab.command("events")).stdout, "by hand", "green 25 %")
            good(lab.command("traffic", "set", "blue=100", "--yes"))
            for bad in ("green=101", "pink=25", "green", "green=-1", "green=x"):
                in_words(good(lab.command("traffic", "set", bad, "--yes"), 64).stderr, bad)
            good(lab.command("traffic", "render", "green=25", "--balancer", "7"), 64)
            assert lab.shares(lb, 40) == {"blue": 1.0}


def config_set_weights():
    """The bare edit: the named servers' weights and nothing else; what it cannot do without guessing leaves the file alone."""
    with Lab() as lab:
        for lb, kind, servers in ((lab.nginx(), "nginx", (lab.blue.server, lab.green.server)), (lab.haproxy(), "haproxy", ("blue1", "green1"))):
            before = lb["config"].read_text()
            good(lab.command("config", "set-weights", kind, str(lb["config"]), "app", f"{servers[0]}=0", f"{servers[1]}=3"))
            after = lb["config"].read_text()
            changed = [b for a, b in zip(before.splitlines(), after.splitlines()) if a != b]
            assert len(changed) == 2 and all("server" in line for line in changed), changed
            assert len(before.splitlines()) == len(after.splitlines()) and subprocess.run(lb["test"], capture_output=True).returncode == 0
            for name, server in (("nope", f"{servers[0]}=1"), ("app", "10.9.9.9:1=1"), ("app", f"{servers[0]}=-1")):
                r = lab.command("config", "set-weights", kind, str(lb["config"]), name, server)
                assert r.returncode in (64, 65) and r.stderr.strip(), f"{kind} {name} {server}: exit {r.returncode} {r.stderr}"
                assert lb["config"].read_text() == after, "a refused edit changed the file"


def health_and_doctor():
    with Lab() as lab:
        lb = lab.nginx()
        lab.playbook([lb], {"validate": [{"http": {"get": "/api/health", "expect": {"json": {"status": "healthy"}}}}, {"run": ["touch", str(lab.dir / "ran")]}]})
        in_words(good(lab.command("health")).stdout, "blue", "/api/health")
        j = lines(good(lab.command("health", "green", "--output", "json")).stdout)
        assert j[0]["environment"] == "green" and j[0]["healthy"] is True, j
        lab.green.healthy = False
        in_words(good(lab.command("health", "green"), 1).stdout, "503")
        good(lab.command("health", "pink"), 64)
        good(lab.command("health", "--every", "soon"), 64)
        assert not (lab.dir / "ran").exists(), "a check that acts was run"
        in_words(good(lab.command("doctor")).stdout, "valid", "can be changed", "nothing stops a deployment")
        assert all({"level", "what", "detail"} <= set(f) for f in lines(good(lab.command("doctor", "--output", "json")).stdout))
        lab.procs[-1].terminate()
        lab.procs[-1].wait()
        in_words(good(lab.command("doctor"), 1).stdout, "nginx", "to mend")


def init_writes_a_playbook():
    """From an nginx and an HAProxy file; it loads, and plans; what cannot be seen must be given."""
    for kind, pool in (("nginx", "--upstream"), ("haproxy", "--backend")):
        with Lab() as lab:
            lb = getattr(lab, kind)()
            r = good(lab.command("init", f"--{kind}", str(lb["config"]), pool, "app", "--service", "shop"))
            in_words(r.stdout, "bgdeploy.yml", "shop", "next")
            text = (lab.dir / "bgdeploy.yml").read_text()
            in_words(text, "service: shop", lab.blue.server, lab.green.server, str(lb["config"]))
            good(lab.command("check"))
            before = digest(lab.dir / "bgdeploy.yml")
            in_words(good(lab.command("init", f"--{kind}", str(lb["config"]), pool, "app"), 64).stderr, "--force")
            assert digest(lab.dir / "bgdeploy.yml") == before
            good(lab.command("init", f"--{kind}", str(lb["config"]), pool, "app", "--force"))
    with Lab() as lab:
        config = lab.dir / "all.conf"
        config.write_text("upstream app { server 127.0.0.1:1; server 127.0.0.1:2; }\n")
        r = good(lab.command("init", "--nginx", str(config), "--upstream", "app"), 64)
        in_words(r.stderr, "127.0.0.1:1", "--blue", "--green")
        in_words(good(lab.command("init", "--nginx", str(lab.dir / "none.conf")), 65).stderr, "none.conf")
        assert not (lab.dir / "bgdeploy.yml").exists()


def check_lints():
    with Lab() as lab:
        lb = lab.nginx()
        path = lab.playbook([lb])
        in_words(good(lab.command("check")).stdout, "fine")
        assert document(lab.command("check", "--output", "json"))["valid"] is True
        schema = document(lab.command("check", "--schema"))
        assert "properties" in json.dumps(schema) and "balancers" in json.dumps(schema)
        good(lab.command("check", "--live"))
        path.write_text(path.read_text().replace('"upstream"', '"upstrem"'))
        r = good(lab.command("check"), 65)
        in_words(r.stderr, "bgdeploy.yml:", "upstrem", "upstream")
        j = document(lab.command("check", "--output", "json"), 65)
        assert j["valid"] is False and j["errors"], j
        lab.playbook([dict(lb, config=lab.dir / "gone.conf")])
        good(lab.command("check"))
        in_words(good(lab.command("check", "--live"), 69).stderr, "gone.conf")


def help_version_completion():
    with Lab() as lab:
        assert good(lab.command("--version")).stdout.startswith("bgdeploy ")
        overview = good(lab.command("--help")).stdout
        for command in COMMANDS:
            text = good(lab.command(*command.split(), "--help")).stdout
            in_words(text, "USAGE: bgdeploy", "OVERVIEW", "--help")
            in_words(overview, command.split()[0])
        for shell in ("bash", "zsh", "fish"):
            script = good(lab.command("--generate-completion-script", shell)).stdout
            in_words(script, "bgdeploy", "rollback")
            if shell == "bash":
                assert subprocess.run(["bash", "-n"], input=script, text=True, capture_output=True).returncode == 0


def bad_usage_is_64():
    with Lab() as lab:
        lb = lab.nginx()
        lab.playbook([lb])
        for args in (["frobnicate"], ["run"], ["run", "v1", "v2"], ["run", "v1", "--strategy", "fast"], ["run", "-1"], ["status", "--nonsense"],
                     ["status", "--output", "xml"], ["report", "--format", "pdf"], ["traffic", "set"], ["traffic", "render", "x"],
                     ["status", "--state", "mysql://x"], ["run", "a b", "--yes"], ["run", "", "--yes"], ["run", "v1;id", "--yes"]):
            r = good(lab.command(*args), 64)
            assert r.stderr.strip(), f"{args}: nothing is said"
            assert "Fatal" not in r.stderr
        assert lab.shares(lb, 40) == {"blue": 1.0}


def github_output():
    """Balanced groups, an annotation for what failed, and no command smuggled in by a step's output."""
    with Lab() as lab:
        lb = lab.nginx()
        lab.playbook([lb], {"prepare": [{"run": ["echo", "::set-output name=owned::yes"]}]})
        out = good(lab.command("run", "v2.5.0", "--yes", "--output", "github")).stdout.splitlines()
        depth = 0
        for line in out:
            depth += line.startswith("::group::") - line.startswith("::endgroup::")
            assert depth in (0, 1), "groups are nested or closed twice"
        assert depth == 0 and "::group::prepare" in out and "::group::switch" in out, out
        assert not any(line.startswith("::set-output") for line in out), "a step's output became a command"
        lab.blue.healthy = False
        r = good(lab.command("run", "v2.6.0", "--yes", "--output", "github"), 1)
        errors = [line for line in r.stdout.splitlines() if line.startswith("::error")]
        assert errors and any("/api/health" in e for e in errors), r.stdout[-600:]
        r = good(lab.command("run", "a b", "--yes", "--output", "github"), 64)
        assert any(line.startswith("::error") for line in r.stdout.splitlines()), r.stdout


if __name__ == "__main__":
    main([status_tells_where_it_stands, status_shows_a_hand_edit, plan_and_dry_run, strategy_overrides_the_playbook, history_events_report_audit, monitor_replays_a_run,
          events_follow_a_run, traffic_show_set_render, config_set_weights, health_and_doctor, init_writes_a_playbook, check_lints, help_version_completion,
          bad_usage_is_64, github_output])
