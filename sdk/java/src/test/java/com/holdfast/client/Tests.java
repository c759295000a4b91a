package com.holdfast.client;

import static com.holdfast.client.Harness.answering;
import static com.holdfast.client.Harness.client;
import static com.holdfast.client.Harness.env;
import static com.holdfast.client.Harness.fake;
import static com.holdfast.client.Harness.hold;
import static com.holdfast.client.Harness.holds;
import static com.holdfast.client.Harness.nowhere;
import static com.holdfast.client.Harness.output;
import static com.holdfast.client.Harness.same;
import static com.holdfast.client.Harness.saying;
import static com.holdfast.client.Harness.test;
import static com.holdfast.client.Harness.thrown;

import com.chinaums.open.api.OpenApiCache;
import com.chinaums.open.api.OpenApiContext;
import com.chinaums.open.api.internal.util.http.HttpTransport;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.LocalDateTime;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TimeZone;
import java.util.UUID;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.Callable;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** The tests of this SDK, against the gateway that sdk/check started: sdk/check java. */
public final class Tests {
    private Tests() {}

    public static void main(String[] args) {
        samples();
        endpoints();
        failures();
        certificates();
        tokens();
        notices();
        tables();
        Harness.failed.forEach(sentence -> System.out.println("failed: " + sentence));
        System.out.println(Harness.passed + " passed, " + Harness.failed.size() + " failed");
        System.exit(Harness.failed.isEmpty() ? 0 : 1);
    }

    /** A program of samples/, as its user would start it. */
    private static ProcessBuilder sample(String... program) {
        List<String> command = new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Duser.timezone=America/New_York", "-Dfile.encoding=UTF-8",
                "-cp", System.getProperty("java.class.path")));
        command.addAll(List.of(program));
        return new ProcessBuilder(command).redirectErrorStream(true);
    }

    private static void samples() {
        test("the official program reverses a capture and prints success, from a machine in New York", () -> {
            Process program = sample("OpenApiSdkTest").start();
            String said = new String(program.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
            same(0, program.waitFor(), said);
            Map<String, Object> answer = Json.object(said.trim());
            same("SUCCESS", answer.get("errCode"));
            same(38000L, new Fields(answer).payment("billPayment").totalAmount);
        });
        test("the official program differs from the page in host, credentials, field values and joined lines only", () -> {
            String ours = Files.readString(Path.of("samples/OpenApiSdkTest.java"));
            String page = ours.replace("System.getenv(\"HOLDFAST_BASE_URL\") + \"/v1/", "\"https://api-mop.chinaums.com/v1/")
                    .replaceAll("System.getenv\\(\"HOLDFAST_APP_(ID|KEY)\"\\)", "\"平台分配\"")
                    .replace("\" + System.getenv(\"CAPTURE_ORDER\") + \"", "327M22061819820261705544110")
                    .replaceAll("\" \\+ System.getenv\\(\"(BILL_NO|BILL_DATE|AUTH_CODE)\"\\) \\+ \"", "")
                    // A string may not go on in the next line: `," +`, line break, `"` was a line break.
                    .replace(",\" +\n\"", ",\n");
            // The digest of the program as the page prints it, from the first import to the last brace.
            same("05eaca42d88a983c01cdd0ce1cf166f2780b140f5d1bce1cc934a97e32943702",
                    Signatures.hex(Signatures.digest("SHA-256", Signatures.utf8(page.strip()))));
        });
        test("the sample receiver takes a real notice and delivers", () -> {
            Process receiver = sample("Receiver", "0").start();
            try (BufferedReader says = new BufferedReader(
                    new InputStreamReader(receiver.getInputStream(), StandardCharsets.UTF_8))) {
                String port = says.readLine().replace("listening on ", "");
                Map<String, String> hold = hold("--notify-url", "http://127.0.0.1:" + port + "/notify");
                same("deliver " + hold.get("BILL_NO") + ": PAID, 50000 fen", says.readLine());
            } finally {
                receiver.destroy();
            }
        });
        test("the README runs, and shows the same code in both languages", () -> {
            List<List<String>> blocks = blocks("README.md");
            same(blocks, blocks("README.zh-CN.md"));
            same(5, blocks.size());
            Path room = Files.createTempDirectory("holdfast-readme");
            String script = "set -euo pipefail\nexport PATH=$(dirname \"$HOLDFAST_BINARY\"):$PATH\n"
                    + blocks.get(0).get(1) + blocks.get(1).get(1) + blocks.get(2).get(1)
                    + "cat >Example.java <<'END'\n" + blocks.get(3).get(1) + "END\n"
                    + "javac -encoding UTF-8 -cp sdk/java/target/classes -d . Example.java\n"
                    + "cat >Receives.java <<'END'\nimport com.holdfast.client.*; import java.util.List;\nclass Receives { String receive("
                    + "Secret key, String body, String mid, String tid, String billNo, String billDate, long totalAmount) "
                    + "throws NoticeException {\n" + blocks.get(4).get(1) + "} }\nEND\n"
                    + "javac -cp sdk/java/target/classes -d . Receives.java\n"
                    + "java -cp .:sdk/java/target/classes Example\ncd / && rm -r \"$ROOM\"\n";
            // Elsewhere, so that the repository is left as it was.
            Path java = Files.createDirectories(room.resolve("sdk/java"));
            Files.createSymbolicLink(java.resolve("src"), Path.of("src").toAbsolutePath());
            Files.createSymbolicLink(java.resolve("samples"), Path.of("samples").toAbsolutePath());
            ProcessBuilder bash = new ProcessBuilder("bash", "-c", script.replace("find sdk", "find -L sdk"));
            bash.environment().put("ROOM", room.toString());
            bash.environment().keySet().removeAll(List.of("HOLDFAST_MID", "HOLDFAST_TID"));
            Process process = bash.directory(room.toFile()).redirectErrorStream(true).start();
            String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
            same(0, process.waitFor(), said);
            holds(said.contains("\"errCode\":\"SUCCESS\"") && said.endsWith("reversed 42000 fen\n"), said);
        });
        test("the sample hold goes through capture, reversal, capture and refund", () -> {
            Process program = sample("HoldSample").start();
            BufferedReader says = new BufferedReader(
                    new InputStreamReader(program.getInputStream(), StandardCharsets.UTF_8));
            String code = "";
            for (String line = says.readLine(); line != null; line = says.readLine()) {
                Matcher pay = Pattern.compile("pay (\\S+), then press return").matcher(line);
                if (pay.find()) {
                    code = pay.group(1);
                    break;
                }
            }
            output(env("HOLDFAST_BINARY"), "sim", "pay", code);
            try (OutputStream types = program.getOutputStream()) {
                types.write('\n');
            }
            same(List.of("reversed 38000 fen", "refunded 2000 fen"), List.of(says.readLine(), says.readLine()));
            same(0, program.waitFor());
        });
    }

    /** The code blocks of a README: language and text. */
    private static List<List<String>> blocks(String file) throws Exception {
        List<List<String>> blocks = new ArrayList<>();
        Matcher block = Pattern.compile("(?ms)^```([a-z]+)\n(.*?)^```$").matcher(Files.readString(Path.of(file)));
        while (block.find()) {
            blocks.add(List.of(block.group(1), block.group(2)));
        }
        return blocks;
    }

    private static void endpoints() {
        for (Scheme scheme : Scheme.values()) {
            for (boolean dataTag : new boolean[] {false, true}) {
                test("a capture is made, seen and reversed, " + scheme + (dataTag ? " in an envelope" : ""), () -> {
                    Holdfast holdfast = client().scheme(scheme).dataTag(dataTag).build();
                    Map<String, String> hold = hold();
                    String bill = hold.get("BILL_NO");
                    String auth = hold.get("AUTH_CODE");
                    Preauthed.Answer captured = holdfast.call(new Preauthed().billNo(bill).billDate(hold.get("BILL_DATE"))
                            .authedOrderId(bill + "C1").authIdRespCd(auth).totalAmount(38000).msgId("abc"));
                    same(bill + "C1", captured.authedOrderId);
                    same(List.of(38000L, "abc"), List.of(captured.authedBillPayment.totalAmount, captured.msgId));
                    Query.Answer state = holdfast.call(
                            new Query().billNo(bill).billDate(hold.get("BILL_DATE")).authedOrderId(bill + "C1"));
                    same(List.of("PAID", 50000L, auth), List.of(state.billStatus, state.totalAmount, state.authIdRespCd));
                    same("TRADE_SUCCESS", state.authedBillPayment.status);
                    PreauthedCancel.Answer reversed = holdfast.call(new PreauthedCancel().billNo(bill)
                            .billDate(hold.get("BILL_DATE")).merOrderId(bill + "C1").authIdRespCd(auth));
                    same(List.of(bill, 38000L, "TRADE_CLOSED"),
                            List.of(reversed.billNo, reversed.billPayment.totalAmount, reversed.billPayment.status));
                });
            }
        }
        test("a code is made, and the hold behind it released", () -> {
            Holdfast holdfast = client().build();
            String bill = "327M" + UUID.randomUUID().toString().replace("-", "").substring(0, 20);
            String date = Clock.beijing().toLocalDate().toString();
            GetQrcode.Answer code = holdfast.call(new GetQrcode().billNo(bill).billDate(date).totalAmount(50000)
                    .billDesc("押金 \"301\"").with("counterNo", "301"));
            same(bill, code.billNo);
            holds(code.billQRCode.startsWith("http"), code.billQRCode);
            Query.Answer state = holdfast.call(new Query().billNo(bill).billDate(date));
            same(List.of("UNPAID", "301"), List.of(state.billStatus, state.raw.get("counterNo")));
            same(null, state.authIdRespCd);
            output(env("HOLDFAST_BINARY"), "sim", "pay", code.qrCodeId);
            state = holdfast.call(new Query().billNo(bill).billDate(date));
            PreauthCancel.Answer released = holdfast.call(new PreauthCancel().billNo(bill).billDate(date)
                    .merOrderId(state.billPayment.merOrderId).authIdRespCd(state.authIdRespCd));
            same(List.of(50000L, "CLOSED"), List.of(released.billPayment.totalAmount, released.billStatus));
        });
        test("part of a capture is refunded", () -> {
            Map<String, String> hold = hold("--capture", "38000");
            String bill = hold.get("BILL_NO");
            Refund.Answer refunded = client().build().call(new Refund().billNo(bill).billDate(hold.get("BILL_DATE"))
                    .refundOrderId(bill + "R1").refundAmount(2000).refundDesc("多收"));
            same(List.of(bill + "R1", 2000L, "SUCCESS"),
                    List.of(refunded.refundOrderId, refunded.refundAmount, refunded.refundStatus));
            Query.Answer state = client().build().call(
                    new Query().billNo(bill).billDate(hold.get("BILL_DATE")).refundOrderId(bill + "R1"));
            same(2000L, state.refundBillPayment.totalAmount);
        });
        test("a refusal has its code and says whether to repeat", () -> {
            Query nobody = new Query().billNo("327M00000000000000000000000").billDate("2022-04-21");
            RefusedException refused = thrown(RefusedException.class, () -> client().build().call(nobody));
            same(List.of("NO_ORDER", Repeat.POINTLESS, 200), List.of(refused.errCode, refused.repeat, refused.status));
            refused = thrown(RefusedException.class,
                    () -> client().credentials(env("HOLDFAST_APP_ID"), "wrong").build().call(nobody));
            same(List.of("BAD_SIGN", 401), List.of(refused.errCode, refused.status));
        });
        test("what the gateway does not know is an outcome unknown", () -> {
            Map<String, String> hold = hold();
            // The simulated channel acts and its answer gets lost.
            String order = hold.get("BILL_NO").substring(14, 24) + "-cap-lostanswer";
            OutcomeUnknownException unknown = thrown(OutcomeUnknownException.class, () -> client().build()
                    .call(new Preauthed().billNo(hold.get("BILL_NO")).billDate(hold.get("BILL_DATE"))
                            .authedOrderId(order).authIdRespCd(hold.get("AUTH_CODE")).totalAmount(12000)));
            same(List.of("TIMEOUT", Repeat.AFTER_QUERY), List.of(unknown.errCode, unknown.repeat));
            holds(unknown.getMessage().contains("outcome unknown: query"), unknown.getMessage());
        });
        test("what is missing or cannot be is not sent", () -> {
            Holdfast holdfast = client().baseUrl(nowhere()).build();
            IllegalArgumentException missing = thrown(IllegalArgumentException.class,
                    () -> holdfast.call(new PreauthedCancel().billNo("327M0000000")));
            same("missing 缺少: billDate, merOrderId, authIdRespCd", missing.getMessage());
            for (long amount : new long[] {0, -1, 100_000_001}) {
                thrown(IllegalArgumentException.class, () -> new Refund().refundAmount(amount));
            }
            for (String url : List.of("ftp://h", "https://k@h", "https://h?x", "https://h\r\nX: y", "h", "https://", "http://h/#x")) {
                thrown(IllegalArgumentException.class, () -> client().baseUrl(url).build());
            }
            for (String app : List.of("", "a\r\nb", "a\"b", "a,b", "a".repeat(65))) {
                thrown(IllegalArgumentException.class, () -> client().credentials(app, "key").build());
            }
            thrown(IllegalArgumentException.class, () -> client().credentials("app", ""));
        });
        test("keys do not print", () -> {
            Holdfast holdfast = client().credentials("app", "never-shown").build();
            holds(!(holdfast + " " + new Secret("never-shown")).contains("never-shown"), holdfast);
        });
    }

    private static void ask(String url) {
        // A JVM that is just awake needs its time, above all for TLS.
        client().baseUrl(url).timeout(Duration.ofSeconds(20)).build().call(new Query().billNo("327M0000000"));
    }

    private static void unknown(String url, String... why) {
        OutcomeUnknownException unknown = thrown(OutcomeUnknownException.class, () -> ask(url));
        same(Repeat.AFTER_QUERY, unknown.repeat);
        holds(unknown.getMessage().contains("outcome unknown: query 结果未知，请先查询"), unknown.getMessage());
        for (String part : why) {
            holds(unknown.getMessage().contains(part), unknown.getMessage());
        }
    }

    private static void failures() {
        test("no answer in time is an outcome unknown", () -> {
            String silent = fake((connection, request) -> { });
            OutcomeUnknownException late = thrown(OutcomeUnknownException.class, () -> client().baseUrl(silent)
                    .timeout(Duration.ofMillis(500)).build().call(new Query().billNo("327M0000000")));
            same("no answer within 500 ms (outcome unknown: query 结果未知，请先查询)", late.getMessage());
        });
        test("an answer that never ends is an outcome unknown, and its connection is closed", () -> {
            BlockingQueue<Integer> closed = new ArrayBlockingQueue<>(1);
            String endless = fake((connection, request) -> {
                connection.getOutputStream().write("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{".getBytes());
                closed.add(connection.getInputStream().read());
            });
            thrown(OutcomeUnknownException.class, () -> client().baseUrl(endless).timeout(Duration.ofMillis(500)).build()
                    .call(new Query().billNo("327M0000000")));
            same(-1, closed.poll(10, TimeUnit.SECONDS));
        });
        test("a connection that breaks after sending is an outcome unknown",
                () -> unknown(fake((connection, request) -> connection.close()), "the connection broke before the answer"));
        test("an answer that is cut off is an outcome unknown",
                () -> unknown(saying("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"errCode\":")));
        test("an answer without end is not read to its end, and is an outcome unknown", () -> unknown(fake((connection, request) -> {
            connection.getOutputStream().write("HTTP/1.1 200 OK\r\n\r\n".getBytes());
            while (true) {
                connection.getOutputStream().write(new byte[65536]);
            }
        }), "longer than 1048576 bytes"));
        test("an answer that cannot be read is an outcome unknown", () -> {
            unknown(answering(500, "<html>"));
            unknown(answering(502, ""));
            for (String body : List.of("{\"errCode\":\"SUCC", "{\"errCode\":\"SUCCESS\"}", "[]", "{\"errCode\":1}",
                    "{\"errCode\":\"SUCCESS\",\"billNo\":\"1\",\"billDate\":\"2\"}x", "[".repeat(100_000))) {
                unknown(answering(200, body));
            }
        });
        test("a success that something beside it contradicts is an outcome unknown", () -> {
            String done = "{\"errCode\":\"SUCCESS\",\"billNo\":\"1\",\"billDate\":\"2\"}";
            for (int status : new int[] {302, 400, 401, 404, 500, 503}) {
                unknown(answering(status, done), "contradicts itself");
                OpenApiContext context = context(answering(status, done));
                context.getConfigBean().setNeedToken(false);
                thrown(OutcomeUnknownException.class, () -> HttpTransport.getInstance().doPost(context, "{}"));
            }
            for (List<String> codes : List.of(
                    List.of("TIMEOUT", "SUCCESS"), List.of("NO_ORDER", "SUCCESS"), List.of("SUCCESS", "TIMEOUT"))) {
                unknown(answering(200, "{\"errCode\":\"" + codes.get(0) + "\",\"data\":"
                        + done.replace("SUCCESS", codes.get(1)) + "}"), "contradicts itself");
            }
        });
        test("nothing is sent twice by itself, not even if a property of the JVM wants it", () -> {
            // The test script sets jdk.httpclient.enableAllMethodRetry.
            same("true", System.getProperty("jdk.httpclient.enableAllMethodRetry"));
            BlockingQueue<String> bodies = new ArrayBlockingQueue<>(10);
            String broken = fake((connection, request) -> {
                if (request.contains("billNo")) {
                    bodies.add(request);
                }
                connection.close();
            });
            unknown(broken, "the connection broke before the answer");
            same(1, bodies.size());
            // Nor does it say that nothing was sent when the second attempt finds nobody.
            ServerSocket gone = new ServerSocket(0, 1, InetAddress.getLoopbackAddress());
            Harness.beside(() -> {
                try (Socket connection = gone.accept()) {
                    gone.close();
                    Harness.request(connection.getInputStream());
                }
            });
            unknown("http://127.0.0.1:" + gone.getLocalPort(), "the connection broke before the answer");
        });
        test("codes that no source tells of are refusals with a 4xx only", () -> {
            unknown(answering(200, "{\"errCode\":\"NEVER_SEEN\"}"));
            String odd = answering(412, "{\"errCode\":\"5131016\"}");
            same(Repeat.POINTLESS, thrown(RefusedException.class, () -> ask(odd)).repeat);
            String busy = answering(503, "{\"errCode\":\"TXN_DISCARDED\"}");
            same(Repeat.SAFE, thrown(RefusedException.class, () -> ask(busy)).repeat);
        });
        test("a refused connection says that nothing was sent", () -> {
            for (String url : List.of(nowhere(), "http://no-such-host.invalid")) {
                NotSentException nothing = thrown(NotSentException.class, () -> ask(url));
                same(Repeat.SAFE, nothing.repeat);
                holds(nothing.getMessage().contains("nothing was sent"), nothing.getMessage());
            }
        });
        test("a redirect is not followed", () -> {
            Harness.Fake there = new Harness.Fake(0);
            String here = answering(302, "", "Location: " + there.url + "/");
            RefusedException refused = thrown(RefusedException.class, () -> ask(here));
            holds(refused.getMessage().contains("was not followed"), refused.getMessage());
            same(0, there.paths.size());
        });
        test("a stranger who refuses did nothing", () -> {
            String stranger = answering(404, "<html>");
            same(Repeat.POINTLESS, thrown(RefusedException.class, () -> ask(stranger)).repeat);
        });
        test("an interrupted caller does not know the outcome, and is still interrupted", () -> {
            Thread.currentThread().interrupt();
            unknown(fake((connection, request) -> { }));
            holds(Thread.interrupted(), "the interrupt was swallowed");
        });
        test("JSON is read strictly", () -> {
            same("押金\"\\/\b\f\n\r\t", Json.object("{\"a\":\"\\u62bc金\\\"\\\\\\/\\b\\f\\n\\r\\t\"}").get("a"));
            same("{\"a\":[1,true,null,{\"b\":\"\\u0001\\\"\"}],\"c\":{}}",
                    Json.write(Json.object(" { \"a\" : [ 1 , true , null , {\"b\":\"\\u0001\\\"\"} ] , \"c\" : { } } ")));
            for (String broken : List.of("", "{", "{}x", "{\"a\"}", "{\"a\":1,}", "{a:1}", "{\"a\":01}", "{\"a\":+1}", "{\"a\":1.}",
                    "{\"a\":.5}", "{\"a\":NaN}", "{\"a\":\"\n\"}", "{\"a\":\"\\x\"}", "{\"a\":\"\\u12g4\"}", "{\"a\":1,\"a\":2}",
                    "{\"a\":[1 2]}", "[]", "{\"a\":" + "[".repeat(40) + "]".repeat(40) + "}", "{\"a\":" + "1".repeat(65) + "}")) {
                thrown(Json.NotJson.class, () -> Json.object(broken));
            }
        });
    }

    private static void certificates() {
        test("a certificate that nobody vouches for is refused before anything is sent", () -> {
            NotSentException nothing = thrown(NotSentException.class, () -> ask(env("HOLDFAST_SELF_SIGNED_URL")));
            same(Repeat.POINTLESS, nothing.repeat);
            holds(nothing.getMessage().contains("nothing was sent"), nothing.getMessage());
        });
        // The test is started with jdk.internal.httpclient.disableHostnameVerification.
        test("a certificate is trusted through its authority only, and for its own name only, whatever the JVM is told", () -> {
            Holdfast.Builder trusting = client().timeout(Duration.ofSeconds(20))
                    .caFile(Path.of(env("HOLDFAST_SELF_SIGNED_CERT")));
            String url = env("HOLDFAST_SELF_SIGNED_URL");
            // What answers there is no gateway, but it was reached.
            HoldfastException answered = thrown(HoldfastException.class,
                    () -> trusting.baseUrl(url).build().call(new Query().billNo("327M0000000")));
            holds(!answered.getMessage().contains("nothing was sent"), answered.getMessage());
            NotSentException nothing = thrown(NotSentException.class, () -> trusting
                    .baseUrl(url.replace("localhost", "127.0.0.1")).build().call(new Query().billNo("327M0000000")));
            holds(nothing.getMessage().contains("nothing was sent"), nothing.getMessage());
            thrown(IllegalArgumentException.class, () -> client().caFile(Path.of("samples/Receiver.java")).build());
        });
    }

    private static OpenApiContext context(String url) {
        OpenApiContext context = new OpenApiContext();
        context.setApiServiceUrl(url + "/v1/netpay/bills/query");
        context.setAppId("app");
        context.setAppKey("key");
        return context;
    }

    private static void tokens() {
        test("a token is refused by a status or by words, and not by a server that may have acted", () -> {
            same(true, new Exchange("", 401, "", null).tokenWasRefused());
            same(true, new Exchange("", 412, "{\"errInfo\":\"认证失败\"}", null).tokenWasRefused());
            same(false, new Exchange("", 412, "{\"errInfo\":\"no\"}", null).tokenWasRefused());
            same(false, new Exchange("", 500, "{\"errInfo\":\"渠道认证失败\"}", null).tokenWasRefused());
        });
        test("needToken says whether a token is shown or the body is signed", () -> {
            Harness.Fake gateway = new Harness.Fake(0);
            OpenApiContext context = context(gateway.url);
            HttpTransport.getInstance().doPost(context, "{}");
            same("OPEN-ACCESS-TOKEN AccessToken=token-1", gateway.proofs.take());
            context.getConfigBean().setNeedToken(false);
            HttpTransport.getInstance().doPost(context, "{}");
            String proof = gateway.proofs.take();
            holds(proof.startsWith("OPEN-BODY-SIG AppId=\"app\",Timestamp=\""), proof);
        });
        test("a request goes out byte for byte, and needDataTag puts it into an envelope", () -> {
            Harness.Fake gateway = new Harness.Fake(0);
            OpenApiContext context = context(gateway.url);
            String request = "{ \"mid\" : \"1\",\n \"billDesc\":\"押金\" }";
            HttpTransport.getInstance().doPost(context, request);
            same(request, gateway.bodies.take());
            context.getConfigBean().setNeedDataTag(true);
            HttpTransport.getInstance().doPost(context, request);
            same("{\"data\":" + request + "}", gateway.bodies.take());
        });
        test("an answer is given back as it came, and one that is none is an error", () -> {
            String refusal = "{\"errCode\":\"NO_ORDER\", \"errMsg\":\"无\"}";
            OpenApiContext context = context(answering(200, refusal));
            context.getConfigBean().setNeedToken(false);
            same(refusal, HttpTransport.getInstance().doPost(context, "{}"));
            context.setApiServiceUrl(answering(502, "<html>") + "/v1/x");
            thrown(OutcomeUnknownException.class, () -> HttpTransport.getInstance().doPost(context, "{}"));
        });
        test("an address is understood although the page cuts it up", () -> {
            Map<String, List<String>> addresses = new LinkedHashMap<>();
            addresses.put("https://vpn.example/v1/netpay/bills/query", List.of("https://vpn.example", "/v1/netpay/bills/query"));
            addresses.put("https://h.example/very/v2/x", List.of("https://h.example/very", "/v2/x"));
            addresses.put("http://h:8080/v1/v1/x", List.of("http://h:8080", "/v1/v1/x"));
            for (Map.Entry<String, List<String>> address : addresses.entrySet()) {
                OpenApiContext context = context("unused");
                context.setApiServiceUrl(address.getKey());
                same(address.getValue().get(1), context.path());
                holds(context.gateway().toString().startsWith("Gateway(" + address.getValue().get(0) + ","), context.gateway());
            }
            OpenApiContext parts = context("unused");
            parts.setApiServiceUrl(null);
            parts.setOpenServUrl("http://h:8080/");
            parts.setVersion("v1");
            parts.setServiceCode("/netpay/bills/query");
            same("/v1/netpay/bills/query", parts.path());
            parts.setVersion("x");
            thrown(IllegalArgumentException.class, parts::path);
        });
        test("twenty threads share one token, fetched once", () -> {
            Harness.Fake gateway = new Harness.Fake(0);
            ExecutorService threads = Executors.newFixedThreadPool(20);
            CyclicBarrier together = new CyclicBarrier(20);
            List<Future<String>> answers = new ArrayList<>();
            for (int i = 0; i < 20; i++) {
                Callable<String> work = () -> {
                    together.await();
                    OpenApiContext context = context(gateway.url);
                    OpenApiCache.getCurrentToken(context);
                    return HttpTransport.getInstance().doPost(context, "{}");
                };
                answers.add(threads.submit(work));
            }
            for (Future<String> answer : answers) {
                holds(answer.get().contains("SUCCESS"), answer);
            }
            threads.shutdown();
            same(1, gateway.tokens.get());
            same(Set.of("OPEN-ACCESS-TOKEN AccessToken=token-1"), Set.copyOf(gateway.proofs));
        });
        test("each app and each key has a token of its own, which does not print", () -> {
            Harness.Fake gateway = new Harness.Fake(0);
            for (String[] app : new String[][] {{"app", "key"}, {"app", "other"}, {"bpp", "key"}, {"app", "key"}}) {
                OpenApiContext context = context(gateway.url);
                context.setAppId(app[0]);
                context.setAppKey(app[1]);
                same("[secret]", OpenApiCache.getCurrentToken(context).toString());
            }
            same(3, gateway.tokens.get());
        });
        test("a refused token is renewed once, and no more than once", () -> {
            Harness.Fake gateway = new Harness.Fake(1);
            holds(HttpTransport.getInstance().doPost(context(gateway.url), "{}").contains("SUCCESS"), "renewed");
            same(List.of(2, 2), List.of(gateway.tokens.get(), gateway.bodies.size()));
            Harness.Fake never = new Harness.Fake(9);
            holds(HttpTransport.getInstance().doPost(context(never.url), "{}").contains("BAD_SIGN"), "refused");
            same(List.of(2, 2), List.of(never.tokens.get(), never.bodies.size()));
        });
        test("a token that is about to die is not used, and apps that were forgotten begin anew", () -> {
            Tokens tokens = new Tokens();
            int[] fetched = {0};
            for (long life : new long[] {0, 3600, 3600}) {
                tokens.get("x", null, () -> new Tokens.Issued(new Secret("t" + ++fetched[0]), life));
            }
            same(2, fetched[0]);
            for (int i = 0; i < 64; i++) {
                tokens.get("other" + i, null, () -> new Tokens.Issued(new Secret("o"), 3600));
            }
            tokens.get("x", null, () -> new Tokens.Issued(new Secret("t" + ++fetched[0]), 3600));
            same(3, fetched[0]);
        });
        test("without a token nothing is sent", () -> {
            for (String url : List.of(nowhere(), fake((connection, request) -> connection.close()),
                    answering(200, "{\"errCode\":\"0000\"}"),
                    answering(200, "{\"errCode\":\"0000\",\"accessToken\":\"a\\r\\nX: y\",\"expiresIn\":1}"))) {
                thrown(NotSentException.class, () -> HttpTransport.getInstance().doPost(context(url), "{}"));
            }
        });
        test("a token that the gateway has ended is renewed, at the real gateway", () -> {
            Holdfast holdfast = client().scheme(Scheme.ACCESS_TOKEN).build();
            Map<String, String> hold = hold();
            Query query = new Query().billNo(hold.get("BILL_NO")).billDate(hold.get("BILL_DATE"));
            holdfast.call(query);
            // An app may have ten tokens: ten more end the first.
            Gateway gateway = new Gateway(env("HOLDFAST_BASE_URL"), env("HOLDFAST_APP_ID"),
                    new Secret(env("HOLDFAST_APP_KEY")), Scheme.ACCESS_TOKEN, false, Transport.shared());
            Secret first = gateway.token();
            for (int i = 0; i < 10; i++) {
                output(env("HOLDFAST_BINARY"), "call", "token", "-o", "json", "--quiet");
            }
            same(hold.get("BILL_NO"), holdfast.call(query).billNo);
            holds(!gateway.token().equals(first), "the dead token is still in use");
        });
    }

    private static final Secret KEY = new Secret("fcAmtnx7MwismjWNhNKdHC44mNXtnEQeJkRrhKJwyrW2ysRR");

    private static Map<String, String> notice(String... more) {
        Map<String, String> notice = new LinkedHashMap<>();
        String[] pairs = {"mid", "898340149000005", "tid", "88880001", "notifyId", "911b4376", "seqId", "00151100146N",
            "billNo", "3194202304010900000001234567", "billDate", "2023-04-01", "billStatus", "PAID", "totalAmount", "1908",
            "billPayment", "{\"merOrderId\":\"31942023040109000000012345670\",\"totalAmount\":1908}", "gY", "Snwz"};
        for (int i = 0; i < pairs.length; i += 2) {
            notice.put(pairs[i], pairs[i + 1]);
        }
        for (int i = 0; i < more.length; i += 2) {
            notice.put(more[i], more[i + 1]);
        }
        return notice;
    }

    /** A body that is signed with KEY. */
    private static String signed(Map<String, String> fields) {
        List<String> pairs = new ArrayList<>();
        Map<String, String> all = new LinkedHashMap<>(fields);
        all.put("sign", Notice.sign(KEY, fields));
        all.forEach((name, value) -> pairs.add(URLEncoder.encode(name, StandardCharsets.UTF_8) + "="
                + URLEncoder.encode(value, StandardCharsets.UTF_8)));
        return String.join("&", pairs);
    }

    private static void refused(NoticeException.Fault fault, String body) {
        same(fault, thrown(NoticeException.class, () -> Notice.verify(List.of(KEY), body)).fault, body);
    }

    private static void notices() {
        test("a real notice is believed, and none that differs from it", () -> {
            BlockingQueue<String> bodies = new ArrayBlockingQueue<>(9);
            String receiver = fake((connection, request) -> {
                bodies.add(request.substring(request.indexOf("\r\n\r\n") + 4));
                connection.getOutputStream().write("HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nSUCCESS".getBytes());
                connection.close();
            });
            Map<String, String> hold = hold("--notify-url", receiver + "/");
            String body = bodies.take();
            Secret key = new Secret(env("HOLDFAST_NOTICE_KEY"));
            Notice notice = Notice.verify(List.of(new Secret("another"), key), body);
            String[] order = {env("HOLDFAST_MID"), env("HOLDFAST_TID"), hold.get("BILL_NO"), hold.get("BILL_DATE")};
            same(notice, notice.expect(order[0], order[1], order[2], order[3], 50000));
            same(List.of("PAID", hold.get("AUTH_CODE"), 50000L),
                    List.of(notice.billStatus, notice.authIdRespCd, notice.billPayment.totalAmount));
            NoticeException other = thrown(NoticeException.class,
                    () -> notice.expect(order[0], order[1], order[2], order[3], 50001));
            same(List.of(NoticeException.Fault.UNEXPECTED, "totalAmount"), List.of(other.fault, other.field));
            thrown(NoticeException.class, () -> Notice.verify(List.of(new Secret(env("HOLDFAST_APP_KEY"))), body));
            thrown(NoticeException.class, () -> Notice.verify(List.of(), body));
            thrown(NoticeException.class, () -> Notice.verify(List.of(key), body + "&more=1"));
            // Each byte of it matters: whichever is replaced, it is no longer believed.
            for (int at = 0; at < body.length(); at++) {
                String changed = body.substring(0, at) + (body.charAt(at) == 'x' ? 'y' : 'x') + body.substring(at + 1);
                thrown(NoticeException.class, () -> Notice.verify(List.of(key), changed));
            }
        });
        test("the notices of the conformance kit are signed, believed and refused as they should be", () -> {
            for (Map<?, ?> vector : vectors("notices")) {
                Map<String, String> fields = new LinkedHashMap<>();
                for (Object pair : (List<?>) vector.get("pairs")) {
                    fields.put((String) ((List<?>) pair).get(0), (String) ((List<?>) pair).get(1));
                }
                Secret key = new Secret((String) vector.get("key"));
                same(vector.get("signedText"), Notice.signedText(fields), vector.get("name"));
                same(vector.get("sign"), Notice.sign(key, fields), vector.get("name"));
                Notice.verify(List.of(key), (String) vector.get("body"));
                for (Object good : (List<?>) vector.get("accept")) {
                    Notice.verify(List.of(key), (String) ((Map<?, ?>) good).get("body"));
                }
                for (Object refuse : (List<?>) vector.get("refuse")) {
                    Map<?, ?> bad = (Map<?, ?>) refuse;
                    NoticeException why = thrown(
                            NoticeException.class, () -> Notice.verify(List.of(key), (String) bad.get("body")));
                    same(bad.get("kind"), why.fault.name().toLowerCase().replace('_', '-'), bad.get("name"));
                }
            }
        });
        test("MD5 unless signType says SHA256; signType and odd names are signed too", () -> {
            same("911b4376", Notice.verify(List.of(KEY), signed(notice())).notifyId);
            String sha = signed(notice("signType", "SHA256"));
            holds(sha.matches(".*sign=[0-9A-F]{64}$"), sha);
            same("911b4376", Notice.verify(List.of(KEY), sha).notifyId);
            refused(NoticeException.Fault.WRONG_SIGNATURE, sha.replace("signType=SHA256", "signType=MD5"));
            // U+FF5E comes before U+1F600 in bytes, and after it in Java's own order.
            String odd = signed(notice("a.b", "1", "c d", "2", "e[]", "3", "Zz", "+ %", "\uFF5E", "x", "😀", "y", "empty", ""));
            same("+ %", Notice.verify(List.of(KEY), odd).get("Zz"));
            same("😀=y", Notice.signedText(Map.of("😀", "y", "\uFF5E", "x")).split("&")[1]);
            String small = signed(notice()).replaceAll("sign=.*", "sign=" + Notice.sign(KEY, notice()).toLowerCase());
            same("911b4376", Notice.verify(List.of(KEY), small + "&").notifyId);
        });
        test("what two readers could read differently is refused although its signature is right", () -> {
            refused(NoticeException.Fault.TWICE, signed(notice()) + "&mid=898340149000005");
            refused(NoticeException.Fault.TWICE, signed(notice()) + "&x=&x=");
            // The same signature, with the border between two fields moved.
            Map<String, String> moved = notice("seqId", "00151100146N&tid=88880001");
            moved.remove("tid");
            same(Notice.sign(KEY, notice()), Notice.sign(KEY, moved));
            refused(NoticeException.Fault.AMBIGUOUS, signed(moved));
            // Not even a pair that nobody reads may be in a number by which a notice is known again.
            refused(NoticeException.Fault.AMBIGUOUS, signed(notice("notifyId", "911b4376&oK=Snwz")));
            refused(NoticeException.Fault.AMBIGUOUS, signed(notice("seqId", "00151100146N&sK=Snwz")));
            refused(NoticeException.Fault.AMBIGUOUS, signed(notice("a=b", "1")));
            refused(NoticeException.Fault.AMBIGUOUS, signed(notice("a&b", "1")));
            String address = signed(notice("billQRCode", "https://q.example/?id=1&x=2"));
            same("911b4376", Notice.verify(List.of(KEY), address).notifyId);
        });
        test("what is no notice is refused, and says why", () -> {
            refused(NoticeException.Fault.UNSIGNED, "mid=1&billStatus=PAID");
            refused(NoticeException.Fault.UNSIGNED, "");
            for (String broken : List.of("a=%zz&sign=1", "a=%4&sign=1", "a=%", "a=%ff&sign=1", "a=%4\u0661&sign=1",
                    "a".repeat(Notice.BODY_MAX + 1))) {
                refused(NoticeException.Fault.NOT_FORM, broken);
            }
            refused(NoticeException.Fault.WRONG_SIGNATURE, "a=1&sign=");
            for (String name : List.of("notifyId", "seqId", "billStatus")) {
                Map<String, String> without = notice();
                without.remove(name);
                refused(NoticeException.Fault.INCOMPLETE, signed(without));
            }
            refused(NoticeException.Fault.INCOMPLETE, signed(notice("billStatus", "ODD")));
            same(null, Notice.verify(List.of(KEY), signed(notice("billPayment", "{"))).billPayment);
        });
    }

    /** The rows of a table of the reference: what is named in the first cell, and the other cells. */
    private static List<String[]> table(String heading) throws Exception {
        String page = Files.readString(Path.of("../../docs/reference.md"));
        String part = page.split("\n## " + heading, 2)[1].split("\n## ", 2)[0];
        List<String[]> rows = new ArrayList<>();
        for (String line : part.split("\n")) {
            Matcher name = Pattern.compile("\\| \\[?`([^`]+)`.*").matcher(line);
            if (name.matches()) {
                String[] cells = line.substring(1).trim().split(" *\\| *");
                cells[0] = name.group(1);
                rows.add(cells);
            }
        }
        return rows;
    }

    /** The cases of a file of the conformance kit. */
    private static List<Map<?, ?>> vectors(String file) throws Exception {
        List<Map<?, ?>> cases = new ArrayList<>();
        Path path = Path.of("../../conformance/" + file + ".json");
        for (Object each : (List<?>) Json.object(Files.readString(path)).get("cases")) {
            cases.add((Map<?, ?>) each);
        }
        holds(cases.size() > 5, file);
        return cases;
    }

    private static String text(Map<?, ?> of, String name) {
        return (String) of.get(name);
    }

    private static void tables() {
        test("every error code is known, with its advice", () -> {
            Map<String, Repeat> advice = Map.of(
                    "safe", Repeat.SAFE, "after a query", Repeat.AFTER_QUERY, "pointless", Repeat.POINTLESS);
            List<String> codes = new ArrayList<>();
            for (String[] row : table("Error codes").subList(1, table("Error codes").size())) {
                String code = row[0];
                Repeat repeat = advice.get(row[4].split("<br>")[0]);
                same(repeat, Codes.repeat(code), code);
                boolean open = repeat == Repeat.AFTER_QUERY && row[3].matches("(channel|gateway)<br>.*");
                same(open, Codes.leavesOpen(code, Integer.parseInt(row[1])), code);
                codes.add(code);
            }
            same(codes, Codes.all());
        });
        test("every field of a notice is known", () -> {
            List<String> names = new ArrayList<>();
            for (String[] row : table("Notices")) {
                if (!row[0].contains(".")) {
                    names.add(row[0]);
                }
            }
            same(names, Notice.FIELDS);
        });
        test("requests are signed as the conformance kit signs them", () -> {
            int count = 0;
            for (Map<?, ?> vector : vectors("signatures")) {
                if (vector.get("appKey") == null) {
                    continue;
                }
                String[] of = {text(vector, "appId"), text(vector, "timestamp"), text(vector, "nonce")};
                Secret key = new Secret(text(vector, "appKey"));
                if (vector.get("scheme").equals("OPEN-BODY-SIG")) {
                    byte[] body = vector.get("body") == null
                            ? Base64.getDecoder().decode(text(vector, "bodyBase64"))
                            : Signatures.utf8(text(vector, "body"));
                    same(vector.get("authorization"), Signatures.headerAt(of[0], key, of[1], of[2], body), vector.get("name"));
                    count++;
                } else if ("SHA256".equals(vector.get("signMethod"))) {
                    same(vector.get("signature"), Signatures.ofToken(of[0], key, of[1], of[2]), vector.get("name"));
                    count++;
                }
            }
            holds(count > 10, count);
        });
        test("time is Beijing time whatever zone is set", () -> {
            for (String zone : List.of("America/New_York", "Asia/Shanghai", "Pacific/Kiritimati")) {
                TimeZone.setDefault(TimeZone.getTimeZone(zone));
                LocalDateTime utc = LocalDateTime.now(ZoneOffset.UTC);
                holds(Math.abs(Duration.between(utc.plusHours(8), Clock.beijing()).toSeconds()) <= 2, zone);
                holds(Clock.stamp().matches("[0-9]{14}"), Clock.stamp());
                holds(Clock.requestTimestamp().matches("\\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d:\\d\\d"), Clock.requestTimestamp());
            }
        });
    }
}
