<?php

declare(strict_types=1);

namespace Holdfast;

/**
 * Access tokens: fetched once, shared by all requests and by all processes of one user, renewed before they die.
 *
 * An app may have ten live tokens, and a web server starts PHP anew for each page. So a token is also kept in a file,
 * readable by its owner only, in a folder readable by its owner only. Where no such folder can be had, a token lives as
 * long as the process.
 */
final class TokenCache
{
    /** Seconds before its end from which on a token is no longer used; a short-lived one gives up a tenth. */
    private const MARGIN = 60;

    /** So many tokens are remembered in one process; the oldest goes first. */
    private const MOST = 64;

    /** @var array<string, array{token: string, until: int}> */
    private array $kept = [];

    private static ?self $shared = null;

    private readonly ?string $folder;

    /**
     * @param ?string $folder where tokens are kept for other processes; none when `null`. It is made if it is not there.
     * @throws \InvalidArgumentException when others than this user may read or change what is in it
     */
    public function __construct(?string $folder = null)
    {
        if ($folder !== null && !self::isPrivate($folder)) {
            throw new \InvalidArgumentException(
                "$folder must be a folder of this user that nobody else can open (mode 0700) 令牌目录须仅本用户可访问",
            );
        }
        $this->folder = $folder;
    }

    /** The cache of this process, with a folder of this user below the system's temporary one if that can be had. */
    public static function shared(): self
    {
        if (self::$shared === null) {
            $user = function_exists('posix_geteuid') ? (string) posix_geteuid() : get_current_user();
            $folder = sys_get_temp_dir() . '/holdfast-tokens-' . preg_replace('/[^A-Za-z0-9_]/', '_', $user);
            self::$shared = new self(self::isPrivate($folder) ? $folder : null);
        }
        return self::$shared;
    }

    /**
     * The token in use, or a new one when there is none, it is about to die, or it is `refused`. Whoever comes meanwhile
     * waits for the same one.
     *
     * @param string $name whose token it is; it becomes part of a file's name only as a digest
     * @param callable(): array{token: string, life: int} $fetch gets a new one, with the seconds it lives
     */
    public function get(
        #[\SensitiveParameter] string $name,
        callable $fetch,
        #[\SensitiveParameter] ?string $refused = null,
    ): string {
        $name = hash('sha256', $name);
        $good = static fn (?array $kept): bool =>
            $kept !== null && $kept['token'] !== $refused && Clock::seconds() < $kept['until'];
        if ($good($this->kept[$name] ?? null)) {
            return $this->kept[$name]['token'];
        }
        $file = $this->folder === null ? null : $this->open("{$this->folder}/$name");
        try {
            $kept = $file === null ? null : self::read($file);
            if (!$good($kept)) {
                // Counted from before the request, as the gateway counts from before its answer.
                $now = Clock::seconds();
                ['token' => $token, 'life' => $life] = $fetch();
                $kept = ['token' => $token, 'until' => $now + $life - min(self::MARGIN, intdiv($life, 10))];
                if ($file !== null) {
                    self::write($file, $kept);
                }
            }
        } finally {
            if ($file !== null) {
                fclose($file);
            }
        }
        unset($this->kept[$name]);
        $this->kept[$name] = $kept;
        if (count($this->kept) > self::MOST) {
            array_shift($this->kept);
        }
        return $kept['token'];
    }

    /** @return array<string, mixed> */
    public function __debugInfo(): array
    {
        return ['folder' => $this->folder, 'kept' => count($this->kept)];
    }

    /**
     * The file, locked until it is closed; `null` where files cannot be had.
     *
     * @return resource|null
     */
    private function open(string $path)
    {
        $before = umask(0077);
        $file = is_link($path) ? false : @fopen($path, 'c+');
        umask($before);
        if ($file === false) {
            return null;
        }
        if ((fstat($file)['mode'] & 0177) !== 0 || !flock($file, LOCK_EX)) {
            fclose($file);
            return null;
        }
        return $file;
    }

    /**
     * @param resource $file
     * @return array{token: string, until: int}|null
     */
    private static function read($file): ?array
    {
        rewind($file);
        $kept = json_decode((string) fread($file, 4096), true);
        $whole = is_array($kept) && is_string($kept['token'] ?? null) && is_int($kept['until'] ?? null);
        return $whole ? ['token' => $kept['token'], 'until' => $kept['until']] : null;
    }

    /**
     * @param resource $file
     * @param array{token: string, until: int} $kept
     */
    private static function write($file, #[\SensitiveParameter] array $kept): void
    {
        ftruncate($file, 0);
        rewind($file);
        fwrite($file, json_encode($kept, JSON_THROW_ON_ERROR));
        fflush($file);
    }

    /** Whether a folder is this user's alone; makes it if it is not there. */
    private static function isPrivate(string $folder): bool
    {
        if (!is_dir($folder) && !@mkdir($folder, 0700) && !is_dir($folder)) {
            return false;
        }
        clearstatcache(true, $folder);
        $found = @lstat($folder);
        if ($found === false || is_link($folder) || ($found['mode'] & 0077) !== 0) {
            return false;
        }
        // Without posix nobody says who we are; but only its owner can write into a folder of that mode.
        return function_exists('posix_geteuid') ? $found['uid'] === posix_geteuid() : is_writable($folder);
    }
}
