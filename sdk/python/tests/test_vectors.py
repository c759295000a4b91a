"""The vectors of `conformance/`: what every implementation of the protocol signs, believes and refuses."""

import base64
import json
import unittest
from typing import Any, Dict, List

from holdfast_client import NoticeError, verify_notice
from holdfast_client.gateway import body_signature, token_signature
from holdfast_client.notice import sign

from . import around


def cases(file: str) -> List[Dict[str, Any]]:
    text = (around.REPOSITORY / "conformance" / file).read_text(encoding="utf-8")
    found: List[Dict[str, Any]] = json.loads(text)["cases"]
    return found


class Vectors(unittest.TestCase):
    def test_requests_are_signed_so(self) -> None:
        tried = set()
        for case in cases("signatures.json"):
            scheme = case["scheme"]
            with self.subTest(case["name"], scheme=scheme):
                app_id, key, stamp, nonce = (str(case.get(name)) for name in ("appId", "appKey", "timestamp", "nonce"))
                if scheme == "OPEN-BODY-SIG":
                    body = base64.b64decode(case["bodyBase64"]) if "bodyBase64" in case else case["body"].encode()
                    self.assertEqual(body_signature(app_id, key, stamp, nonce, body), case["signature"])
                elif scheme == "TOKEN" and case["signMethod"] == "SHA256":
                    self.assertEqual(token_signature(app_id, key, stamp, nonce), case["signature"].lower())
                else:
                    continue
                tried.add(scheme)
        self.assertEqual(tried, {"OPEN-BODY-SIG", "TOKEN"})

    def test_notices_are_signed_believed_and_refused_so(self) -> None:
        refused = 0
        for case in cases("notices.json"):
            key, pairs = case["key"], [(name, value) for name, value in case["pairs"]]
            with self.subTest(case["name"]):
                unsigned = [pair for pair in pairs if pair[0] != "sign"]
                self.assertEqual(sign(unsigned, key), case["sign"].upper())
                self.assertEqual(verify_notice(case["body"], key), dict(unsigned))
            for variant in case["accept"]:
                with self.subTest(case["name"], accept=variant["name"]):
                    verify_notice(variant["body"], key)
            for variant in case["refuse"]:
                refused += 1
                with self.subTest(case["name"], refuse=variant["name"]), self.assertRaises(NoticeError):
                    verify_notice(variant["body"], key)
        self.assertGreater(refused, 10)
