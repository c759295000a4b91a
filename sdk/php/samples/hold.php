<?php

// One hold from beginning to end: made, captured, reversed, captured again, refunded in part.
//
//   php samples/hold.php

declare(strict_types=1);

require_once __DIR__ . '/../src/autoload.php';

use Holdfast\Client;
use Holdfast\Clock;
use Holdfast\NotSentException;
use Holdfast\OutcomeUnknownException;
use Holdfast\RefusedException;

$client = new Client(
    baseUrl: getenv('HOLDFAST_BASE_URL') ?: Client::TEST,
    appId: (string) getenv('HOLDFAST_APP_ID'),
    appKey: (string) getenv('HOLDFAST_APP_KEY'),
    mid: '898201612345678',
    tid: '88880001',
);
$now = Clock::beijing();
$bill = ['billNo' => '327M' . $now->format('YmdHisv') . random_int(1000000, 9999999), 'billDate' => $now->format('Y-m-d')];

try {
    $code = $client->getQrcode(...$bill, totalAmount: 50000, billDesc: '押金 301');
    echo "scan {$code->billQRCode}\n";
    // At a test gateway of Holdfast the payer is simulated: holdfast sim pay QRCODEID
    echo "pay {$code->qrCodeId}, then press return ";
    fgets(STDIN);
    $auth = $client->query(...$bill)->authIdRespCd ?? exit("nobody has paid\n");

    $client->preauthed(...$bill, authedOrderId: "{$bill['billNo']}A", authIdRespCd: $auth, totalAmount: 38000);
    $reversed = $client->preauthedCancel(...$bill, merOrderId: "{$bill['billNo']}A", authIdRespCd: $auth);
    echo "reversed {$reversed->billPayment?->totalAmount} fen\n";
    $client->preauthed(...$bill, authedOrderId: "{$bill['billNo']}B", authIdRespCd: $auth, totalAmount: 42000);
    $refunded = $client->refund(...$bill, refundOrderId: "{$bill['billNo']}R", refundAmount: 2000);
    echo "refunded {$refunded->refundAmount} fen\n";
} catch (OutcomeUnknownException $why) {
    // Money may have moved. Ask with query() until it is known; never send it under a new number before.
    exit("{$why->getMessage()}\n");
} catch (RefusedException $why) {
    exit("refused, {$why->errCode}, repeat: {$why->repeat->value}\n{$why->getMessage()}\n");
} catch (NotSentException $why) {
    exit("{$why->getMessage()}\n");
}
