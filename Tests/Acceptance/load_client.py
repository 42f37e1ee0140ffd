"""Load that notices everything: clients that never try again, and environments that speak HTTP and WebSocket.

Both are processes of their own, so that neither waits for the checks' interpreter; they end when their input ends.

    load_client.py environment NAME VERSION      serves, and prints its port
    load_client.py clients PORT GROUPS           sends; when its input ends it prints every request as JSON

A request has one of these outcomes: `ok`; `race`, the balancer closed a reused connection before any byte of the
answer; `refused`, no connection; `dropped`, a new connection closed before any byte; `cut`, closed within the answer
or within a WebSocket; `silent`, no answer in time; `status`, an answer that is not 200.
"""
import array, asyncio, base64, hashlib, json, os, random, re, subprocess, sys, tempfile, time
from lab import Lab, binary

PATIENCE = 20.0
OUTCOMES = ("ok", "race", "refused", "dropped", "cut", "silent", "status")

# What a mixed crowd does, with means of thinking times; about 1,500 requests a second on two quiet cores.
NEW = {"name": "new connections", "callers": 10, "think_ms": 15, "reuse": False}
BUSY = {"name": "keep-alive, 16 busy", "callers": 16, "think_ms": 20}
THINKING = {"name": "keep-alive, 100 thinking", "callers": 100, "think_ms": 250}
DISTANT = {"name": "keep-alive, 25 ms away", "callers": 40, "think_ms": 50, "one_way_ms": 25}
STREAMS = {"name": "streams of 600 ms", "callers": 20, "think_ms": 50, "path": "/stream?ms=600&n=6"}
SOCKETS = {"name": "WebSockets", "callers": 200, "think_ms": 2000, "socket": True}
CROWD = [NEW, BUSY, THINKING, DISTANT, STREAMS, SOCKETS]
# Goes where Lab.nginx() takes more for its location.
WEB_SOCKETS = """}
    location /ws { proxy_pass http://app; proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade;
                   proxy_set_header Connection upgrade; proxy_read_timeout 1h; """


# -- the environment ----------------------------------------------------------------------------------------------------

def frame(payload, opcode=1, mask=None):
    """One WebSocket frame of less than 126 bytes."""
    head = bytes([0x80 | opcode, (0x80 if mask else 0) | len(payload)])
    return head + mask + bytes(b ^ mask[i % 4] for i, b in enumerate(payload)) if mask else head + payload


def frames(buffer):
    """Takes every whole frame out of `buffer`: (opcode, payload)."""
    found = []
    while len(buffer) >= 2:
        masked, length = buffer[1] & 0x80, buffer[1] & 0x7F
        size = 2 + (4 if masked else 0) + length
        if length > 125 or len(buffer) < size:
            break
        payload = bytes(buffer[size - length:size])
        if masked:
            payload = bytes(b ^ buffer[2 + i % 4] for i, b in enumerate(payload))
        found.append((buffer[0] & 0x0F, payload))
        del buffer[:size]
    return found


def accept_key(key):
    return base64.b64encode(hashlib.sha1(key.encode() + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()).decode()


class Visitor(asyncio.Protocol):
    """One connection to an environment."""

    def __init__(self, name, version):
        self.name, self.version, self.buffer, self.busy, self.socket = name, version, bytearray(), False, False

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.buffer += data
        if self.socket:
            for opcode, payload in frames(self.buffer):
                self.transport.write(frame(payload, 8 if opcode == 8 else 1))
                if opcode == 8:
                    self.transport.close()
        elif not self.busy:
            self.next()

    def next(self):
        while not self.busy and not self.socket:
            head, found, rest = bytes(self.buffer).partition(b"\r\n\r\n")
            if not found:
                return
            del self.buffer[:len(head) + 4]
            self.answer(head.decode("latin1"))

    def answer(self, head):
        path = head.split(" ", 2)[1]
        self.close = "\nconnection: close" in head.lower()
        if path.startswith("/ws"):
            key = re.search(r"(?i)\nsec-websocket-key:\s*(\S+)", head)
            self.socket = True
            self.head("101 Switching Protocols", f"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept_key(key[1])}\r\n")
        elif path.startswith("/stream"):
            numbers = dict(re.findall(r"(\w+)=(\d+)", path))
            self.busy = True
            self.head("200 OK", "Transfer-Encoding: chunked\r\n")
            self.chunk(int(numbers["n"]), int(numbers["ms"]) / int(numbers["n"]) / 1000)
        else:
            body = json.dumps({"environment": self.name, "version": self.version, "status": "healthy"})
            self.head("200 OK", f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n", body)
            if self.close:
                self.transport.close()

    def head(self, status, fields, body=""):
        ending = "Connection: close\r\n" if self.close and not self.socket else ""
        self.transport.write(f"HTTP/1.1 {status}\r\nX-Environment: {self.name}\r\n{fields}{ending}\r\n{body}".encode())

    def chunk(self, left, gap):
        if self.transport.is_closing():
            return
        if left:
            text = f"{self.name} {left}\n"
            self.transport.write(f"{len(text):x}\r\n{text}\r\n".encode())
            asyncio.get_running_loop().call_later(gap, self.chunk, left - 1, gap)
            return
        self.transport.write(b"0\r\n\r\n")
        self.busy = False
        self.transport.close() if self.close else self.next()


async def serve(name, version):
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Visitor(name, version), "127.0.0.1", 0, backlog=4096)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


# -- the clients --------------------------------------------------------------------------------------------------------

class Line(asyncio.Protocol):
    """One connection to the balancer; tells its caller what happens on it."""

    def __init__(self, caller):
        self.caller, self.used, self.gone = caller, 0, None

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        if self.caller.line is self:
            self.caller.received(data)

    def connection_lost(self, error):
        if self.caller.line is self:
            self.caller.ended()


class Caller:
    """Sends one request after the other and writes down what became of each, at the time when a user would know.

    With `one_way_ms` everything takes that long to arrive: a connection that the balancer has closed is still used
    by a caller that cannot know yet.
    """

    def __init__(self, group, number, port, loop, log):
        self.think, self.one_way = group["think_ms"] / 1000, group.get("one_way_ms", 0) / 1000
        self.reuse, self.path, self.is_socket = group.get("reuse", True), group.get("path", "/"), group.get("socket", False)
        self.port, self.loop, self.log, self.line, self.state, self.stopping = port, loop, log, None, "thinking", False
        self.cookie, self.watch, self.finished = f"{group['name'][:3].strip()}{number}", None, loop.create_future()
        self.later(random.uniform(0, 2 * self.think), self.begin)

    def later(self, seconds, what):
        self.timer = self.loop.call_later(seconds, what)

    def begin(self):
        if self.stopping:
            return self.leave()
        self.start, self.buffer, self.environment = time.monotonic(), bytearray(), None
        if self.line is None:
            self.state = "connecting"
            self.loop.create_task(self.connect())
        elif self.line.gone:
            self.lose("race")
        elif self.one_way:
            self.state = "flying"
            self.later(self.one_way, self.send)
        else:
            self.send()

    async def connect(self):
        line = Line(self)
        try:
            await asyncio.wait_for(self.loop.create_connection(lambda: line, "127.0.0.1", self.port), PATIENCE)
        except (OSError, asyncio.TimeoutError):
            return self.lose("refused")
        self.line = line
        if line.transport.is_closing():
            return self.lose("dropped")
        self.send()

    def send(self):
        self.state, self.line.used = "asked", self.line.used + 1
        if self.is_socket and self.line.used > 1:
            self.line.transport.write(frame(b"%d" % self.line.used, mask=os.urandom(4)))
        else:
            fields = "" if self.reuse else "Connection: close\r\n"
            if self.is_socket:
                self.key = base64.b64encode(os.urandom(16)).decode()
                fields = f"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {self.key}\r\n"
            path = "/ws" if self.is_socket else self.path
            self.line.transport.write(f"GET {path} HTTP/1.1\r\nHost: lab\r\nCookie: session={self.cookie}\r\n{fields}\r\n".encode())
        self.watch = self.loop.call_later(PATIENCE, self.lose, "silent")

    def received(self, data):
        if self.state != "asked":
            return
        self.buffer += data
        if self.is_socket and self.line.used > 1:
            for opcode, payload in frames(self.buffer):
                if opcode != 1 or payload != b"%d" % self.line.used:
                    return self.lose("cut")
                self.done("ok")
            return
        head, found, body = bytes(self.buffer).partition(b"\r\n\r\n")
        if not found:
            return
        name = re.search(rb"\nX-Environment: (\w+)", head, re.I)
        self.environment = name[1].decode() if name else None
        if self.is_socket:
            accepted = head.startswith(b"HTTP/1.1 101") and f"Accept: {accept_key(self.key)}".lower() in head.decode("latin1").lower()
            return self.done("ok") if accepted else self.lose("status")
        length = re.search(rb"\ncontent-length: *(\d+)", head, re.I)
        if (length and len(body) >= int(length[1])) or (not length and body.endswith(b"0\r\n\r\n")):
            closes = not self.reuse or re.search(rb"\nconnection: *close", head, re.I)
            self.done("ok" if head[9:12] == b"200" else "status")
            if closes:
                self.hang_up()

    def ended(self):
        """The balancer closed the connection."""
        if self.state == "asked":
            self.lose("cut" if self.buffer or self.is_socket else "race" if self.line.used > 1 else "dropped")
        elif self.state == "flying":
            self.timer.cancel()
            self.lose("race")
        elif self.is_socket:
            self.start = time.monotonic()
            self.timer.cancel()
            self.lose("cut")
        elif self.one_way:
            line, line.gone = self.line, True
            self.loop.call_later(self.one_way, lambda: self.hang_up() if self.line is line and self.state == "thinking" else None)
        else:
            self.hang_up()

    def done(self, outcome):
        if self.watch:
            self.watch.cancel()
        self.log(self.start, time.monotonic(), outcome, self.environment)
        self.state = "thinking"
        self.later(random.uniform(0, 2 * self.think) + 2 * self.one_way, self.begin)

    def lose(self, outcome):
        self.hang_up()
        self.done(outcome)

    def hang_up(self):
        line, self.line = self.line, None
        if line:
            line.transport.abort() if self.state == "asked" else line.transport.close()

    def leave(self):
        if self.line and self.is_socket and self.line.used:
            self.line.transport.write(frame(b"", 8, os.urandom(4)))
        self.hang_up()
        if not self.finished.done():
            self.finished.set_result(None)

    def stop(self):
        self.stopping = True
        if self.state == "thinking":
            self.timer.cancel()
            self.leave()


async def call(port, groups):
    loop, records, callers = asyncio.get_running_loop(), [], []
    names = {None: -1}
    for group in groups:
        columns = {"start": array.array("d"), "end": array.array("d"), "outcome": array.array("b"), "environment": array.array("b")}
        records.append(columns)

        def log(start, end, outcome, environment, columns=columns):
            columns["start"].append(round(start, 5))
            columns["end"].append(round(end, 5))
            columns["outcome"].append(OUTCOMES.index(outcome))
            columns["environment"].append(names.setdefault(environment, len(names) - 1))

        callers += [Caller(group, number, port, loop, log) for number in range(group["callers"])]
    await loop.run_in_executor(None, sys.stdin.read)
    for caller in callers:
        caller.stop()
    await asyncio.wait([caller.finished for caller in callers], timeout=PATIENCE + 5)
    known = {number: name for name, number in names.items()}
    json.dump([{
        "name": group["name"], "start": columns["start"].tolist(), "end": columns["end"].tolist(),
        "outcome": [OUTCOMES[o] for o in columns["outcome"]], "environment": [known[e] for e in columns["environment"]],
    } for group, columns in zip(groups, records)], sys.stdout)


# -- for the checks -----------------------------------------------------------------------------------------------------

class Environment:
    """An environment in a process of its own, in place of lab.py's."""

    def __init__(self, name, version):
        self.name, self.version = name, version
        self.process = subprocess.Popen([sys.executable, __file__, "environment", name, version], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.port = int(self.process.stdout.readline())
        self.url, self.server = f"http://127.0.0.1:{self.port}", f"127.0.0.1:{self.port}"

    def end(self):
        self.process.stdin.close()
        self.process.wait(10)


class Record:
    """What one group of clients saw."""

    def __init__(self, columns):
        self.name = columns["name"]
        self.requests = list(zip(columns["start"], columns["end"], columns["outcome"], columns["environment"]))

    def __len__(self):
        return len(self.requests)

    def failed(self, after=0.0, before=float("inf")):
        return [r for r in self.requests if r[2] != "ok" and after <= r[1] < before]

    def told(self):
        """`new connections 12034` or `… 12034, 3 race, 1 cut`."""
        counts = {o: sum(r[2] == o for r in self.requests) for o in OUTCOMES[1:]}
        return ", ".join([f"{self.name} {len(self)}"] + [f"{n} {o}" for o, n in counts.items() if n])


class Crowd:
    """Groups of clients in a process of their own."""

    def __init__(self, port, groups=CROWD):
        self.began, self.output = time.monotonic(), tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen([sys.executable, __file__, "clients", str(port), json.dumps(groups)], stdin=subprocess.PIPE, stdout=self.output, text=True)

    def stop(self):
        """Lets every request end and returns what each group saw, by name."""
        self.process.stdin.close()
        code = self.process.wait(PATIENCE + 30)
        self.seconds = time.monotonic() - self.began
        assert code == 0, f"the load client failed: exit {code}"
        self.output.seek(0)
        self.records = {columns["name"]: Record(columns) for columns in json.load(self.output)}
        return self.records

    def rate(self):
        return sum(map(len, self.records.values())) / self.seconds


class LoadLab(Lab):
    """The laboratory with environments that stand a load and speak WebSocket."""

    def __init__(self):
        super().__init__()
        for backend in (self.blue, self.green):
            backend.stop()
        self.blue, self.green = Environment("blue", "v2.4.5"), Environment("green", "v2.5.0")

    def __exit__(self, *error):
        super().__exit__(*error)
        self.blue.end()
        self.green.end()

    def set(self, split):
        """Sets the split; returns when it began and when it was in force."""
        began = time.monotonic()
        r = self.command("traffic", "set", split, "--yes")
        assert r.returncode == 0, f"traffic set {split}: exit {r.returncode}: {r.stdout[-600:]} {r.stderr[-600:]}"
        return split, began, time.monotonic()


def knows(mode):
    """Whether the program under test knows this `mode:` of a balancer."""
    r = subprocess.run([binary(), "check", "--schema"], capture_output=True, text=True)
    return f'"{mode}"' in r.stdout and '"mode"' in r.stdout


def with_mode(lab, lb, mode, **more):
    """A playbook in which the balancer has this mode, and everything that the mode needs, installed."""
    path = lab.playbook([lb], more)
    book = json.loads(path.read_text())
    book["balancers"][0]["mode"] = mode
    path.write_text(json.dumps(book, indent=1))
    r = lab.command("traffic", "install", "--yes")
    assert r.returncode == 0 and ": installed" in r.stdout, f"traffic install: exit {r.returncode}: {r.stdout[-800:]} {r.stderr[-800:]}"


if __name__ == "__main__":
    if sys.argv[1] == "environment":
        asyncio.run(serve(*sys.argv[2:4]))
    else:
        asyncio.run(call(int(sys.argv[2]), json.loads(sys.argv[3])))
