<?php

declare(strict_types=1);

namespace Holdfast;

/** A bill was made (获取二维码). */
final class QrCode extends Answer
{
    /** What the QR code is to carry. */
    public readonly string $billQRCode;
    public readonly ?string $qrCodeId;

    protected function fill(Fields $fields): void
    {
        $this->billQRCode = (string) $fields->text('billQRCode');
        $this->qrCodeId = $fields->text('qrCodeId');
    }
}
