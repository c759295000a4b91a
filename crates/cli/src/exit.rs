//! How a command ends: a number for scripts, a sentence and a hint for people.

use std::fmt;

use holdfast_client::{CallError, Fault};
use holdfast_gateway::{
    accounts::AccountError, config::ConfigError, operators::OperatorError, vault::VaultError,
};
use holdfast_wire::code::Code;

/// What the process exits with. The numbers are a promise: scripts branch on them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// It was done.
    Done,
    /// Something went wrong that has no number of its own.
    Unexpected,
    /// The command line, or a field of the request, is wrong.
    Usage,
    /// The settings or the data directory cannot be used.
    Config,
    /// The gateway cannot be reached, so nothing was done.
    Unreachable,
    /// The gateway does not believe who is asking.
    Auth,
    /// The channel said no, for good.
    Refused,
    /// Nobody knows whether it was done.
    Unknown,
    /// There is no such bill, order, code or merchant.
    NotFound,
    /// The bill does not allow it now, or the number is taken.
    Conflict,
    /// A comparison found differences.
    Differences,
    /// What was waited for did not come.
    TimedOut,
    /// The user interrupted it.
    Interrupted,
}

impl Exit {
    /// All of them, with what the help says.
    pub(crate) const ALL: [(Self, &str, &str); 13] = [
        (Self::Done, "ok", "成功"),
        (Self::Unexpected, "unexpected", "意外错误"),
        (Self::Usage, "usage, or a field is missing or malformed", "用法或字段有误"),
        (Self::Config, "bad settings or data directory", "配置或数据目录有误"),
        (Self::Unreachable, "cannot reach; nothing was done", "无法连接，未执行"),
        (Self::Auth, "authentication or signature", "认证或签名失败"),
        (Self::Refused, "refused by the channel (final)", "渠道拒绝（最终结果）"),
        (
            Self::Unknown,
            "OUTCOME UNKNOWN: query, do not repeat blindly",
            "结果未知：先查询，勿盲目重发",
        ),
        (Self::NotFound, "not found", "未找到"),
        (Self::Conflict, "illegal state, or conflict", "状态不允许或冲突"),
        (Self::Differences, "differences found", "发现差异"),
        (Self::TimedOut, "timed out waiting", "等待超时"),
        (Self::Interrupted, "interrupted", "被中断"),
    ];

    /// The number.
    pub(crate) const fn number(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Unexpected => 1,
            Self::Usage => 2,
            Self::Config => 3,
            Self::Unreachable => 4,
            Self::Auth => 5,
            Self::Refused => 6,
            Self::Unknown => 7,
            Self::NotFound => 8,
            Self::Conflict => 9,
            Self::Differences => 10,
            Self::TimedOut => 11,
            Self::Interrupted => 130,
        }
    }

    /// What the help says about all of them.
    pub(crate) fn help() -> String {
        let lines = Self::ALL.map(|(exit, en, zh)| format!("  {:>3}  {en}  {zh}\n", exit.number()));
        format!("Exit codes 退出码:\n{}", lines.concat())
    }

    /// How a command ends that was answered with this code.
    pub(crate) fn of_code(code: Code) -> Self {
        match code {
            Code::Success => Self::Done,
            Code::BadRequest => Self::Usage,
            Code::BadSign
            | Code::UnreadableTimestamp
            | Code::AbnormalRequestTime
            | Code::DeniedIp
            | Code::InvalidMsgsrc => Self::Auth,
            Code::NoService | Code::NoMerchant | Code::NoOrder => Self::NotFound,
            Code::InactiveMerchant
            | Code::DupOrder
            | Code::OrderProcessing
            | Code::OperationNotAllowed
            | Code::NoCrossDayTrading
            | Code::HasCancelled
            | Code::InvalidOrder => Self::Conflict,
            Code::TargetFail => Self::Refused,
            Code::Timeout | Code::NetError | Code::InvalidResponse | Code::InternalError => {
                Self::Unknown
            }
            Code::TxnDiscarded => Self::Unreachable,
            Code::InvalidMerchantConfig => Self::Unexpected,
        }
    }

    /// How a command ends whose call did not succeed.
    pub(crate) fn of_error(error: &CallError) -> Self {
        match error {
            CallError::OutcomeUnknown(_) => Self::Unknown,
            CallError::Refused { code: Some(code), .. } => Self::of_code(*code),
            CallError::Refused { code: None, status: 401 | 403, .. } => Self::Auth,
            CallError::Refused { code: None, .. } => Self::Unexpected,
            CallError::Fault(Fault::Unsendable(_)) => Self::Usage,
            CallError::Fault(
                Fault::Unreachable { .. } | Fault::NotAGateway { .. } | Fault::NoToken(_),
            ) => Self::Unreachable,
        }
    }
}

/// Why a command did not do what it was told, for a person: one sentence, and what to do about it.
#[derive(Debug)]
pub(crate) struct Failure {
    /// What the process exits with.
    pub(crate) exit: Exit,
    /// What is wrong.
    pub(crate) sentence: String,
    /// What to do, with a command to paste where there is one.
    pub(crate) hint: Option<String>,
}

impl Failure {
    pub(crate) fn new(exit: Exit, sentence: impl fmt::Display) -> Self {
        Self { exit, sentence: sentence.to_string(), hint: None }
    }

    pub(crate) fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self::new(Exit::Config, error).hint("all settings are in: holdfast serve --help")
    }
}

impl From<VaultError> for Failure {
    fn from(error: VaultError) -> Self {
        Self::new(Exit::Config, error)
    }
}

impl From<AccountError> for Failure {
    fn from(error: AccountError) -> Self {
        match error {
            AccountError::Missing { what, hint, .. } => Self::new(Exit::NotFound, what).hint(hint),
            AccountError::Conflict { what, hint, .. } => Self::new(Exit::Conflict, what).hint(hint),
            stale @ AccountError::Stale => Self::new(Exit::Conflict, stale),
            other => Self::new(Exit::Config, other),
        }
    }
}

impl From<OperatorError> for Failure {
    fn from(error: OperatorError) -> Self {
        let sentence = format!("{error} ({})", error.text().1);
        match error {
            OperatorError::Missing => {
                Self::new(Exit::NotFound, sentence).hint("holdfast operator list")
            }
            OperatorError::Exists => Self::new(Exit::Conflict, sentence)
                .hint("holdfast operator reset-password gives somebody another password"),
            OperatorError::LastAdministrator
            | OperatorError::TooMany
            | OperatorError::HasCodes
            | OperatorError::Changed => {
                Self::new(Exit::Conflict, sentence).hint("holdfast operator list")
            }
            OperatorError::WrongCode => Self::new(Exit::Auth, sentence),
            OperatorError::Busy | OperatorError::Vault(_) | OperatorError::Fault(_) => {
                Self::new(Exit::Unexpected, error)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(code: Code, number: u8) {
        assert_eq!(Exit::of_code(code).number(), number, "{code}");
    }

    #[test]
    fn an_error_code_decides_the_exit_code() {
        check(Code::Success, 0);
        check(Code::BadRequest, 2);
        check(Code::TxnDiscarded, 4);
        check(Code::BadSign, 5);
        check(Code::AbnormalRequestTime, 5);
        check(Code::TargetFail, 6);
        check(Code::Timeout, 7);
        check(Code::NetError, 7);
        check(Code::InternalError, 7);
        check(Code::NoOrder, 8);
        check(Code::NoMerchant, 8);
        check(Code::OperationNotAllowed, 9);
        check(Code::OrderProcessing, 9);
        check(Code::DupOrder, 9);
        check(Code::NoCrossDayTrading, 9);
    }

    #[test]
    fn only_an_unknown_outcome_ends_with_7() {
        for code in Code::ALL {
            // The client's judgement and ours have one source, and must not drift apart.
            let body = format!(r#"{{"errCode":"{code}"}}"#).into_bytes();
            let exchange = holdfast_client::Exchange {
                sent: holdfast_client::Sent::unsigned("POST", String::new(), vec![]),
                status: code.status(),
                location: None,
                body,
            };
            if let Err(error) = exchange.outcome() {
                let unknown = matches!(error, CallError::OutcomeUnknown(_));
                assert_eq!(Exit::of_error(&error) == Exit::Unknown, unknown, "{code}");
                assert_eq!(Exit::of_code(*code), Exit::of_error(&error), "{code}");
            }
        }
    }

    #[test]
    fn every_exit_code_is_in_the_help_once() {
        let mut numbers = Exit::ALL.map(|(exit, ..)| exit.number()).to_vec();
        numbers.dedup();
        assert_eq!(numbers, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 130]);
    }
}
