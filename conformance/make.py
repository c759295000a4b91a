#!/usr/bin/env python3
"""Makes signatures.json and notices.json: test vectors of every signature of the netpay/bills protocol.

Written from the description of the protocol, with Python's standard library and nothing of Holdfast's, so that two
implementations have to agree. Every key in here is made up, or was published by the vendor as an example.

    python3 conformance/make.py           write both files
    python3 conformance/make.py --check   exit with 1 if they are not what this script writes
"""

import base64
import hashlib
import hmac
import json
import pathlib
import sys

HERE = pathlib.Path(__file__).parent

# The vendor's own example credentials, as its documents print them.
VENDOR_APP = "12345678901234567890123456789012"
VENDOR_KEY = "67890123456789012345678901234567"
VENDOR_TIME = "20170101120000"
VENDOR_NONCE = "09876543210987654321098765432109"
VENDOR_NOTICE_KEY = "fcAmtnx7MwismjWNhNKdHC44mNXtnEQeJkRrhKJwyrW2ysRR"

# Ours.
APP = "example-app-0000000000000000001"
KEY = "made-up-app-key-for-test-vectors"
OTHER_KEY = "another-made-up-app-key"
TIME = "20261123093000"
NONCE = "5f2b0c6e-0d0e-4a52-9e53-5a1f6a3a7c11"
NOTICE_KEY = "made-up-communication-key-for-test-vectors"
OTHER_NOTICE_KEY = "another-made-up-communication-key"

REVERSAL = json.dumps(
    {
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
    },
    separators=(",", ":"),
)


# --- the primitives -------------------------------------------------------------------------------------------------


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def body_sig(app, key, time, nonce, body):
    """Hash of the body, the signed text, and the signature over it."""
    digest = sha256(body)
    text = app + time + nonce + digest
    mac = hmac.new(key.encode(), text.encode(), hashlib.sha256).digest()
    return digest, text, base64.b64encode(mac).decode()


def header(app, time, nonce, signature):
    return f'OPEN-BODY-SIG AppId="{app}",Timestamp="{time}",Nonce="{nonce}",Signature="{signature}"'


def urlencode(text):
    """As java.net.URLEncoder: letters, digits and .-*_ stay, a space is +, everything else its UTF-8 bytes."""
    keep = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-*_"
    out = []
    for byte in text.encode():
        out.append(chr(byte) if byte in keep else "+" if byte == 0x20 else f"%{byte:02X}")
    return "".join(out)


def form(pairs):
    return "&".join(f"{urlencode(name)}={urlencode(value)}" for name, value in pairs)


def sorted_pairs(pairs):
    """The text that is signed, without the key."""
    signed = [(name, value) for name, value in pairs if name != "sign" and value != ""]
    signed.sort(key=lambda pair: (pair[0].encode(), pair[1].encode()))
    return "&".join(f"{name}={value}" for name, value in signed)


def digest_with_key(text, key, sign_type):
    hasher = hashlib.sha256 if sign_type == "SHA256" else hashlib.md5
    return hasher((text + key).encode()).hexdigest().upper()


def notice_sign(pairs, key):
    sign_type = dict(pairs).get("signType", "MD5")
    return digest_with_key(sorted_pairs(pairs), key, sign_type)


def flip(text):
    """The text with its first character changed to another of the same kind."""
    first = text[0]
    return ("B" if first == "A" else "A" if first.isupper() else "b" if first == "a" else "a" if first.islower() else
            "1" if first == "0" else "0") + text[1:]


# --- OPEN-BODY-SIG --------------------------------------------------------------------------------------------------


def of_body(name, body, app=APP, key=KEY, time=TIME, nonce=NONCE, published=False, encoding="utf-8"):
    raw = body if isinstance(body, bytes) else body.encode(encoding)
    digest, text, signature = body_sig(app, key, time, nonce, raw)
    case = {"name": name, "scheme": "OPEN-BODY-SIG", "published": published, "appId": app, "appKey": key,
            "timestamp": time, "nonce": nonce}
    if isinstance(body, bytes):
        case["bodyBase64"] = base64.b64encode(raw).decode()
    else:
        case["body"] = body
    case |= {"bodyHash": digest, "signedText": text, "signature": signature,
             "authorization": header(app, time, nonce, signature), "accept": [], "refuse": []}
    return case


def accept(case, name, basis="protocol", **sent):
    case["accept"].append({"name": name, "basis": basis, **sent})


def refuse(case, name, en, zh, basis="protocol", **sent):
    case["refuse"].append({"name": name, "en": en, "zh": zh, "basis": basis, **sent})


def body_cases():
    cases = [
        of_body("the vendor's own example", "A", VENDOR_APP, VENDOR_KEY, VENDOR_TIME, VENDOR_NONCE, published=True),
        of_body("the official request of preauthed-cancel, compact", REVERSAL),
        of_body("the same request, pretty-printed", json.dumps(json.loads(REVERSAL), indent=2)),
        of_body("an empty body", ""),
        of_body("Chinese in UTF-8", '{"billDesc":"押金 1号房","msgId":"预授权完成撤销"}'),
        of_body("the same Chinese as escapes", '{"billDesc":"\\u62bc\\u91d1 1\\u53f7\\u623f","msgId":"1"}'),
        of_body("escaped slashes, as PHP writes them", '{"notifyUrl":"https:\\/\\/shop.example\\/notify?a=1"}'),
        of_body("bytes that are not UTF-8", b'{"billDesc":"\xd1\xba\xbd\xf0"}'),
        of_body("an emoji, full-width signs, a line break at the end", '{"billDesc":"🏨＆＝％"}\n'),
        of_body("a nonce with a space, a plus and Chinese", '{"a":1}', nonce="n 1+2/3=随机"),
        of_body("a key with Chinese in it", '{"a":1}', key="编造的密钥-made-up"),
        of_body("a nonce of 128 characters", '{"a":1}', nonce="0123456789abcdef" * 8),
    ]
    case = cases[1]
    app, key, time, nonce = APP, KEY, TIME, NONCE
    body, good = case["body"], case["signature"]
    put = lambda name, value: accept(case, name, authorization=value, body=body)
    put("a space after each comma",
        f'OPEN-BODY-SIG AppId="{app}", Timestamp="{time}", Nonce="{nonce}", Signature="{good}"')
    accept(case, "keys with a small first letter", "holdfast",
           authorization=f'OPEN-BODY-SIG appId="{app}",timestamp="{time}",nonce="{nonce}",signature="{good}"', body=body)
    accept(case, "the parts in another order", "holdfast",
           authorization=f'OPEN-BODY-SIG Signature="{good}",Nonce="{nonce}",Timestamp="{time}",AppId="{app}"', body=body)
    accept(case, "Base64 without its padding", "holdfast",
           authorization=header(app, time, nonce, good.rstrip("=")), body=body)

    def bad(name, en, zh, signature=good, body=body, time=time, nonce=nonce, app=app, basis="protocol"):
        refuse(case, name, en, zh, basis, authorization=header(app, time, nonce, signature), body=body)

    bad("a changed amount", "the body is not the one that was signed", "报文与签名时不同",
        body=body.replace("5678", "5679"))
    bad("a space more", "only the bytes as sent are signed: the body was written again", "报文被重新序列化，签名仅对原始字节有效",
        body=body.replace(",", ", "))
    bad("a line break more", "a line break follows the body", "报文末尾多了换行", body=body + "\n")
    bad("another second", "the timestamp is signed", "时间戳参与签名", time="20261123093001")
    bad("another nonce", "the nonce is signed", "随机串参与签名", nonce=NONCE[:-1] + "2")
    bad("another app", "the AppId is signed", "AppId 参与签名", app=APP[:-1] + "2")
    bad("another key", "it was signed with another key", "密钥不符",
        body_sig(app, OTHER_KEY, time, nonce, body.encode())[2])
    bad("one character of the signature changed", "the signature is wrong", "签名错误", flip(good))
    bad("the signature in the wrong case", "Base64 distinguishes case", "Base64 区分大小写", good.swapcase())
    bad("half of the signature", "the signature is cut", "签名不完整", good[:22])
    hexed = base64.b64decode(good).hex()
    bad("hexadecimal digits", "hexadecimal digits where Base64 belongs", "应为 Base64 而非十六进制", hexed)
    bad("Base64 of the hexadecimal digits", "the digits were encoded, not the bytes", "应对字节而非十六进制文本做 Base64",
        base64.b64encode(hexed.encode()).decode())
    upper = app + time + nonce + case["bodyHash"].upper()
    bad("the body's hash in capitals", "the body's hash must be in small letters", "报文摘要应为小写十六进制",
        base64.b64encode(hmac.new(key.encode(), upper.encode(), hashlib.sha256).digest()).decode())
    raw = app + time + nonce + body
    bad("the body itself instead of its hash", "the hash of the body is signed, not the body", "应对报文摘要签名",
        base64.b64encode(hmac.new(key.encode(), raw.encode(), hashlib.sha256).digest()).decode())
    plain = app + time + nonce + case["bodyHash"] + key
    bad("a plain hash instead of an HMAC", "HMAC-SHA256, not SHA-256 with the key behind", "应为 HMAC-SHA256",
        base64.b64encode(hashlib.sha256(plain.encode()).digest()).decode())
    with_spare_bits = good[:-2] + chr(ord(good[-2]) + 1) + "="
    if base64.b64decode(with_spare_bits) == base64.b64decode(good):
        bad("spare bits that are not zero", "no encoder writes this: it is another text for the same bytes",
            "末位多余比特不为零，非规范的 Base64", with_spare_bits, basis="holdfast")
    refuse(case, "two signatures", "two signatures: which one counts?", "签名参数重复", "holdfast",
           authorization=header(app, time, nonce, good) + f',Signature="{good}"', body=body)
    refuse(case, "another scheme", "there is no such scheme", "认证方式不存在", "protocol",
           authorization=header(app, time, nonce, good).replace("OPEN-BODY-SIG", "OPEN-BODY-SIGN"), body=body)
    refuse(case, "a time that is none", "month 13", "时间不存在", "protocol",
           authorization=header(app, "20261323093000", nonce,
                                body_sig(app, key, "20261323093000", nonce, body.encode())[2]), body=body)
    empty = cases[3]
    refuse(empty, "a body under the signature of none", "the body is not the one that was signed", "报文与签名时不同",
           authorization=empty["authorization"], body="{}")
    return cases


# --- tokens ---------------------------------------------------------------------------------------------------------


def token_digest(app, time, nonce, key, method):
    return (hashlib.sha256 if method == "SHA256" else hashlib.sha1)((app + time + nonce + key).encode()).hexdigest()


def of_token(name, method, app=APP, key=KEY, time=TIME, nonce=NONCE):
    request = {"appId": app, "timestamp": time, "nonce": nonce}
    if method:
        request["signMethod"] = method
    request["signature"] = token_digest(app, time, nonce, key, method)
    # The key is part of what is hashed: this text must never be logged.
    return {"name": name, "scheme": "TOKEN", "published": False, "appId": app, "appKey": key, "timestamp": time,
            "nonce": nonce, "signMethod": method, "signedText": app + time + nonce + key,
            "signature": request["signature"], "request": request, "accept": [], "refuse": []}


def token_cases():
    cases = [
        of_token("SHA-1, with the vendor's example credentials", None, VENDOR_APP, VENDOR_KEY, VENDOR_TIME, VENDOR_NONCE),
        of_token("SHA-256, with the vendor's example credentials", "SHA256", VENDOR_APP, VENDOR_KEY, VENDOR_TIME,
                 VENDOR_NONCE),
        of_token("SHA-1", None),
        of_token("SHA-256", "SHA256"),
        of_token("a key with Chinese in it", "SHA256", key="编造的密钥-made-up"),
    ]
    for case in cases[2:4]:
        request, method = case["request"], case["signMethod"]
        accept(case, "digits in capitals", "holdfast", request=request | {"signature": request["signature"].upper()})
        other = None if method else "SHA256"
        mac = hmac.new(KEY.encode(), (APP + TIME + NONCE).encode(), hashlib.sha256 if method else hashlib.sha1)
        for name, en, zh, change in [
            ("the other digest", "the digest is not the one that signMethod names", "摘要算法与 signMethod 不符",
             {"signature": token_digest(APP, TIME, NONCE, KEY, other)}),
            ("another key", "it was signed with another key", "密钥不符",
             {"signature": token_digest(APP, TIME, NONCE, OTHER_KEY, method)}),
            ("another second", "the timestamp is signed", "时间戳参与签名", {"timestamp": "20261123093001"}),
            ("another nonce", "the nonce is signed", "随机串参与签名", {"nonce": NONCE[:-1] + "2"}),
            ("an HMAC", "a plain hash with the key behind, not an HMAC", "应为普通摘要而非 HMAC",
             {"signature": mac.hexdigest()}),
            ("Base64", "Base64 where hexadecimal digits belong", "应为十六进制而非 Base64",
             {"signature": base64.b64encode(bytes.fromhex(request["signature"])).decode()}),
            ("one digit changed", "the signature is wrong", "签名错误", {"signature": flip(request["signature"])}),
        ]:
            refuse(case, name, en, zh, request=request | change)
        refuse(case, "no signature", "nothing is signed", "没有签名",
               request={name: value for name, value in request.items() if name != "signature"})
    return cases


# --- OPEN-FORM-PARAM ------------------------------------------------------------------------------------------------


def form_query(app, time, nonce, content, signature):
    return form([("authorization", "OPEN-FORM-PARAM"), ("appId", app), ("timestamp", time), ("nonce", nonce),
                 ("content", content), ("signature", signature)])


def of_form(name, content, app=APP, key=KEY, time=TIME, nonce=NONCE, published=False):
    digest, text, signature = body_sig(app, key, time, nonce, content.encode())
    return {"name": name, "scheme": "OPEN-FORM-PARAM", "published": published, "appId": app, "appKey": key,
            "timestamp": time, "nonce": nonce, "content": content, "bodyHash": digest, "signedText": text,
            "signature": signature, "query": form_query(app, time, nonce, content, signature), "accept": [],
            "refuse": []}


def form_cases():
    content = '{"requestTimestamp":"2022-04-21 15:00:52","billDesc":"押金 1号房","totalAmount":1}'
    cases = [
        of_form("the vendor's own example", "A", VENDOR_APP, VENDOR_KEY, VENDOR_TIME, VENDOR_NONCE, published=True),
        of_form("spaces and Chinese", content),
        of_form("everything that means something in a query",
                '{"returnUrl":"https://shop.example/a?b=1&c=%2B+#d","x":"~*._-\'()!"}'),
    ]
    case = cases[1]
    good, query = case["signature"], case["query"]
    accept(case, "%20 for a space", "holdfast", query=query.replace("+", "%20"))
    accept(case, "percent signs with small letters",
           query="".join(part if index == 0 else part[:2].lower() + part[2:]
                         for index, part in enumerate_joined(query)))
    refuse(case, "signed after encoding", "the content is signed before it is encoded", "应对未编码的 content 签名",
           query=form_query(APP, TIME, NONCE, content,
                            body_sig(APP, KEY, TIME, NONCE, urlencode(content).encode())[2]))
    refuse(case, "a changed amount", "the content is not the one that was signed", "content 与签名时不同",
           query=form_query(APP, TIME, NONCE, content.replace(":1}", ":2}"), good))
    refuse(case, "encoded twice", "the content was encoded twice", "content 被重复编码",
           query=form_query(APP, TIME, NONCE, urlencode(content), good))
    plus = of_form("", content)
    while "+" not in plus["signature"]:
        plus = of_form("", content, nonce=plus["nonce"] + "x")
    refuse(case, "a plus of the signature left bare", "a bare + in a query is a space", "签名中的 + 未编码，被解码为空格",
           query=plus["query"].replace("%2B", "+"))
    refuse(case, "another scheme", "there is no such scheme", "认证方式不存在",
           query=query.replace("OPEN-FORM-PARAM", "OPEN-BODY-SIG"))
    refuse(case, "two contents", "the content is there twice: which one counts?", "content 重复出现", "holdfast",
           query=query + "&content=" + urlencode(content))
    refuse(case, "no content", "there is nothing that was signed", "缺少 content",
           query=form([("authorization", "OPEN-FORM-PARAM"), ("appId", APP), ("timestamp", TIME), ("nonce", NONCE),
                       ("signature", good)]))
    return cases


def enumerate_joined(query):
    """The pieces of a query between percent signs, each but the first with its sign back in front."""
    pieces = query.split("%")
    return [(0, pieces[0])] + [(index, "%" + piece) for index, piece in enumerate(pieces[1:], 1)]


# --- the predecessor ------------------------------------------------------------------------------------------------


def written(body):
    """The pairs of a JSON object as the predecessor signs them: texts decoded, everything else as it is written."""
    decoder = json.JSONDecoder()
    pairs, at = [], body.index("{") + 1
    while True:
        while body[at] in " \t\r\n,":
            at += 1
        if body[at] == "}":
            return pairs
        name, at = decoder.raw_decode(body, at)
        at = body.index(":", at) + 1
        while body[at] in " \t\r\n":
            at += 1
        value, end = decoder.raw_decode(body, at)
        if value is not None:
            pairs.append((name, value if isinstance(value, str) else body[at:end]))
        at = end


def of_predecessor(name, fields, sign_type=None, key=NOTICE_KEY, published=False, pretty=False):
    if sign_type:
        fields = fields | {"signType": sign_type}
    separators, indent = ((", ", ": "), 2) if pretty else ((",", ":"), None)
    unsigned = json.dumps(fields, ensure_ascii=False, separators=separators, indent=indent)
    pairs = written(unsigned)
    text = sorted_pairs(pairs)
    signature = digest_with_key(text, key, sign_type or "MD5")
    body = json.dumps(fields | {"sign": signature}, ensure_ascii=False, separators=separators, indent=indent)
    return {"name": name, "scheme": "PREDECESSOR", "published": published, "key": key, "signType": sign_type or "MD5",
            "signedText": text, "signature": signature, "body": body, "accept": [], "refuse": []}


VENDOR_ORDER = {
    "billDate": "2017-06-26",
    "billNo": "31940000201700002",
    "goods": [{"body": "微信二维码测试", "price": "1", "goodsName": "微信二维码测试", "goodsId": "1", "quantity": "1",
               "goodsCategory": "TEST"}],
    "instMid": "QRPAYDEFAULT",
    "mid": "898340149000005",
    "msgSrc": "WWW.TEST.COM",
    "msgType": "bills.getQRCode",
    "requestTimestamp": "2017-06-26 17:28:02",
    "tid": "88880001",
    "totalAmount": "1",
    "walletOption": "SINGLE",
}


def predecessor_cases():
    query = {"msgType": "bills.query", "msgSrc": "WWW.EXAMPLE.COM", "requestTimestamp": "2026-11-23 09:30:00",
             "mid": "898201612345678", "tid": "88880001", "instMid": "QRPAYDEFAULT", "billNo": "31942026112300000001",
             "billDate": "2026-11-23"}
    cases = [
        of_predecessor("the vendor's own example", VENDOR_ORDER, key=VENDOR_NOTICE_KEY, published=True),
        of_predecessor("MD5", query),
        of_predecessor("SHA-256", query, "SHA256"),
        of_predecessor("empty, blank and null values", query | {"memo": "", "srcReserve": " ", "systemId": None}),
        of_predecessor("numbers, booleans and Chinese",
                       query | {"totalAmount": 1908, "attachRefund": False, "billDesc": "押金 1号房"}),
        of_predecessor("a list, pretty-printed: signed as it is written", VENDOR_ORDER, pretty=True),
        of_predecessor("capitals sort before small letters", query | {"Zebra": "1", "aardvark": "2", "_": "3"}),
    ]
    case = cases[1]
    body, good = case["body"], case["signature"]
    accept(case, "digits in small letters", body=body.replace(good, good.lower()))
    accept(case, "the fields in another order",
           body=json.dumps(dict(reversed(json.loads(body).items())), ensure_ascii=False))
    bad = lambda name, en, zh, sent: refuse(case, name, en, zh, body=sent)
    bad("another bill", "a field is not the one that was signed", "字段与签名时不同", body.replace("000001", "000002"))
    bad("a field more", "every field is signed", "所有字段都参与签名", body[:-1] + ',"memo":"x"}')
    bad("no signature", "nothing is signed", "没有签名", json.dumps({n: v for n, v in json.loads(body).items() if n != "sign"}))
    bad("another key", "it was signed with another key", "密钥不符",
        body.replace(good, digest_with_key(case["signedText"], OTHER_NOTICE_KEY, "MD5")))
    bad("&key= before the key", "the key follows directly, without &key=", "密钥直接拼接，不加 &key=",
        body.replace(good, digest_with_key(case["signedText"], "&key=" + NOTICE_KEY, "MD5")))
    mixed = cases[6]
    mixed_by_case = "&".join(sorted(mixed["signedText"].split("&"), key=str.lower))
    assert mixed_by_case != mixed["signedText"]
    refuse(mixed, "sorted without regard to case", "names are sorted by their bytes", "应按字节序排序",
           body=mixed["body"].replace(mixed["signature"], digest_with_key(mixed_by_case, NOTICE_KEY, "MD5")))
    return cases


# --- Standard Webhooks ----------------------------------------------------------------------------------------------


def webhook_cases():
    secret = "whsec_" + base64.b64encode(b"made-up webhook secret, 32 bytes").decode()
    body = form([("billNo", "31942026112300000001"), ("billDesc", "押金 1号房"), ("sign", "00")])
    identity, seconds = "911b4376-bf8a-4dc5-a058-459607a6929f", "1795397400"
    text = f"{identity}.{seconds}.{body}"
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signature = "v1," + base64.b64encode(hmac.new(key, text.encode(), hashlib.sha256).digest()).decode()
    case = {"name": "a notice as a webhook", "scheme": "STANDARD-WEBHOOKS", "published": False, "secret": secret,
            "id": identity, "timestamp": seconds, "body": body, "signedText": text, "signature": signature,
            "accept": [], "refuse": []}
    sent = {"id": identity, "timestamp": seconds, "body": body, "signature": signature}
    accept(case, "beside the signature of an older secret",
           **sent | {"signature": "v1," + base64.b64encode(bytes(32)).decode() + " " + signature})
    for name, en, zh, change in [
        ("another second", "the time is signed", "时间参与签名", {"timestamp": "1795397401"}),
        ("another number", "the number is signed", "编号参与签名", {"id": identity[:-1] + "e"}),
        ("another body", "the body is signed as it is sent", "报文按原样签名", {"body": body + "&a=1"}),
        ("no version", "the signature begins with v1,", "签名应以 v1, 开头", {"signature": signature[3:]}),
    ]:
        refuse(case, name, en, zh, **sent | change)
    return [case]


# --- notices --------------------------------------------------------------------------------------------------------

HELD = [
    ("authIdRespCd", "206067"),
    ("billDate", "2023-04-01"),
    ("billNo", "3194202304010900000001234567"),
    ("billPayment", '{"merOrderId":"31942023040109000000012345670","totalAmount":1908,"status":"TRADE_SUCCESS",'
                    '"targetSys":"ACP"}'),
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
]


def of_notice(name, pairs, key=NOTICE_KEY, published=False):
    text = sorted_pairs(pairs)
    sign_type = dict(pairs).get("signType", "MD5")
    signature = digest_with_key(text, key, sign_type)
    return {"name": name, "published": published, "key": key, "signType": sign_type,
            "pairs": [list(pair) for pair in pairs], "signedText": text, "sign": signature,
            "body": form(pairs + [("sign", signature)]), "accept": [], "refuse": []}


def notice_cases():
    more = lambda *pairs: HELD + list(pairs)
    without = lambda *names: [pair for pair in HELD if pair[0] not in names]
    cases = [
        of_notice("a hold that was paid, MD5", HELD, VENDOR_NOTICE_KEY),
        of_notice("a hold that was paid, SHA-256: signType is signed, too", more(("signType", "SHA256")),
                  VENDOR_NOTICE_KEY),
        of_notice("MD5", HELD),
        of_notice("SHA-256", more(("signType", "SHA256"))),
        of_notice("empty values are not signed, blank ones are", more(("memo", ""), ("counterNo", " "))),
        of_notice("the random pair in capitals sorts first", without("gY") + [("NS", "cyuT")]),
        of_notice("Chinese, full-width signs and a nested object",
                  [pair if pair[0] != "billPayment" else
                   ("billPayment", '{"merOrderId":"31942023040109000000012345670","totalAmount":1908,'
                                   '"buyerUsername":"张三＆李四","payDetail":"现金支付19.08元。","status":"TRADE_SUCCESS"}')
                   for pair in HELD] + [("billDesc", "押金 1号房（＝100％）"), ("merName", "海边酒店")]),
        of_notice("a refund, as Holdfast tells it", [pair for pair in HELD if pair[0] != "billStatus"] +
                  [("billStatus", "REFUND"), ("event", "refund.done"), ("refundAmount", "500"),
                   ("signType", "SHA256")]),
    ]
    for case in (cases[2], cases[3]):
        pairs, good, key = [tuple(pair) for pair in case["pairs"]], case["sign"], case["key"]
        sent = lambda pairs, sign: form(list(pairs) + [("sign", sign)])
        resign = lambda text, key=key: digest_with_key(text, key, case["signType"])
        accept(case, "digits in small letters", body=sent(pairs, good.lower()))
        accept(case, "the pairs in another order", body=sent(list(reversed(pairs)), good))
        accept(case, "%20 for a space", body=case["body"].replace("+", "%20"))
        accept(case, "an empty pair, which is not signed", "holdfast", body=sent(pairs + [("memo", "")], good))

        def bad(name, kind, en, zh, body, basis="protocol"):
            refuse(case, name, en, zh, basis, kind=kind, body=body)

        wrong = "wrong-signature"
        changed = [(n, "1909" if n == "totalAmount" else v) for n, v in pairs]
        bad("a changed amount", wrong, "a value is not the one that was signed", "内容与签名时不同", sent(changed, good))
        bad("a pair more", wrong, "every pair is signed", "所有参数都参与签名", sent(pairs + [("memo", "x")], good))
        bad("a pair less", wrong, "the random pair is signed, too", "随机参数也参与签名",
            sent([pair for pair in pairs if pair[0] != "gY"], good))
        bad("another key", wrong, "it was signed with another key", "通讯密钥不符",
            sent(pairs, resign(case["signedText"], OTHER_NOTICE_KEY)))
        bad("&key= before the key", wrong, "the key follows directly, without &key=", "密钥直接拼接，不加 &key=",
            sent(pairs, resign(case["signedText"], "&key=" + key)))
        encoded = "&".join(f"{urlencode(n)}={urlencode(v)}" for n, v in sorted(pairs))
        bad("signed after encoding", wrong, "values are signed decoded", "应对解码后的值签名", sent(pairs, resign(encoded)))
        bad("an empty pair that was signed", wrong, "a pair without a value is not signed", "空值不参与签名",
            sent(pairs + [("memo", "")], resign("&".join(sorted([f"{n}={v}" for n, v in pairs] + ["memo="])))))
        bad("no signature", "unsigned", "nothing is signed", "没有签名", form(pairs))
        bad("an empty signature", wrong, "nothing is signed", "没有签名", sent(pairs, ""))
        bad("half of the signature", wrong, "the signature is cut", "签名不完整", sent(pairs, good[:16]))
        bad("an amount twice", "twice", "two receivers may read two notices", "参数重复出现，不同接收方可能读出不同内容",
            case["body"] + "&totalAmount=1", basis="holdfast")
        bad("two signatures", "twice", "two signatures: which one counts?", "签名重复出现",
            case["body"] + "&sign=" + good, basis="holdfast")
        bad("not a form", "not-form", "a percent sign that escapes nothing", "无法按表单解码", "a=%zz&sign=" + good)
        renamed = [("nz" if n == "gY" else n, v) for n, v in pairs]
        moved = [(n, f"{v}&nz={dict(renamed)['nz']}" if n == "notifyId" else v) for n, v in renamed if n != "nz"]
        assert sorted_pairs(moved) == sorted_pairs(renamed)
        bad("the random pair moved into notifyId", "ambiguous", "the same notice under a number that nobody gave it",
            "随机参数被藏入 notifyId：同一通知换了编号", sent(moved, resign(sorted_pairs(renamed))), basis="holdfast")
        hidden = [pair for pair in pairs if pair[0] not in ("seqId", "tid")]
        hidden.append(("seqId", "00151100146N&tid=88880001"))
        kept = "signType" not in dict(pairs)
        if kept:
            assert sorted_pairs(hidden) == case["signedText"]
            bad("a pair hidden in the value before it", "ambiguous",
                "the same signed text, and another notice: the signature does not tell where a value ends",
                "签名文本相同而内容不同：参数被藏入前一个参数的值中", sent(hidden, good), basis="holdfast")
    capitals = cases[5]
    by_case = "&".join(sorted(capitals["signedText"].split("&"), key=str.lower))
    assert by_case != capitals["signedText"]
    refuse(capitals, "sorted without regard to case", "names are sorted by their bytes", "应按字节序排序",
           kind="wrong-signature",
           body=form([tuple(pair) for pair in capitals["pairs"]] +
                     [("sign", digest_with_key(by_case, NOTICE_KEY, "MD5"))]))
    md5, sha = cases[2], cases[3]
    refuse(md5, "MD5 that says it is SHA-256", "the digest is not the one that signType names", "摘要算法与 signType 不符",
           kind="wrong-signature", body=form(HELD + [("signType", "SHA256"), ("sign", md5["sign"])]))
    refuse(sha, "signType left out of what is signed", "signType is signed when it is there", "signType 存在时也参与签名",
           kind="wrong-signature",
           body=form(HELD + [("signType", "SHA256"),
                             ("sign", digest_with_key(sorted_pairs(HELD), NOTICE_KEY, "SHA256"))]))
    return cases


# --- writing --------------------------------------------------------------------------------------------------------


def published(cases, name, signature):
    """What the vendor printed is what we compute."""
    found = [case for case in cases if case["published"] and case["name"] == name]
    assert found and all((case.get("signature") or case.get("sign")) == signature for case in found), (name, found)


def main():
    bodies, forms, predecessor = body_cases(), form_cases(), predecessor_cases()
    published(bodies, "the vendor's own example", "GINsCTyNKTpEI9KXO16KqZJ64fOyAytEKl8aaR/Dy08=")
    published(forms, "the vendor's own example", "GINsCTyNKTpEI9KXO16KqZJ64fOyAytEKl8aaR/Dy08=")
    published(predecessor, "the vendor's own example", "57F81BAF8E3BAE1190B26D6C733038AF")
    files = {
        "signatures.json": {
            "format": 1,
            "about": "Signatures of requests. Made by conformance/make.py; described in conformance/README.md.",
            "cases": bodies + token_cases() + forms + predecessor + webhook_cases(),
        },
        "notices.json": {
            "format": 1,
            "about": "Signatures of notices. Made by conformance/make.py; described in conformance/README.md.",
            "cases": notice_cases(),
        },
    }
    old = False
    for name, content in files.items():
        text = json.dumps(content, ensure_ascii=False, indent=1) + "\n"
        path = HERE / name
        if "--check" in sys.argv[1:]:
            if path.read_text(encoding="utf-8") != text:
                print(f"{name} is not what make.py writes", file=sys.stderr)
                old = True
        else:
            path.write_text(text, encoding="utf-8")
    sys.exit(1 if old else 0)


if __name__ == "__main__":
    main()
