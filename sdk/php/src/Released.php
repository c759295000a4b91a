<?php

declare(strict_types=1);

namespace Holdfast;

/** A hold was given up (预授权撤销). */
final class Released extends Answer
{
    /** The held money, as it went back. */
    public readonly ?Payment $billPayment;

    protected function fill(Fields $fields): void
    {
        $this->billPayment = $fields->payment('billPayment');
    }
}
