package com.chinaums.open.api.constants;

import com.holdfast.client.Transport;
import java.nio.file.Path;
import java.time.Duration;

/** How requests of the pages' programs are sent. What is set here before the first request holds for all of them. */
public class ConfigBean {
    private boolean needToken = true;
    private boolean needDataTag;
    private Transport transport = Transport.shared();

    /** As the pages' programs have it: with a token, without an envelope, answered within 15 seconds. */
    public ConfigBean() {}

    /**
     * Whether a request shows an access token; if not, it is signed.
     *
     * @return whether
     */
    public boolean isNeedToken() {
        return needToken;
    }

    /**
     * Whether a request shows an access token; if not, it is signed.
     *
     * @param needToken whether
     */
    public void setNeedToken(boolean needToken) {
        this.needToken = needToken;
    }

    /**
     * Whether a request is wrapped as <code>{"data":…}</code>.
     *
     * @return whether
     */
    public boolean isNeedDataTag() {
        return needDataTag;
    }

    /**
     * Whether a request is wrapped as <code>{"data":…}</code>.
     *
     * @param needDataTag whether
     */
    public void setNeedDataTag(boolean needDataTag) {
        this.needDataTag = needDataTag;
    }

    /**
     * Over which requests go.
     *
     * @return it
     */
    public Transport getTransport() {
        return transport;
    }

    /**
     * How long an answer may take, and whom to trust.
     *
     * @param timeout 0.1 to 600 seconds
     * @param caFile certificates (PEM) of the authorities, for a gateway with a private one; else {@code null}
     */
    public void setTransport(Duration timeout, Path caFile) {
        transport = Transport.of(timeout, caFile);
    }
}
