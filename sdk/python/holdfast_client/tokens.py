"""The access token of an app: fetched once, shared by all threads, renewed before it dies.

An app may have ten live tokens, so one is never fetched for one call.
"""

import threading
import time
from collections import OrderedDict
from concurrent.futures import Future
from typing import Callable, NamedTuple, Optional, Tuple

from .errors import not_sent

MARGIN = 60.0
"""How many seconds before its end a token is no longer used: the time that a request may be on its way, and a little
for clocks that differ. A token that lives shorter than ten of these gives up a tenth."""


class Issued(NamedTuple):
    """A token, and how many seconds it lives."""

    token: str
    life: float


class Tokens:
    """The token in use, if there is one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._token: Optional[str] = None
        self._good_until = 0.0
        self._coming: "Optional[Future[str]]" = None

    def get(self, fetch: Callable[[], Issued], refused: Optional[str] = None) -> str:
        """The token in use, or a new one when there is none, it is about to die, or it is `refused`. Whoever comes
        meanwhile waits for the same one, and fails with it."""
        with self._lock:
            if self._token is not None and self._token != refused and time.monotonic() < self._good_until:
                return self._token
            coming = self._coming
            mine: "Future[str]" = Future()
            if coming is None:
                self._coming = mine
        if coming is not None:
            return coming.result()
        # Counted from before the request, as the gateway counts from before its answer.
        asked = time.monotonic()
        try:
            issued = fetch()
        except BaseException as error:
            with self._lock:
                self._coming = None
            # A Ctrl-C is for this thread only.
            mine.set_exception(error if isinstance(error, Exception) else not_sent("no token came"))
            raise
        with self._lock:
            self._token = issued.token
            self._good_until = asked + issued.life - min(MARGIN, issued.life / 10)
            self._coming = None
        mine.set_result(issued.token)
        return issued.token


_SHARED_MAX = 1000
_shared: "OrderedDict[Tuple[str, str, str], Tokens]" = OrderedDict()
_shared_lock = threading.Lock()


def shared(base_url: str, app_id: str, app_key: str) -> Tokens:
    """The tokens of an app at a gateway, for the whole process: a client that is made for each request must not
    fetch a token for each."""
    who = (base_url, app_id, app_key)
    with _shared_lock:
        tokens = _shared.pop(who, None) or Tokens()
        _shared[who] = tokens
        while len(_shared) > _SHARED_MAX:
            _shared.popitem(last=False)
        return tokens
