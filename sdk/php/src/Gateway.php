<?php

declare(strict_types=1);

namespace Holdfast;

/** Sends requests of one app to one gateway, signed or with a token. */
final class Gateway
{
    private const TOKEN_PATH = '/v1/token/access';

    public readonly string $baseUrl;
    private readonly Secret $appKey;
    private readonly TokenCache $tokens;

    /**
     * @param string $baseUrl where the gateway is, such as `https://api-mop.chinaums.com`
     * @param bool $dataTag whether requests are wrapped as `{"data":…}`
     * @throws \InvalidArgumentException when address or credentials are none
     */
    public function __construct(
        string $baseUrl,
        public readonly string $appId,
        #[\SensitiveParameter] string $appKey,
        private readonly Scheme $scheme = Scheme::BodySig,
        private readonly bool $dataTag = false,
        private readonly Transport $transport = new Transport(),
        ?TokenCache $tokens = null,
    ) {
        // Whatever stands before an `@` would be sent to nobody and shown to everybody.
        if (preg_match('~^https?://[^\s/?#@\\\\]+(/[^\s?#@\\\\]*)?$~D', $baseUrl) !== 1) {
            throw new \InvalidArgumentException(
                "'$baseUrl' is not an address such as https://gateway.example:8443 地址有误",
            );
        }
        if (preg_match('/^[\x21-\x7e]{1,64}$/D', $appId) !== 1 || strpbrk($appId, '",') !== false) {
            throw new \InvalidArgumentException('AppId is up to 64 letters and digits AppId 有误');
        }
        $this->baseUrl = rtrim($baseUrl, '/');
        $this->appKey = new Secret($appKey);
        $this->tokens = $tokens ?? TokenCache::shared();
    }

    /**
     * Posts JSON to a path, byte for byte but for the envelope if one is wanted, and gives the answer back as it is.
     *
     * A refused token is renewed once. Nothing else is ever sent again: whether to is for the caller to decide.
     *
     * @throws NotSentException when nothing was sent
     * @throws OutcomeUnknownException when it was sent and no answer came
     */
    public function post(string $path, string $json): Exchange
    {
        $url = $this->baseUrl . $path;
        $body = $this->dataTag ? '{"data":' . $json . '}' : $json;
        if ($this->scheme === Scheme::BodySig) {
            return $this->transport->post($url, $body, Signature::header($this->appId, $this->appKey, $body));
        }
        $token = $this->token();
        $exchange = $this->transport->post($url, $body, "OPEN-ACCESS-TOKEN AccessToken=$token");
        if (!$exchange->tokenWasRefused()) {
            return $exchange;
        }
        $token = $this->token($token);
        return $this->transport->post($url, $body, "OPEN-ACCESS-TOKEN AccessToken=$token");
    }

    private function token(#[\SensitiveParameter] ?string $refused = null): string
    {
        // Another key of the same app has tokens of its own.
        $name = "{$this->baseUrl}\n{$this->appId}\n{$this->appKey->expose()}";
        return $this->tokens->get($name, $this->fetchToken(...), $refused);
    }

    /** @return array{token: string, life: int} */
    private function fetchToken(): array
    {
        [$stamp, $nonce] = [Clock::stamp(), Clock::nonce()];
        $request = json_encode([
            'appId' => $this->appId,
            'timestamp' => $stamp,
            'nonce' => $nonce,
            'signMethod' => 'SHA256',
            'signature' => Signature::ofToken($this->appId, $this->appKey, $stamp, $nonce),
        ], JSON_THROW_ON_ERROR);
        try {
            $answer = $this->transport->post($this->baseUrl . self::TOKEN_PATH, $request, null);
            // Clients of the official platform have seen both.
            $issued = $answer->read(['accessToken', 'expiresIn'], ['0000', Code::SUCCESS]);
        } catch (OutcomeUnknownException $unknown) {
            // Whatever became of the token: the request that needs it was not sent.
            throw new NotSentException(
                "no token could be had ({$unknown->getMessage()}); nothing else was sent 未取得 AccessToken，未发送请求",
                Repeat::Safe,
                $unknown->errCode,
                $unknown->status,
            );
        }
        $token = $issued['accessToken'];
        $life = filter_var($issued['expiresIn'], FILTER_VALIDATE_INT, ['options' => ['min_range' => 0]]);
        if (!is_string($token) || preg_match('/^[\x21-\x7e]{1,1024}$/D', $token) !== 1 || $life === false) {
            throw new NotSentException('the token that was answered cannot be used; nothing else was sent', Repeat::Safe);
        }
        return ['token' => $token, 'life' => $life];
    }
}
