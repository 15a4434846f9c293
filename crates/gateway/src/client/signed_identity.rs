//! Signed identity: a company's back end signs the identifiers that its pages send.
//!
//! The signature is an HMAC-SHA-256, in hexadecimal digits, of a text that docs/IDENTITY.md
//! defines: a fixed first line, the company's id, then one line for each claimed identifier, in
//! order.

use std::str::FromStr;

use actix_web::http::header::{HeaderMap, HeaderName};
use hmac::{Hmac, KeyInit, Mac};
use profile_protocol::{CompanyId, Identifiers, ProfileRequest};
use profile_store::Unsigned;
use sha2::Sha256;

use crate::{
    hexadecimal,
    secret_key::{InvalidSecretKey, SecretKey},
};

/// The header with the signature.
pub(crate) const SIGNATURE: HeaderName = HeaderName::from_static("x-identity-signature");

/// The first line of the signed text. It keeps other texts signed with the same key from being
/// accepted.
const FIRST_LINE: &str = "identity-1";

const SIGNATURE_BYTES: usize = 32;

/// A signature key of a company.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SignatureKey(SecretKey);

impl FromStr for SignatureKey {
    type Err = InvalidSecretKey;

    fn from_str(text: &str) -> Result<SignatureKey, InvalidSecretKey> {
        text.parse().map(SignatureKey)
    }
}

/// The signature keys of a company that requires signed identity.
#[derive(Clone, Debug)]
pub struct SignedIdentity {
    /// Any of these keys may sign. There are several during a key rotation.
    pub keys: Box<[SignatureKey]>,
}

impl SignedIdentity {
    /// Whether the external id, email and phone number of a request count.
    pub(crate) fn check(
        &self,
        company: &CompanyId,
        request: &ProfileRequest,
        headers: &HeaderMap,
        now_seconds: u64,
    ) -> Result<(), Unsigned> {
        let mut sent = headers.get_all(SIGNATURE);
        let Some(value) = sent.next() else { return Err(Unsigned::Missing) };
        let value = value.to_str().ok().filter(|_| sent.next().is_none());
        let signature = value.and_then(Signature::read).ok_or(Unsigned::Wrong)?;
        let claims = claims(request).ok_or(Unsigned::Wrong)?;
        if !self.keys.iter().any(|key| signature.matches(key, company, &claims)) {
            return Err(Unsigned::Wrong);
        }
        match signature.expires {
            Some((_, seconds)) if seconds < now_seconds => Err(Unsigned::Expired),
            _ => Ok(()),
        }
    }
}

/// A parsed header: `<signature>` or `<signature>;expires=<seconds>`.
struct Signature<'h> {
    bytes: [u8; SIGNATURE_BYTES],
    /// The expiry, as it was sent and as seconds since 1970.
    expires: Option<(&'h str, u64)>,
}

impl<'h> Signature<'h> {
    fn read(value: &'h str) -> Option<Signature<'h>> {
        let (digits, expires) = match value.split_once(";expires=") {
            Some((digits, text)) => (digits, Some((text, text.parse().ok()?))),
            None => (value, None),
        };
        Some(Signature { bytes: hexadecimal::decode(digits)?, expires })
    }

    /// Whether this key made the signature for these claims. The comparison takes constant time.
    fn matches(&self, key: &SignatureKey, company: &CompanyId, claims: &[SignedClaim<'_>]) -> bool {
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key.0.reveal()) else { return false };
        mac.update(FIRST_LINE.as_bytes());
        mac.update(b"\n");
        mac.update(company.as_str().as_bytes());
        let expires = self.expires.map(|(text, _)| ("expires", text));
        for (name, value) in claims.iter().flatten().copied().chain(expires) {
            for part in ["\n", name, "=", value] {
                mac.update(part.as_bytes());
            }
        }
        mac.verify_slice(&self.bytes).is_ok()
    }
}

/// The name and canonical text of an identifier, if present.
type SignedClaim<'r> = Option<(&'static str, &'r str)>;

/// The claimed identifiers, in the order in which they are signed. `None` if the request names two
/// of one kind: their positions decide which one identifies the profile, and positions are not
/// signed.
fn claims(request: &ProfileRequest) -> Option<[SignedClaim<'_>; 3]> {
    let mut all = named(request.subject());
    for (claim, other) in all.iter_mut().zip(named(request.identifiers())) {
        if claim.is_some() && other.is_some() && *claim != other {
            return None;
        }
        *claim = claim.or(other);
    }
    Some(all)
}

/// Sorted by name.
fn named(identifiers: &Identifiers) -> [SignedClaim<'_>; 3] {
    let Identifiers { email, external_id, phone_number, .. } = identifiers;
    [
        email.as_ref().map(|email| ("email", email.as_str())),
        external_id.as_ref().map(|id| ("external_id", id.as_str())),
        phone_number.as_ref().map(|number| ("phone_number", number.as_str())),
    ]
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;
    use profile_protocol::Revision;
    use proptest::prelude::*;

    use super::*;

    const DOCUMENT: &str = include_str!("../../../../docs/IDENTITY.md");
    const SARAH: &str = r#""email":" Sarah@Example.com ","external_id":"42""#;
    const EXPIRES: u64 = 1_764_003_600;

    /// The text of the example with this name in the document.
    fn documented(name: &str) -> &'static str {
        let (_, example) = DOCUMENT.split_once("<!-- signature -->").unwrap();
        let line = example.lines().find_map(|line| line.trim().strip_prefix(name));
        line.unwrap().trim()
    }

    fn signed(keys: &[&str]) -> SignedIdentity {
        SignedIdentity { keys: keys.iter().map(|key| key.parse().unwrap()).collect() }
    }

    fn request(attributes: &str, subject: &str) -> ProfileRequest {
        let body = format!(
            r#"{{"data":{{"type":"profile","attributes":{{{attributes}}},"meta":{{"identifiers":{{{subject}}}}}}}}}"#
        );
        ProfileRequest::parse(body.as_bytes(), Revision::LATEST).unwrap()
    }

    fn headers(sent: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in sent {
            headers.append(SIGNATURE, HeaderValue::from_str(value).unwrap());
        }
        headers
    }

    fn judged(sent: &[&str], request: &ProfileRequest, now: u64) -> Result<(), Unsigned> {
        let company = "ABC123".parse().unwrap();
        signed(&[documented("key")]).check(&company, request, &headers(sent), now)
    }

    /// The signature of these lines, as a back end computes it.
    fn sign(lines: &[&str]) -> String {
        let key: SignatureKey = documented("key").parse().unwrap();
        let mut mac = Hmac::<Sha256>::new_from_slice(key.0.reveal()).unwrap();
        mac.update(lines.join("\n").as_bytes());
        hexadecimal::encode(&mac.finalize().into_bytes())
    }

    #[test]
    fn the_example_of_the_document_is_right_until_it_expires() {
        let (sent, sarah) = ([documented("header")], request(SARAH, ""));
        assert_eq!(judged(&sent, &sarah, EXPIRES), Ok(()));
        assert_eq!(judged(&sent, &sarah, EXPIRES + 1), Err(Unsigned::Expired));
        assert_eq!(judged(&sent, &request("", SARAH), EXPIRES), Ok(()), "wherever they stand");
        assert_eq!(judged(&[], &sarah, EXPIRES), Err(Unsigned::Missing));
    }

    #[test]
    fn a_signature_altered_anywhere_is_wrong() {
        let good = documented("header");
        for place in 0..good.len() {
            let mut altered = good.as_bytes().to_vec();
            altered[place] = if altered[place] == b'1' { b'2' } else { b'1' };
            let altered = String::from_utf8(altered).unwrap();
            assert_eq!(
                judged(&[&altered], &request(SARAH, ""), 0),
                Err(Unsigned::Wrong),
                "{altered}"
            );
        }
        let (digits, _) = good.split_once(';').unwrap();
        let unlimited = format!("{digits};expires=9999999999");
        for sent in [digits, &unlimited, "", "sha256=", &format!("{good};expires=1")] {
            assert_eq!(judged(&[sent], &request(SARAH, ""), 0), Err(Unsigned::Wrong), "{sent}");
        }
        assert_eq!(judged(&[good, good], &request(SARAH, ""), 0), Err(Unsigned::Wrong));
    }

    #[test]
    fn a_signature_is_for_these_claims_of_this_company() {
        let sent = [documented("header")];
        for (attributes, subject) in [
            (r#""email":"sarah@example.com""#, ""),
            (r#""external_id":"42""#, ""),
            (r#""email":"eve@example.com","external_id":"42""#, ""),
            (r#""email":"sarah@example.com","external_id":"43""#, ""),
            (SARAH, r#""phone_number":"+15005550006""#),
            (SARAH, r#""email":"eve@example.com""#),
        ] {
            let judgement = judged(&sent, &request(attributes, subject), 0);
            assert_eq!(judgement, Err(Unsigned::Wrong), "{attributes} {subject}");
        }
        let other = "ABC124".parse().unwrap();
        let keys = signed(&[documented("key")]);
        let judgement = keys.check(&other, &request(SARAH, ""), &headers(&sent), 0);
        assert_eq!(judgement, Err(Unsigned::Wrong));
        // Anonymous ids, profile ids and tokens are not signed.
        let further = r#""anonymous_id":"tab","_kx":"x","id":"01GDDKASAP8TKDDA2GRZDSVP4H""#;
        assert_eq!(judged(&sent, &request(SARAH, further), 0), Ok(()));
    }

    #[test]
    fn of_several_keys_each_signs_and_no_other() {
        let (other, own) = ("0f".repeat(32), documented("key"));
        let company = "ABC123".parse().unwrap();
        let judged = |keys: &[&str]| {
            let sent = headers(&[documented("header")]);
            signed(keys).check(&company, &request(SARAH, ""), &sent, 0)
        };
        assert_eq!(judged(&[&other, own]), Ok(()));
        assert_eq!(judged(&[own, &other]), Ok(()));
        assert_eq!(judged(&[&other]), Err(Unsigned::Wrong));
    }

    #[test]
    fn all_that_is_named_is_signed_in_order_and_once() {
        let named = request(
            r#""phone_number":"+15005550006","email":"a@example.com","external_id":"x=1""#,
            r#""email":"a@example.com","external_id":"x=1""#,
        );
        let sent = sign(&[
            "identity-1",
            "ABC123",
            "email=a@example.com",
            "external_id=x=1",
            "phone_number=+15005550006",
        ]);
        assert_eq!(judged(&[&sent], &named, 0), Ok(()));
        assert_eq!(judged(&[&sent.to_uppercase()], &named, 0), Ok(()));
    }

    #[test]
    fn two_of_a_kind_count_for_nothing_whatever_was_signed() {
        let kinds = [
            ("email", "a@example.com", "b@example.com"),
            ("external_id", "1", "2"),
            ("phone_number", "+15005550006", "+15005550007"),
        ];
        for (kind, one, other) in kinds {
            let says = |value| format!(r#""{kind}":"{value}""#);
            let (first, second) = (format!("{kind}={one}"), format!("{kind}={other}"));
            let signatures = [
                sign(&["identity-1", "ABC123", &first, &second]),
                sign(&["identity-1", "ABC123", &first]),
                sign(&["identity-1", "ABC123", &second]),
            ];
            for sent in &signatures {
                let (both, swapped) =
                    (request(&says(one), &says(other)), request(&says(other), &says(one)));
                assert_eq!(judged(&[sent], &both, 0), Err(Unsigned::Wrong));
                assert_eq!(judged(&[sent], &swapped, 0), Err(Unsigned::Wrong));
            }
            assert_eq!(judged(&[&signatures[1]], &request(&says(one), &says(one)), 0), Ok(()));
        }
    }

    #[test]
    fn a_key_is_64_hexadecimal_digits_and_never_printed() {
        let key: SignatureKey = "0f".repeat(32).parse().unwrap();
        assert_eq!(format!("{key:?}"), "SignatureKey(SecretKey(…))");
        for text in ["", "0f", &"0g".repeat(32), &"0f".repeat(33)] {
            assert_eq!(text.parse::<SignatureKey>(), Err(InvalidSecretKey));
        }
    }

    proptest! {
        #[test]
        fn what_is_not_the_signature_is_wrong_whatever_it_is(sent in "[ -~]{0,80}") {
            let judgement = judged(&[&sent], &request(SARAH, ""), 0);
            prop_assert_eq!(judgement, Err(Unsigned::Wrong));
        }
    }
}
