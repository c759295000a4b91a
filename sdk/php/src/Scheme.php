<?php

declare(strict_types=1);

namespace Holdfast;

/** How a client proves who it is. */
enum Scheme
{
    /** `OPEN-BODY-SIG`: every request is signed with the key, which never leaves the process. */
    case BodySig;

    /** `OPEN-ACCESS-TOKEN`: a signed request fetches a token, and every request shows it. */
    case AccessToken;
}
