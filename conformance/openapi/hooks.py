"""What schemathesis has to know of Holdfast: how requests are signed, which bills there are, what to look for.

Requests stay as they are generated in one case of four. Of the others, one is asked in a known merchant's name, one
also about a bill that allows it, one without anything else; which is which follows from the request itself, so that a
seed gives the same requests again.
"""

import hashlib
import json
from urllib.parse import parse_qs, urlsplit

import jsonschema_rs
import requests.auth
import schemathesis

import shop

SHOP = shop.from_environment()
DOCUMENT = SHOP.send("GET", "/openapi.json", authorized=False)
ENDPOINTS = {path: path.rsplit("/", 1)[1] for path in DOCUMENT["paths"] if path.startswith("/v1/netpay/")}
ENDPOINTS |= {path: path.rsplit("/", 1)[1] for path in DOCUMENT["paths"] if path.startswith("/v1/holdfast/")}
MSG_TYPES = {
    "bills.getQRCode": "get-qrcode",
    "bills.query": "query",
    "bills.refund": "refund",
    "bills.preauthed": "preauthed",
}
FORM = "application/x-www-form-urlencoded"


class Signed(requests.auth.AuthBase):
    """Signs the bytes that are sent, whatever they are."""

    def __call__(self, request):
        body = request.body or b""
        body = body.encode() if isinstance(body, str) else body
        if b"OPEN-FORM-PARAM" not in body:
            request.headers["Authorization"] = SHOP.authorization(body)
        return request


schemathesis.auth.set_from_requests(Signed()).apply_to(
    lambda context: context.operation.path in ENDPOINTS and context.operation.method == "post"
)


def which(case):
    """A number from 0 to 3 that follows from the request."""
    text = repr([case.path, case.path_parameters, case.query, case.body])
    return hashlib.sha256(text.encode(errors="replace")).digest()[0] % 4


def likely(body, name, turn):
    """A generated body turned into one that has a chance to be done."""
    if not isinstance(body, dict):
        return body
    if isinstance(body.get("waitSeconds"), int):
        # Whoever waits for news gets none here, and there is little time.
        body = {**body, "waitSeconds": min(body["waitSeconds"], 1)}
    inner = body.get("data")
    if isinstance(inner, dict) and "mid" not in body:
        return {**body, "data": likely(inner, name, turn)}
    if turn == 0:
        return body
    common = SHOP.common()
    if turn == 1:
        return {**body, **common}
    good = {**common, **SHOP.good(name)}
    return {**body, **good} if turn == 2 else good


@schemathesis.hook
def before_call(context, case, kwargs):
    path, turn = case.operation.path, which(case)
    name = ENDPOINTS.get(path)
    if name and case.method.upper() == "GET":
        good = {**SHOP.common(), **SHOP.good(name)}
        if turn and isinstance(case.query, dict) and case.query:
            case.query = SHOP.form(json.dumps(good))
    elif name and case.media_type == FORM and isinstance(case.body, dict):
        if turn:
            case.body = SHOP.form(json.dumps({**SHOP.common(), **SHOP.good(name)}))
    elif name:
        case.body = likely(case.body, name, turn)
    elif path.endswith("/token/access") and turn > 1 and isinstance(case.body, dict):
        case.body = {**case.body, **SHOP.token_request()} if turn == 2 else SHOP.token_request()
    elif path == shop.PREDECESSOR and turn and isinstance(case.body, dict):
        known = str(case.body.get("msgType"))
        msg_type = known if known in MSG_TYPES else sorted(MSG_TYPES)[turn]
        body = {**likely(case.body, MSG_TYPES[msg_type], turn), "msgType": msg_type, "msgSrc": shop.SOURCE}
        body.pop("signType", None)
        case.body = {**body, "sign": SHOP.sign_inside(body)}
    elif path.startswith("/sim/payer/") and turn and isinstance(case.path_parameters, dict):
        scan = path.endswith("/scan")
        case.path_parameters = {**case.path_parameters, "code": SHOP.fixed() if scan else SHOP.bill()[1]}
        if scan and turn > 1 and isinstance(case.body, dict):
            case.body = {"amount": 500}
    elif path == "/sim/scenarios" and turn > 1 and isinstance(case.body, dict):
        # About an order that nobody has: what the others meet is not for chance to say.
        case.body = {"operation": "capture", "number": "no-such-order", "scenario": "refuse"}
    elif path == "/bills/qrCode.do" and turn and isinstance(case.query, dict) and case.query:
        case.query = {"id": SHOP.bill()[1]}
    elif path == "/sim/clock" and isinstance(case.body, dict) and "advance" in case.body and turn:
        # Far enough to see it work, and not so far that no bill lives long enough to be asked about.
        case.body = {**case.body, "advance": "1ms"}


@schemathesis.hook
def filter_failure(context, failure, case, response):
    """Without the word in the query a GET is not served at all: 405, where `ignored_auth` wants a 401."""
    return not (type(failure).__name__ == "IgnoredAuth" and case.method.upper() == "GET")


def done(response):
    """Whether a request was answered with success: the status alone does not say."""
    if not 200 <= response.status_code < 300:
        return False
    try:
        answer = json.loads(response.content)
    except ValueError:
        return True
    return not isinstance(answer, dict) or answer.get("errCode", "SUCCESS") in ("SUCCESS", "0000")


def validator(path):
    body = DOCUMENT["paths"][path]["post"]["requestBody"]
    schema = {"$ref": body["$ref"] + "/content/application~1json/schema", "components": DOCUMENT["components"]}
    return jsonschema_rs.Draft202012Validator(schema)


VALIDATORS = {path: validator(path) for path in ENDPOINTS}


def blank_as_empty(value):
    """Blank texts count as absent, however many blanks they are; the document's lists of words say so of none."""
    if isinstance(value, dict):
        return {name: blank_as_empty(one) for name, one in value.items()}
    if isinstance(value, list):
        return [blank_as_empty(one) for one in value]
    return "" if isinstance(value, str) and not value.strip() else value


@schemathesis.check
def only_what_is_described_is_done(ctx, response, case):
    """A request that breaks its schema is not answered with success.

    This stands for the check `negative_data_rejection`, which looks at the status only.
    """
    path = urlsplit(response.request.url).path
    if path not in VALIDATORS or response.request.method != "POST" or not done(response):
        return
    body = response.request.body or b""
    body = body.decode() if isinstance(body, bytes) else body
    if body.startswith("{"):
        sent = blank_as_empty(json.loads(body))
    else:
        sent = blank_as_empty(json.loads(parse_qs(body)["content"][0]))
    errors = [error.message for error in VALIDATORS[path].iter_errors(sent)]
    assert not errors, f"was done, and the document does not allow it: {errors[:3]}"


@schemathesis.check
class EverythingIsDoneOnce:
    """Every operation was answered with success at least once: a run of refusals proves little."""

    def __init__(self):
        self.asked, self.done = set(), set()

    def after_response(self, ctx, response, case):
        label = case.operation.label
        self.asked.add(label)
        if done(response):
            self.done.add(label)

    def after_run(self, ctx):
        never = sorted(self.asked - self.done)
        print(f"\n{len(self.done)} of {len(self.asked)} operations were answered with success")
        assert not never, f"never answered with success; teach shop.py what they need: {', '.join(never)}"
