<?php

declare(strict_types=1);

namespace Holdfast;

/** How a bill stands (账单状态查询). */
final class BillState extends Answer
{
    /** How much the bill asks for, in fen. */
    public readonly ?int $totalAmount;
    /** The code of the hold, once the payer's money is held (授权标识应答码). */
    public readonly ?string $authIdRespCd;
    /** The payer's payment, if one succeeded. */
    public readonly ?Payment $billPayment;
    /** The capture that was asked about. */
    public readonly ?Payment $authedBillPayment;
    /** The refund that was asked about. */
    public readonly ?Payment $refundBillPayment;

    protected function fill(Fields $fields): void
    {
        $this->totalAmount = $fields->fen('totalAmount');
        $this->authIdRespCd = $fields->text('authIdRespCd');
        $this->billPayment = $fields->payment('billPayment');
        $this->authedBillPayment = $fields->payment('authedBillPayment');
        $this->refundBillPayment = $fields->payment('refundBillPayment');
    }
}
