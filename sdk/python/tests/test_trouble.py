"""Whatever can happen to a request: which of the three kinds of error it is."""

import json
import re
import socket
import struct
import subprocess
import sys
import threading
import unittest
from typing import Any, Tuple, Type
from urllib.parse import urlsplit

from holdfast_client import Bill, Client, HoldfastError, NotSent, OutcomeUnknown, Refused
from holdfast_client.errors import OPEN, REPEAT
from holdfast_client.gateway import Gateway
from holdfast_client.transport import ANSWER_MAX

from . import around

BILL = Bill("327M00000000", "2022-04-21")


def read_request(connection: socket.socket) -> None:
    """Reads until the body is there."""
    text = b""
    while True:
        text += connection.recv(65536)
        head, border, body = text.partition(b"\r\n\r\n")
        length = re.search(rb"Content-Length: ([0-9]+)", head)
        if border and length and len(body) >= int(length[1]):
            return


class Trouble(unittest.TestCase):
    def check(self, url: str, kind: Type[HoldfastError], repeat: str, words: str, timeout: float = 5.0) -> HoldfastError:
        with self.assertRaisesRegex(kind, words) as caught:
            around.client(base_url=url, timeout=timeout).query(BILL)
        self.assertEqual(caught.exception.repeat, repeat)
        if kind is OutcomeUnknown:
            self.assertIn("outcome unknown: query", str(caught.exception))
        return caught.exception

    def answer(self, status: int, body: bytes, kind: Type[HoldfastError], repeat: str, words: str, **headers: str) -> None:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        with self.subTest(status=status, body=body[:60]), around.Server(lambda *_: (status, body), named) as server:
            self.check(server.url, kind, repeat, words)
            # Whatever happens, nothing is sent twice by itself.
            self.assertEqual(len(server.requests), 1)

    def test_nobody_there_means_nothing_was_sent(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as closed:
            url = f"http://127.0.0.1:{closed.getsockname()[1]}"
        self.check(url, NotSent, "safe", "cannot reach .* nothing was sent")
        self.check("http://no-such-host.invalid", NotSent, "safe", "nothing was sent")

    def test_silence_is_an_unknown_outcome(self) -> None:
        with around.Talker(lambda _, end: end.wait()) as silent:
            self.check(silent.url, OutcomeUnknown, "after_query", "no answer from .* within 0.3 s", timeout=0.3)

    def test_an_answer_that_drips_does_not_last_for_ever(self) -> None:
        for begin in (b"HTTP/1.1 200 OK\r\nX: ", b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"):

            def drip(connection: socket.socket, end: threading.Event) -> None:
                read_request(connection)
                connection.sendall(begin)
                while not end.wait(0.05):
                    connection.sendall(b"x")

            with self.subTest(begin), around.Talker(drip) as dripping:
                self.check(dripping.url, OutcomeUnknown, "after_query", "within 0.4 s", timeout=0.4)

    def test_a_connection_that_ends_is_an_unknown_outcome(self) -> None:
        def reset(connection: socket.socket, _: threading.Event) -> None:
            read_request(connection)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

        def say(text: bytes) -> Any:
            def talk(connection: socket.socket, _: threading.Event) -> None:
                read_request(connection)
                connection.sendall(text)

            return talk

        talks = {
            "reset": reset,
            "closed": say(b""),
            "head": say(b"HTTP/1.1 200 OK\r\nContent-"),
            "body": say(b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"errCode":"SUCCESS"}'),
            "chunk": say(b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n15\r\n{"errCode":"SUCCESS"}\r\n'),
            "no http": say(b"SSH-2.0-OpenSSH_9.2\r\n"),
        }
        for name, talk in talks.items():
            with self.subTest(name), around.Talker(talk) as talker:
                self.check(talker.url, OutcomeUnknown, "after_query", "lost|no error code")

    def test_who_answers_something_else_is_no_gateway(self) -> None:
        with around.Server(lambda *_: (200, b"{}")) as elsewhere:
            self.answer(302, b"", Refused, "pointless", f"points to {elsewhere.url}/x", Location=elsewhere.url + "/x")
            self.answer(307, b"", Refused, "pointless", "not followed", Location=elsewhere.url + "/x")
            self.assertEqual(elsewhere.requests, [])
        self.answer(404, b"<html>", Refused, "pointless", "no netpay/bills gateway; nothing was done")
        self.answer(200, b"<html>", OutcomeUnknown, "after_query", "no error code")
        self.answer(502, b"<html>", OutcomeUnknown, "after_query", "502")

    def test_an_answer_that_cannot_be_read_is_an_unknown_outcome(self) -> None:
        bodies = [
            b"",
            b"[]",
            b"{}",
            b'{"errCode":0}',
            b'{"errCode":"SUCCESS","errCode":"TARGET_FAIL"}',
            b'{"errCode":"SUCCESS"} ' * 2,
            b'{"errCode":"\xff"}',
            b'{"errCode":"SUCCESS","a":' + b"[" * 100_000,
            b'{"errCode":"SUCCESS","a":"' + b"x" * ANSWER_MAX + b'"}',
        ]
        for body in bodies:
            self.answer(200, body, OutcomeUnknown, "after_query", "no error code|longer than")

    def test_a_code_that_nobody_knows_is_not_guessed_at(self) -> None:
        body = json.dumps({"errCode": "NEVER_HEARD_OF", "errMsg": "why"}).encode()
        self.answer(200, body, OutcomeUnknown, "after_query", "NEVER_HEARD_OF: why")
        self.answer(500, body, OutcomeUnknown, "after_query", "NEVER_HEARD_OF: why")
        self.answer(403, body, Refused, "pointless", "NEVER_HEARD_OF: why")

    def test_a_success_that_something_beside_it_contradicts_is_an_unknown_outcome(self) -> None:
        success = {"errCode": "SUCCESS", "billNo": "327M00000000", "billDate": "2022-04-21"}
        contradictions = [(status, success) for status in (302, 400, 401, 404, 500, 503)]
        for outside, inside in (("TIMEOUT", "SUCCESS"), ("NO_ORDER", "SUCCESS"), ("SUCCESS", "TIMEOUT")):
            contradictions.append((200, {"errCode": outside, "data": {**success, "errCode": inside}}))
        for status, fields in contradictions:
            body = json.dumps(fields).encode()
            self.answer(status, body, OutcomeUnknown, "after_query", "but the HTTP status is|but in its data")
            with around.Server(lambda *_: (status, body)) as server, self.assertRaises(OutcomeUnknown):
                Gateway(server.url, "app", "key").post("/v1/netpay/bills/query", b"{}")
        self.answer(200, b'{"errCode":"SUCCESS"}', OutcomeUnknown, "after_query", "lacks billNo, billDate")

    def test_every_code_has_the_advice_of_the_reference(self) -> None:
        text = (around.REPOSITORY / "docs/reference.md").read_text(encoding="utf-8")
        rows = re.findall(r"^\| \[?`([A-Z0-9_]+)`[^|]* \| ([0-9]+) \|[^|]*\| ([a-z]+)<br>[^|]*\| ([a-z ]+)<br>", text, re.M)
        advice = {"safe": "safe", "after a query": "after_query", "pointless": "pointless"}
        self.assertEqual({code: advice[repeat] for code, _, _, repeat in rows}, REPEAT)
        left_open = {
            code for code, _, fault, repeat in rows if repeat == "after a query" and fault in ("channel", "gateway")
        }
        self.assertEqual(left_open, OPEN)
        for code, status, _, repeat in rows:
            kind: Type[HoldfastError] = OutcomeUnknown if code in left_open else Refused
            if code != "SUCCESS":
                body = json.dumps({"errCode": code}).encode()
                self.answer(int(status), body, kind, advice[repeat], f"^{code}" if kind is Refused else code)

    def test_an_address_that_is_none_is_refused_at_once(self) -> None:
        for wrong in ("", "127.0.0.1:8080", "ftp://x", "http://", "http://a@b", "http://a b", "http://x/?a=1", "http://x:y"):
            with self.subTest(wrong), self.assertRaisesRegex(ValueError, "is not an address"):
                around.client(base_url=wrong)
        for app_id, key, timeout in (("", "k", 1), ('a"', "k", 1), ("a\r\nb", "k", 1), ("a", "", 1), ("a", "k", 0)):
            with self.subTest(app_id=app_id, key=key), self.assertRaises(ValueError):
                Client(around.BASE_URL, app_id, key, mid="m", tid="t", timeout=timeout)


class Certificates(unittest.TestCase):
    URL, CERT = around.ENV["HOLDFAST_SELF_SIGNED_URL"], around.ENV["HOLDFAST_SELF_SIGNED_CERT"]

    def ask(self, url: str, **variables: str) -> Tuple[str, str]:
        """What kind of error a program of its own gets, with other authorities in its environment."""
        program = (
            "import sys\nfrom holdfast_client import Bill, Client\n"
            "try: Client(sys.argv[1], 'a', 'k', mid='m', tid='t', timeout=2).query(Bill('327M0000', '2022-04-21'))\n"
            "except Exception as error: print(type(error).__name__, error.repeat, error)\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", program, url],
            env={"PYTHONPATH": str(around.SDK), "PYTHONIOENCODING": "utf-8", **variables},
            stdout=subprocess.PIPE,
            check=True,
            encoding="utf-8",
        )
        kind, _, rest = done.stdout.partition(" ")
        return kind, rest

    def test_a_certificate_that_nobody_vouches_for_is_refused(self) -> None:
        kind, rest = self.ask(self.URL)
        self.assertEqual(kind, "NotSent")
        self.assertRegex(rest, "^pointless .*certificate that cannot be trusted.*nothing was sent")

    def test_it_is_refused_for_that_and_for_nothing_else(self) -> None:
        # The machine trusts it: the request arrives. The server does not answer it, as it is none for POST.
        kind, rest = self.ask(self.URL, SSL_CERT_FILE=self.CERT)
        self.assertEqual(kind, "OutcomeUnknown", rest)

    def test_a_certificate_for_another_host_is_refused(self) -> None:
        other = self.URL.replace("localhost", "127.0.0.1")
        self.assertNotEqual(urlsplit(other).hostname, urlsplit(self.URL).hostname)
        kind, rest = self.ask(other, SSL_CERT_FILE=self.CERT)
        self.assertEqual(kind, "NotSent")
        self.assertIn("certificate that cannot be trusted", rest)
