<?php

declare(strict_types=1);

namespace Holdfast;

/** The request never began: no connection was made, no token could be had, or what answered is no gateway. */
final class NothingDoneException extends HoldfastException
{
}
