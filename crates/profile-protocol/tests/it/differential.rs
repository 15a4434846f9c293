//! Email addresses and phone numbers, read by others as well: what they and this
//! crate may disagree about is said here, and nothing else.

use std::sync::LazyLock;

use email_address::{EmailAddress, Options};
use profile_protocol::{Email, PhoneNumber, limits};
use proptest::prelude::*;
use regex::Regex;

/// Whether `email_address`, which follows the grammar of RFC 5322, takes this for an
/// address at a domain with a top level.
fn is_address(text: &str) -> bool {
    let options =
        Options::default().with_required_tld().without_domain_literal().without_display_text();
    EmailAddress::parse_with_options(text, options).is_ok()
}

/// What only this crate accepts: HTML's rule, by which browsers check their forms,
/// lets dots stand anywhere in a mailbox, and real mailboxes have them there.
fn has_loose_dots(mailbox: &str) -> bool {
    mailbox.split('.').any(str::is_empty)
}

/// What only the other accepts, each with its reason.
fn is_refused_on_purpose(text: &str) -> bool {
    let Some((mailbox, domain)) = text.rsplit_once('@') else { return false };
    let host = |byte: u8| byte.is_ascii_alphanumeric() || b".-".contains(&byte);
    let top = domain.rsplit('.').next().unwrap_or_default();
    // No client sends a mailbox in quotes, and no index should hold two spellings.
    mailbox.starts_with('"')
        // Mail to it needs SMTPUTF8, which few servers speak.
        || !mailbox.is_ascii()
        // No host has such a name, whatever an atom of RFC 5322 may hold.
        || domain.is_ascii() && !domain.bytes().all(host)
        // IDNA says which of these are names; the other takes every letter.
        || !domain.is_ascii()
        // Labels that are, or claim to be, encoded already are IDNA's to judge.
        || domain.contains("--")
        // An address of a machine, not a domain.
        || top.bytes().all(|byte| byte.is_ascii_digit())
        // RFC 5321 bounds the path, which the other does not.
        || limits::EMAIL_BYTES < text.len()
}

fn mailboxes() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => r"[A-Za-z0-9._+-]{1,10}",
        2 => r"[a-z0-9.!#$%&'*+/=?^_`{|}~-]{1,10}",
        1 => r"[a-z.]{62,66}",
        1 => r#""[a-z .\\"]{0,6}""#,
        1 => r#"[a-z ()<>,;:@\\"é\t\u{7f}]{0,6}"#,
    ]
}

fn domains() -> impl Strategy<Value = String> {
    let label = prop_oneof![
        6 => r"[a-zA-Z0-9]{1,6}",
        2 => r"[a-z0-9-]{0,5}",
        1 => r"[a-z0-9]{61,65}",
        1 => r"[a-z_!éüß٣ -]{1,4}",
        1 => r"xn--[a-z0-9-]{0,6}",
        1 => r"[0-9]{1,3}",
        1 => Just("[127.0.0.1]".to_owned()),
    ];
    prop::collection::vec(label, 1..5).prop_map(|labels| labels.join("."))
}

/// Text that often is an address, and otherwise almost.
fn almost_addresses() -> impl Strategy<Value = String> {
    let at = prop_oneof![12 => Just("@"), 1 => Just(""), 1 => Just("@@")];
    (mailboxes(), at, domains()).prop_map(|(mailbox, at, domain)| format!("{mailbox}{at}{domain}"))
}

/// At least so many cases; `PROPTEST_CASES` asks for more.
fn many() -> ProptestConfig {
    let asked = ProptestConfig::default();
    ProptestConfig { cases: asked.cases.max(2_000), ..asked }
}

proptest! {
    #![proptest_config(many())]

    #[test]
    fn an_address_is_one_to_others_but_for_its_dots(text in almost_addresses()) {
        if let Ok(email) = text.parse::<Email>() {
            let (mailbox, _) = email.as_str().rsplit_once('@').unwrap();
            prop_assert_eq!(is_address(email.as_str()), !has_loose_dots(mailbox), "{}", text);
        }
    }

    #[test]
    fn what_others_take_for_an_address_is_one_but_for_what_is_refused_on_purpose(
        text in almost_addresses(),
    ) {
        if is_address(&text) && !is_refused_on_purpose(&text) {
            let email = text.parse::<Email>();
            prop_assert!(email.is_ok(), "{text}: {email:?}");
        }
    }

    #[test]
    fn a_phone_number_is_what_a_pattern_of_e_164_finds(
        text in r"[ \t\n\u{a0}\u{2003}]?[+]{0,2}[0-9]{0,2}[0-9]{5,15}[0-9 ().٣+-]{0,2}[ \n\u{85}]?",
    ) {
        static E_164: LazyLock<Regex> =
            LazyLock::new(|| Regex::new(r"^\s*(\+[1-9][0-9]{6,14})\s*$").unwrap());
        let number = text.parse::<PhoneNumber>().ok();
        let found = E_164.captures(&text).map(|found| found[1].to_owned());
        prop_assert_eq!(number.map(|number| number.as_str().to_owned()), found);
    }
}

#[test]
fn every_difference_that_is_allowed_for_is_one() {
    for ours in [".a@b.co", "a.@b.co", "a..b@c.co"] {
        assert!(ours.parse::<Email>().is_ok() && !is_address(ours), "{ours}");
    }
    let long = format!("ab@{}co", "bcdefghij.".repeat(25));
    let theirs =
        [r#""a b"@c.co"#, "ä@b.co", "a@b_c.co", "a@٣b.co", "a@xn--0.co", "a@127.0.0.1", &long];
    for theirs in theirs {
        assert!(theirs.parse::<Email>().is_err() && is_address(theirs), "{theirs}");
        assert!(is_refused_on_purpose(theirs), "{theirs}");
    }
}
