<?php

// A receiver of notices (支付结果通知), small enough to read:
//
//   HOLDFAST_NOTICE_KEY=… php -S 127.0.0.1:9090 samples/receiver.php

declare(strict_types=1);

require_once __DIR__ . '/../src/autoload.php';

use Holdfast\Notice;
use Holdfast\NoticeException;

header('Content-Type: text/plain');
try {
    // The body as it was received. $_POST has lost what the signature is about.
    $notice = Notice::verify((string) getenv('HOLDFAST_NOTICE_KEY'), (string) file_get_contents('php://input'));
    // Look your order up by $notice->billNo and compare it:
    // $notice->expect(mid: …, tid: …, billNo: …, billDate: …, totalAmount: …);
    // The same notice can come twice: in the transaction that delivers, keep $notice->notifyId under a unique index.
    error_log("deliver {$notice->billNo}: {$notice->billStatus}, {$notice->totalAmount} fen");
    echo Notice::DONE;
} catch (NoticeException $why) {
    error_log($why->getMessage());
    echo Notice::FAILED;
}
