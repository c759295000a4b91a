package com.holdfast.client;

import java.security.SecureRandom;
import java.time.Instant;
import java.time.LocalDateTime;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;

/** Time and chance: the only place that reads a clock or asks for random bytes. */
public final class Clock {
    private static final DateTimeFormatter STAMP = DateTimeFormatter.ofPattern("yyyyMMddHHmmss");
    private static final DateTimeFormatter PLAIN = DateTimeFormatter.ofPattern("yyyy-MM-dd HH:mm:ss");
    private static final SecureRandom CHANCE = new SecureRandom();

    private Clock() {}

    /**
     * This moment in Beijing, whatever zone the machine has.
     *
     * @return its wall-clock time
     */
    public static LocalDateTime beijing() {
        return LocalDateTime.ofInstant(Instant.now(), ZoneOffset.ofHours(8));
    }

    /** This moment as {@code requestTimestamp} has it. */
    static String requestTimestamp() {
        return PLAIN.format(beijing());
    }

    /** This moment as signatures have it. */
    static String stamp() {
        return STAMP.format(beijing());
    }

    /** A text that has not been used before: 32 hexadecimal digits. */
    static String nonce() {
        byte[] bytes = new byte[16];
        CHANCE.nextBytes(bytes);
        return Signatures.hex(bytes);
    }

    /** A moment by which to measure how old something is, in nanoseconds. */
    static long mark() {
        return System.nanoTime();
    }
}
