//! Arbitrary text, parsed as the filter of a list.
//!
//! An accepted filter keeps every limit, has canonical values, and parses to itself when it is
//! written in full. A refusal has an offset within the text.
#![no_main]

mod canonical;

use canonical::canonical;
use libfuzzer_sys::fuzz_target;
use profile_protocol::{Bound, ClaimedId, Condition, Date, ProfileFilter, limits};

fuzz_target!(|input: &[u8]| {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let answer = ProfileFilter::parse(text);
    assert_eq!(answer, ProfileFilter::parse(text), "the answer differs");
    match answer {
        Ok(filter) => accepted(text, &filter),
        Err(error) => {
            assert!(text.is_char_boundary(error.offset), "{} is no place", error.offset);
            assert!((1..=512).contains(&error.to_string().len()), "{error}");
        }
    }
});

fn accepted(text: &str, filter: &ProfileFilter) {
    assert!(text.len() <= limits::FILTER_BYTES);
    assert!((1..=limits::FILTER_CONDITIONS).contains(&filter.conditions.len()));
    let written: Vec<String> = filter.conditions.iter().map(written).collect();
    let written = written.join(",");
    // The written form may be longer than the one that was sent, because values are folded and
    // translated.
    if written.len() + "and()".len() <= limits::FILTER_BYTES {
        for spelling in [written.clone(), format!("and( {written} )")] {
            assert_eq!(ProfileFilter::parse(&spelling).as_ref(), Ok(filter), "{spelling}");
        }
    }
}

fn written(condition: &Condition) -> String {
    match condition {
        Condition::Id(ids) => {
            let text = |id: &ClaimedId| match id {
                ClaimedId::Profile(id) => id.to_string(),
                ClaimedId::Foreign => "ABC123".to_owned(),
            };
            any("id", ids.iter().map(text).collect())
        }
        Condition::Email(emails) => {
            emails.iter().for_each(canonical::canonical_email);
            any("email", emails.iter().map(|email| email.as_str().to_owned()).collect())
        }
        Condition::EmailPrefix(prefix) => {
            canonical(prefix, prefix.as_str(), limits::EMAIL_BYTES);
            format!("starts-with(email,{})", quoted(prefix.as_str()))
        }
        Condition::PhoneNumber(numbers) => {
            any("phone_number", numbers.iter().map(|number| number.as_str().to_owned()).collect())
        }
        Condition::ExternalId(ids) => {
            for id in ids {
                canonical(id, id.as_str(), limits::OPAQUE_ID_BYTES);
            }
            any("external_id", ids.iter().map(|id| id.as_str().to_owned()).collect())
        }
        Condition::AnonymousId(ids) => {
            for id in ids {
                canonical(id, id.as_str(), limits::OPAQUE_ID_BYTES);
            }
            any("anonymous_id", ids.iter().map(|id| id.as_str().to_owned()).collect())
        }
        Condition::ExchangeToken(token) => format!("equals(_kx,{})", quoted(token.as_str())),
        Condition::Created(end) => bound("created", *end),
        Condition::Updated(end) => bound("updated", *end),
        Condition::Suppression(reason) => {
            let field = "subscriptions.email.marketing.suppression.reason";
            format!("equals({field},{})", quoted(reason.as_str()))
        }
    }
}

fn any(field: &str, texts: Vec<String>) -> String {
    assert!((1..=limits::FILTER_VALUES).contains(&texts.len()));
    let texts: Vec<String> = texts.iter().map(|text| quoted(text)).collect();
    format!("any({field},[{}])", texts.join(","))
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

fn bound(field: &str, end: Bound) -> String {
    let (operator, milliseconds) = match end {
        Bound::After(milliseconds) => ("greater-than", milliseconds),
        Bound::Before(milliseconds) => ("less-than", milliseconds),
    };
    let (seconds, milliseconds) = (milliseconds / 1_000, milliseconds % 1_000);
    let (minutes, seconds) = (seconds / 60, seconds % 60);
    let (hours, minutes) = (minutes / 60, minutes % 60);
    let (days, hours) = (hours / 24, hours % 24);
    let date = Date::from_unix_days(u32::try_from(days).expect("a day before the year 10000"));
    format!("{operator}({field},{date}T{hours:02}:{minutes:02}:{seconds:02}.{milliseconds:03}Z)")
}
