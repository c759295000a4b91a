//! The person who is expected to pay (实名): read from a code's terms, checked, shown only with most of it hidden.

use holdfast_domain::{Day, Text};

use crate::{
    field::{CertType, Private, Rule},
    message::{Bilingual, FieldFault, Message as _, Problem},
    messages::CodeTerms,
    secret::Personal,
};

const NAME: Rule = Rule::Base64Of(Bilingual {
    zh: "姓名：至少 2 个字符，不含数字与首尾空格",
    en: "a name of 2 characters or more, without digits and outer blanks",
});
const MOBILE: Rule = Rule::Base64Of(Bilingual {
    zh: "大陆手机号：1 开头的 11 位数字",
    en: "a mobile number of 11 digits that begins with 1",
});
const IDENTITY_CARD: Rule = Rule::Base64Of(Bilingual {
    zh: "18 位居民身份证号：出生日期须存在，校验码须正确",
    en: "an identity card's 18 characters, with a birthday that exists and the right check digit",
});

/// The person who is expected to pay, as a code's terms tell. Does not print.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// The name.
    pub name: Option<Personal>,
    /// The mobile number.
    pub mobile: Option<Personal>,
    /// What proves who it is.
    pub cert_type: Option<CertType>,
    /// The number on it.
    pub cert_no: Option<Personal>,
    /// Whether nobody else may pay.
    pub only: bool,
}

impl Person {
    /// The person whom the terms of a code name; `None` when they name nobody.
    ///
    /// # Errors
    /// Every field that breaks its rule, and those that are missing beside others: what a number is on, and
    /// whom alone to let pay. A kind of certificate without a number says nothing and is let pass.
    pub fn of(terms: &CodeTerms) -> Result<Option<Self>, Vec<FieldFault>> {
        let mut faults = vec![];
        let only = match terms.fix_buyer.as_ref().map(Text::as_str) {
            None | Some("F") => false,
            Some("T") => true,
            Some(_) => {
                faults.push(invalid("fixBuyer", Rule::OneOf(&["T", "F"])));
                false
            }
        };
        let card = terms.cert_type == Some(CertType::IdentityCard);
        let number = if card { IDENTITY_CARD } else { Rule::Base64 { most: 32 } };
        let person = Self {
            name: plain("name", terms.name.as_ref(), NAME, is_name, &mut faults),
            mobile: plain("mobile", terms.mobile.as_ref(), MOBILE, is_mobile, &mut faults),
            cert_type: terms.cert_type,
            cert_no: plain(
                "certNo",
                terms.cert_no.as_ref(),
                number,
                |number| !card || is_identity_card(number),
                &mut faults,
            ),
            only,
        };
        if terms.cert_no.is_some() && terms.cert_type.is_none() {
            faults.extend(missing("certType"));
        }
        if only && terms.name.is_none() && terms.cert_no.is_none() {
            faults.extend(missing("name"));
        }
        let named = person.name.is_some() || person.mobile.is_some() || person.cert_no.is_some();
        match faults.is_empty() {
            true => Ok(named.then_some(person)),
            false => Err(faults),
        }
    }

    /// The name with all but its first character hidden: `张*`.
    #[must_use]
    pub fn masked_name(&self) -> Option<Text<64>> {
        masked(self.name.as_ref()?, 1, 0)
    }

    /// The mobile number with its middle hidden: `138****0000`.
    #[must_use]
    pub fn masked_mobile(&self) -> Option<Text<64>> {
        masked(self.mobile.as_ref()?, 3, 4)
    }

    /// The number of the certificate with all but its first and last character hidden.
    #[must_use]
    pub fn masked_cert_no(&self) -> Option<Text<64>> {
        masked(self.cert_no.as_ref()?, 1, 1)
    }
}

/// Reads one text about a person; what is not readable or breaks its rule is a fault.
fn plain<const MAX: usize>(
    path: &str,
    given: Option<&Private<MAX>>,
    rule: Rule,
    fits: impl Fn(&str) -> bool,
    faults: &mut Vec<FieldFault>,
) -> Option<Personal> {
    let text = given?.open();
    if text.as_ref().is_none_or(|text| !fits(text.expose())) {
        faults.push(invalid(path, rule));
    }
    text
}

fn invalid(path: &str, rule: Rule) -> FieldFault {
    FieldFault { path: path.to_owned(), problem: Problem::Invalid(rule) }
}

fn missing(path: &str) -> Option<FieldFault> {
    let field = CodeTerms::FIELDS.iter().find(|field| field.name == path)?;
    Some(FieldFault { path: path.to_owned(), problem: Problem::Missing(field.rule) })
}

/// A name of two characters or more; Base64 of 32 characters bounds it above.
fn is_name(text: &str) -> bool {
    text.trim() == text
        && text.chars().nth(1).is_some()
        && !text.chars().any(|c| c.is_ascii_digit())
}

/// Eleven digits that begin as mobile numbers do in mainland China.
fn is_mobile(text: &str) -> bool {
    text.len() == 11 && text.starts_with('1') && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Eighteen characters with a birthday that exists and a check digit that is right (GB 11643-1999).
fn is_identity_card(text: &str) -> bool {
    const WEIGHTS: [u32; 17] = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
    let Some((body, check)) = text.split_at_checked(17).filter(|(_, check)| check.len() == 1)
    else {
        return false;
    };
    let digits: Option<Vec<u32>> = body.chars().map(|c| c.to_digit(10)).collect();
    let number = |from, to| body.get(from..to).and_then(|digits| digits.parse::<u16>().ok());
    let born = || {
        let small = |from, to| u8::try_from(number(from, to)?).ok();
        Day::from_date(number(6, 10)?, small(10, 12)?, small(12, 14)?)
    };
    let Some(digits) = digits else { return false };
    let sum: u32 = digits.iter().zip(WEIGHTS).map(|(digit, weight)| digit * weight).sum();
    let right = usize::try_from(sum % 11).ok().and_then(|rest| "10X98765432".get(rest..=rest));
    born().is_some() && right.is_some_and(|right| right.eq_ignore_ascii_case(check))
}

/// The first `first` and the last `last` characters, the others as stars.
fn masked(text: &Personal, first: usize, last: usize) -> Option<Text<64>> {
    let count = text.expose().chars().count();
    let (first, last) = if count > first + last { (first, last) } else { (0, 0) };
    let shown = |place: usize| place < first || place >= count - last;
    let mask = |(place, c)| if shown(place) { c } else { '*' };
    Text::parse(&text.expose().chars().enumerate().map(mask).collect::<String>()).ok()
}
