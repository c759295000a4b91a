"""`DefaultOpenApiClient`, shaped as the samples on the official pages use it."""

import json
import os
from typing import Any, Dict, Mapping, Optional, Tuple
from urllib.parse import urlsplit

from holdfast_client.errors import Refused
from holdfast_client.gateway import ACCESS_TOKEN, BODY_SIG, TIMEOUT, Gateway, encode


class DefaultOpenApiClient:
    """Sends requests of one app. Threads may share it, and all clients of an app in a process share its token."""

    def __init__(
        self, appId: str, appKey: str, openServUrl: Optional[str] = None, timeout: float = TIMEOUT
    ) -> None:
        """`openServUrl` is where the gateway is, such as `http://127.0.0.1:8080`; see `execute` for what happens
        without it. `timeout` is how many seconds an answer may take."""
        self._credentials, self._open_serv_url, self._timeout = (appId, appKey), openServUrl, timeout

    def execute(self, request: Any) -> Dict[str, Any]:
        """Posts `request.data` (a dict, or JSON text) to `/{apiVersion}{serviceCode}`, and gives the answer back.

        * `needToken`: whether an access token is shown (OPEN-ACCESS-TOKEN) or the body signed (OPEN-BODY-SIG).
        * `needDataTag`: whether the request goes inside `{"data": …}`, and its answer comes inside `data`.

        The answer always has `errCode`, `errInfo`, `resultCode`, `resultInfo` and `data`: what the gateway says in
        short, and all that it says of the bill. Without `needDataTag` the fields of the bill stand at the top, too.

        The host is `openServUrl`; else that of the global `url` from which the request's class computes
        `serviceCode`, as in the official sample; else HOLDFAST_BASE_URL. There is no host by default, because it
        would be the one with the real money.

        Raises OutcomeUnknown ("outcome unknown: query") if no answer came in time or the connection was lost,
        NotSent if nothing was sent, Refused if something else than a gateway answered. An error code is an answer.
        """
        base_url, path = self._place(request)
        data = json.loads(request.data) if isinstance(request.data, (str, bytes)) else request.data
        if not isinstance(data, Mapping):
            raise TypeError("the request's data is a dict, or the text of a JSON object")
        body = encode({"data": data} if request.needDataTag else data)
        gateway = Gateway(base_url, *self._credentials, timeout=self._timeout)
        try:
            answer = gateway.post(path, body, ACCESS_TOKEN if request.needToken else BODY_SIG)
        except Refused as refused:
            # That no token was given is an answer, too.
            if refused.answer is None:
                raise
            answer = refused.answer
        info = answer.get("errInfo", answer.get("errMsg"))
        short = {"errInfo": info, "resultCode": answer["errCode"], "resultInfo": info, "data": answer}
        return {**short, **answer}

    def _place(self, request: Any) -> Tuple[str, str]:
        """The gateway and the path."""
        path = f"/{request.apiVersion}{request.serviceCode}"
        if self._open_serv_url is not None:
            return self._open_serv_url, path
        url = _global_url(request)
        # Believed only if it is the address from which the request's own parts were computed.
        if isinstance(url, str) and url.endswith(request.serviceCode):
            parts = urlsplit(url)
            if parts.path.startswith(f"/{request.apiVersion}/"):
                # The path is taken from it as well: the sample computes a wrong one if the host begins with `v`.
                return f"{parts.scheme}://{parts.netloc}", parts.path
        base_url = os.environ.get("HOLDFAST_BASE_URL")
        if base_url is None:
            raise ValueError(
                "no host: say DefaultOpenApiClient(appId, appKey, openServUrl), or set a global `url` beside the "
                "request's class, or the environment variable HOLDFAST_BASE_URL"
            )
        return base_url, path


def _global_url(request: Any) -> Any:
    """The global `url` that the constructor of the request's class reads."""
    return getattr(type(request).__init__, "__globals__", {}).get("url")
