import com.chinaums.open.api.OpenApiCache;
import com.chinaums.open.api.OpenApiContext;
import com.chinaums.open.api.constants.ConfigBean;
import com.chinaums.open.api.internal.util.http.HttpTransport;
import java.util.UUID;
public class OpenApiSdkTest {
public static void main(String[] args) throws Exception{
String url = System.getenv("HOLDFAST_BASE_URL") + "/v1/netpay/bills/preauthed-cancel";
//开发者ID
String appId = System.getenv("HOLDFAST_APP_ID");
//开发者秘钥
String appKey = System.getenv("HOLDFAST_APP_KEY");
//实例化客户端
ConfigBean configBean = new ConfigBean();
OpenApiContext context = new OpenApiContext();
String request = "{\"requestTimestamp\":\"2022-04-21 15:00:52\"," +
"\"mid\":\"898201612345678\"," +
"\"tid\":\"88880001\"," +
"\"instMid\":\"QRPAYDEFAULT\"," +
"\"billNo\":\"" + System.getenv("BILL_NO") + "\"," +
"\"billDate\":\"" + System.getenv("BILL_DATE") + "\"," +
"\"merOrderId\":\"" + System.getenv("CAPTURE_ORDER") + "\"," +
"\"authIdRespCd\":\"" + System.getenv("AUTH_CODE") + "\"," +
"\"msgId\":\"\"," +
"\"srcReserve\":\"\"}";
context.setStartTime(System.currentTimeMillis());
context.setRequestId(UUID.randomUUID().toString().replace("-", ""));
context.setOpenServUrl(url.split("/v")[0].concat("/"));
context.setApiServiceUrl(url);
context.setVersion(url.split("/")[3]);
context.setAppId(appId);
context.setAppKey(appKey);
context.setConfigBean(configBean);
context.setServiceCode(url.split("/v")[1].substring(1));
OpenApiCache.getCurrentToken(context);
System.out.println(HttpTransport.getInstance().doPost(context, request));
}
}
