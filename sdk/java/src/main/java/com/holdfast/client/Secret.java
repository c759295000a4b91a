package com.holdfast.client;

import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;

/** A text that does not print: a key, or a token. */
public final class Secret {
    private final String text;

    /**
     * Wraps a text.
     *
     * @param text the text
     */
    public Secret(String text) {
        if (text == null || text.isEmpty()) {
            throw new IllegalArgumentException("a key is empty 密钥为空");
        }
        this.text = text;
    }

    /**
     * The text itself, to sign with.
     *
     * @return the text
     */
    public String expose() {
        return text;
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof Secret
                && MessageDigest.isEqual(
                        text.getBytes(StandardCharsets.UTF_8), ((Secret) other).text.getBytes(StandardCharsets.UTF_8));
    }

    @Override
    public int hashCode() {
        return text.hashCode();
    }

    @Override
    public String toString() {
        return "[secret]";
    }
}
