package com.holdfast.client;

import java.util.List;
import java.util.Map;

/** Releases: gives a held payment back, the whole of it (预授权撤销). */
public final class PreauthCancel extends Request<PreauthCancel, PreauthCancel.Answer> {
    /** A new release. */
    public PreauthCancel() {}

    /**
     * The number of the payer's payment.
     *
     * @param merOrderId it
     * @return this
     */
    public PreauthCancel merOrderId(String merOrderId) {
        return with("merOrderId", merOrderId);
    }

    /**
     * The code of the hold (授权标识应答码).
     *
     * @param authIdRespCd it
     * @return this
     */
    public PreauthCancel authIdRespCd(String authIdRespCd) {
        return with("authIdRespCd", authIdRespCd);
    }

    @Override
    String path() {
        return "/v1/netpay/bills/preauth-cancel";
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

    /** A hold was given up. */
    public static final class Answer extends com.holdfast.client.Answer {
        /** The held money, as it went back. */
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
