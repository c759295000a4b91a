<?php

// Every endpoint of a hold, at the real gateway, and what its refusals become.

declare(strict_types=1);

use Holdfast\Client;
use Holdfast\NotSentException;
use Holdfast\OutcomeUnknownException;
use Holdfast\RefusedException;
use Holdfast\Repeat;
use Holdfast\Scheme;
use Holdfast\TokenCache;

function client(mixed ...$with): Client
{
    return new Client(...$with + [
        'baseUrl' => (string) getenv('HOLDFAST_BASE_URL'),
        'appId' => (string) getenv('HOLDFAST_APP_ID'),
        'appKey' => (string) getenv('HOLDFAST_APP_KEY'),
        'mid' => (string) getenv('HOLDFAST_MID'),
        'tid' => (string) getenv('HOLDFAST_TID'),
        'tokens' => new TokenCache(),
    ]);
}

/** What names a bill in every request. */
function bill(array $hold): array
{
    return ['billNo' => $hold['BILL_NO'], 'billDate' => $hold['BILL_DATE']];
}

$schemes = ['signed' => [Scheme::BodySig, false], 'with a token' => [Scheme::AccessToken, false],
    'signed, in an envelope' => [Scheme::BodySig, true], 'with a token, in an envelope' => [Scheme::AccessToken, true]];
foreach ($schemes as $name => [$scheme, $dataTag]) {
    test("a capture is made, seen and reversed, $name", function () use ($scheme, $dataTag) {
        $client = client(scheme: $scheme, dataTag: $dataTag);
        $hold = hold();
        $order = "{$hold['BILL_NO']}C1";
        $how = ['merOrderId' => $order, 'authIdRespCd' => $hold['AUTH_CODE']];
        $captured = $client->preauthed(
            ...bill($hold),
            authedOrderId: $order,
            authIdRespCd: $hold['AUTH_CODE'],
            totalAmount: 38000,
            msgId: 'abc',
        );
        same([$order, 38000, 'abc'], [$captured->authedOrderId, $captured->authedBillPayment?->totalAmount, $captured->msgId]);
        $state = $client->query(...bill($hold), authedOrderId: $order);
        same(['PAID', 50000, $hold['AUTH_CODE']], [$state->billStatus, $state->totalAmount, $state->authIdRespCd]);
        same([38000, 'TRADE_SUCCESS'], [$state->authedBillPayment?->totalAmount, $state->authedBillPayment?->status]);
        $reversed = $client->preauthedCancel(...bill($hold), ...$how);
        same([$hold['BILL_NO'], 38000, 'TRADE_CLOSED'], [
            $reversed->billNo, $reversed->billPayment?->totalAmount, $reversed->billPayment?->status,
        ]);
    });
}

test('a code is made, and the hold behind it released', function () {
    $client = client();
    $number = '327M' . bin2hex(random_bytes(10));
    $bill = ['billNo' => $number, 'billDate' => Holdfast\Clock::beijing()->format('Y-m-d')];
    $code = $client->getQrcode(...$bill, totalAmount: 50000, billDesc: '押金 301/1', more: ['counterNo' => '301']);
    same([$number, true], [$code->billNo, str_starts_with($code->billQRCode, 'http')]);
    same(['UNPAID', null, '301'], [
        ($state = $client->query(...$bill))->billStatus, $state->authIdRespCd, $state->raw['counterNo'],
    ]);
    output([getenv('HOLDFAST_BINARY'), 'sim', 'pay', (string) $code->qrCodeId]);
    $state = $client->query(...$bill);
    $released = $client->preauthCancel(
        ...$bill,
        merOrderId: (string) $state->billPayment?->merOrderId,
        authIdRespCd: (string) $state->authIdRespCd,
    );
    same([50000, 'CLOSED'], [$released->billPayment?->totalAmount, $released->billStatus]);
});

test('part of a capture is refunded', function () {
    $hold = hold('--capture', '38000');
    $number = "{$hold['BILL_NO']}R1";
    $refunded = client()->refund(...bill($hold), refundOrderId: $number, refundAmount: 2000, refundDesc: '多收');
    same([$number, 2000, 'SUCCESS'], [$refunded->refundOrderId, $refunded->refundAmount, $refunded->refundStatus]);
    $state = client()->query(...bill($hold), refundOrderId: $number);
    same(2000, $state->refundBillPayment?->totalAmount);
});

test('a refusal has its code and says whether to repeat', function () {
    $refused = throws(RefusedException::class, fn () => client()->query(billNo: '327M00000000000000000000000', billDate: '2022-04-21'));
    same(['NO_ORDER', Repeat::Pointless, 200], [$refused->errCode, $refused->repeat, $refused->status]);
    $refused = throws(RefusedException::class, fn () => client(appKey: 'wrong')->query(billNo: '327M0000000'));
    same(['BAD_SIGN', Repeat::Pointless, 401], [$refused->errCode, $refused->repeat, $refused->status]);
});

test('what the gateway does not know is an outcome unknown', function () {
    $hold = hold();
    // The simulated channel acts and its answer gets lost.
    $unknown = throws(OutcomeUnknownException::class, fn () => client()->preauthed(
        ...bill($hold),
        authedOrderId: substr($hold['BILL_NO'], 0, 10) . random_int(1000, 9999) . '-cap-lostanswer',
        authIdRespCd: $hold['AUTH_CODE'],
        totalAmount: 12000,
    ));
    same(['TIMEOUT', Repeat::AfterQuery], [$unknown->errCode, $unknown->repeat]);
    holds(str_contains($unknown->getMessage(), 'outcome unknown: query'), $unknown->getMessage());
});

test('amounts that are not whole fen within the bounds are not sent', function () {
    foreach ([0, -1, 100_000_001] as $amount) {
        throws(InvalidArgumentException::class, fn () => client(baseUrl: nowhere())->refund('1', '2', '3', $amount));
    }
});

test('addresses and names that could carry something else are refused', function () {
    foreach (['ftp://h', 'https://key@h', 'https://h?x=1', "https://h\r\nX: y", 'h', 'https://', 'https://h/#x'] as $url) {
        throws(InvalidArgumentException::class, fn () => client(baseUrl: $url));
    }
    foreach (['', "a\r\nb", 'a"b', 'a,b', str_repeat('a', 65)] as $appId) {
        throws(InvalidArgumentException::class, fn () => client(appId: $appId));
    }
    throws(InvalidArgumentException::class, fn () => client(appKey: ''));
});

test('keys do not print', function () {
    $client = client(appKey: 'never-shown', scheme: Scheme::AccessToken, baseUrl: nowhere());
    $thrown = throws(NotSentException::class, fn () => $client->query(billNo: '327M0000000'));
    $old = throws(NotSentException::class, function () {
        $request = (object) ['url' => nowhere(), 'apiVersion' => 'v1', 'serviceCode' => '/x', 'data' => '{}'];
        (new DefaultOpenApiClient())->execute($request, 'app', 'never-shown');
    });
    ob_start();
    var_dump($client);
    print_r($client);
    var_export(new Holdfast\Secret('never-shown'));
    // As a reporter of errors does that takes the arguments as well.
    $sent = throws(NotSentException::class, fn () => (new Holdfast\Transport())->post(nowhere(), '{}', 'AccessToken=never-shown'));
    print_r([$sent->getTrace(), $thrown->getTrace(), $old->getTrace()]);
    $shown = ob_get_clean() . $thrown . $old;
    // PHP 8.1 knows no SensitiveParameter and prints the arguments in a trace.
    holds(PHP_VERSION_ID < 80200 || !str_contains($shown, 'never-shown'), $shown);
    throws(LogicException::class, fn () => serialize($client));
});
