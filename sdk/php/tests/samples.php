<?php

// The programs in samples/ do what they say.

declare(strict_types=1);

/** Runs the program of the official page as its user would: from its own folder. */
function page(string $program, array $capture, array $environment = []): string
{
    $command = [PHP_BINARY, '-d', 'display_errors=stderr', '-d', 'date.timezone=America/New_York', basename($program)];
    return output($command, dirname($program), $environment + [
        'BILL_NO' => $capture['BILL_NO'], 'BILL_DATE' => $capture['BILL_DATE'],
        'CAPTURE_ORDER' => $capture['CAPTURE_ORDER'], 'AUTH_CODE' => $capture['AUTH_CODE'],
        'TZ' => 'America/New_York', 'TMPDIR' => room(),
    ]);
}

test('the official program reverses a capture and prints success, from a machine in New York', function () {
    same(0, strpos(page(__DIR__ . '/../samples/preauthed-cancel.php', getenv()), 'SUCCESS'));
});

test('the official program differs from the page in host, credentials and field values only', function () {
    $printed = [
        'getenv("HOLDFAST_APP_ID")' => '"平台分配"',
        'getenv("HOLDFAST_APP_KEY")' => '"平台分配"',
        'getenv("HOLDFAST_BASE_URL") . "/v1' => '"https://api-mop.chinaums.com/v1',
        '"2022-04-21 15:00:52"' => '"2022-04-21 15=>00=>52"',
        'getenv("BILL_NO")' => '""',
        'getenv("BILL_DATE")' => '""',
        'getenv("CAPTURE_ORDER")' => '"327M22061819820261705544110"',
        'getenv("AUTH_CODE")' => '""',
    ];
    $page = strtr((string) file_get_contents(__DIR__ . '/../samples/preauthed-cancel.php'), $printed);
    // The digest of the program as the page prints it, from `<?php` to the closing tag.
    same('c8c706425b37cefda4189333d92e141ecc98cc91e323eb9cc6f135e6c3956256', hash('sha256', rtrim($page)));
});

test('the official program works as well once its pattern is a pattern', function () {
    $room = room();
    $program = (string) file_get_contents(__DIR__ . '/../samples/preauthed-cancel.php');
    $corrected = str_replace(['"/[/]+/s"', '"../'], ['"/[\/]+/s"', '"' . dirname(__DIR__) . '/'], $program, $count);
    same(4, $count);
    file_put_contents("$room/corrected.php", $corrected);
    same(0, strpos(page("$room/corrected.php", hold('--capture', '38000')), 'SUCCESS'));
});

test('the sample receiver takes a real notice and delivers', function () {
    $port = (int) substr(strrchr(nowhere(), ':'), 1);
    $command = [PHP_BINARY, '-S', "127.0.0.1:$port", __DIR__ . '/../samples/receiver.php'];
    [, $says] = beside($command, listening: '~http://127.0.0.1:(\d+)~');
    $hold = hold('--notify-url', "http://127.0.0.1:$port/notify");
    do {
        $line = (string) fgets($says);
    } while ($line !== '' && preg_match('/deliver |the notice/', $line) !== 1);
    holds(str_contains($line, "deliver {$hold['BILL_NO']}: PAID, 50000 fen"), $line);
});

test('the sample hold goes through capture, reversal, capture and refund', function () {
    $child = proc_open(
        [PHP_BINARY, __DIR__ . '/../samples/hold.php'],
        [['pipe', 'r'], ['pipe', 'w']],
        $pipes,
    );
    $said = '';
    while (preg_match('/pay (\S+), then press return/', $said, $code) !== 1 && !feof($pipes[1])) {
        $said .= fread($pipes[1], 1024);
    }
    output([getenv('HOLDFAST_BINARY'), 'sim', 'pay', $code[1]]);
    fwrite($pipes[0], "\n");
    $said .= stream_get_contents($pipes[1]);
    same(0, proc_close($child));
    holds(str_contains($said, 'reversed 38000 fen') && str_contains($said, 'refunded 2000 fen'), $said);
});

/** The code blocks of a README: language and text. */
function blocks(string $file): array
{
    preg_match_all('/^```([a-z]+)\n(.*?)^```$/ms', (string) file_get_contents(__DIR__ . "/../$file"), $found, PREG_SET_ORDER);
    return array_map(fn (array $block) => [$block[1], $block[2]], $found);
}

test('the README runs, and shows the same code in both languages', function () {
    $blocks = blocks('README.md');
    same($blocks, blocks('README.zh-CN.md'));
    same(['sh', 'sh', 'php', 'php'], array_column($blocks, 0));
    file_put_contents(($room = room()) . '/notice.php', $blocks[3][1]);
    output([PHP_BINARY, '-l', "$room/notice.php"]);
    $script = "set -euo pipefail\n{$blocks[0][1]}\n{$blocks[1][1]}\nphp <<'END'\n{$blocks[2][1]}\nEND\n";
    $said = output(
        ['env', '-u', 'HOLDFAST_MID', '-u', 'HOLDFAST_TID', 'bash', '-c', $script],
        dirname(__DIR__, 3),
        ['PATH' => dirname((string) getenv('HOLDFAST_BINARY')) . ':' . getenv('PATH'), 'TMPDIR' => room()],
    );
    holds(str_contains($said, 'SUCCESS') && str_ends_with(trim($said), 'reversed 42000 fen'), $said);
});
