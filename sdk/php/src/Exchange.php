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
        return is_array($answer) && is_string($answer['errCode'] ?? null) ? $answer : null;
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
        return $this->status === 401 || ($this->status >= 400 && str_contains($this->body, '认证失败'));
    }
}
