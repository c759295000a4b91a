<?php

declare(strict_types=1);

namespace Holdfast;

/** A notice must not be acted on. Answer {@see Notice::FAILED}: it comes again. */
final class NoticeException extends \RuntimeException
{
    /** @param ?string $field the field that it is about, if it is about one */
    public function __construct(
        public readonly NoticeFault $fault,
        string $message,
        public readonly ?string $field = null,
    ) {
        parent::__construct($message);
    }
}
