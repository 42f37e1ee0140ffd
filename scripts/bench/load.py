#!/usr/bin/env python3
"""The playbook's `load` against wrk, on the same nginx in the same run: 100 users, as fast as they are answered.

usage: load.py [ROUNDS]     the binary is $BGDEPLOY_BIN, else .build/release/bgdeploy
"""
import pathlib, re, sys
if __name__ == "__main__":
    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "Tests" / "Acceptance"))
from lab import *

SECONDS, USERS = 4, 100


def web(lab):
    """An nginx that answers by itself, so that nothing behind it is measured; returns its URL."""
    folder, port = lab.dir / "web", free_port()
    folder.mkdir()
    temporary = " ".join(f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    (folder / "nginx.conf").write_text(f"""worker_processes 2; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{ worker_connections 1024; }}
http {{ access_log off; keepalive_requests 1000000000; {temporary}
  server {{ listen 127.0.0.1:{port} reuseport backlog=4096; location / {{ return 200 "hello from the load bench"; }} }} }}
""")
    command = ["nginx", "-c", str(folder / "nginx.conf"), "-e", str(folder / "error.log"), "-g", "daemon off;"]
    lab.procs.append(subprocess.Popen(command))
    wait_port(port)
    return f"http://127.0.0.1:{port}"


def by_wrk(url):
    """Requests a second."""
    r = subprocess.run(["wrk", "-t2", f"-c{USERS}", f"-d{SECONDS}s", url + "/"], capture_output=True, text=True, timeout=60, check=True)
    return float(re.search(r"Requests/sec:\s+([\d.]+)", r.stdout)[1])


def by_us(lab):
    """Requests a second that a run's `load` step made."""
    before = set(lab.dir.glob("runs/*/*/*/load.txt"))
    r = lab.command("run", "v2.5.0", "--yes", timeout=120)
    assert r.returncode == 0, f"exit {r.returncode}: {r.stdout[-800:]} {r.stderr[-800:]}"
    (report,) = set(lab.dir.glob("runs/*/*/*/load.txt")) - before
    return float(re.search(r"requests, ([\d.]+) a second", report.read_text())[1])


def requests_of_100_users(rounds):
    """Milliseconds for 1000 requests: at most twice those of wrk."""
    if not shutil.which("wrk"):
        print("requests of 100 users: left out, there is no wrk")
        return []
    with Lab() as lab:
        url = web(lab)
        environments = {e.name: {"url": url, "servers": [e.server]} for e in (lab.blue, lab.green)}
        step = {"load": {"paths": "/", "users": USERS, "warm_up": "1s", "for": f"{SECONDS}s"}, "timeout": "1m"}
        lab.playbook([lab.nginx()], {"validate": [step], "monitor": {"for": "10ms"}}, environments=environments)
        base, ours = [], []
        for _ in range(max(3, rounds // 3)):
            base.append(1e6 / by_wrk(url))
            ours.append(1e6 / by_us(lab))
        return [("1000 requests of 100 users by `load`, against wrk", base, ours, 2)]


if __name__ == "__main__":
    for what, base, ours, goal in requests_of_100_users(int(sys.argv[1]) if len(sys.argv) > 1 else 9):
        ratios = [b / o for b, o in zip(base, ours)]
        print(what, "wrk", [round(1e6 / b) for b in base], "ours", [round(1e6 / o) for o in ours], "ours/wrk",
              [round(r, 2) for r in ratios], "goal >= 0.5")
