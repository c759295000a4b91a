package com.holdfast.client;

import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Holds (预授权) of one merchant, at Holdfast or at the official platform. Threads may share it.
 *
 * <pre>{@code
 * Holdfast holdfast = Holdfast.builder()
 *         .baseUrl("http://127.0.0.1:8080").credentials(appId, appKey).merchant(mid, tid).build();
 * PreauthedCancel.Answer reversed = holdfast.call(new PreauthedCancel()
 *         .billNo(billNo).billDate("2022-04-21").merOrderId(capture).authIdRespCd(code));
 * }</pre>
 */
public final class Holdfast {
    /** Real money (生产环境). */
    public static final String PRODUCTION = "https://api-mop.chinaums.com";

    /** The official test host (测试环境). */
    public static final String TEST = "https://test-api-open.chinaums.com";

    private final Gateway gateway;
    private final String mid;
    private final String tid;

    private Holdfast(Builder from) {
        Transport transport = from.timeout == null && from.caFile == null
                ? Transport.shared()
                : Transport.of(from.timeout == null ? Transport.TIMEOUT : from.timeout, from.caFile);
        gateway = new Gateway(from.baseUrl, from.appId, from.appKey, from.scheme, from.dataTag, transport);
        if (from.mid == null || from.tid == null) {
            throw new IllegalArgumentException("the merchant and its terminal are missing 缺少商户号与终端号");
        }
        mid = from.mid;
        tid = from.tid;
    }

    /**
     * Begins to make a client.
     *
     * @return what it is made from
     */
    public static Builder builder() {
        return new Builder();
    }

    /**
     * Sends a request and reads the answer.
     *
     * @param <A> what is answered
     * @param request what is asked
     * @return the answer, if it says that it was done
     * @throws RefusedException when the gateway said no
     * @throws NotSentException when nothing was sent
     * @throws OutcomeUnknownException when nobody knows: money may have moved
     * @throws IllegalArgumentException when fields are missing; it names them all, and nothing was sent
     */
    public <A> A call(Request<?, A> request) {
        List<String> missing = new ArrayList<>(request.required());
        missing.removeAll(request.fields.keySet());
        if (!missing.isEmpty()) {
            throw new IllegalArgumentException("missing 缺少: " + String.join(", ", missing));
        }
        return request.read(call(request.path(), request.fields).read(request.needed()));
    }

    /**
     * Any endpoint: sends fields, with this moment and the merchant before them.
     *
     * @param path the path, such as {@code /v1/netpay/bills/close-qrcode}
     * @param fields texts, whole numbers, booleans, lists and maps
     * @return the answer, whatever it says
     * @throws NotSentException when nothing was sent
     * @throws OutcomeUnknownException when it was sent and no answer came
     */
    public Exchange call(String path, Map<String, ?> fields) {
        Map<String, Object> all = new LinkedHashMap<>();
        all.put("requestTimestamp", Clock.requestTimestamp());
        all.put("mid", mid);
        all.put("tid", tid);
        all.put("instMid", "QRPAYDEFAULT");
        all.putAll(fields);
        return gateway.post(path, Json.write(all));
    }

    @Override
    public String toString() {
        return "Holdfast(" + gateway + ", " + mid + ")";
    }

    /** What a client is made from. */
    public static final class Builder {
        private String baseUrl;
        private String appId;
        private Secret appKey;
        private String mid;
        private String tid;
        private Scheme scheme = Scheme.BODY_SIG;
        private boolean dataTag;
        private Duration timeout;
        private Path caFile;

        private Builder() {}

        /**
         * Where the gateway is: {@link Holdfast#TEST}, {@link Holdfast#PRODUCTION}, or your own.
         *
         * @param baseUrl its address
         * @return this
         */
        public Builder baseUrl(String baseUrl) {
            this.baseUrl = baseUrl;
            return this;
        }

        /**
         * Who asks.
         *
         * @param appId the app (开发者 ID)
         * @param appKey its key (开发者密钥)
         * @return this
         */
        public Builder credentials(String appId, String appKey) {
            this.appId = appId;
            this.appKey = new Secret(appKey);
            return this;
        }

        /**
         * For whom it asks.
         *
         * @param mid the merchant (商户号)
         * @param tid its terminal (终端号)
         * @return this
         */
        public Builder merchant(String mid, String tid) {
            this.mid = mid;
            this.tid = tid;
            return this;
        }

        /**
         * How it proves who it is; {@link Scheme#BODY_SIG} unless said.
         *
         * @param scheme how
         * @return this
         */
        public Builder scheme(Scheme scheme) {
            this.scheme = scheme;
            return this;
        }

        /**
         * Whether requests are wrapped as <code>{"data":…}</code>; not unless said.
         *
         * @param dataTag whether
         * @return this
         */
        public Builder dataTag(boolean dataTag) {
            this.dataTag = dataTag;
            return this;
        }

        /**
         * How long an answer may take; 15 seconds unless said.
         *
         * @param timeout 0.1 to 600 seconds
         * @return this
         */
        public Builder timeout(Duration timeout) {
            this.timeout = timeout;
            return this;
        }

        /**
         * Whom to trust, for a gateway with a certificate of a private authority.
         *
         * @param caFile certificates (PEM) of the authorities
         * @return this
         */
        public Builder caFile(Path caFile) {
            this.caFile = caFile;
            return this;
        }

        /**
         * The client.
         *
         * @return it
         * @throws IllegalArgumentException when something is missing or cannot be
         */
        public Holdfast build() {
            return new Holdfast(this);
        }
    }
}
