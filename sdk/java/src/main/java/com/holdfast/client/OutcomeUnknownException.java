package com.holdfast.client;

/**
 * Nobody knows whether it was done: money may have moved. Ask with {@code query}, and never send it again under a new
 * order number before you know.
 */
public final class OutcomeUnknownException extends HoldfastException {
    private static final long serialVersionUID = 1L;

    /** What every message of this kind says. */
    static final String ADVICE = "outcome unknown: query 结果未知，请先查询";

    OutcomeUnknownException(String message) {
        this(message, null, 0, null);
    }

    OutcomeUnknownException(String message, String errCode, int status, String answer) {
        super(message + " (" + ADVICE + ")", Repeat.AFTER_QUERY, errCode, status, answer);
    }
}
