<?php

declare(strict_types=1);

namespace Holdfast;

/** What every success has. `raw` has every field that was answered, whether it is named here or not. */
abstract class Answer
{
    public readonly ?string $billNo;
    /** `yyyy-MM-dd` */
    public readonly ?string $billDate;
    /** `PAID`, `UNPAID`, `REFUND`, `CLOSED` or `UNKNOWN` */
    public readonly ?string $billStatus;
    public readonly ?string $msgId;
    public readonly ?string $srcReserve;
    public readonly ?string $responseTimestamp;
    public readonly ?string $errMsg;

    /** @param array<string, mixed> $raw */
    final public function __construct(public readonly array $raw)
    {
        $fields = new Fields($raw);
        $this->billNo = $fields->text('billNo');
        $this->billDate = $fields->text('billDate');
        $this->billStatus = $fields->text('billStatus');
        $this->msgId = $fields->text('msgId');
        $this->srcReserve = $fields->text('srcReserve');
        $this->responseTimestamp = $fields->text('responseTimestamp');
        $this->errMsg = $fields->text('errMsg');
        $this->fill($fields);
    }

    /** Reads what this answer has beside the common fields. */
    abstract protected function fill(Fields $fields): void;
}
