"""Rows about many balancers behind one playbook."""
from lab import *

CONFIG = """global
    stats socket {folder}/admin.sock mode 600 level admin
    nbthread 1
    maxconn 100
defaults
    mode http
    timeout connect 2s
    timeout client 60s
    timeout server 60s
frontend www
    bind 127.0.0.1:{port}
    default_backend app
backend app
    server blue1 {blue} weight 100
    server green1 {green} weight 0
"""


def start(lab, number):
    folder, port = lab.dir / f"h{number}", free_port()
    folder.mkdir()
    config = folder / "haproxy.cfg"
    config.write_text(CONFIG.format(folder=folder, port=port, blue=lab.blue.server, green=lab.green.server))
    lab.procs.append(subprocess.Popen(["haproxy", "-q", "-f", str(config)], stderr=subprocess.DEVNULL))
    return dict(kind="haproxy", dir=folder, port=port, config=config, socket=folder / "admin.sock", test=["haproxy", "-c", "-q", "-f", str(config)])


def many_haproxies(rounds):
    """One switch of 1, 10 and 100 HAProxy processes: at most twice the time of one, and half a millisecond each."""
    with Lab() as lab:
        balancers = [start(lab, number) for number in range(100)]
        for lb in balancers:
            wait_port(lb["port"])
        sizes = {size: [] for size in (1, 10, 100)}
        for size in sizes:
            lab.playbook(balancers[:size], name=f"{size}.yml")
        for _ in range(max(2, min(rounds, 12) // 3)):
            for size, took in sizes.items():
                for to in ("green", "blue"):
                    begin = time.monotonic()
                    r = lab.command("traffic", "set", f"{to}=100", "--yes", playbook=lab.dir / f"{size}.yml")
                    took.append((time.monotonic() - begin) * 1000)
                    assert r.returncode == 0, f"{size} balancers: exit {r.returncode}: {r.stderr[-600:]}"
                    assert lab.shares(balancers[size - 1], 10) == {to: 1.0}, f"the last of {size} did not switch"
        one = sorted(sizes[1])[len(sizes[1]) // 2]
        return [("a switch of 1 HAProxy process", [], sizes[1])] + [
            (f"a switch of {size} HAProxy processes", [], sizes[size], None, 2 * one + 0.5 * size) for size in (10, 100)]
