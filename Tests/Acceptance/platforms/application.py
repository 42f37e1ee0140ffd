"""The application of the playbooks' checks: a few routes, a pool of real connections to a real PostgreSQL, and faults on demand.

usage: application.py --name NAME --version VERSION --port PORT

with DATABASE_URL, and $PLATFORM_WORLD/faults.json: {"NAME": {"ready": false, …}}
"""
import argparse, http.server, json, os, queue, random, sys, threading, time
import psycopg2
import world

parser = argparse.ArgumentParser()
for option in ("--name", "--version", "--port", "--faults"):
    parser.add_argument(option)
given = parser.parse_args()
NAME, VERSION, PORT = given.name, given.version, int(given.port)
SIZE, OVERFLOW = int(os.environ.get("POOL_SIZE", 20)), int(os.environ.get("MAX_OVERFLOW", 30))
BEGAN = time.monotonic()
FREE, OUT = queue.LifoQueue(), threading.Semaphore(SIZE + OVERFLOW)
TIMES = []


def connect():
    return psycopg2.connect(os.environ["DATABASE_URL"], connect_timeout=2)


def ask(query, *values):
    """One query on a connection of the pool; `(rows, milliseconds)`."""
    if not OUT.acquire(timeout=1):
        raise RuntimeError("Connection pool exhausted")
    began = time.monotonic()
    try:
        try:
            connection = FREE.get_nowait()
        except queue.Empty:
            connection = connect()
        try:
            with connection, connection.cursor() as cursor:
                cursor.execute(query, values)
                rows = cursor.fetchall() if cursor.description else []
        except Exception:
            connection.close()
            raise
        FREE.put(connection)
        return rows, (time.monotonic() - began) * 1000
    finally:
        OUT.release()


def lag():
    """Seconds that the slowest replica is behind; 0 where nothing is to be replayed."""
    rows, _ = ask("select coalesce(max(extract(epoch from replay_lag)), 0)::float from pg_stat_replication")
    return rows[0][0]


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_):
        pass

    def answer(self, status, body, **headers):
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(data)

    def do_GET(self):
        self.serve("GET")

    def do_POST(self):
        self.serve("POST")

    def serve(self, method):
        self.body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        faults = world.fault(NAME) or {}
        route = self.path.split("?")[0]
        if faults.get("hang"):
            time.sleep(faults["hang"])
        try:
            return self.route(method, route, faults)
        except (psycopg2.Error, RuntimeError) as error:
            return self.answer(503, {"status": "error", "database": "disconnected", "error": str(error).strip()[:200]})

    def route(self, method, route, faults):
        version = faults.get("version", VERSION)
        about = {"version": version, "environment": NAME, "uptime_seconds": int(time.monotonic() - BEGAN)}
        out = faults.get("checked_out", 1)
        pool = {"pool_size": SIZE, "max_overflow": OVERFLOW, "checked_out": out, "utilization": out / (SIZE + OVERFLOW)}
        if route == "/health/live":
            return self.answer(200, {"status": "alive", **about})
        if route in ("/health/ready", "/health/startup"):
            ask("select 1")
            word, fine = ("ready", faults.get("ready", True)) if route == "/health/ready" else ("started", faults.get("started", True))
            return self.answer(200 if fine else 503, {"status": word if fine else f"not {word}", **about})
        if route == "/healthz":
            return self.answer(200, {"ok": True})
        if route == "/health/detailed":
            _, took = ask("select 1")
            redis = faults.get("redis", "connected")
            return self.answer(200, {"status": "healthy", **about, "pool": pool,
                                     "dependencies": {"database": {"status": "connected", "latency_ms": faults.get("latency_ms", round(took, 2))}, "redis": {"status": redis}},
                                     "system": {"memory_percent": faults.get("memory_percent", 40.0), "cpu_percent": 5.0},
                                     "websockets": {"connections": 0}})
        if route == "/api/health":
            ask("select 1")
            fine = faults.get("healthy", True)
            return self.answer(200 if fine else 503, {"status": "ok" if fine else "error", "database": "connected", "supabase": "connected", **about})
        if route == "/api/monitoring/health":
            ask("select 1")
            return self.answer(200, {"status": "ok", "database": "connected", "supabase": faults.get("supabase", "connected"), "pool": pool,
                                     "retention": {"overdue": faults.get("overdue", 0)}, "timestamp": "2025-01-01T00:00:00Z", **about})
        if route == "/health":
            _, took = ask("select 1")
            database = {"status": "connected", "latency_p95_ms": faults.get("latency_p95_ms", round(took, 2)),
                        "pool_utilization": faults.get("pool_utilization", pool["utilization"]),
                        "replica_lag_s": faults.get("replica_lag_s", lag()), "storage_used": faults.get("storage_used", 0.31)}
            return self.answer(200, {"status": "healthy", "database": database, **about})
        if route == "/api/flags":
            return self.answer(200, {"flags": {}}, X_RateLimit_Limit=str(faults.get("rate_limit", 60)))
        if route == "/api/auth/login" and method == "POST":
            wrong = faults.get("login") or json.loads(self.body or b"{}").get("password") != os.environ.get("SMOKE_PASSWORD")
            return self.answer(401 if wrong else 200, {"error": "wrong"} if wrong else {"access_token": "t0ken"})
        if route == "/api/sessions" and method == "POST" and not self.headers.get("X-CSRFToken"):
            return self.answer(200 if faults.get("csrf") else 400, {"error": "The CSRF token is missing."})
        if faults.get("error_rate") and random.random() < faults["error_rate"]:
            return self.answer(500, {"error": "fault", **about})
        rows, _ = ask("select count(*) from events") if route == "/api/events" else ([[0]], 0)
        return self.answer(200, {"count": rows[0][0], **about})


class Server(http.server.ThreadingHTTPServer):
    request_queue_size, daemon_threads = 512, True


Server(("127.0.0.1", PORT), Handler).serve_forever()
