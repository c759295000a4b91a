<?php

declare(strict_types=1);

namespace Holdfast;

/** The other side said no, and that nothing was done. Without an `errCode` it was no gateway that answered. */
final class RefusedException extends HoldfastException
{
}
