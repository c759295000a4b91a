package com.holdfast.client;

/**
 * Why a call did not bring what was asked for, in three kinds that must not be confused: it was refused, it was
 * never sent, or nobody knows.
 */
public abstract class HoldfastException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    /** Whether the same request, under the same order number, may be sent again. */
    public final Repeat repeat;

    /** The error code that was answered, or {@code null}. */
    public final String errCode;

    /** The HTTP status of the answer; 0 if none came. */
    public final int status;

    /** The answer as it was received, or {@code null}. */
    public final String answer;

    HoldfastException(String message, Repeat repeat, String errCode, int status, String answer) {
        super(message);
        this.repeat = repeat;
        this.errCode = errCode;
        this.status = status;
        this.answer = answer;
    }
}
