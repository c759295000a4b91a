package com.holdfast.client;

/** The gateway said no, and says that nothing was done. */
public final class RefusedException extends HoldfastException {
    private static final long serialVersionUID = 1L;

    RefusedException(String message, Repeat repeat, String errCode, int status, String answer) {
        super(message, repeat, errCode, status, answer);
    }
}
