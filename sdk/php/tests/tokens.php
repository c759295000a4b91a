<?php

// Tokens: fetched once, shared, renewed once; and the shapes in which the pages' programs ask.

declare(strict_types=1);

use Holdfast\NotSentException;
use Holdfast\RefusedException;
use Holdfast\Scheme;
use Holdfast\TokenCache;

/** What the pages' programs hand over. */
function request(string $url, string $data = '{"mid":"1"}', mixed ...$more): object
{
    return (object) ($more + ['url' => $url, 'apiVersion' => 'v1', 'serviceCode' => '/netpay/bills/query', 'data' => $data]);
}

function execute(object $request, ?TokenCache $tokens = null): array
{
    $client = new DefaultOpenApiClient(tokens: $tokens ?? new TokenCache());
    return json_decode($client->execute($request, 'app', 'key'), true, flags: JSON_THROW_ON_ERROR);
}

test('needToken says whether a token is shown or the body is signed', function () {
    $url = fake('gateway');
    same('OPEN-ACCESS-TOKEN AccessToken=token-1', execute(request($url))['authorization']);
    same('OPEN-ACCESS-TOKEN AccessToken=token-2', execute(request($url, needToken: true))['authorization']);
    holds(str_starts_with(execute(request($url, needToken: false))['authorization'], 'OPEN-BODY-SIG AppId="app",Timestamp="'), 'signed');
});

test('data goes out byte for byte, and needDataTag puts it into an envelope', function () {
    $url = fake('gateway');
    $data = "{ \"mid\" : \"1\",\n \"billDesc\":\"押金\" }";
    same($data, execute(request($url, $data))['received']);
    same("{\"data\":$data}", execute(request($url, $data, needDataTag: true))['received']);
});

test('an answer always has errInfo', function () {
    $answer = (new DefaultOpenApiClient(tokens: new TokenCache()))->execute(request(fake('gateway')), 'app', 'key');
    holds(str_ends_with($answer, ',"errInfo":"done"}'), $answer);
    same('NO_ORDER', execute(request(answering(200, '{"errCode":"NO_ORDER","errInfo":"x"}'), needToken: false))['errCode']);
});

test('a request finds its path in every shape that the programs of the pages give it', function () {
    $url = fake('gateway');
    $path = '/v1/netpay/bills/preauthed-cancel';
    $shapes = [
        ['url' => $url, 'apiVersion' => 'v1', 'serviceCode' => '/netpay/bills/preauthed-cancel'],
        ['url' => "$url/", 'apiVersion' => 'v1', 'serviceCode' => 'netpay/bills/preauthed-cancel'],
        ['url' => $url, 'apiVersion' => '/v1/', 'serviceCode' => '/netpay/bills/preauthed-cancel'],
        // The pattern of the page is none: no version is found.
        ['url' => 'http:', 'apiVersion' => null, 'serviceCode' => "$url$path"],
        // A host whose name has the version in it: `https://dev1.example`.
        ['url' => $url, 'apiVersion' => 'v1', 'serviceCode' => '.example/v1/netpay/bills/preauthed-cancel'],
    ];
    foreach ($shapes as $shape) {
        same($path, execute(request(...$shape + ['url' => '']))['path'], json_encode($shape));
    }
    same("/gate$path", execute(request("$url/gate", serviceCode: '/netpay/bills/preauthed-cancel'))['path']);
    throws(InvalidArgumentException::class, fn () => execute(request('', apiVersion: '', serviceCode: '')));
});

test('a token is fetched once for many requests, also of other clients', function () {
    $url = fake('gateway');
    $tokens = new TokenCache();
    foreach (range(1, 5) as $count) {
        $answer = execute(request($url), $tokens);
        same([1, $count], [$answer['tokens'], $answer['requests']]);
    }
});

test('each app and each key has a token of its own', function () {
    $url = fake('gateway');
    $tokens = new TokenCache();
    foreach ([['app', 'key'], ['app', 'other'], ['bpp', 'key']] as $number => [$app, $key]) {
        $answer = (new DefaultOpenApiClient(tokens: $tokens))->execute(request($url), $app, $key);
        same($number + 1, json_decode($answer)->tokens);
    }
});

test('a refused token is renewed once, and no more than once', function () {
    $answer = execute(request(fake('gateway', '1')));
    same([2, 2], [$answer['tokens'], $answer['requests']]);
    $url = fake('gateway', '9');
    $client = client(baseUrl: $url, scheme: Scheme::AccessToken);
    same('BAD_SIGN', throws(RefusedException::class, fn () => $client->query('327M0000000'))->errCode);
    same(3, client(baseUrl: $url)->call('/v1/x', [])['requests'], 'two tries, and this');
    // By the status, or by the words of the official platform; after a 5xx somebody may have acted.
    foreach ([[401, 'no', true], [412, '认证失败', true], [412, 'no', false], [500, '渠道认证失败', false]] as [$status, $words, $refused]) {
        same($refused, (new Holdfast\Exchange($url, $status, "{\"errCode\":\"X\",\"errInfo\":\"$words\"}"))->tokenWasRefused(), "$status $words");
    }
});

test('processes share a token through a file that only their user can read', function () {
    $url = fake('gateway');
    $folder = room();
    $program = 'require "DefaultOpenApiClient.php"; $client = new DefaultOpenApiClient(tokens: new Holdfast\TokenCache($argv[1]));'
        . 'echo $client->execute((object) ["url" => $argv[2], "apiVersion" => "v1", "serviceCode" => "/x", "data" => "{}"], "app", "key");';
    $children = [];
    foreach (range(1, 8) as $_) {
        $command = [PHP_BINARY, '-r', $program, '--', $folder, $url];
        $children[] = [proc_open($command, [1 => ['pipe', 'w']], $pipes, dirname(__DIR__)), $pipes[1]];
    }
    foreach ($children as [$child, $says]) {
        $answer = json_decode((string) stream_get_contents($says), true);
        same([0, 1, 'OPEN-ACCESS-TOKEN AccessToken=token-1'], [proc_close($child), $answer['tokens'], $answer['authorization']]);
    }
    $files = glob("$folder/*");
    same([1, '100600'], [count($files), decoct(fileperms($files[0]))]);
});

test('a folder that others can open is no place for tokens', function () {
    $folder = room();
    chmod($folder, 0755);
    throws(InvalidArgumentException::class, fn () => new TokenCache($folder));
    chmod($folder, 0700);
    // A file that others can read is left alone, and a link is not followed.
    $url = fake('gateway');
    $tokens = fn () => new TokenCache($folder);
    execute(request($url), $tokens());
    [$file] = glob("$folder/*");
    chmod($file, 0644);
    same(2, execute(request($url), $tokens())['tokens']);
    unlink($file);
    file_put_contents("$folder/other", '');
    chmod("$folder/other", 0600);
    symlink("$folder/other", $file);
    same(3, execute(request($url), $tokens())['tokens']);
    same('', file_get_contents("$folder/other"));
});

test('a token that is about to die is not used', function () {
    $tokens = new TokenCache();
    $fetched = 0;
    $get = function (int $life) use ($tokens, &$fetched): void {
        $tokens->get('x', function () use ($life, &$fetched) {
            $fetched++;
            return ['token' => "t$fetched", 'life' => $life];
        });
    };
    $get(0);
    $get(3600);
    $get(3600);
    same(2, $fetched);
});

test('without a token nothing is sent', function () {
    foreach ([nowhere(), fake('drop'), answering(200, '{"errCode":"0000"}')] as $url) {
        throws(NotSentException::class, fn () => execute(request($url)));
    }
});

test('a token that the gateway has ended is renewed, at the real gateway', function () {
    $folder = room();
    $client = fn () => client(scheme: Scheme::AccessToken, tokens: new TokenCache($folder));
    $hold = hold();
    $client()->query(...bill($hold));
    [$file] = glob("$folder/*");
    // As if the gateway had ended it: the last digit of its signature differs.
    $kept = json_decode((string) file_get_contents($file), true);
    $dead = substr($kept['token'], 0, -1) . ($kept['token'][-1] === '0' ? '1' : '0');
    file_put_contents($file, json_encode(['token' => $dead] + $kept));
    same($hold['BILL_NO'], $client()->query(...bill($hold))->billNo);
    holds(json_decode((string) file_get_contents($file), true)['token'] !== $dead, 'the dead token is still there');
});
