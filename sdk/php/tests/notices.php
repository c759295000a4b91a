<?php

// A true notice is believed, a changed one never.

declare(strict_types=1);

use Holdfast\Notice;
use Holdfast\NoticeException;
use Holdfast\NoticeFault;

const KEY = 'fcAmtnx7MwismjWNhNKdHC44mNXtnEQeJkRrhKJwyrW2ysRR';
const NOTICE = ['mid' => '898340149000005', 'tid' => '88880001', 'notifyId' => '911b4376', 'seqId' => '00151100146N',
    'billNo' => '3194202304010900000001234567', 'billDate' => '2023-04-01', 'billStatus' => 'PAID', 'totalAmount' => '1908',
    'billPayment' => '{"merOrderId":"31942023040109000000012345670","totalAmount":1908,"status":"TRADE_SUCCESS"}', 'gY' => 'Snwz'];

/** A body that is signed with KEY. */
function signedForm(array $fields): string
{
    $pairs = array_map(fn ($name, $value) => [(string) $name, $value], array_keys($fields), $fields);
    $pairs[] = ['sign', Notice::sign(KEY, $pairs)];
    return implode('&', array_map(fn ($pair) => urlencode($pair[0]) . '=' . urlencode($pair[1]), $pairs));
}

function refused(NoticeFault $fault, string $body, string|array $keys = KEY): void
{
    same($fault->name, throws(NoticeException::class, fn () => Notice::verify($keys, $body))->fault->name, $body);
}

test('a real notice is believed, and none that differs from it', function () {
    [$port, $says] = beside([PHP_BINARY, __DIR__ . '/fake.php', 'receiver']);
    $hold = hold('--notify-url', "http://127.0.0.1:$port/");
    $body = base64_decode((string) fgets($says));
    $key = (string) getenv('HOLDFAST_NOTICE_KEY');
    $notice = Notice::verify($key, $body);
    $order = ['mid' => (string) getenv('HOLDFAST_MID'), 'tid' => (string) getenv('HOLDFAST_TID'), ...bill($hold)];
    same($notice, $notice->expect(...$order, totalAmount: 50000));
    same(['PAID', $hold['AUTH_CODE'], 50000], [$notice->billStatus, $notice->authIdRespCd, $notice->billPayment?->totalAmount]);
    $other = throws(NoticeException::class, fn () => $notice->expect(...$order, totalAmount: 50001));
    same(['Unexpected', 'totalAmount'], [$other->fault->name, $other->field]);
    refused(NoticeFault::WrongSignature, $body, (string) getenv('HOLDFAST_APP_KEY'));
    refused(NoticeFault::WrongSignature, $body, []);
    same($notice->notifyId, Notice::verify(['another', $key], $body)->notifyId);
    refused(NoticeFault::WrongSignature, "$body&more=1");
    // Each byte of it matters: whichever is replaced, it is no longer believed.
    foreach (range(0, strlen($body) - 1) as $at) {
        $changed = substr_replace($body, $body[$at] === 'x' ? 'y' : 'x', $at, 1);
        // The letters of the signature may be small.
        throws(NoticeException::class, fn () => Notice::verify($key, $changed));
    }
});

test('the notices of the conformance kit are signed, believed and refused as they should be', function () {
    $faults = ['wrong-signature' => 'WrongSignature', 'unsigned' => 'Unsigned', 'twice' => 'Twice', 'not-form' => 'NotForm',
        'ambiguous' => 'Ambiguous'];
    foreach (vectors('notices') as $case) {
        same($case['signedText'], Notice::signedText($case['pairs']), $case['name']);
        same($case['sign'], Notice::sign($case['key'], $case['pairs']), $case['name']);
        foreach ([$case, ...$case['accept']] as $good) {
            Notice::verify($case['key'], $good['body']);
        }
        foreach ($case['refuse'] as $bad) {
            $thrown = throws(NoticeException::class, fn () => Notice::verify($case['key'], $bad['body']));
            same($faults[$bad['kind']], $thrown->fault->name, "{$case['name']}: {$bad['name']}");
        }
    }
});

test('MD5 unless signType says SHA256; signType and odd names are signed too', function () {
    same('911b4376', Notice::verify(KEY, signedForm(NOTICE))->notifyId);
    $sha = signedForm(NOTICE + ['signType' => 'SHA256']);
    same(1, preg_match('/sign=[0-9A-F]{64}$/', $sha));
    same('911b4376', Notice::verify(KEY, $sha)->notifyId);
    refused(NoticeFault::WrongSignature, str_replace('signType=SHA256', 'signType=MD5', $sha));
    // PHP would make these `a_b`, `c_d`, an array and a number.
    $odd = NOTICE + ['a.b' => '1', 'c d' => '2', 'e[]' => '3', '7' => 'x', '007' => 'y', 'Zz' => '+ %', 'empty' => ''];
    same('+ %', Notice::verify(KEY, signedForm($odd))->get('Zz'));
    same('911b4376', Notice::verify(KEY, strtr(signedForm(NOTICE), ['+' => '%20']) . '&')->notifyId);
    $small = preg_replace_callback('/sign=\w+/', fn ($sign) => strtolower($sign[0]), signedForm(NOTICE));
    same('911b4376', Notice::verify(KEY, $small)->notifyId);
});

test('what two readers could read differently is refused although its signature is right', function () {
    refused(NoticeFault::Twice, signedForm(NOTICE) . '&mid=898340149000005');
    refused(NoticeFault::Twice, signedForm(NOTICE) . '&x=&x=');
    // The same signature, with the border between two fields moved.
    $moved = array_diff_key(NOTICE, ['tid' => '']);
    $moved['seqId'] .= '&tid=88880001';
    same(preg_replace('/.*sign=/', '', signedForm(NOTICE)), preg_replace('/.*sign=/', '', signedForm($moved)));
    refused(NoticeFault::Ambiguous, signedForm($moved));
    // Not even a pair that nobody reads may be in a number by which a notice is known again.
    refused(NoticeFault::Ambiguous, signedForm(['notifyId' => '911b4376&oK=Snwz'] + NOTICE));
    refused(NoticeFault::Ambiguous, signedForm(['seqId' => '00151100146N&sK=Snwz'] + NOTICE));
    refused(NoticeFault::Ambiguous, signedForm(['a=b' => '1'] + NOTICE));
    refused(NoticeFault::Ambiguous, signedForm(['a&b' => '1'] + NOTICE));
    // An address may have an `&` as long as no field of a notice follows.
    same('911b4376', Notice::verify(KEY, signedForm(['billQRCode' => 'https://q.example/?id=1&x=2'] + NOTICE))->notifyId);
});

test('what is no notice is refused, and says why', function () {
    refused(NoticeFault::Unsigned, 'mid=1&billStatus=PAID');
    refused(NoticeFault::Unsigned, '');
    // Signed with an empty key, as anybody could: a key that is not set must not become one.
    $forged = array_map(fn ($name, $value) => [(string) $name, $value], array_keys(NOTICE), NOTICE);
    $forged = implode('&', array_map(fn ($pair) => urlencode($pair[0]) . '=' . urlencode($pair[1]), [...$forged, ['sign', Notice::sign('', $forged)]]));
    foreach (['', [''], [KEY, '']] as $keys) {
        throws(InvalidArgumentException::class, fn () => Notice::verify($keys, $forged));
    }
    refused(NoticeFault::NotForm, 'a=%zz&sign=1');
    refused(NoticeFault::NotForm, 'a=%4&sign=1');
    refused(NoticeFault::NotForm, 'a=%ff&sign=1');
    refused(NoticeFault::NotForm, str_repeat('a', Notice::BODY_MAX + 1));
    refused(NoticeFault::WrongSignature, 'a=1&sign=');
    foreach (['notifyId', 'seqId', 'billStatus'] as $name) {
        $without = NOTICE;
        unset($without[$name]);
        refused(NoticeFault::Incomplete, signedForm($without));
    }
    refused(NoticeFault::Incomplete, signedForm(['billStatus' => 'ODD'] + NOTICE));
    // A field that breaks its rule counts as absent: it must not cost the news.
    same(null, Notice::verify(KEY, signedForm(['totalAmount' => '19.08', 'billPayment' => '{'] + NOTICE))->totalAmount);
});
