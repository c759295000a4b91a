<?php

declare(strict_types=1);

namespace Holdfast;

/**
 * Nobody knows whether it was done: money may have moved. Ask with `query`, and never send it again under a new order
 * number before you know.
 */
final class OutcomeUnknownException extends HoldfastException
{
    /** What every message of this kind ends with. */
    public const ADVICE = 'outcome unknown: query 结果未知，请先查询';
}
