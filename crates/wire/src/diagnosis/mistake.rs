//! The known mistakes in making a signature: what was done wrong, and what to do instead.

use std::fmt;

/// Declares the mistakes: a variant, its name for programs, and both languages.
macro_rules! mistakes {
    ($( $(#[doc = $doc:literal])+ $variant:ident $name:literal $en:literal $zh:literal; )+) => {
        /// A known mistake in making a signature.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Mistake {
            $( $(#[doc = $doc])+ $variant, )+
        }

        impl Mistake {
            /// All of them.
            pub const ALL: &'static [Self] = &[$( Self::$variant, )+];

            /// Its name for programs: it stays what it is.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $( Self::$variant => $name, )+ }
            }

            /// What was done wrong and what to do instead, in English.
            #[must_use]
            pub fn en(self) -> &'static str {
                match self { $( Self::$variant => $en, )+ }
            }

            /// What was done wrong and what to do instead, in Chinese.
            #[must_use]
            pub fn zh(self) -> &'static str {
                match self { $( Self::$variant => $zh, )+ }
            }
        }
    };
}

mistakes! {
    // In what a request signs.

    /// The body's digest was written in upper case.
    UpperCaseHash "upper-case-hash"
        "the body's digest was in upper case: use lower case"
        "报文摘要用了大写十六进制，应为小写";
    /// The body was signed in another layout than it was sent in: compact, spaced or indented.
    OtherLayout "other-layout"
        "the body was re-serialised: signed in another layout (spaces, line breaks) than it was sent in; sign the bytes you send"
        "报文被重新序列化：签名的报文与发送的报文排版不同（空格、换行、缩进），应对实际发送的字节签名";
    /// The body was signed with its fields in alphabetical order, but sent in another.
    SortedKeys "sorted-keys"
        "the body was re-serialised: signed with its fields sorted, but sent otherwise; sign the bytes you send"
        "报文被重新序列化：签名时字段按字母排序，发送时却没有，应对实际发送的字节签名";
    /// The body was signed with characters escaped (`/`, `&`, those beyond ASCII), but sent without, or the other
    /// way round.
    OtherEscapes "other-escapes"
        "the body was re-serialised: characters such as `/`, `&` or those beyond ASCII were escaped differently when signed and when sent; sign the bytes you send"
        "报文被重新序列化：签名与发送时对 /、& 或汉字的转义不同，应对实际发送的字节签名";
    /// The body was signed without its empty fields, or with texts where it has numbers.
    OtherValues "other-values"
        "the body was re-serialised: signed without its empty fields, or with texts instead of numbers; sign the bytes you send"
        "报文被重新序列化：签名时略去了空值字段，或把数字写成了字符串，应对实际发送的字节签名";
    /// The body was signed with a line break at its end, or without the one it was sent with.
    TrailingNewline "trailing-newline"
        "the body was signed with another line end than it was sent with: sign the bytes you send"
        "签名与发送的报文末尾换行不同，应对实际发送的字节签名";
    /// The body itself was signed instead of its digest.
    BodyNotHashed "body-not-hashed"
        "the body itself was signed: sign its SHA-256 digest"
        "直接拼接了报文，应拼接报文的 SHA-256 摘要";
    /// An empty body was signed.
    EmptyBody "empty-body"
        "an empty body was signed: sign the body you send"
        "对空报文做了签名，应对实际发送的报文签名";
    /// What is inside `data` was signed, instead of the whole body.
    InsideEnvelope "inside-envelope"
        "only what is inside `data` was signed: sign the whole body"
        "只对 data 内的内容签名，应对整个报文签名";
    /// Percent-encoded content was signed instead of the plain one.
    EncodedContent "encoded-content"
        "percent-encoded content was signed: sign the content before it is encoded"
        "对百分号编码后的内容签名，应对编码前的内容签名";
    /// Another time was signed than the one sent: they are eight hours apart.
    EightHours "eight-hours"
        "the time signed and the Timestamp sent are eight hours apart: use one Beijing time for both"
        "签名的时间与发送的 Timestamp 相差八小时（时区），两者应为同一北京时间";
    /// The pieces were signed in another order.
    PieceOrder "piece-order"
        "the pieces were joined in another order: first AppId, then Timestamp, then Nonce"
        "各部分拼接顺序有误，应依次为 AppId、Timestamp、Nonce";
    /// The pieces were signed with something between them.
    Separated "separated"
        "something was put between the pieces: join them with nothing between"
        "各部分之间多了分隔符，应直接拼接";

    // In the key and the code made with it.

    /// A communication key made the signature of a request.
    NoticeKeyUsed "notice-key-used"
        "it was signed with the merchant's communication key, which is for notices and the predecessor protocol: sign with the AppKey"
        "用错密钥：用了商户的通讯密钥（通知与旧协议用），应使用 AppKey";
    /// An app's key made the signature of a notice.
    AppKeyUsed "app-key-used"
        "it was signed with the AppKey, which is for requests: sign with the merchant's communication key (md5key)"
        "用错密钥：用了请求所用的 AppKey，应使用商户的通讯密钥（md5key）";
    /// Another of the keys made the signature.
    OtherKey "other-key"
        "it was signed with another of the keys given: not the first one"
        "用错密钥：用的是所给密钥中的另一把，而非第一把";
    /// The key was used with white space around it, or is stored so.
    KeySpace "key-space"
        "there is white space around the key: trim it where you read it"
        "密钥前后多了空白字符";
    /// The signature is a plain digest instead of an HMAC.
    PlainDigest "plain-digest"
        "the signature is a plain SHA-256 digest: use HMAC-SHA-256 with the AppKey as its key"
        "用了普通 SHA-256，应使用以 AppKey 为密钥的 HMAC-SHA-256";
    /// The signature is an HMAC instead of a digest over the text and the key.
    Hmac "hmac"
        "the signature is an HMAC: append the key to the text, and take a plain digest"
        "用了 HMAC，应把密钥直接拼接在待签名串之后，再取普通摘要";
    /// Another digest than the one that is named.
    OtherDigest "other-digest"
        "another digest was used than the one named: MD5 unless signType is SHA256 (for tokens: SHA-1 unless signMethod is SHA256)"
        "摘要算法与声明不符：signType 为 SHA256 时用 SHA-256，否则用 MD5（令牌：signMethod 为 SHA256 时用 SHA-256，否则用 SHA-1）";
    /// The key was appended as a parameter.
    KeyParameter "key-parameter"
        "the key was appended as `&key=KEY`, as WeChat Pay wants it: append the key alone"
        "密钥以 &key= 形式拼接（微信支付的做法），应直接拼接密钥";
    /// There is a `&` before the key.
    KeySeparated "key-separated"
        "there is a `&` between the text and the key: append the key directly"
        "待签名串与密钥之间多了 &，应直接拼接密钥";
    /// The key stands before the text.
    KeyFirst "key-first"
        "the key was put before the text: put it behind"
        "密钥拼接在了待签名串之前，应拼接在其后";
    /// The key was left out.
    KeyMissing "key-missing"
        "the key was left out: append it to the text"
        "漏掉了密钥，应拼接在待签名串之后";

    // In how the signature is spelled.

    /// The signature was sent in hexadecimal digits instead of Base64.
    Hex "hex"
        "the signature is in hexadecimal digits: use Base64"
        "签名以十六进制发送，应为 Base64";
    /// The signature is the Base64 of hexadecimal digits instead of the Base64 of the bytes.
    Base64OfHex "base64-of-hex"
        "the signature is the Base64 of hexadecimal digits: encode the bytes of the HMAC"
        "对十六进制文本做了 Base64，应对 HMAC 的原始字节做 Base64";
    /// The signature uses the alphabet of Base64 for addresses.
    UrlBase64 "url-base64"
        "the signature uses `-` and `_`, as Base64 for addresses does: use the standard alphabet"
        "签名用了 URL 安全的 Base64（- 与 _），应使用标准 Base64";
    /// The signature is Base64 instead of hexadecimal digits.
    Base64 "base64"
        "the signature is Base64: use hexadecimal digits"
        "签名以 Base64 发送，应为十六进制";
    /// The signature was percent-encoded once too often.
    PercentEncoded "percent-encoded"
        "the signature was percent-encoded once too often"
        "签名多做了一次百分号编码";
    /// The signature was sent in a form without percent-encoding, so that `+` became a space.
    PlusLost "plus-lost"
        "the signature was not percent-encoded, so `+` became a space"
        "签名未做百分号编码，+ 变成了空格";

    // In which pairs a notice signs, and in which order.

    /// `signType` was left out of what is signed.
    SignTypeLeftOut "sign-type-left-out"
        "`signType` was left out: it is signed like every other field, only `sign` is not"
        "漏掉了 signType：除 sign 外的字段都参与签名，signType 也不例外";
    /// `signType` was signed though it is not there.
    SignTypeAdded "sign-type-added"
        "`signType` was signed though it was not sent: sign the fields that are sent"
        "未发送 signType 却让它参与了签名，应只对实际发送的字段签名";
    /// `sign` itself was signed.
    SignIncluded "sign-included"
        "`sign` itself was signed: leave it out"
        "sign 自身参与了签名，应将其排除";
    /// Fields without a value were signed.
    EmptyValues "empty-values"
        "fields without a value were signed: leave them out"
        "空值字段参与了签名，应将其排除";
    /// Fields that are not in the documents were left out, the random one among them.
    UnknownDropped "unknown-dropped"
        "fields that no document lists were left out, such as the random pair of every notice: sign all pairs as received, not what a typed parser keeps"
        "漏掉了文档之外的字段（例如每条通知都有的随机字段）：应对收到的全部字段签名，而非解析成对象后的字段";
    /// One field was left out.
    FieldDropped "field-dropped"
        "one field was left out: sign all pairs as received"
        "漏掉了一个字段，应对收到的全部字段签名";
    /// The pairs were sorted without regard to case.
    CaseInsensitiveSort "case-insensitive-sort"
        "the fields were sorted without regard to case: sort by bytes, so that upper case comes first"
        "排序时忽略了大小写，应按字节（ASCII）排序，大写字母在前"
    ;
    /// The pairs were not sorted.
    Unsorted "unsorted"
        "the fields were not sorted: sort them by name"
        "字段未排序，应按字段名排序";

    // In the values of a notice.

    /// Values were signed after they were encoded.
    EncodedValues "encoded-values"
        "the values were signed after percent-encoding: sign the plain values, and encode them afterwards"
        "对百分号编码后的值签名，应先用原值签名，再编码";
    /// Values were decoded twice.
    DecodedTwice "decoded-twice"
        "the values were decoded twice: the web framework has decoded them already"
        "值被解码了两次：框架已经解码过，请勿再次 urldecode";
    /// `+` in values became spaces.
    ValuePlusLost "value-plus-lost"
        "`+` in the values became a space: encode it as %2B when sending, and do not decode twice"
        "值中的 + 变成了空格：发送时应编码为 %2B，且不要重复解码";
    /// JSON inside values was written again.
    NestedRewritten "nested-rewritten"
        "JSON inside a value was re-serialised: sign its text as received"
        "值中的 JSON 被重新序列化，应对收到的原文签名";
    /// Times in values are eight hours off.
    ShiftedTimes "shifted-times"
        "times in the values were moved by eight hours: they are Beijing time, sign their text as received"
        "值中的时间被挪动了八小时（时区）：时间均为北京时间，应对收到的原文签名";
    /// Characters beyond ASCII were signed in another character set.
    OtherCharset "other-charset"
        "characters beyond ASCII were signed in another character set: use UTF-8"
        "汉字以其他字符集签名，应使用 UTF-8";
    /// White space around values was cut off.
    Trimmed "trimmed"
        "white space around a value was cut off: sign the values as received"
        "值前后的空白被去掉了，应对收到的原值签名";
    /// Values were escaped for HTML.
    HtmlEscaped "html-escaped"
        "values were escaped for HTML (`&quot;`), as filters against scripts do: sign the values as received"
        "值被做了 HTML 转义（&quot;，常见于防 XSS 过滤器），应对收到的原值签名";
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.en())
    }
}
