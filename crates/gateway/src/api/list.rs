//! Lists of profiles: filtered, sorted, a page at a time.

use std::collections::BTreeMap;

use actix_web::http::StatusCode;
use profile_protocol::{Bound, ClaimedId, Condition, ProfileFilter, ProfileId};
use profile_store::{
    Identifier, Listing, Profile, ProfilePage, SortCursor, SortKey, Span, Timestamp, engine::Order,
};

use super::{
    call::Call,
    cursor::Page,
    documents::{Answer, Collection},
    fieldset::{ADDITIONAL_FIELDS, FIELDS, Fieldset},
    query::{FILTER, PAGE_CURSOR, PAGE_SIZE, Query, SORT, invalid},
    resource,
};
use crate::refusal::Refusal;

const PARAMETERS: [&str; 6] = [FILTER, SORT, PAGE_SIZE, PAGE_CURSOR, FIELDS, ADDITIONAL_FIELDS];

/// `GET /api/profiles`
pub(super) async fn list(call: &Call<'_>) -> Result<Answer, Refusal> {
    let query = Query::of(call, &PARAMETERS)?;
    let fields = Fieldset::of(&query)?;
    let page = Page::of(call, &query)?;
    let asked = Asked::of(&page)?;
    let pointed: Vec<Pointed> =
        asked.conditions.iter().filter_map(|condition| Pointed::of(call, condition)).collect();
    let found = match pointed.first() {
        Some(first) => pointed_page(call, &asked, first, &pointed).await?,
        None => scanned_page(call, &asked).await?,
    };
    let data = found.profiles.iter().map(|profile| resource::profile(call, profile, &fields));
    let links = page.links(call, &query, found.next.as_deref());
    call.gateway.meters.served();
    Ok(Answer::of(StatusCode::OK, &Collection { data: data.collect(), links }))
}

/// What was found, and the place at which the next page begins.
struct Found {
    profiles: Vec<Profile>,
    next: Option<Vec<u8>>,
}

/// What a request asks for.
struct Asked {
    conditions: Vec<Condition>,
    sort: SortKey,
    order: Order,
    size: usize,
    place: Option<Vec<u8>>,
}

impl Asked {
    fn of(page: &Page) -> Result<Asked, Refusal> {
        let conditions = match &page.filter {
            Some(filter) => {
                ProfileFilter::parse(filter)
                    .map_err(|error| invalid(FILTER, format!("The filter {error}.")))?
                    .conditions
            }
            None => Vec::new(),
        };
        let (sort, order) = match page.sort.as_deref() {
            Some(sort) => sorting(sort)?,
            None => (natural_sort(&conditions), Order::Ascending),
        };
        Ok(Asked { conditions, sort, order, size: page.size, place: page.place.clone() })
    }

    /// The span of time that every condition on it leaves.
    fn span(&self, bound_of: impl Fn(&Condition) -> Option<Bound>) -> Span {
        let mut span = Span::default();
        for bound in self.conditions.iter().filter_map(bound_of) {
            match bound {
                Bound::After(millis) => {
                    let after = Timestamp::from_millis(millis);
                    span.after = Some(span.after.map_or(after, |other| other.max(after)));
                }
                Bound::Before(millis) => {
                    let before = Timestamp::from_millis(millis);
                    span.before = Some(span.before.map_or(before, |other| other.min(before)));
                }
            }
        }
        span
    }

    fn created(&self) -> Span {
        self.span(|condition| match condition {
            Condition::Created(bound) => Some(*bound),
            _ => None,
        })
    }

    fn updated(&self) -> Span {
        self.span(|condition| match condition {
            Condition::Updated(bound) => Some(*bound),
            _ => None,
        })
    }
}

pub(super) const SORTS: [(&str, SortKey); 4] = [
    ("id", SortKey::Id),
    ("created", SortKey::Created),
    ("updated", SortKey::Updated),
    ("email", SortKey::Email),
];

fn sorting(text: &str) -> Result<(SortKey, Order), Refusal> {
    let (name, order) = match text.strip_prefix('-') {
        Some(name) => (name, Order::Descending),
        None => (text, Order::Ascending),
    };
    let known = SORTS.iter().find(|(known, _)| *known == name);
    let (_, sort) = known.ok_or_else(|| {
        let names = SORTS.map(|(name, _)| name).join(", ");
        invalid(
            SORT,
            format!("The sort must be one of {names}, with a - before it to turn it round."),
        )
    })?;
    Ok((*sort, order))
}

/// The order in which what is asked for lies together.
fn natural_sort(conditions: &[Condition]) -> SortKey {
    let sort = conditions.iter().find_map(|condition| match condition {
        Condition::Created(_) => Some(SortKey::Created),
        Condition::Updated(_) => Some(SortKey::Updated),
        _ => None,
    });
    sort.unwrap_or(SortKey::Id)
}

/// A page out of all profiles of the company.
async fn scanned_page(call: &Call<'_>, asked: &Asked) -> Result<Found, Refusal> {
    let from = |place| SortCursor::from_bytes(place, asked.sort, asked.order);
    let from = asked.place.as_deref().map(from);
    let listing = Listing {
        company: call.company.id.clone(),
        sort: asked.sort,
        order: asked.order,
        created: asked.created(),
        updated: asked.updated(),
        from: from.transpose().or(Err(Refusal::Cursor))?,
        limit: asked.size,
    };
    let page = call.read(async move |store, _| store.list(&listing).await).await?;
    let ProfilePage { profiles, next } = page;
    Ok(Found { profiles, next: next.map(|position| position.to_bytes()) })
}

/// What a condition names that names the profiles which fulfil it.
struct Pointed {
    ids: Vec<ProfileId>,
    identifiers: Vec<Identifier>,
}

impl Pointed {
    fn of(call: &Call<'_>, condition: &Condition) -> Option<Pointed> {
        let (mut ids, mut identifiers) = (Vec::new(), Vec::new());
        match condition {
            Condition::Id(all) => ids.extend(all.iter().filter_map(|id| match id {
                ClaimedId::Profile(id) => Some(*id),
                ClaimedId::Foreign => None,
            })),
            Condition::ExchangeToken(token) => {
                let now = call.gateway.clock.unix_seconds();
                ids.extend(call.gateway.exchange().open(&call.company.id, token, now));
            }
            Condition::Email(all) => identifiers.extend(all.iter().cloned().map(Identifier::Email)),
            Condition::PhoneNumber(all) => {
                identifiers.extend(all.iter().cloned().map(Identifier::PhoneNumber));
            }
            Condition::ExternalId(all) => {
                identifiers.extend(all.iter().cloned().map(Identifier::ExternalId));
            }
            Condition::Created(_) | Condition::Updated(_) => return None,
        }
        Some(Pointed { ids, identifiers })
    }

    fn names(&self, profile: &Profile) -> bool {
        self.ids.iter().any(|id| *id == profile.id || profile.absorbed.contains(id))
            || self.identifiers.iter().any(|identifier| profile.identifiers.holds(identifier))
    }

    async fn look_up(&self, call: &Call<'_>) -> Result<Vec<Profile>, Refusal> {
        let (ids, identifiers) = (self.ids.clone(), self.identifiers.clone());
        call.read(async move |store, company| {
            let mut profiles = Vec::new();
            for id in ids {
                profiles.extend(store.profile(company, id).await?);
            }
            for identifier in identifiers {
                profiles.extend(store.find(company, &identifier).await?);
            }
            Ok(profiles)
        })
        .await
    }
}

/// A page out of the few profiles that the first condition names and all others leave.
async fn pointed_page(
    call: &Call<'_>,
    asked: &Asked,
    first: &Pointed,
    all: &[Pointed],
) -> Result<Found, Refusal> {
    let (created, updated) = (asked.created(), asked.updated());
    let fulfils = |profile: &Profile| {
        created.contains(profile.created)
            && updated.contains(profile.updated)
            && all.iter().all(|pointed| pointed.names(profile))
    };
    // One profile may be named twice.
    let found = first.look_up(call).await?.into_iter().filter(fulfils);
    let found: BTreeMap<Vec<u8>, Profile> =
        found.map(|profile| (order_key(asked.sort, &profile), profile)).collect();
    let mut found: Vec<(Vec<u8>, Profile)> = found.into_iter().collect();
    if asked.order == Order::Descending {
        found.reverse();
    }
    if let Some(place) = &asked.place {
        found.retain(|(key, _)| match asked.order {
            Order::Ascending => place < key,
            Order::Descending => key < place,
        });
    }
    let more = asked.size < found.len();
    found.truncate(asked.size);
    let next = found.last().filter(|_| more).map(|(key, _)| key.clone());
    Ok(Found { profiles: found.into_iter().map(|(_, profile)| profile).collect(), next })
}

/// What profiles are put in order by: first what was asked for, then the id.
fn order_key(sort: SortKey, profile: &Profile) -> Vec<u8> {
    let mut key = match sort {
        SortKey::Id => Vec::new(),
        SortKey::Created => profile.created.millis().to_be_bytes().to_vec(),
        SortKey::Updated => profile.updated.millis().to_be_bytes().to_vec(),
        // Those without an address come after all those with one.
        SortKey::Email => match &profile.identifiers.email {
            Some(email) => [&[0], email.as_str().as_bytes(), &[0]].concat(),
            None => vec![1],
        },
    };
    key.extend_from_slice(&profile.id.bits().to_be_bytes());
    key
}
