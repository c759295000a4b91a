package com.holdfast.client;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.ConnectException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpConnectTimeoutException;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpTimeoutException;
import java.nio.ByteBuffer;
import java.nio.channels.UnresolvedAddressException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Flow;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicBoolean;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLHandshakeException;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.TrustManagerFactory;

/**
 * One bounded exchange over HTTP, and what is known when it fails.
 *
 * <p>There is no code here that follows a redirect, uses a proxy or passes over a bad certificate, so none of it can be
 * switched on. A POST that may have arrived is not sent again: Java's client repeats only what could not connect.
 */
public final class Transport {
    /** The longest answer that is read, in bytes. The longest of the protocol has some 4 KiB. */
    public static final int ANSWER_MAX = 1024 * 1024;

    /** How long an answer may take unless said otherwise. The gateway itself waits eight seconds for the channel. */
    public static final Duration TIMEOUT = Duration.ofSeconds(15);

    /**
     * How long a pool of connections is used. Java keeps idle ones for twenty minutes, longer than servers do, and a
     * request that meets a connection being closed ends in an unknown outcome.
     */
    private static final long POOL_NANOS = TimeUnit.SECONDS.toNanos(10);

    private static final Transport SHARED = new Transport(TIMEOUT, null);

    private final Duration timeout;
    private final SSLContext trust;
    private HttpClient pool;
    private long pooled;

    private Transport(Duration timeout, SSLContext trust) {
        if (timeout.compareTo(Duration.ofMillis(100)) < 0 || timeout.compareTo(Duration.ofMinutes(10)) > 0) {
            throw new IllegalArgumentException("the timeout must be 0.1 to 600 seconds 超时须为 0.1 至 600 秒");
        }
        this.timeout = timeout;
        this.trust = trust;
    }

    /**
     * The one that everybody shares: {@link #TIMEOUT}, and the certificates that Java trusts.
     *
     * @return it
     */
    public static Transport shared() {
        return SHARED;
    }

    /**
     * One of its own.
     *
     * @param timeout how long an answer may take; shorter than the gateway's own patience (8 seconds) makes unknown
     *     outcomes out of late ones
     * @param caFile certificates (PEM) of the authorities to trust, for a gateway with a private one; those of Java when
     *     {@code null}
     * @return it
     */
    public static Transport of(Duration timeout, Path caFile) {
        return new Transport(timeout, caFile == null ? null : trusting(caFile));
    }

    /** Posts JSON as it is; {@code authorization}, if not {@code null}, proves who asks. */
    Exchange post(String url, byte[] json, String authorization) {
        Once once = new Once(json);
        HttpRequest.Builder request = HttpRequest.newBuilder(URI.create(url))
                .timeout(timeout)
                .header("Content-Type", "application/json")
                .header("Accept", "application/json")
                .POST(once);
        if (authorization != null) {
            request.header("Authorization", authorization);
        }
        Bounded bounded = new Bounded();
        CompletableFuture<HttpResponse<byte[]>> answer = pool().sendAsync(request.build(), status -> bounded);
        try {
            HttpResponse<byte[]> response = answer.get(timeout.toMillis(), TimeUnit.MILLISECONDS);
            String location = response.headers().firstValue("Location").orElse(null);
            String body = new String(response.body(), StandardCharsets.UTF_8);
            return new Exchange(url, response.statusCode(), body, location);
        } catch (ExecutionException failed) {
            throw why(url, failed.getCause(), once.given.get());
        } catch (TimeoutException late) {
            throw late();
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
            throw new OutcomeUnknownException("interrupted while waiting for the answer");
        } finally {
            answer.cancel(true);
            bounded.end();
        }
    }

    private HoldfastException why(String url, Throwable failure, boolean given) {
        for (Throwable cause = failure; cause != null; cause = cause.getCause()) {
            // TLS comes before the request, so after a bad certificate nothing was sent. But what was given out once may
            // have arrived, whatever became of a second attempt.
            boolean unreached = cause instanceof ConnectException
                    || cause instanceof HttpConnectTimeoutException
                    || cause instanceof UnresolvedAddressException
                    || cause instanceof SSLHandshakeException;
            if (unreached && !given) {
                String message = "cannot reach " + url + ": " + said(failure) + "; nothing was sent 无法连接，未发送任何请求";
                return new NotSentException(
                        message, cause instanceof SSLHandshakeException ? Repeat.POINTLESS : Repeat.SAFE);
            }
            if (cause instanceof HttpTimeoutException && !unreached) {
                return late();
            }
        }
        return new OutcomeUnknownException("the connection broke before the answer: " + said(failure));
    }

    private OutcomeUnknownException late() {
        return new OutcomeUnknownException("no answer within " + timeout.toMillis() + " ms");
    }

    private static String said(Throwable failure) {
        return failure.getMessage() == null ? failure.getClass().getSimpleName() : failure.getMessage();
    }

    private synchronized HttpClient pool() {
        long now = Clock.mark();
        if (pool == null || now - pooled > POOL_NANOS) {
            SSLParameters tls = new SSLParameters();
            tls.setProtocols(new String[] {"TLSv1.3", "TLSv1.2"});
            // Said here, a property of the JVM cannot unsay it.
            tls.setEndpointIdentificationAlgorithm("HTTPS");
            HttpClient.Builder builder = HttpClient.newBuilder()
                    .version(HttpClient.Version.HTTP_1_1)
                    .followRedirects(HttpClient.Redirect.NEVER)
                    .proxy(HttpClient.Builder.NO_PROXY)
                    // Well before the timeout, so that a host that is down is told from one that does not answer.
                    .connectTimeout(timeout.dividedBy(2))
                    .sslParameters(tls);
            if (trust != null) {
                builder.sslContext(trust);
            }
            pool = builder.build();
            pooled = now;
        }
        return pool;
    }

    private static SSLContext trusting(Path caFile) {
        try (InputStream pem = Files.newInputStream(caFile)) {
            KeyStore authorities = KeyStore.getInstance(KeyStore.getDefaultType());
            authorities.load(null, null);
            int number = 0;
            for (Certificate authority : CertificateFactory.getInstance("X.509").generateCertificates(pem)) {
                authorities.setCertificateEntry("authority-" + number++, authority);
            }
            if (number == 0) {
                throw new IllegalArgumentException("there is no certificate in " + caFile + " 证书文件中没有证书");
            }
            TrustManagerFactory managers = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
            managers.init(authorities);
            SSLContext context = SSLContext.getInstance("TLS");
            context.init(null, managers.getTrustManagers(), null);
            return context;
        } catch (IOException | GeneralSecurityException failed) {
            throw new IllegalArgumentException(
                    "cannot read the certificates in " + caFile + " 无法读取证书文件: " + failed.getMessage(), failed);
        }
    }

    /** A body that is given out once: where a property of the JVM has Java send a POST again by itself, it fails. */
    private static final class Once implements HttpRequest.BodyPublisher {
        private final HttpRequest.BodyPublisher body;
        private final AtomicBoolean given = new AtomicBoolean();

        Once(byte[] json) {
            body = HttpRequest.BodyPublishers.ofByteArray(json);
        }

        @Override
        public long contentLength() {
            return body.contentLength();
        }

        @Override
        public void subscribe(Flow.Subscriber<? super ByteBuffer> subscriber) {
            if (given.getAndSet(true)) {
                subscriber.onSubscribe(new Flow.Subscription() {
                    @Override
                    public void request(long wanted) {}

                    @Override
                    public void cancel() {}
                });
                subscriber.onError(new IOException("the connection broke, and a request is sent once"));
            } else {
                body.subscribe(subscriber);
            }
        }
    }

    /** Takes a body up to {@link #ANSWER_MAX}, and no more once its end is not waited for. */
    private static final class Bounded implements HttpResponse.BodySubscriber<byte[]> {
        private final CompletableFuture<byte[]> body = new CompletableFuture<>();
        private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        private Flow.Subscription subscription;
        private boolean ended;

        @Override
        public CompletionStage<byte[]> getBody() {
            return body;
        }

        @Override
        public synchronized void onSubscribe(Flow.Subscription begun) {
            subscription = begun;
            if (ended) {
                begun.cancel();
            } else {
                begun.request(Long.MAX_VALUE);
            }
        }

        @Override
        public synchronized void onNext(List<ByteBuffer> parts) {
            for (ByteBuffer part : parts) {
                if (ended) {
                    return;
                }
                if (bytes.size() + part.remaining() > ANSWER_MAX) {
                    body.completeExceptionally(new IOException("the answer is longer than " + ANSWER_MAX + " bytes"));
                    end();
                    return;
                }
                byte[] chunk = new byte[part.remaining()];
                part.get(chunk);
                bytes.write(chunk, 0, chunk.length);
            }
        }

        @Override
        public void onError(Throwable failure) {
            body.completeExceptionally(failure);
        }

        @Override
        public synchronized void onComplete() {
            ended = true;
            body.complete(bytes.toByteArray());
        }

        /** Closes the connection unless the answer is whole. */
        synchronized void end() {
            if (!ended) {
                ended = true;
                if (subscription != null) {
                    subscription.cancel();
                }
            }
        }
    }
}
