#!/usr/bin/env python3
"""Writes docs/reference/migrations/squawk.md: bgdeploy's verdicts and squawk's findings on the same migrations.

usage: squawk_table.py        the binary is $BGDEPLOY_BIN, else .build/release/bgdeploy

squawk is taken from $PATH, else squawk-cli comes from PyPI into a folder that is removed afterwards. The migrations are
the test vectors, with what was measured of each: an old version's statements before and after it.
"""
import json, os, pathlib, shutil, subprocess, sys, tempfile, venv

ROOT = pathlib.Path(__file__).resolve().parent.parent
VECTORS = ROOT / "Tests" / "MigrationsTests" / "Vectors"
PAGE = ROOT / "docs" / "reference" / "migrations" / "squawk.md"
VERSION = "2.70.0"
# Style, and what holds for nearly every statement.
LEFT_OUT = {"require-lock-timeout", "require-statement-timeout"}
COMPATIBILITY = ["compatible", "prepared", "unknown", "depends", "breaks"]
LOCKS = ["none", "brief", "long", "rewrite"]
MEASURED = {"ok": "went on", "prepared-only": "prepared statements failed", "breaks": "**failed**",
            "not-applied": "did not apply"}


def squawk(folder):
    found = shutil.which("squawk")
    if found:
        return found
    venv.create(folder, with_pip=True)
    subprocess.run([f"{folder}/bin/pip", "install", "-q", f"squawk-cli=={VERSION}"], check=True)
    return f"{folder}/bin/squawk"


def findings(program, path, in_transaction):
    flags = ["--assume-in-transaction"] if in_transaction else []
    done = subprocess.run([program, "--reporter", "json", *flags, str(path)], capture_output=True, text=True)
    names = {item["rule_name"] for item in json.loads(done.stdout or "[]")}
    return sorted(n for n in names if n not in LEFT_OUT and not n.startswith("prefer-"))


def verdict(binary, path):
    done = subprocess.run([binary, "migrations", "lint", str(path), "--json"], capture_output=True, text=True)
    if done.returncode not in (0, 65):
        sys.exit(f"squawk_table.py: {done.stderr}")
    statements = json.loads(done.stdout)
    worst = lambda key, order: max((s[key] for s in statements), key=order.index, default=order[0])
    return worst("compatibility", COMPATIBILITY), worst("lock", LOCKS)


def main():
    binary = os.environ.get("BGDEPLOY_BIN", str(ROOT / ".build/release/bgdeploy"))
    rows, counts = [], {"bgdeploy": [0, 0, 0, 0], "squawk": [0, 0, 0, 0]}
    with tempfile.TemporaryDirectory() as folder:
        program = squawk(folder)
        version = subprocess.run([program, "--version"], capture_output=True, text=True).stdout.split()[-1]
        for vector in json.loads((VECTORS / "verdicts.json").read_text()):
            path = VECTORS / f"{vector['id']}.sql"
            compatibility, lock = verdict(binary, path)
            found = findings(program, path, vector["in_transaction"])
            measured = vector["measured_blue"]
            if measured != "not-applied":
                for name, flags in (("bgdeploy", compatibility not in ("compatible", "prepared")),
                                    ("squawk", bool(found))):
                    broken = measured == "breaks"
                    counts[name][(0 if flags else 1) if broken else (2 if flags else 3)] += 1
            rows.append((vector["id"], vector["title"], MEASURED[measured], compatibility, vector["author_lock"], lock,
                         ", ".join(found) or "–"))
    PAGE.write_text(page(version, rows, counts))
    print(f"{PAGE.relative_to(ROOT)}: {len(rows)} migrations")


def page(version, rows, counts):
    text = f"""# Side by side with squawk

Made by `scripts/squawk_table.py` from the migrations in `Tests/MigrationsTests/Vectors`, with squawk {version} (its style and
time-out rules left out, in a transaction where one is allowed) and bgdeploy with the schema in `base.sql`. *Measured* is what an old version's 23
statements did on PostgreSQL 15 after the migration.

squawk answers one question, whether a statement is safe under load; the last column cannot tell which one it meant.

| | bgdeploy: depends, breaks or unknown | squawk: any finding |
|---|---|---|
| the old version failed, and it was said | {counts['bgdeploy'][0]} | {counts['squawk'][0]} |
| the old version failed, and it was **not** said | {counts['bgdeploy'][1]} | {counts['squawk'][1]} |
| the old version went on, and something was said | {counts['bgdeploy'][2]} | {counts['squawk'][2]} |
| the old version went on, and nothing was said | {counts['bgdeploy'][3]} | {counts['squawk'][3]} |

| migration | | old version, measured | bgdeploy: stable version | lock, expected | bgdeploy: lock | squawk |
|---|---|---|---|---|---|---|
"""
    return text + "".join("| " + " | ".join(f"`{c}`" if i == 0 else c for i, c in enumerate(row)) + " |\n" for row in rows)


if __name__ == "__main__":
    main()
