<?php

declare(strict_types=1);

namespace Holdfast;

/** Money was given back (退款). */
final class Refunded extends Answer
{
    public readonly ?string $refundOrderId;
    /** In fen. */
    public readonly ?int $refundAmount;
    /** `SUCCESS`, `FAIL`, `PROCESSING` or `UNKNOWN` */
    public readonly ?string $refundStatus;

    protected function fill(Fields $fields): void
    {
        $this->refundOrderId = $fields->text('refundOrderId');
        $this->refundAmount = $fields->fen('refundAmount');
        $this->refundStatus = $fields->text('refundStatus');
    }
}
