//! Email addresses.
//!
//! An address is parsed once, at the edge, into its canonical form. Everything
//! downstream compares, indexes and stores that form, and never looks at the
//! caller's spelling again.

use std::{borrow::Cow, fmt, str::FromStr};

use crate::limits;

/// An email address in canonical form: trimmed, lower-cased, its domain in
/// ASCII, at most [`limits::EMAIL_BYTES`] long.
///
/// Two addresses name the same person exactly when their `Email`s are equal.
///
/// ```
/// use profile_protocol::Email;
///
/// let email: Email = " Sarah.Mason@Bücher.example ".parse()?;
/// assert_eq!(email.as_str(), "sarah.mason@xn--bcher-kva.example");
/// # Ok::<(), profile_protocol::InvalidEmail>(())
/// ```
#[derive(Clone, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Email {
    // Invariant: parsing this text again yields this text.
    text: Box<str>,
}

impl Email {
    /// The canonical text.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl FromStr for Email {
    type Err = InvalidEmail;

    fn from_str(text: &str) -> Result<Email, InvalidEmail> {
        let text = text.trim();
        if text.is_empty() {
            return Err(InvalidEmail::Empty);
        }
        // Bound the work before doing any: the caller chose the length.
        if limits::EMAIL_BYTES < text.len() {
            return Err(InvalidEmail::TooLong);
        }
        let (mailbox, domain) = text.rsplit_once('@').ok_or(InvalidEmail::Malformed)?;
        if !mailbox.is_ascii() {
            return Err(InvalidEmail::Malformed);
        }
        let domain = ascii_domain(domain)?;
        let mut canonical = String::with_capacity(mailbox.len() + 1 + domain.len());
        canonical.push_str(mailbox);
        canonical.push('@');
        canonical.push_str(&domain);
        canonical.make_ascii_lowercase();
        if limits::EMAIL_BYTES < canonical.len() {
            return Err(InvalidEmail::TooLong);
        }
        if !is_mailbox(mailbox) || !is_domain(&domain) {
            return Err(InvalidEmail::Malformed);
        }
        Ok(Email { text: canonical.into() })
    }
}

/// The domain in ASCII. `localhost` and address literals are refused: mail cannot reach them, so
/// they are typing errors.
fn ascii_domain(domain: &str) -> Result<Cow<'_, str>, InvalidEmail> {
    if domain.starts_with('[') {
        return Err(InvalidEmail::Unroutable);
    }
    if domain.contains(CONTROL_PICTURES) {
        return Err(InvalidEmail::Malformed);
    }
    let ascii = if plain(domain) {
        Cow::Borrowed(domain)
    } else {
        let encoded = idna::domain_to_ascii_strict(domain);
        Cow::Owned(encoded.or(Err(InvalidEmail::Malformed))?)
    };
    let (_, top) = ascii.rsplit_once('.').ok_or(InvalidEmail::Unroutable)?;
    if top.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(InvalidEmail::Unroutable);
    }
    Ok(ascii)
}

/// What terminals and editors show for control characters. UTS 46 takes these symbols as part of a
/// name, as browsers do with any symbol, but in an address they are an error of copying.
const CONTROL_PICTURES: fn(char) -> bool = |char| matches!(char, '\u{2400}'..='\u{2426}');

/// Whether the domain needs no translation: letters, digits, dots and single
/// hyphens, which also leaves out labels that are already encoded (`xn--`).
fn plain(domain: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-');
    domain.bytes().all(allowed) && !domain.contains("--")
}

/// Whether this is the name in an address, as HTML forms define it. Dots may stand anywhere: RFC
/// 5321 has such names in quotes, but people type them without, and have such mailboxes. It is
/// written by hand because the regular expressions of `validator` are more than half of a
/// WebAssembly module. A test compares the two.
fn is_mailbox(name: &str) -> bool {
    let allowed =
        |byte: u8| byte.is_ascii_alphanumeric() || b".!#$%&'*+/=?^_`{|}~-".contains(&byte);
    (1..=MAILBOX_BYTES).contains(&name.len()) && name.bytes().all(allowed)
}

/// Whether each label of the domain is one of a host name.
fn is_domain(domain: &str) -> bool {
    let is_label = |label: &str| {
        (1..=LABEL_BYTES).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    domain.split('.').all(is_label)
}

/// Length of a mailbox, in bytes: RFC 5321 §4.5.3.1.1.
const MAILBOX_BYTES: usize = 64;

/// Length of one label of a domain, in bytes: RFC 1035 §2.3.4.
const LABEL_BYTES: usize = 63;

/// Shows nothing of the address, because `Debug` is how personal data reaches logs,
/// and a domain may be its owner's name.
impl fmt::Debug for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Email(…)")
    }
}

/// Why some text is not an [`Email`].
#[expect(missing_docs, reason = "each variant's message says what it means")]
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidEmail {
    #[error("must not be empty")]
    Empty,
    #[error("must be at most {} bytes", limits::EMAIL_BYTES)]
    TooLong,
    #[error("must look like name@example.com, the name in ASCII")]
    Malformed,
    #[error("must have a domain that mail can reach, such as example.com")]
    Unroutable,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use validator::ValidateEmail;

    use super::*;

    fn reads(text: &str, canonical: &str) {
        assert_eq!(text.parse::<Email>().unwrap().as_str(), canonical);
    }

    fn refuses(text: &str, reason: InvalidEmail) {
        assert_eq!(text.parse::<Email>().unwrap_err(), reason, "{text:?}");
    }

    #[test]
    fn spelling_that_mail_ignores_is_folded() {
        reads("sarah@example.com", "sarah@example.com");
        reads("\t Sarah.Mason+News@EXAMPLE.Com \n", "sarah.mason+news@example.com");
        reads("a@BÜCHER.example", "a@xn--bcher-kva.example");
        reads("a@xn--bcher-kva.example", "a@xn--bcher-kva.example");
        reads("a@i\u{2764}.ws", "a@xn--i-7iq.ws");
    }

    #[test]
    fn dots_may_stand_anywhere_in_the_name_as_in_forms_of_browsers() {
        for text in [".a@example.com", "a.@example.com", "a..b@example.com"] {
            reads(text, text);
        }
    }

    #[test]
    fn each_fault_has_its_narrowest_reason() {
        refuses("", InvalidEmail::Empty);
        refuses("   ", InvalidEmail::Empty);
        refuses(&format!("{}@example.com", "a".repeat(250)), InvalidEmail::TooLong);
        refuses("blobemail", InvalidEmail::Malformed);
        refuses("@example.com", InvalidEmail::Malformed);
        refuses("sarah@", InvalidEmail::Unroutable);
        refuses("sarah mason@example.com", InvalidEmail::Malformed);
        refuses("sarah\0@example.com", InvalidEmail::Malformed);
        refuses("särah@example.com", InvalidEmail::Malformed);
        refuses("sarah@exa mple.com", InvalidEmail::Malformed);
        refuses("sarah@exa\u{2400}mple.com", InvalidEmail::Malformed);
        refuses("sarah@example.com\u{240d}\u{240a}", InvalidEmail::Malformed);
        refuses("sarah@-example.com", InvalidEmail::Malformed);
        refuses("sarah@example.com.", InvalidEmail::Unroutable);
        refuses("sarah@xn--.com", InvalidEmail::Malformed);
        refuses("sarah@localhost", InvalidEmail::Unroutable);
        refuses("sarah@[127.0.0.1]", InvalidEmail::Unroutable);
        refuses("sarah@127.0.0.1", InvalidEmail::Unroutable);
    }

    #[test]
    fn mailboxes_and_labels_are_bounded() {
        let address = |mailbox: usize, label: usize| {
            format!("{}@{}.com", "a".repeat(mailbox), "b".repeat(label))
        };
        reads(&address(64, 63), &address(64, 63));
        refuses(&address(65, 1), InvalidEmail::Malformed);
        refuses(&address(1, 64), InvalidEmail::Malformed);
    }

    #[test]
    fn an_address_does_not_reach_logs() {
        let email: Email = "sarah@example.com".parse().unwrap();
        assert_eq!(format!("{email:?}"), "Email(…)");
    }

    proptest! {
        #[test]
        fn the_canonical_form_is_a_fixed_point(
            text in r"[ ]?[A-Za-z0-9.+_-]{1,20}@([A-Za-zéüß0-9-]{1,12}\.){1,3}[a-z]{2,5}[ ]?",
        ) {
            if let Ok(email) = text.parse::<Email>() {
                prop_assert_eq!(email.as_str().parse::<Email>(), Ok(email.clone()));
            }
        }

        #[test]
        fn names_and_domains_follow_the_rule_of_html_forms(
            mailbox in prop_oneof![r"[ -~]{0,6}", r"[a-z0-9.!#$%&'*+/=?^_`{|}~-]{1,66}"],
            domain in r"([a-z0-9_-]{0,3}|[a-z0-9-]{62,64})(\.[a-z0-9-]{1,3}){0,3}",
        ) {
            // Only `@` itself could divide the address elsewhere.
            prop_assume!(!mailbox.contains('@'));
            let follows = is_mailbox(&mailbox) && is_domain(&domain);
            let address = format!("{mailbox}@{domain}");
            prop_assert_eq!(follows, address.validate_email(), "{}", address);
        }

        #[test]
        fn no_text_makes_it_panic(text in any::<String>()) {
            let _ = text.parse::<Email>();
        }
    }
}
