package com.holdfast.client;

/** Whether the same request, under the same order number, may be sent again. */
public enum Repeat {
    /** Nothing was done, or it is done once only: send it again, a moment later. */
    SAFE("safe"),
    /** It is not known what was done: ask with {@code query} first. */
    AFTER_QUERY("afterQuery"),
    /** It will be answered the same until something else changes. */
    POINTLESS("pointless");

    private final String word;

    Repeat(String word) {
        this.word = word;
    }

    @Override
    public String toString() {
        return word;
    }
}
