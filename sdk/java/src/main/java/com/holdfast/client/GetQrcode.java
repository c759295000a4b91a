package com.holdfast.client;

import java.util.List;
import java.util.Map;

/** Makes a bill and the QR code with which a payer pays it: a hold unless said otherwise (获取二维码). */
public final class GetQrcode extends Request<GetQrcode, GetQrcode.Answer> {
    /** A new hold. */
    public GetQrcode() {
        preauthTransaction(true);
    }

    /**
     * How much to pay.
     *
     * @param fen whole fen, 1 to 100000000
     * @return this
     */
    public GetQrcode totalAmount(long fen) {
        return fen("totalAmount", fen);
    }

    /**
     * Whether the money is held first and taken later (预授权). True unless said.
     *
     * @param held whether
     * @return this
     */
    public GetQrcode preauthTransaction(boolean held) {
        return with("preauthTransaction", held ? "true" : "false");
    }

    /**
     * What the payer reads (账单描述).
     *
     * @param billDesc the text
     * @return this
     */
    public GetQrcode billDesc(String billDesc) {
        return with("billDesc", billDesc);
    }

    /**
     * Where notices of the bill go (支付结果通知地址).
     *
     * @param notifyUrl an http or https address
     * @return this
     */
    public GetQrcode notifyUrl(String notifyUrl) {
        return with("notifyUrl", notifyUrl);
    }

    @Override
    String path() {
        return "/v1/netpay/bills/get-qrcode";
    }

    @Override
    List<String> required() {
        return List.of("billNo", "billDate", "totalAmount");
    }

    @Override
    List<String> needed() {
        return List.of("billQRCode");
    }

    @Override
    Answer read(Map<String, Object> answer) {
        return new Answer(answer);
    }

    /** The bill was made. */
    public static final class Answer extends com.holdfast.client.Answer {
        /** What the QR code is to carry. */
        public final String billQRCode;

        /** The code's id. */
        public final String qrCodeId;

        Answer(Map<String, Object> raw) {
            super(raw);
            billQRCode = fields.text("billQRCode");
            qrCodeId = fields.text("qrCodeId");
        }
    }
}
