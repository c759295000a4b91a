package com.holdfast.client;

/** The request was never sent, so nothing was done: no connection was made, or no token could be had. */
public final class NotSentException extends HoldfastException {
    private static final long serialVersionUID = 1L;

    NotSentException(String message, Repeat repeat) {
        super(message, repeat, null, 0, null);
    }

    NotSentException(String message, Repeat repeat, String errCode, int status, String answer) {
        super(message, repeat, errCode, status, answer);
    }
}
