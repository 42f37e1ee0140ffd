"""What the stand-ins for the platforms' command lines act on: applications that really run, and one file that says which.

$PLATFORM_WORLD is a folder with `world.json`; `faults.json` beside it says what is to go wrong, and is read at each use.
"""
import contextlib, fcntl, json, os, pathlib, signal, socket, subprocess, sys, time

HERE = pathlib.Path(__file__).resolve().parent
FOLDER = pathlib.Path(os.environ.get("PLATFORM_WORLD", "."))


@contextlib.contextmanager
def world(folder=None):
    """The world, for reading and changing; one process at a time has it."""
    folder = pathlib.Path(folder or FOLDER)
    with open(folder / "world.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        path = folder / "world.json"
        state = json.loads(path.read_text()) if path.exists() else {}
        yield state
        new = path.with_suffix(".new")
        new.write_text(json.dumps(state, indent=1))
        new.rename(path)


def fault(name, folder=None):
    """What is to go wrong under this name; `None` when nothing is."""
    with contextlib.suppress(OSError, ValueError):
        return json.loads((pathlib.Path(folder or FOLDER) / "faults.json").read_text()).get(name)
    return None


def refuse(text, code=1):
    print(text, file=sys.stderr)
    sys.exit(code)


def record(*words):
    """Keeps what was asked for, one call a line."""
    with open(FOLDER / "calls.log", "a") as log:
        log.write(" ".join(words) + "\n")


def alive(pid):
    with contextlib.suppress(OSError, IndexError):
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
    return False


def end(pid, how=signal.SIGTERM):
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, how)
    until = time.monotonic() + 5
    while alive(pid):
        if time.monotonic() > until:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.01)


def start(name, version, folder=None):
    """(Re)starts the application `name`, whose port the world knows, in this version; returns when it listens."""
    folder = pathlib.Path(folder or FOLDER)
    with world(folder) as state:
        application = state["applications"][name]
        if application.get("pid"):
            end(application["pid"])
        with open(folder / f"{name}.log", "a") as log:
            process = subprocess.Popen(["/usr/bin/python3", str(HERE / "application.py"), "--name", name, "--version", version, "--port", str(application["port"])],
                                       stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, cwd="/",
                                       env=dict(os.environ, PLATFORM_WORLD=str(folder), **state.get("environment", {})))
        application.update(pid=process.pid, version=version)
    until = time.monotonic() + 60
    while time.monotonic() < until and alive(process.pid):
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", application["port"]), 1).close()
            return
        time.sleep(0.02)
    raise RuntimeError(f"{name} does not listen: {(folder / f'{name}.log').read_text()[-300:]}")


def stop(name, folder=None):
    with world(folder) as state:
        pid = state["applications"][name].pop("pid", None)
    if pid:
        end(pid)
