package com.holdfast.client;

import java.util.List;
import java.util.Map;

/** Asks how a bill stands, and how one of its captures or refunds does (账单状态查询). */
public final class Query extends Request<Query, Query.Answer> {
    /** A new question. */
    public Query() {}

    /**
     * The capture to tell about.
     *
     * @param authedOrderId its number
     * @return this
     */
    public Query authedOrderId(String authedOrderId) {
        return with("authedOrderId", authedOrderId);
    }

    /**
     * The refund to tell about.
     *
     * @param refundOrderId its number
     * @return this
     */
    public Query refundOrderId(String refundOrderId) {
        return with("refundOrderId", refundOrderId);
    }

    @Override
    String path() {
        return "/v1/netpay/bills/query";
    }

    @Override
    List<String> required() {
        return List.of("billNo");
    }

    @Override
    List<String> needed() {
        return List.of("billNo", "billDate");
    }

    @Override
    Answer read(Map<String, Object> answer) {
        return new Answer(answer);
    }

    /** How a bill stands. */
    public static final class Answer extends com.holdfast.client.Answer {
        /** How much the bill asks for, in fen. */
        public final Long totalAmount;

        /** The code of the hold, once the payer's money is held (授权标识应答码). */
        public final String authIdRespCd;

        /** The payer's payment, if one succeeded. */
        public final Payment billPayment;

        /** The capture that was asked about. */
        public final Payment authedBillPayment;

        /** The refund that was asked about. */
        public final Payment refundBillPayment;

        Answer(Map<String, Object> raw) {
            super(raw);
            totalAmount = fields.number("totalAmount");
            authIdRespCd = fields.text("authIdRespCd");
            billPayment = fields.payment("billPayment");
            authedBillPayment = fields.payment("authedBillPayment");
            refundBillPayment = fields.payment("refundBillPayment");
        }
    }
}
