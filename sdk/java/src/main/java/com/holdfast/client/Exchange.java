package com.holdfast.client;

import java.util.List;
import java.util.Map;
import java.util.Set;

/** An answer as it was received, and what it means. */
public final class Exchange {
    private static final Set<String> DONE = Set.of(Codes.SUCCESS);
    private static final Set<String> SAYS_DONE = Set.of(Codes.SUCCESS, "0000");

    /** The address that was asked. */
    public final String url;

    /** The HTTP status. */
    public final int status;

    /** The text of the answer. */
    public final String body;

    private final String location;

    Exchange(String url, int status, String body, String location) {
        this.url = url;
        this.status = status;
        this.body = body;
        this.location = location;
    }

    /**
     * The answer's fields, if it says that it was done and has all that it needs.
     *
     * @param needed fields without which a success cannot be understood
     * @return the fields: texts, {@code Long}, maps and lists
     * @throws HoldfastException when it was refused, or nobody knows
     */
    public Map<String, Object> read(List<String> needed) {
        return read(needed, DONE);
    }

    Map<String, Object> read(List<String> needed, Set<String> success) {
        Map<String, Object> answer = fields();
        if (answer == null) {
            throw unreadable("it is no JSON object with an errCode");
        }
        mustAgree(answer);
        String errCode = (String) answer.get("errCode");
        if (success.contains(errCode)) {
            Map<String, Object> inside = inside(answer);
            for (String field : needed) {
                if (inside.get(field) == null) {
                    throw unreadable("it says " + errCode + " and lacks " + field);
                }
            }
            return inside;
        }
        Object text = answer.get("errMsg") instanceof String ? answer.get("errMsg") : answer.get("errInfo");
        String message = text instanceof String && !((String) text).isEmpty() ? errCode + ": " + text : errCode;
        if (Codes.leavesOpen(errCode, status)) {
            throw new OutcomeUnknownException(message, errCode, status, body);
        }
        Repeat repeat = Codes.repeat(errCode) == null ? Repeat.POINTLESS : Codes.repeat(errCode);
        throw new RefusedException(message, repeat, errCode, status, body);
    }

    /** In an envelope the fields of the answer are one level down. */
    @SuppressWarnings("unchecked") // Json makes no other maps.
    private static Map<String, Object> inside(Map<String, Object> answer) {
        boolean enveloped = answer.get("data") instanceof Map && !answer.containsKey("mid");
        return enveloped ? (Map<String, Object>) answer.get("data") : answer;
    }

    /** The answer's fields, if it is a gateway's: an object with a text {@code errCode}; else {@code null}. */
    Map<String, Object> fields() {
        try {
            Map<String, Object> answer = Json.object(body);
            return answer.get("errCode") instanceof String ? answer : null;
        } catch (Json.NotJson notJson) {
            return null;
        }
    }

    /**
     * Makes sure that this is the answer of a gateway, whatever it says.
     *
     * @throws RefusedException when it is the answer of somebody else, who did nothing
     * @throws OutcomeUnknownException when it cannot be read, or contradicts itself
     */
    public void mustBeReadable() {
        Map<String, Object> answer = fields();
        if (answer == null) {
            throw unreadable("it is no JSON object with an errCode");
        }
        mustAgree(answer);
    }

    /**
     * Makes sure that nothing contradicts what an answer says: the HTTP status a success, or the inside of an envelope its
     * outside.
     */
    private void mustAgree(Map<String, Object> answer) {
        Object errCode = answer.get("errCode");
        Object data = answer.get("data");
        boolean wrapped = data instanceof Map && ((Map<?, ?>) data).containsKey("errCode");
        Object inside = wrapped ? ((Map<?, ?>) data).get("errCode") : errCode;
        String why;
        if (!errCode.equals(inside) && !(SAYS_DONE.contains(errCode) && SAYS_DONE.contains(String.valueOf(inside)))) {
            why = "it says " + errCode + " and something else in its data";
        } else if (SAYS_DONE.contains(errCode) && (status < 200 || status > 299)) {
            why = "it says " + errCode + ", and its status that it was not done";
        } else {
            return;
        }
        String message = url + " answered " + status + " and contradicts itself: " + why;
        throw new OutcomeUnknownException(message, (String) errCode, status, body);
    }

    /** What it means that an answer cannot be read. */
    HoldfastException unreadable(String why) {
        // Whoever answers 3xx or 4xx says that it did nothing. After any other status, somebody may have acted and only
        // the answer is broken.
        if (status >= 300 && status < 500) {
            String to = location == null ? "" : " and points to " + location + ", which was not followed";
            String message = url + " answered " + status + " without an error code" + to
                    + ": it is no netpay/bills gateway; nothing was done 对方不是 netpay/bills 网关，未执行";
            return new RefusedException(message, Repeat.POINTLESS, null, status, body);
        }
        String message = url + " answered " + status + ", and the answer cannot be read: " + why;
        return new OutcomeUnknownException(message, null, status, body);
    }

    /** Whether the gateway refused the token and did nothing. The official platform's status is not known, its text is. */
    boolean tokenWasRefused() {
        // After a 5xx somebody may have acted: nobody sends such a request again by himself.
        return status == 401 || (status >= 400 && status < 500 && body.contains("认证失败"));
    }
}
