"""Notices: real ones from the gateway, and what may be done to them on their way."""

import os
import queue
import re
import subprocess
import sys
import unittest
from typing import Dict, List, Tuple
from urllib.parse import parse_qsl, quote_plus, urlencode

from holdfast_client import NoticeError, expect, verify_notice
from holdfast_client.notice import BODY_MAX, FIELDS, sign

from . import around

KEY = around.ENV["HOLDFAST_NOTICE_KEY"]
OFFICIAL_KEY = "fcAmtnx7MwismjWNhNKdHC44mNXtnEQeJkRrhKJwyrW2ysRR"
Pairs = List[Tuple[str, str]]


def body_of(pairs: Pairs) -> bytes:
    return urlencode(pairs).encode()


def signed(pairs: Pairs, key: str = KEY) -> Pairs:
    return [*pairs, ("sign", sign(pairs, key))]


PLAIN: Pairs = [
    ("mid", around.MID),
    ("tid", around.TID),
    ("billNo", "327M0000000001"),
    ("billDate", "2022-04-21"),
    ("billStatus", "PAID"),
    ("totalAmount", "50000"),
    ("notifyId", "n1"),
    ("seqId", "s1"),
    ("gY", "Snwz"),
]
ORDER = {"mid": around.MID, "tid": around.TID, "bill_no": "327M0000000001", "bill_date": "2022-04-21", "total_amount": 50000}


class FromTheGateway(unittest.TestCase):
    def test_notices_of_a_hold_and_its_capture_are_believed_and_tell_of_the_order(self) -> None:
        received: "queue.Queue[bytes]" = queue.Queue()

        def take(_: str, body: bytes) -> Tuple[int, bytes]:
            received.put(body)
            return 200, b"SUCCESS"

        with around.Server(take) as receiver:
            hold = around.make_hold("--notify-url", receiver.url + "/notify", "--capture", "38000")
            bodies = [received.get(timeout=20) for _ in range(2)]
        first, second = (verify_notice(body, KEY) for body in bodies)
        for notice in (first, second):
            expect(
                notice,
                mid=around.MID,
                tid=around.TID,
                bill_no=hold["BILL_NO"],
                bill_date=hold["BILL_DATE"],
                total_amount=50000,
            )
            self.assertNotIn("sign", notice)
        self.assertEqual(first["authIdRespCd"], hold["AUTH_CODE"])
        self.assertEqual(second["event"], "hold.captured")
        self.assertEqual(verify_notice(bodies[0].decode(), [OFFICIAL_KEY, KEY]), first)
        for body in bodies:
            self.refuse_changes(body)

    def refuse_changes(self, body: bytes) -> None:
        with self.assertRaisesRegex(NoticeError, "not signed with this communication key"):
            verify_notice(body, around.APP_KEY)
        pairs = parse_qsl(body.decode(), strict_parsing=True)
        self.assertEqual(verify_notice(body_of(pairs[::-1]), KEY), verify_notice(body, KEY))
        for at, (name, value) in enumerate(pairs):
            changed = pairs[:at] + [(name, value + "1")] + pairs[at + 1 :]
            renamed = pairs[:at] + [(name + "1", value)] + pairs[at + 1 :]
            missing = pairs[:at] + pairs[at + 1 :]
            twice = pairs + [(name, value)]
            for tampered in (changed, renamed, missing, twice):
                with self.subTest(tampered=tampered), self.assertRaises(NoticeError):
                    verify_notice(body_of(tampered), KEY)

    def test_the_receiver_among_the_samples_takes_them(self) -> None:
        receiver = subprocess.Popen(
            [sys.executable, str(around.SDK / "samples/notice_receiver.py"), "0"],
            env={**os.environ, "PYTHONPATH": str(around.SDK), "PYTHONIOENCODING": "utf-8"},
            stdout=subprocess.PIPE,
            encoding="utf-8",
        )
        assert receiver.stdout is not None
        try:
            url = receiver.stdout.readline().split()[-1]
            hold = around.make_hold("--notify-url", url)
            self.assertRegex(receiver.stdout.readline(), f" {hold['BILL_NO']} PAID$")
            for body in (b"sign=x", b"", b"x" * 65537):
                answer = subprocess.run(
                    ["curl", "-sS", "--data-binary", "@-", url], input=body, stdout=subprocess.PIPE, check=True
                )
                self.assertEqual(answer.stdout, b"FAILED")
        finally:
            receiver.terminate()
            receiver.wait()
            receiver.stdout.close()


class Signatures(unittest.TestCase):
    def test_the_published_examples_are_reproduced(self) -> None:
        goods = (
            '[{"body":"微信二维码测试","price":"1","goodsName":"微信二维码测试","goodsId":"1","quantity":"1","goodsCategory":"TEST"}]'
        )
        pairs = [
            ("billDate", "2017-06-26"),
            ("billNo", "31940000201700002"),
            ("goods", goods),
            ("instMid", "QRPAYDEFAULT"),
            ("mid", "898340149000005"),
            ("msgSrc", "WWW.TEST.COM"),
            ("msgType", "bills.getQRCode"),
            ("requestTimestamp", "2017-06-26 17:28:02"),
            ("tid", "88880001"),
            ("totalAmount", "1"),
            ("walletOption", "SINGLE"),
        ]
        self.assertEqual(sign(pairs[::-1], OFFICIAL_KEY), "57F81BAF8E3BAE1190B26D6C733038AF")

    def test_a_hold_is_signed_with_either_digest(self) -> None:
        payment = '{"merOrderId":"31942023040109000000012345670","totalAmount":1908,"status":"TRADE_SUCCESS","targetSys":"ACP"}'
        pairs = [
            ("authIdRespCd", "206067"),
            ("billDate", "2023-04-01"),
            ("billNo", "3194202304010900000001234567"),
            ("billPayment", payment),
            ("billQRCode", "https://qr-test2.chinaums.com/bills/qrCode.do?id=31942304010900000000000001"),
            ("billStatus", "PAID"),
            ("createTime", "2023-04-01 09:00:00"),
            ("gY", "Snwz"),
            ("instMid", "QRPAYDEFAULT"),
            ("mid", "898340149000005"),
            ("notifyId", "911b4376-bf8a-4dc5-a058-459607a6929f"),
            ("seqId", "00151100146N"),
            ("tid", "88880001"),
            ("totalAmount", "1908"),
            ("memo", ""),
        ]
        # Computed with openssl.
        md5 = "A90D037722DF7B6B728A724C43A3B6CB"
        sha256 = "04B7BA43C2A2D6C3B36D885FB057487CC984562D5C6D8120BA1785BD05F6307E"
        self.assertEqual(sign([*pairs, ("sign", md5)], OFFICIAL_KEY), md5)
        self.assertEqual(sign([("signType", "SHA256"), *pairs], OFFICIAL_KEY), sha256)
        self.assertEqual(verify_notice(body_of([*pairs, ("sign", md5)]), OFFICIAL_KEY)["gY"], "Snwz")

    def test_both_digests_are_believed_in_either_case(self) -> None:
        for extra in ([], [("signType", "SHA256")], [("signType", "MD5")]):
            pairs = signed(PLAIN + extra)
            self.assertEqual(len(pairs[-1][1]), 64 if ("signType", "SHA256") in extra else 32)
            self.assertEqual(verify_notice(body_of(pairs), KEY)["notifyId"], "n1")
            lower = pairs[:-1] + [("sign", pairs[-1][1].lower())]
            self.assertEqual(verify_notice(body_of(lower), KEY)["notifyId"], "n1")

    def test_whatever_is_not_plain_is_refused_with_its_reason(self) -> None:
        moved = [pair for pair in PLAIN if pair[0] not in ("billDate", "billNo")]
        cases: Dict[str, bytes] = {
            "no signature": body_of(PLAIN),
            "not form-urlencoded": body_of(signed(PLAIN)) + b"&x=%zz",
            "form-urlencoded": body_of(signed(PLAIN)) + b"&x=%ff",
            "UTF-8": body_of(signed(PLAIN)) + b"&x=\xff",
            "`notifyId` twice": body_of(signed(PLAIN)) + b"&notifyId=n1",
            "`sign` twice": body_of(signed(PLAIN)) + b"&sign=",
            "not signed with": body_of(PLAIN + [("sign", "")]),
            "was changed": body_of(PLAIN + [("sign", "签名")]),
            "`billDate` holds other fields": body_of(
                signed(PLAIN)[-1:] + moved + [("billDate", "2022-04-21&billNo=327M0000000001")]
            ),
            "holds other fields": body_of(signed(PLAIN + [("a&b", "1")])),
            # Not even a pair that nobody reads may be in a number by which a notice is known again.
            "`notifyId` holds other": body_of(signed([*PLAIN[:6], ("notifyId", "n1&oK=Snwz"), *PLAIN[7:]])),
            "`seqId` holds other": body_of(signed([*PLAIN[:7], ("seqId", "s1&sK=Snwz"), *PLAIN[8:]])),
            "is not form-urlencoded UTF-8": b"x" * (BODY_MAX + 1),
            "lacks a proper seqId": body_of(signed([pair for pair in PLAIN if pair[0] != "seqId"])),
            "lacks a proper notifyId": body_of(signed([pair for pair in PLAIN if pair[0] != "notifyId"] + [("notifyId", " ")])),
            "lacks a proper billStatus": body_of(
                signed([pair for pair in PLAIN if pair[0] != "billStatus"] + [("billStatus", "HALF")])
            ),
        }
        for words, body in cases.items():
            with self.subTest(words), self.assertRaisesRegex(NoticeError, words):
                verify_notice(body, KEY)
        # An address may hold signs of a form, as long as it hides no field.
        code = "https://qr.example/bills/qrCode.do?id=1&x=2"
        notice = verify_notice(body_of(signed(PLAIN + [("billQRCode", code)])), KEY)
        self.assertEqual(notice["billQRCode"], code)

    def test_values_are_decoded_once(self) -> None:
        notice = verify_notice(body_of(signed(PLAIN + [("memo", "100%25 押金+1")])), KEY)
        self.assertEqual(notice["memo"], "100%25 押金+1")
        raw = "&".join(f"{name}={quote_plus(value) if name == 'sign' else value}" for name, value in signed(PLAIN))
        self.assertEqual(verify_notice(raw, KEY)["notifyId"], "n1")

    def test_without_a_key_nothing_is_believed(self) -> None:
        for nothing in ("", [], [""], [KEY, ""]):
            with self.subTest(nothing), self.assertRaises(ValueError) as caught:
                verify_notice(body_of(signed(PLAIN, "")), nothing)
            self.assertNotIsInstance(caught.exception, NoticeError)

    def test_a_true_notice_about_another_order_is_refused(self) -> None:
        notice = verify_notice(body_of(signed(PLAIN)), KEY)
        self.assertIs(expect(notice, **ORDER), notice)  # type: ignore[arg-type]
        for field, other in (("mid", "1"), ("tid", "1"), ("bill_no", "1"), ("bill_date", "2022-04-22"), ("total_amount", 5000)):
            with self.subTest(field), self.assertRaisesRegex(NoticeError, "do not deliver, query"):
                expect(notice, **{**ORDER, field: other})  # type: ignore[arg-type]

    def test_the_fields_are_those_of_the_reference(self) -> None:
        text = (around.REPOSITORY / "docs/reference.md").read_text(encoding="utf-8")
        section = text.split("\n## Notices")[1].split("\n## ")[0]
        self.assertEqual(set(re.findall(r"^\| `([A-Za-z]+)` \|", section, re.M)), FIELDS)
