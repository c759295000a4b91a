<?php

declare(strict_types=1);

namespace Holdfast;

/** The request was never sent, so nothing was done: no connection was made, or no token could be had. */
final class NotSentException extends HoldfastException
{
}
