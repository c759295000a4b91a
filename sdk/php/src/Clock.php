<?php

declare(strict_types=1);

namespace Holdfast;

/** Time and chance: the only place that reads a clock or asks for random bytes. */
final class Clock
{
    /** This moment in Beijing time, whatever zone the machine or `date.timezone` has. */
    public static function beijing(): \DateTimeImmutable
    {
        // An offset and no name: it needs no zone database, and Beijing has no summer time.
        return new \DateTimeImmutable('now', new \DateTimeZone('+08:00'));
    }

    /** This moment as `requestTimestamp` has it: `yyyy-MM-dd HH:mm:ss`. */
    public static function requestTimestamp(): string
    {
        return self::beijing()->format('Y-m-d H:i:s');
    }

    /** This moment as signatures have it: `yyyyMMddHHmmss`. */
    public static function stamp(): string
    {
        return self::beijing()->format('YmdHis');
    }

    /** Seconds since 1970, for what several processes must agree on. */
    public static function seconds(): int
    {
        return time();
    }

    /** A text that has not been used before: 32 hexadecimal digits. */
    public static function nonce(): string
    {
        return bin2hex(random_bytes(16));
    }
}
