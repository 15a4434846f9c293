//! Lists of profiles: filtered, sorted, a page at a time.

use std::collections::BTreeMap;

use actix_web::http::StatusCode;
use profile_protocol::{Bound, ClaimedId, Condition, ProfileFilter, ProfileId};
use profile_store::{
    Identifier, Listing, Position, Profile, ProfilePage, SortKey, Span, Timestamp, engine::Order,
};

use super::{
    call::Call,
    cursor,
    documents::{Answer, Collection, PageLinks},
    fieldset::{ADDITIONAL_FIELDS, FIELDS, Fieldset},
    query::{PAGE_CURSOR, PAGE_SIZE, Query, invalid},
    resource,
};
use crate::{limits, refusal::Refusal};

pub(super) const FILTER: &str = "filter";
pub(super) const SORT: &str = "sort";
const PARAMETERS: [&str; 6] = [FILTER, SORT, PAGE_SIZE, PAGE_CURSOR, FIELDS, ADDITIONAL_FIELDS];

/// `GET /api/profiles`
pub(super) async fn list(call: &Call<'_>) -> Result<Answer, Refusal> {
    let query = Query::of(call, &PARAMETERS)?;
    let fields = Fieldset::of(&query)?;
    let asked = Asked::of(&query)?;
    let page = match asked.conditions.iter().find(|condition| is_pointed(condition)) {
        Some(pointed) => pointed_page(call, &asked, pointed).await?,
        None => scanned_page(call, &asked).await?,
    };
    let data = page.profiles.iter().map(|profile| resource::profile(call, profile, &fields));
    let links = asked.links(call, &query, page.next.as_deref());
    call.gateway.meters.served();
    Ok(Answer::of(StatusCode::OK, &Collection { data: data.collect(), links }))
}

/// A page, and the place at which the next begins.
struct Page {
    profiles: Vec<Profile>,
    next: Option<Vec<u8>>,
}

/// What a request asks for. A cursor holds all of it, since clients follow one
/// without repeating what they asked for first.
struct Asked {
    filter: Option<String>,
    conditions: Vec<Condition>,
    sort: SortKey,
    order: Order,
    size: usize,
    place: Option<Vec<u8>>,
}

impl Asked {
    fn of(query: &Query<'_>) -> Result<Asked, Refusal> {
        let cursor = cursor::decode(query)?;
        let begun = cursor.as_deref().map(Begun::of).transpose()?;
        let filter = agreed(query.get(FILTER), begun.as_ref().map(|begun| &begun.filter))?;
        let conditions = match &filter {
            Some(filter) => {
                ProfileFilter::parse(filter)
                    .map_err(|error| invalid(FILTER, format!("The filter {error}.")))?
                    .conditions
            }
            None => Vec::new(),
        };
        let sort = agreed(query.get(SORT), begun.as_ref().map(|begun| &begun.sort))?;
        let (sort, order) = match sort.as_deref() {
            Some(sort) => sorting(sort)?,
            None => (natural_sort(&conditions), Order::Ascending),
        };
        let size = match &begun {
            Some(begun) if query.get(PAGE_SIZE).is_none() => begun.size,
            _ => query.page_size()?,
        };
        let place = begun.map(|begun| begun.place);
        Ok(Asked { filter, conditions, sort, order, size, place })
    }

    fn links(&self, call: &Call<'_>, query: &Query<'_>, next: Option<&[u8]>) -> PageLinks {
        let next = next.map(|place| {
            let sign = if self.order == Order::Descending { "-" } else { "" };
            let sort = format!("{sign}{}", name_of(self.sort));
            let begun = Begun {
                filter: self.filter.clone(),
                sort: Some(sort),
                size: self.size,
                place: place.to_vec(),
            };
            begun.to_bytes()
        });
        cursor::links(call, query, next.as_deref())
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

/// What a cursor holds.
struct Begun {
    filter: Option<String>,
    /// There always is one; optional as what it is compared with is.
    sort: Option<String>,
    size: usize,
    place: Vec<u8>,
}

impl Begun {
    fn of(bytes: &[u8]) -> Result<Begun, Refusal> {
        let mut members: BTreeMap<_, _> = form_urlencoded::parse(bytes).into_owned().collect();
        let size = members.remove("size").and_then(|size| size.parse().ok());
        let size = size.filter(|size| (1..=limits::PAGE).contains(size)).ok_or(Refusal::Cursor)?;
        let place = members.remove("place").and_then(|place| cursor::bytes_of(&place));
        Ok(Begun {
            filter: members.remove(FILTER),
            sort: Some(members.remove(SORT).ok_or(Refusal::Cursor)?),
            size,
            place: place.ok_or(Refusal::Cursor)?,
        })
    }

    fn to_bytes(&self) -> Vec<u8> {
        let mut text = form_urlencoded::Serializer::new(String::new());
        let Begun { filter, sort, size, place } = self;
        let members = [
            (FILTER, filter.clone()),
            (SORT, sort.clone()),
            ("size", Some(size.to_string())),
            ("place", Some(cursor::encode(place))),
        ];
        for (name, value) in members {
            if let Some(value) = value {
                text.append_pair(name, &value);
            }
        }
        text.finish().into_bytes()
    }
}

/// What is asked now, or else was asked when the list was begun. The two must not
/// differ: the place would be one in another list.
fn agreed(now: Option<&str>, begun: Option<&Option<String>>) -> Result<Option<String>, Refusal> {
    match (now, begun) {
        (None, Some(begun)) => Ok(begun.clone()),
        (now, None) => Ok(now.map(str::to_owned)),
        (now, Some(begun)) if now == begun.as_deref() => Ok(begun.clone()),
        _ => Err(Refusal::Cursor),
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

fn name_of(sort: SortKey) -> &'static str {
    SORTS.iter().find(|(_, known)| *known == sort).map_or("id", |(name, _)| name)
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
async fn scanned_page(call: &Call<'_>, asked: &Asked) -> Result<Page, Refusal> {
    let from = |place| Position::from_bytes(place, asked.sort, asked.order);
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
    let page = call.gateway.store.list(&listing).await.map_err(Refusal::unreadable)?;
    let ProfilePage { profiles, next } = page;
    Ok(Page { profiles, next: next.map(|position| position.to_bytes()) })
}

/// Whether a condition names the profiles that fulfil it.
fn is_pointed(condition: &Condition) -> bool {
    !matches!(condition, Condition::Created(_) | Condition::Updated(_))
}

/// A page out of the few profiles that a condition names.
async fn pointed_page(
    call: &Call<'_>,
    asked: &Asked,
    pointed: &Condition,
) -> Result<Page, Refusal> {
    let mut found = BTreeMap::new();
    for profile in look_up(call, pointed).await? {
        if asked.conditions.iter().all(|condition| fulfils(call, &profile, condition)) {
            found.insert(order_key(asked.sort, &profile), profile);
        }
    }
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
    Ok(Page { profiles: found.into_iter().map(|(_, profile)| profile).collect(), next })
}

async fn look_up(call: &Call<'_>, pointed: &Condition) -> Result<Vec<Profile>, Refusal> {
    let (store, company) = (&call.gateway.store, &call.company.id);
    let (ids, identifiers) = named_by(call, pointed);
    let mut profiles = Vec::new();
    for id in ids {
        profiles.extend(store.profile(company, id).await.map_err(Refusal::unreadable)?);
    }
    for identifier in identifiers {
        profiles.extend(store.find(company, &identifier).await.map_err(Refusal::unreadable)?);
    }
    Ok(profiles)
}

/// The ids and identifiers that a condition names.
fn named_by(call: &Call<'_>, condition: &Condition) -> (Vec<ProfileId>, Vec<Identifier>) {
    let identifiers = match condition {
        Condition::Id(ids) => {
            let ours = |id: &ClaimedId| match id {
                ClaimedId::Profile(id) => Some(*id),
                ClaimedId::Foreign => None,
            };
            return (ids.iter().filter_map(ours).collect(), Vec::new());
        }
        Condition::ExchangeToken(token) => {
            let now = call.gateway.clock.unix_seconds();
            let opened = call.gateway.exchange().open(&call.company.id, token, now);
            return (opened.into_iter().collect(), Vec::new());
        }
        Condition::Email(all) => all.iter().cloned().map(Identifier::Email).collect(),
        Condition::PhoneNumber(all) => all.iter().cloned().map(Identifier::PhoneNumber).collect(),
        Condition::ExternalId(all) => all.iter().cloned().map(Identifier::ExternalId).collect(),
        Condition::Created(_) | Condition::Updated(_) => Vec::new(),
    };
    (Vec::new(), identifiers)
}

fn fulfils(call: &Call<'_>, profile: &Profile, condition: &Condition) -> bool {
    match condition {
        Condition::Created(bound) => lies(profile.created, *bound),
        Condition::Updated(bound) => lies(profile.updated, *bound),
        named => {
            let (ids, identifiers) = named_by(call, named);
            ids.iter().any(|id| *id == profile.id || profile.absorbed.contains(id))
                || identifiers.iter().any(|identifier| profile.held.holds(identifier))
        }
    }
}

fn lies(time: Timestamp, bound: Bound) -> bool {
    match bound {
        Bound::After(millis) => millis < time.millis(),
        Bound::Before(millis) => time.millis() < millis,
    }
}

/// What profiles are put in order by: first what was asked for, then the id.
fn order_key(sort: SortKey, profile: &Profile) -> Vec<u8> {
    let mut key = match sort {
        SortKey::Id => Vec::new(),
        SortKey::Created => profile.created.millis().to_be_bytes().to_vec(),
        SortKey::Updated => profile.updated.millis().to_be_bytes().to_vec(),
        // Those without an address come after all those with one.
        SortKey::Email => match &profile.held.email {
            Some(email) => [&[0], email.as_str().as_bytes(), &[0]].concat(),
            None => vec![1],
        },
    };
    key.extend_from_slice(&profile.id.bits().to_be_bytes());
    key
}
