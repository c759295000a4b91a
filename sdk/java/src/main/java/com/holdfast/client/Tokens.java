package com.holdfast.client;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;

/** Access tokens: fetched once, shared by all threads of the process, renewed before they die. */
final class Tokens {
    /** The tokens of this process. An app may have ten live ones, so they are never fetched for one call. */
    static final Tokens SHARED = new Tokens();

    /** Seconds before its end from which on a token is no longer used; a short-lived one gives up a tenth. */
    private static final long MARGIN = 60;

    /** So many apps are remembered; whose token was not used for longest goes first. */
    private static final int MOST = 64;

    /** A token as it was issued. */
    static final class Issued {
        final Secret token;
        final long lifeSeconds;

        Issued(Secret token, long lifeSeconds) {
            this.token = token;
            this.lifeSeconds = lifeSeconds;
        }
    }

    private static final class Kept {
        private Secret token;
        private long fetched;
        private long goodForNanos;
        private FutureTask<Secret> pending;
    }

    private final Map<String, Kept> entries = new LinkedHashMap<String, Kept>(16, 0.75f, true) {
        private static final long serialVersionUID = 1L;

        @Override
        protected boolean removeEldestEntry(Map.Entry<String, Kept> eldest) {
            return size() > MOST;
        }
    };

    /**
     * The token in use, or a new one when there is none, it is about to die, or it is {@code refused}. Whoever comes
     * meanwhile waits for the same one, and fails with it.
     */
    Secret get(String name, Secret refused, Supplier<Issued> fetch) {
        Kept kept;
        synchronized (entries) {
            kept = entries.computeIfAbsent(name, unused -> new Kept());
        }
        FutureTask<Secret> task;
        boolean mine = false;
        synchronized (kept) {
            boolean good = kept.token != null && !kept.token.equals(refused)
                    && Clock.mark() - kept.fetched < kept.goodForNanos;
            if (good) {
                return kept.token;
            }
            if (kept.pending == null) {
                kept.pending = new FutureTask<>(() -> renew(kept, fetch));
                mine = true;
            }
            task = kept.pending;
        }
        if (mine) {
            try {
                task.run();
            } finally {
                synchronized (kept) {
                    kept.pending = null;
                }
            }
        }
        try {
            return task.get();
        } catch (ExecutionException failed) {
            if (failed.getCause() instanceof RuntimeException) {
                throw (RuntimeException) failed.getCause();
            }
            throw new IllegalStateException(failed.getCause());
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
            throw new NotSentException("interrupted while waiting for a token; nothing was sent", Repeat.SAFE);
        }
    }

    private static Secret renew(Kept kept, Supplier<Issued> fetch) {
        // Counted from before the request, as the gateway counts from before its answer.
        long fetched = Clock.mark();
        Issued issued = fetch.get();
        long margin = Math.min(MARGIN, issued.lifeSeconds / 10);
        synchronized (kept) {
            kept.token = issued.token;
            kept.fetched = fetched;
            kept.goodForNanos = TimeUnit.SECONDS.toNanos(issued.lifeSeconds - margin);
        }
        return issued.token;
    }
}
