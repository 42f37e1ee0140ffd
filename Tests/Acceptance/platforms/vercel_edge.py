"""What stands at Vercel's addresses: `/` is the production deployment, `/_deployment/ID` one of them, `/api/…` goes to the back-end.

usage: vercel_edge.py PORT BACKEND_PORT
"""
import http.client, http.server, sys
import world

PORT, BACKEND = int(sys.argv[1]), int(sys.argv[2])


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, kind, data):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def serve(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.path.startswith("/api/"):
            connection = http.client.HTTPConnection("127.0.0.1", BACKEND, timeout=10)
            connection.request(self.command, self.path, body, {k: v for k, v in self.headers.items() if k.lower() not in ("host", "connection")})
            r = connection.getresponse()
            return self.answer(r.status, r.getheader("Content-Type", "text/plain"), r.read())
        with world.world() as state:
            edge = state["vercel"]
        url = f"http://127.0.0.1:{PORT}{self.path}" if self.path.startswith("/_deployment/") else edge["production"][-1]
        deployment = edge["deployments"].get(url)
        if not deployment:
            return self.answer(404, "text/plain", b"DEPLOYMENT_NOT_FOUND")
        if world.fault("frontend") == deployment["version"]:
            return self.answer(500, "text/plain", b"FUNCTION_INVOCATION_FAILED")
        self.answer(200, "text/html", f"<!doctype html><meta name=version content={deployment['version']}>".encode())

    do_GET = do_POST = do_HEAD = serve


http.server.ThreadingHTTPServer(("127.0.0.1", PORT), Handler).serve_forever()
