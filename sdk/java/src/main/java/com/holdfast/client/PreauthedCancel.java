package com.holdfast.client;

import java.util.List;
import java.util.Map;

/** Reverses a capture, the whole of it, on its own business day (预授权完成撤销). */
public final class PreauthedCancel extends Request<PreauthedCancel, PreauthedCancel.Answer> {
    /** A new reversal. */
    public PreauthedCancel() {}

    /**
     * The number of the capture: its {@code authedOrderId}.
     *
     * @param merOrderId it
     * @return this
     */
    public PreauthedCancel merOrderId(String merOrderId) {
        return with("merOrderId", merOrderId);
    }

    /**
     * The code of the hold (授权标识应答码).
     *
     * @param authIdRespCd it
     * @return this
     */
    public PreauthedCancel authIdRespCd(String authIdRespCd) {
        return with("authIdRespCd", authIdRespCd);
    }

    @Override
    String path() {
        return "/v1/netpay/bills/preauthed-cancel";
    }

    @Override
    List<String> required() {
        return List.of("billNo", "billDate", "merOrderId", "authIdRespCd");
    }

    @Override
    List<String> needed() {
        return List.of("billPayment");
    }

    @Override
    Answer read(Map<String, Object> answer) {
        return new Answer(answer);
    }

    /** A capture was undone. */
    public static final class Answer extends com.holdfast.client.Answer {
        /** The capture's money, as it went back. */
        public final Payment billPayment;

        /** {@code DEBIT_CARD}, {@code CREDIT_CARD} or {@code BALANCE}. */
        public final String cardAttr;

        Answer(Map<String, Object> raw) {
            super(raw);
            billPayment = fields.payment("billPayment");
            cardAttr = fields.text("cardAttr");
        }
    }
}
