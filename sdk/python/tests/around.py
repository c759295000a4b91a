"""What stands around the tests: the gateway that `sdk/check` started, and servers that behave badly."""

import json
import os
import socket
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional, Tuple

from holdfast_client import BODY_SIG, Bill, Client

SDK = Path(__file__).parent.parent
REPOSITORY = SDK.parent.parent

ENV = {
    name: os.environ[name]
    for name in (
        "HOLDFAST_BASE_URL HOLDFAST_APP_ID HOLDFAST_APP_KEY HOLDFAST_NOTICE_KEY HOLDFAST_MID HOLDFAST_TID "
        "HOLDFAST_BINARY HOLDFAST_MAKE_HOLD HOLDFAST_SELF_SIGNED_URL HOLDFAST_SELF_SIGNED_CERT"
    ).split()
}
BASE_URL, APP_ID, APP_KEY = ENV["HOLDFAST_BASE_URL"], ENV["HOLDFAST_APP_ID"], ENV["HOLDFAST_APP_KEY"]
MID, TID = ENV["HOLDFAST_MID"], ENV["HOLDFAST_TID"]
DEAD_URL = "http://127.0.0.1:1"


def client(scheme: str = BODY_SIG, base_url: str = BASE_URL, timeout: float = 15.0) -> Client:
    return Client(base_url, APP_ID, APP_KEY, mid=MID, tid=TID, scheme=scheme, timeout=timeout)


def holdfast(*arguments: str) -> Dict[str, Any]:
    done = subprocess.run([ENV["HOLDFAST_BINARY"], *arguments, "-o", "json"], check=True, stdout=subprocess.PIPE)
    answer: Dict[str, Any] = json.loads(done.stdout)
    return answer


def make_hold(*arguments: str) -> Dict[str, str]:
    done = subprocess.run([ENV["HOLDFAST_MAKE_HOLD"], *arguments], check=True, stdout=subprocess.PIPE, text=True)
    hold = dict(line.split("=", 1) for line in done.stdout.splitlines())
    return hold


def bill_of(hold: Dict[str, str]) -> Bill:
    return Bill(hold["BILL_NO"], hold["BILL_DATE"])


class Server:
    """An HTTP server whose answers a test writes: a function from path and body to status and bytes."""

    def __init__(self, answer: Callable[[str, bytes], Tuple[int, bytes]], headers: Optional[Dict[str, str]] = None) -> None:
        self.requests: List[Tuple[str, bytes]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.requests.append((self.path, body))
                status, text = answer(self.path, body)
                self.send_response(status)
                for name, value in (headers or {}).items():
                    self.send_header(name, value)
                if "Transfer-Encoding" not in (headers or {}) and "Content-Length" not in (headers or {}):
                    self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *_: object) -> None:
                pass

        class Listener(ThreadingHTTPServer):
            request_queue_size = 64
            daemon_threads = True

        self._server = Listener(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> "Server":
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class Talker:
    """A server below HTTP: each connection is handed to a function."""

    def __init__(self, talk: Callable[[socket.socket, threading.Event], object]) -> None:
        self._talk, self._end = talk, threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> "Talker":
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()
        return self

    def _serve(self) -> None:
        while True:
            connection, _ = self._listener.accept()
            with connection:
                if self._end.is_set():
                    return
                try:
                    self._talk(connection, self._end)
                except OSError:
                    pass

    def __exit__(self, *_: object) -> None:
        self._end.set()
        socket.create_connection(self._listener.getsockname()).close()
        self._thread.join()
        self._listener.close()
