<?php

declare(strict_types=1);

namespace Holdfast;

/** A capture was undone (预授权完成撤销). */
final class Reversed extends Answer
{
    /** The capture's money, as it went back. */
    public readonly ?Payment $billPayment;
    /** `DEBIT_CARD`, `CREDIT_CARD` or `BALANCE` */
    public readonly ?string $cardAttr;

    protected function fill(Fields $fields): void
    {
        $this->billPayment = $fields->payment('billPayment');
        $this->cardAttr = $fields->text('cardAttr');
    }
}
