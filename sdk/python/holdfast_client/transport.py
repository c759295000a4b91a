"""One request over HTTP, and what is known when it fails.

There is no code here that follows a redirect, passes over a bad certificate, or asks the environment for a proxy, so
none of these can be switched on. No connection is kept: one that is closed just when it is used again would make an
unknown outcome out of nothing.
"""

import functools
import http.client
import io
import re
import socket
import ssl
import time
from typing import Any, Dict, NamedTuple, Optional
from urllib.parse import urlsplit

from .errors import OutcomeUnknown, POINTLESS, not_sent, unreadable

ANSWER_MAX = 1024 * 1024
"""The longest answer that is read, in bytes. The longest of the protocol has some 4 KiB."""


class Address(NamedTuple):
    """Where a request goes."""

    secure: bool
    host: str
    port: Optional[int]
    path: str
    text: str


class Answer(NamedTuple):
    """What came back."""

    status: int
    body: bytes
    location: Optional[str]


def read_address(text: str) -> Address:
    """The parts of an http or https address.

    Raises ValueError if it is none, or has what a gateway's address never has.
    """
    fault = ValueError(f"{text!r} is not an address such as https://gateway.example:8443")
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise fault from None
    plain = parts.scheme in ("http", "https") and parts.hostname and not parts.query and not parts.fragment
    # Whatever stands before an `@` would be sent to nobody and shown to everybody.
    if not plain or "@" in text or not re.fullmatch(r"[!-~]+", text):
        raise fault
    return Address(parts.scheme == "https", parts.hostname or "", port, parts.path or "/", text)


@functools.lru_cache(maxsize=1)
def _tls() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


class _Wire:
    """A connection on which everything together ends by a deadline: a socket's own timeout begins anew with every
    byte that drips in."""

    def __init__(self, sock: socket.socket, deadline: float) -> None:
        self._sock, self._deadline = sock, deadline

    def _limit(self) -> socket.socket:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise socket.timeout("timed out")
        self._sock.settimeout(left)
        return self._sock

    def sendall(self, data: bytes) -> None:
        self._limit().sendall(data)

    def makefile(self, *_: Any) -> io.BufferedReader:
        return io.BufferedReader(_Incoming(self))

    def close(self) -> None:
        """Nothing: `http.client` calls this when it has read the head, and the body is still to come."""


class _Incoming(io.RawIOBase):
    def __init__(self, wire: _Wire) -> None:
        self._wire = wire

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return self._wire._limit().recv_into(buffer)


def post(url: str, headers: Dict[str, str], body: bytes, timeout: float) -> Answer:
    """Posts a body and reads the answer, whatever it says, in `timeout` seconds altogether.

    Raises NotSent if no connection was made, and OutcomeUnknown if no whole answer came after that.
    """
    address = read_address(url)
    deadline = time.monotonic() + timeout
    connection = (
        http.client.HTTPSConnection(address.host, address.port, context=_tls())
        if address.secure
        else http.client.HTTPConnection(address.host, address.port)
    )
    sock = _connect(address, connection.port, deadline, timeout)
    connection.sock = _Wire(sock, deadline)
    try:
        connection.request("POST", address.path, body, {**headers, "Connection": "close"})
        response = connection.getresponse()
        announced = response.length
        answer = response.read(ANSWER_MAX + 1)
    except (socket.timeout, TimeoutError):
        raise OutcomeUnknown(f"no answer from {url} within {timeout:g} s") from None
    except (OSError, http.client.HTTPException) as error:
        raise OutcomeUnknown(f"the connection to {url} was lost: {error or type(error).__name__}") from error
    finally:
        connection.close()
        sock.close()
    if len(answer) > ANSWER_MAX:
        raise unreadable(f"its answer is longer than {ANSWER_MAX} bytes", response.status, url)
    if announced is not None and len(answer) < announced:
        raise OutcomeUnknown(f"the connection to {url} was lost after {len(answer)} of {announced} bytes")
    return Answer(response.status, answer, response.headers.get("Location"))


def _connect(address: Address, port: int, deadline: float, timeout: float) -> socket.socket:
    """A connection, with its certificate checked."""
    try:
        # Well before the deadline, so that a host that is down is told from one that does not answer: in the first
        # case nothing was sent.
        sock = socket.create_connection((address.host, port), timeout / 2)
    except OSError as error:
        raise not_sent(f"cannot reach {address.text}: {error}") from error
    try:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if address.secure:
            sock.settimeout(max(deadline - time.monotonic(), 0.001))
            sock = _tls().wrap_socket(sock, server_hostname=address.host)
        return sock
    except ssl.SSLCertVerificationError as error:
        sock.close()
        raise not_sent(f"{address.text} has a certificate that cannot be trusted: {error}", POINTLESS) from error
    except OSError as error:
        sock.close()
        raise not_sent(f"no secure connection to {address.text}: {error}") from error
