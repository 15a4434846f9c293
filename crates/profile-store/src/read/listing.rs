//! Sorted lists of profiles, page by page.
//!
//! A page is read in chunks of an index. Each index entry is checked against the profile itself,
//! since the profile may change between the two reads.

use profile_protocol::{CompanyId, EmailPrefix, ProfileId};

use crate::{
    Identifier, Profile, SortCursor, SortKey, Timestamp,
    engine::{Engine, EngineError, Key, Order, Scan, Value},
    id_generator,
    layout::key::{self, KeyKind, ParsedKey},
    layout::profile_record::is_large,
    layout::record::{self, Pointer},
    layout::sort_cursor::SortPosition,
    limits,
    read::profiles::profile_record,
};

/// A span of time, exclusive of both ends.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Span {
    /// The start, or nothing if the span has none.
    pub after: Option<Timestamp>,
    /// The end, or nothing if the span has none.
    pub before: Option<Timestamp>,
}

impl Span {
    /// Whether the span contains this time.
    pub fn contains(self, at: Timestamp) -> bool {
        self.after.is_none_or(|after| after < at) && self.before.is_none_or(|before| at < before)
    }
}

/// A request for one page of a list of profiles.
#[derive(Clone, Debug)]
pub struct Listing {
    /// The company that the profiles belong to.
    pub company: CompanyId,
    /// The attribute to sort by.
    pub sort: SortKey,
    /// The direction of the order.
    pub order: Order,
    /// The span in which listed profiles were created.
    pub created: Span,
    /// The span in which listed profiles were last updated.
    pub updated: Span,
    /// The start of the page, or nothing for the first page. The page at a cursor of another
    /// order is empty.
    pub from: Option<SortCursor>,
    /// The maximum number of profiles, from 1 to [`limits::LIST_PAGE`].
    pub limit: usize,
}

/// One page of a list of profiles.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct ProfilePage {
    /// The profiles, in the order of the list.
    pub profiles: Vec<Profile>,
    /// The start of the next page, or nothing if this is the last page.
    pub next: Option<SortCursor>,
}

pub(crate) async fn read(
    engine: &dyn Engine,
    listing: &Listing,
    emails: Option<&EmailPrefix>,
) -> Result<ProfilePage, EngineError> {
    let mut page = read_records(engine, listing, emails).await?;
    add_newest_outcomes(engine, &listing.company, &mut page.profiles).await?;
    Ok(page)
}

/// Adds the newest outcomes that are newer than the records of the profiles.
async fn add_newest_outcomes(
    engine: &dyn Engine,
    company: &CompanyId,
    profiles: &mut [Profile],
) -> Result<(), EngineError> {
    let keys = profiles.iter().map(|profile| key::profile_outcome(company, profile.id)).collect();
    for (profile, value) in profiles.iter_mut().zip(engine.read(keys).await?) {
        let tail = value.map(|value| record::decode_profile_tail(&value)).transpose()?;
        profile.last_outcome = profile.last_outcome.max(tail.map(|tail| tail.newest));
    }
    Ok(())
}

async fn read_records(
    engine: &dyn Engine,
    listing: &Listing,
    emails: Option<&EmailPrefix>,
) -> Result<ProfilePage, EngineError> {
    let &Listing { sort, order, ref from, .. } = listing;
    let fits = |from: &SortCursor| from.fits(sort, order) && begins(from, emails);
    if from.as_ref().is_some_and(|from| !fits(from)) {
        return Ok(ProfilePage::default());
    }
    let limit = listing.limit.clamp(1, limits::LIST_PAGE);
    let mut reader = PageReader { engine, listing, emails, entries_read: 0 };
    let mut last = from.as_ref().map(|from| from.position.clone());
    let (mut profiles, mut bytes) = (Vec::new(), 0);
    // One entry more than requested shows whether the page is the last. If entries did not match,
    // the rest is read in larger chunks.
    let mut wanted = limit + 1;
    while let Some(step) = reader.allowed(wanted) {
        let IndexChunk { candidates, is_last } = reader.chunk(last.as_ref(), step).await?;
        for candidate in candidates {
            if profiles.len() == limit || limits::LIST_BYTES <= bytes {
                return Ok(ProfilePage { profiles, next: cursor(order, last) });
            }
            if let Some(profile) = reader.listed(&candidate)? {
                bytes += candidate.value.map_or(0, |value| value.len());
                profiles.push(profile);
            }
            last = Some(candidate.position);
        }
        if is_last {
            return Ok(ProfilePage { profiles, next: None });
        }
        wanted = limits::LIST_CHUNK;
    }
    Ok(ProfilePage { profiles, next: cursor(order, last) })
}

fn cursor(order: Order, position: Option<SortPosition>) -> Option<SortCursor> {
    position.map(|position| SortCursor { order, position })
}

/// Whether a cursor is one of the list of addresses that begin like this.
fn begins(from: &SortCursor, emails: Option<&EmailPrefix>) -> bool {
    emails.is_none_or(|emails| match &from.position {
        SortPosition::Email(email) => email.as_str().starts_with(emails.as_str()),
        SortPosition::Id(_)
        | SortPosition::Created(..)
        | SortPosition::Updated(..)
        | SortPosition::NoEmail(_) => false,
    })
}

/// An index entry.
struct Candidate {
    position: SortPosition,
    id: ProfileId,
    /// The record of the profile.
    value: Option<Value>,
}

/// Consecutive index entries.
struct IndexChunk {
    candidates: Vec<Candidate>,
    /// Whether no entries follow.
    is_last: bool,
}

struct PageReader<'a> {
    engine: &'a dyn Engine,
    listing: &'a Listing,
    /// The beginning of the addresses that are listed; of all profiles without it.
    emails: Option<&'a EmailPrefix>,
    /// The number of index entries that were read.
    entries_read: usize,
}

impl PageReader<'_> {
    /// The length of the next chunk, of which `wanted` entries are needed, or nothing at the limit.
    fn allowed(&self, wanted: usize) -> Option<usize> {
        let indexes = if self.listing.sort == SortKey::Created { 2 } else { 1 };
        let left = limits::LIST_ENTRIES.saturating_sub(self.entries_read) / indexes;
        Some(wanted.min(limits::LIST_CHUNK).min(left)).filter(|&step| 0 < step)
    }

    /// The entries after a position, with the records of their profiles.
    async fn chunk(
        &mut self,
        from: Option<&SortPosition>,
        step: usize,
    ) -> Result<IndexChunk, EngineError> {
        let mut chunk = match self.listing.sort {
            SortKey::Id => self.by_id(from, step).await?,
            SortKey::Created => self.by_created(from, step).await?,
            SortKey::Updated => self.by_updated(from, step).await?,
            SortKey::Email => self.by_email(from, step).await?,
        };
        let company = &self.listing.company;
        let missing = chunk.candidates.iter_mut().filter(|candidate| candidate.value.is_none());
        let missing: Vec<&mut Candidate> = missing.collect();
        let keys: Vec<Key> =
            missing.iter().map(|candidate| key::profile(company, candidate.id)).collect();
        let values = self.engine.read(keys.clone()).await?;
        for (candidate, value) in missing.into_iter().zip(values) {
            candidate.value = value;
        }
        self.read_changes(&mut chunk.candidates).await?;
        Ok(chunk)
    }

    /// Reads records again that may have changes, each with its changes.
    async fn read_changes(&self, candidates: &mut [Candidate]) -> Result<(), EngineError> {
        for candidate in candidates {
            if candidate.value.as_deref().is_some_and(is_large) {
                let company = &self.listing.company;
                let record = profile_record(self.engine, company, candidate.id).await?;
                candidate.value = record.map(|record| record.bytes);
            }
        }
        Ok(())
    }

    /// The profile, if it still has this position and lies in the requested spans.
    fn listed(&self, candidate: &Candidate) -> Result<Option<Profile>, EngineError> {
        let Candidate { position, id, value: Some(value) } = candidate else { return Ok(None) };
        let profile = record::decode_profile(*id, value)?;
        let Listing { created, updated, .. } = self.listing;
        let listed = position.is_position_of(&profile)
            && created.contains(profile.created)
            && updated.contains(profile.updated);
        Ok(listed.then_some(profile))
    }

    async fn by_id(
        &mut self,
        from: Option<&SortPosition>,
        step: usize,
    ) -> Result<IndexChunk, EngineError> {
        let company = &self.listing.company;
        let after = match from {
            Some(SortPosition::Id(id)) => Some(key::profile(company, *id)),
            Some(
                SortPosition::Created(..)
                | SortPosition::Updated(..)
                | SortPosition::Email(_)
                | SortPosition::NoEmail(_),
            )
            | None => None,
        };
        let candidates = self.scan(key::prefix(company, KeyKind::Profile), after, step).await?;
        Ok(IndexChunk { is_last: candidates.len() < step, candidates })
    }

    async fn by_updated(
        &mut self,
        from: Option<&SortPosition>,
        step: usize,
    ) -> Result<IndexChunk, EngineError> {
        let Listing { ref company, order, updated, .. } = *self.listing;
        let from = start(order, updated, from);
        let after = from.map(|(at, id)| key::updated(company, at, id));
        let candidates = self.scan(key::prefix(company, KeyKind::Updated), after, step).await?;
        Ok(within(updated, IndexChunk { is_last: candidates.len() < step, candidates }))
    }

    /// Reads two indexes: profile keys are in the order of the times in their ids, and profiles
    /// that were created at another time also have an index entry.
    async fn by_created(
        &mut self,
        from: Option<&SortPosition>,
        step: usize,
    ) -> Result<IndexChunk, EngineError> {
        let Listing { ref company, order, created, .. } = *self.listing;
        let from = start(order, created, from);
        let after = from.map(|(at, id)| key::created(company, at, id));
        // A profile that gets an index entry between the two scans is not listed twice, since its
        // record is read last.
        let indexed = self.scan(key::prefix(company, KeyKind::Created), after, step).await?;
        let after = from.and_then(|(at, id)| id_after(order, at, id));
        let after = after.map(|id| key::profile(company, id));
        let profiles = self.scan(key::prefix(company, KeyKind::Profile), after, step).await?;
        let is_last = indexed.len() < step && profiles.len() < step;
        let mut candidates: Vec<Candidate> = indexed.into_iter().chain(profiles).collect();
        candidates.sort_by_key(|candidate| candidate.position.time_and_id());
        if order == Order::Descending {
            candidates.reverse();
        }
        // Beyond the length of one chunk, entries of the other index may be missing.
        if !is_last {
            candidates.truncate(step);
        }
        Ok(within(created, IndexChunk { candidates, is_last }))
    }

    /// Reads two indexes: keys of email addresses precede those of profiles without one, as in the
    /// order of the list.
    async fn by_email(
        &mut self,
        from: Option<&SortPosition>,
        step: usize,
    ) -> Result<IndexChunk, EngineError> {
        let company = &self.listing.company;
        let after = match from {
            Some(SortPosition::Email(email)) => {
                Some(key::identifier(company, &Identifier::Email(email.clone())))
            }
            Some(SortPosition::NoEmail(id)) => Some(key::no_email(company, *id)),
            Some(SortPosition::Id(_) | SortPosition::Created(..) | SortPosition::Updated(..))
            | None => None,
        };
        let mut prefixes = match self.emails {
            Some(emails) => vec![key::emails_from(company, emails)],
            None => vec![key::email_prefix(company), key::prefix(company, KeyKind::NoEmail)],
        };
        if self.listing.order == Order::Descending {
            prefixes.reverse();
        }
        let mut candidates = Vec::new();
        for prefix in prefixes {
            let left = step - candidates.len();
            candidates.extend(self.scan(prefix, after.clone(), left).await?);
            if candidates.len() == step {
                return Ok(IndexChunk { candidates, is_last: false });
            }
        }
        Ok(IndexChunk { candidates, is_last: true })
    }

    async fn scan(
        &mut self,
        prefix: Key,
        after: Option<Key>,
        limit: usize,
    ) -> Result<Vec<Candidate>, EngineError> {
        let scan = Scan { prefix, after, order: self.listing.order, limit };
        let entries = self.engine.scan(scan).await?;
        self.entries_read += entries.len();
        let candidate = |(key, value): (Key, Value)| {
            let unknown = || EngineError::Damaged("an index entry has an unknown form".into());
            self.candidate(&key, value).ok_or_else(unknown)
        };
        entries.into_iter().map(candidate).collect()
    }

    fn candidate(&self, key: &Key, value: Value) -> Option<Candidate> {
        let (position, id, value) = match key::parse(key)? {
            ParsedKey::Profile(_, id) if self.listing.sort == SortKey::Created => {
                (SortPosition::from_profile_key(id), id, Some(value))
            }
            ParsedKey::Profile(_, id) => (SortPosition::Id(id), id, Some(value)),
            ParsedKey::Created(_, at, id) => (SortPosition::Created(at, id), id, None),
            ParsedKey::Updated(_, at, id) => (SortPosition::Updated(at, id), id, None),
            ParsedKey::NoEmail(_, id) => (SortPosition::NoEmail(id), id, None),
            ParsedKey::Identifier(_, Identifier::Email(email)) => {
                // A profile that has lost the address has another position, and is skipped.
                let (Pointer::Held(id) | Pointer::Former(id)) =
                    record::decode_pointer(&value).ok()?;
                (SortPosition::Email(email), id, None)
            }
            ParsedKey::Identifier(
                _,
                Identifier::AnonymousId(_) | Identifier::PhoneNumber(_) | Identifier::ExternalId(_),
            )
            | ParsedKey::Alias(..)
            | ParsedKey::BackupPosition
            | ParsedKey::DeletionJob(..)
            | ParsedKey::Format
            | ParsedKey::FormerIdentifier(..)
            | ParsedKey::Import(..)
            | ParsedKey::ImportBody(..)
            | ParsedKey::ImportRow(..)
            | ParsedKey::ImportRowName(..)
            | ParsedKey::KeptValues(..)
            | ParsedKey::Merge(..)
            | ParsedKey::NewestOutcome(_)
            | ParsedKey::Outcomes(..)
            | ParsedKey::ProfileChange(..)
            | ParsedKey::ProfileOutcome(..)
            | ParsedKey::PushToken(..)
            | ParsedKey::PushTokenHolder(..)
            | ParsedKey::SenderKey
            | ParsedKey::TrustedTime
            | ParsedKey::CompanyDeletion(_) => return None,
        };
        Some(Candidate { position, id, value })
    }
}

const FIRST: ProfileId = ProfileId::from_bits(0);
const LAST: ProfileId = ProfileId::from_bits(u128::MAX);

/// The position after which to read: the start of the page or of the span, whichever is later.
fn start(order: Order, span: Span, from: Option<&SortPosition>) -> Option<(Timestamp, ProfileId)> {
    let from = from.and_then(SortPosition::time_and_id);
    match order {
        Order::Ascending => from.max(span.after.map(|after| (after, LAST))),
        Order::Descending => {
            from.into_iter().chain(span.before.map(|before| (before, FIRST))).min()
        }
    }
}

/// Truncates a chunk at the end of the span.
fn within(span: Span, chunk: IndexChunk) -> IndexChunk {
    let IndexChunk { mut candidates, is_last } = chunk;
    let found = candidates.len();
    let inside = |candidate: &Candidate| {
        candidate.position.time_and_id().is_some_and(|(at, _)| span.contains(at))
    };
    let end = candidates.iter().position(|candidate| !inside(candidate)).unwrap_or(found);
    candidates.truncate(end);
    IndexChunk { candidates, is_last: is_last || end < found }
}

/// The id after which to read profile keys, so that the time in each id and the id itself follow
/// these two. Nothing if all profile keys follow.
fn id_after(order: Order, at: Timestamp, id: ProfileId) -> Option<ProfileId> {
    let Some((first, last)) = id_generator::ids_at(at) else {
        // All ids have an earlier time.
        return (order == Order::Ascending).then_some(LAST);
    };
    let (low, high) = match order {
        Order::Ascending => (first.saturating_sub(1), last),
        Order::Descending => (first, last.saturating_add(1)),
    };
    Some(ProfileId::from_bits(id.bits().clamp(low, high)))
}
