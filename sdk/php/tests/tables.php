<?php

// What is written here by hand is compared with Holdfast's reference, and with the shared test vectors.

declare(strict_types=1);

use Holdfast\Clock;
use Holdfast\Code;
use Holdfast\Notice;
use Holdfast\Repeat;
use Holdfast\Secret;
use Holdfast\Signature;

/** The rows of a table of the reference: what is named in the first cell, and the other cells. */
function table(string $heading): array
{
    $page = (string) file_get_contents(__DIR__ . '/../../../docs/reference.md');
    [, $after] = explode("\n## $heading", $page, 2);
    preg_match_all('/^\| \[?`([^`]+)`.*$/m', explode("\n## ", $after, 2)[0], $rows, PREG_SET_ORDER);
    return array_map(fn (array $row) => [$row[1], ...array_map(trim(...), array_slice(explode('|', $row[0]), 2))], $rows);
}

test('every error code is known, with its advice', function () {
    $advice = ['safe' => Repeat::Safe, 'after a query' => Repeat::AfterQuery, 'pointless' => Repeat::Pointless];
    $codes = [];
    foreach (array_slice(table('Error codes'), 1) as [$code, $status, , $fault, $repeat]) {
        $repeat = $advice[explode('<br>', $repeat)[0]];
        same($repeat, Code::repeat($code), $code);
        $open = $repeat === Repeat::AfterQuery && preg_match('/^(channel|gateway)<br>/', $fault) === 1;
        same($open, Code::leavesOpen($code, (int) $status), $code);
        $codes[] = $code;
    }
    same($codes, Code::all());
});

test('every field of a notice is known', function () {
    $names = array_column(table('Notices'), 0);
    $names = array_values(array_filter($names, fn (string $name) => !str_contains($name, '.')));
    same($names, Notice::FIELDS);
});

test('requests are signed as the conformance kit signs them', function () {
    $count = 0;
    foreach (vectors('signatures') as $case) {
        [$app, $key, $stamp, $nonce] = [$case['appId'] ?? '', new Secret($case['appKey'] ?? '-'), $case['timestamp'] ?? '', $case['nonce'] ?? ''];
        if ($case['scheme'] === 'OPEN-BODY-SIG') {
            $body = $case['body'] ?? base64_decode($case['bodyBase64']);
            same($case['authorization'], Signature::headerAt($app, $key, $stamp, $nonce, $body), $case['name']);
            $count++;
        } elseif ($case['scheme'] === 'TOKEN' && $case['signMethod'] === 'SHA256') {
            same($case['signature'], Signature::ofToken($app, $key, $stamp, $nonce), $case['name']);
            $count++;
        }
    }
    holds($count > 10, "only $count");
});

test('time is Beijing time whatever zone is set', function () {
    foreach (['America/New_York', 'Asia/Shanghai', 'UTC', 'Pacific/Kiritimati'] as $zone) {
        date_default_timezone_set($zone);
        $stamp = (string) DateTimeImmutable::createFromFormat('YmdHis', Clock::stamp(), new DateTimeZone('UTC'))->getTimestamp();
        holds(abs((int) $stamp - time() - 8 * 3600) <= 2, $zone);
        same(1, preg_match('/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/', Clock::requestTimestamp()));
    }
});
