<?php

declare(strict_types=1);

// For programs without Composer: finds the classes of this folder.
spl_autoload_register(static function (string $class): void {
    if (preg_match('/^Holdfast\\\\([A-Za-z]+)$/D', $class, $name) === 1 && is_file(__DIR__ . "/{$name[1]}.php")) {
        require_once __DIR__ . "/{$name[1]}.php";
    }
});
