//! The exchange of a signed request for an access token (`protocol.md` section 2.2).

use holdfast_domain::Text;

use crate::{
    auth::{AppId, HexDigest, Nonce, Stamp},
    field::{Note, Seconds, SignMethod},
    secret::Token,
};

message! {
    /// Asks for an access token: whoever shows it may ask in the app's name for an hour.
    /// 获取 AccessToken，有效期一小时。
    input TokenAccess {
        /// The app.
        /// 开发者 ID。
        required app_id: AppId = "appId" or "appid" example "12345678901234567890123456789012",
        /// When the request was sent.
        /// 请求时间。
        required timestamp: Stamp = "timestamp" example "20170101120000",
        /// A text that the app uses once.
        /// 随机数。
        required nonce: Nonce = "nonce" example "09876543210987654321098765432109",
        /// The digest under the signature; SHA-1 when absent.
        /// 签名方法，缺省为 SHA-1。
        optional sign_method: SignMethod = "signMethod" example "SHA256",
        /// The digest of `appId`, `timestamp`, `nonce` and the app's key, in hexadecimal digits.
        /// 签名：appId、timestamp、nonce 与 AppKey 依次拼接后的摘要（十六进制）。
        required signature: HexDigest = "signature"
            example "d373659c51c1767d0ce2674ee6367823f6cc7339c0411f7772d30765ed70a942",
    }
}

message! {
    /// The token.
    /// AccessToken。
    response TokenIssued {
        /// That it was issued: `0000`.
        /// 错误代码，成功时为 0000。
        required err_code: Text<64> = "errCode" example "0000",
        /// What was done, for a person to read.
        /// 错误说明。
        optional err_info: Note = "errInfo",
        /// The token.
        /// 访问令牌。
        required access_token: Token = "accessToken" example "4f0a7c6d1e2b3a49",
        /// How long the token lives, in seconds.
        /// 有效时间，单位：秒。
        required expires_in: Seconds = "expiresIn" example "3600",
    }
}

impl TokenIssued {
    /// The answer that brings a token.
    #[must_use]
    #[expect(clippy::expect_used, reason = "four digits are a text")]
    pub fn new(access_token: Token, expires_in: Seconds) -> Self {
        Self {
            err_code: Text::parse("0000").expect("four digits are a text"),
            err_info: Some(Note::new("正常")),
            access_token,
            expires_in,
        }
    }
}
