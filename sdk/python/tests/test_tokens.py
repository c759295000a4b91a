"""Tokens: fetched once, shared, renewed before they die and after they are refused."""

import itertools
import json
import threading
import unittest
from typing import List, Tuple
from unittest import mock

from holdfast_client import ACCESS_TOKEN, Bill, Client, NotSent, OutcomeUnknown, Refused, tokens
from holdfast_client.gateway import TOKEN_PATH

from . import around

BILL = Bill("327M00000000", "2022-04-21")


def issued(number: int) -> Tuple[int, bytes]:
    """The answer that is a token."""
    answer = {"errCode": "0000", "errInfo": "ok", "accessToken": f"t{number}", "expiresIn": 3600}
    return 200, json.dumps(answer).encode()


class Tokens(unittest.TestCase):
    def setUp(self) -> None:
        tokens._shared.clear()

    def test_twenty_threads_fetch_one_token(self) -> None:
        def serve(path: str, body: bytes) -> Tuple[int, bytes]:
            return issued(1) if path == TOKEN_PATH else (200, b'{"errCode":"SUCCESS","billNo":"1","billDate":"2"}')

        with around.Server(serve) as server:
            # Two clients of one app, as a program that makes one for each request has them.
            clients = [around.client(ACCESS_TOKEN, server.url) for _ in range(2)]
            together, faults = threading.Barrier(20), []

            def ask(client: Client) -> None:
                try:
                    together.wait()
                    client.query(BILL)
                except BaseException as error:
                    faults.append(error)

            threads = [threading.Thread(target=ask, args=(clients[n % 2],)) for n in range(20)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            self.assertEqual(faults, [])
            paths = [path for path, _ in server.requests]
            self.assertEqual(len(paths), 21)
            self.assertEqual(paths.count(TOKEN_PATH), 1)

    def test_those_who_wait_for_a_token_that_cannot_be_had_fail_with_it(self) -> None:
        kept, started, go = tokens.Tokens(), threading.Event(), threading.Event()
        fetches: List[int] = []

        def fetch() -> tokens.Issued:
            fetches.append(1)
            started.set()
            go.wait()
            raise NotSent("nobody there")

        faults: List[str] = []

        def ask() -> None:
            try:
                kept.get(fetch)
            except NotSent as error:
                faults.append(str(error))

        first, second = threading.Thread(target=ask), threading.Thread(target=ask)
        first.start()
        started.wait()
        coming, waiting = kept._coming, threading.Event()
        assert coming is not None
        result = coming.result

        def wait_for_it() -> str:
            waiting.set()
            return result()

        with mock.patch.object(coming, "result", wait_for_it):
            second.start()
            self.assertTrue(waiting.wait(timeout=5), "the second one does not wait for the first")
            go.set()
            first.join()
            second.join()
        self.assertEqual(len(fetches), 1)
        self.assertEqual(faults, ["nobody there"] * 2)
        # The next one tries again.
        self.assertEqual(kept.get(lambda: tokens.Issued("t", 60)), "t")

    def test_an_interrupted_fetch_is_not_the_end(self) -> None:
        def interrupted() -> tokens.Issued:
            raise KeyboardInterrupt

        kept = tokens.Tokens()
        with self.assertRaises(KeyboardInterrupt):
            kept.get(interrupted)
        self.assertEqual(kept.get(lambda: tokens.Issued("t", 60)), "t")

    def test_a_token_is_used_for_its_life_less_a_margin(self) -> None:
        for life, good_for in ((3600, 3540), (100, 90)):
            with self.subTest(life), mock.patch("holdfast_client.tokens.time") as clock:
                kept, fetched = tokens.Tokens(), []

                def fetch() -> tokens.Issued:
                    fetched.append(1)
                    return tokens.Issued(f"t{len(fetched)}", life)

                for now, expected in ((0, "t1"), (good_for - 1, "t1"), (good_for + 1, "t2"), (good_for + 2, "t2")):
                    clock.monotonic.return_value = 1000.0 + now
                    self.assertEqual(kept.get(fetch), expected)

    def test_a_token_that_the_gateway_ended_is_renewed(self) -> None:
        hold, client = around.make_hold(), around.client(ACCESS_TOKEN)
        client.query(around.bill_of(hold))
        first = self.token()
        # An app has ten; ten more end the oldest.
        for _ in range(10):
            around.holdfast("call", "token")
        self.assertEqual(client.query(around.bill_of(hold))["billStatus"], "PAID")
        self.assertNotEqual(self.token(), first)

    def test_a_token_that_is_not_one_is_renewed(self) -> None:
        hold, client = around.make_hold(), around.client(ACCESS_TOKEN)
        tokens.shared(around.BASE_URL, around.APP_ID, around.APP_KEY).get(lambda: tokens.Issued("wrong", 3600))
        self.assertEqual(client.query(around.bill_of(hold))["billStatus"], "PAID")
        self.assertNotEqual(self.token(), "wrong")

    def test_it_is_renewed_once_and_not_for_ever(self) -> None:
        # By the status, or by the words of the official platform, whose status is not known.
        for status, words in ((401, "no"), (412, "认证失败")):
            numbers, refusal = itertools.count(1), f'{{"errCode":"9999","errInfo":"{words}"}}'.encode()

            def serve(path: str, body: bytes) -> Tuple[int, bytes]:
                number = next(numbers)
                assert number < 10, "it goes on for ever"
                return issued(number) if path == TOKEN_PATH else (status, refusal)

            with self.subTest(status), around.Server(serve) as server:
                with self.assertRaises(Refused) as caught:
                    around.client(ACCESS_TOKEN, server.url).query(BILL)
                self.assertEqual(caught.exception.code, "9999")
                paths = [path for path, _ in server.requests]
                self.assertEqual(len(paths), 4)
                self.assertEqual(paths.count(TOKEN_PATH), 2)

    def test_another_refusal_is_not_about_the_token(self) -> None:
        def serve(path: str, body: bytes) -> Tuple[int, bytes]:
            return issued(1) if path == TOKEN_PATH else (403, b'{"errCode":"DENIED_IP"}')

        with around.Server(serve) as server, self.assertRaises(Refused):
            around.client(ACCESS_TOKEN, server.url).query(BILL)
        self.assertEqual([path for path, _ in server.requests].count(TOKEN_PATH), 1)

    def test_after_an_error_of_the_server_nothing_is_sent_again(self) -> None:
        broken = '{"errCode":"INTERNAL_ERROR","errInfo":"渠道认证失败"}'.encode()

        def serve(path: str, body: bytes) -> Tuple[int, bytes]:
            return issued(1) if path == TOKEN_PATH else (500, broken)

        with around.Server(serve) as server, self.assertRaises(OutcomeUnknown):
            around.client(ACCESS_TOKEN, server.url).query(BILL)
        self.assertEqual(len(server.requests), 2)

    def test_without_a_token_nothing_is_sent(self) -> None:
        answers: List[Tuple[int, bytes]] = [
            (200, b'{"errCode":"0000"}'),
            (200, b'{"errCode":"0000","accessToken":"a\\r\\nX: y","expiresIn":60}'),
            (200, b'{"errCode":"0000","accessToken":"a","expiresIn":1.5}'),
            (200, b"<html>"),
            (502, b"<html>"),
        ]
        for answer in answers:
            with self.subTest(answer), around.Server(lambda path, body: answer) as server:
                with self.assertRaises(NotSent):
                    around.client(ACCESS_TOKEN, server.url).query(BILL)
                self.assertEqual([path for path, _ in server.requests], [TOKEN_PATH])

    def test_a_wrong_key_gets_no_token(self) -> None:
        client = Client(around.BASE_URL, around.APP_ID, "wrong", mid=around.MID, tid=around.TID, scheme=ACCESS_TOKEN)
        with self.assertRaises(Refused) as caught:
            client.query(BILL)
        self.assertEqual((caught.exception.code, caught.exception.status), ("BAD_SIGN", 401))

    def token(self) -> str:
        def never() -> tokens.Issued:
            raise AssertionError("there is no token")

        return tokens.shared(around.BASE_URL, around.APP_ID, around.APP_KEY).get(never)
