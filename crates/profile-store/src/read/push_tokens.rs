//! Reading push tokens: of one profile, and of all profiles of a company.

use profile_protocol::{CompanyId, EnablementStatus, Platform, ProfileId};

use crate::{
    OwnedPushToken, PushTokenId, StoredPushToken,
    engine::{Engine, EngineError, Key, Order, Scan, Value},
    layout::{
        key::{self, KeyKind, ParsedKey},
        record,
    },
    limits,
};

/// A request for one page of the push tokens of a company.
#[derive(Clone, Debug)]
pub struct PushTokenListing {
    /// The company.
    pub company: CompanyId,
    /// Only tokens of this platform.
    pub platform: Option<Platform>,
    /// Only tokens with this status.
    pub enablement_status: Option<EnablementStatus>,
    /// The start of the page, or nothing for the first page.
    pub from: Option<PushTokenCursor>,
    /// The maximum number of tokens, from 1 to [`limits::PUSH_TOKENS_LISTED`].
    pub limit: usize,
}

impl PushTokenListing {
    fn lists(&self, token: &StoredPushToken) -> bool {
        self.platform.is_none_or(|platform| platform == token.platform)
            && self.enablement_status.is_none_or(|status| status == token.enablement_status)
    }
}

/// The position after a token in the list of all tokens.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct PushTokenCursor {
    holder: ProfileId,
    id: PushTokenId,
}

impl PushTokenCursor {
    /// The position after a token.
    pub fn after(owned: &OwnedPushToken) -> PushTokenCursor {
        PushTokenCursor { holder: owned.profile, id: owned.token.id() }
    }

    /// The id of the token.
    pub const fn id(self) -> PushTokenId {
        self.id
    }

    /// The bytes of the cursor.
    pub fn to_bytes(self) -> Vec<u8> {
        [self.holder.bits().to_be_bytes(), self.id.bits().to_be_bytes()].concat()
    }

    /// Reads what [`PushTokenCursor::to_bytes`] returned.
    pub fn from_bytes(bytes: &[u8]) -> Option<PushTokenCursor> {
        let (holder, id) = bytes.split_first_chunk()?;
        let holder = ProfileId::from_bits(u128::from_be_bytes(*holder));
        let id = PushTokenId::from_bits(u128::from_be_bytes(id.try_into().ok()?));
        Some(PushTokenCursor { holder, id })
    }
}

/// One page of the push tokens of a company. It may be short, even empty, and still have a next
/// one.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct PushTokenPage {
    /// The tokens, each with its profile, in an order that does not change.
    pub tokens: Vec<OwnedPushToken>,
    /// The start of the next page, unless this is the last.
    pub next: Option<PushTokenCursor>,
}

/// The page that a listing asks for.
pub(crate) async fn page(
    engine: &dyn Engine,
    listing: &PushTokenListing,
) -> Result<PushTokenPage, EngineError> {
    let company = &listing.company;
    let mut page = PushTokenPage::default();
    let mut after = listing.from.map(|from| key::push_token(company, from.holder, from.id));
    let (mut read, mut bytes) = (0, 0);
    while read < limits::LIST_ENTRIES && bytes < limits::LIST_BYTES {
        let prefix = key::prefix(company, KeyKind::PushToken);
        let (order, limit) = (Order::Ascending, limits::LIST_CHUNK);
        let entries = engine.scan(Scan { prefix, after: after.take(), order, limit }).await?;
        let is_last = entries.len() < limit;
        for (key, value) in entries {
            read += 1;
            bytes += value.len();
            let (holder, id, token) = decoded(&key, &value)?;
            page.next = Some(PushTokenCursor { holder, id });
            if listing.lists(&token)
                && let Some(profile) = owner(engine, company, holder).await?
            {
                page.tokens.push(OwnedPushToken { profile, token });
            }
            if listing.limit.min(limits::PUSH_TOKENS_LISTED) <= page.tokens.len() {
                return Ok(page);
            }
            after = Some(key);
        }
        if is_last {
            page.next = None;
            return Ok(page);
        }
    }
    Ok(page)
}

fn decoded(
    key: &Key,
    value: &Value,
) -> Result<(ProfileId, PushTokenId, StoredPushToken), EngineError> {
    let Some(ParsedKey::PushToken(_, holder, id)) = key::parse(key) else {
        return Err(EngineError::Damaged("a key that is no push token's".to_owned()));
    };
    Ok((holder, id, record::decode_push_token(value)?))
}

/// The profile with this id, or into which the profile with this id was merged. `None` if it was
/// deleted in the meantime.
async fn owner(
    engine: &dyn Engine,
    company: &CompanyId,
    holder: ProfileId,
) -> Result<Option<ProfileId>, EngineError> {
    let keys = vec![key::alias(company, holder), key::profile(company, holder)];
    let values = engine.read(keys).await?;
    match values.as_slice() {
        [Some(alias), _] => Ok(Some(record::decode_id(alias)?)),
        [None, Some(_)] => Ok(Some(holder)),
        _ => Ok(None),
    }
}

/// The token with this id, and its profile.
pub(crate) async fn one(
    engine: &dyn Engine,
    company: &CompanyId,
    id: PushTokenId,
) -> Result<Option<OwnedPushToken>, EngineError> {
    // The token may move between the reads.
    for _ in 0..limits::READ_ATTEMPTS {
        let holder = engine.read(vec![key::push_token_holder(company, id)]).await?;
        let Some(holder) = holder.into_iter().next().flatten() else { return Ok(None) };
        let holder = record::decode_id(&holder)?;
        let token = engine.read(vec![key::push_token(company, holder, id)]).await?;
        let Some(token) = token.into_iter().next().flatten() else { continue };
        let token = record::decode_push_token(&token)?;
        let profile = owner(engine, company, holder).await?;
        return Ok(profile.map(|profile| OwnedPushToken { profile, token }));
    }
    Err(EngineError::Damaged("a push token leads to no record".to_owned()))
}

/// The tokens that are kept under these ids, the newest first.
pub(crate) async fn of_holders(
    engine: &dyn Engine,
    company: &CompanyId,
    holders: impl IntoIterator<Item = ProfileId>,
) -> Result<Vec<StoredPushToken>, EngineError> {
    let mut tokens: Vec<StoredPushToken> = Vec::new();
    for holder in holders {
        let prefix = key::push_tokens(company, holder);
        let (order, limit) = (Order::Ascending, 2 * limits::PUSH_TOKENS);
        let entries = engine.scan(Scan { prefix, after: None, order, limit }).await?;
        for (key, value) in entries {
            tokens.push(decoded(&key, &value)?.2);
        }
        if limits::PUSH_TOKENS_LISTED <= tokens.len() {
            break;
        }
    }
    tokens.truncate(limits::PUSH_TOKENS_LISTED);
    tokens.sort_by(|one, other| other.created.cmp(&one.created).then(one.id().cmp(&other.id())));
    Ok(tokens)
}
