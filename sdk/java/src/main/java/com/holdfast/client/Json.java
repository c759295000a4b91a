package com.holdfast.client;

import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * JSON, read strictly and within bounds. Objects are {@code Map}, lists {@code List}, texts {@code String}, whole
 * numbers {@code Long}, other numbers {@code BigDecimal}; a name that is there twice is an error.
 */
final class Json {
    /** So deep may values be nested. */
    private static final int DEPTH = 32;

    /** A number of more characters than this is none. */
    private static final int DIGITS = 64;

    private final String text;
    private int at;

    private Json(String text) {
        this.text = text;
    }

    /** The text is not JSON. */
    static final class NotJson extends Exception {
        private static final long serialVersionUID = 1L;

        NotJson(String what, int at) {
            super(what + " at " + at, null, false, false);
        }
    }

    /** The object that a text is. */
    static Map<String, Object> object(String text) throws NotJson {
        Json json = new Json(text);
        json.space();
        Map<String, Object> object = json.readObject(0);
        json.space();
        if (json.at != text.length()) {
            throw json.not("something follows");
        }
        return object;
    }

    private Object value(int depth) throws NotJson {
        switch (peek()) {
            case '{':
                return readObject(depth);
            case '[':
                return readList(depth);
            case '"':
                return readText();
            case 't':
                return word("true", Boolean.TRUE);
            case 'f':
                return word("false", Boolean.FALSE);
            case 'n':
                return word("null", null);
            default:
                return readNumber();
        }
    }

    private Map<String, Object> readObject(int depth) throws NotJson {
        enter('{', depth);
        Map<String, Object> object = new LinkedHashMap<>();
        if (!closes('}')) {
            do {
                space();
                String name = readText();
                space();
                expect(':');
                space();
                if (object.containsKey(name)) {
                    throw not("a name is there twice");
                }
                object.put(name, value(depth + 1));
            } while (goesOn('}'));
        }
        return object;
    }

    private List<Object> readList(int depth) throws NotJson {
        enter('[', depth);
        List<Object> list = new ArrayList<>();
        if (!closes(']')) {
            do {
                space();
                list.add(value(depth + 1));
            } while (goesOn(']'));
        }
        return list;
    }

    private void enter(char open, int depth) throws NotJson {
        if (depth >= DEPTH) {
            throw not("nested too deep");
        }
        expect(open);
    }

    private boolean closes(char close) throws NotJson {
        space();
        if (peek() != close) {
            return false;
        }
        at++;
        return true;
    }

    private boolean goesOn(char close) throws NotJson {
        if (closes(close)) {
            return false;
        }
        expect(',');
        return true;
    }

    private String readText() throws NotJson {
        expect('"');
        StringBuilder out = new StringBuilder();
        while (true) {
            char next = peek();
            at++;
            if (next == '"') {
                return out.toString();
            }
            if (next < ' ') {
                throw not("a control character in a text");
            }
            out.append(next == '\\' ? escape() : next);
        }
    }

    private char escape() throws NotJson {
        char next = peek();
        at++;
        switch (next) {
            case '"':
            case '\\':
            case '/':
                return next;
            case 'b':
                return '\b';
            case 'f':
                return '\f';
            case 'n':
                return '\n';
            case 'r':
                return '\r';
            case 't':
                return '\t';
            case 'u':
                int code = 0;
                for (int i = 0; i < 4; i++) {
                    int digit = hexDigit(peek());
                    if (digit < 0) {
                        throw not("a broken escape");
                    }
                    code = code * 16 + digit;
                    at++;
                }
                return (char) code;
            default:
                throw not("a broken escape");
        }
    }

    private Object readNumber() throws NotJson {
        int begin = at;
        while (at < text.length() && "+-.0123456789eE".indexOf(text.charAt(at)) >= 0) {
            at++;
        }
        String number = text.substring(begin, at);
        if (number.length() > DIGITS || !number.matches("-?(0|[1-9][0-9]*)(\\.[0-9]+)?([eE][+-]?[0-9]{1,3})?")) {
            throw not("no value");
        }
        if (number.matches("-?[0-9]{1,18}")) {
            return Long.valueOf(number);
        }
        return new BigDecimal(number);
    }

    private Object word(String word, Object value) throws NotJson {
        if (!text.startsWith(word, at)) {
            throw not("no value");
        }
        at += word.length();
        return value;
    }

    private void space() {
        while (at < text.length() && " \t\r\n".indexOf(text.charAt(at)) >= 0) {
            at++;
        }
    }

    private void expect(char wanted) throws NotJson {
        if (peek() != wanted) {
            throw not("no `" + wanted + "`");
        }
        at++;
    }

    private char peek() throws NotJson {
        if (at >= text.length()) {
            throw not("it ends");
        }
        return text.charAt(at);
    }

    private NotJson not(String what) {
        return new NotJson(what, at);
    }

    /** The value of a hexadecimal digit in ASCII, or -1. */
    static int hexDigit(char digit) {
        return digit < 128 ? Character.digit(digit, 16) : -1;
    }

    /** The JSON of a value: texts, whole numbers, booleans, lists and maps of these. */
    static String write(Object value) {
        StringBuilder out = new StringBuilder();
        write(out, value);
        return out.toString();
    }

    private static void write(StringBuilder out, Object value) {
        if (value instanceof Map) {
            String joint = "{";
            for (Map.Entry<?, ?> entry : ((Map<?, ?>) value).entrySet()) {
                out.append(joint);
                joint = ",";
                writeText(out, String.valueOf(entry.getKey()));
                out.append(':');
                write(out, entry.getValue());
            }
            out.append(joint.equals("{") ? "{}" : "}");
        } else if (value instanceof Iterable) {
            String joint = "[";
            for (Object item : (Iterable<?>) value) {
                out.append(joint);
                joint = ",";
                write(out, item);
            }
            out.append(joint.equals("[") ? "[]" : "]");
        } else if (value instanceof CharSequence) {
            writeText(out, value.toString());
        } else if (value instanceof Long || value instanceof Integer || value instanceof Boolean || value == null) {
            out.append(value);
        } else {
            throw new IllegalArgumentException("a field may hold text, whole numbers, booleans, lists and maps, not "
                    + value.getClass().getName());
        }
    }

    private static void writeText(StringBuilder out, String text) {
        out.append('"');
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            if (c == '"' || c == '\\') {
                out.append('\\').append(c);
            } else if (c < ' ') {
                out.append(String.format("\\u%04x", (int) c));
            } else {
                out.append(c);
            }
        }
        out.append('"');
    }
}
