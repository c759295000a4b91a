<?php

declare(strict_types=1);

namespace Holdfast;

/** The signatures of requests. */
final class Signature
{
    /** The value of the `Authorization` header for these bytes, signed now (`OPEN-BODY-SIG`). */
    public static function header(string $appId, Secret $appKey, string $body): string
    {
        return self::headerAt($appId, $appKey, Clock::stamp(), Clock::nonce(), $body);
    }

    /** As {@see header}, for a time and a nonce that are given. */
    public static function headerAt(string $appId, Secret $appKey, string $stamp, string $nonce, string $body): string
    {
        $signature = self::of($appId, $appKey, $stamp, $nonce, $body);
        return "OPEN-BODY-SIG AppId=\"$appId\",Timestamp=\"$stamp\",Nonce=\"$nonce\",Signature=\"$signature\"";
    }

    /** The signature over a body: base64 of HMAC-SHA256 over AppId, time, nonce and the body's SHA-256 in hex. */
    public static function of(string $appId, Secret $appKey, string $stamp, string $nonce, string $body): string
    {
        $signed = $appId . $stamp . $nonce . hash('sha256', $body);
        return base64_encode(hash_hmac('sha256', $signed, $appKey->expose(), true));
    }

    /** The signature in a request for a token: SHA-256, in hex, of AppId, time, nonce and the key. */
    public static function ofToken(string $appId, Secret $appKey, string $stamp, string $nonce): string
    {
        return hash('sha256', $appId . $stamp . $nonce . $appKey->expose());
    }
}
