//! Every message of the protocol, and the list of endpoints.

mod bills;
mod holds;
mod payment;
mod token;

pub use bills::{
    CloseQrcode, Closed, GetQrcode, Good, Qrcode, Queried, Query, Refund, RefundSubOrder, Refunded,
    RetCommParams, SubOrder,
};
pub use holds::{
    PreauthCancel, PreauthCancelled, Preauthed, PreauthedCancel, PreauthedCancelled, PreauthedDone,
};
pub use payment::{Answered, BillPayment, Common, Echo, Failure};
pub use token::{TokenAccess, TokenIssued};

endpoints! {
    requests {
        /// Make a bill and its QR code
        /// 获取二维码
        GetQrcode = "get-qrcode" at "/v1/netpay/bills/get-qrcode" => Qrcode,
        /// Close a bill's QR code
        /// 二维码关闭
        CloseQrcode = "close-qrcode" at "/v1/netpay/bills/close-qrcode" => Closed,
        /// Ask how a bill stands
        /// 账单状态查询
        Query = "query" at "/v1/netpay/bills/query" => Queried,
        /// Capture: take all or part of a held payment
        /// 预授权完成
        Preauthed = "preauthed" at "/v1/netpay/bills/preauthed" => PreauthedDone,
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
        Refund = "refund" at "/v1/netpay/bills/refund" => Refunded,
    }
    others {
        /// Get an access token
        /// 获取 AccessToken
        TokenAccess = "token" at "/v1/token/access" or "/v2/token/access" => TokenIssued,
    }
}
