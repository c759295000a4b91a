<?php

declare(strict_types=1);

namespace Holdfast;

/** All or part of a hold was taken (预授权完成). */
final class Captured extends Answer
{
    public readonly ?string $authedOrderId;
    public readonly ?string $authIdRespCd;
    /** The money that was taken. */
    public readonly ?Payment $authedBillPayment;

    protected function fill(Fields $fields): void
    {
        $this->authedOrderId = $fields->text('authedOrderId');
        $this->authIdRespCd = $fields->text('authIdRespCd');
        $this->authedBillPayment = $fields->payment('authedBillPayment');
    }
}
