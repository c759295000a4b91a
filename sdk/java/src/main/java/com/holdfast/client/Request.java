package com.holdfast.client;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * A request, filled in field by field. Who asks and when is added by {@link Holdfast}.
 *
 * @param <S> the request itself
 * @param <A> its answer
 */
public abstract class Request<S extends Request<S, A>, A> {
    private static final long AMOUNT_MAX = 100_000_000;

    final Map<String, Object> fields = new LinkedHashMap<>();

    Request() {}

    abstract String path();

    /** Fields without which it is not sent. */
    abstract List<String> required();

    /** Fields without which a success cannot be understood. */
    abstract List<String> needed();

    abstract A read(Map<String, Object> answer);

    /**
     * Any other field of the endpoint.
     *
     * @param name its name
     * @param value text, a whole number, a boolean, a list or a map; {@code null} leaves it out
     * @return this
     */
    @SuppressWarnings("unchecked") // S is the class itself.
    public final S with(String name, Object value) {
        if (value == null) {
            fields.remove(name);
        } else {
            fields.put(name, value);
        }
        return (S) this;
    }

    /**
     * The caller's number for the message (消息 ID), echoed in the answer.
     *
     * @param msgId it
     * @return this
     */
    public final S msgId(String msgId) {
        return with("msgId", msgId);
    }

    /**
     * Whatever is to be echoed in the answer (请求系统预留字段).
     *
     * @param srcReserve it
     * @return this
     */
    public final S srcReserve(String srcReserve) {
        return with("srcReserve", srcReserve);
    }

    /**
     * The bill (账单号).
     *
     * @param billNo its number
     * @return this
     */
    public final S billNo(String billNo) {
        return with("billNo", billNo);
    }

    /**
     * The bill's date (账单日期).
     *
     * @param billDate {@code yyyy-MM-dd}
     * @return this
     */
    public final S billDate(String billDate) {
        return with("billDate", billDate);
    }

    final S fen(String name, long amount) {
        if (amount < 1 || amount > AMOUNT_MAX) {
            throw new IllegalArgumentException(name + " is " + amount + ": it must be whole fen from 1 to 100000000 "
                    + name + " 须为 1 至 100000000 的整数（分）");
        }
        return with(name, amount);
    }
}
