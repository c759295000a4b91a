<?php

// A server that misbehaves, for tests: php fake.php KIND [DETAIL]. Says `listening on PORT`, then serves one connection
// after the other until it is ended.
//
//   silent       reads requests and never answers
//   drop         reads a request and hangs up
//   raw TEXT     answers TEXT (base64)
//   endless      answers without end
//   gateway N    gives tokens that live an hour; refuses the first N tokens; tells what it was asked
//   receiver     answers SUCCESS and prints each body (base64)

declare(strict_types=1);

[$kind, $detail] = [$argv[1], $argv[2] ?? ''];
$server = stream_socket_server('tcp://127.0.0.1:0');
echo 'listening on ', substr(strrchr(stream_socket_get_name($server, false), ':'), 1), "\n";

$silent = [];
$tokens = 0;
$requests = 0;
while ($connection = stream_socket_accept($server, 300)) {
    $head = '';
    while (($line = fgets($connection)) !== false && trim($line) !== '') {
        $head .= $line;
    }
    preg_match('/^content-length: *(\d+)/mi', $head, $length);
    $body = $length ? (string) stream_get_contents($connection, (int) $length[1]) : '';
    preg_match('/^authorization: *(.*?)\r?$/mi', $head, $authorization);
    $say = static function (array $answer, string $status = '200 OK') use ($connection): void {
        $json = json_encode($answer, JSON_UNESCAPED_UNICODE | JSON_UNESCAPED_SLASHES);
        fwrite($connection, "HTTP/1.1 $status\r\nContent-Length: " . strlen($json) . "\r\n\r\n$json");
    };
    switch ($kind) {
        case 'silent':
            $silent[] = $connection;
            continue 2;
        case 'drop':
            break;
        case 'raw':
            fwrite($connection, base64_decode($detail));
            break;
        case 'endless':
            fwrite($connection, "HTTP/1.1 200 OK\r\n\r\n");
            while (@fwrite($connection, str_repeat('x', 65536))) {
            }
            break;
        case 'receiver':
            fwrite($connection, "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nSUCCESS");
            echo base64_encode($body), "\n";
            break;
        case 'gateway':
            if (str_contains($head, '/v1/token/access ')) {
                $tokens++;
                // Whoever else wants one has time to come and ask.
                [$others, $none] = [[$server], []];
                stream_select($others, $none, $none, 0, 300_000);
                $say(['errCode' => '0000', 'accessToken' => "token-$tokens", 'expiresIn' => 3600]);
                break;
            }
            $requests++;
            preg_match('/AccessToken=token-(\d+)/', $authorization[1] ?? '', $token);
            if ($token && (int) $token[1] <= (int) $detail) {
                $say(['errCode' => 'BAD_SIGN', 'errMsg' => '认证失败', 'errInfo' => '认证失败'], '401 Unauthorized');
                break;
            }
            $say([
                'errCode' => 'SUCCESS', 'errMsg' => 'done', 'tokens' => $tokens, 'requests' => $requests,
                'path' => explode(' ', $head)[1], 'authorization' => $authorization[1] ?? null, 'received' => $body,
            ]);
            break;
    }
    fclose($connection);
}
