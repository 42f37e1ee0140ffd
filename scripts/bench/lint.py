#!/usr/bin/env python3
"""`migrations lint` on 1,000 files, as one command from its start to its end.

usage: lint.py [ROUNDS]        the binary is $BGDEPLOY_BIN, else .build/release/bgdeploy

The files are the test vectors over and over, two in each. Ends with 1 when the median is a second or more.
"""
import os, pathlib, statistics, subprocess, sys, tempfile, time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
VECTORS = ROOT / "Tests" / "MigrationsTests" / "Vectors"
FILES, LIMIT = 1000, 1.0


def main(rounds):
    binary = os.environ.get("BGDEPLOY_BIN", str(ROOT / ".build/release/bgdeploy"))
    texts = [f.read_text() for f in sorted(VECTORS.glob("*.sql")) if f.name != "base.sql"]
    with tempfile.TemporaryDirectory() as folder:
        (pathlib.Path(folder) / "base.sql").write_text((VECTORS / "base.sql").read_text())
        for n in range(FILES):
            text = texts[n % len(texts)] + texts[(n * 7 + 3) % len(texts)]
            (pathlib.Path(folder) / f"{n:04}.sql").write_text(text)
        for output in ("text", "json"):
            took = []
            for _ in range(rounds):
                start = time.perf_counter()
                done = subprocess.run([binary, "migrations", "lint", folder, "--output", output],
                                      capture_output=True, text=True)
                took.append(time.perf_counter() - start)
                if done.returncode not in (0, 65):
                    sys.exit(f"lint.py: exit {done.returncode}: {done.stderr[-600:]}")
            median = statistics.median(took)
            print(f"{FILES} files, --output {output}: {median * 1000:.0f} ms "
                  f"({min(took) * 1000:.0f}-{max(took) * 1000:.0f}, {rounds} rounds), limit {LIMIT * 1000:.0f} ms")
            if median >= LIMIT:
                sys.exit(1)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
