//! Guaranteed payments (担保) and divided ones (分账): what becomes of money that was paid but not yet given.
//!
//! None of these lies under `/bills/`; all are served there too, because pages of the same family do.

use holdfast_domain::{Amount, OrderId, Text, Tid};

use super::{Answered, Caller, Common, Echo, Good, Sender, SubOrder};
use crate::{
    field::{AsynDivisionStatus, CardAttr, Fen, Named, Note, SecureStatus, TargetSys, TradeStatus},
    message::BillsRequest,
};

message! {
    /// Completes a guaranteed payment: the merchant gets all or part of the money.
    /// 对担保交易进行完成：商户收取全部或部分金额。
    request SecureComplete {
        /// Who asks, and when.
        /// 公共字段。
        part common: Common,
        /// The number of the payer's payment.
        /// 商户订单号（支付订单号）。
        required mer_order_id: OrderId = "merOrderId" example "124F20230719120217929621620",
        /// How much to complete, in fen.
        /// 担保完成金额，单位：分。
        required completed_amount: Amount = "completedAmount" example "1908",
    }
}

message! {
    /// The guaranteed payment as it was completed.
    /// 担保完成的结果。
    response SecureCompleted {
        /// What every answer begins with.
        /// 公共字段。
        part answered: Answered,
        /// What is given back untouched.
        /// 原样返回的字段。
        part echo: Echo,
        /// How the guarantee stands.
        /// 担保信息。
        part guarantee: Guarantee,
        /// The system that the payment came through.
        /// 接入系统。
        optional connect_sys: Text<64> = "connectSys",
        /// The merchant's name.
        /// 商户名称。
        optional mer_name: Text<255> = "merName",
        /// The number under which it is settled.
        /// 结算参考号。
        optional settle_ref_id: Text<64> = "settleRefId" example "00151100146N",
        /// The target platform's number for the merchant.
        /// 目标平台商户号。
        optional target_mid: Text<64> = "targetMid",
        /// The target platform's number for the payment.
        /// 目标平台单号。
        optional target_order_id: Text<64> = "targetOrderId",
        /// Our number for the payment.
        /// 系统交易流水号。
        optional seq_id: Text<64> = "seqId" example "00151100146N",
        /// How the payment stands.
        /// 交易状态。
        optional status: TradeStatus = "status" example "TRADE_SUCCESS",
        /// What kind of card paid.
        /// 借贷记标识。
        optional card_attr: CardAttr = "cardAttr" example "BALANCE",
        /// The system that moved the money.
        /// 目标系统。
        optional target_sys: TargetSys = "targetSys" example "ACP",
    }
}

message! {
    /// Gives up a guaranteed payment: the payer gets back what was not completed.
    /// 对担保交易进行撤销：未完成的金额退还付款人。
    request SecureCancel {
        /// Who asks, and when.
        /// 公共字段。
        part common: Common,
        /// The number of the payer's payment.
        /// 商户订单号（支付订单号）。
        required mer_order_id: OrderId = "merOrderId" example "124F20230719120217929621620",
    }
}

message! {
    /// The guaranteed payment as it was given up.
    /// 担保撤销的结果。
    response SecureCancelled {
        /// What every answer begins with.
        /// 公共字段。
        part answered: Answered,
        /// What is given back untouched.
        /// 原样返回的字段。
        part echo: Echo,
        /// How the guarantee stands.
        /// 担保信息。
        part guarantee: Guarantee,
    }
}

message! {
    /// How a guarantee stands.
    /// 担保信息。
    report Guarantee {
        /// The number of the payer's payment.
        /// 商户订单号（支付订单号）。
        optional mer_order_id: OrderId = "merOrderId" example "124F20230719120217929621620",
        /// How the guarantee stands.
        /// 担保状态。
        optional secure_status: SecureStatus = "secureStatus" example "ALL_COMPLETED",
        /// How much was completed, in fen.
        /// 担保完成金额，单位：分。
        optional completed_amount: Fen = "completedAmount" example "1908",
        /// How much was paid, in fen.
        /// 支付总金额，单位：分。
        optional total_amount: Fen = "totalAmount" example "1908",
    }
}

message! {
    /// Tells who gets which part of a payment that was divided later than paid.
    /// 异步分账确认：支付完成后再确认各方分账金额。
    input SubOrdersConfirm {
        /// Who asks, and when.
        /// 公共字段。
        part sender: Sender,
        /// The merchant's terminal.
        /// 终端号。
        required tid: Tid = "tid" example "88880001",
        /// The number of the payer's payment.
        /// 商户订单号（支付订单号）。
        required mer_order_id: Named<6, 64> = "merOrderId" example "124F20230719120217929621620",
        /// The platform's share, in fen.
        /// 平台商户分账金额，单位：分。
        optional platform_amount: Fen = "platformAmount" example "1000",
        /// Who gets which part of the money.
        /// 子商户分账信息。
        optional sub_orders: Vec<SubOrder> = "subOrders"
            example r#"[{"mid":"898201612345679","merOrderId":"124F2023071912562344830001","totalAmount":908}]"#,
        /// What was bought from whom: another way to tell the shares.
        /// 商品信息，可用以表示分账。
        optional goods: Vec<Good> = "goods",
    }
}

impl BillsRequest for SubOrdersConfirm {
    fn caller(&self) -> Caller<'_> {
        self.sender.caller(Some(&self.tid))
    }
}

message! {
    /// What became of the division.
    /// 异步分账确认的结果。
    response SubOrdersConfirmed {
        /// What every answer begins with.
        /// 公共字段。
        part answered: Answered,
        /// What is given back untouched.
        /// 原样返回的字段。
        part echo: Echo,
        /// The number of the payer's payment.
        /// 商户订单号（支付订单号）。
        optional mer_order_id: OrderId = "merOrderId" example "124F20230719120217929621620",
        /// Whether the money was divided.
        /// 异步分账状态。
        optional asyn_division_status: AsynDivisionStatus = "asynDivisionStatus" example "success",
        /// Why, or why not, for a person to read.
        /// 异步分账说明。
        optional asyn_division_msg: Note = "asynDivisionMsg",
    }
}
