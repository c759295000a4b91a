<?php

declare(strict_types=1);

namespace Holdfast;

/**
 * A notice (支付结果通知) that was signed with the merchant's communication key.
 *
 * Take the body as it was received (`php://input`) and never `$_POST`: PHP changes names with dots and spaces in them
 * and drops all but the last of two fields of one name, so the signature would be checked over something else.
 */
final class Notice
{
    /** What a receiver answers when it has the notice and need not be told again. */
    public const DONE = 'SUCCESS';

    /** What a receiver answers when it wants to be told again. */
    public const FAILED = 'FAILED';

    /** The longest body that is looked at, in bytes. */
    public const BODY_MAX = 256 * 1024;

    /** Every field that notices have; one must not be hidden in the value of another. */
    public const FIELDS = [
        'mid', 'tid', 'instMid', 'notifyId', 'billNo', 'billDate', 'billDesc', 'billQRCode', 'createTime', 'billStatus',
        'totalAmount', 'seqId', 'authIdRespCd', 'billPayment', 'refundAmount', 'refundDesc', 'secureStatus',
        'completeAmount', 'memberId', 'counterNo', 'merName', 'memo', 'srcReserve', 'bankInfo', 'bankCardNo',
        'receiptAmount', 'couponMerchantContribute', 'couponOtherContribute', 'activityIds', 'extraBuyerInfo',
        'mchntUuid', 'subInst', 'qrCodeType', 'version', 'event', 'previousStatus', 'deadline',
    ];

    private const STATUSES = ['PAID', 'UNPAID', 'REFUND', 'CLOSED', 'UNKNOWN'];

    /** The notice's number: the same on every try. Whoever delivers keeps it, because a notice can come twice. */
    public readonly string $notifyId;
    /** The system's number for what happened. */
    public readonly string $seqId;
    /** `PAID`, `UNPAID`, `REFUND`, `CLOSED` or `UNKNOWN` */
    public readonly string $billStatus;
    public readonly ?string $mid;
    public readonly ?string $tid;
    public readonly ?string $billNo;
    /** `yyyy-MM-dd` */
    public readonly ?string $billDate;
    /** How much the bill asks for, in fen. */
    public readonly ?int $totalAmount;
    /** The code of the hold, when it is one. */
    public readonly ?string $authIdRespCd;
    public readonly ?Payment $billPayment;
    /** How much was given back, in fen. */
    public readonly ?int $refundAmount;
    /** What happened, such as `hold.captured`; Holdfast's own. */
    public readonly ?string $event;

    /** @param list<array{string, string}> $pairs every name and value, decoded, in the order in which they came */
    private function __construct(public readonly array $pairs)
    {
        $missing = [];
        $needed = function (string $name) use (&$missing): string {
            $value = $this->get($name);
            if ($value === null || ($name === 'billStatus' && !in_array($value, self::STATUSES, true))) {
                $missing[] = $name;
            }
            return (string) $value;
        };
        $this->notifyId = $needed('notifyId');
        $this->seqId = $needed('seqId');
        $this->billStatus = $needed('billStatus');
        if ($missing !== []) {
            $names = implode(', ', $missing);
            throw new NoticeException(NoticeFault::Incomplete, "the notice is incomplete: $names 通知内容不完整", $names);
        }
        $this->mid = $this->get('mid');
        $this->tid = $this->get('tid');
        $this->billNo = $this->get('billNo');
        $this->billDate = $this->get('billDate');
        $this->totalAmount = $this->fen('totalAmount');
        $this->authIdRespCd = $this->get('authIdRespCd');
        $this->billPayment = Payment::read(json_decode((string) $this->get('billPayment'), true, 8));
        $this->refundAmount = $this->fen('refundAmount');
        $this->event = $this->get('event');
    }

    /**
     * The notice that a body or a query is, if it was signed with one of the keys: while a key is being replaced there are
     * two. The comparison takes as long for a wrong signature as for a right one.
     *
     * That it is true does not say that it tells of the right order: see {@see expect}.
     *
     * @param string|list<string> $keys the communication keys (通讯密钥), not the AppKey
     * @param string $body what was received, not decoded; of an address, what follows the `?`
     * @throws NoticeException says why it cannot be believed
     * @throws \InvalidArgumentException when a key is empty: whoever knows that could sign anything
     */
    public static function verify(#[\SensitiveParameter] string|array $keys, string $body): self
    {
        // What a setting that is not there becomes: `(string) getenv('…')`.
        if (in_array('', (array) $keys, true)) {
            throw new \InvalidArgumentException('the communication key is empty: nothing can be believed 通讯密钥为空');
        }
        $pairs = self::readForm($body);
        $names = array_column($pairs, 0);
        if (!in_array('sign', $names, true)) {
            throw new NoticeException(NoticeFault::Unsigned, 'the notice has no signature: do not believe it 通知没有签名，请勿采信');
        }
        foreach (array_count_values(array_map(static fn (string $name): string => "=$name", $names)) as $name => $count) {
            if ($count > 1) {
                $name = substr($name, 1);
                throw new NoticeException(
                    NoticeFault::Twice,
                    "the notice has `$name` twice: do not believe it 通知中 $name 重复出现，请勿采信",
                    $name,
                );
            }
        }
        $right = 0;
        // Every key is tried, so that the time does not tell which one it was.
        foreach ((array) $keys as $key) {
            $claimed = strtoupper($pairs[(int) array_search('sign', $names, true)][1]);
            $right += hash_equals(self::sign($key, $pairs), $claimed) ? 1 : 0;
        }
        if ($right === 0) {
            throw new NoticeException(
                NoticeFault::WrongSignature,
                'the notice was not signed with this communication key, or was changed on its way: check the key, and hand '
                . 'over the body as it was received 通知验签失败：请核对通讯密钥，并传入未经改动的原始报文',
            );
        }
        foreach ($pairs as [$name, $value]) {
            // By its numbers a receiver knows a notice again: with any pair moved into one it would come as another.
            $moved = in_array($name, ['notifyId', 'seqId'], true) && str_contains($value, '&');
            if (strpbrk($name, '&=') !== false || $moved || self::hidesAField($value)) {
                throw new NoticeException(
                    NoticeFault::Ambiguous,
                    "the notice's `$name` holds other fields, and its signature does not tell where they begin: do not "
                    . "believe it, query the bill 通知中 $name 内含其他字段，请勿采信，请查询账单",
                    $name,
                );
            }
        }
        return new self($pairs);
    }

    /**
     * Hands the notice back if it tells of the receiver's own order.
     *
     * @param int $totalAmount how much the order asks for, in fen
     * @throws NoticeException with the first field that differs or is not there
     */
    public function expect(string $mid, string $tid, string $billNo, string $billDate, int $totalAmount): self
    {
        $orders = [
            'mid' => $mid, 'tid' => $tid, 'billNo' => $billNo, 'billDate' => $billDate, 'totalAmount' => $totalAmount,
        ];
        foreach ($orders as $field => $expected) {
            $told = $this->$field;
            if ($told !== $expected) {
                throw new NoticeException(
                    NoticeFault::Unexpected,
                    "the notice is true but its $field is " . ($told ?? 'absent') . " where the order has $expected: do not "
                    . "deliver, query the bill 通知属实，但其 $field 与订单不符，请勿发货，请查询账单",
                    $field,
                );
            }
        }
        return $this;
    }

    /** The value of a field, if it has one. */
    public function get(string $name): ?string
    {
        foreach ($this->pairs as [$known, $value]) {
            if ($known === $name) {
                return trim($value) === '' ? null : $value;
            }
        }
        return null;
    }

    /**
     * The signature over pairs, in upper-case hexadecimal digits: SHA-256 when they have `signType=SHA256`, else MD5.
     *
     * @param list<array{string, string}> $pairs names and values, decoded
     */
    public static function sign(#[\SensitiveParameter] string $key, array $pairs): string
    {
        $digest = in_array(['signType', 'SHA256'], $pairs, true) ? 'sha256' : 'md5';
        return strtoupper(hash($digest, self::signedText($pairs) . $key));
    }

    /**
     * The text that is signed, without the key: pairs that have a value, in the order of their names' bytes.
     *
     * @param list<array{string, string}> $pairs names and values, decoded
     */
    public static function signedText(array $pairs): string
    {
        $pairs = array_filter($pairs, static fn (array $pair): bool => $pair[0] !== 'sign' && $pair[1] !== '');
        usort($pairs, static fn (array $a, array $b): int => strcmp($a[0], $b[0]) ?: strcmp($a[1], $b[1]));
        return implode('&', array_map(static fn (array $pair): string => "{$pair[0]}={$pair[1]}", $pairs));
    }

    /** @return list<array{string, string}> */
    private static function readForm(string $form): array
    {
        $notForm = new NoticeException(
            NoticeFault::NotForm,
            'the notice is not form-urlencoded UTF-8: hand over the body as it was received '
            . '通知不是 UTF-8 表单：请传入未经解码的原始报文',
        );
        if (strlen($form) > self::BODY_MAX) {
            throw $notForm;
        }
        $pairs = [];
        foreach (explode('&', $form) as $pair) {
            if ($pair === '') {
                continue;
            }
            [$name, $value] = explode('=', $pair, 2) + [1 => ''];
            foreach ([$name, $value] as $text) {
                $broken = preg_match('/%(?![0-9A-Fa-f]{2})/', $text) === 1;
                if ($broken || preg_match('//u', urldecode($text)) !== 1) {
                    throw $notForm;
                }
            }
            $pairs[] = [urldecode($name), urldecode($value)];
        }
        return $pairs;
    }

    /** Whether a value goes on like a form does, with a field that notices have. */
    private static function hidesAField(string $value): bool
    {
        foreach (array_slice(explode('&', $value), 1) as $rest) {
            $name = strstr($rest, '=', true);
            if ($name !== false && in_array($name, self::FIELDS, true)) {
                return true;
            }
        }
        return false;
    }

    private function fen(string $name): ?int
    {
        $value = $this->get($name);
        return $value !== null && preg_match('/^[0-9]{1,9}$/D', $value) === 1 ? (int) $value : null;
    }
}
