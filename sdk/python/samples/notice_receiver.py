"""Takes notices (支付结果通知) and believes those that are signed.

    HOLDFAST_NOTICE_KEY=… python3 samples/notice_receiver.py 9090
"""

import os
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from holdfast_client import NoticeError, verify_notice
from holdfast_client.notice import DONE, FAILED

BODY_MAX = 64 * 1024


class Receiver(BaseHTTPRequestHandler):
    timeout = 10  # seconds: nobody may hold a thread for longer

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal() or int(length) > BODY_MAX:
            return self.answer(413, FAILED)
        body = self.rfile.read(int(length))
        try:
            notice = verify_notice(body, os.environ["HOLDFAST_NOTICE_KEY"])
        except NoticeError as error:
            print(f"not believed: {error}", flush=True)
            return self.answer(400, FAILED)
        # Yours to do before you answer: look up the order, compare it (holdfast_client.expect), and store the notice
        # under its notifyId, so that the same one does nothing when it comes again.
        print(f"{notice['notifyId']} {notice.get('billNo')} {notice['billStatus']}", flush=True)
        return self.answer(200, DONE)

    def answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1]) if len(sys.argv) > 1 else 9090), Receiver)
    print(f"listening on http://127.0.0.1:{server.server_address[1]}", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        pass
