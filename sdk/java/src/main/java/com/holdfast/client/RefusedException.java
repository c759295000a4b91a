package com.holdfast.client;

/** The other side said no, and that nothing was done. Without an {@code errCode} it was no gateway that answered. */
public final class RefusedException extends HoldfastException {
    private static final long serialVersionUID = 1L;

    RefusedException(String message, Repeat repeat, String errCode, int status, String answer) {
        super(message, repeat, errCode, status, answer);
    }
}
