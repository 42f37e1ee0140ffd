"""Mina's own smoke tests, against $MINA_URL."""
import base64, json, os, socket, urllib.request
from urllib.parse import urlsplit

URL = os.environ["MINA_URL"]


def call(method, path, body=None):
    request = urllib.request.Request(URL + path, None if body is None else json.dumps(body).encode(), method=method,
                                     headers={"Authorization": f"Bearer {os.environ['TEST_TOKEN']}", "Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.loads(answer.read() or b"{}")


def session():
    return call("POST", "/api/sessions", {"title": "Smoke test"})["session_id"]


def test_transcription_pipeline():
    made = session()
    assert call("POST", f"/api/sessions/{made}/segments", {"text": "Test transcription"})["status"] == "created"
    call("DELETE", f"/api/sessions/{made}")


def test_session_finalization():
    made = session()
    assert call("POST", f"/api/sessions/{made}/finalize")["status"] == "finalized"
    call("DELETE", f"/api/sessions/{made}")


def test_websocket_reconnection():
    where = urlsplit(URL)
    for _ in range(2):
        with socket.create_connection((where.hostname, where.port), 5) as s:
            s.sendall(f"GET /socket.io/?transport=websocket HTTP/1.1\r\nHost: {where.netloc}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                      f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}\r\n\r\n".encode())
            assert s.recv(200).startswith(b"HTTP/1.1 101")


def test_ai_insights_generation():
    made = session()
    assert call("POST", f"/api/sessions/{made}/finalize")["summary_generated"] is True
    call("DELETE", f"/api/sessions/{made}")
