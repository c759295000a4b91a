<?php

declare(strict_types=1);

namespace Holdfast;

/** An answer as it was received, and what it means. */
final class Exchange
{
    public function __construct(
        public readonly string $url,
        public readonly int $status,
        public readonly string $body,
        public readonly ?string $location = null,
    ) {
    }

    /**
     * The answer's fields, if it says that it was done and has all that it needs.
     *
     * @param list<string> $needed fields without which a success cannot be understood
     * @param list<string> $success the codes with which it is said
     * @return array<string, mixed>
     * @throws HoldfastException when it was refused, or nobody knows
     */
    public function read(array $needed = [], array $success = [Code::SUCCESS]): array
    {
        $answer = $this->fields();
        if ($answer === null) {
            throw $this->unreadable('it is no JSON object with an errCode');
        }
        $this->mustAgree($answer);
        $errCode = $answer['errCode'];
        if (in_array($errCode, $success, true)) {
            // In an envelope the fields of the answer are one level down.
            $inside = is_array($answer['data'] ?? null) && !isset($answer['mid']) ? $answer['data'] : $answer;
            foreach ($needed as $field) {
                if (!isset($inside[$field])) {
                    throw $this->unreadable("it says $errCode and lacks $field");
                }
            }
            return $inside;
        }
        $text = $answer['errMsg'] ?? $answer['errInfo'] ?? null;
        $message = is_string($text) && $text !== '' ? "$errCode: $text" : $errCode;
        if (Code::leavesOpen($errCode, $this->status)) {
            $message .= ' (' . OutcomeUnknownException::ADVICE . ')';
            throw new OutcomeUnknownException($message, Repeat::AfterQuery, $errCode, $this->status, $this->body);
        }
        $repeat = Code::repeat($errCode) ?? Repeat::Pointless;
        throw new RefusedException($message, $repeat, $errCode, $this->status, $this->body);
    }

    /**
     * The answer's fields, if it is a gateway's: an object with a text `errCode`.
     *
     * @return ?array<string, mixed>
     */
    public function fields(): ?array
    {
        $answer = json_decode($this->body, true, 32);
        $good = is_array($answer) && is_string($answer['errCode'] ?? null) && !self::saysTwice($this->body);
        return $good ? $answer : null;
    }

    /**
     * Makes sure that nothing contradicts what an answer says: the HTTP status a success, or the inside of an envelope
     * its outside.
     *
     * @param array<string, mixed> $answer what `fields` gave
     * @throws OutcomeUnknownException when something does
     */
    public function mustAgree(array $answer): void
    {
        $done = static fn (mixed $code): bool => in_array($code, [Code::SUCCESS, '0000'], true);
        $errCode = $answer['errCode'];
        $inside = is_array($answer['data'] ?? null) ? $answer['data']['errCode'] ?? $errCode : $errCode;
        if ($inside !== $errCode && !($done($inside) && $done($errCode))) {
            $why = "it says $errCode and something else in its data";
        } elseif ($done($errCode) && ($this->status < 200 || $this->status > 299)) {
            $why = "it says $errCode, and its status that it was not done";
        } else {
            return;
        }
        $message = "{$this->url} answered {$this->status} and contradicts itself: $why; " . OutcomeUnknownException::ADVICE;
        throw new OutcomeUnknownException($message, Repeat::AfterQuery, $errCode, $this->status, $this->body);
    }

    /** Whether an object in a JSON text has a name twice: PHP would take the last, and another reader the first. */
    private static function saysTwice(string $json): bool
    {
        $token = '/[{}]|("[^"\\\\]*+(?:\\\\.[^"\\\\]*+)*+")(\s*+:)?/s';
        $names = [];
        for ($at = 0; preg_match($token, $json, $found, PREG_OFFSET_CAPTURE, $at) === 1;) {
            $at = $found[0][1] + strlen($found[0][0]);
            if ($found[0][0] === '{') {
                $names[] = [];
            } elseif ($found[0][0] === '}') {
                array_pop($names);
            } elseif (isset($found[2])) {
                $name = '=' . json_decode($found[1][0]);
                $object = (int) array_key_last($names);
                if (isset($names[$object][$name])) {
                    return true;
                }
                $names[$object][$name] = true;
            }
        }
        return false;
    }

    /** What it means that an answer cannot be read. */
    public function unreadable(string $why): HoldfastException
    {
        // Whoever answers 3xx or 4xx says that it did nothing. After any other status, somebody may have acted and only
        // the answer is broken.
        if ($this->status >= 300 && $this->status < 500) {
            $to = $this->location === null ? '' : " and points to {$this->location}, which was not followed";
            return new RefusedException(
                "{$this->url} answered {$this->status} without an error code$to: it is no netpay/bills gateway; "
                . 'nothing was done 对方不是 netpay/bills 网关，未执行',
                Repeat::Pointless,
                status: $this->status,
                answer: $this->body,
            );
        }
        return new OutcomeUnknownException(
            "{$this->url} answered {$this->status}, and the answer cannot be read: $why; "
            . OutcomeUnknownException::ADVICE,
            Repeat::AfterQuery,
            status: $this->status,
            answer: $this->body,
        );
    }

    /** Whether the gateway refused the token and did nothing. The official platform's status is not known, its text is. */
    public function tokenWasRefused(): bool
    {
        // After a 5xx somebody may have acted: nobody sends such a request again by himself.
        $denied = $this->status >= 400 && $this->status < 500;
        return $this->status === 401 || ($denied && str_contains($this->body, '认证失败'));
    }
}
