<?php

declare(strict_types=1);

namespace Holdfast;

/** The gateway said no, and says that nothing was done. */
final class RefusedException extends HoldfastException
{
}
