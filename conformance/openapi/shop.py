"""A merchant's system at a test gateway: signs requests as merchants do, and makes bills to ask about.

Standard library only. It is used by the schemathesis hooks, so that not every generated request is refused for want
of a bill.
"""

import base64
import datetime
import hashlib
import hmac
import http.client
import itertools
import json
import os
import secrets
from urllib.parse import urlsplit

BEIJING = datetime.timezone(datetime.timedelta(hours=8))
MID = "898201612345678"
OTHER_MID = "898201612345679"
TID = "88880001"
APP = "shop"
SOURCE = "WWW.TEST.COM"

BILLS = "/v1/netpay/bills/"
TOKEN = "/v1/token/access"
PREDECESSOR = "/netpay-route-server/api/"


def beijing(form):
    """The time in Beijing."""
    return datetime.datetime.now(BEIJING).strftime(form)


class Shop:
    def __init__(self, url, app_key, notice_key):
        self.host = urlsplit(url).netloc
        self.app_key = app_key.encode()
        self.notice_key = notice_key
        self.numbers = itertools.count(1)
        self.run = secrets.token_hex(3)

    # Signatures

    def signed(self, content):
        """The parameters of OPEN-BODY-SIG over some bytes."""
        stamp, nonce = beijing("%Y%m%d%H%M%S"), secrets.token_hex(16)
        text = APP + stamp + nonce + hashlib.sha256(content).hexdigest()
        signature = hmac.new(self.app_key, text.encode(), hashlib.sha256).digest()
        return {
            "AppId": APP,
            "Timestamp": stamp,
            "Nonce": nonce,
            "Signature": base64.b64encode(signature).decode(),
        }

    def authorization(self, content):
        """The header of OPEN-BODY-SIG."""
        pairs = ",".join(f'{name}="{value}"' for name, value in self.signed(content).items())
        return "OPEN-BODY-SIG " + pairs

    def form(self, content):
        """The parameters of OPEN-FORM-PARAM."""
        signed = self.signed(content.encode())
        return {
            "authorization": "OPEN-FORM-PARAM",
            "appId": signed["AppId"],
            "timestamp": signed["Timestamp"],
            "nonce": signed["Nonce"],
            "content": content,
            "signature": signed["Signature"],
        }

    def token_request(self):
        stamp, nonce = beijing("%Y%m%d%H%M%S"), secrets.token_hex(16)
        text = (APP + stamp + nonce).encode() + self.app_key
        return {
            "appId": APP,
            "timestamp": stamp,
            "nonce": nonce,
            "signMethod": "SHA256",
            "signature": hashlib.sha256(text).hexdigest(),
        }

    def sign_inside(self, fields):
        """The signature of the predecessor protocol."""

        def value(one):
            return one if isinstance(one, str) else json.dumps(one)

        pairs = {name: value(one) for name, one in fields.items() if one is not None and name != "sign"}
        text = "&".join(f"{name}={pairs[name]}" for name in sorted(pairs) if pairs[name])
        return hashlib.md5((text + self.notice_key).encode()).hexdigest().upper()

    # Requests

    def send(self, method, path, fields=None, authorized=True):
        body = b"" if fields is None else json.dumps(fields).encode()
        headers = {"Authorization": self.authorization(body)} if authorized else {}
        connection = http.client.HTTPConnection(self.host, timeout=30)
        try:
            connection.request(method, path, body, headers)
            return json.loads(connection.getresponse().read())
        finally:
            connection.close()

    def ask(self, name, **fields):
        answer = self.send("POST", BILLS + name, {**self.common(), **fields})
        assert answer.get("errCode") == "SUCCESS", f"{name} {fields}: {answer}"
        return answer

    def common(self):
        return {
            "requestTimestamp": beijing("%Y-%m-%d %H:%M:%S"),
            "mid": MID,
            "tid": TID,
            "instMid": "QRPAYDEFAULT",
        }

    # Bills

    def number(self):
        return f"3194{self.run}{next(self.numbers):08}"

    def bill(self, **terms):
        """A bill that waits for its payer."""
        bill = {"billNo": self.number(), "billDate": beijing("%Y-%m-%d")}
        made = self.ask("get-qrcode", **bill, totalAmount=500, **terms)
        return bill, made["qrCodeId"]

    def fixed(self):
        """A code that stands somewhere and says no amount."""
        return self.ask("get-qrcode")["qrCodeId"]

    def paid(self, **terms):
        """A bill that its payer has paid, or whose money is held, and the code of the hold."""
        bill, code = self.bill(**terms)
        seen = self.send("POST", f"/sim/payer/{code}/confirm", {}, authorized=False)
        assert "paidTime" in seen, seen
        return bill, seen.get("authIdRespCd")

    def hold(self):
        bill, auth = self.paid(preauthTransaction="true")
        return {**bill, "authIdRespCd": auth}

    def good(self, name):
        """What makes a request to an endpoint one that can be done."""
        if name == "get-qrcode":
            return {"billNo": self.number(), "billDate": beijing("%Y-%m-%d"), "totalAmount": 500}
        if name == "update-qrcode":
            bill, code = self.bill()
            return {**bill, "billNo": self.number(), "qrCodeId": code, "totalAmount": 700}
        if name in ("close-qrcode", "query-qrcode-info"):
            return {"qrCodeId": self.bill()[1]}
        if name == "query-last-qrcode":
            return {}
        if name == "preauthed":
            return {**self.hold(), "authedOrderId": self.number(), "totalAmount": 300}
        if name == "preauth-cancel":
            hold = self.hold()
            return {**hold, "merOrderId": hold["billNo"] + "0"}
        if name == "preauthed-cancel":
            hold, order = self.hold(), self.number()
            self.ask("preauthed", **hold, authedOrderId=order, totalAmount=300)
            return {**hold, "merOrderId": order}
        if name == "refund":
            return {**self.paid()[0], "refundAmount": 100}
        if name in ("secure-complete", "secure-cancel"):
            bill = self.paid(secureTransaction="true")[0]
            amount = {"completedAmount": 500} if name == "secure-complete" else {}
            return {"merOrderId": bill["billNo"] + "0", **amount}
        if name == "sub-orders-confirm":
            bill = self.paid(divisionFlag=True, asynDivisionFlag=True)[0]
            share = {"mid": OTHER_MID, "merOrderId": self.number(), "totalAmount": 100}
            return {"merOrderId": bill["billNo"] + "0", "platformAmount": 400, "subOrders": [share]}
        if name == "preview":
            return {"path": BILLS + "refund", "request": {**self.common(), **self.good("refund")}}
        # Everything else is about a bill: one with a history.
        return self.paid()[0]


def from_environment():
    return Shop(*(os.environ[name] for name in ("GATEWAY_URL", "GATEWAY_APP_KEY", "GATEWAY_NOTICE_KEY")))

