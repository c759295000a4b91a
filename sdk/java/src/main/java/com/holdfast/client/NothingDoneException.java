package com.holdfast.client;

/** The request never began: no connection was made, no token could be had, or what answered is no gateway. */
public final class NothingDoneException extends HoldfastException {
    private static final long serialVersionUID = 1L;

    NothingDoneException(String message, Repeat repeat) {
        super(message, repeat, null, 0, null);
    }

    NothingDoneException(String message, Repeat repeat, String errCode, int status, String answer) {
        super(message, repeat, errCode, status, answer);
    }
}
