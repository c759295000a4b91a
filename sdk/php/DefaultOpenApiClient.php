<?php

declare(strict_types=1);

require_once __DIR__ . '/src/autoload.php';

use Holdfast\Gateway;
use Holdfast\NotSentException;
use Holdfast\OutcomeUnknownException;
use Holdfast\Scheme;
use Holdfast\TokenCache;
use Holdfast\Transport;

/** The client that the programs of the official pages use. New programs have it easier with {@see Holdfast\Client}. */
class DefaultOpenApiClient
{
    /**
     * @param float $timeout seconds until an answer must be there
     * @param ?string $caFile certificates (PEM) of the authorities to trust, for a gateway with a private one
     */
    public function __construct(
        private readonly float $timeout = 15.0,
        private readonly ?string $caFile = null,
        private readonly ?TokenCache $tokens = null,
    ) {
    }

    /**
     * Sends `$request->data`, byte for byte, and gives back the JSON of the answer, whatever it says, with `errCode` and
     * `errInfo` at the top.
     *
     * @param object $request with `url`, `apiVersion`, `serviceCode`, `data` (JSON), and if it likes `needToken` (a token
     *     instead of a signature) and `needDataTag` (wrapped as `{"data":…}`)
     * @throws NotSentException when nothing was sent
     * @throws OutcomeUnknownException when it was sent and nobody knows what was done
     */
    public function execute(object $request, string $appid, #[\SensitiveParameter] string $appkey): string
    {
        [$base, $path] = self::split(self::address($request));
        $gateway = new Gateway(
            $base,
            $appid,
            $appkey,
            ($request->needToken ?? true) ? Scheme::AccessToken : Scheme::BodySig,
            (bool) ($request->needDataTag ?? false),
            new Transport($this->timeout, $this->caFile),
            $this->tokens,
        );
        $exchange = $gateway->post($path, (string) $request->data);
        $fields = $exchange->fields();
        if ($fields === null) {
            throw $exchange->unreadable('it is no JSON object with an errCode');
        }
        $exchange->mustAgree($fields);
        if (array_key_exists('errInfo', $fields)) {
            return $exchange->body;
        }
        // A success of the business has errMsg, and the page's program reads errInfo.
        $errInfo = json_encode($fields['errMsg'] ?? '', JSON_THROW_ON_ERROR | JSON_UNESCAPED_UNICODE);
        return substr(rtrim($exchange->body), 0, -1) . ",\"errInfo\":$errInfo}";
    }

    /** Where a request goes. */
    private static function address(object $request): string
    {
        $service = (string) ($request->serviceCode ?? '');
        // The page's pattern "/[/]+/s" is none: it finds no version, and the whole address ends up in serviceCode.
        if (preg_match('~^https?://~', $service) === 1) {
            return $service;
        }
        $version = trim((string) ($request->apiVersion ?? ''), '/');
        // The page looks for the first "v1", which may stand in the name of the host.
        $at = $version === '' ? false : strpos($service, "/$version/");
        $service = $at === false ? $service : substr($service, $at + strlen("/$version"));
        $version = $version === '' ? '' : "/$version";
        return rtrim((string) ($request->url ?? ''), '/') . $version . '/' . ltrim($service, '/');
    }

    /** @return array{string, string} where the gateway is, and the path that is asked for */
    private static function split(string $address): array
    {
        if (preg_match('~^(https?://[^/?#]+(?:/[^?#]*?)??)(/v[0-9]+/[^?#]*)$~D', $address, $parts) !== 1) {
            throw new InvalidArgumentException(
                "'$address' is not an address such as https://gateway.example/v1/netpay/bills/query 地址有误",
            );
        }
        return [$parts[1], $parts[2]];
    }
}
