package com.holdfast.client;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** What the error codes of the protocol ask of a caller. A test compares this with Holdfast's reference. */
final class Codes {
    static final String SUCCESS = "SUCCESS";

    private static final Map<String, Repeat> REPEAT = new LinkedHashMap<>();

    /** Codes with which the channel or the gateway says that it does not know what was done. */
    private static final Set<String> OPEN = Set.of("INVALID_RESPONSE", "NET_ERROR", "TIMEOUT", "INTERNAL_ERROR");

    static {
        REPEAT.put(SUCCESS, Repeat.SAFE);
        REPEAT.put("BAD_REQUEST", Repeat.POINTLESS);
        REPEAT.put("BAD_SIGN", Repeat.POINTLESS);
        REPEAT.put("1000", Repeat.POINTLESS);
        REPEAT.put("ABNORMAL_REQUEST_TIME", Repeat.POINTLESS);
        REPEAT.put("DENIED_IP", Repeat.POINTLESS);
        REPEAT.put("INVALID_MSGSRC", Repeat.POINTLESS);
        REPEAT.put("NO_SERVICE", Repeat.POINTLESS);
        REPEAT.put("NO_MERCHANT", Repeat.POINTLESS);
        REPEAT.put("INACTIVE_MERCHANT", Repeat.POINTLESS);
        REPEAT.put("INVLID_MERCHANT_CONFIG", Repeat.POINTLESS);
        REPEAT.put("NO_ORDER", Repeat.POINTLESS);
        REPEAT.put("DUP_ORDER", Repeat.POINTLESS);
        REPEAT.put("ORDER_PROCESSING", Repeat.AFTER_QUERY);
        REPEAT.put("OPERATION_NOT_ALLOWED", Repeat.POINTLESS);
        REPEAT.put("NO_CROSS_DAY_TRADING", Repeat.POINTLESS);
        REPEAT.put("HAS_CANCELLED", Repeat.POINTLESS);
        REPEAT.put("INVALID_ORDER", Repeat.AFTER_QUERY);
        REPEAT.put("TARGET_FAIL", Repeat.POINTLESS);
        REPEAT.put("INVALID_RESPONSE", Repeat.AFTER_QUERY);
        REPEAT.put("NET_ERROR", Repeat.AFTER_QUERY);
        REPEAT.put("TIMEOUT", Repeat.AFTER_QUERY);
        REPEAT.put("TXN_DISCARDED", Repeat.SAFE);
        REPEAT.put("INTERNAL_ERROR", Repeat.AFTER_QUERY);
    }

    private Codes() {}

    /** Whether the same request may be sent again; {@code null} for a code that no source tells of. */
    static Repeat repeat(String code) {
        return REPEAT.get(code);
    }

    /** Whether an error leaves open what was done. */
    static boolean leavesOpen(String code, int status) {
        if (REPEAT.containsKey(code)) {
            return OPEN.contains(code);
        }
        // A code that no source tells of. With a 4xx it is a refusal; otherwise we do not guess.
        return status < 400 || status >= 500;
    }

    static List<String> all() {
        return List.copyOf(REPEAT.keySet());
    }
}
