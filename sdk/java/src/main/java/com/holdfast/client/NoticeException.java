package com.holdfast.client;

/** A notice must not be acted on. Answer {@link Notice#FAILED}: it comes again. */
public final class NoticeException extends Exception {
    private static final long serialVersionUID = 1L;

    /** Why. */
    public enum Fault {
        /** It is not {@code application/x-www-form-urlencoded} UTF-8, or too long. */
        NOT_FORM,
        /** A name is there twice, so that two readers may see two notices. */
        TWICE,
        /** A name or a value reads as if it held more fields, and the signature does not tell where either ends. */
        AMBIGUOUS,
        /** It has no signature. */
        UNSIGNED,
        /** It was not signed with the key, or was changed on its way. */
        WRONG_SIGNATURE,
        /** It was signed with the key and lacks what every notice has. */
        INCOMPLETE,
        /** It is true, and tells of something else than the receiver's order. */
        UNEXPECTED
    }

    /** Why. */
    public final Fault fault;

    /** The field that it is about, or {@code null}. */
    public final String field;

    NoticeException(Fault fault, String field, String message) {
        super(message);
        this.fault = fault;
        this.field = field;
    }
}
