<?php

declare(strict_types=1);

namespace Holdfast;

/**
 * Why a call did not bring what was asked for, in three kinds that must not be confused: it was refused, it was
 * never sent, or nobody knows.
 */
abstract class HoldfastException extends \RuntimeException
{
    /**
     * @param ?string $errCode the error code that was answered, if any
     * @param Repeat $repeat whether the same request, under the same order number, may be sent again
     * @param ?int $status the HTTP status of the answer, if one came
     * @param ?string $answer the answer as it was received, if one came
     */
    public function __construct(
        string $message,
        public readonly Repeat $repeat,
        public readonly ?string $errCode = null,
        public readonly ?int $status = null,
        public readonly ?string $answer = null,
    ) {
        parent::__construct($message);
    }
}
