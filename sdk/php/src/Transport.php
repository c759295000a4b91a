<?php

declare(strict_types=1);

namespace Holdfast;

/**
 * One bounded exchange over HTTP, and what is known when it fails.
 *
 * There is no code here that follows a redirect, uses a proxy or passes over a bad certificate, so none of it can be
 * switched on.
 */
final class Transport
{
    /** The longest answer that is read, in bytes. The longest of the protocol has some 4 KiB. */
    public const ANSWER_MAX = 1024 * 1024;

    private readonly int $timeoutMs;

    /**
     * @param float $timeout seconds until an answer must be there; the gateway itself waits eight for the channel, and
     *     less than that makes unknown outcomes out of late ones
     * @param ?string $caFile certificates (PEM) of the authorities to trust, for a gateway with a private one; the
     *     system's when absent
     */
    public function __construct(float $timeout = 15.0, private readonly ?string $caFile = null)
    {
        if (!($timeout >= 0.1 && $timeout <= 600)) {
            throw new \InvalidArgumentException('the timeout must be 0.1 to 600 seconds 超时须为 0.1 至 600 秒');
        }
        if ($caFile !== null && !is_readable($caFile)) {
            throw new \InvalidArgumentException("cannot read the certificates in $caFile 无法读取证书文件");
        }
        $this->timeoutMs = (int) round($timeout * 1000);
    }

    /**
     * Posts JSON as it is.
     *
     * @param ?string $authorization value of the header that proves who asks
     * @throws NotSentException when nothing was sent
     * @throws OutcomeUnknownException when it was sent and no answer came
     */
    public function post(string $url, string $json, #[\SensitiveParameter] ?string $authorization): Exchange
    {
        $headers = ['Content-Type: application/json', 'Accept: application/json', 'Expect:'];
        if ($authorization !== null) {
            $headers[] = "Authorization: $authorization";
        }
        $body = '';
        $tooLong = false;
        $location = null;
        $handle = curl_init();
        if ($handle === false) {
            throw new NotSentException('curl cannot be started; nothing was sent', Repeat::Safe);
        }
        $set = curl_setopt_array($handle, [
            CURLOPT_URL => $url,
            CURLOPT_PROTOCOLS => CURLPROTO_HTTP | CURLPROTO_HTTPS,
            CURLOPT_POST => true,
            CURLOPT_POSTFIELDS => $json,
            CURLOPT_HTTPHEADER => $headers,
            CURLOPT_HTTP_VERSION => CURL_HTTP_VERSION_1_1,
            CURLOPT_FOLLOWLOCATION => false,
            CURLOPT_PROXY => '',
            CURLOPT_NETRC => false,
            CURLOPT_SSL_VERIFYPEER => true,
            CURLOPT_SSL_VERIFYHOST => 2,
            CURLOPT_SSLVERSION => CURL_SSLVERSION_TLSv1_2,
            CURLOPT_NOSIGNAL => true,
            // Well before the timeout, so that a host that is down is told from one that does not answer.
            CURLOPT_CONNECTTIMEOUT_MS => intdiv($this->timeoutMs, 2),
            CURLOPT_TIMEOUT_MS => $this->timeoutMs,
            // On a kept connection that turns out to be dead, curl would send a POST a second time by itself.
            CURLOPT_FRESH_CONNECT => true,
            CURLOPT_FORBID_REUSE => true,
            CURLOPT_HEADERFUNCTION => static function ($_, string $line) use (&$location): int {
                if (stripos($line, 'location:') === 0) {
                    $location = trim(substr($line, 9));
                }
                return strlen($line);
            },
            CURLOPT_WRITEFUNCTION => static function ($_, string $part) use (&$body, &$tooLong): int {
                if (strlen($body) + strlen($part) > self::ANSWER_MAX) {
                    $tooLong = true;
                    return 0;
                }
                $body .= $part;
                return strlen($part);
            },
        ] + ($this->caFile === null ? [] : [CURLOPT_CAINFO => $this->caFile]));
        if (!$set) {
            throw new NotSentException("cannot send to $url; nothing was sent", Repeat::Pointless);
        }
        $done = curl_exec($handle);
        $status = curl_getinfo($handle, CURLINFO_RESPONSE_CODE);
        if ($done !== false) {
            return new Exchange($url, $status, $body, $location);
        }
        if ($tooLong) {
            throw (new Exchange($url, $status, '', $location))->unreadable('longer than ' . self::ANSWER_MAX . ' bytes');
        }
        $cause = curl_error($handle);
        // Counts bytes of requests that were begun. TLS comes first, so a bad certificate leaves it at zero.
        if (curl_getinfo($handle, CURLINFO_REQUEST_SIZE) === 0) {
            $repeat = curl_errno($handle) === CURLE_SSL_CACERT ? Repeat::Pointless : Repeat::Safe;
            throw new NotSentException("cannot reach $url: $cause; nothing was sent 无法连接，未发送任何请求", $repeat);
        }
        $what = curl_errno($handle) === CURLE_OPERATION_TIMEOUTED
            ? "no answer within {$this->timeoutMs} ms"
            : "the connection broke before the answer: $cause";
        throw new OutcomeUnknownException("$what; " . OutcomeUnknownException::ADVICE, Repeat::AfterQuery);
    }
}
