#!/usr/bin/env python3
"""Mina, small: transcription sessions in a real PostgreSQL, feature flags in a real Redis, WebSockets, figures of itself.

usage: mina.py --port PORT --name blue --version v2.5.0 --faults FILE

DATABASE_URL, REDIS_URL, TEST_TOKEN, ADMIN_TOKEN, ADMIN_USER and ADMIN_PASS come from the environment. What is wrong with it stands in
FILE, as JSON, and is read again when the file changes; `healthy` `version` `error_rate` `delay_ms` `db_delay_ms` `ws_refuse` `openai`
`summary`
`keep_sockets` `completion_rate` `insights_rate` `jobs`. Several processes may share the port, as instances do.
"""
import argparse, asyncio, base64, collections, contextlib, ctypes, hashlib, json, os, random, re, secrets, signal, socket, sys, time
from urllib.parse import parse_qs

COLUMNS = ("id", "title", "status")


class Database:
    """Just enough of libpq."""

    def __init__(self, url):
        self.url, self.connection = url, None
        self.pq = ctypes.CDLL("libpq.so.5")
        for name in ("PQconnectdb", "PQexecParams"):
            getattr(self.pq, name).restype = ctypes.c_void_p
        for name in ("PQgetvalue", "PQerrorMessage"):
            getattr(self.pq, name).restype = ctypes.c_char_p
        for name in ("PQstatus", "PQresultStatus", "PQntuples", "PQerrorMessage", "PQclear", "PQfinish"):
            getattr(self.pq, name).argtypes = [ctypes.c_void_p]
        self.pq.PQgetvalue.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_int]
        self.pq.PQnfields.argtypes = [ctypes.c_void_p]
        self.pq.PQexecParams.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p,
                                         ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int]

    def ask(self, sql, *values):
        """The rows, as texts."""
        if self.connection is None:
            self.connection = self.pq.PQconnectdb(self.url.encode())
        if self.pq.PQstatus(self.connection) != 0:
            self.lose()
        texts = (ctypes.c_char_p * max(1, len(values)))(*(str(v).encode() for v in values))
        result = self.pq.PQexecParams(self.connection, sql.encode(), len(values), None, texts, None, None, 0)
        try:
            if self.pq.PQresultStatus(result) not in (1, 2):
                why = self.pq.PQerrorMessage(self.connection).decode()
                if self.pq.PQstatus(self.connection) != 0:
                    self.lose()
                raise OSError(why)
            return [[self.pq.PQgetvalue(result, row, column).decode() for column in range(self.pq.PQnfields(result))]
                    for row in range(self.pq.PQntuples(result))]
        finally:
            self.pq.PQclear(result)

    def lose(self):
        why = self.pq.PQerrorMessage(self.connection).decode()
        self.pq.PQfinish(self.connection)
        self.connection = None
        raise OSError(why or "no connection")


async def redis(url, *words):
    """One command on a connection of its own; the answer's text, a list for HGETALL."""
    host, port = re.match(r"redis://(?:[^@]*@)?([^:/]+):(\d+)", url).groups()
    reader, writer = await asyncio.wait_for(asyncio.open_connection(host, int(port)), 2)
    try:
        password = re.match(r"redis://[^:]*:([^@]+)@", url)
        for command in ([["AUTH", password[1]]] if password else []) + [list(words)]:
            writer.write(b"*%d\r\n" % len(command) + b"".join(b"$%d\r\n%s\r\n" % (len(w.encode()), w.encode()) for w in command))
            answer = await asyncio.wait_for(redis_answer(reader), 2)
        return answer
    finally:
        writer.close()


async def redis_answer(reader):
    line = (await reader.readline()).decode().strip()
    if line[:1] == "-" or not line:
        raise OSError(line or "no answer")
    if line[0] == "$":
        return None if line == "$-1" else (await reader.readexactly(int(line[1:]) + 2))[:-2].decode()
    return [await redis_answer(reader) for _ in range(int(line[1:]))] if line[0] == "*" else line[1:]


def frame(text, opcode=1):
    data = text.encode()
    return bytes([0x80 | opcode, len(data)]) + data


class Mina:
    def __init__(self, options):
        self.name, self.release, self.port, self.faultfile = options.name, options.version, options.port, options.faults
        self.database, self.started = Database(os.environ["DATABASE_URL"]), time.time()
        self.faults, self.stamp = {}, None
        self.logins, self.sockets, self.draining = set(), set(), False
        self.requests = collections.deque()          # (time, milliseconds, failed), of the last five minutes
        self.opened, self.refused = 0, 0

    def fault(self, name, standard):
        with contextlib.suppress(OSError, ValueError):
            stamp = os.stat(self.faultfile).st_mtime_ns
            if stamp != self.stamp:
                with open(self.faultfile) as file:
                    self.faults = json.load(file)
                self.stamp = stamp
        return self.faults.get(name, standard)

    @property
    def version(self):
        return self.fault("version", self.release)

    # -- what it answers ----------------------------------------------------------------------------------------------------------

    async def answer(self, method, path, headers, body):
        """Status and JSON; users' requests meet the faults and are counted."""
        users = path in ("/", "/live") or path.startswith("/api/sessions")
        began = time.monotonic()
        if users and self.fault("delay_ms", 0):
            await asyncio.sleep(self.fault("delay_ms", 0) / 1000)
        if users and path != "/live" and random.random() < self.fault("error_rate", 0):
            status, value = 500, {"error": "something is broken", "environment": self.name}
        else:
            try:
                status, value = await self.route(method, path, headers, body)
            except (OSError, asyncio.TimeoutError) as error:
                status, value = 503, {"error": str(error)}
        if users:
            self.requests.append((time.monotonic(), (time.monotonic() - began) * 1000, status >= 500))
            print(f"{'ERROR' if status >= 500 else 'REQUEST'} {method} {path} {status}", flush=True)
        return status, value

    async def route(self, method, path, headers, body):
        if path == "/":
            return 200, {"environment": self.name, "version": self.version}
        if path == "/live":
            return 200, {"status": "alive"}
        if path.startswith("/api/health"):
            return await self.health(path[len("/api/health"):])
        if path == "/api/flags":
            pairs = await redis(os.environ["REDIS_URL"], "HGETALL", "flags")
            return 200, {key: json.loads(value) for key, value in zip(pairs[::2], pairs[1::2])}
        if path.startswith("/api/metrics/"):
            return self.metrics(path[len("/api/metrics/"):])
        if path == "/api/auth/login" and method == "POST":
            return self.login(parse_qs(body.decode()))
        if path.startswith("/admin/"):
            return await self.admin(method, path, headers, body)
        if path.startswith("/api/sessions"):
            if method != "GET" and headers.get("authorization") != f"Bearer {os.environ['TEST_TOKEN']}":
                return 401, {"error": "who are you?"}
            return self.sessions(method, path.split("/")[3:], body)
        return 404, {"error": f"{path} is not here"}

    async def health(self, part):
        began = time.monotonic()
        took = lambda: round((time.monotonic() - began) * 1000, 2)
        async def database():
            await asyncio.sleep(self.fault("db_delay_ms", 0) / 1000)
            self.database.ask("select 1")
        async def openai():
            if not self.fault("openai", True):
                raise OSError("OpenAI does not answer")
        looks = {"db": database, "redis": lambda: redis(os.environ["REDIS_URL"], "PING"), "openai": openai}
        if part:
            try:
                await looks[part.strip("/")]()
            except KeyError:
                return 404, {"error": "no such check"}
            except OSError as error:
                return 503, {"status": "disconnected", "error": str(error)}
            return 200, {"status": "available", "model": "gpt-4o"} if part == "/openai" else {"status": "connected", "latency_ms": took()}
        checks = {}
        for name, look in looks.items():
            try:
                await look()
                checks[name] = {"status": "healthy"}
            except OSError as error:
                checks[name] = {"status": "unhealthy", "error": str(error)}
        healthy = self.fault("healthy", True) and all(c["status"] == "healthy" for c in checks.values())
        return 200 if healthy else 503, {"status": "healthy" if healthy else "degraded", "version": self.version, "environment": self.name,
                                         "checks": checks, "uptime_seconds": int(time.time() - self.started), "draining": self.draining}

    def metrics(self, name):
        while self.requests and self.requests[0][0] < time.monotonic() - 300:
            self.requests.popleft()
        times = sorted(r[1] for r in self.requests) or [0]
        at = lambda share: round(times[min(len(times) - 1, int(share * len(times)))], 1)
        tried = self.opened + self.refused
        found = {
            "connections": {"active": len(self.sockets)},
            "errors": {"error_rate_5min": sum(r[2] for r in self.requests) / max(1, len(self.requests))},
            "performance": {"p50_ms": at(0.5), "p95_ms": at(0.95), "p99_ms": at(0.99), "requests_per_second": len(self.requests) / 300},
            "websockets": {"connection_success_rate": self.opened / tried if tried else 1, "active": len(self.sockets)},
            "sessions/active": {"count": int(self.database.ask("select count(*) from sessions where status = 'active'")[0][0])},
            "transcriptions/completion_rate": {"rate": self.fault("completion_rate", 0.995)},
            "ai/insights_success_rate": {"rate": self.fault("insights_rate", 0.98)},
            "jobs": {"ai_insights": "running", "task_extraction": "running", **self.fault("jobs", {})},
        }
        return (200, found[name]) if name in found else (404, {"error": "no such figure"})

    def sessions(self, method, rest, body):
        if not rest:
            if method == "POST":
                title = json.loads(body or b"{}").get("title", "untitled")
                row = self.database.ask("insert into sessions (title) values ($1) returning id", title)
                return 201, {"session_id": int(row[0][0]), "status": "active"}
            return 200, {"environment": self.name, "sessions": [dict(zip(COLUMNS, r)) for r in self.database.ask("select id, title, status from sessions order by id desc limit 5")]}
        if not rest[0].isdigit():
            return 404, {"error": "no such session"}
        found = self.database.ask("select id, title, status from sessions where id = $1", rest[0])
        if not found:
            return 404, {"error": "no such session"}
        if method == "DELETE":
            self.database.ask("with gone as (delete from segments where session_id = $1) select 1", rest[0])
            self.database.ask("delete from sessions where id = $1", rest[0])
            return 204, {}
        if rest[1:] == ["segments"]:
            text = json.loads(body or b"{}").get("text", "")
            row = self.database.ask("insert into segments (session_id, text) values ($1, $2) returning id", rest[0], text)
            return 201, {"segment_id": int(row[0][0]), "status": "created"}
        if rest[1:] == ["finalize"]:
            self.database.ask("update sessions set status = 'finalized' where id = $1", rest[0])
            return 200, {"status": "finalized", "summary_generated": self.fault("summary", True)}
        return 200, dict(zip(COLUMNS, found[0]))

    def login(self, form):
        if form.get("username") != [os.environ["ADMIN_USER"]] or form.get("password") != [os.environ["ADMIN_PASS"]]:
            return 401, {"error": "wrong user or password"}
        self.logins.add(session := secrets.token_hex(16))
        return 200, {"status": "welcome", "cookie": session}

    async def admin(self, method, path, headers, body):
        cookies = dict(re.findall(r"(\w+)=([^;\s]*)", headers.get("cookie", "")))
        known = cookies.get("session") in self.logins or headers.get("authorization") == f"Bearer {os.environ['ADMIN_TOKEN']}"
        if not known:
            return 401, {"error": "administrators only"}
        if path == "/admin/flags" and method == "POST":
            flag = json.loads(body)
            old = json.loads(await redis(os.environ["REDIS_URL"], "HGET", "flags", flag["key"]) or "{}")
            old.update((k, v) for k, v in flag.items() if k != "key")
            await redis(os.environ["REDIS_URL"], "HSET", "flags", flag["key"], json.dumps(old))
            return 200, {"key": flag["key"], **old}
        if path == "/admin/drain":
            self.draining = method == "POST"
            print(f"drain {'on' if self.draining else 'off'}, {len(self.sockets)} connections", flush=True)
            if self.draining and not self.fault("keep_sockets", False):
                for writer in list(self.sockets):
                    writer.write(frame('{"type": "finished"}') + frame("\x03\xe9", 8))
            return 202, {"draining": self.draining, "active": len(self.sockets)}
        return 404, {"error": "no such thing"}

    # -- the wire -----------------------------------------------------------------------------------------------------------------

    async def serve(self, reader, writer):
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin1").split("\r\n")
                method, path, _ = head[0].split(" ", 2)
                headers = {k.strip().lower(): v.strip() for k, _, v in (line.partition(":") for line in head[1:] if line)}
                body = await reader.readexactly(int(headers.get("content-length", 0)))
                path = path.split("?")[0]
                if path == "/socket.io/" and headers.get("upgrade", "").lower() == "websocket":
                    return await self.socket(reader, writer, headers)
                status, value = await self.answer(method, path, headers, body)
                cookie = f"Set-Cookie: session={value.pop('cookie')}; HttpOnly; Path=/\r\n" if "cookie" in value else ""
                data = b"" if status == 204 else json.dumps(value).encode()
                close = headers.get("connection", "").lower() == "close"
                writer.write(f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\n{cookie}Content-Length: {len(data)}\r\n"
                             f"{'Connection: close' + chr(13) + chr(10) if close else ''}\r\n".encode() + data)
                await writer.drain()
                if close:
                    return
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError):
            pass
        finally:
            with contextlib.suppress(Exception):
                writer.close()

    async def socket(self, reader, writer, headers):
        if self.draining or random.random() < self.fault("ws_refuse", 0):
            self.refused += 1
            writer.write(b"HTTP/1.1 503 X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            return await writer.drain()
        key = base64.b64encode(hashlib.sha1((headers["sec-websocket-key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()).decode()
        writer.write(f"HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {key}\r\n\r\n".encode())
        self.opened += 1
        self.sockets.add(writer)
        try:
            while True:
                first, second = await reader.readexactly(2)
                length = second & 0x7F
                if length > 125:
                    length = int.from_bytes(await reader.readexactly(2), "big")
                mask = await reader.readexactly(4)
                text = bytes(b ^ mask[i % 4] for i, b in enumerate(await reader.readexactly(length)))
                if first & 0x0F == 8:
                    writer.write(frame("", 8))
                    return await writer.drain()
                if first & 0x0F == 9:
                    writer.write(frame(text.decode("latin1"), 10))
                elif json.loads(text or b"{}").get("type") == "ping":
                    writer.write(frame(json.dumps({"type": "pong", "timestamp": int(time.time() * 1000)})))
                await writer.drain()
        finally:
            self.sockets.discard(writer)


async def main():
    parser = argparse.ArgumentParser()
    for name in ("--port", "--name", "--version", "--faults"):
        parser.add_argument(name, required=True, type=int if name == "--port" else str)
    mina = Mina(parser.parse_args())
    server = await asyncio.start_server(mina.serve, "127.0.0.1", mina.port, backlog=1024, reuse_port=True)
    print(f"{mina.name} {mina.release} listens", flush=True)
    over = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, over.set)
    await over.wait()
    server.close()
    await asyncio.sleep(0.2)


asyncio.run(main())
