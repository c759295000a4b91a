<?php

// What is known when a request fails: nothing was sent, or nobody knows.

declare(strict_types=1);

use Holdfast\NotSentException;
use Holdfast\OutcomeUnknownException;
use Holdfast\RefusedException;
use Holdfast\Repeat;

function ask(string $baseUrl, mixed ...$with): mixed
{
    return client(...$with + ['baseUrl' => $baseUrl, 'timeout' => 20.0])->query(billNo: '327M0000000', billDate: '2022-04-21');
}

function answering(int $status, string $body, string $header = ''): string
{
    $length = strlen($body);
    return fake('raw', base64_encode("HTTP/1.1 $status X\r\n{$header}Content-Length: $length\r\n\r\n$body"));
}

function unknown(string $baseUrl, string $why = '', mixed ...$with): void
{
    $unknown = throws(OutcomeUnknownException::class, fn () => ask($baseUrl, ...$with));
    same(Repeat::AfterQuery, $unknown->repeat);
    foreach (['outcome unknown: query 结果未知，请先查询', $why] as $part) {
        holds(str_contains($unknown->getMessage(), $part), $unknown->getMessage());
    }
}

test('no answer in time is an outcome unknown', fn () => unknown(fake('silent'), 'no answer within 500 ms', timeout: 0.5));
test('a connection that breaks after sending is an outcome unknown', fn () => unknown(fake('drop'), 'the connection broke before the answer'));
test('an answer that is cut off is an outcome unknown', fn () => unknown(
    fake('raw', base64_encode("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"errCode\":")),
));
test('an answer without end is not read to its end, and is an outcome unknown', fn () => unknown(fake('endless'), 'longer than 1048576 bytes'));
test('an answer that cannot be read is an outcome unknown', function () {
    foreach ([[500, '<html>'], [502, ''], [200, '{"errCode":"SUCC'], [200, '{"errCode":"SUCCESS"}'], [200, '[]']] as $answer) {
        unknown(answering(...$answer));
    }
});
test('a success that something beside it contradicts is an outcome unknown', function () {
    $done = '{"errCode":"SUCCESS","billNo":"1","billDate":"2"}';
    $contradictions = array_map(fn ($status) => [$status, $done], [302, 400, 401, 404, 500, 503]);
    foreach (['TIMEOUT' => 'SUCCESS', 'NO_ORDER' => 'SUCCESS', 'SUCCESS' => 'TIMEOUT'] as $outside => $inside) {
        $contradictions[] = [200, "{\"errCode\":\"$outside\",\"data\":" . str_replace('SUCCESS', $inside, $done) . '}'];
    }
    foreach ($contradictions as $answer) {
        unknown(answering(...$answer), 'contradicts itself');
        $asked = (object) ['url' => answering(...$answer), 'apiVersion' => 'v1', 'serviceCode' => '/x', 'data' => '{}', 'needToken' => false];
        throws(OutcomeUnknownException::class, fn () => (new DefaultOpenApiClient())->execute($asked, 'app', 'key'));
    }
    // PHP would take the last of two.
    unknown(answering(200, '{"errCode":"TIMEOUT","errCode":"SUCCESS","billNo":"1","billDate":"2"}'));
    unknown(answering(200, '{"errCode":"SUCCESS","billNo":"1","billDate":"2","x":{"a":"\\"{","b":[{"c":1,"\\u0063":2}]}}'));
    same('1', ask(answering(200, '{"errCode":"SUCCESS","billNo":"1","billDate":"2","x":[{"a":"\\"a\\":"},{"a":"{"}],"y":{"a":{"a":1}}}'))->billNo);
});
test('codes that no source tells of are refusals with a 4xx only', function () {
    unknown(answering(200, '{"errCode":"NEVER_SEEN"}'));
    $refused = throws(RefusedException::class, fn () => ask(answering(412, '{"errCode":"5131016"}')));
    same(['5131016', Repeat::Pointless], [$refused->errCode, $refused->repeat]);
    $refused = throws(RefusedException::class, fn () => ask(answering(503, '{"errCode":"TXN_DISCARDED"}')));
    same(Repeat::Safe, $refused->repeat);
});

test('a refused connection says that nothing was sent', function () {
    $nothing = throws(NotSentException::class, fn () => ask(nowhere()));
    same(Repeat::Safe, $nothing->repeat);
    holds(str_contains($nothing->getMessage(), 'nothing was sent'), $nothing->getMessage());
    throws(NotSentException::class, fn () => ask('http://no-such-host.invalid'));
});

test('a certificate that nobody vouches for is refused before anything is sent', function () {
    $nothing = throws(NotSentException::class, fn () => ask((string) getenv('HOLDFAST_SELF_SIGNED_URL')));
    holds(str_contains($nothing->getMessage(), 'certificate'), $nothing->getMessage());
    same(Repeat::Pointless, $nothing->repeat);
});

test('a certificate is trusted through its authority only, and for its own name only', function () {
    $url = (string) getenv('HOLDFAST_SELF_SIGNED_URL');
    $caFile = (string) getenv('HOLDFAST_SELF_SIGNED_CERT');
    // What answers there is no gateway, but it was reached.
    $answered = throws(Holdfast\HoldfastException::class, fn () => ask($url, caFile: $caFile));
    holds(!str_contains($answered->getMessage(), 'nothing was sent'), $answered->getMessage());
    $other = str_replace('localhost', '127.0.0.1', $url);
    $nothing = throws(NotSentException::class, fn () => ask($other, caFile: $caFile));
    holds(str_contains($nothing->getMessage(), 'nothing was sent'), $nothing->getMessage());
});

test('nothing in the sources switches the check of certificates off', function () {
    foreach (glob(dirname(__DIR__) . '/{*,src/*,utils/*,samples/*}.php', GLOB_BRACE) as $file) {
        $code = (string) file_get_contents($file);
        preg_match_all('/CURLOPT_(?:SSL_VERIFYPEER|SSL_VERIFYHOST|FOLLOWLOCATION)\b.*/', $code, $lines);
        foreach ($lines[0] as $line) {
            holds(preg_match('/VERIFYPEER => true,|VERIFYHOST => 2,|FOLLOWLOCATION => false,/', $line) === 1, $line);
        }
    }
});

test('a redirect is not followed', function () {
    $there = fake('gateway');
    $refused = throws(RefusedException::class, fn () => ask(answering(302, '', "Location: $there/\r\n")));
    holds(str_contains($refused->getMessage(), 'was not followed'), $refused->getMessage());
    $count = client(baseUrl: $there)->call('/v1/x', [])['requests'];
    same(1, $count, 'the redirect arrived');
});

test('a stranger who refuses did nothing', function () {
    same(Repeat::Pointless, throws(RefusedException::class, fn () => ask(answering(404, '<html>')))->repeat);
});
