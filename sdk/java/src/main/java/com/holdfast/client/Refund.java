package com.holdfast.client;

import java.util.List;
import java.util.Map;

/** Refunds all or part of what was taken (退款). */
public final class Refund extends Request<Refund, Refund.Answer> {
    /** A new refund. */
    public Refund() {}

    /**
     * The merchant's own new number for the refund. The protocol lets it be left out; this helper does not, because
     * without it a repeat cannot be told from a second refund.
     *
     * @param refundOrderId it
     * @return this
     */
    public Refund refundOrderId(String refundOrderId) {
        return with("refundOrderId", refundOrderId);
    }

    /**
     * How much to give back.
     *
     * @param fen whole fen, 1 to 100000000
     * @return this
     */
    public Refund refundAmount(long fen) {
        return fen("refundAmount", fen);
    }

    /**
     * What the refund is for.
     *
     * @param refundDesc the text
     * @return this
     */
    public Refund refundDesc(String refundDesc) {
        return with("refundDesc", refundDesc);
    }

    @Override
    String path() {
        return "/v1/netpay/bills/refund";
    }

    @Override
    List<String> required() {
        return List.of("billNo", "billDate", "refundOrderId", "refundAmount");
    }

    @Override
    List<String> needed() {
        return List.of();
    }

    @Override
    Answer read(Map<String, Object> answer) {
        return new Answer(answer);
    }

    /** Money was given back. */
    public static final class Answer extends com.holdfast.client.Answer {
        /** The number of the refund. */
        public final String refundOrderId;

        /** How much went back, in fen. */
        public final Long refundAmount;

        /** {@code SUCCESS}, {@code FAIL}, {@code PROCESSING} or {@code UNKNOWN}. */
        public final String refundStatus;

        Answer(Map<String, Object> raw) {
            super(raw);
            refundOrderId = fields.text("refundOrderId");
            refundAmount = fields.number("refundAmount");
            refundStatus = fields.text("refundStatus");
        }
    }
}
