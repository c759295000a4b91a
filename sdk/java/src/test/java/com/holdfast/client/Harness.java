package com.holdfast.client;

import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.Executors;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** What the tests are written with: a test is a sentence and what it does; servers that misbehave; real holds. */
final class Harness {
    static int passed;
    static final List<String> failed = new ArrayList<>();

    private Harness() {}

    interface Test {
        void run() throws Exception;
    }

    static void test(String sentence, Test test) {
        String only = System.getenv("ONLY");
        if (only != null && !sentence.contains(only)) {
            return;
        }
        try {
            test.run();
            passed++;
        } catch (Exception | AssertionError why) {
            failed.add(sentence);
            System.err.println("FAILED: " + sentence);
            why.printStackTrace();
        }
    }

    static void same(Object expected, Object found, Object... what) {
        if (!Objects.equals(expected, found)) {
            throw new AssertionError(List.of(what) + "\nexpected " + expected + "\nfound    " + found);
        }
    }

    static void holds(boolean is, Object what) {
        same(true, is, String.valueOf(what));
    }

    static <T extends Throwable> T thrown(Class<T> kind, Test test) {
        try {
            test.run();
        } catch (Throwable found) {
            if (kind.isInstance(found)) {
                return kind.cast(found);
            }
            throw new AssertionError("no " + kind.getSimpleName(), found);
        }
        throw new AssertionError("no " + kind.getSimpleName() + " was thrown");
    }

    static String env(String name) {
        return Objects.requireNonNull(System.getenv(name), name + " is not set: run sdk/check java");
    }

    /** What a program prints on stdout; its exit code must be 0. */
    static String output(String... command) throws Exception {
        Process process = new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT).start();
        String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        same(0, process.waitFor(), String.join(" ", command), said);
        return said;
    }

    /** One more hold at the gateway: what sdk/make-hold prints. */
    static Map<String, String> hold(String... how) throws Exception {
        List<String> command = new ArrayList<>(List.of(env("HOLDFAST_MAKE_HOLD")));
        command.addAll(List.of(how));
        Map<String, String> hold = new HashMap<>();
        for (String line : output(command.toArray(new String[0])).split("\n")) {
            hold.put(line.split("=", 2)[0], line.split("=", 2)[1]);
        }
        return hold;
    }

    static Holdfast.Builder client() {
        return Holdfast.builder()
                .baseUrl(env("HOLDFAST_BASE_URL"))
                .credentials(env("HOLDFAST_APP_ID"), env("HOLDFAST_APP_KEY"))
                .merchant(env("HOLDFAST_MID"), env("HOLDFAST_TID"));
    }

    /** What a server does with one connection, after the head and the body of the request were read. */
    interface Behaviour {
        void answer(Socket connection, String request) throws IOException;
    }

    /** The address of a server that misbehaves. */
    static String fake(Behaviour behaviour) throws IOException {
        ServerSocket server = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());
        beside(() -> {
            while (true) {
                Socket connection = server.accept();
                beside(() -> behaviour.answer(connection, request(connection.getInputStream())));
            }
        });
        return "http://127.0.0.1:" + server.getLocalPort();
    }

    static String request(InputStream in) throws IOException {
        StringBuilder head = new StringBuilder();
        for (int next = in.read(); next >= 0; next = in.read()) {
            head.append((char) next);
            if (head.toString().endsWith("\r\n\r\n")) {
                break;
            }
        }
        Matcher length = Pattern.compile("(?i)content-length: *(\\d+)").matcher(head);
        int bytes = length.find() ? Integer.parseInt(length.group(1)) : 0;
        return head + new String(in.readNBytes(bytes), StandardCharsets.UTF_8);
    }

    static void beside(Test work) {
        Thread thread = new Thread(() -> {
            try {
                work.run();
            } catch (Exception ended) {
                // The other side went away.
            }
        });
        thread.setDaemon(true);
        thread.start();
    }

    /** A server that answers everything with the same bytes and hangs up. */
    static String saying(String bytes) throws IOException {
        return fake((connection, request) -> {
            connection.getOutputStream().write(bytes.getBytes(StandardCharsets.UTF_8));
            connection.close();
        });
    }

    static String answering(int status, String body, String... headers) throws IOException {
        StringBuilder head = new StringBuilder("HTTP/1.1 " + status + " X\r\n");
        for (String header : headers) {
            head.append(header).append("\r\n");
        }
        int length = body.getBytes(StandardCharsets.UTF_8).length;
        return saying(head + "Content-Length: " + length + "\r\n\r\n" + body);
    }

    /** An address at which nobody listens. */
    static String nowhere() throws IOException {
        try (ServerSocket server = new ServerSocket(0, 50, InetAddress.getLoopbackAddress())) {
            return "http://127.0.0.1:" + server.getLocalPort();
        }
    }

    /** A gateway that gives tokens and tells what it was asked. */
    static final class Fake {
        final AtomicInteger tokens = new AtomicInteger();
        final BlockingQueue<String> bodies = new LinkedBlockingQueue<>();
        final BlockingQueue<String> proofs = new LinkedBlockingQueue<>();
        final BlockingQueue<String> paths = new LinkedBlockingQueue<>();
        final String url;

        /** The first so many tokens are refused. */
        Fake(int refuses) throws IOException {
            HttpServer server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
            server.setExecutor(Executors.newCachedThreadPool(work -> {
                Thread thread = new Thread(work);
                thread.setDaemon(true);
                return thread;
            }));
            server.createContext("/", exchange -> {
                String body = new String(exchange.getRequestBody().readAllBytes(), StandardCharsets.UTF_8);
                String path = exchange.getRequestURI().getPath();
                String answer;
                int status = 200;
                if (path.endsWith("/v1/token/access")) {
                    answer = "{\"errCode\":\"0000\",\"accessToken\":\"token-" + tokens.incrementAndGet()
                            + "\",\"expiresIn\":3600}";
                } else {
                    String proof = exchange.getRequestHeaders().getFirst("Authorization");
                    bodies.add(body);
                    proofs.add(proof);
                    paths.add(path);
                    boolean refused = proof.contains("token-")
                            && Integer.parseInt(proof.substring(proof.indexOf("token-") + 6)) <= refuses;
                    status = refused ? 401 : 200;
                    answer = refused ? "{\"errCode\":\"BAD_SIGN\",\"errMsg\":\"认证失败\"}" : "{\"errCode\":\"SUCCESS\",\"mid\":\"1\"}";
                }
                byte[] bytes = answer.getBytes(StandardCharsets.UTF_8);
                exchange.sendResponseHeaders(status, bytes.length);
                exchange.getResponseBody().write(bytes);
                exchange.close();
            });
            server.start();
            url = "http://127.0.0.1:" + server.getAddress().getPort();
        }
    }
}
