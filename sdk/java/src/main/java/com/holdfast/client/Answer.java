package com.holdfast.client;

import java.util.Collections;
import java.util.Map;

/** What every success has. What was not answered is {@code null}. */
public abstract class Answer {
    /** The bill. */
    public final String billNo;

    /** The bill's date: {@code yyyy-MM-dd}. */
    public final String billDate;

    /** How the bill stands: {@code PAID}, {@code UNPAID}, {@code REFUND}, {@code CLOSED} or {@code UNKNOWN}. */
    public final String billStatus;

    /** The request's {@code msgId}. */
    public final String msgId;

    /** The request's {@code srcReserve}. */
    public final String srcReserve;

    /** When the answer was sent: {@code yyyy-MM-dd HH:mm:ss}, Beijing time. */
    public final String responseTimestamp;

    /** Every field that was answered, whether it is named here or not: texts, {@code Long}, maps and lists. */
    public final Map<String, Object> raw;

    /** The same, to read from. */
    final Fields fields;

    Answer(Map<String, Object> raw) {
        this.raw = Collections.unmodifiableMap(raw);
        fields = new Fields(raw);
        billNo = fields.text("billNo");
        billDate = fields.text("billDate");
        billStatus = fields.text("billStatus");
        msgId = fields.text("msgId");
        srcReserve = fields.text("srcReserve");
        responseTimestamp = fields.text("responseTimestamp");
    }
}
