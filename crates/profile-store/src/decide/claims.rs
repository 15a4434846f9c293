//! Claims: what one request says about who a person is, in the order in which
//! it is looked up.

use profile_protocol::{
    ClaimedId, ExchangeToken, IdentifierKind, Identifiers, ProfileId, ProfileRequest,
    SecondaryEmails,
};

use crate::{
    Identifier, Sentinels,
    model::outcome::{Caller, ClaimOutcome, ClaimResult, Ignored, Refused},
};

/// Where in a request a claim stands.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum ClaimSource {
    /// In `meta.identifiers`, which says whom the request is about.
    Subject,
    /// Among the attributes.
    Attributes,
    /// In `meta.patch_identifiers.append`: an address that is to be a secondary
    /// one.
    Append,
    /// In a command of the company itself, such as to merge, to undo or to delete.
    Command,
}

/// What a claim names.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum ProfileRef {
    /// A profile, by its id or by a token that stands for one.
    Id(ProfileId),
    /// Whatever profile holds this identifier.
    Identifier(Identifier),
}

/// One claim about who a person is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Claim {
    /// What it names.
    pub named: ProfileRef,
    /// Where it stands.
    pub origin: ClaimSource,
}

impl Claim {
    /// Its kind, and so its authority.
    pub fn kind(&self) -> IdentifierKind {
        match &self.named {
            ProfileRef::Id(_) => IdentifierKind::Id,
            ProfileRef::Identifier(identifier) => identifier.kind(),
        }
    }
}

/// The claims of one request.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Claims {
    // Invariant: those of the subject first, then by falling authority; no claim
    // twice.
    made: Vec<Claim>,
    /// What was said but cannot be a claim, with the reason.
    dismissed: Vec<ClaimOutcome>,
}

/// Why an exchange token stands for nobody.
#[expect(missing_docs, reason = "each variant's message says what it means")]
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq, thiserror::Error)]
pub enum InvalidToken {
    #[error("was not made here, or was altered")]
    Unsealed,
    #[error("was made for another company")]
    Foreign,
    #[error("has expired")]
    Expired,
}

/// Why what a client says of external ids, addresses and phone numbers does not
/// count, where the company wants it signed.
#[expect(missing_docs, reason = "each variant's message says what it means")]
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq, thiserror::Error)]
pub enum Unsigned {
    #[error("unsigned")]
    Missing,
    #[error("signature wrong")]
    Wrong,
    #[error("signature expired")]
    Expired,
}

/// A request named nobody but by placeholders such as `undefined`.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("every identifier is a placeholder such as `null` or `undefined`")]
pub struct OnlySentinels;

impl Claims {
    /// The claims that `request` makes. `open` finds the profile id sealed in an
    /// exchange token.
    pub fn of(
        request: &ProfileRequest,
        caller: Caller,
        sentinels: &Sentinels,
        open: impl Fn(&ExchangeToken) -> Result<ProfileId, InvalidToken>,
    ) -> Result<Claims, OnlySentinels> {
        Claims::gathered(request, caller, sentinels, None, open)
    }

    /// The same, of a request whose external ids, addresses and phone numbers do not
    /// count, as if they had not been said.
    pub fn unsigned(
        request: &ProfileRequest,
        caller: Caller,
        sentinels: &Sentinels,
        reason: Unsigned,
        open: impl Fn(&ExchangeToken) -> Result<ProfileId, InvalidToken>,
    ) -> Result<Claims, OnlySentinels> {
        Claims::gathered(request, caller, sentinels, Some(reason), open)
    }

    fn gathered(
        request: &ProfileRequest,
        caller: Caller,
        sentinels: &Sentinels,
        unsigned: Option<Unsigned>,
        open: impl Fn(&ExchangeToken) -> Result<ProfileId, InvalidToken>,
    ) -> Result<Claims, OnlySentinels> {
        let mut claims = Claims::default();
        for (identifiers, origin) in [
            (&request.subject, ClaimSource::Subject),
            (&request.identifiers, ClaimSource::Attributes),
        ] {
            claims.gather_profile(identifiers, origin, &open);
            claims.gather(identifiers, origin, sentinels, unsigned);
        }
        claims.gather_secondary(&request.secondary_emails, caller);
        let sentinel =
            |dismissed: &ClaimOutcome| dismissed.result == ClaimResult::Refused(Refused::Sentinel);
        if claims.made.is_empty() && claims.dismissed.iter().all(sentinel) {
            return Err(OnlySentinels);
        }
        Ok(claims)
    }

    /// The claims, in the order in which they are looked up.
    pub fn made(&self) -> &[Claim] {
        &self.made
    }

    /// What was said but is no claim, with the reason.
    pub fn dismissed(&self) -> &[ClaimOutcome] {
        &self.dismissed
    }

    fn gather_profile(
        &mut self,
        Identifiers { id, exchange_token, .. }: &Identifiers,
        origin: ClaimSource,
        open: &impl Fn(&ExchangeToken) -> Result<ProfileId, InvalidToken>,
    ) {
        match id {
            Some(ClaimedId::Profile(id)) => self.add(ProfileRef::Id(*id), origin),
            Some(ClaimedId::Foreign) => {
                self.dismiss(IdentifierKind::Id, origin, ClaimResult::Ignored(Ignored::ForeignId));
            }
            None => {}
        }
        match exchange_token.as_ref().map(open) {
            Some(Ok(id)) => self.add(ProfileRef::Id(id), origin),
            Some(Err(reason)) => {
                self.dismiss(
                    IdentifierKind::Id,
                    origin,
                    ClaimResult::Ignored(Ignored::Token(reason)),
                );
            }
            None => {}
        }
    }

    fn gather(
        &mut self,
        identifiers: &Identifiers,
        origin: ClaimSource,
        sentinels: &Sentinels,
        unsigned: Option<Unsigned>,
    ) {
        let Identifiers { external_id, email, phone_number, anonymous_id, .. } = identifiers;
        let named = [
            external_id.clone().map(Identifier::ExternalId),
            email.clone().map(Identifier::Email),
            phone_number.clone().map(Identifier::PhoneNumber),
            anonymous_id.clone().map(Identifier::AnonymousId),
        ];
        for identifier in named.into_iter().flatten() {
            if sentinels.contains(identifier.as_str()) {
                self.dismiss(identifier.kind(), origin, ClaimResult::Refused(Refused::Sentinel));
                continue;
            }
            match unsigned.filter(|_| identifier.kind() != IdentifierKind::AnonymousId) {
                Some(reason) => {
                    let result = ClaimResult::Ignored(Ignored::Unsigned(reason));
                    self.dismiss(identifier.kind(), origin, result);
                }
                None => self.add(ProfileRef::Identifier(identifier), origin),
            }
        }
    }

    fn gather_secondary(&mut self, emails: &SecondaryEmails, caller: Caller) {
        let touched = emails.append.len() + emails.unappend.len();
        match caller {
            Caller::Server => {
                for email in &emails.append {
                    self.add(
                        ProfileRef::Identifier(Identifier::Email(email.clone())),
                        ClaimSource::Append,
                    );
                }
            }
            Caller::Client if touched == 0 => {}
            Caller::Client => {
                let result = ClaimResult::Ignored(Ignored::ServerOnly);
                self.dismiss(IdentifierKind::Email, ClaimSource::Append, result);
            }
        }
    }

    fn add(&mut self, named: ProfileRef, origin: ClaimSource) {
        if self.made.iter().all(|claim| claim.named != named) {
            self.made.push(Claim { named, origin });
        }
    }

    fn dismiss(&mut self, kind: IdentifierKind, origin: ClaimSource, result: ClaimResult) {
        self.dismissed.push(ClaimOutcome { kind, origin, result });
    }
}
