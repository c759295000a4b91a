<?php

// What the tests are written with: `test`, `check`, `throws`, and programs that run beside them.

declare(strict_types=1);

$GLOBALS['passed'] = 0;
$GLOBALS['failed'] = [];
$GLOBALS['children'] = [];

function test(string $sentence, callable $test): void
{
    if (getenv('ONLY') !== false && !str_contains($sentence, (string) getenv('ONLY'))) {
        return;
    }
    try {
        $test();
        $GLOBALS['passed']++;
    } catch (Throwable $why) {
        $GLOBALS['failed'][] = $sentence;
        $what = $why::class . ': ' . $why->getMessage() . "\n" . $why->getTraceAsString();
        fwrite(STDERR, "FAILED: $sentence\n  " . str_replace("\n", "\n  ", $what) . "\n");
    }
}

function same(mixed $expected, mixed $found, string $what = ''): void
{
    if ($expected !== $found) {
        throw new LogicException("$what\nexpected " . json_encode($expected, JSON_UNESCAPED_UNICODE | JSON_UNESCAPED_SLASHES)
            . "\nfound    " . json_encode($found, JSON_UNESCAPED_UNICODE | JSON_UNESCAPED_SLASHES));
    }
}

function holds(bool $true, string $what): void
{
    same(true, $true, $what);
}

/**
 * @template T of Throwable
 * @param class-string<T> $class
 * @return T
 */
function throws(string $class, callable $does): Throwable
{
    try {
        $does();
    } catch (Throwable $thrown) {
        if ($thrown instanceof $class) {
            return $thrown;
        }
        throw $thrown;
    }
    throw new LogicException("no $class was thrown");
}

/** Starts a program that says `listening on PORT`; it is ended with the tests. Gives its port and what it says next. */
function beside(array $command, array $environment = [], string $listening = '/listening on (\d+)/'): array
{
    $child = proc_open($command, [1 => ['pipe', 'w'], 2 => ['redirect', 1]], $pipes, null, $environment + getenv());
    $GLOBALS['children'][] = $child;
    while (($line = fgets($pipes[1])) !== false) {
        if (preg_match($listening, $line, $port) === 1) {
            return [(int) $port[1], $pipes[1]];
        }
    }
    throw new LogicException('this did not start: ' . implode(' ', $command));
}

/** The address of a server that misbehaves. */
function fake(string $kind, string $detail = ''): string
{
    return 'http://127.0.0.1:' . beside([PHP_BINARY, __DIR__ . '/fake.php', $kind, $detail])[0];
}

/** An address at which nobody listens. */
function nowhere(): string
{
    $server = stream_socket_server('tcp://127.0.0.1:0');
    $name = stream_socket_get_name($server, false);
    fclose($server);
    return "http://$name";
}

/** What a program prints on stdout; its exit code must be 0. */
function output(array $command, ?string $folder = null, array $environment = []): string
{
    $child = proc_open($command, [1 => ['pipe', 'w']], $pipes, $folder, $environment + getenv());
    $said = (string) stream_get_contents($pipes[1]);
    same(0, proc_close($child), implode(' ', $command) . "\n$said");
    return $said;
}

/** One more hold at the gateway: what sdk/make-hold prints. */
function hold(string ...$how): array
{
    preg_match_all('/^([A-Z_]+)=(.*)$/m', output([getenv('HOLDFAST_MAKE_HOLD'), ...$how]), $found);
    return array_combine($found[1], $found[2]);
}

/** The cases of a file of the conformance kit. */
function vectors(string $file): array
{
    $cases = json_decode((string) file_get_contents(__DIR__ . "/../../../conformance/$file.json"), true, flags: JSON_THROW_ON_ERROR)['cases'];
    holds(count($cases) > 5, $file);
    return $cases;
}

/** A folder that is gone when the tests end. */
function room(): string
{
    $folder = sys_get_temp_dir() . '/holdfast-test-' . bin2hex(random_bytes(6));
    mkdir($folder, 0700);
    register_shutdown_function(static function () use ($folder): void {
        foreach ([...glob("$folder/*/*"), ...glob("$folder/*"), $folder] as $path) {
            is_dir($path) ? rmdir($path) : unlink($path);
        }
    });
    return $folder;
}

register_shutdown_function(static function (): void {
    foreach ($GLOBALS['children'] as $child) {
        proc_terminate($child);
    }
});
