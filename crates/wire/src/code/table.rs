//! The table of error codes. The causes are those of this gateway: whoever changes what raises a code changes its line.

use super::{Bilingual, CodeSpec, Fault, Repeat, Wait};

/// Asks how a bill stands.
const QUERY: &str = "holdfast call query --mid 898201612345678 --tid 88880001 --billNo 124F2023071912562344830889 --billDate 2023-07-19";

codes! {
    Success = "SUCCESS", 200, Nobody, Safe, Not:
        "it was done",
        "成功"
        => "nothing; a repeat gets the same answer",
        "无需处理；重复请求得到相同的答复"
        * "the request was carried out, or this is the answer to its first sending again",
        "请求已执行；重复请求时返回首次的结果"
        then QUERY;
    BadRequest = "BAD_REQUEST", 200, Caller, Pointless, Not:
        "the request cannot be read, or fields are missing or malformed",
        "请求报文有错"
        => "correct every field that the text names",
        "按错误说明逐项更正字段"
        * "an amount in yuan or with a decimal point: amounts are whole fen, such as 1908 for 19.08 yuan",
        "金额用了元或小数：金额为整数分，如 19.08 元应为 1908"
        * "a required field is missing or blank, or a date has another form than yyyy-MM-dd",
        "缺少必填字段或字段为空，或日期不是 yyyy-MM-dd 格式"
        * "the body is not one JSON object in UTF-8, has a name twice, or is too long",
        "报文不是单个 UTF-8 编码的 JSON 对象、字段名重复，或过长"
        then "holdfast call preauthed-cancel --help";
    BadSign = "BAD_SIGN", 401, Caller, Pointless, Not:
        "the caller could not prove who it is",
        "认证失败：签名错误"
        => "check AppId and AppKey, or mid and its communication key, and sign exactly what is sent",
        "检查 AppId 与 AppKey，或商户号与其通讯密钥，并对实际发送的内容签名"
        * "the body was written anew after it was signed: sign the very bytes that are sent",
        "签名后又重新生成了报文：应对实际发送的字节签名"
        * "the AppKey belongs to another app or another host, was replaced or revoked, or is the merchant's communication key instead",
        "AppKey 属于其他应用或其他环境、已更换或停用，或误用了商户的通讯密钥"
        * "the Authorization header is missing, was taken away by a proxy, or is written in another form",
        "缺少 Authorization 请求头、被代理去除，或格式不符"
        * "the nonce was used before: every request needs a new one, a repeat too",
        "Nonce 已使用过：每次请求都须更换，重发也不例外"
        * "the access token is over, or the key that it was issued for was revoked",
        "令牌已过期，或签发时所用的密钥已停用"
        then "holdfast sign explain";
    UnreadableTimestamp = "1000", 412, Caller, Pointless, Not:
        "the timestamp of the authentication cannot be read",
        "Timestamp解析失败"
        => "send it as yyyyMMddHHmmss in Beijing time",
        "按 yyyyMMddHHmmss（北京时间）发送"
        * "the time is written as in ISO 8601, with separators, or as a number of seconds or milliseconds",
        "时间用了 ISO 8601、带分隔符的格式，或秒数、毫秒数"
        * "the time is empty, or is no day of the calendar",
        "时间为空，或不是有效的日期"
        then "holdfast doctor";
    AbnormalRequestTime = "ABNORMAL_REQUEST_TIME", 401, Caller, Pointless, Not:
        "the request is too old, or from the future",
        "请求时间异常"
        => "set the clock, and use Beijing time",
        "校准时钟，并使用北京时间"
        * "the clock of the machine that asks is wrong",
        "发起请求的机器时钟不准"
        * "the time is UTC or local time instead of Beijing time: then it is off by whole hours, mostly eight",
        "使用了 UTC 或本地时间而不是北京时间：通常正好相差八小时"
        * "the request was signed long before it was sent: it waited in a queue, or a printed command was pasted later",
        "签名后过了很久才发送：在队列中等待，或之后才粘贴执行已打印的命令"
        then "holdfast doctor";
    DeniedIp = "DENIED_IP", 403, Caller, Pointless, Not:
        "the app may not call from this address",
        "IP 不在白名单内"
        => "call from a listed address, or have this one listed",
        "从白名单内的地址调用，或申请加入该地址"
        * "the app was added with --network, and the call came from outside of these networks",
        "应用新增时指定了 --network，而请求来自这些网段之外"
        * "there is a proxy or address translation in between: the address of the connection counts, no header does",
        "中间有代理或地址转换：以连接的来源地址为准，不看任何请求头"
        then "holdfast app list";
    InvalidMsgsrc = "INVALID_MSGSRC", 200, Caller, Pointless, Not:
        "the message source is wrong",
        "消息来源错误"
        => "use the msgSrc that belongs to the app",
        "使用与应用对应的 msgSrc"
        * "no app has this msgSrc; it is compared exactly, capitals included",
        "没有应用使用该 msgSrc；须完全一致，区分大小写"
        * "the msgSrc belongs to another environment; only the predecessor protocol asks for it",
        "msgSrc 属于其他环境；仅旧协议使用该字段"
        then "holdfast app set my-app --msg-src WWW.TEST.COM";
    NoService = "NO_SERVICE", 404, Caller, Pointless, Not:
        "nothing is served under this path or msgType",
        "没有对应的服务"
        => "correct the path or msgType, and use POST",
        "更正请求路径或 msgType，并使用 POST"
        * "a similar path: preauth-cancel releases a hold, preauthed-cancel reverses a capture",
        "路径相近而混淆：preauth-cancel 是预授权撤销，preauthed-cancel 是预授权完成撤销"
        * "the method is not POST",
        "请求方法不是 POST"
        * "a control of the simulation was asked of a live gateway, which has none",
        "向 live 环境请求了模拟控制接口，而该环境没有"
        then "holdfast endpoints";
    NoMerchant = "NO_MERCHANT", 200, Merchant, Pointless, Not:
        "the merchant is not set up, or not for this app",
        "商户未配置，或不属于该应用"
        => "check mid and tid, or have the merchant added to the app",
        "检查商户号与终端号，或为应用开通该商户"
        * "the app may act for other merchants only: which ones is said when it is added",
        "应用只能代表其他商户：可代表的商户在新增应用时指定"
        * "the merchant number belongs to another environment",
        "商户号属于其他环境"
        * "a sub-merchant named in subOrders is not set up at this gateway",
        "subOrders 中的子商户未在本网关配置"
        * "the merchant takes requests of its registered terminals only, and tid is none of them",
        "该商户仅受理已登记的终端，而 tid 未登记"
        then "holdfast app list";
    InactiveMerchant = "INACTIVE_MERCHANT", 200, Merchant, Pointless, Not:
        "the merchant is frozen",
        "商户已冻结"
        => "ask those who run the gateway why",
        "联系平台运营方了解原因"
        * "those who run the gateway have frozen the merchant",
        "平台运营方冻结了该商户"
        * "the app that asks is frozen: the text says so",
        "发起请求的应用已被冻结，错误说明中会写明"
        * "a sub-merchant named in subOrders is frozen",
        "subOrders 中的子商户已冻结"
        then "holdfast merchant list";
    InvalidMerchantConfig = "INVLID_MERCHANT_CONFIG", 200, Gateway, Pointless, Not:
        "the merchant is set up wrongly",
        "商户配置错误"
        => "have those who run the gateway correct the merchant",
        "联系平台运营方更正商户配置"
        * "this is a live gateway that no upstream channel is connected to, so nobody could pay the bill",
        "live 环境未接入上游渠道，账单无法支付"
        * "the official platform answers so when the merchant lacks what the payment needs",
        "官方平台在商户缺少所需支付配置时返回该代码"
        then "holdfast doctor";
    NoOrder = "NO_ORDER", 200, Caller, Pointless, Not:
        "there is no such bill or order at this merchant",
        "无法找到指定的订单"
        => "check mid, billNo, billDate and the order number that the text names",
        "检查商户号、账单号、账单日期及错误说明所指的订单号"
        * "billDate is today: it has to be the date that the bill was made with",
        "billDate 用了当天日期：应为创建账单时的日期"
        * "merOrderId is another number than asked for: a reversal names the capture's authedOrderId, a release the payment's number, which is billNo with 0 behind it",
        "merOrderId 不对：完成撤销填完成时的 authedOrderId，预授权撤销填支付单号（billNo 后加 0）"
        * "authIdRespCd is not the code of this hold",
        "authIdRespCd 不是该笔预授权的授权码"
        * "the bill belongs to another merchant or another environment",
        "账单属于其他商户或其他环境"
        then QUERY;
    DupOrder = "DUP_ORDER", 200, Caller, Pointless, Not:
        "the number was used before with other content",
        "订单号重复，且内容不同"
        => "use a new number, or repeat the first request unchanged",
        "使用新的订单号，或原样重发第一次的请求"
        * "a request was repeated with another amount or another field changed: a repeat has to be the same",
        "重发时改了金额或其他字段：重发的内容必须相同"
        * "a counter began anew, or two systems draw numbers from the same range",
        "编号计数重新开始，或两个系统使用了同一号段"
        * "a capture or refund has the number of the payment, which is billNo with 0 behind it",
        "完成或退款使用了支付单号（billNo 后加 0）"
        then QUERY;
    OrderProcessing = "ORDER_PROCESSING", 200, Nobody, AfterQuery, UntilKnown:
        "an earlier request about the bill is still running",
        "订单正在处理中"
        => "query until the earlier request is decided, then repeat",
        "持续查询，待之前的请求有结果后再重试"
        * "an earlier capture, reversal, release or refund of this bill has no answer from the channel yet, perhaps one that was answered TIMEOUT",
        "该账单之前的完成、撤销或退款尚未得到渠道答复，可能就是应答为 TIMEOUT 的那一笔"
        * "the same request was sent twice at the same moment",
        "同一请求在同一时刻发送了两次"
        then QUERY;
    OperationNotAllowed = "OPERATION_NOT_ALLOWED", 200, Merchant, Pointless, Not:
        "the bill, as it stands now, does not allow it",
        "当前状态不允许该操作"
        => "query the bill and do what it allows",
        "查询账单，按其当前状态操作"
        * "more is asked for than there is: than is held, or than was captured and not refunded yet",
        "金额超出：大于冻结金额，或大于已完成且未退款的金额"
        * "a new bill goes beyond what the merchant may ask for in one bill or on one business day",
        "新账单超出商户的单笔限额或单日限额"
        * "it is not its turn: the bill is not paid yet, or was captured, released, refunded or closed before",
        "时机不对：账单尚未支付，或已完成、撤销、退款、关闭"
        * "the hold has ended: it was not captured before its deadline, 30 days unless set otherwise",
        "预授权已到期：未在期限内完成，默认 30 天"
        * "a capture that was refunded, even in part, cannot be reversed",
        "已退款（含部分退款）的完成不能撤销"
        then QUERY;
    NoCrossDayTrading = "NO_CROSS_DAY_TRADING", 200, Merchant, Pointless, Not:
        "a capture can be reversed only on its own business day",
        "不允许隔日撤销"
        => "refund instead",
        "请改用退款"
        * "the business day of the capture is over: it ends at 23:00 Beijing time unless set otherwise",
        "完成所在的营业日已结束：默认北京时间 23:00 截止"
        * "in test: the clock was moved to another day after the capture",
        "测试环境：完成之后把时钟拨到了另一天"
        then "holdfast call refund --mid 898201612345678 --tid 88880001 --billNo 124F2023071912562344830889 --billDate 2023-07-19 --refundOrderId 124F2023071912562344830889R1 --refundAmount 1908";
    HasCancelled = "HAS_CANCELLED", 200, Nobody, Pointless, Not:
        "it was cancelled before",
        "该笔交易已撤销"
        => "nothing; it is as you want it",
        "无需处理，已是撤销状态"
        * "the guarantee was given up before",
        "该笔担保此前已撤销"
        * "in test: the simulated channel was told to answer a repeated cancel so (scenario cancelled)",
        "测试环境：模拟渠道被设定为这样应答重复的撤销（场景 cancelled）"
        then QUERY;
    InvalidOrder = "INVALID_ORDER", 200, Caller, AfterQuery, Not:
        "the order lacks what is needed to go on",
        "订单缺少关键信息"
        => "query the bill first, then repeat",
        "先查询账单，再重试"
        * "bills of several dates have the number that merOrderId names, and the request has no date to tell them apart",
        "多个账单日期使用了 merOrderId 所指的账单号，而请求中没有日期可以区分"
        then QUERY;
    TargetFail = "TARGET_FAIL", 200, Channel, Pointless, Not:
        "the bank or wallet refused",
        "目标系统拒绝"
        => "read its reason in the text; a new order needs a new number",
        "查看错误说明中的原因；重新发起须使用新的订单号"
        * "the bank or wallet has refused: lack of funds, a limit, a card that takes no holds; the text has its words",
        "银行或钱包拒绝：余额不足、限额、卡片不支持预授权等；原因见错误说明"
        * "in test: the simulated channel was told to refuse, by a call, an amount, or a number that ends in -refuse",
        "测试环境：通过接口、金额或以 -refuse 结尾的编号让模拟渠道拒绝"
        then QUERY;
    InvalidResponse = "INVALID_RESPONSE", 200, Channel, AfterQuery, UntilKnown:
        "the bank or wallet gave an answer that cannot be understood; the outcome is not known yet",
        "目标系统响应无效，结果尚不明确"
        => "query; where that shows no trace of the order, send the same request again under the same number",
        "先查询；若查不到该订单，请以同一订单号原样重发"
        * "in test: a fixed code was scanned, and the merchant's system at payInfoQueryAddr did not say how much is to be paid; no bill was made",
        "测试环境：扫描固定码后，商户系统（payInfoQueryAddr）未正确返回应付金额；未创建账单"
        * "the official platform answers so when it cannot read what the bank answered; this gateway says TIMEOUT then and goes on asking",
        "官方平台在无法解析银行应答时返回该代码；本网关此时返回 TIMEOUT 并继续查询"
        then QUERY;
    NetError = "NET_ERROR", 200, Channel, AfterQuery, UntilKnown:
        "the bank or wallet could not be reached; the outcome is not known yet",
        "与目标系统通讯异常，结果尚不明确"
        => "query; where that shows no trace of the order, send the same request again under the same number",
        "先查询；若查不到该订单，请以同一订单号原样重发"
        * "the official platform answers so when it loses the bank; this gateway says TIMEOUT then and goes on asking",
        "官方平台在与银行通讯中断时返回该代码；本网关此时返回 TIMEOUT 并继续查询"
        then QUERY;
    Timeout = "TIMEOUT", 200, Channel, AfterQuery, UntilKnown:
        "the bank or wallet has not answered yet; the outcome is not known, and nothing is lost",
        "处理超时，结果尚不明确，请求没有丢失"
        => "query; the gateway goes on asking by itself. A query shows what was done and nothing else: where it shows no trace of the order, send the same request again under the same number, and its answer tells whether it was refused",
        "先查询；网关会自行继续查询。查询只显示已完成的操作：若查不到该订单，请以同一订单号原样重发，其应答会说明是否被拒绝"
        * "the channel takes longer than the gateway lets a caller wait, 8 seconds unless set otherwise",
        "渠道处理时间超过网关的等待时限，默认 8 秒"
        * "the order or its answer was lost between the gateway and the channel",
        "指令或应答在网关与渠道之间丢失"
        * "in test: a scenario is chosen, such as late, lostorder or lostanswer",
        "测试环境：选择了 late、lostorder、lostanswer 等场景"
        then QUERY;
    TxnDiscarded = "TXN_DISCARDED", 503, Gateway, Safe, Moment:
        "the gateway has too much to do and did not begin",
        "系统繁忙，请求未被处理"
        => "repeat it unchanged after a few seconds",
        "几秒后原样重发"
        * "more requests came at once than the gateway works on",
        "同时到达的请求超过网关的处理上限"
        * "more signed requests came within the time that a nonce is remembered than can be remembered",
        "在 Nonce 有效期内收到的签名请求超过可记录的上限"
        then "holdfast doctor";
    InternalError = "INTERNAL_ERROR", 500, Gateway, AfterQuery, UntilKnown:
        "something broke in the gateway",
        "内部错误"
        => "query, and tell those who run the gateway the time of the request",
        "先查询，并将请求时间告知平台运营方"
        * "the store does not write any more: a full or failing disk; /readyz says so and the log says why",
        "存储无法写入：磁盘已满或故障；/readyz 会提示，原因见日志"
        * "something stored cannot be read, or public_url is too long for a link",
        "存储的内容无法读取，或 public_url 过长而无法生成链接"
        then QUERY;
}
