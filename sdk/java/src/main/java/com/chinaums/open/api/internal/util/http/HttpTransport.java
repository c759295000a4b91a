package com.chinaums.open.api.internal.util.http;

import com.chinaums.open.api.OpenApiContext;
import com.holdfast.client.Exchange;

/** Sends the requests of the pages' programs. */
public final class HttpTransport {
    private static final HttpTransport INSTANCE = new HttpTransport();

    private HttpTransport() {}

    /**
     * The one there is.
     *
     * @return it
     */
    public static HttpTransport getInstance() {
        return INSTANCE;
    }

    /**
     * Sends a request, byte for byte but for the envelope if one is wanted.
     *
     * @param context where it goes and who asks
     * @param request JSON
     * @return the answer as it came, whatever it says
     * @throws com.holdfast.client.RefusedException when no token is given to the app, or no gateway answers
     * @throws com.holdfast.client.NotSentException when nothing was sent
     * @throws com.holdfast.client.OutcomeUnknownException when it was sent and nobody knows what was done
     */
    public String doPost(OpenApiContext context, String request) {
        Exchange exchange = context.gateway().post(context.path(), request);
        exchange.mustBeReadable();
        return exchange.body;
    }
}
