<?php

declare(strict_types=1);

namespace Holdfast;

/** Fields of an answer, read as what they must be. One that is something else counts as absent. */
final class Fields
{
    /** @param array<string, mixed> $raw */
    public function __construct(private readonly array $raw)
    {
    }

    public function text(string $name): ?string
    {
        $value = $this->raw[$name] ?? null;
        return is_string($value) && $value !== '' ? $value : null;
    }

    /** Whole fen, sent as a number or as a text of digits. */
    public function fen(string $name): ?int
    {
        $value = $this->raw[$name] ?? null;
        if (is_string($value) && preg_match('/^[0-9]{1,18}$/D', $value) === 1) {
            return (int) $value;
        }
        return is_int($value) ? $value : null;
    }

    public function payment(string $name): ?Payment
    {
        return Payment::read($this->raw[$name] ?? null);
    }
}
