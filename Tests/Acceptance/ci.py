#!/usr/bin/env python3
"""The script of docs/how-to/ci.md, taken out of the page and used as a CI uses it: success, a bad release, a cancelled job, a killed one.

usage: ci.py [CHECK ...]      each check prints one line; the last line counts them.
"""
from lab import *

PAGE = HERE.parent.parent / "docs/how-to/ci.md"


class Job:
    """A job of a CI: a shell that runs `ci/release.sh`, and the signals that the CI sends to it alone."""

    def __init__(self, lab, version="v2.5.0"):
        script = lab.dir / "release.sh"
        script.write_text(PAGE.read_text().split("```sh\n")[1].split("```")[0])
        script.chmod(0o755)
        bin = lab.dir / "bin"
        bin.mkdir(exist_ok=True)
        if not (bin / "bgdeploy").exists():
            (bin / "bgdeploy").symlink_to(os.path.abspath(binary()))
        env = dict(os.environ, PATH=f"{bin}:{os.environ['PATH']}", BGDEPLOY_STATE=lab.state, BGDEPLOY_PLAYBOOK=str(lab.dir / "bgdeploy.yml"), NO_COLOR="1")
        self.process = subprocess.Popen(["bash", "-e", "-c", f"exec {script} {version}"], env=env, cwd=lab.dir, start_new_session=True,
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        lab.procs.append(self.process)

    def end(self, seconds=60):
        out, _ = self.process.communicate(timeout=seconds)
        return self.process.returncode, out


def slow_step(lab, lb, seconds=4):
    lab.playbook([lb], {"prepare": [{"run": ["sleep", str(seconds)]}]})


def status(lab):
    return json.loads(lab.command("status", "--output", "json").stdout)


def ends_as_the_run_does():
    """Live: 0. Failed before any traffic moved: 1. Not begun: 65. Each says in words what became of it."""
    with Lab() as lab:
        lb = lab.nginx()
        lab.playbook([lb])
        code, out = Job(lab).end()
        assert code == 0 and "v2.5.0 is live" in out, (code, out)
        code, out = Job(lab, "v9.9.9").end()
        assert code == 1 and "failed before any traffic moved" in out, (code, out)
        (lab.dir / "bgdeploy.yml").write_text("service: app\n")
        code, out = Job(lab).end()
        assert code == 65 and "not begun" in out, (code, out)
        return "0, 1 and 65"


def waits_for_an_approval():
    """The job ends well at the gate; a second one is refused; approved and resumed, the version is live."""
    with Lab() as lab:
        lb = lab.nginx()
        lab.playbook([lb], {"validate": [{"approval": {"by": 1, "timeout": "1h"}}]})
        code, out = Job(lab).end()
        assert code == 0 and "waits" in out, (code, out)
        code, out = Job(lab, "v2.6.0").end()
        assert code == 75 and "under way" in out, (code, out)
        assert lab.command("approve").returncode == 5
        assert lab.command("resume").returncode == 0
        assert lab.shares(lb, 20) == {"green": 1.0}
        return "5 at the gate is the job's success"


def a_cancelled_job_leaves_a_resumable_run():
    """SIGINT to the shell alone, as GitHub sends it: bgdeploy is told, and the run can be resumed."""
    with Lab() as lab:
        lb = lab.nginx()
        slow_step(lab, lb)
        job = Job(lab)
        assert eventually(lambda: status(lab)["phase"] == "prepare"), status(lab)
        began = time.time()
        job.process.send_signal(signal.SIGINT)
        code, out = job.end()
        assert code in (130, 143) and "left as it stands" in out, (code, out)
        took = time.time() - began
        assert took < 10, f"the CI kills after 10 s, it took {took:.1f}"
        assert status(lab)["state"] == "interrupted" and lab.shares(lb, 20) == {"blue": 1.0}
        assert lab.command("resume").returncode == 0 and lab.shares(lb, 20) == {"green": 1.0}
        return f"{code} after {took:.1f} s, resumed"


def a_killed_job_leaves_a_resumable_run():
    """Every process of the job's group is killed; a retry of the job is refused; resumed, the version is live."""
    with Lab() as lab:
        lb = lab.nginx()
        slow_step(lab, lb)
        job = Job(lab)
        assert eventually(lambda: status(lab)["phase"] == "prepare"), status(lab)
        os.killpg(job.process.pid, signal.SIGKILL)
        job.end()
        code, out = Job(lab).end()
        assert code == 75, (code, out)
        assert lab.command("resume").returncode == 0 and lab.shares(lb, 20) == {"green": 1.0}
        return "a retry is refused with 75; resumed"


main([ends_as_the_run_does, waits_for_an_approval, a_cancelled_job_leaves_a_resumable_run, a_killed_job_leaves_a_resumable_run])
