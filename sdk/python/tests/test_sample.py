"""The official sample, with nothing changed but host, credentials and field values."""

import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from typing import Any, Dict
from unittest import mock

from holdfast_client import OutcomeUnknown
from holdfast_client.transport import post
from webapi.DefaultOpenApiClient import DefaultOpenApiClient

from . import around

OFFICIAL_HOST = "https://api-mop.chinaums.com"


def request(data: Any, *, token: bool = True, tag: bool = True, path: str = "/netpay/bills/query") -> Any:
    """A request as the sample makes it, in a module without a `url`."""

    class DataRequest:
        def __init__(self) -> None:
            self.data, self.serviceCode, self.apiVersion = data, path, "v1"
            self.needToken, self.needDataTag = token, tag

    return DataRequest()


def query_of(hold: Dict[str, str]) -> Dict[str, str]:
    return {
        "requestTimestamp": "2022-04-21 15:00:52",
        "mid": around.MID,
        "tid": around.TID,
        "instMid": "QRPAYDEFAULT",
        "billNo": hold["BILL_NO"],
        "billDate": hold["BILL_DATE"],
    }


class TheSample(unittest.TestCase):
    def run_sample(self, changes: Dict[str, str], **variables: str) -> "subprocess.CompletedProcess[str]":
        text = (around.SDK / "samples/preauthed_cancel.py").read_text(encoding="utf-8")
        for old, new in changes.items():
            self.assertEqual(text.count(old), 1, old)
            text = text.replace(old, new)
        outside = {name: value for name, value in os.environ.items() if not name.startswith("HOLDFAST_")}
        with tempfile.TemporaryDirectory() as room:
            program = Path(room) / "sample.py"
            program.write_text(text, encoding="utf-8")
            return subprocess.run(
                [sys.executable, str(program)],
                env={**outside, "PYTHONPATH": str(around.SDK), "PYTHONIOENCODING": "utf-8", **variables},
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                encoding="utf-8",
            )

    def test_it_reverses_a_capture_and_prints_success(self) -> None:
        hold = {name: os.environ[name] for name in ("BILL_NO", "BILL_DATE", "CAPTURE_ORDER", "AUTH_CODE")}
        changes = {
            OFFICIAL_HOST: around.BASE_URL,
            'appId="平台分配"': f'appId="{around.APP_ID}"',
            'appKey="平台分配"': f'appKey="{around.APP_KEY}"',
            '"billNo":""': f'"billNo":"{hold["BILL_NO"]}"',
            '"billDate":""': f'"billDate":"{hold["BILL_DATE"]}"',
            '"327M22061819820261705544110"': f'"{hold["CAPTURE_ORDER"]}"',
            '"authIdRespCd":""': f'"authIdRespCd":"{hold["AUTH_CODE"]}"',
        }
        # Another zone, a proxy and another gateway in the environment: none of them is asked.
        done = self.run_sample(
            changes,
            TZ="America/New_York",
            HTTP_PROXY=around.DEAD_URL,
            http_proxy=around.DEAD_URL,
            HOLDFAST_BASE_URL=around.DEAD_URL,
        )
        self.assertEqual(done.stderr, "")
        data, *short = done.stdout.splitlines()
        self.assertEqual(short, ["SUCCESS", "成功", "SUCCESS", "成功"])
        self.assertIn(f"'merOrderId': '{hold['CAPTURE_ORDER']}'", data)
        state = around.client().query(around.bill_of(hold), authed_order_id=hold["CAPTURE_ORDER"])
        self.assertEqual(state["authedBillPayment"]["status"], "TRADE_CLOSED")

    def test_without_values_it_is_told_every_field_that_is_missing(self) -> None:
        credentials = {'appId="平台分配"': f'appId="{around.APP_ID}"', 'appKey="平台分配"': f'appKey="{around.APP_KEY}"'}
        done = self.run_sample({OFFICIAL_HOST: around.BASE_URL, **credentials})
        _, code, info, result_code, result_info = done.stdout.splitlines()
        self.assertEqual((code, result_code), ("BAD_REQUEST", "BAD_REQUEST"))
        for field in ("billNo", "billDate", "authIdRespCd"):
            self.assertIn(field, info)
        self.assertEqual(info, result_info)

    def test_a_wrong_key_is_an_answer(self) -> None:
        done = self.run_sample({
            OFFICIAL_HOST: around.BASE_URL,
            'appId="平台分配"': f'appId="{around.APP_ID}"',
            'appKey="平台分配"': 'appKey="K3yThatIsNotTheRightOne"',
        })
        self.assertEqual(done.stdout.splitlines()[1], "BAD_SIGN", done)
        self.assertNotIn("K3yThatIsNotTheRightOne", done.stdout + done.stderr)


class Execute(unittest.TestCase):
    def setUp(self) -> None:
        self.client = DefaultOpenApiClient(around.APP_ID, around.APP_KEY, around.BASE_URL)

    def test_token_and_tag_mean_what_they_say(self) -> None:
        hold = around.make_hold()
        for token in (True, False):
            for tag in (True, False):
                posting = mock.patch("holdfast_client.gateway.post", wraps=post)
                with self.subTest(token=token, tag=tag), posting as posted:
                    answer = self.client.execute(request(query_of(hold), token=token, tag=tag))
                    url, headers, body, _ = posted.call_args.args
                    self.assertEqual(url, around.BASE_URL + "/v1/netpay/bills/query")
                    scheme = "OPEN-ACCESS-TOKEN AccessToken=" if token else "OPEN-BODY-SIG AppId="
                    self.assertTrue(headers["Authorization"].startswith(scheme))
                    self.assertEqual(body.startswith(b'{"data":{'), tag)
                    self.assertEqual(answer["errCode"], "SUCCESS")
                    self.assertEqual(answer["resultCode"], "SUCCESS")
                    self.assertTrue(answer["errInfo"])
                    self.assertEqual(answer["resultInfo"], answer["errInfo"])
                    self.assertEqual(answer["data"]["authIdRespCd"], hold["AUTH_CODE"])
                    self.assertEqual("authIdRespCd" in answer, not tag)

    def test_data_may_be_json_text(self) -> None:
        hold = around.make_hold()
        text = '{"requestTimestamp":"2022-04-21 15:00:52","mid":"%s","tid":"%s","instMid":"QRPAYDEFAULT","billNo":"%s"}'
        answer = self.client.execute(request(text % (around.MID, around.TID, hold["BILL_NO"])))
        self.assertEqual(answer["data"]["billStatus"], "PAID")
        with self.assertRaises(TypeError):
            self.client.execute(request("[]"))

    def test_an_error_code_is_an_answer(self) -> None:
        nothing = {**query_of(around.make_hold("--unpaid")), "billNo": "327M00000000"}
        for tag in (True, False):
            answer = self.client.execute(request(nothing, tag=tag))
            self.assertEqual((answer["errCode"], answer["data"]["errCode"]), ("NO_ORDER", "NO_ORDER"))
            self.assertIn("billNo", answer["errInfo"])

    def test_no_answer_is_an_unknown_outcome(self) -> None:
        with around.Talker(lambda _, end: end.wait()) as silent:
            client = DefaultOpenApiClient(around.APP_ID, around.APP_KEY, silent.url, timeout=0.2)
            with self.assertRaisesRegex(OutcomeUnknown, "outcome unknown: query"):
                client.execute(request({}, token=False))

    def test_the_host_comes_from_the_nearest_place(self) -> None:
        client, asked = DefaultOpenApiClient("app", "key"), request({})
        environment = {"HOLDFAST_BASE_URL": "http://from-environment"}
        with mock.patch.dict(os.environ, environment):
            self.assertEqual(client._place(asked), ("http://from-environment", "/v1/netpay/bills/query"))
        with mock.patch.dict(os.environ):
            os.environ.pop("HOLDFAST_BASE_URL", None)
            with self.assertRaisesRegex(ValueError, "no host"):
                client._place(asked)
        said = DefaultOpenApiClient("app", "key", "http://said:8080")
        self.assertEqual(said._place(asked), ("http://said:8080", "/v1/netpay/bills/query"))

    def test_a_url_beside_the_class_is_the_host_also_if_it_begins_with_v(self) -> None:
        client = DefaultOpenApiClient("app", "key")
        text = (around.SDK / "samples/preauthed_cancel.py").read_text(encoding="utf-8")
        declaration = text[text.index("class DataRequest") : text.index("appId=")]
        for host in ("http://127.0.0.1:8080", "https://v.example", "https://pay.example"):
            module: Dict[str, Any] = {"url": host + "/v1/netpay/bills/preauthed-cancel"}
            exec(declaration, module)
            self.assertEqual(client._place(module["DataRequest"]({})), (host, "/v1/netpay/bills/preauthed-cancel"))
            # A `url` that has nothing to do with the request is not believed.
            asked = module["DataRequest"]({})
            for other in ("http://other.example/page", "http://other.example/v1/netpay/bills/query", None):
                module["url"] = other
                with mock.patch.dict(os.environ, {"HOLDFAST_BASE_URL": "http://from-environment"}):
                    self.assertEqual(client._place(asked)[0], "http://from-environment")

