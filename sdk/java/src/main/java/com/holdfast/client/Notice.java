package com.holdfast.client;

import com.holdfast.client.NoticeException.Fault;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/**
 * A notice (支付结果通知) that was signed with the merchant's communication key.
 *
 * <p>Take the body as it was received. Servlet containers give the parameters of an address together with those of the
 * body, and frameworks decode and trim: the signature would be checked over something else.
 */
public final class Notice {
    /** What a receiver answers when it has the notice and need not be told again. */
    public static final String DONE = "SUCCESS";

    /** What a receiver answers when it wants to be told again. */
    public static final String FAILED = "FAILED";

    /** The longest body that is looked at, in bytes. */
    public static final int BODY_MAX = 256 * 1024;

    /** Every field that notices have; one must not be hidden in the value of another. */
    static final List<String> FIELDS = List.of(
            "mid", "tid", "instMid", "notifyId", "billNo", "billDate", "billDesc", "billQRCode", "createTime", "billStatus",
            "totalAmount", "seqId", "authIdRespCd", "billPayment", "refundAmount", "refundDesc", "secureStatus",
            "completeAmount", "memberId", "counterNo", "merName", "memo", "srcReserve", "bankInfo", "bankCardNo",
            "receiptAmount", "couponMerchantContribute", "couponOtherContribute", "activityIds", "extraBuyerInfo",
            "mchntUuid", "subInst", "qrCodeType", "version", "event", "previousStatus", "deadline");

    private static final Set<String> STATUSES = Set.of("PAID", "UNPAID", "REFUND", "CLOSED", "UNKNOWN");
    private static final Set<String> NUMBERS = Set.of("notifyId", "seqId");
    private static final String SIGN = "sign";

    /** The notice's number: the same on every try. Whoever delivers keeps it, because a notice can come twice. */
    public final String notifyId;

    /** The system's number for what happened. */
    public final String seqId;

    /** {@code PAID}, {@code UNPAID}, {@code REFUND}, {@code CLOSED} or {@code UNKNOWN}. */
    public final String billStatus;

    /** The merchant, or {@code null}. */
    public final String mid;

    /** The terminal, or {@code null}. */
    public final String tid;

    /** The bill, or {@code null}. */
    public final String billNo;

    /** The bill's date, {@code yyyy-MM-dd}, or {@code null}. */
    public final String billDate;

    /** How much the bill asks for, in fen, or {@code null}. */
    public final Long totalAmount;

    /** The code of the hold, when it is one, else {@code null}. */
    public final String authIdRespCd;

    /** The payer's payment, or {@code null}. */
    public final Payment billPayment;

    /** How much was given back, in fen, or {@code null}. */
    public final Long refundAmount;

    /** What happened, such as {@code hold.captured}, or {@code null}; Holdfast's own. */
    public final String event;

    /** Every name and value, decoded. */
    public final Map<String, String> fields;

    private Notice(Map<String, String> pairs) throws NoticeException {
        fields = Collections.unmodifiableMap(pairs);
        List<String> missing = new ArrayList<>();
        for (String name : List.of("notifyId", "seqId", "billStatus")) {
            if (get(name) == null || (name.equals("billStatus") && !STATUSES.contains(get(name)))) {
                missing.add(name);
            }
        }
        if (!missing.isEmpty()) {
            String names = String.join(", ", missing);
            throw new NoticeException(Fault.INCOMPLETE, names, "the notice is incomplete: " + names + " 通知内容不完整");
        }
        notifyId = get("notifyId");
        seqId = get("seqId");
        billStatus = get("billStatus");
        mid = get("mid");
        tid = get("tid");
        billNo = get("billNo");
        billDate = get("billDate");
        totalAmount = new Fields(pairs).number("totalAmount");
        authIdRespCd = get("authIdRespCd");
        billPayment = payment(get("billPayment"));
        refundAmount = new Fields(pairs).number("refundAmount");
        event = get("event");
    }

    /**
     * The notice that a body or a query is, if it was signed with one of the keys: while a key is being replaced there are
     * two. The comparison takes as long for a wrong signature as for a right one.
     *
     * <p>That it is true does not say that it tells of the right order: see {@link #expect}.
     *
     * @param keys the communication keys (通讯密钥), not the AppKey
     * @param body what was received, not decoded; of an address, what follows the {@code ?}
     * @return the notice
     * @throws NoticeException says why it cannot be believed
     */
    public static Notice verify(Collection<Secret> keys, String body) throws NoticeException {
        List<String[]> pairs = readForm(body);
        if (pairs.stream().noneMatch(pair -> pair[0].equals(SIGN))) {
            throw new NoticeException(
                    Fault.UNSIGNED, null, "the notice has no signature: do not believe it 通知没有签名，请勿采信");
        }
        Map<String, String> fields = new LinkedHashMap<>();
        for (String[] pair : pairs) {
            if (fields.putIfAbsent(pair[0], pair[1]) != null) {
                throw new NoticeException(Fault.TWICE, pair[0], "the notice has `" + pair[0]
                        + "` twice: do not believe it 通知中 " + pair[0] + " 重复出现，请勿采信");
            }
        }
        byte[] claimed = Signatures.utf8(fields.get(SIGN).toUpperCase(Locale.ROOT));
        int right = 0;
        // Every key is tried, so that the time does not tell which one it was.
        for (Secret key : keys) {
            right += MessageDigest.isEqual(Signatures.utf8(sign(key, fields)), claimed) ? 1 : 0;
        }
        if (right == 0) {
            throw new NoticeException(Fault.WRONG_SIGNATURE, null,
                    "the notice was not signed with this communication key, or was changed on its way: check the key, and "
                            + "hand over the body as it was received 通知验签失败：请核对通讯密钥，并传入未经改动的原始报文");
        }
        for (Map.Entry<String, String> field : fields.entrySet()) {
            String name = field.getKey();
            // By its numbers a receiver knows a notice again: with any pair moved into one it would come as another.
            boolean moved = NUMBERS.contains(name) && field.getValue().indexOf('&') >= 0;
            if (name.indexOf('&') >= 0 || name.indexOf('=') >= 0 || moved || hidesAField(field.getValue())) {
                throw new NoticeException(Fault.AMBIGUOUS, name, "the notice's `" + name
                        + "` holds other fields, and its signature does not tell where they begin: do not believe it, "
                        + "query the bill 通知中 " + name + " 内含其他字段，请勿采信，请查询账单");
            }
        }
        return new Notice(fields);
    }

    /**
     * Hands the notice back if it tells of the receiver's own order.
     *
     * @param mid the order's merchant
     * @param tid its terminal
     * @param billNo its bill
     * @param billDate the bill's date
     * @param totalAmount how much it asks for, in fen
     * @return this
     * @throws NoticeException with the first field that differs or is not there
     */
    public Notice expect(String mid, String tid, String billNo, String billDate, long totalAmount)
            throws NoticeException {
        same("mid", mid, this.mid);
        same("tid", tid, this.tid);
        same("billNo", billNo, this.billNo);
        same("billDate", billDate, this.billDate);
        same("totalAmount", totalAmount, this.totalAmount);
        return this;
    }

    /**
     * The value of a field.
     *
     * @param name its name
     * @return its value, or {@code null} if it has none
     */
    public String get(String name) {
        String value = fields.get(name);
        return value == null || value.isBlank() ? null : value;
    }

    /** The signature over fields, in upper-case digits: SHA-256 when they have {@code signType=SHA256}, else MD5. */
    static String sign(Secret key, Map<String, String> fields) {
        String algorithm = "SHA256".equals(fields.get("signType")) ? "SHA-256" : "MD5";
        byte[] digest = Signatures.digest(algorithm, Signatures.utf8(signedText(fields) + key.expose()));
        return Signatures.hex(digest).toUpperCase(Locale.ROOT);
    }

    /** The text that is signed, without the key: fields that have a value, in the order of their names' bytes. */
    static String signedText(Map<String, String> fields) {
        // Java compares UTF-16, whose order is not that of the bytes beyond U+D7FF.
        Map<String, String> sorted =
                new TreeMap<>((a, b) -> Arrays.compareUnsigned(Signatures.utf8(a), Signatures.utf8(b)));
        sorted.putAll(fields);
        List<String> pairs = new ArrayList<>();
        sorted.forEach((name, value) -> {
            if (!name.equals(SIGN) && !value.isEmpty()) {
                pairs.add(name + "=" + value);
            }
        });
        return String.join("&", pairs);
    }

    private static List<String[]> readForm(String form) throws NoticeException {
        // A character has a byte at least.
        if (form.length() > BODY_MAX) {
            throw notForm();
        }
        List<String[]> pairs = new ArrayList<>();
        for (String pair : form.split("&")) {
            if (!pair.isEmpty()) {
                int equals = pair.indexOf('=');
                String name = equals < 0 ? pair : pair.substring(0, equals);
                String value = equals < 0 ? "" : pair.substring(equals + 1);
                pairs.add(new String[] {decode(name), decode(value)});
            }
        }
        return pairs;
    }

    /** Java's own decoder takes what is not UTF-8 for question marks, so that two notices would read the same. */
    private static String decode(String text) throws NoticeException {
        byte[] bytes = Signatures.utf8(text);
        ByteBuffer decoded = ByteBuffer.allocate(bytes.length);
        for (int at = 0; at < bytes.length; at++) {
            if (bytes[at] == '+') {
                decoded.put((byte) ' ');
            } else if (bytes[at] == '%') {
                int high = at + 2 < bytes.length ? Json.hexDigit((char) (bytes[at + 1] & 255)) : -1;
                int low = at + 2 < bytes.length ? Json.hexDigit((char) (bytes[at + 2] & 255)) : -1;
                if (high < 0 || low < 0) {
                    throw notForm();
                }
                decoded.put((byte) (high * 16 + low));
                at += 2;
            } else {
                decoded.put(bytes[at]);
            }
        }
        decoded.flip();
        try {
            return StandardCharsets.UTF_8.newDecoder().decode(decoded).toString();
        } catch (CharacterCodingException notUtf8) {
            throw notForm();
        }
    }

    private static NoticeException notForm() {
        return new NoticeException(Fault.NOT_FORM, null, "the notice is not form-urlencoded UTF-8: hand over the body as it "
                + "was received 通知不是 UTF-8 表单：请传入未经解码的原始报文");
    }

    /** Whether a value goes on like a form does, with a field that notices have. */
    private static boolean hidesAField(String value) {
        String[] parts = value.split("&", -1);
        for (int i = 1; i < parts.length; i++) {
            int equals = parts[i].indexOf('=');
            if (equals >= 0 && FIELDS.contains(parts[i].substring(0, equals))) {
                return true;
            }
        }
        return false;
    }

    private static Payment payment(String json) {
        try {
            return json == null ? null : new Payment(Json.object(json));
        } catch (Json.NotJson broken) {
            // A field that breaks its rule counts as absent: it must not cost the news.
            return null;
        }
    }

    private static void same(String field, Object expected, Object told) throws NoticeException {
        if (!expected.equals(told)) {
            throw new NoticeException(Fault.UNEXPECTED, field, "the notice is true but its " + field + " is "
                    + (told == null ? "absent" : told) + " where the order has " + expected
                    + ": do not deliver, query the bill 通知属实，但其 " + field + " 与订单不符，请勿发货，请查询账单");
        }
    }
}
