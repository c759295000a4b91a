package com.holdfast.client;

import java.util.Map;

/** Fields of an answer, read as what they must be. One that is something else counts as absent. */
final class Fields {
    private final Map<?, ?> raw;

    Fields(Map<?, ?> raw) {
        this.raw = raw;
    }

    String text(String name) {
        Object value = raw.get(name);
        return value instanceof String && !((String) value).isEmpty() ? (String) value : null;
    }

    /** A whole number that is not negative, sent as a number or as a text of digits. */
    Long number(String name) {
        Object value = raw.get(name);
        if (value instanceof String && ((String) value).matches("[0-9]{1,18}")) {
            return Long.valueOf((String) value);
        }
        return value instanceof Long && (Long) value >= 0 ? (Long) value : null;
    }

    Payment payment(String name) {
        Object value = raw.get(name);
        return value instanceof Map ? new Payment((Map<?, ?>) value) : null;
    }
}
