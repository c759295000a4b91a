package com.holdfast.client;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;

/** Sends requests of one app to one gateway, signed or with a token. Threads may share it. */
public final class Gateway {
    private static final Pattern ADDRESS = Pattern.compile("https?://[^\\s/?#@\\\\]+(/[^\\s?#@\\\\]*)?");
    private static final Pattern APP_ID = Pattern.compile("[\\x21-\\x7e&&[^\",]]{1,64}");
    private static final Pattern TOKEN = Pattern.compile("[\\x21-\\x7e]{1,1024}");
    private static final String TOKEN_PATH = "/v1/token/access";
    // Clients of the official platform have seen both.
    private static final Set<String> ISSUED = Set.of("0000", Codes.SUCCESS);

    private final String baseUrl;
    private final String appId;
    private final Secret appKey;
    private final Scheme scheme;
    private final boolean dataTag;
    private final Transport transport;

    /**
     * A gateway as one app sees it.
     *
     * @param baseUrl where it is, such as {@code https://api-mop.chinaums.com}
     * @param appId the app
     * @param appKey its key
     * @param scheme how it proves who it is
     * @param dataTag whether requests are wrapped as <code>{"data":…}</code>
     * @param transport over which requests go
     */
    public Gateway(
            String baseUrl, String appId, Secret appKey, Scheme scheme, boolean dataTag, Transport transport) {
        // Whatever stands before an `@` would be sent to nobody and shown to everybody.
        if (baseUrl == null || !ADDRESS.matcher(baseUrl).matches()) {
            throw new IllegalArgumentException(
                    "'" + baseUrl + "' is not an address such as https://gateway.example:8443 地址有误");
        }
        if (appId == null || !APP_ID.matcher(appId).matches()) {
            throw new IllegalArgumentException("AppId is up to 64 letters and digits AppId 有误");
        }
        if (appKey == null) {
            throw new IllegalArgumentException("the AppKey is missing 缺少 AppKey");
        }
        this.baseUrl = baseUrl.replaceAll("/+$", "");
        this.appId = appId;
        this.appKey = appKey;
        this.scheme = scheme;
        this.dataTag = dataTag;
        this.transport = transport;
    }

    /**
     * Posts JSON to a path, byte for byte but for the envelope if one is wanted, and gives the answer back as it is.
     *
     * <p>A refused token is renewed once. Nothing else is ever sent again: whether to is for the caller to decide.
     *
     * @param path the path, such as {@code /v1/netpay/bills/query}
     * @param json the request
     * @return the answer, whatever it says
     * @throws NotSentException when nothing was sent
     * @throws OutcomeUnknownException when it was sent and no answer came
     */
    public Exchange post(String path, String json) {
        String url = baseUrl + path;
        byte[] body = Signatures.utf8(dataTag ? "{\"data\":" + json + "}" : json);
        if (scheme == Scheme.BODY_SIG) {
            return transport.post(url, body, Signatures.header(appId, appKey, body));
        }
        Secret token = token(null);
        Exchange exchange = transport.post(url, body, shown(token));
        return exchange.tokenWasRefused() ? transport.post(url, body, shown(token(token))) : exchange;
    }

    /**
     * The token in use, fetched if there is none.
     *
     * @return it
     * @throws NotSentException when none can be had
     */
    public Secret token() {
        return token(null);
    }

    private static String shown(Secret token) {
        return "OPEN-ACCESS-TOKEN AccessToken=" + token.expose();
    }

    private Secret token(Secret refused) {
        // Another key of the same app has tokens of its own.
        byte[] name = Signatures.utf8(baseUrl + "\n" + appId + "\n" + appKey.expose());
        return Tokens.SHARED.get(Signatures.hex(Signatures.digest("SHA-256", name)), refused, this::fetchToken);
    }

    private Tokens.Issued fetchToken() {
        String stamp = Clock.stamp();
        String nonce = Clock.nonce();
        Map<String, Object> request = new LinkedHashMap<>();
        request.put("appId", appId);
        request.put("timestamp", stamp);
        request.put("nonce", nonce);
        request.put("signMethod", "SHA256");
        request.put("signature", Signatures.ofToken(appId, appKey, stamp, nonce));
        Map<String, Object> issued;
        try {
            Exchange exchange = transport.post(baseUrl + TOKEN_PATH, Signatures.utf8(Json.write(request)), null);
            issued = exchange.read(List.of("accessToken", "expiresIn"), ISSUED);
        } catch (OutcomeUnknownException unknown) {
            // Whatever became of the token: the request that needs it was not sent. What it says of an outcome is about
            // the token alone.
            String message = "no answer to the request for a token; nothing else was sent 未取得 AccessToken，未发送请求";
            throw new NotSentException(message, Repeat.SAFE, unknown.errCode, unknown.status, null);
        }
        Object token = issued.get("accessToken");
        Long life = new Fields(issued).number("expiresIn");
        if (!(token instanceof String) || !TOKEN.matcher((String) token).matches() || life == null) {
            throw new NotSentException(
                    "the token that was answered cannot be used; nothing else was sent", Repeat.SAFE);
        }
        // Ten years are as good as any longer life, and can be counted in nanoseconds.
        return new Tokens.Issued(new Secret((String) token), Math.min(life, 315_360_000L));
    }

    @Override
    public String toString() {
        return "Gateway(" + baseUrl + ", " + appId + ", " + scheme + ")";
    }
}
