//! Lists of profiles, page by page, in an order.
//!
//! A page is read in stretches of an index. What an index says is held against the
//! profile itself, since a change may overtake the reader between the two.

use profile_protocol::{CompanyId, ProfileId};

use crate::{
    Identifier, Profile, SortCursor, Timestamp,
    engine::{Engine, EngineError, Key, Order, Scan, Value},
    id_generator,
    layout::key::{self, Kind, Parsed},
    layout::record,
    layout::sort_cursor::SortPosition,
    limits,
};

/// What profiles are sorted by.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum SortKey {
    /// Their ids.
    Id,
    /// When they were created; of the same moment, their ids.
    Created,
    /// When they were last updated; of the same moment, their ids.
    Updated,
    /// Their primary addresses, by bytes. Who has none comes after all others, by
    /// id.
    Email,
}

/// A span of time, without its ends.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Span {
    /// The moment after which it begins; nothing if it always was.
    pub after: Option<Timestamp>,
    /// The moment before which it ends; nothing if it never does.
    pub before: Option<Timestamp>,
}

impl Span {
    /// Whether this moment lies in it.
    pub fn contains(self, at: Timestamp) -> bool {
        self.after.is_none_or(|after| after < at) && self.before.is_none_or(|before| at < before)
    }
}

/// Which profiles are asked for.
#[derive(Clone, Debug)]
pub struct Listing {
    /// Whose profiles they are.
    pub company: CompanyId,
    /// What they are sorted by.
    pub sort: SortKey,
    /// Which way they are sorted.
    pub order: Order,
    /// When they were created.
    pub created: Span,
    /// When they were last updated.
    pub updated: Span,
    /// Where the page begins; nothing for the first. A position in another order
    /// begins no page.
    pub from: Option<SortCursor>,
    /// How many profiles are wanted, from 1 to [`limits::LIST_PAGE`].
    pub limit: usize,
}

/// One page of a list of profiles.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct ProfilePage {
    /// The profiles, in the order asked for.
    pub profiles: Vec<Profile>,
    /// Where the next page begins; nothing if this is the last.
    pub next: Option<SortCursor>,
}

pub(crate) async fn read(
    engine: &dyn Engine,
    listing: &Listing,
) -> Result<ProfilePage, EngineError> {
    let &Listing { sort, order, ref from, .. } = listing;
    if from.as_ref().is_some_and(|from| !from.fits(sort, order)) {
        return Ok(ProfilePage::default());
    }
    let limit = listing.limit.clamp(1, limits::LIST_PAGE);
    let mut reader = Reader { engine, listing, looked_at: 0 };
    let mut place = from.as_ref().map(|from| from.place.clone());
    let (mut profiles, mut bytes) = (Vec::new(), 0);
    // One more than is wanted tells whether anything follows. What is missing then is
    // sought in larger steps.
    let mut wanted = limit + 1;
    while let Some(step) = reader.allowed(wanted) {
        let Stretch { candidates, is_last } = reader.stretch(place.as_ref(), step).await?;
        for candidate in candidates {
            if profiles.len() == limit || limits::LIST_BYTES <= bytes {
                return Ok(ProfilePage { profiles, next: position(order, place) });
            }
            if let Some(profile) = reader.listed(&candidate)? {
                bytes += candidate.value.map_or(0, |value| value.len());
                profiles.push(profile);
            }
            place = Some(candidate.place);
        }
        if is_last {
            return Ok(ProfilePage { profiles, next: None });
        }
        wanted = limits::LIST_STRETCH;
    }
    Ok(ProfilePage { profiles, next: position(order, place) })
}

fn position(order: Order, place: Option<SortPosition>) -> Option<SortCursor> {
    place.map(|place| SortCursor { order, place })
}

/// What an index says stands at a place.
struct Candidate {
    place: SortPosition,
    id: ProfileId,
    /// The profile's record.
    value: Option<Value>,
}

/// Candidates that follow one another.
struct Stretch {
    candidates: Vec<Candidate>,
    /// Whether none follow.
    is_last: bool,
}

struct Reader<'a> {
    engine: &'a dyn Engine,
    listing: &'a Listing,
    /// Entries read so far.
    looked_at: usize,
}

impl Reader<'_> {
    /// How long the next stretch may be, of which so many candidates are wanted.
    fn allowed(&self, wanted: usize) -> Option<usize> {
        let indexes = if self.listing.sort == SortKey::Created { 2 } else { 1 };
        let left = limits::LIST_ENTRIES.saturating_sub(self.looked_at) / indexes;
        Some(wanted.min(limits::LIST_STRETCH).min(left)).filter(|&step| 0 < step)
    }

    /// The next candidates after a place, with their profiles.
    async fn stretch(
        &mut self,
        from: Option<&SortPosition>,
        step: usize,
    ) -> Result<Stretch, EngineError> {
        let mut stretch = match self.listing.sort {
            SortKey::Id => self.by_id(from, step).await?,
            SortKey::Created => self.by_created(from, step).await?,
            SortKey::Updated => self.by_updated(from, step).await?,
            SortKey::Email => self.by_email(from, step).await?,
        };
        let company = &self.listing.company;
        let lacking = stretch.candidates.iter_mut().filter(|candidate| candidate.value.is_none());
        let lacking: Vec<&mut Candidate> = lacking.collect();
        let keys: Vec<Key> =
            lacking.iter().map(|candidate| key::profile(company, candidate.id)).collect();
        let values = self.engine.read(&keys).await?;
        for (candidate, value) in lacking.into_iter().zip(values) {
            candidate.value = value;
        }
        Ok(stretch)
    }

    /// The profile, if it stands where the index says and was asked for.
    fn listed(&self, candidate: &Candidate) -> Result<Option<Profile>, EngineError> {
        let Candidate { place, id, value: Some(value) } = candidate else { return Ok(None) };
        let profile = record::decode_profile(*id, value)?;
        let Listing { created, updated, .. } = self.listing;
        let listed = place.is_of(&profile)
            && created.contains(profile.created)
            && updated.contains(profile.updated);
        Ok(listed.then_some(profile))
    }

    async fn by_id(
        &mut self,
        from: Option<&SortPosition>,
        step: usize,
    ) -> Result<Stretch, EngineError> {
        let company = &self.listing.company;
        let after = match from {
            Some(SortPosition::Id(id)) => Some(key::profile(company, *id)),
            _ => None,
        };
        let candidates = self.scan(key::prefix(company, Kind::Profile), after, step).await?;
        Ok(Stretch { is_last: candidates.len() < step, candidates })
    }

    async fn by_updated(
        &mut self,
        from: Option<&SortPosition>,
        step: usize,
    ) -> Result<Stretch, EngineError> {
        let Listing { ref company, order, updated, .. } = *self.listing;
        let from = start(order, updated, from);
        let after = from.map(|(at, id)| key::updated(company, at, id));
        let candidates = self.scan(key::prefix(company, Kind::Updated), after, step).await?;
        Ok(within(updated, Stretch { is_last: candidates.len() < step, candidates }))
    }

    /// Profile keys are in order of the times in their ids. Those that were created at
    /// another time have a key of another kind, too.
    async fn by_created(
        &mut self,
        from: Option<&SortPosition>,
        step: usize,
    ) -> Result<Stretch, EngineError> {
        let Listing { ref company, order, created, .. } = *self.listing;
        let from = start(order, created, from);
        let after = from.map(|(at, id)| key::created(company, at, id));
        // Whoever gets such a key meanwhile is not found under both: profiles are read
        // after it.
        let moved = self.scan(key::prefix(company, Kind::Created), after, step).await?;
        let after = from.and_then(|(at, id)| beside(order, at, id));
        let after = after.map(|id| key::profile(company, id));
        let born = self.scan(key::prefix(company, Kind::Profile), after, step).await?;
        let is_last = moved.len() < step && born.len() < step;
        let mut candidates: Vec<Candidate> = moved.into_iter().chain(born).collect();
        candidates.sort_by_key(|candidate| candidate.place.time_and_id());
        if order == Order::Descending {
            candidates.reverse();
        }
        // Beyond as many as were read of either, some of the other may be lacking.
        if !is_last {
            candidates.truncate(step);
        }
        Ok(within(created, Stretch { candidates, is_last }))
    }

    /// Keys of addresses come before those of profiles without one, in the order of
    /// keys as in this one.
    async fn by_email(
        &mut self,
        from: Option<&SortPosition>,
        step: usize,
    ) -> Result<Stretch, EngineError> {
        let company = &self.listing.company;
        let after = match from {
            Some(SortPosition::Email(email)) => {
                Some(key::identifier(company, &Identifier::Email(email.clone())))
            }
            Some(SortPosition::NoEmail(id)) => Some(key::no_email(company, *id)),
            _ => None,
        };
        let mut prefixes = [key::email_prefix(company), key::prefix(company, Kind::NoEmail)];
        if self.listing.order == Order::Descending {
            prefixes.reverse();
        }
        let mut candidates = Vec::new();
        for prefix in prefixes {
            let left = step - candidates.len();
            candidates.extend(self.scan(prefix, after.clone(), left).await?);
            if candidates.len() == step {
                return Ok(Stretch { candidates, is_last: false });
            }
        }
        Ok(Stretch { candidates, is_last: true })
    }

    async fn scan(
        &mut self,
        prefix: Key,
        after: Option<Key>,
        limit: usize,
    ) -> Result<Vec<Candidate>, EngineError> {
        let scan = Scan { prefix, after, order: self.listing.order, limit };
        let entries = self.engine.scan(&scan).await?;
        self.looked_at += entries.len();
        let candidate = |(key, value): (Key, Value)| {
            let unknown = || EngineError::Damaged("an index leads to what is no profile".into());
            self.candidate(&key, value).ok_or_else(unknown)
        };
        entries.into_iter().map(candidate).collect()
    }

    fn candidate(&self, key: &Key, value: Value) -> Option<Candidate> {
        let (place, id, value) = match key::parse(key)? {
            Parsed::Profile(_, id) if self.listing.sort == SortKey::Created => {
                (SortPosition::born(id), id, Some(value))
            }
            Parsed::Profile(_, id) => (SortPosition::Id(id), id, Some(value)),
            Parsed::Created(_, at, id) => (SortPosition::Created(at, id), id, None),
            Parsed::Updated(_, at, id) => (SortPosition::Updated(at, id), id, None),
            Parsed::NoEmail(_, id) => (SortPosition::NoEmail(id), id, None),
            Parsed::Identifier(_, Identifier::Email(email)) => {
                (SortPosition::Email(email), record::decode_id(&value).ok()?, None)
            }
            _ => return None,
        };
        Some(Candidate { place, id, value })
    }
}

const FIRST: ProfileId = ProfileId::from_bits(0);
const LAST: ProfileId = ProfileId::from_bits(u128::MAX);

/// The place after which to read: where the page begins, or where the span does if
/// that comes later.
fn start(order: Order, span: Span, from: Option<&SortPosition>) -> Option<(Timestamp, ProfileId)> {
    let from = from.and_then(SortPosition::time_and_id);
    match order {
        Order::Ascending => from.max(span.after.map(|after| (after, LAST))),
        Order::Descending => {
            from.into_iter().chain(span.before.map(|before| (before, FIRST))).min()
        }
    }
}

/// Ends a stretch where the span of its order ends.
fn within(span: Span, stretch: Stretch) -> Stretch {
    let Stretch { mut candidates, is_last } = stretch;
    let found = candidates.len();
    let inside = |candidate: &Candidate| {
        candidate.place.time_and_id().is_some_and(|(at, _)| span.contains(at))
    };
    let end = candidates.iter().position(|candidate| !inside(candidate)).unwrap_or(found);
    candidates.truncate(end);
    Stretch { candidates, is_last: is_last || end < found }
}

/// The id after which to read ids, so that the time in each and itself come after
/// these two; nothing to read all.
fn beside(order: Order, at: Timestamp, id: ProfileId) -> Option<ProfileId> {
    let Some((first, last)) = id_generator::ids_at(at) else {
        // All ids are of an earlier time.
        return (order == Order::Ascending).then_some(LAST);
    };
    let (low, high) = match order {
        Order::Ascending => (first.saturating_sub(1), last),
        Order::Descending => (first, last.saturating_add(1)),
    };
    Some(ProfileId::from_bits(id.bits().clamp(low, high)))
}
