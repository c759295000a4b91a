<?php

declare(strict_types=1);

namespace Holdfast;

/** A movement of money (`billPayment` and what is like it). Amounts are whole fen. */
final class Payment
{
    /** @param array<string, mixed> $raw every field that was answered */
    private function __construct(
        public readonly ?string $merOrderId,
        public readonly ?int $totalAmount,
        public readonly ?int $buyerPayAmount,
        public readonly ?int $invoiceAmount,
        public readonly ?int $discountAmount,
        public readonly ?string $status,
        public readonly ?string $payTime,
        public readonly ?string $settleDate,
        public readonly ?string $paySeqId,
        public readonly ?string $targetOrderId,
        public readonly ?string $targetSys,
        public readonly array $raw,
    ) {
    }

    /** The one in a field of an answer, if it is there. */
    public static function read(mixed $raw): ?self
    {
        if (!is_array($raw)) {
            return null;
        }
        $fields = new Fields($raw);
        return new self(
            $fields->text('merOrderId'),
            $fields->fen('totalAmount'),
            $fields->fen('buyerPayAmount'),
            $fields->fen('invoiceAmount'),
            $fields->fen('discountAmount'),
            $fields->text('status'),
            $fields->text('payTime'),
            $fields->text('settleDate'),
            $fields->text('paySeqId'),
            $fields->text('targetOrderId'),
            $fields->text('targetSys'),
            $raw,
        );
    }
}
