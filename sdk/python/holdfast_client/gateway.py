"""A gateway as an app sees it: requests that prove who asks, and answers that are read."""

import base64
import hashlib
import hmac
import json
import re
import secrets
from datetime import datetime, timedelta, timezone
from typing import Any, Dict, List, Mapping, Optional, Tuple, Union

from . import tokens
from .errors import POINTLESS, OutcomeUnknown, answered, not_sent, unreadable
from .transport import Answer, post, read_address

BODY_SIG = "OPEN-BODY-SIG"
"""Every request is signed with the key, which never leaves the process."""

ACCESS_TOKEN = "OPEN-ACCESS-TOKEN"
"""A signed request fetches a token, and every request shows it."""

TIMEOUT = 15.0
"""How many seconds an answer may take. The gateway itself waits eight for the channel, and then says that it does not
know; a shorter time makes unknown outcomes out of late ones."""

TOKEN_PATH = "/v1/token/access"

# 认证失败: the official platform's status is not known, but its text is.
_REFUSED = "认证失败".encode()

_BEIJING = timezone(timedelta(hours=8))


def beijing_now() -> datetime:
    """What time it is in Beijing, whatever the zone of this machine."""
    return datetime.now(_BEIJING)


def body_signature(app_id: str, app_key: str, timestamp: str, nonce: str, body: bytes) -> str:
    """The signature of OPEN-BODY-SIG over a body, exactly as it is sent."""
    text = app_id + timestamp + nonce + hashlib.sha256(body).hexdigest()
    return base64.b64encode(hmac.new(app_key.encode(), text.encode(), hashlib.sha256).digest()).decode()


def token_signature(app_id: str, app_key: str, timestamp: str, nonce: str) -> str:
    """The signature of a request for a token, with `signMethod` SHA256."""
    return hashlib.sha256((app_id + timestamp + nonce + app_key).encode()).hexdigest()


def encode(fields: Mapping[str, Any]) -> bytes:
    """Fields as the bytes that are signed and sent."""
    return json.dumps(fields, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode("utf-8")


def read(answer: Answer, url: str) -> Dict[str, Any]:
    """The fields of an answer.

    Raises what it means that it has no error code, and OutcomeUnknown if it contradicts itself.
    """
    try:
        fields = json.loads(answer.body.decode("utf-8"), object_pairs_hook=_unique)
    except (ValueError, RecursionError):
        fields = None
    if isinstance(fields, dict) and isinstance(fields.get("errCode"), str):
        _agree(fields, answer.status)
        return fields
    why = f"points to {answer.location}, which is not followed," if answer.location else "has no error code"
    raise unreadable(why, answer.status, url)


def _agree(fields: Dict[str, Any], status: int) -> None:
    """Makes sure that nothing contradicts what an answer says: its HTTP status a success, or the inside of an envelope
    its outside."""
    done, code, data = ("SUCCESS", "0000"), fields["errCode"], fields.get("data")
    inside = data.get("errCode", code) if isinstance(data, dict) else code
    error = None
    if inside != code and not (inside in done and code in done):
        error = OutcomeUnknown(f"{code}, but in its data {inside!r}")
    elif code in done and not 200 <= status < 300:
        error = OutcomeUnknown(f"{code}: but the HTTP status is {status}")
    if error is not None:
        error.code, error.status, error.answer = code, status, fields
        raise error


def _unique(pairs: List[Tuple[str, Any]]) -> Dict[str, Any]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        raise ValueError("a name is there twice")
    return fields


class Gateway:
    """Sends the requests of one app to one gateway. Threads may share it."""

    def __init__(self, base_url: str, app_id: str, app_key: str, timeout: float = TIMEOUT) -> None:
        read_address(base_url)
        if not re.fullmatch(r'[!#-~]{1,64}', app_id):
            raise ValueError("the AppId is 1 to 64 letters, digits or signs, without spaces and quotes")
        if not app_key:
            raise ValueError("the AppKey is empty")
        if not timeout > 0:
            raise ValueError("the timeout is more than 0 seconds")
        self.base_url = base_url.rstrip("/")
        self._app_id, self._app_key, self._timeout = app_id, app_key, timeout
        self._tokens = tokens.shared(self.base_url, app_id, app_key)

    def __repr__(self) -> str:
        return f"Gateway({self.base_url!r}, {self._app_id!r})"

    def post(self, path: str, body: bytes, scheme: str = BODY_SIG) -> Dict[str, Any]:
        """Posts a body to a path, and gives the fields of the answer and whatever it says back as they are.

        Raises NotSent or OutcomeUnknown if no answer came, and Refused if one came from another kind of server. An
        answer that refuses is an answer.
        """
        return read(self.exchange(path, body, scheme), self.base_url + path)

    def exchange(self, path: str, body: bytes, scheme: str = BODY_SIG) -> Answer:
        """The same, with the answer as bytes."""
        if scheme == BODY_SIG:
            stamp, nonce = self._stamp()
            signature = body_signature(self._app_id, self._app_key, stamp, nonce, body)
            proof = f'AppId="{self._app_id}",Timestamp="{stamp}",Nonce="{nonce}",Signature="{signature}"'
            return self._send(path, body, f"{BODY_SIG} {proof}")
        if scheme != ACCESS_TOKEN:
            raise ValueError(f"{scheme!r} is neither {BODY_SIG} nor {ACCESS_TOKEN}")
        token = self._tokens.get(self._fetch_token)
        answer = self._send(path, body, f"{ACCESS_TOKEN} AccessToken={token}")
        if answer.status == 401 or (400 <= answer.status < 500 and _REFUSED in answer.body):
            # Nothing was done; after a 5xx somebody may have acted. Once only: a second refusal is not about the token's age.
            token = self._tokens.get(self._fetch_token, refused=token)
            answer = self._send(path, body, f"{ACCESS_TOKEN} AccessToken={token}")
        return answer

    def _send(self, path: str, body: bytes, proof: Optional[str]) -> Answer:
        headers = {"Content-Type": "application/json"}
        if proof is not None:
            headers["Authorization"] = proof
        return post(self.base_url + path, headers, body, self._timeout)

    def _fetch_token(self) -> tokens.Issued:
        stamp, nonce = self._stamp()
        request = {
            "appId": self._app_id,
            "timestamp": stamp,
            "nonce": nonce,
            "signMethod": "SHA256",
            "signature": token_signature(self._app_id, self._app_key, stamp, nonce),
        }
        try:
            answer = self._send(TOKEN_PATH, encode(request), None)
            fields = read(answer, self.base_url + TOKEN_PATH)
            if fields["errCode"] not in ("0000", "SUCCESS"):
                raise answered(fields, answer.status)
        except OutcomeUnknown as error:
            # Whatever became of the token: the request that needs it was not sent.
            raise not_sent(f"no token could be fetched: {error.args[0]}") from error
        token, life = fields.get("accessToken"), _seconds(fields.get("expiresIn"))
        if not isinstance(token, str) or not re.fullmatch(r'[!#-~]{1,1024}', token) or life is None:
            raise not_sent("the gateway's answer to the request for a token has none", POINTLESS)
        return tokens.Issued(token, life)

    @staticmethod
    def _stamp() -> Tuple[str, str]:
        return beijing_now().strftime("%Y%m%d%H%M%S"), secrets.token_hex(16)


def _seconds(value: Union[int, str, None, object]) -> Optional[float]:
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,9}", value):
        return float(value)
    return float(value) if type(value) is int and 0 <= value < 10**9 else None
