#!/usr/bin/env python3
"""playbooks/mina.yml, run: its success, and every failure that it is written against.

usage: mina.py [CHECK ...]      each check prints one line; the last line counts them.
"""
from stage import *

INSTANT = ("--strategy", "instant")


def released_from_the_checklist_to_the_retired_environment():
    """Beta users, 10, 25, 50, 100 %; then what is due afterwards: flags opened step by step, blue stopped, the report archived."""
    soon = [(f"in: {time_}\n", "in: 0s\n") for time_ in ("1m", "1h", "2h", "6h", "12h", "24h", "7d")] + [("after: 7d", "after: 0s")]
    with Stage(soon, AUDIO) as stage:
        users, release = stage.users(), stage.run()
        assert release.end() == 0, release.told()
        users.stop()
        assert not users.failed(), f"{len(users.failed())} of {len(users.answers)} requests failed"
        assert stage.everybody_on("green") and release.gates == 2, (stage.shares(40), release.gates)
        green = [a for a in users.answers if a.environment == "green"]
        other = next(n for n, a in enumerate(green) if a.user not in BETA)
        assert other > 10, f"only {other} answers for beta users before the first of another"
        assert "drain on" in stage.blue.log(), stage.blue.log()[-500:]
        tags = subprocess.run(["git", "ls-remote", "--tags", str(stage.dir / "origin.git")], capture_output=True, text=True).stdout
        assert "refs/tags/v2.5.0" in tags, tags
        assert "audio_url" in stage.sql("select string_agg(column_name, ',') from information_schema.columns where table_name = 'segments'")
        dumps = list((stage.bucket / "mina-backups").glob("*.dump"))
        assert len(dumps) == 1 and len(list((stage.app / "backups").glob("*.json"))) == 1, dumps
        assert (stage.app / "report.html").read_text().count("PASSED") == 4
        for word in ("goes to green", "is live on green"):
            assert stage.told.about(word, "/slack"), f"Slack was not told: {word}"
        assert stage.told.about("v2.5.0", "releases"), "Sentry was not told"
        for _ in range(12):
            r = stage.command("resume", "--yes", timeout=300)
            assert r.returncode == 0, f"resume: exit {r.returncode}: {r.stdout[-1500:]} {r.stderr[-600:]}"
            if (stage.bucket / "mina-backups/reports/v2.5.0.md").exists() and not stage.blue.pids():
                break
        flag = stage.green.ask("/api/flags")[1]["enable_audio_replay"]
        assert flag == {"enabled": True, "rollout": 100}, flag
        assert not stage.blue.pids(), "blue still runs"
        report = stage.bucket / "mina-backups/reports/v2.5.0.md"
        assert report.exists() and "v2.5.0" in report.read_text(), "the report is not archived"
        return f"{len(users.answers)} visits, 0 failed; {other} answers for beta users first"


# -- it never reaches users -----------------------------------------------------------------------------------------------------

def refused(*words, change=(), before=lambda stage: None, after=lambda stage: None, gates=0):
    """A release that ends before any traffic moves, with these words."""
    with Stage(change) as stage:
        before(stage)
        users, release = stage.users(60), stage.run("v2.5.0", *INSTANT)
        assert release.end() == 1, release.told()
        users.stop()
        assert not users.failed() and not any(a.environment == "green" for a in users.answers), "users noticed"
        assert stage.everybody_on("blue") and release.gates == gates, (stage.shares(40), release.gates)
        missing = [w for w in words if w not in release.out]
        assert not missing, f"not told: {missing}: {release.told()}"
        after(stage)
        return f"{len(users.answers)} visits, 0 failed"


def green_is_unhealthy():
    return refused("/api/health", "503", before=lambda s: s.green.fault(healthy=False), gates=1)


def green_runs_another_version():
    return refused("v2.4.9", "v2.5.0", before=lambda s: s.green.fault(version="v2.4.9"), gates=1)


def smoke_tests_fail_on_staging():
    return refused("test_ai_insights_generation FAILED", before=lambda s: s.staging.fault(summary=False))


def critical_path_fails_on_green():
    """The scenario fails at its third step, and its session is removed all the same."""
    def after(stage):
        assert stage.sql("select count(*) from sessions where title = 'Smoke Test Session'") == "0", "the session is left"
    return refused("summary_generated", before=lambda s: s.green.fault(summary=False), after=after, gates=1)


def load_is_over_its_limit():
    return refused("p95", before=lambda s: s.green.fault(delay_ms=700), gates=1)


def the_build_fails():
    return refused("does not build", before=lambda s: (s.replit / "builds/v2.5.0.broken").touch(), gates=1)


def a_segment_without_its_session():
    """The backup cannot be restored, so nothing is migrated."""
    def before(stage):
        stage.sql("set session_replication_role = replica; delete from sessions where id = 7")
    return refused("segments_session_id_fkey", before=before, gates=1)


# -- it is taken back ---------------------------------------------------------------------------------------------------------

def taken_back(stage, users, release, seconds):
    """What scenarios 1 and 2 have in common."""
    assert release.end(seconds) == 3, release.told()
    assert stage.everybody_on("blue"), stage.shares(40)
    users.stop()
    flag = stage.blue.ask("/api/flags")[1]["enable_audio_replay"]
    assert flag == {"enabled": False, "rollout": 0}, flag
    assert len(stage.blue.pids()) == 4, "blue was not scaled"
    assert not stage.blue.ask("/api/health")[1]["draining"], "blue still drains"


def errors_take_it_back_at_once():
    """Over 5 % of errors once green has everything: back in seconds, P0 is told, features are off, blue has four instances."""
    with Stage([("for: 15m", "for: 60s")]) as stage:
        users, release = stage.users(), stage.run("v2.5.0", *INSTANT)
        release.until("monitor  ")
        broke = time.monotonic()
        stage.green.fault(error_rate=0.3)
        last = lambda: [a.environment for a in users.answers[-40:] if a.kind == "request" and a.environment != "-"]
        assert eventually(lambda: time.monotonic() > broke + 0.5 and last() and set(last()) == {"blue"}, 60), release.told()
        took = time.monotonic() - broke
        taken_back(stage, users, release, 60)
        assert eventually(lambda: stage.told.about("P0", "enqueue"), 10), [p for p, _ in stage.told.letters]
        assert took < 30, f"{took:.1f} s"
        return f"users were back after {took:.1f} s, {len(users.failed())} of {len(users.answers)} visits failed"


def gradually(fault, word, *options):
    with Stage([("hold: 10m", "hold: 300s"), ("hold: 2m", "hold: 15s")]) as stage:
        users, release = stage.users(), stage.run("v2.5.0", "--strategy", "50%,100%")
        release.until("50 %")
        stage.green.fault(**fault)
        quarter = lambda: stage.status().get("split", {}).get("green") == 25
        assert eventually(quarter, 300, 0.5), f"green was never at 25 %: {release.told()}"
        taken_back(stage, users, release, 120)
        assert word in release.out, release.told()


def slow_answers_take_it_back_gradually():
    """p95 more than half as long again as blue's: green keeps 25 % for the hold, then nothing."""
    return gradually({"delay_ms": 500}, "latency")


def failing_websockets_take_it_back_gradually():
    return gradually({"ws_refuse": 0.4}, "websockets")


# -- the database ---------------------------------------------------------------------------------------------------------------

def a_migration_fails_halfway_and_is_mended_forwards():
    """Scenario 3: half of it is in force, users stay on blue; restore beside, look, fix forwards, rehearse, redeploy."""
    half = dict(up=["alter table segments add column audio_seconds int", "update segments set audio_seconds = 100 / length(text)"],
                down=["alter table segments drop column audio_seconds"], transaction=False)
    with Stage(revision=half) as stage:
        stage.sql("insert into segments (session_id, text) values (1, '')")  # which staging does not have
        users, release = stage.users(60), stage.run("v2.5.0", *INSTANT)
        assert release.end() == 1 and "division by zero" in release.out, release.told()
        assert stage.everybody_on("blue") and not users.failed()
        current = stage.tool("flask", "--app", "mina", "db", "current", env={"DATABASE_URL": stage.url("mina")})
        assert "0001" in current.stdout and "1a2b" not in current.stdout, current.stdout
        stage.tool(f"{stage.postgres.tools}/pg_dump", "-Fc", "-d", stage.url("mina"), "-f", "backups/before-restore.dump")
        backup = next((stage.app / "backups").glob("mina-*.dump"))
        r = stage.command("runbook", "restore-drill", str(backup), "--keep", timeout=120)
        assert r.returncode == 0, r.stdout + r.stderr
        kept = stage.sql("select datname from pg_database where datname like 'bgdeploy_kept_%'")
        orphans = "select count(*) from segments left join sessions on sessions.id = session_id where sessions.id is null"
        assert kept and stage.sql(orphans, kept) == "0" and stage.sql("select count(*) from segments", kept) == "501", kept
        assert "audio_seconds" not in stage.sql("select string_agg(column_name, ',') from information_schema.columns where table_name = 'segments'", kept)
        stage.migration("1a2b3c4d5e6f", "0001", ["alter table segments add column if not exists audio_seconds int"], half["down"])
        stage.migration("2b3c4d5e6f70", "1a2b3c4d5e6f", ["update segments set audio_seconds = 100 / nullif(length(text), 0)"], ["select 1"])
        for verb in (["create", "--name", "mina-staging", "--version", "v2.5.1-hotfix"], ["start", "mina-staging"]):
            stage.tool("replit", "deployments", *verb)
        wait_port(stage.staging.port)
        release = stage.run("v2.5.1-hotfix", *INSTANT)
        assert release.end() == 0, release.told()
        users.stop()
        assert stage.everybody_on("green") and not users.failed()
        assert stage.sql("select count(*) from segments where audio_seconds = 20") == "500"
        return f"{len(users.answers)} visits, 0 failed"


# -- blue ---------------------------------------------------------------------------------------------------------------------

def a_talk(stage):
    """A WebSocket through nginx that goes on."""
    talk = socket.create_connection(("127.0.0.1", stage.port), 5)
    talk.sendall(b"GET /socket.io/?transport=websocket HTTP/1.1\r\nHost: mina\r\nCookie: session=talk\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                 b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
    assert talk.recv(500).startswith(b"HTTP/1.1 101")
    talk.settimeout(600)
    return talk


def blue_empties_before_the_run_goes_on():
    """A WebSocket is told to finish: the drain ends before its grace."""
    with Stage([("grace: 30s", "grace: 10m")]) as stage:
        talk = a_talk(stage)
        assert eventually(lambda: stage.blue.ask("/api/metrics/connections")[1] == {"active": 1}), "the talk is not counted"
        heard = []

        def listen():
            heard.append(talk.recv(500))
            talk.close()
        threading.Thread(target=listen, daemon=True).start()
        release = stage.run("v2.5.0", *INSTANT)
        assert release.end() == 0, release.told()
        assert "drained: no connections" in release.out, release.told()
        assert b"finished" in heard[0] and "drain on, 1 connections" in stage.blue.log(), stage.blue.log()[-300:]


def a_drain_that_does_not_empty():
    """`proceed`: the run goes on, says how many are left, and does not cut them."""
    with Stage() as stage:
        stage.blue.fault(keep_sockets=True)
        talk, release = a_talk(stage), stage.run("v2.5.0", *INSTANT)
        assert release.end() == 0, release.told()
        assert "1 connection" in release.out, release.told()
        talk.setblocking(False)
        assert raises(BlockingIOError, lambda: talk.recv(10)), "the talk was cut"


def a_drain_that_does_not_empty_stops_the_run():
    """`stop`: users are put back to blue."""
    with Stage([("then: proceed", "then: stop")]) as stage:
        stage.blue.fault(keep_sockets=True)
        talk, release = a_talk(stage), stage.run("v2.5.0", *INSTANT)
        assert release.end() == 3 and stage.everybody_on("blue"), release.told()
        talk.close()


def raises(kind, what):
    try:
        what()
    except kind:
        return True
    return False


def both_environments_are_down():
    """Nobody is sent to a side that refuses connections: exit 4, a person is paged; once blue is restored, users are put back to it."""
    with Stage([("for: 15m", "for: 120s")]) as stage:
        users, release = stage.users(), stage.run("v2.5.0", *INSTANT)
        release.until("monitor  ")
        for side in (stage.blue, stage.green):
            for pid in side.pids():
                os.kill(pid, signal.SIGKILL)
        assert release.end() == 4, release.told()
        assert "blue cannot take traffic" in release.out and "last confirmed: blue 0 %, green 100 %" in release.out, release.told()
        assert stage.told.about("rollback_failed", "enqueue"), "nobody was paged"
        stage.tool("replit", "deployments", "create", "--from-backup", "mina-backup-20251024")
        wait_port(stage.blue.port)
        r = stage.command("rollback", "--yes", "--reason", "blue is restored", timeout=300)
        assert r.returncode == 0 and stage.everybody_on("blue"), r.stdout + r.stderr
        users.stop()


if __name__ == "__main__":
    main([released_from_the_checklist_to_the_retired_environment, green_is_unhealthy, green_runs_another_version, smoke_tests_fail_on_staging,
          critical_path_fails_on_green, load_is_over_its_limit, the_build_fails, a_segment_without_its_session, errors_take_it_back_at_once,
          slow_answers_take_it_back_gradually, failing_websockets_take_it_back_gradually, a_migration_fails_halfway_and_is_mended_forwards,
          blue_empties_before_the_run_goes_on, a_drain_that_does_not_empty, a_drain_that_does_not_empty_stops_the_run, both_environments_are_down])
