//! What is done with a hold: capture, release, and the reversal of a capture.

use holdfast_domain::{Amount, AuthCode, BillNo, Day, OrderId, Text};

use super::{Answered, BillPayment, Common, Echo};
use crate::field::{BillStatus, CardAttr, InstMid, Named, Url};

message! {
    /// Takes all or part of a held payment for the merchant; the payer gets the rest back at once.
    /// 对预授权账单进行完成：商户收取全部或部分金额，其余立即解冻。
    request Preauthed {
        /// Who asks, and when.
        /// 公共字段。
        part common: Common,
        /// The bill that holds the money.
        /// 账单号。
        required bill_no: BillNo = "billNo" example "124F2023071912562344830889",
        /// The bill's date.
        /// 账单日期。
        required bill_date: Day = "billDate" example "2023-07-19",
        /// The merchant's own new number for the capture.
        /// 预授权完成订单号，由商户生成。
        required authed_order_id: OrderId = "authedOrderId" example "124F2023071913311600836127",
        /// The code of the hold.
        /// 授权标识应答码。
        required auth_id_resp_cd: Named<6, 255> = "authIdRespCd" example "206067",
        /// How much to take, in fen.
        /// 要完成的金额，单位：分。
        required total_amount: Amount = "totalAmount" example "1908",
        /// What the capture is for.
        /// 完成说明。
        optional authed_desc: Text<255> = "authedDesc" example "押金结算",
    }
}

message! {
    /// The capture as it was done.
    /// 预授权完成的结果。
    response PreauthedDone {
        /// What every answer begins with.
        /// 公共字段。
        part answered: Answered,
        /// What is given back untouched.
        /// 原样返回的字段。
        part echo: Echo,
        /// The bill.
        /// 账单号。
        optional bill_no: BillNo = "billNo",
        /// The bill's date.
        /// 账单日期。
        optional bill_date: Day = "billDate",
        /// The kind of business.
        /// 业务类型。
        optional inst_mid: InstMid = "instMid",
        /// What the bill's QR code carries.
        /// 账单二维码。
        optional bill_qr_code: Url = "billQRCode",
        /// How the bill stands.
        /// 账单状态。
        optional bill_status: BillStatus = "billStatus",
        /// The number of the capture.
        /// 预授权完成订单号。
        optional authed_order_id: OrderId = "authedOrderId",
        /// The code of the hold.
        /// 授权标识应答码。
        required auth_id_resp_cd: AuthCode = "authIdRespCd" example "206067",
        /// What kind of card paid.
        /// 借贷记标识。
        optional card_attr: CardAttr = "cardAttr",
        /// The money that was taken.
        /// 预授权完成账单信息。
        required authed_bill_payment: BillPayment = "authedBillPayment"
            example r#"{"merOrderId":"124F2023071913311600836127","totalAmount":1908,"status":"TRADE_SUCCESS"}"#,
    }
}

message! {
    /// Gives a whole held payment back to the payer.
    /// 对预授权账单进行撤销：全部金额解冻。
    request PreauthCancel {
        /// Who asks, and when.
        /// 公共字段。
        part common: Common,
        /// The bill that holds the money.
        /// 账单号。
        required bill_no: BillNo = "billNo" example "124F2023071912021792962162",
        /// The bill's date.
        /// 账单日期。
        required bill_date: Day = "billDate" example "2023-07-19",
        /// The number of the payer's payment: the bill's number and a 0.
        /// 预授权订单号（账单号加 0）。
        required mer_order_id: OrderId = "merOrderId" or "cancelOrderId"
            example "124F20230719120217929621620",
        /// The code of the hold.
        /// 授权标识应答码。
        required auth_id_resp_cd: Named<6, 64> = "authIdRespCd" example "000665",
    }
}

message! {
    /// The hold as it was given up.
    /// 预授权撤销的结果。
    response PreauthCancelled {
        /// What every answer begins with.
        /// 公共字段。
        part answered: Answered,
        /// The payment that was given back.
        /// 预授权撤销账单信息。
        required bill_payment: BillPayment = "billPayment" or "cancelBillPayment"
            example r#"{"merOrderId":"124F20230719120217929621620","totalAmount":1908,"status":"TRADE_CLOSED"}"#,
        /// What is given back untouched.
        /// 原样返回的字段。
        part echo: Echo,
        /// The bill.
        /// 账单号。
        optional bill_no: BillNo = "billNo",
        /// The bill's date.
        /// 账单日期。
        optional bill_date: Day = "billDate",
        /// The kind of business.
        /// 业务类型。
        optional inst_mid: InstMid = "instMid",
        /// What the bill's QR code carries.
        /// 账单二维码。
        optional bill_qr_code: Url = "billQRCode",
        /// How the bill stands.
        /// 账单状态。
        optional bill_status: BillStatus = "billStatus",
        /// What kind of card paid.
        /// 借贷记标识。
        optional card_attr: CardAttr = "cardAttr",
        /// The order number that was sent, as the answer of 2020 names it.
        /// 撤销订单号（2020 版字段）。
        optional cancel_order_id: OrderId = "cancelOrderId",
        /// The same as `billPayment`, as the answer of 2020 names it.
        /// 撤销账单信息（2020 版字段）。
        optional cancel_bill_payment: BillPayment = "cancelBillPayment",
    }
}

message! {
    /// Undoes a whole capture, as if it had not been made.
    /// 预授权完成交易进行撤销。
    request PreauthedCancel {
        /// Who asks, and when.
        /// 公共字段。
        part common: Common,
        /// The bill whose capture is undone.
        /// 账单号。
        required bill_no: BillNo = "billNo" example "124F2023071912562344830889",
        /// The bill's date.
        /// 账单日期。
        required bill_date: Day = "billDate" example "2023-07-19",
        /// The number of the capture: its `authedOrderId`.
        /// 预授权完成订单号。
        required mer_order_id: OrderId = "merOrderId" example "327M22061819820261705544110",
        /// The code of the hold.
        /// 授权标识应答码。
        required auth_id_resp_cd: AuthCode = "authIdRespCd" example "206067",
    }
}

message! {
    /// The capture as it was undone.
    /// 预授权完成撤销的结果。
    response PreauthedCancelled {
        /// What every answer begins with.
        /// 公共字段。
        part answered: Answered,
        /// The capture's money, as it went back.
        /// 预授权撤销账单信息。
        required bill_payment: BillPayment = "billPayment"
            example r#"{"merOrderId":"327M22061819820261705544110","totalAmount":1908,"status":"TRADE_CLOSED"}"#,
        /// What is given back untouched.
        /// 原样返回的字段。
        part echo: Echo,
        /// The bill.
        /// 账单号。
        optional bill_no: BillNo = "billNo",
        /// The bill's date.
        /// 账单日期。
        optional bill_date: Day = "billDate",
        /// The kind of business.
        /// 业务类型。
        optional inst_mid: InstMid = "instMid",
        /// What the bill's QR code carries.
        /// 账单二维码。
        optional bill_qr_code: Url = "billQRCode",
        /// How the bill stands.
        /// 账单状态。
        optional bill_status: BillStatus = "billStatus",
        /// What kind of card paid.
        /// 借贷记标识。
        optional card_attr: CardAttr = "cardAttr",
    }
}
