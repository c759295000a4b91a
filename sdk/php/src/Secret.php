<?php

declare(strict_types=1);

namespace Holdfast;

/** A text that does not print: a key, or a token. */
final class Secret implements \Stringable
{
    /** Nothing prints what a function knows, not even `var_export`. */
    private readonly \Closure $text;

    public function __construct(#[\SensitiveParameter] string $text)
    {
        if ($text === '') {
            throw new \InvalidArgumentException('a key is empty 密钥为空');
        }
        $this->text = static fn (): string => $text;
    }

    /** The text itself, to sign with. */
    public function expose(): string
    {
        return ($this->text)();
    }

    public function __toString(): string
    {
        return '[secret]';
    }

    /** @return array<string, string> */
    public function __debugInfo(): array
    {
        return ['text' => '[secret]'];
    }

    /** @return never */
    public function __serialize(): array
    {
        throw new \LogicException('a secret is not serialized');
    }
}
