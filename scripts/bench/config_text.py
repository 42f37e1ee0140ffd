#!/usr/bin/env python3
"""`config set-weights` in a file of 10 MB, against crossplane on the same file in the same run.

usage: config_text.py [ROUNDS]        the binary is $BGDEPLOY_BIN, else .build/release/bgdeploy

bgdeploy's time is that of the whole command: start, read, parse, edit, check, write, sync. crossplane's is that of
parsing alone, and of parsing and building, inside a Python that runs already. crossplane comes from PyPI into a folder
that is removed afterwards; without it, or without a network, the comparison is left out.
"""
import pathlib, statistics, sys, tempfile
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent.parent / "Tests" / "Acceptance"))
from lab import *

MEGABYTES = 10
NGINX = """    # service {n}: owned by team {team}; do not edit by hand
    upstream service_{n} {{
        zone service_{n} 64k;
        server 10.{a}.0.{b}:8080 weight=3 max_fails=3 fail_timeout=10s;
        server 10.{a}.1.{b}:8080 weight=1 max_fails=3 fail_timeout=10s;  # rack 1
        server "10.{a}.2.{b}:8080" max_fails=3 fail_timeout=10s down;
        keepalive 32;
    }}
    server {{
        listen 80;
        server_name s{n}.example.org "~^(?<sub>[a-z]{{2,8}})\\.s{n}\\.example\\.org$";
        location / {{
            proxy_pass http://service_{n};
            proxy_set_header X-Forwarded-For "$proxy_add_x_forwarded_for";
            add_header Strict-Transport-Security 'max-age=31536000; includeSubDomains';
        }}
    }}
"""
HAPROXY = """# service {n}: owned by team {team}
frontend in_{n}
    bind 127.0.0.1:{port}
    acl is_api path_beg /api /v{team}
    http-request set-header X-Service "service {n}" if is_api
    default_backend service_{n}

backend service_{n}
    balance roundrobin
    option httpchk GET /health
    default-server inter 2s fall 3 rise 2
    server app0 10.{a}.0.{b}:8080 check weight 3 maxconn 200  # rack 0
    server app1 10.{a}.1.{b}:8080 check weight 1 maxconn 200  # rack 1
    server app2 10.{a}.2.{b}:8080 check maxconn 200

"""
CROSSPLANE = """
import crossplane, sys, time
for _ in range(int(sys.argv[2])):
    start = time.perf_counter()
    parsed = crossplane.parse(sys.argv[1], single=True, comments=True, check_ctx=False, check_args=False)
    read = time.perf_counter()
    assert parsed["status"] == "ok", parsed["errors"][:1]
    crossplane.build(parsed["config"][0]["parsed"])
    print((read - start) * 1000, (time.perf_counter() - start) * 1000, flush=True)
"""


def services(head, template, tail):
    """A configuration of the wanted size, and how many services it has."""
    parts, size, n = [head], 0, 0
    while size < MEGABYTES * 1_000_000:
        parts.append(template.format(n=n, team=n % 17, a=n % 250, b=1 + n * 7 % 250, port=1024 + n % 60000))
        size += len(parts[-1])
        n += 1
    return "".join(parts + [tail]), n


def timed(kind, file, count, rounds):
    """Milliseconds of the command, in each round another service of the file, which it has to change."""
    took = []
    for number in range(rounds):
        name = f"service_{(number * 7919 + count // 2) % count}"
        servers = ["app0", "app1", "app2"] if kind == "haproxy" else addresses(file.read_text(), name)
        before = file.read_bytes()
        start = time.perf_counter()
        r = subprocess.run([binary(), "config", "set-weights", kind, file, name] +
                           [f"{server}={weight}" for server, weight in zip(servers, (7, 0, 5))],
                           stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
        took.append((time.perf_counter() - start) * 1000)
        if r.returncode != 0:
            raise RuntimeError(f"config set-weights {kind} {name}: exit {r.returncode}: {r.stderr[-400:]}")
        changed = sum(a != b for a, b in zip(before.splitlines(), file.read_bytes().splitlines(), strict=True))
        if changed != 3:
            raise RuntimeError(f"config set-weights {kind} {name}: {changed} lines changed instead of 3")
    return took


def addresses(text, name):
    """The servers of one upstream of nginx."""
    block = text[text.index(f"upstream {name} {{\n"):].split("keepalive", 1)[0]
    return [line.split()[1].strip('"') for line in block.splitlines() if line.split()[:1] == ["server"]]


def crossplane(file, folder, rounds):
    """Milliseconds to parse, and to parse and build; empty when crossplane cannot be had."""
    python = folder / "venv" / "bin" / "python"
    try:
        subprocess.run([sys.executable, "-m", "venv", folder / "venv"], check=True, capture_output=True, timeout=120)
        subprocess.run([python, "-m", "pip", "install", "-q", "crossplane"], check=True, capture_output=True, timeout=120)
    except (subprocess.SubprocessError, OSError):
        print("config set-weights: crossplane cannot be installed, so the comparison is left out", flush=True)
        return [], []
    r = subprocess.run([python, "-c", CROSSPLANE, file, str(rounds)], check=True, capture_output=True, text=True, timeout=900)
    pairs = [tuple(map(float, line.split())) for line in r.stdout.splitlines()]
    return [pair[0] for pair in pairs], [pair[1] for pair in pairs]


def rows(rounds):
    """What `row()` of bench.py takes: what, the baseline's milliseconds, bgdeploy's, the highest ratio that is good."""
    with tempfile.TemporaryDirectory(prefix="bgdeploy-bench-") as folder:
        folder = pathlib.Path(folder)
        result = []
        for kind, head, template, tail in (("nginx", "events {}\nhttp {\n", NGINX, "}\n"),
                                           ("haproxy", "defaults\n    mode http\n\n", HAPROXY, "")):
            text, count = services(head, template, tail)
            file = folder / f"{kind}.conf"
            file.write_text(text)
            parse, build = crossplane(file, folder, max(1, rounds // 5)) if kind == "nginx" else ([], [])
            ours = timed(kind, file, count, rounds)
            rate = MEGABYTES / statistics.median(ours) * 1000
            what = f"config set-weights, {MEGABYTES} MB {kind} ({rate:.0f} MB/s)"
            # 50 MB/s is the least; beside crossplane it is always far less than a tenth.
            if parse:
                result.append((what + ", against crossplane's parse", parse, ours, 0.1))
                result.append((what + ", against crossplane's parse and build", build, ours, 0.1))
            else:
                result.append((what, [], ours, None))
        return result


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 15
    for what, baseline, ours, _ in rows(rounds):
        mine = statistics.median(ours)
        base = statistics.median(baseline) if baseline else None
        ratio = f"; crossplane {base:.0f} ms, ratio {mine / base:.4f}" if base else ""
        print(f"{what}: median {mine:.1f} ms ({min(ours):.1f}-{max(ours):.1f}){ratio}")


if __name__ == "__main__":
    main()
