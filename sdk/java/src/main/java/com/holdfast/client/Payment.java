package com.holdfast.client;

import java.util.Collections;
import java.util.Map;

/** A movement of money ({@code billPayment} and what is like it). Amounts are whole fen; what is not known is null. */
public final class Payment {
    /** The order number of the movement. */
    public final String merOrderId;

    /** How much was moved, in fen. */
    public final Long totalAmount;

    /** How much the payer paid, in fen. */
    public final Long buyerPayAmount;

    /** How much an invoice may be about, in fen. */
    public final Long invoiceAmount;

    /** How much was taken off, in fen. */
    public final Long discountAmount;

    /** How it stands, such as {@code TRADE_SUCCESS}. */
    public final String status;

    /** When it happened: {@code yyyy-MM-dd HH:mm:ss}, Beijing time. */
    public final String payTime;

    /** The business day it is settled for: {@code yyyy-MM-dd}. */
    public final String settleDate;

    /** The channel's number for it. */
    public final String paySeqId;

    /** The target platform's number for it. */
    public final String targetOrderId;

    /** The system that moved the money, such as {@code ACP}. */
    public final String targetSys;

    /** Every field that was answered. */
    public final Map<?, ?> raw;

    Payment(Map<?, ?> raw) {
        Fields fields = new Fields(raw);
        merOrderId = fields.text("merOrderId");
        totalAmount = fields.number("totalAmount");
        buyerPayAmount = fields.number("buyerPayAmount");
        invoiceAmount = fields.number("invoiceAmount");
        discountAmount = fields.number("discountAmount");
        status = fields.text("status");
        payTime = fields.text("payTime");
        settleDate = fields.text("settleDate");
        paySeqId = fields.text("paySeqId");
        targetOrderId = fields.text("targetOrderId");
        targetSys = fields.text("targetSys");
        this.raw = Collections.unmodifiableMap(raw);
    }
}
