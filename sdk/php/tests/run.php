<?php

// The tests of this SDK, against the gateway that sdk/check started: sdk/check php

declare(strict_types=1);

error_reporting(E_ALL);
set_error_handler(static function (int $kind, string $text, string $file, int $line): bool {
    if ((error_reporting() & $kind) === 0) {
        return false;
    }
    throw new ErrorException($text, 0, $kind, $file, $line);
});

require_once __DIR__ . '/../DefaultOpenApiClient.php';
require_once __DIR__ . '/harness.php';
foreach (['samples', 'client', 'transport', 'tokens', 'notices', 'tables'] as $part) {
    require __DIR__ . "/$part.php";
}

foreach ($GLOBALS['failed'] as $sentence) {
    echo "failed: $sentence\n";
}
echo $GLOBALS['passed'], ' passed, ', count($GLOBALS['failed']), " failed\n";
exit($GLOBALS['failed'] === [] ? 0 : 1);
