#!/usr/bin/env python3
"""What is left of an incident: its report, the notes of people, the hand-over, and what was not told.

usage: incidents.py [CHECK ...]
"""
import datetime
from commands import document, good, in_words
from detection import balancer
from lab import *
from service import Service, canary, split_is, token

SEVERITY = {"P0": "> 5%", "P1": {"errors": "> 3%", "latency": "> 1.5x"}, "P2": {"errors": "> 1%", "latency": "> 1.2x"}}


def playbook(lab, lb, log, extra=None):
    path = lab.playbook([lb], {"strategy": {"canary": ["25%", "100%"], "hold": "60s", "early": False}, "severity": SEVERITY,
                               "promises": {"canary": "2m", "gradual": "5m"}, **(extra or {})})
    book = json.loads(path.read_text())
    book["balancers"][0]["log"] = log
    path.write_text(json.dumps(book, indent=1))


def report(lab, run):
    return document(lab.command("report", run, "--format", "json"))


def went_wrong(lab, extra=None):
    """A release whose every answer fails after some seconds at 25 %."""
    lb, log = balancer(lab, "nginx")
    playbook(lab, lb, log, extra)
    load = lab.load(lb, 100)
    p = lab.command("run", "v2.5.0", "--yes", "--reason", "ticket OPS-17", wait=False)
    assert eventually(lambda: any(a.environment == "green" for a in load.answers), 60), p.communicate()
    time.sleep(5)
    lab.green.error_rate = 1.0
    out, err = p.communicate(timeout=200)
    load.stop()
    assert p.returncode == 3, (p.returncode, out[-900:], err[-900:])
    return document(lab.command("status", "--output", "json"))["run"]


def an_incident_is_told_and_completed():
    with Lab() as lab:
        run = went_wrong(lab)
        j = report(lab, run)
        incident, harm, back = j["incident"], j["harm"], j["wayBack"]
        assert incident["severity"] == "P0" == harm["severity"], (incident, harm)
        assert incident["began"] <= back["decidedAt"] <= back["confirmedAt"] == incident["ended"], (incident, back)
        assert back["kind"] == "canary" and back["promisedSeconds"] == 120 and back["kept"] and back["by"] is None, back
        assert harm["failed"] > 0 and harm["stableRequests"] > 0 and harm["stableFailed"] == 0, harm
        due = datetime.date.fromisoformat(incident["postMortemDue"])
        assert due.weekday() < 5 and incident["rootCause"] is None, incident
        text = good(lab.command("report", run)).stdout
        in_words(text, "# Incident report: app v2.5.0, rolled back", "| Severity | P0 |", "promised: 2m (kept)",
                 f"bgdeploy note {run} --cause TEXT", "## Lessons learned", "Post-mortem: until")
        good(lab.command("note", run, "support knows", "--cause", "a lost index", "--resolution", "built again", "--lesson", "look at plans",
                         "--impact", "500 users", "--action", "check plans", "--owner", "@dba", "--due", "2026-12-20"))
        good(lab.command("note", "latest", "--action", "second", env={"BGDEPLOY_ACTOR": "bo"}))
        good(lab.command("note", run, "--done", "2"))
        text = good(lab.command("report", run)).stdout
        in_words(text, "| Root cause | a lost index |", "- [ ] 1. check plans (owner: @dba, due: 2026-12-20)", "- [x] 2. second", "500 users", "look at plans")
        assert "nobody has told" not in text, text
        j = report(lab, run)
        assert j["incident"]["rootCause"] == "a lost index" and [a["done"] for a in j["actions"]] == [False, True], j["actions"]
        assert j["notes"][-2]["by"] == "bo", j["notes"]
        assert document(lab.command("audit", "verify", "--output", "json"))["whole"]
        assert j["updatedAt"] == document(lab.command("history", "--output", "json"))[0]["updatedAt"] < j["notes"][0]["at"]
        html = good(lab.command("report", run, "--format", "html")).stdout
        in_words(html, "Incident report", "@media print", "<svg", "prefers-color-scheme:dark")
        assert "<script" not in html
        good(lab.command("note", run), 64)
        good(lab.command("note", run, "--done", "9"), 65)
        good(lab.command("note", run, "--action", "x", "--due", "soon"), 64)
        good(lab.command("note", "01NOSUCHRUN", "x"), 69)
        return f"back in {back['seconds']:.1f} s, {harm['text']}"


def notes_while_a_run_goes_on():
    """The process that drives the run writes them; of an older run they are written beside it."""
    with Lab() as lab:
        old = went_wrong(lab)
        lab.green.error_rate, lab.green.version = 0.0, "v2.6.0"
        p = lab.command("run", "v2.6.0", "--yes", wait=False)
        state = lambda: document(lab.command("status", "--output", "json"))
        assert eventually(lambda: state()["state"] == "waiting" and state()["version"] == "v2.6.0", 60), state()
        run = state()["run"]
        good(lab.command("note", run, "seen by support", env={"BGDEPLOY_ACTOR": "bo"}))
        good(lab.command("note", old, "--cause", "an old one"))
        assert p.poll() is None and state()["state"] == "waiting"
        good(lab.command("promote", "--full"))
        p.communicate(timeout=60)
        assert p.returncode == 0, p.returncode
        events = [json.loads(line) for line in good(lab.command("events", run, "--output", "json")).stdout.splitlines()]
        noted = [e for e in events if e.get("command") == "note"]
        assert [(e["by"], e["notes"][0]["text"]) for e in noted] == [("bo", "seen by support")], noted
        assert report(lab, run)["incident"] is None and report(lab, old)["incident"]["rootCause"] == "an old one"
        assert document(lab.command("audit", "verify", "--output", "json"))["whole"]


def a_hand_over_has_what_is_open():
    with Lab() as lab:
        run = went_wrong(lab, {"afterwards": [{"retire": {"after": "7d"}}]})
        h = document(lab.command("handoff", "--output", "json"))
        assert h["services"] == ["app"] and not h["gaps"], h
        assert any("rolled back" in i["text"] and "OPS-17" in i["text"] for i in h["changes"]), h["changes"]
        assert any("no root cause" in i["text"] and i["run"] == run for i in h["known"]), h["known"]
        good(lab.command("note", run, "--cause", "x", "--action", "check plans", "--owner", "bo", "--due", "2020-01-01"))
        lab.green.error_rate, lab.green.version = 0.0, "v2.6.0"
        good(lab.command("traffic", "set", "green=10", "--reason", "to look"))
        h = document(lab.command("handoff", "--output", "json"))
        assert not h["known"] and any("to look" in i["text"] for i in h["changes"]), h
        assert any("OVERDUE: check plans" in i["text"] for i in h["notes"]), h["notes"]
        good(lab.command("traffic", "set", "blue=100"))
        p = lab.command("run", "v2.6.0", "--yes", wait=False)
        state = lambda: document(lab.command("status", "--output", "json"))
        assert eventually(lambda: state()["state"] == "waiting" and state()["version"] == "v2.6.0", 60), state()
        assert any("v2.6.0" in i["text"] for i in document(lab.command("handoff", "--output", "json"))["watch"])
        p.kill()
        p.wait()
        assert any("was interrupted" in i["text"] for i in document(lab.command("handoff", "--output", "json"))["incidents"])
        text = good(lab.command("handoff", "--since", "24h", "--markdown")).stdout
        in_words(text, "# Hand-over", "## Active incidents", "## Planned work", "check plans")
        assert document(lab.command("handoff", "--service", "other", "--output", "json"))["services"] == []
        good(lab.command("handoff", "--since", "long"), 64)


def what_was_not_told_is_listed_until_somebody_acts():
    with Lab() as lab:
        nowhere = f"http://127.0.0.1:{free_port()}/hook"
        lb = lab.nginx()
        lab.playbook([lb], {"notify": [{"webhook": nowhere, "secret": "${secret.HOOK}", "on": ["succeeded", "waiting"],
                                        "escalate": [{"after": "1h", "to": "lead"}]}],
                            "validate": [{"approval": {"by": 1}}]})
        env = {"HOOK": "s3cret"}
        p = lab.command("run", "v2.5.0", "--yes", "--no-wait", env=env)
        assert p.returncode == 5, (p.stdout, p.stderr)
        listed = document(lab.command("notifications", "--output", "json"))
        assert {i["stand"] for i in listed} == {"waiting", "escalates"} and listed[0]["problem"], listed
        assert any(i["escalatedTo"] == "lead" for i in listed), listed
        in_words(good(lab.command("notifications")).stdout, "not told yet", "goes to lead", "unless somebody acts")
        assert any("goes to lead" in i["text"] for i in document(lab.command("handoff", "--output", "json"))["watch"])
        run = listed[0]["run"]
        in_words(good(lab.command("notifications", "acknowledge", run)).stdout, "acknowledged by")
        assert document(lab.command("notifications", "list", "--output", "json")) == []
        good(lab.command("notifications", "acknowledge", "01NOSUCHRUN"), 69)


def notes_and_a_hand_over_through_a_service():
    """While the service drives the run, and after its end; who may only look writes nothing."""
    with Lab() as lab:
        lab.playbook([lab.haproxy()], canary())
        s = Service(lab, token=token(lab, "root", "--scope", "admin"))
        at = lambda *args, secret=s.token: lab.command(*args, "--server", f"http://127.0.0.1:{s.port}", env={"BGDEPLOY_TOKEN": secret})
        run = s.run("v2.5.0")["run"]
        s.until(split_is(25))
        good(at("note", run, "seen by support"))
        s.command(run, "abort")
        s.until_ended(run)
        good(at("note", "latest", "--cause", "a lost index", "--action", "check plans", "--owner", "bo", "--due", "2020-01-01"))
        in_words(good(at("report", run)).stdout, "# Incident report", "| Root cause | a lost index |", "seen by support")
        h = document(at("handoff", "--output", "json"))
        assert any("OVERDUE: check plans" in i["text"] for i in h["notes"]) and h["gaps"], h
        reads = token(lab, "reader", "--scope", "read")
        good(at("note", run, "x", secret=reads), 77)
        good(at("note", run, "--done", "7"), 65)
        r = s.ask("POST", f"/v1/runs/{run}/notes", {"lesson": ["one", "two"], "due": None})
        assert r.status == 201, r
        kinds = [n["kind"] for n in json.loads(good(at("report", run, "--format", "json")).stdout)["notes"]]
        assert kinds == ["note", "cause", "action", "lesson", "lesson"], kinds


if __name__ == "__main__":
    main([an_incident_is_told_and_completed, notes_while_a_run_goes_on, a_hand_over_has_what_is_open,
          what_was_not_told_is_listed_until_somebody_acts, notes_and_a_hand_over_through_a_service])
