"""The signatures under requests: the published example, and values that were computed with openssl."""

import unittest

from holdfast_client.gateway import body_signature, encode, token_signature

APP_ID, APP_KEY = "12345678901234567890123456789012", "67890123456789012345678901234567"
STAMP, NONCE = "20170101120000", "09876543210987654321098765432109"

SEED = {
    "requestTimestamp": "2022-04-21 15:00:52",
    "mid": "898201612345678",
    "tid": "88880001",
    "instMid": "QRPAYDEFAULT",
    "billNo": "",
    "billDate": "",
    "merOrderId": "327M22061819820261705544110",
    "authIdRespCd": "",
    "msgId": "",
    "srcReserve": "",
}


class Signatures(unittest.TestCase):
    def test_of_bodies(self) -> None:
        for body, signature in (
            (b"A", "GINsCTyNKTpEI9KXO16KqZJ64fOyAytEKl8aaR/Dy08="),
            (b"", "09jVthXayHXZd/9dUXA4ssmLDPM3AAv+G51W1tn2UhE="),
            (encode(SEED), "IiecsjfAYGgDvO65+umlpCZrzm3PN0+9a9nVOkCH8xA="),
            (encode({"authedDesc": "预授权完成撤销"}), "bIghE48ykqsQ9NgjhSzRch6p7HU+KiLe/QcuKJzyHE4="),
        ):
            with self.subTest(body):
                self.assertEqual(body_signature(APP_ID, APP_KEY, STAMP, NONCE, body), signature)

    def test_of_requests_for_a_token(self) -> None:
        signature = "d373659c51c1767d0ce2674ee6367823f6cc7339c0411f7772d30765ed70a942"
        self.assertEqual(token_signature(APP_ID, APP_KEY, STAMP, NONCE), signature)
