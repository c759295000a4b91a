<?php

declare(strict_types=1);

namespace Holdfast;

/** Why a notice must not be acted on. */
enum NoticeFault
{
    /** It is not `application/x-www-form-urlencoded` UTF-8, or too long. */
    case NotForm;

    /** A name is there twice, so that two readers may see two notices. */
    case Twice;

    /** A name or a value reads as if it held more fields, and the signature does not tell where either ends. */
    case Ambiguous;

    /** It has no signature. */
    case Unsigned;

    /** It was not signed with the key, or was changed on its way. */
    case WrongSignature;

    /** It was signed with the key and lacks what every notice has. */
    case Incomplete;

    /** It is true, and tells of something else than the receiver's order. */
    case Unexpected;
}
