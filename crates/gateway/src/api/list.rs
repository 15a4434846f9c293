//! Lists of profiles: filtered, sorted and paged.

use std::collections::BTreeMap;

use actix_web::http::StatusCode;
use profile_protocol::{
    Bound, ClaimedId, Condition, Email, EmailPrefix, ExchangeToken, ProfileFilter, ProfileId,
};
use profile_store::{
    Identifier, Listing, Profile, ProfilePage, SortCursor, SortKey, Span, Timestamp, engine::Order,
};

use super::{
    call::Call,
    cursor::Page,
    documents::{ApiResponse, Collection},
    fieldset::{ADDITIONAL_FIELDS, FIELDS, Fieldset},
    push_token_resource::TOKEN_FIELDS,
    query::{FILTER, INCLUDE, PAGE_CURSOR, PAGE_SIZE, Query, SORT, invalid},
    related_tokens::RelatedTokens,
    resource,
};
use crate::http::refusal::Refusal;

const PARAMETERS: [&str; 8] =
    [FILTER, SORT, PAGE_SIZE, PAGE_CURSOR, FIELDS, ADDITIONAL_FIELDS, INCLUDE, TOKEN_FIELDS];

/// `GET /api/profiles`
pub(super) async fn list(call: &Call<'_>) -> Result<ApiResponse, Refusal> {
    let query = Query::from_call(call, &PARAMETERS)?;
    let (fields, related) = (Fieldset::from_query(&query)?, RelatedTokens::from_query(&query)?);
    let page = Page::from_query(call, &query)?;
    let asked = ListQuery::from_page(&page)?;
    let mut pointed = Vec::new();
    for condition in &asked.conditions {
        pointed.extend(IdentifierLookup::from_condition(call, condition).await?);
    }
    let found = match pointed.first() {
        Some(first) => pointed_page(call, &asked, first, &pointed).await?,
        None => scanned_page(call, &asked).await?,
    };
    let tokens = related.tokens(call, &found.profiles).await?;
    let included = tokens.as_ref().map(|tokens| related.resources(call, tokens));
    let data = found.profiles.iter().map(|profile| resource::profile(call, profile, &fields));
    let links = page.links(call, &query, found.next.as_deref());
    call.gateway.metrics.served();
    let page = Collection { data: data.collect(), links };
    Ok(ApiResponse::with_related(StatusCode::OK, page, included))
}

/// A page of profiles and the position of the next page.
struct ListedPage {
    profiles: Vec<Profile>,
    next: Option<Vec<u8>>,
}

/// The parsed list request.
struct ListQuery {
    conditions: Vec<Condition>,
    sort: SortKey,
    order: Order,
    size: usize,
    position: Option<Vec<u8>>,
}

impl ListQuery {
    fn from_page(page: &Page) -> Result<ListQuery, Refusal> {
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
        Ok(ListQuery { conditions, sort, order, size: page.size, position: page.position.clone() })
    }

    /// The time range that remains after every condition on it.
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

    /// The beginning of the addresses that are listed, if there is one.
    fn emails(&self) -> Result<Option<&EmailPrefix>, Refusal> {
        let mut prefixes = self.conditions.iter().filter_map(|condition| {
            let Condition::EmailPrefix(prefix) = condition else { return None };
            Some(prefix)
        });
        let (first, second) = (prefixes.next(), prefixes.next());
        if second.is_some() {
            return Err(invalid(FILTER, "The filter may have starts-with once.".to_owned()));
        }
        if first.is_some() && self.sort != SortKey::Email {
            let message = "A list with starts-with is sorted by email or -email.".to_owned();
            return Err(invalid(SORT, message));
        }
        Ok(first)
    }

    fn created(&self) -> Span {
        self.span(|condition| {
            let Condition::Created(bound) = condition else { return None };
            Some(*bound)
        })
    }

    fn updated(&self) -> Span {
        self.span(|condition| {
            let Condition::Updated(bound) = condition else { return None };
            Some(*bound)
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
    let found = SORTS.iter().find(|(sort, _)| *sort == name);
    let (_, sort) = found.ok_or_else(|| {
        let names = SORTS.map(|(name, _)| name).join(", ");
        invalid(SORT, format!("The sort must be one of {names}, with a leading - to reverse it."))
    })?;
    Ok((*sort, order))
}

/// The index in which the requested profiles are adjacent.
fn natural_sort(conditions: &[Condition]) -> SortKey {
    let sort = conditions.iter().find_map(|condition| match condition {
        Condition::Created(_) => Some(SortKey::Created),
        Condition::EmailPrefix(_) => Some(SortKey::Email),
        Condition::Updated(_) => Some(SortKey::Updated),
        Condition::Id(_)
        | Condition::Email(_)
        | Condition::PhoneNumber(_)
        | Condition::ExternalId(_)
        | Condition::AnonymousId(_)
        | Condition::ExchangeToken(_)
        | Condition::Suppression(_) => None,
    });
    sort.unwrap_or(SortKey::Id)
}

/// A page of all profiles of the company.
async fn scanned_page(call: &Call<'_>, asked: &ListQuery) -> Result<ListedPage, Refusal> {
    let from = |position| SortCursor::from_bytes(position, asked.sort, asked.order);
    let from = asked.position.as_deref().map(from);
    let listing = Listing {
        company: call.company.id.clone(),
        sort: asked.sort,
        order: asked.order,
        created: asked.created(),
        updated: asked.updated(),
        from: from.transpose().or(Err(Refusal::Cursor))?,
        limit: asked.size,
    };
    let emails = asked.emails()?.cloned();
    let page = call.read(async move |store, _| match emails {
        Some(emails) => store.list_by_email(&listing, &emails).await,
        None => store.list(&listing).await,
    });
    let page = page.await?;
    let ProfilePage { profiles, next } = page;
    Ok(ListedPage { profiles, next: next.map(|position| position.to_bytes()) })
}

/// The identifiers or ids that a condition names, if it names any.
struct IdentifierLookup {
    ids: Vec<ProfileId>,
    identifiers: Vec<Identifier>,
}

impl IdentifierLookup {
    async fn from_condition(
        call: &Call<'_>,
        condition: &Condition,
    ) -> Result<Option<IdentifierLookup>, Refusal> {
        let (mut ids, mut identifiers) = (Vec::new(), Vec::new());
        match condition {
            Condition::Id(all) => ids.extend(all.iter().filter_map(|id| match id {
                ClaimedId::Profile(id) => Some(*id),
                ClaimedId::Foreign => None,
            })),
            Condition::ExchangeToken(token) => ids.extend(profile_of_token(call, token).await?),
            Condition::Email(all) => identifiers.extend(all.iter().cloned().map(Identifier::Email)),
            Condition::PhoneNumber(all) => {
                identifiers.extend(all.iter().cloned().map(Identifier::PhoneNumber));
            }
            Condition::ExternalId(all) => {
                identifiers.extend(all.iter().cloned().map(Identifier::ExternalId));
            }
            Condition::AnonymousId(all) => {
                identifiers.extend(all.iter().cloned().map(Identifier::AnonymousId));
            }
            // The gateway suppresses no email, so this finds no profile.
            Condition::Suppression(_) => {}
            Condition::Created(_) | Condition::Updated(_) | Condition::EmailPrefix(_) => {
                return Ok(None);
            }
        }
        Ok(Some(IdentifierLookup { ids, identifiers }))
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

/// The id of the profile that a token finds, if the token counts.
async fn profile_of_token(
    call: &Call<'_>,
    token: &ExchangeToken,
) -> Result<Option<ProfileId>, Refusal> {
    let now = call.gateway.clock.unix_seconds();
    let Ok(content) = call.gateway.exchange().open(&call.company.id, token, now) else {
        return Ok(None);
    };
    let found =
        call.read(async move |store, company| store.profile_of_token(company, content).await);
    Ok(found.await?.map(|profile| profile.id))
}

/// A page of the few profiles that the first condition names and all other conditions match.
async fn pointed_page(
    call: &Call<'_>,
    asked: &ListQuery,
    first: &IdentifierLookup,
    all: &[IdentifierLookup],
) -> Result<ListedPage, Refusal> {
    let (created, updated, emails) = (asked.created(), asked.updated(), asked.emails()?);
    let begins = |profile: &Profile| {
        let email = profile.identifiers.email.as_ref().map_or("", Email::as_str);
        emails.is_none_or(|emails| email.starts_with(emails.as_str()))
    };
    let fulfils = |profile: &Profile| {
        begins(profile)
            && created.contains(profile.created)
            && updated.contains(profile.updated)
            && all.iter().all(|pointed| pointed.names(profile))
    };
    // Two identifiers may name the same profile.
    let found = first.look_up(call).await?.into_iter().filter(fulfils);
    let found: BTreeMap<Vec<u8>, Profile> =
        found.map(|profile| (order_key(asked.sort, &profile), profile)).collect();
    let mut found: Vec<(Vec<u8>, Profile)> = found.into_iter().collect();
    if asked.order == Order::Descending {
        found.reverse();
    }
    if let Some(position) = &asked.position {
        found.retain(|(key, _)| match asked.order {
            Order::Ascending => position < key,
            Order::Descending => key < position,
        });
    }
    let more = asked.size < found.len();
    found.truncate(asked.size);
    let next = found.last().filter(|_| more).map(|(key, _)| key.clone());
    Ok(ListedPage { profiles: found.into_iter().map(|(_, profile)| profile).collect(), next })
}

/// The sort key of a profile: the sorted value, then the id.
fn order_key(sort: SortKey, profile: &Profile) -> Vec<u8> {
    let mut key = match sort {
        SortKey::Id => Vec::new(),
        SortKey::Created => profile.created.millis().to_be_bytes().to_vec(),
        SortKey::Updated => profile.updated.millis().to_be_bytes().to_vec(),
        // Profiles without an email sort last.
        SortKey::Email => match &profile.identifiers.email {
            Some(email) => [&[0], email.as_str().as_bytes(), &[0]].concat(),
            None => vec![1],
        },
    };
    key.extend_from_slice(&profile.id.bits().to_be_bytes());
    key
}
