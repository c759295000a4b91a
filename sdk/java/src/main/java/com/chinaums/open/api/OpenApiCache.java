package com.chinaums.open.api;

import com.holdfast.client.Secret;

/** The access tokens of this process: fetched once for an app, shared by all threads, renewed before they die. */
public final class OpenApiCache {
    private OpenApiCache() {}

    /**
     * The token of the context's app, fetched if there is none.
     *
     * @param context where and who
     * @return it; it does not print
     * @throws com.holdfast.client.HoldfastException when none can be had
     */
    public static Secret getCurrentToken(OpenApiContext context) {
        return context.gateway().token();
    }
}
