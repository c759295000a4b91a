<?php

declare(strict_types=1);

namespace Holdfast;

/**
 * Holds (预授权) of one merchant, at Holdfast or at the official platform.
 *
 * Amounts are whole fen. Each call throws {@see RefusedException}, {@see NotSentException} or
 * {@see OutcomeUnknownException}; the last one means that money may have moved.
 */
final class Client
{
    /** Real money (生产环境). */
    public const PRODUCTION = 'https://api-mop.chinaums.com';

    /** The official test host (测试环境). */
    public const TEST = 'https://test-api-open.chinaums.com';

    private const AMOUNT_MAX = 100_000_000;
    private const PLAIN = JSON_THROW_ON_ERROR | JSON_UNESCAPED_UNICODE | JSON_UNESCAPED_SLASHES;

    private readonly Gateway $gateway;

    /**
     * @param string $baseUrl where the gateway is
     * @param string $mid the merchant (商户号)
     * @param string $tid its terminal (终端号)
     * @param Scheme $scheme how the client proves who it is
     * @param bool $dataTag whether requests are wrapped as `{"data":…}`
     * @param float $timeout seconds until an answer must be there
     * @param ?string $caFile certificates (PEM) of the authorities to trust, for a gateway with a private one
     * @param ?TokenCache $tokens where tokens are kept; {@see TokenCache::shared()} when absent
     */
    public function __construct(
        string $baseUrl,
        string $appId,
        #[\SensitiveParameter] string $appKey,
        private readonly string $mid,
        private readonly string $tid,
        Scheme $scheme = Scheme::BodySig,
        bool $dataTag = false,
        float $timeout = 15.0,
        ?string $caFile = null,
        ?TokenCache $tokens = null,
    ) {
        $transport = new Transport($timeout, $caFile);
        $this->gateway = new Gateway($baseUrl, $appId, $appKey, $scheme, $dataTag, $transport, $tokens);
    }

    /**
     * Makes a bill and the QR code with which a payer pays it: a hold unless said otherwise (获取二维码).
     *
     * @param array<string, mixed> $more further fields of the endpoint, such as `expireTime` or `goods`
     */
    public function getQrcode(
        string $billNo,
        string $billDate,
        int $totalAmount,
        bool $preauthTransaction = true,
        ?string $billDesc = null,
        ?string $notifyUrl = null,
        ?string $returnUrl = null,
        ?string $msgId = null,
        ?string $srcReserve = null,
        array $more = [],
    ): QrCode {
        return new QrCode($this->call('/v1/netpay/bills/get-qrcode', [
            'msgId' => $msgId,
            'srcReserve' => $srcReserve,
            'billNo' => $billNo,
            'billDate' => $billDate,
            'totalAmount' => self::fen('totalAmount', $totalAmount),
            'preauthTransaction' => $preauthTransaction ? 'true' : 'false',
            'billDesc' => $billDesc,
            'notifyUrl' => $notifyUrl,
            'returnUrl' => $returnUrl,
        ] + $more, ['billQRCode']));
    }

    /** Asks how a bill stands, and how one of its captures or refunds does (账单状态查询). */
    public function query(
        string $billNo,
        ?string $billDate = null,
        ?string $authedOrderId = null,
        ?string $refundOrderId = null,
        ?string $msgId = null,
        ?string $srcReserve = null,
    ): BillState {
        return new BillState($this->call('/v1/netpay/bills/query', [
            'msgId' => $msgId,
            'srcReserve' => $srcReserve,
            'billNo' => $billNo,
            'billDate' => $billDate,
            'refundOrderId' => $refundOrderId,
            'authedOrderId' => $authedOrderId,
        ], ['billNo', 'billDate']));
    }

    /**
     * Captures: takes all or part of a held payment (预授权完成).
     *
     * @param string $authedOrderId the merchant's own new number for the capture
     * @param string $authIdRespCd the code of the hold
     */
    public function preauthed(
        string $billNo,
        string $billDate,
        string $authedOrderId,
        string $authIdRespCd,
        int $totalAmount,
        ?string $authedDesc = null,
        ?string $msgId = null,
        ?string $srcReserve = null,
    ): Captured {
        return new Captured($this->call('/v1/netpay/bills/preauthed', [
            'msgId' => $msgId,
            'srcReserve' => $srcReserve,
            'billNo' => $billNo,
            'billDate' => $billDate,
            'authedOrderId' => $authedOrderId,
            'authIdRespCd' => $authIdRespCd,
            'totalAmount' => self::fen('totalAmount', $totalAmount),
            'authedDesc' => $authedDesc,
        ], ['authedBillPayment']));
    }

    /**
     * Releases: gives a held payment back, the whole of it (预授权撤销).
     *
     * @param string $merOrderId the number of the payer's payment
     * @param string $authIdRespCd the code of the hold
     */
    public function preauthCancel(
        string $billNo,
        string $billDate,
        string $merOrderId,
        string $authIdRespCd,
        ?string $msgId = null,
        ?string $srcReserve = null,
    ): Released {
        return new Released($this->call('/v1/netpay/bills/preauth-cancel', [
            'msgId' => $msgId,
            'srcReserve' => $srcReserve,
            'billNo' => $billNo,
            'billDate' => $billDate,
            'merOrderId' => $merOrderId,
            'authIdRespCd' => $authIdRespCd,
        ], ['billPayment']));
    }

    /**
     * Reverses a capture, the whole of it, on its own business day (预授权完成撤销).
     *
     * @param string $merOrderId the number of the capture: its `authedOrderId`
     * @param string $authIdRespCd the code of the hold
     */
    public function preauthedCancel(
        string $billNo,
        string $billDate,
        string $merOrderId,
        string $authIdRespCd,
        ?string $msgId = null,
        ?string $srcReserve = null,
    ): Reversed {
        return new Reversed($this->call('/v1/netpay/bills/preauthed-cancel', [
            'msgId' => $msgId,
            'srcReserve' => $srcReserve,
            'billNo' => $billNo,
            'billDate' => $billDate,
            'merOrderId' => $merOrderId,
            'authIdRespCd' => $authIdRespCd,
        ], ['billPayment']));
    }

    /**
     * Refunds all or part of what was taken (退款).
     *
     * @param string $refundOrderId the merchant's own new number for the refund. The protocol lets it be left out; this
     *     helper does not, because without it a repeat cannot be told from a second refund.
     */
    public function refund(
        string $billNo,
        string $billDate,
        string $refundOrderId,
        int $refundAmount,
        ?string $refundDesc = null,
        ?string $msgId = null,
        ?string $srcReserve = null,
    ): Refunded {
        return new Refunded($this->call('/v1/netpay/bills/refund', [
            'msgId' => $msgId,
            'srcReserve' => $srcReserve,
            'billNo' => $billNo,
            'billDate' => $billDate,
            'refundOrderId' => $refundOrderId,
            'refundAmount' => self::fen('refundAmount', $refundAmount),
            'refundDesc' => $refundDesc,
        ], []));
    }

    /**
     * Any endpoint: sends fields, with this moment and the merchant before them, and reads the answer. A field that is
     * `null` is left out.
     *
     * @param array<string, mixed> $fields
     * @param list<string> $needed fields without which a success cannot be understood
     * @return array<string, mixed>
     */
    public function call(string $path, array $fields, array $needed = []): array
    {
        $json = json_encode([
            'requestTimestamp' => Clock::requestTimestamp(),
            'mid' => $this->mid,
            'tid' => $this->tid,
            'instMid' => 'QRPAYDEFAULT',
        ] + array_filter($fields, static fn (mixed $value): bool => $value !== null), self::PLAIN);
        return $this->gateway->post($path, $json)->read($needed);
    }

    private static function fen(string $name, int $amount): int
    {
        if ($amount < 1 || $amount > self::AMOUNT_MAX) {
            throw new \InvalidArgumentException(
                "$name is $amount: it must be whole fen from 1 to 100000000 $name 须为 1 至 100000000 的整数（分）",
            );
        }
        return $amount;
    }
}
