<?php

// What is written here by hand is compared with Holdfast's reference, and with the shared test vectors.

declare(strict_types=1);

use Holdfast\Clock;
use Holdfast\Code;
use Holdfast\Notice;
use Holdfast\Repeat;

/** The rows of a table of the reference, each a list of cells. */
function table(string $heading): array
{
    $page = (string) file_get_contents(__DIR__ . '/../../../docs/reference.md');
    [, $after] = explode("\n## $heading", $page, 2);
    $lines = array_filter(explode("\n", explode("\n## ", $after, 2)[0]), fn (string $line) => str_starts_with($line, '| `'));
    return array_values(array_map(fn (string $line) => array_map(trim(...), explode('|', trim($line, '|'))), $lines));
}

test('every error code is known, with its advice', function () {
    $advice = ['safe' => Repeat::Safe, 'after a query' => Repeat::AfterQuery, 'pointless' => Repeat::Pointless];
    $codes = [];
    foreach (array_slice(table('Error codes'), 1) as [$code, $status, , $fault, $repeat]) {
        $code = trim($code, '`');
        $repeat = $advice[explode('<br>', $repeat)[0]];
        same($repeat, Code::repeat($code), $code);
        $open = $repeat === Repeat::AfterQuery && preg_match('/^(channel|gateway)<br>/', $fault) === 1;
        same($open, Code::leavesOpen($code, (int) $status), $code);
        $codes[] = $code;
    }
    same($codes, Code::all());
});

test('every field of a notice is known', function () {
    $names = array_map(fn (array $row) => trim($row[0], '`'), table('Notices'));
    $names = array_values(array_filter($names, fn (string $name) => !str_contains($name, '.')));
    same($names, Notice::FIELDS);
});

test('time is Beijing time whatever zone is set', function () {
    foreach (['America/New_York', 'Asia/Shanghai', 'UTC', 'Pacific/Kiritimati'] as $zone) {
        date_default_timezone_set($zone);
        $stamp = (string) DateTimeImmutable::createFromFormat('YmdHis', Clock::stamp(), new DateTimeZone('UTC'))->getTimestamp();
        holds(abs((int) $stamp - time() - 8 * 3600) <= 2, $zone);
        same(1, preg_match('/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/', Clock::requestTimestamp()));
    }
});
