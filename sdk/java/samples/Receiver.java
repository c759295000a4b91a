import com.holdfast.client.Notice;
import com.holdfast.client.NoticeException;
import com.holdfast.client.Secret;
import com.sun.net.httpserver.HttpServer;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.List;

/**
 * A receiver of notices (支付结果通知), small enough to read: HOLDFAST_NOTICE_KEY=… java Receiver 9090
 */
public class Receiver {
    public static void main(String[] args) throws Exception {
        Secret key = new Secret(System.getenv("HOLDFAST_NOTICE_KEY"));
        int port = Integer.parseInt(args[0]);
        HttpServer server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), port), 0);
        server.createContext("/", exchange -> {
            // The body as it was received, and no more of it than a notice may have.
            byte[] bytes = exchange.getRequestBody().readNBytes(Notice.BODY_MAX + 1);
            byte[] answer = receive(key, new String(bytes, StandardCharsets.UTF_8)).getBytes(StandardCharsets.UTF_8);
            exchange.sendResponseHeaders(200, answer.length);
            exchange.getResponseBody().write(answer);
            exchange.close();
        });
        server.start();
        System.out.println("listening on " + server.getAddress().getPort());
    }

    private static String receive(Secret key, String body) {
        try {
            Notice notice = Notice.verify(List.of(key), body);
            // Look your order up by notice.billNo and compare it:
            // notice.expect(order.mid, order.tid, order.billNo, order.billDate, order.totalAmount);
            // The same notice can come twice: in the transaction that delivers, keep notice.notifyId under a unique index.
            System.out.println("deliver " + notice.billNo + ": " + notice.billStatus + ", " + notice.totalAmount + " fen");
            return Notice.DONE;
        } catch (NoticeException why) {
            System.err.println(why.getMessage());
            return Notice.FAILED;
        }
    }
}
