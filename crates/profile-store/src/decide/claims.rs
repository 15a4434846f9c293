//! Claims: the statements of one request about which profile it concerns, in lookup order.

use profile_protocol::{
    AnonymousId, ClaimedId, ExchangeToken, IdentifierKind, Identifiers, RequestParts,
    SecondaryEmails,
};

use crate::{
    Identifier, Placeholders,
    model::claim::{Claim, ClaimAuthor, ClaimSource, ProfileRef, Unsigned},
    model::outcome::{Caller, ClaimOutcome, ClaimResult, Ignored, Refused},
    model::token::{InvalidToken, TokenContent, TokenTerms},
};

/// The claims of one request.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Claims {
    // Invariant: claims of the subject come first, then claims are in descending order of
    // authority. No target occurs twice.
    made: Vec<Claim>,
    /// Identifiers that were sent but are not claims, with the reason.
    dismissed: Vec<ClaimOutcome>,
    author: ClaimAuthor,
    /// Whether the sender has had as many profiles merged as it may.
    are_merges_spent: bool,
}

/// Every identifier of a request is a placeholder such as `undefined`.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("every identifier is a placeholder such as `null` or `undefined`")]
pub struct OnlyPlaceholders;

impl Claims {
    /// Collects the claims of `request`. `open` returns the content of an exchange token.
    pub fn from_request(
        request: &RequestParts,
        caller: Caller,
        placeholders: &Placeholders,
        open: impl Fn(&ExchangeToken) -> Result<TokenContent, InvalidToken>,
    ) -> Result<Claims, OnlyPlaceholders> {
        Claims::collect(request, caller, placeholders, None, open)
    }

    /// Collects the claims of a request that lacks a valid signature. External ids, emails and
    /// phone numbers are dismissed for `reason`.
    pub fn from_unsigned_request(
        request: &RequestParts,
        caller: Caller,
        placeholders: &Placeholders,
        reason: Unsigned,
        open: impl Fn(&ExchangeToken) -> Result<TokenContent, InvalidToken>,
    ) -> Result<Claims, OnlyPlaceholders> {
        Claims::collect(request, caller, placeholders, Some(reason), open)
    }

    fn collect(
        request: &RequestParts,
        caller: Caller,
        placeholders: &Placeholders,
        unsigned: Option<Unsigned>,
        open: impl Fn(&ExchangeToken) -> Result<TokenContent, InvalidToken>,
    ) -> Result<Claims, OnlyPlaceholders> {
        let author = match caller {
            Caller::Client => ClaimAuthor::Client,
            Caller::Server => ClaimAuthor::Company,
        };
        let mut claims = Claims { author, ..Claims::default() };
        for (identifiers, origin) in [
            (&request.subject, ClaimSource::Subject),
            (&request.identifiers, ClaimSource::Attributes),
        ] {
            claims.add_id(identifiers.id.as_ref(), origin);
            claims.add_token(identifiers.exchange_token.as_ref().map(&open), origin);
            claims.add_identifiers(identifiers, origin, placeholders, unsigned);
        }
        claims.add_secondary_emails(&request.secondary_emails, caller);
        if claims.has_only_placeholders() { Err(OnlyPlaceholders) } else { Ok(claims) }
    }

    /// The one claim of a command of the company.
    pub(crate) fn of_company(claim: Claim) -> Claims {
        Claims { made: vec![claim], author: ClaimAuthor::Company, ..Claims::default() }
    }

    /// The same claims where the company has signed the identifiers that they name.
    #[must_use]
    pub fn signed(self) -> Claims {
        Claims { author: ClaimAuthor::Company, ..self }
    }

    /// The same claims of a sender that has had as many profiles merged as it may. Where one of
    /// them would merge a profile, it is refused.
    #[must_use]
    pub fn without_merges(self) -> Claims {
        Claims { are_merges_spent: true, ..self }
    }

    /// The claims of the same sender with others in place of those made: in lookup order and with
    /// different targets, and what is no claim.
    pub(super) fn with_made(&self, made: Vec<Claim>, dismissed: Vec<ClaimOutcome>) -> Claims {
        let Claims { made: _, dismissed: _, author, are_merges_spent } = *self;
        Claims { made, dismissed, author, are_merges_spent }
    }

    /// Who vouches for the claims.
    pub fn author(&self) -> ClaimAuthor {
        self.author
    }

    /// Whether the sender has had as many profiles merged as it may.
    pub fn are_merges_spent(&self) -> bool {
        self.are_merges_spent
    }

    /// The claims, in lookup order.
    pub fn made(&self) -> &[Claim] {
        &self.made
    }

    /// The identifiers that were sent but are not claims, with the reason.
    pub fn dismissed(&self) -> &[ClaimOutcome] {
        &self.dismissed
    }

    /// The identifiers that the claims name, in lookup order.
    pub(crate) fn identifiers(&self) -> impl Iterator<Item = &Identifier> {
        self.made.iter().filter_map(|claim| claim.target.identifier())
    }

    /// The devices that the claims name, in lookup order.
    pub(crate) fn devices(&self) -> impl Iterator<Item = &AnonymousId> {
        self.identifiers().filter_map(|identifier| match identifier {
            Identifier::AnonymousId(id) => Some(id),
            Identifier::PhoneNumber(_) | Identifier::Email(_) | Identifier::ExternalId(_) => None,
        })
    }

    fn has_only_placeholders(&self) -> bool {
        let is_placeholder =
            |outcome: &ClaimOutcome| outcome.result == ClaimResult::Refused(Refused::Placeholder);
        self.made.is_empty() && self.dismissed.iter().all(is_placeholder)
    }

    fn add_id(&mut self, id: Option<&ClaimedId>, origin: ClaimSource) {
        match id {
            Some(ClaimedId::Profile(id)) => self.add(ProfileRef::Id(*id), origin),
            Some(ClaimedId::Foreign) => {
                self.ignore(IdentifierKind::Id, origin, Ignored::ForeignId);
            }
            None => {}
        }
    }

    fn add_token(
        &mut self,
        token: Option<Result<TokenContent, InvalidToken>>,
        origin: ClaimSource,
    ) {
        match token {
            Some(Ok(TokenContent { profile, terms })) => {
                self.add_claim(ProfileRef::Id(profile), origin, Some(terms));
            }
            Some(Err(reason)) => self.ignore(IdentifierKind::Id, origin, Ignored::Token(reason)),
            None => {}
        }
    }

    fn add_identifiers(
        &mut self,
        identifiers: &Identifiers,
        origin: ClaimSource,
        placeholders: &Placeholders,
        unsigned: Option<Unsigned>,
    ) {
        let Identifiers {
            id: _,
            exchange_token: _,
            external_id,
            email,
            phone_number,
            anonymous_id,
        } = identifiers;
        let by_authority = [
            external_id.clone().map(Identifier::ExternalId),
            email.clone().map(Identifier::Email),
            phone_number.clone().map(Identifier::PhoneNumber),
            anonymous_id.clone().map(Identifier::AnonymousId),
        ];
        for identifier in by_authority.into_iter().flatten() {
            self.add_identifier(identifier, origin, placeholders, unsigned);
        }
    }

    fn add_identifier(
        &mut self,
        identifier: Identifier,
        origin: ClaimSource,
        placeholders: &Placeholders,
        unsigned: Option<Unsigned>,
    ) {
        let kind = identifier.kind();
        if placeholders.contains(identifier.as_str()) {
            self.dismiss(kind, origin, ClaimResult::Refused(Refused::Placeholder));
            return;
        }
        match unsigned {
            // An anonymous id names a device, not a person, and needs no signature.
            Some(reason) if kind != IdentifierKind::AnonymousId => {
                self.ignore(kind, origin, Ignored::Unsigned(reason));
            }
            Some(_) | None => self.add(ProfileRef::Identifier(identifier), origin),
        }
    }

    fn add_secondary_emails(&mut self, emails: &SecondaryEmails, caller: Caller) {
        let SecondaryEmails { append, unappend } = emails;
        match caller {
            Caller::Server => {
                for email in append {
                    let target = ProfileRef::Identifier(Identifier::Email(email.clone()));
                    self.add(target, ClaimSource::Append);
                }
            }
            Caller::Client if append.is_empty() && unappend.is_empty() => {}
            Caller::Client => {
                self.ignore(IdentifierKind::Email, ClaimSource::Append, Ignored::ServerOnly);
            }
        }
    }

    fn add(&mut self, target: ProfileRef, origin: ClaimSource) {
        self.add_claim(target, origin, None);
    }

    /// Adds a claim, unless its target is claimed already. A target that is also claimed without a
    /// token counts whatever the terms of the token are.
    fn add_claim(&mut self, target: ProfileRef, origin: ClaimSource, token: Option<TokenTerms>) {
        match self.made.iter_mut().find(|claim| claim.target == target) {
            None => self.made.push(Claim { target, origin, token }),
            Some(claim) if token.is_none() => claim.token = None,
            Some(_) => {}
        }
    }

    fn ignore(&mut self, kind: IdentifierKind, origin: ClaimSource, reason: Ignored) {
        self.dismiss(kind, origin, ClaimResult::Ignored(reason));
    }

    fn dismiss(&mut self, kind: IdentifierKind, origin: ClaimSource, result: ClaimResult) {
        self.dismissed.push(ClaimOutcome { kind, origin, result });
    }
}
