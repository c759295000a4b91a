<?php

declare(strict_types=1);

namespace Holdfast;

/** What the error codes of the protocol ask of a caller. A test compares this with Holdfast's reference. */
final class Code
{
    /** The code of every success. */
    public const SUCCESS = 'SUCCESS';

    private const REPEAT = [
        self::SUCCESS => Repeat::Safe,
        'BAD_REQUEST' => Repeat::Pointless,
        'BAD_SIGN' => Repeat::Pointless,
        '1000' => Repeat::Pointless,
        'ABNORMAL_REQUEST_TIME' => Repeat::Pointless,
        'DENIED_IP' => Repeat::Pointless,
        'INVALID_MSGSRC' => Repeat::Pointless,
        'NO_SERVICE' => Repeat::Pointless,
        'NO_MERCHANT' => Repeat::Pointless,
        'INACTIVE_MERCHANT' => Repeat::Pointless,
        'INVLID_MERCHANT_CONFIG' => Repeat::Pointless,
        'NO_ORDER' => Repeat::Pointless,
        'DUP_ORDER' => Repeat::Pointless,
        'ORDER_PROCESSING' => Repeat::AfterQuery,
        'OPERATION_NOT_ALLOWED' => Repeat::Pointless,
        'NO_CROSS_DAY_TRADING' => Repeat::Pointless,
        'HAS_CANCELLED' => Repeat::Pointless,
        'INVALID_ORDER' => Repeat::AfterQuery,
        'TARGET_FAIL' => Repeat::Pointless,
        'INVALID_RESPONSE' => Repeat::AfterQuery,
        'NET_ERROR' => Repeat::AfterQuery,
        'TIMEOUT' => Repeat::AfterQuery,
        'TXN_DISCARDED' => Repeat::Safe,
        'INTERNAL_ERROR' => Repeat::AfterQuery,
    ];

    /** Codes with which the channel or the gateway says that it does not know what was done. */
    private const OPEN = ['INVALID_RESPONSE', 'NET_ERROR', 'TIMEOUT', 'INTERNAL_ERROR'];

    /** Whether the same request may be sent again; `null` for a code that no source tells of. */
    public static function repeat(string $code): ?Repeat
    {
        return self::REPEAT[$code] ?? null;
    }

    /** Whether an error leaves open what was done. */
    public static function leavesOpen(string $code, int $status): bool
    {
        if (self::repeat($code) !== null) {
            return in_array($code, self::OPEN, true);
        }
        // A code that no source tells of. With a 4xx it is a refusal; otherwise we do not guess.
        return $status < 400 || $status >= 500;
    }

    /**
     * Every code that is known.
     *
     * @return list<string>
     */
    public static function all(): array
    {
        return array_map(strval(...), array_keys(self::REPEAT));
    }
}
