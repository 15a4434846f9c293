//! Push tokens: listed, registered and removed by the company itself.

use std::collections::BTreeSet;

use actix_web::{http::StatusCode, web::Payload};
use profile_protocol::{CompanyId, ProfileId, PushToken, PushTokenFilter, PushTokenRegistration};
use profile_store::{
    Caller, Intent, OwnedPushToken, Profile, PushTokenCursor, PushTokenId, PushTokenListing,
    RemovePushToken, RequestSender, Store, StoredPushToken, Submission, engine::EngineError,
};

use super::{
    call::{Call, PROFILE},
    cursor::Page,
    documents::{
        ApiResponse, Collection, PageLinks, Resource, ResourceIdentifier, SelfLink, Single,
    },
    fieldset::{ADDITIONAL_FIELDS, FIELDS, Fieldset, ListedFields},
    push_token_resource::{LISTABLE, PushTokenResource, TOKEN_FIELDS, identifier, push_token},
    query::{FILTER, INCLUDE, PAGE_CURSOR, PAGE_SIZE, Query, invalid},
    resource::{self, ProfileAttributes},
};
use crate::{capacity::disk_wait, http::refusal::Refusal, limits, submission};

/// The name of a token in an error.
const TOKEN: &str = "push token";

/// The kind of resources that is related to a token.
pub(super) const RELATED: [&str; 1] = [PROFILE];

const NO_TOKEN: Refusal = Refusal::NotFound { what: TOKEN, pointer: "/data" };

/// `GET /api/push-tokens`
pub(super) async fn list(call: &Call<'_>) -> Result<ApiResponse, Refusal> {
    let allowed =
        [FILTER, PAGE_SIZE, PAGE_CURSOR, TOKEN_FIELDS, FIELDS, ADDITIONAL_FIELDS, INCLUDE];
    let query = Query::from_call(call, &allowed)?;
    let shown = ShownTokens::from_query(&query)?;
    let page = Page::from_query(call, &query)?;
    let limit = shown.page_size(page.size);
    let filter = match &page.filter {
        None => PushTokenFilter::default(),
        Some(text) => PushTokenFilter::parse(text)
            .map_err(|error| invalid(FILTER, format!("The filter {error}.")))?,
    };
    let position = page.position.as_deref().map(PushTokenCursor::from_bytes);
    let from = match position {
        None => None,
        Some(None) => return Err(Refusal::Cursor),
        Some(from) => from,
    };
    let (tokens, next) = if filter.is_contradictory {
        (Vec::new(), None)
    } else if filter.id.is_some() || filter.profile.is_some() {
        page_of(named(call, &filter).await?, from, limit)
    } else {
        let listing = PushTokenListing {
            company: call.company.id.clone(),
            platform: filter.platform,
            enablement_status: filter.enablement_status,
            from,
            limit,
        };
        let listed = call.read(async move |store, _| store.list_push_tokens(&listing).await);
        let listed = listed.await?;
        (listed.tokens, listed.next)
    };
    let included = shown.profiles(call, &tokens).await?;
    let included = included.as_ref().map(|all| shown.resources(call, all));
    let next = next.map(PushTokenCursor::to_bytes);
    let links = page.links(call, &query, next.as_deref());
    let token = |one| shown.token(call, one);
    let data = tokens.iter().map(token).collect();
    call.gateway.metrics.served();
    Ok(ApiResponse::with_related(StatusCode::OK, Collection { data, links }, included))
}

/// A page of these tokens, in the order of their ids.
fn page_of(
    mut tokens: Vec<OwnedPushToken>,
    from: Option<PushTokenCursor>,
    limit: usize,
) -> (Vec<OwnedPushToken>, Option<PushTokenCursor>) {
    tokens.retain(|one| from.is_none_or(|from| from.id() < one.token.id()));
    tokens.sort_by_key(|one| one.token.id());
    let has_more = limit < tokens.len();
    tokens.truncate(limit);
    let next = tokens.last().filter(|_| has_more).map(PushTokenCursor::after);
    (tokens, next)
}

/// The tokens that a filter names by their id or by their profile, of which there are few.
async fn named(call: &Call<'_>, filter: &PushTokenFilter) -> Result<Vec<OwnedPushToken>, Refusal> {
    let PushTokenFilter { id, profile, enablement_status, platform, is_contradictory: _ } =
        filter.clone();
    let found = call.read(async move |store, company| {
        let of_profile = match profile {
            Some(id) => store.profile(company, id).await?,
            None => None,
        };
        match (id, profile, of_profile) {
            (Some(id), None, _) => Ok(find(store, company, &id).await?.into_iter().collect()),
            (Some(id), Some(_), Some(profile)) => {
                let found = find(store, company, &id).await?;
                Ok(found.into_iter().filter(|one| one.profile == profile.id).collect())
            }
            (None, _, Some(profile)) => {
                let Profile { id, absorbed, .. } = &profile;
                let tokens = store.push_tokens_of(company, *id, absorbed).await?.into_iter();
                Ok(tokens.map(|token| OwnedPushToken { profile: profile.id, token }).collect())
            }
            (_, _, None) => Ok(Vec::new()),
        }
    });
    let fulfils = |one: &OwnedPushToken| {
        enablement_status.is_none_or(|status| status == one.token.enablement_status)
            && platform.is_none_or(|platform| platform == one.token.platform)
    };
    Ok(found.await?.into_iter().filter(fulfils).collect())
}

/// The token with this id, or the token itself.
async fn find(
    store: &Store,
    company: &CompanyId,
    text: &str,
) -> Result<Option<OwnedPushToken>, EngineError> {
    if let Some(id) = PushTokenId::parse(text)
        && let Some(found) = store.push_token(company, id).await?
    {
        return Ok(Some(found));
    }
    match text.parse::<PushToken>() {
        Ok(token) => store.push_token(company, PushTokenId::of_token(&token)).await,
        Err(_) => Ok(None),
    }
}

/// The token in the path: its id, or the token itself.
async fn token_of_path(call: &Call<'_>) -> Result<OwnedPushToken, Refusal> {
    let text = call.target.id.to_owned();
    let found = call.read(async move |store, company| find(store, company, &text).await);
    found.await?.ok_or(NO_TOKEN)
}

/// `GET /api/push-tokens/{id}`
pub(super) async fn get(call: &Call<'_>) -> Result<ApiResponse, Refusal> {
    let query = Query::from_call(call, &[TOKEN_FIELDS, FIELDS, ADDITIONAL_FIELDS, INCLUDE])?;
    let shown = ShownTokens::from_query(&query)?;
    let owned = [token_of_path(call).await?];
    let included = shown.profiles(call, &owned).await?;
    let included = included.as_ref().map(|all| shown.resources(call, all));
    call.gateway.metrics.served();
    let [owned] = &owned;
    let data = shown.token(call, owned);
    let links = SelfLink { this: call.own_link() };
    Ok(ApiResponse::with_related(StatusCode::OK, Single { data, links }, included))
}

/// `DELETE /api/push-tokens/{id}`
pub(super) async fn delete(call: &Call<'_>) -> Result<ApiResponse, Refusal> {
    Query::from_call(call, &[])?;
    let found = token_of_path(call).await?;
    let asked = RemovePushToken {
        company: call.company.id.clone(),
        token: found.token.id(),
        named: None,
        created: None,
        caller: Caller::Server,
        revision: call.revision,
        request_ids: Some(call.request_ids.clone()),
        sender: RequestSender::default(),
    };
    let removed = call.gateway.store.remove_push_token(asked);
    let removed = disk_wait::answered(call.gateway, removed).await?.map_err(Refusal::Store)?;
    let outcome = removed.ok_or(NO_TOKEN)?;
    submission::count(call.request, call.gateway, &call.company.id, &outcome);
    Ok(ApiResponse::empty(StatusCode::NO_CONTENT))
}

/// `POST /api/push-tokens`: what an app sends, from a server. The token belongs to the profile when
/// the response arrives.
pub(super) async fn create(call: &Call<'_>, payload: &mut Payload) -> Result<ApiResponse, Refusal> {
    Query::from_call(call, &[])?;
    let revision = call.revision;
    let parse = move |bytes: &[u8]| PushTokenRegistration::parse(bytes, revision);
    let (PushTokenRegistration { details, profile }, permit) = call.parse(payload, parse).await?;
    let Call { gateway, company, .. } = call;
    let submission = Submission {
        request_ids: Some(call.request_ids.clone()),
        push_token: Some(Box::new(details)),
        ..submission::from_server(gateway, company, Intent::Upsert, profile)?
    };
    submission::store(call.request, gateway, submission, permit).await?;
    Ok(ApiResponse::empty(StatusCode::ACCEPTED))
}

/// `GET /api/push-tokens/{id}/profile`
pub(super) async fn profile(call: &Call<'_>) -> Result<ApiResponse, Refusal> {
    let fields = Fieldset::from_query(&Query::from_call(call, &[FIELDS, ADDITIONAL_FIELDS])?)?;
    let owned = token_of_path(call).await?;
    let profile = call.profile(owned.profile).await?;
    call.gateway.metrics.served();
    let data = resource::profile(call, &profile, &fields);
    let links = SelfLink { this: call.own_link() };
    Ok(ApiResponse::with_document(StatusCode::OK, &Single { data, links }))
}

/// `GET /api/push-tokens/{id}/relationships/profile`
pub(super) async fn profile_id(call: &Call<'_>) -> Result<ApiResponse, Refusal> {
    Query::from_call(call, &[])?;
    let owned = token_of_path(call).await?;
    call.gateway.metrics.served();
    let data = ResourceIdentifier { kind: PROFILE, id: owned.profile.to_string() };
    let links = SelfLink { this: call.own_link() };
    Ok(ApiResponse::with_document(StatusCode::OK, &Single { data, links }))
}

/// `GET /api/profiles/{id}/push-tokens`
pub(super) async fn of_profile(call: &Call<'_>) -> Result<ApiResponse, Refusal> {
    let query = Query::from_call(call, &[TOKEN_FIELDS])?;
    let fields = ListedFields::from_query(&query, &LISTABLE)?;
    let tokens = tokens_of_path(call).await?;
    call.gateway.metrics.served();
    let data = tokens.iter().map(|token| push_token(call, token, None, &fields)).collect();
    let page = Collection { data, links: only_page(call) };
    Ok(ApiResponse::with_document(StatusCode::OK, &page))
}

/// `GET /api/profiles/{id}/relationships/push-tokens`
pub(super) async fn ids_of_profile(call: &Call<'_>) -> Result<ApiResponse, Refusal> {
    Query::from_call(call, &[])?;
    let tokens = tokens_of_path(call).await?;
    call.gateway.metrics.served();
    let data = tokens.iter().map(identifier).collect();
    let page = Collection { data, links: only_page(call) };
    Ok(ApiResponse::with_document(StatusCode::OK, &page))
}

fn only_page(call: &Call<'_>) -> PageLinks {
    PageLinks { this: call.own_link(), next: None, prev: None }
}

/// The tokens of the profile in the path.
async fn tokens_of_path(call: &Call<'_>) -> Result<Vec<StoredPushToken>, Refusal> {
    let profile = call.profile(call.id(PROFILE)?).await?;
    let tokens = tokens_of(call, &[profile]).await?;
    Ok(tokens.into_iter().map(|one| one.token).collect())
}

/// The tokens of these profiles.
pub(super) async fn tokens_of(
    call: &Call<'_>,
    profiles: &[Profile],
) -> Result<Vec<OwnedPushToken>, Refusal> {
    let ids = |profile: &Profile| (profile.id, profile.absorbed.clone());
    let profiles: Vec<(ProfileId, Vec<ProfileId>)> = profiles.iter().map(ids).collect();
    call.read(async move |store, company| {
        let mut tokens = Vec::new();
        for (id, absorbed) in profiles {
            let theirs = store.push_tokens_of(company, id, &absorbed).await?;
            let owned = |token| OwnedPushToken { profile: id, token };
            tokens.extend(theirs.into_iter().map(owned));
        }
        Ok(tokens)
    })
    .await
}

/// What a response shows of tokens, and whether it includes their profiles.
struct ShownTokens {
    fields: ListedFields,
    profile_fields: Fieldset,
    /// The kinds of resources to include, if the request names any.
    includes: Option<usize>,
}

impl ShownTokens {
    fn from_query(query: &Query<'_>) -> Result<ShownTokens, Refusal> {
        Ok(ShownTokens {
            fields: ListedFields::from_query(query, &LISTABLE)?,
            profile_fields: Fieldset::from_query(query)?,
            includes: query.related(&RELATED)?.map(|kinds| kinds.len()),
        })
    }

    /// The number of tokens of a page. Each may have one of the largest profiles.
    fn page_size(&self, asked: usize) -> usize {
        match self.includes {
            None | Some(0) => asked,
            Some(_) => asked.min(limits::TOKENS_WITH_PROFILES),
        }
    }

    fn token<'a>(&'a self, call: &Call<'_>, owned: &'a OwnedPushToken) -> PushTokenResource<'a> {
        push_token(call, &owned.token, Some(owned.profile), &self.fields)
    }

    /// The profiles of these tokens, each once, if the response includes related resources.
    async fn profiles(
        &self,
        call: &Call<'_>,
        tokens: &[OwnedPushToken],
    ) -> Result<Option<Vec<Profile>>, Refusal> {
        let ids: BTreeSet<ProfileId> = match self.includes {
            None => return Ok(None),
            Some(0) => BTreeSet::new(),
            Some(_) => tokens.iter().map(|one| one.profile).collect(),
        };
        let profiles = call.read(async move |store, company| {
            let mut profiles = Vec::new();
            for id in ids {
                profiles.extend(store.profile(company, id).await?);
            }
            Ok(profiles)
        });
        profiles.await.map(Some)
    }

    fn resources<'a>(
        &'a self,
        call: &Call<'_>,
        profiles: &'a [Profile],
    ) -> Vec<Resource<ProfileAttributes<'a>>> {
        profiles.iter().map(|one| resource::profile(call, one, &self.profile_fields)).collect()
    }
}
