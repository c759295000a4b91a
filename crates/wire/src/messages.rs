//! Every message of the protocol, and the list of endpoints.

mod bills;
mod codes;
mod events;
mod guarantees;
mod holds;
mod notice;
mod ours;
mod payment;
mod token;

pub use bills::{Queried, Query, Refund, RefundSubOrder, Refunded};
pub use codes::{
    AmountTold, AskAmount, CloseQrcode, Closed, CodeTerms, GetQrcode, Good, LastQrcode, Qrcode,
    QrcodeInfo, QueryLastQrcode, QueryQrcodeInfo, RetCommParams, SubOrder, UpdateQrcode,
};
pub use events::{
    EventTold, Events, EventsRead, HeaderLine, OlderNotice, Override, SignedNotice, TrialLetter,
    TrialNotice,
};
pub use guarantees::{
    Guarantee, SecureCancel, SecureCancelled, SecureComplete, SecureCompleted, SubOrdersConfirm,
    SubOrdersConfirmed,
};
pub use holds::{
    PreauthCancel, PreauthCancelled, Preauthed, PreauthedCancel, PreauthedCancelled, PreauthedDone,
};
pub use notice::{ExtraBuyerInfo, Notice};
pub use ours::{
    Action, Asking, EVENTS_MAX, Happened, Movement, NOTICES_MAX, Preview, Previewed, Standing,
    Timeline, TimelineTold, Told,
};
pub use payment::{Answered, BillPayment, Caller, Common, Echo, Failure, Sender};
pub use token::{TokenAccess, TokenIssued};

endpoints! {
    requests {
        /// Make a bill and its QR code
        /// 获取二维码
        GetQrcode = "get-qrcode" at "/v1/netpay/bills/get-qrcode"
            legacy "bills.getQRCode" => Qrcode,
        /// Give a QR code new contents
        /// 二维码更新
        UpdateQrcode = "update-qrcode" at "/v1/netpay/bills/update-qrcode"
            legacy "bills.updateQRCode" => Qrcode,
        /// Close a bill's QR code
        /// 二维码关闭
        CloseQrcode = "close-qrcode" at "/v1/netpay/bills/close-qrcode"
            legacy "bills.closeQRCode" => Closed,
        /// Ask what a QR code was made with
        /// 查询二维码静态信息
        QueryQrcodeInfo = "query-qrcode-info" at "/v1/netpay/bills/query-qrcode-info"
            legacy "bills.queryQRCodeInfo" => QrcodeInfo,
        /// Ask for a terminal's last QR code
        /// 查询最近二维码
        QueryLastQrcode = "query-last-qrcode" at "/v1/netpay/bills/query-last-qrcode"
            legacy "bills.queryLastQRCode" => LastQrcode,
        /// Ask how a bill stands
        /// 账单状态查询
        Query = "query" at "/v1/netpay/bills/query"
            legacy "bills.query" => Queried,
        /// Capture: take all or part of a held payment
        /// 预授权完成
        Preauthed = "preauthed" at "/v1/netpay/bills/preauthed"
            legacy "bills.preauthed" => PreauthedDone,
        /// Release: give a held payment back
        /// 预授权撤销
        PreauthCancel = "preauth-cancel" at "/v1/netpay/bills/preauth-cancel"
            or "/v1/netpay/preauth-cancel" => PreauthCancelled,
        /// Reverse a capture
        /// 预授权完成撤销
        PreauthedCancel = "preauthed-cancel" at "/v1/netpay/bills/preauthed-cancel"
            => PreauthedCancelled,
        /// Refund all or part of what was taken
        /// 退款
        Refund = "refund" at "/v1/netpay/bills/refund"
            legacy "bills.refund" => Refunded,
        /// Complete a guaranteed payment
        /// 担保完成
        SecureComplete = "secure-complete" at "/v1/netpay/secure-complete"
            or "/v1/netpay/bills/secure-complete"
            legacy "secureComplete" => SecureCompleted,
        /// Give up a guaranteed payment
        /// 担保撤销
        SecureCancel = "secure-cancel" at "/v1/netpay/secure-cancel"
            or "/v1/netpay/bills/secure-cancel"
            legacy "secureCancel" => SecureCancelled,
        /// Divide a payment after it was paid
        /// 异步分账确认
        SubOrdersConfirm = "sub-orders-confirm" at "/v1/netpay/sub-orders-confirm"
            or "/v1/netpay/bills/sub-orders-confirm" => SubOrdersConfirmed,
        /// Read what happened, with its notices
        /// 读取事件与通知
        Events = "events" at "/v1/holdfast/events" => EventsRead,
        /// Make a notice to try a receiver with
        /// 生成测试用通知
        TrialNotice = "notice" at "/v1/holdfast/notice" => TrialLetter,
        /// Ask what a request would do, without doing it
        /// 预演请求
        Preview = "preview" at "/v1/holdfast/preview" => Previewed,
        /// Ask what happened to a bill, and what may be done next
        /// 账单经过
        Timeline = "timeline" at "/v1/holdfast/timeline" => TimelineTold,
    }
    others {
        /// Get an access token
        /// 获取 AccessToken
        TokenAccess = "token" at "/v1/token/access" or "/v2/token/access" => TokenIssued,
    }
}
