"""One hold from the code to the refund, at the gateway that HOLDFAST_BASE_URL names.

    python3 samples/hold.py 898201612345678 88880001
"""

import os
import sys
import time
import urllib.request

from holdfast_client import Bill, Client, OutcomeUnknown
from holdfast_client.gateway import beijing_now

base_url = os.environ["HOLDFAST_BASE_URL"]
client = Client(
    base_url, os.environ["HOLDFAST_APP_ID"], os.environ["HOLDFAST_APP_KEY"], mid=sys.argv[1], tid=sys.argv[2]
)

now = beijing_now()
bill = Bill(f"327M{now:%Y%m%d%H%M%S}{time.time_ns() % 10**7:07}", now.date())
code = client.get_qrcode(bill, total_amount=50000, preauth=True, bill_desc="押金 301")
print("to be scanned by the payer:", code["billQRCode"])

# A test gateway has a payer who does as he is told.
payer = urllib.request.Request(f"{base_url}/sim/payer/{code['qrCodeId']}/confirm", b"{}", method="POST")
urllib.request.urlopen(payer).close()

auth_code = client.query(bill)["authIdRespCd"]
capture = bill.no + "C1"
try:
    client.preauthed(bill, authed_order_id=capture, auth_code=auth_code, total_amount=38000)
except OutcomeUnknown:
    # Not again under another number: ask what became of this one.
    if "authedBillPayment" not in client.query(bill, authed_order_id=capture):
        sys.exit(f"it is not known yet whether {capture} was captured: ask again later")
client.preauthed_cancel(bill, mer_order_id=capture, auth_code=auth_code)
client.preauthed(bill, authed_order_id=bill.no + "C2", auth_code=auth_code, total_amount=12000)
refund = client.refund(bill, refund_order_id=bill.no + "R1", refund_amount=2000)
print("bill", bill.no, "refunded", refund["refundAmount"], "fen:", refund["refundStatus"])
