//! Which exchange token a page is given.
//!
//! A token gives its bearer nothing that the request that got it did not have. It stands for what
//! the request proved, and not for the person whom the request named: docs/IDENTITY.md has the
//! rules. The form of a token does not show what it stands for.

use profile_protocol::{
    AnonymousId, ClaimedId, ExchangeToken, IdentifierKind, ProfileId, ProfileRequest,
};
use profile_store::{
    ClaimOutcome, ClaimResult, DeviceDigest, Effect, Ignored, Outcome, Timestamp, TokenContent,
    TokenTerms,
};

/// What a request shows about its sender, whatever is stored.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Evidence {
    /// Whether the company signed the external id, email address and phone number.
    signed: bool,
    /// Whether the request has the id of a profile, which cannot be guessed.
    id: bool,
    /// The contents of the request's own tokens.
    tokens: [Option<TokenContent>; 2],
    /// The device that the request names.
    device: Option<DeviceDigest>,
}

impl Evidence {
    /// The evidence in a request. `open` returns the content of a token, unless its life is over.
    pub(crate) fn from_request(
        request: &ProfileRequest,
        signed: bool,
        open: impl Fn(&ExchangeToken) -> Option<TokenContent>,
    ) -> Evidence {
        let parts = [request.subject(), request.identifiers()];
        let is_own = |id: &ClaimedId| matches!(id, ClaimedId::Profile(_));
        let device = parts.iter().find_map(|part| part.anonymous_id.as_ref());
        Evidence {
            signed,
            id: parts.iter().filter_map(|part| part.id.as_ref()).any(is_own),
            tokens: parts.map(|part| part.exchange_token.as_ref().and_then(&open)),
            device: device.map(|id: &AnonymousId| DeviceDigest::from_device(id)),
        }
    }

    /// The content of the token for the sender of a request with this outcome.
    pub(crate) fn token(&self, outcome: &Outcome) -> TokenContent {
        let at = outcome.at;
        let Some(survivor) = outcome.survivor else { return of_no_profile(at) };
        let of_survivor =
            |device| TokenContent { profile: survivor, terms: TokenTerms { issued: at, device } };
        let by_id = has(outcome, ClaimResult::Matched, is_id);
        let own = self.tokens.into_iter().flatten().next();
        match (own.filter(|_| !has_useless_token(outcome)), self.device) {
            _ if self.signed && reached_by_person(outcome) => of_survivor(None),
            // The new token lasts no longer than the old one, so a stolen one is not renewed for
            // ever.
            (Some(token), _) if token.terms.device.is_none() && by_id => token,
            _ if self.id && by_id => self.no_newer_than_own(of_survivor(None)),
            (_, Some(device)) => of_survivor(Some(device)),
            (Some(token), None) if token.terms.device.is_some() => token,
            (Some(_) | None, None) => of_no_profile(at),
        }
    }

    /// This content, issued no later than the request's own tokens of a person: the id in the
    /// request may be of no profile, and the survivor that of a token.
    fn no_newer_than_own(&self, content: TokenContent) -> TokenContent {
        let own = self.tokens.iter().flatten().map(|token| token.terms);
        let issued = own.filter(|terms| terms.device.is_none()).map(|terms| terms.issued);
        let issued = issued.fold(content.terms.issued, Timestamp::min);
        TokenContent { terms: TokenTerms { issued, ..content.terms }, ..content }
    }
}

/// A token that identifies no profile. A page gets it where it proved nothing, so that the answer
/// does not show what is stored.
fn of_no_profile(at: Timestamp) -> TokenContent {
    let terms = TokenTerms { issued: at, device: None };
    TokenContent { profile: ProfileId::from_bits(0), terms }
}

/// Whether an external id, email address or phone number found the survivor, or the survivor was
/// created with one.
fn reached_by_person(outcome: &Outcome) -> bool {
    has(outcome, ClaimResult::Matched, is_person)
        || outcome.effect == Effect::Created && has(outcome, ClaimResult::Attached, is_person)
}

fn has(outcome: &Outcome, result: ClaimResult, is_kind: fn(IdentifierKind) -> bool) -> bool {
    let is_it = |claim: &ClaimOutcome| claim.result == result && is_kind(claim.kind);
    outcome.claims.iter().any(is_it)
}

fn has_useless_token(outcome: &Outcome) -> bool {
    let is_useless =
        |claim: &ClaimOutcome| matches!(claim.result, ClaimResult::Ignored(Ignored::Token(_)));
    outcome.claims.iter().any(is_useless)
}

const fn is_id(kind: IdentifierKind) -> bool {
    match kind {
        IdentifierKind::Id => true,
        IdentifierKind::ExternalId
        | IdentifierKind::Email
        | IdentifierKind::PhoneNumber
        | IdentifierKind::AnonymousId => false,
    }
}

/// Whether an identifier of this kind can be signed.
const fn is_person(kind: IdentifierKind) -> bool {
    match kind {
        IdentifierKind::ExternalId | IdentifierKind::Email | IdentifierKind::PhoneNumber => true,
        IdentifierKind::Id | IdentifierKind::AnonymousId => false,
    }
}

#[cfg(test)]
mod tests {
    use profile_protocol::Revision;
    use profile_store::{Caller, ClaimSource, InvalidToken};
    use proptest::prelude::*;

    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(2_000);
    const BEFORE: Timestamp = Timestamp::from_millis(1_000);
    const ANN: ProfileId = ProfileId::from_bits(7);
    const TAB: DeviceDigest = DeviceDigest::from_bits(1);
    const PAD: DeviceDigest = DeviceDigest::from_bits(2);

    /// An outcome about Ann with these results of claims.
    fn outcome(effect: Effect, results: &[(IdentifierKind, ClaimResult)]) -> Outcome {
        let claim = |&(kind, result): &(IdentifierKind, ClaimResult)| ClaimOutcome {
            kind,
            origin: ClaimSource::Attributes,
            result,
        };
        Outcome {
            sequence: 1,
            at: NOW,
            caller: Caller::Client,
            revision: Revision::LATEST,
            survivor: (effect != Effect::Unidentified).then_some(ANN),
            effect,
            claims: results.iter().map(claim).collect(),
            changed: Vec::new(),
            changed_unlisted: 0,
            withheld: Vec::new(),
            withheld_unlisted: 0,
            previous: Vec::new(),
            push_token: None,
            request_ids: None,
            sender: profile_store::RequestSender::default(),
        }
    }

    fn token(issued: Timestamp, device: Option<DeviceDigest>) -> TokenContent {
        TokenContent { profile: ANN, terms: TokenTerms { issued, device } }
    }

    const NOTHING: Evidence =
        Evidence { signed: false, id: false, tokens: [None; 2], device: None };

    #[test]
    fn a_request_that_only_names_a_person_gets_a_token_of_no_profile() {
        use ClaimResult::{Attached, Matched};
        use IdentifierKind::Email;
        for effect in [Effect::Created, Effect::Updated, Effect::Unchanged] {
            for result in [Matched, Attached] {
                let named = outcome(effect, &[(Email, result)]);
                assert_eq!(NOTHING.token(&named), of_no_profile(NOW));
            }
        }
    }

    #[test]
    fn a_token_stands_for_what_the_request_proved() {
        use ClaimResult::{Attached, Matched};
        use IdentifierKind::{AnonymousId, Email, Id};
        let (device, signed) = (Some(TAB), true);
        let (person, of_tab) = (token(NOW, None), token(NOW, Some(TAB)));
        let (old, old_of_pad) = (token(BEFORE, None), token(BEFORE, Some(PAD)));
        let taken = ClaimResult::Ignored(Ignored::AnotherHeld);
        let expired = ClaimResult::Ignored(Ignored::Token(InvalidToken::Expired));
        let unchanged = |claims: &[_]| outcome(Effect::Unchanged, claims);
        let created = |claims: &[_]| outcome(Effect::Created, claims);
        for (evidence, outcome, expected) in [
            (Evidence { device, ..NOTHING }, unchanged(&[(AnonymousId, Matched)]), of_tab),
            (Evidence { device, ..NOTHING }, unchanged(&[(Email, Matched)]), of_tab),
            (Evidence { device, ..NOTHING }, created(&[(Email, Attached)]), of_tab),
            (Evidence { signed, ..NOTHING }, unchanged(&[(Email, Matched)]), person),
            (Evidence { signed, ..NOTHING }, created(&[(Email, Attached)]), person),
            (Evidence { signed, device, ..NOTHING }, unchanged(&[(Email, Matched)]), person),
            // The address is signed, but the profile was there without it.
            (Evidence { signed, device, ..NOTHING }, unchanged(&[(Email, Attached)]), of_tab),
            (Evidence { signed, device, ..NOTHING }, unchanged(&[(Email, taken)]), of_tab),
            (Evidence { id: true, device, ..NOTHING }, unchanged(&[(Id, Matched)]), person),
            (Evidence { id: true, device, ..NOTHING }, unchanged(&[(Id, taken)]), of_tab),
            // A token of the person stays as it is, and so does one of a device that is not named.
            (
                Evidence { tokens: [Some(old), None], device, ..NOTHING },
                unchanged(&[(Id, Matched)]),
                old,
            ),
            (
                Evidence { tokens: [Some(old), None], device, ..NOTHING },
                unchanged(&[(Id, expired)]),
                of_tab,
            ),
            (
                Evidence { tokens: [Some(old_of_pad), None], ..NOTHING },
                unchanged(&[(AnonymousId, Matched)]),
                old_of_pad,
            ),
            (
                Evidence { tokens: [Some(old_of_pad), None], device, ..NOTHING },
                unchanged(&[(AnonymousId, Matched)]),
                of_tab,
            ),
            (
                Evidence { tokens: [Some(old_of_pad), None], ..NOTHING },
                unchanged(&[(Email, Matched), (Id, expired)]),
                of_no_profile(NOW),
            ),
            (
                Evidence { signed, tokens: [Some(old), None], ..NOTHING },
                unchanged(&[(Id, Matched), (Email, Matched)]),
                person,
            ),
        ] {
            assert_eq!(evidence.token(&outcome), expected, "{evidence:?} {outcome:?}");
        }
    }

    #[test]
    fn the_evidence_of_a_request_is_what_it_sends() {
        let request = |body: &str| {
            let body = format!(r#"{{"data":{{"type":"profile",{body}}}}}"#);
            ProfileRequest::parse(body.as_bytes(), Revision::LATEST).unwrap()
        };
        let open = |text: &ExchangeToken| (text.as_str() == "old").then_some(token(BEFORE, None));
        let tab = Some(DeviceDigest::from_device(&"tab".parse().unwrap()));
        for (body, id, device, tokens) in [
            (r#""attributes":{"email":"a@b.co"}"#, false, None, 0),
            (r#""attributes":{"email":"a@b.co","anonymous_id":"tab"}"#, false, tab, 0),
            (r#""meta":{"identifiers":{"anonymous_id":"tab"}}"#, false, tab, 0),
            (r#""id":"01GDDKASAP8TKDDA2GRZDSVP4H","attributes":{}"#, true, None, 0),
            (r#""id":"ABC123","attributes":{}"#, false, None, 0),
            (r#""attributes":{"_kx":"old"}"#, false, None, 1),
            (r#""attributes":{"_kx":"old"},"meta":{"identifiers":{"_kx":"old"}}"#, false, None, 2),
            (r#""attributes":{"_kx":"new","email":"a@b.co"}"#, false, None, 0),
        ] {
            let evidence = Evidence::from_request(&request(body), false, open);
            assert_eq!((evidence.id, evidence.device), (id, device), "{body}");
            assert_eq!(evidence.tokens.iter().flatten().count(), tokens, "{body}");
        }
    }

    fn kinds() -> impl Strategy<Value = IdentifierKind> {
        use IdentifierKind::{AnonymousId, Email, ExternalId, Id, PhoneNumber};
        prop::sample::select(vec![AnonymousId, Email, ExternalId, Id, PhoneNumber])
    }

    fn outcomes() -> impl Strategy<Value = Outcome> {
        use Effect::{Created, Unchanged, Unidentified, Updated};
        let results = prop::sample::select(vec![
            ClaimResult::Matched,
            ClaimResult::Attached,
            ClaimResult::Absorbed(ProfileId::from_bits(9)),
            ClaimResult::Refused(profile_store::Refused::MergeCap),
            ClaimResult::Ignored(Ignored::UnknownId),
            ClaimResult::Ignored(Ignored::Token(InvalidToken::Revoked)),
        ]);
        let effects = prop::sample::select(vec![Created, Updated, Unchanged, Unidentified]);
        (effects, prop::collection::vec((kinds(), results), 0..5))
            .prop_map(|(effect, claims)| outcome(effect, &claims))
    }

    proptest! {
        /// Whatever was stored, and so whatever the outcome is.
        #[test]
        fn no_outcome_gives_a_person_to_a_request_without_signature_id_or_token(
            outcome in outcomes(),
            device in prop::option::of(Just(TAB)),
            bound in prop::option::of(Just(token(BEFORE, Some(PAD)))),
        ) {
            let evidence = Evidence { device, tokens: [bound, None], ..NOTHING };
            let content = evidence.token(&outcome);
            prop_assert!(content.terms.device.is_some() || content == of_no_profile(NOW));
            // A device is one that the request named, or that its token stood for.
            let shown = device.into_iter().chain(bound.and_then(|token| token.terms.device));
            let mut shown = shown.map(Some).chain([None]);
            prop_assert!(shown.any(|device| device == content.terms.device));
        }

        #[test]
        fn a_token_that_was_got_by_a_token_alone_is_no_newer_than_that_one(
            outcome in outcomes(),
            own in prop::sample::select(vec![token(BEFORE, None), token(BEFORE, Some(PAD))]),
        ) {
            let content = Evidence { tokens: [Some(own), None], ..NOTHING }.token(&outcome);
            prop_assert!(content == own || content == of_no_profile(NOW));
        }

        /// Whatever else the request has: an id, true or invented, another token, good or bad.
        #[test]
        fn no_token_of_a_person_is_renewed_by_a_request_that_has_it(
            outcome in outcomes(),
            id in any::<bool>(),
            device in prop::option::of(Just(TAB)),
            stolen in Just(token(BEFORE, None)),
            other in prop::option::of(prop::sample::select(vec![
                token(NOW, Some(PAD)),
                token(BEFORE, Some(PAD)),
                token(BEFORE, None),
            ])),
            is_first in any::<bool>(),
        ) {
            let tokens = if is_first { [Some(stolen), other] } else { [other, Some(stolen)] };
            let content = Evidence { id, tokens, device, ..NOTHING }.token(&outcome);
            prop_assert!(
                content.terms.device.is_some()
                    || content == of_no_profile(NOW)
                    || content.terms.issued <= BEFORE
            );
        }
    }
}
