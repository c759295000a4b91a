package com.chinaums.open.api;

import com.chinaums.open.api.constants.ConfigBean;
import com.holdfast.client.Gateway;
import com.holdfast.client.Scheme;
import com.holdfast.client.Secret;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Where a request goes and who asks, as the programs of the official pages say it. */
public class OpenApiContext {
    /** Where the gateway is, before the first part of the path that is a version. The host cannot be that part. */
    private static final Pattern ADDRESS = Pattern.compile("(https?://[^/?#]+(?:/[^?#]*?)??)(/v[0-9]+/[^?#]*)");

    private long startTime;
    private String requestId;
    private String openServUrl;
    private String apiServiceUrl;
    private String version;
    private String serviceCode;
    private String appId;
    private Secret appKey;
    private ConfigBean configBean = new ConfigBean();

    /** An empty one. */
    public OpenApiContext() {}

    /**
     * When the program began; it is kept and not sent.
     *
     * @param startTime milliseconds since 1970
     */
    public void setStartTime(long startTime) {
        this.startTime = startTime;
    }

    /**
     * When the program began.
     *
     * @return milliseconds since 1970
     */
    public long getStartTime() {
        return startTime;
    }

    /**
     * The program's own number for the request; it is kept and not sent.
     *
     * @param requestId it
     */
    public void setRequestId(String requestId) {
        this.requestId = requestId;
    }

    /**
     * The program's own number for the request.
     *
     * @return it
     */
    public String getRequestId() {
        return requestId;
    }

    /**
     * Where the gateway is. It is used when no {@link #setApiServiceUrl} is said: what the page's program computes here
     * is cut short when the host's name begins with a v.
     *
     * @param openServUrl its address
     */
    public void setOpenServUrl(String openServUrl) {
        this.openServUrl = openServUrl;
    }

    /**
     * The whole address of the endpoint.
     *
     * @param apiServiceUrl it
     */
    public void setApiServiceUrl(String apiServiceUrl) {
        this.apiServiceUrl = apiServiceUrl;
    }

    /**
     * The version in the address.
     *
     * @param version such as {@code v1}
     */
    public void setVersion(String version) {
        this.version = version;
    }

    /**
     * The address behind the version.
     *
     * @param serviceCode such as {@code /netpay/bills/preauthed-cancel}
     */
    public void setServiceCode(String serviceCode) {
        this.serviceCode = serviceCode;
    }

    /**
     * The app (开发者 ID).
     *
     * @param appId it
     */
    public void setAppId(String appId) {
        this.appId = appId;
    }

    /**
     * The app's key (开发者秘钥).
     *
     * @param appKey it
     */
    public void setAppKey(String appKey) {
        this.appKey = new Secret(appKey);
    }

    /**
     * How requests are sent.
     *
     * @param configBean how
     */
    public void setConfigBean(ConfigBean configBean) {
        this.configBean = configBean;
    }

    /**
     * How requests are sent.
     *
     * @return how
     */
    public ConfigBean getConfigBean() {
        return configBean;
    }

    /**
     * The gateway that is meant.
     *
     * @return it
     * @throws IllegalArgumentException when address or credentials are missing or wrong
     */
    public Gateway gateway() {
        Scheme scheme = configBean.isNeedToken() ? Scheme.ACCESS_TOKEN : Scheme.BODY_SIG;
        return new Gateway(
                address().group(1), appId, appKey, scheme, configBean.isNeedDataTag(), configBean.getTransport());
    }

    /**
     * The path that is meant.
     *
     * @return such as {@code /v1/netpay/bills/preauthed-cancel}
     * @throws IllegalArgumentException when the address is none
     */
    public String path() {
        return address().group(2);
    }

    private Matcher address() {
        String whole = apiServiceUrl;
        if (whole == null) {
            whole = String.valueOf(openServUrl).replaceAll("/+$", "") + "/" + version + "/"
                    + String.valueOf(serviceCode).replaceAll("^/+", "");
        }
        Matcher address = ADDRESS.matcher(whole);
        if (!address.matches()) {
            throw new IllegalArgumentException(
                    "'" + whole + "' is not an address such as https://gateway.example/v1/netpay/bills/query 地址有误");
        }
        return address;
    }
}
