<?php

declare(strict_types=1);

namespace Holdfast;

/** Whether the same request, under the same order number, may be sent again. */
enum Repeat: string
{
    /** Nothing was done, or it is done once only: send it again, a moment later. */
    case Safe = 'safe';

    /** It is not known what was done: ask with `query` first. */
    case AfterQuery = 'afterQuery';

    /** It will be answered the same until something else changes. */
    case Pointless = 'pointless';
}
