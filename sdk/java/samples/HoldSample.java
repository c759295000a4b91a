import com.holdfast.client.Clock;
import com.holdfast.client.GetQrcode;
import com.holdfast.client.Holdfast;
import com.holdfast.client.NotSentException;
import com.holdfast.client.OutcomeUnknownException;
import com.holdfast.client.Preauthed;
import com.holdfast.client.PreauthedCancel;
import com.holdfast.client.Query;
import com.holdfast.client.Refund;
import com.holdfast.client.RefusedException;
import java.time.LocalDateTime;
import java.time.format.DateTimeFormatter;
import java.util.Scanner;
import java.util.concurrent.ThreadLocalRandom;

/** One hold from beginning to end: made, captured, reversed, captured again, refunded in part. */
public class HoldSample {
    public static void main(String[] args) {
        Holdfast holdfast = Holdfast.builder()
                .baseUrl(System.getenv("HOLDFAST_BASE_URL")) // or Holdfast.TEST
                .credentials(System.getenv("HOLDFAST_APP_ID"), System.getenv("HOLDFAST_APP_KEY"))
                .merchant("898201612345678", "88880001")
                .build();
        LocalDateTime now = Clock.beijing();
        String bill = "327M" + DateTimeFormatter.ofPattern("yyyyMMddHHmmssSSS").format(now)
                + ThreadLocalRandom.current().nextInt(1_000_000, 10_000_000);
        String date = now.toLocalDate().toString();
        try {
            GetQrcode.Answer code = holdfast.call(
                    new GetQrcode().billNo(bill).billDate(date).totalAmount(50_000).billDesc("押金 301"));
            System.out.println("scan " + code.billQRCode);
            // At a test gateway of Holdfast the payer is simulated: holdfast sim pay QRCODEID
            System.out.println("pay " + code.qrCodeId + ", then press return");
            new Scanner(System.in, "UTF-8").nextLine();
            String auth = holdfast.call(new Query().billNo(bill).billDate(date)).authIdRespCd;
            if (auth == null) {
                System.out.println("nobody has paid");
                return;
            }
            Preauthed capture = new Preauthed().billNo(bill).billDate(date).authIdRespCd(auth);
            holdfast.call(capture.authedOrderId(bill + "A").totalAmount(38_000));
            PreauthedCancel.Answer reversed = holdfast.call(
                    new PreauthedCancel().billNo(bill).billDate(date).merOrderId(bill + "A").authIdRespCd(auth));
            System.out.println("reversed " + reversed.billPayment.totalAmount + " fen");
            holdfast.call(capture.authedOrderId(bill + "B").totalAmount(42_000));
            Refund.Answer refunded = holdfast.call(
                    new Refund().billNo(bill).billDate(date).refundOrderId(bill + "R").refundAmount(2_000));
            System.out.println("refunded " + refunded.refundAmount + " fen");
        } catch (OutcomeUnknownException why) {
            // Money may have moved. Ask with Query until it is known; never send it under a new number before.
            System.out.println(why.getMessage());
        } catch (RefusedException why) {
            System.out.println("refused, " + why.errCode + ", repeat: " + why.repeat + "\n" + why.getMessage());
        } catch (NotSentException why) {
            System.out.println(why.getMessage());
        }
    }
}
