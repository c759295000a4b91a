package com.holdfast.client;

import java.util.List;
import java.util.Map;

/** Captures: takes all or part of a held payment (预授权完成). */
public final class Preauthed extends Request<Preauthed, Preauthed.Answer> {
    /** A new capture. */
    public Preauthed() {}

    /**
     * The merchant's own new number for the capture.
     *
     * @param authedOrderId it
     * @return this
     */
    public Preauthed authedOrderId(String authedOrderId) {
        return with("authedOrderId", authedOrderId);
    }

    /**
     * The code of the hold (授权标识应答码).
     *
     * @param authIdRespCd it
     * @return this
     */
    public Preauthed authIdRespCd(String authIdRespCd) {
        return with("authIdRespCd", authIdRespCd);
    }

    /**
     * How much to take.
     *
     * @param fen whole fen, 1 to 100000000
     * @return this
     */
    public Preauthed totalAmount(long fen) {
        return fen("totalAmount", fen);
    }

    /**
     * What the capture is for.
     *
     * @param authedDesc the text
     * @return this
     */
    public Preauthed authedDesc(String authedDesc) {
        return with("authedDesc", authedDesc);
    }

    @Override
    String path() {
        return "/v1/netpay/bills/preauthed";
    }

    @Override
    List<String> required() {
        return List.of("billNo", "billDate", "authedOrderId", "authIdRespCd", "totalAmount");
    }

    @Override
    List<String> needed() {
        return List.of("authedBillPayment");
    }

    @Override
    Answer read(Map<String, Object> answer) {
        return new Answer(answer);
    }

    /** All or part of a hold was taken. */
    public static final class Answer extends com.holdfast.client.Answer {
        /** The number of the capture. */
        public final String authedOrderId;

        /** The code of the hold. */
        public final String authIdRespCd;

        /** The money that was taken. */
        public final Payment authedBillPayment;

        Answer(Map<String, Object> raw) {
            super(raw);
            authedOrderId = fields.text("authedOrderId");
            authIdRespCd = fields.text("authIdRespCd");
            authedBillPayment = fields.payment("authedBillPayment");
        }
    }
}
