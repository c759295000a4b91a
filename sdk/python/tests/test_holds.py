"""Every hold endpoint, typed, against the gateway, under both schemes."""

import datetime
import os
import queue
import time
import unittest
from typing import Tuple

from holdfast_client import ACCESS_TOKEN, BODY_SIG, Bill, OutcomeUnknown, Refused
from holdfast_client import tokens
from holdfast_client.gateway import Gateway, beijing_now

from . import around


class Holds(unittest.TestCase):
    def test_a_hold_lives_through_everything_under_both_schemes(self) -> None:
        for scheme in (BODY_SIG, ACCESS_TOKEN):
            with self.subTest(scheme):
                client = around.client(scheme)
                now = beijing_now()
                bill = Bill(f"327M{now:%Y%m%d%H%M%S}{time.time_ns() % 10**9:09}", now.date())

                code = client.get_qrcode(bill, total_amount=50000, preauth=True, bill_desc="押金 301", more={"msgId": "m1"})
                self.assertEqual((code["billNo"], code["msgId"]), (bill.no, "m1"))
                self.assertEqual(client.query(bill)["billStatus"], "UNPAID")
                auth = around.holdfast("sim", "pay", code["qrCodeId"])["authIdRespCd"]
                held = client.query(bill)
                self.assertEqual((held["billStatus"], held["totalAmount"], held["authIdRespCd"]), ("PAID", 50000, auth))

                first, second, refund = bill.no + "C1", bill.no + "C2", bill.no + "R1"
                captured = client.preauthed(bill, authed_order_id=first, auth_code=auth, total_amount=38000)
                self.assertEqual(captured["authedBillPayment"]["totalAmount"], 38000)
                reversed_ = client.preauthed_cancel(bill, mer_order_id=first, auth_code=auth)
                self.assertEqual(reversed_["billPayment"]["merOrderId"], first)
                client.preauthed(bill, authed_order_id=second, auth_code=auth, total_amount=12000)
                refunded = client.refund(bill, refund_order_id=refund, refund_amount=2000, refund_desc="早退")
                self.assertEqual((refunded["refundAmount"], refunded["refundStatus"]), (2000, "SUCCESS"))
                # The same number again is the same refund.
                again = client.refund(bill, refund_order_id=refund, refund_amount=2000, refund_desc="早退")
                self.assertEqual(again["refundTargetOrderId"], refunded["refundTargetOrderId"])
                state = client.query(bill, authed_order_id=second, refund_order_id=refund)
                self.assertEqual(state["authedBillPayment"]["totalAmount"], 12000)
                self.assertEqual(state["refundBillPayment"]["totalAmount"], 2000)

    def test_a_hold_is_released(self) -> None:
        hold = around.make_hold("--amount", "1908")
        released = around.client().preauth_cancel(around.bill_of(hold), auth_code=hold["AUTH_CODE"])
        self.assertEqual(released["billPayment"]["totalAmount"], 1908)
        self.assertEqual(released["billStatus"], "CLOSED")

    def test_a_refusal_says_its_code_and_whether_to_repeat(self) -> None:
        hold = around.make_hold()
        with self.assertRaises(Refused) as caught:
            around.client().preauthed(
                around.bill_of(hold), authed_order_id=hold["BILL_NO"] + "C1", auth_code=hold["AUTH_CODE"], total_amount=50001
            )
        refusal = caught.exception
        self.assertEqual((refusal.code, refusal.repeat, refusal.status), ("OPERATION_NOT_ALLOWED", "pointless", 200))
        self.assertIn("50000", str(refusal))

    def test_a_gateway_that_does_not_know_is_an_unknown_outcome_and_a_query_ends_it(self) -> None:
        client, told = around.client(), queue.Queue()  # type: ignore[var-annotated]

        def take(_: str, body: bytes) -> Tuple[int, bytes]:
            told.put(body)
            return 200, b"SUCCESS"

        with around.Server(take) as receiver:
            hold = around.make_hold("--notify-url", receiver.url)
            bill, order = around.bill_of(hold), "3270000" + hold["BILL_NO"][-10:] + "-cap-lostanswer"
            told.get(timeout=30)
            with self.assertRaisesRegex(OutcomeUnknown, "outcome unknown: query") as caught:
                client.preauthed(bill, authed_order_id=order, auth_code=hold["AUTH_CODE"], total_amount=12000)
            self.assertEqual((caught.exception.code, caught.exception.repeat), ("TIMEOUT", "after_query"))
            around.holdfast("sim", "clock", "advance", "30s")
            # The gateway asks the channel by itself, and tells when it knows.
            told.get(timeout=30)
        state = client.query(bill, authed_order_id=order)
        self.assertEqual(state["authedBillPayment"]["totalAmount"], 12000)

    def test_any_endpoint_can_be_called(self) -> None:
        hold = around.make_hold("--unpaid")
        closed = around.client().call("close-qrcode", {"qrCodeId": hold["QR_CODE_ID"]})
        self.assertEqual(closed["billStatus"], "CLOSED")
        with self.assertRaises(Refused) as caught:
            around.client().call("/v1/netpay/no-such-thing", {})
        self.assertEqual((caught.exception.code, caught.exception.status), ("NO_SERVICE", 404))


class Money(unittest.TestCase):
    def test_amounts_are_whole_fen_and_nothing_else(self) -> None:
        client, bill = around.client(base_url=around.DEAD_URL), Bill("327M0000", "2022-04-21")
        for wrong in (19.08, 1908.0, True, "1908", None, 0, -1, 100_000_001):
            with self.subTest(wrong), self.assertRaisesRegex((TypeError, ValueError), "amount is .*fen"):
                client.refund(bill, refund_order_id="327M0001", refund_amount=wrong)  # type: ignore[arg-type]
            with self.subTest(wrong), self.assertRaisesRegex((TypeError, ValueError), "amount is .*fen"):
                client.get_qrcode(bill, total_amount=wrong, preauth=True)  # type: ignore[arg-type]
            with self.subTest(wrong), self.assertRaisesRegex((TypeError, ValueError), "amount is .*fen"):
                client.preauthed(bill, authed_order_id="x", auth_code="1", total_amount=wrong)  # type: ignore[arg-type]

    def test_a_date_is_a_date(self) -> None:
        self.assertEqual(Bill("327M0000", datetime.date(2022, 4, 21)), Bill("327M0000", "2022-04-21"))
        for wrong in ("2022-4-21", "20220421", datetime.datetime(2022, 4, 21), None):
            with self.subTest(wrong), self.assertRaises(ValueError):
                Bill("327M0000", wrong)  # type: ignore[arg-type]


class Times(unittest.TestCase):
    def tearDown(self) -> None:
        os.environ.pop("TZ", None)
        time.tzset()

    def test_it_is_beijing_time_whatever_the_zone_of_the_machine(self) -> None:
        # Written out, because a small machine has no list of zones: New York, London, Beijing, Kiritimati.
        for zone in ("EST5EDT,M3.2.0,M11.1.0", "GMT0BST,M3.5.0/1,M10.5.0", "CST-8", "<+14>-14"):
            os.environ["TZ"] = zone
            time.tzset()
            tokens._shared.clear()
            for scheme in (BODY_SIG, ACCESS_TOKEN):
                with self.subTest(zone=zone, scheme=scheme):
                    # The gateway bears fifteen minutes of difference.
                    with self.assertRaises(Refused) as caught:
                        around.client(scheme).query(Bill("327M00000000", "2022-04-21"))
                    self.assertEqual(caught.exception.code, "NO_ORDER")


class Secrets(unittest.TestCase):
    def test_the_key_is_never_shown(self) -> None:
        client = around.client()
        gateway = Gateway(around.BASE_URL, around.APP_ID, around.APP_KEY)
        for shown in (repr(client), str(client), repr(gateway)):
            self.assertNotIn(around.APP_KEY, shown)
            self.assertIn(around.APP_ID, shown)
