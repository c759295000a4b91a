package com.holdfast.client;

import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.util.Base64;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

/** The signatures of requests. */
final class Signatures {
    private Signatures() {}

    /** The value of the {@code Authorization} header for these bytes, signed now ({@code OPEN-BODY-SIG}). */
    static String header(String appId, Secret appKey, byte[] body) {
        return headerAt(appId, appKey, Clock.stamp(), Clock.nonce(), body);
    }

    /** As {@link #header}, for a time and a nonce that are given. */
    static String headerAt(String appId, Secret appKey, String stamp, String nonce, byte[] body) {
        return "OPEN-BODY-SIG AppId=\"" + appId + "\",Timestamp=\"" + stamp + "\",Nonce=\"" + nonce + "\",Signature=\""
                + of(appId, appKey, stamp, nonce, body) + "\"";
    }

    /** The signature over a body: base64 of HMAC-SHA256 over AppId, time, nonce and the body's SHA-256 in hex. */
    static String of(String appId, Secret appKey, String stamp, String nonce, byte[] body) {
        String signed = appId + stamp + nonce + hex(digest("SHA-256", body));
        try {
            Mac mac = Mac.getInstance("HmacSHA256");
            mac.init(new SecretKeySpec(utf8(appKey.expose()), "HmacSHA256"));
            return Base64.getEncoder().encodeToString(mac.doFinal(utf8(signed)));
        } catch (GeneralSecurityException missing) {
            throw new IllegalStateException("every Java has HmacSHA256", missing);
        }
    }

    /** The signature in a request for a token: SHA-256, in hex, of AppId, time, nonce and the key. */
    static String ofToken(String appId, Secret appKey, String stamp, String nonce) {
        return hex(digest("SHA-256", utf8(appId + stamp + nonce + appKey.expose())));
    }

    static byte[] digest(String algorithm, byte[] bytes) {
        try {
            return MessageDigest.getInstance(algorithm).digest(bytes);
        } catch (GeneralSecurityException missing) {
            throw new IllegalStateException("every Java has " + algorithm, missing);
        }
    }

    /** Lower-case hexadecimal digits. */
    static String hex(byte[] bytes) {
        StringBuilder out = new StringBuilder(bytes.length * 2);
        for (byte each : bytes) {
            out.append(Character.forDigit((each >> 4) & 15, 16)).append(Character.forDigit(each & 15, 16));
        }
        return out.toString();
    }

    static byte[] utf8(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }
}
