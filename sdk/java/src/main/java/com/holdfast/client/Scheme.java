package com.holdfast.client;

/** How a client proves who it is. */
public enum Scheme {
    /** {@code OPEN-BODY-SIG}: every request is signed with the key, which never leaves the process. */
    BODY_SIG,
    /** {@code OPEN-ACCESS-TOKEN}: a signed request fetches a token, and every request shows it. */
    ACCESS_TOKEN
}
