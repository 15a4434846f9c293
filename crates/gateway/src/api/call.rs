//! A request that passed its checks: who asks for what.

use std::sync::Arc;

use actix_web::{HttpRequest, web::Payload};
use profile_protocol::{ClaimedId, ProfileId, Revision};
use profile_store::Profile;

use crate::{admission, body, companies::Company, refusal::Refusal, state::Gateway};

/// What every endpoint needs to answer.
pub(super) struct Call<'a> {
    pub(super) request: &'a HttpRequest,
    pub(super) gateway: &'a Gateway,
    /// The company the private key acts for.
    pub(super) company: Arc<Company>,
    pub(super) revision: Revision,
}

impl Call<'_> {
    /// The id in the path.
    pub(super) fn id(&self, what: &'static str) -> Result<ProfileId, Refusal> {
        let text = self.request.match_info().get("id").unwrap_or_default();
        text.parse().or(Err(Refusal::NotFound { what }))
    }

    /// The body, of at most that many bytes.
    pub(super) async fn body(
        &self,
        payload: &mut Payload,
        limit: usize,
    ) -> Result<Vec<u8>, Refusal> {
        let headers = self.request.headers();
        admission::media_type(headers)?;
        let encoding = admission::content_encoding(headers)?;
        body::read(headers, payload, encoding, limit).await
    }

    /// The living profile with this id, or into which the profile with this id was
    /// merged.
    pub(super) async fn profile(&self, id: ProfileId) -> Result<Profile, Refusal> {
        let found = self.gateway.store.profile(&self.company.id, id).await;
        found.map_err(Refusal::unreadable)?.ok_or(Refusal::NotFound { what: PROFILE })
    }

    /// The absolute address of a path of this gateway, as the caller reaches it.
    pub(super) fn link(&self, path: &str) -> String {
        let connection = self.request.connection_info();
        format!("{}://{}{path}", connection.scheme(), connection.host())
    }

    /// The address that was asked for.
    pub(super) fn own_link(&self) -> String {
        self.link(self.request.uri().path_and_query().map_or("/", |target| target.as_str()))
    }
}

/// What a refusal calls a profile.
pub(super) const PROFILE: &str = "profile";

/// The id that a body claims. One of another system's form is nobody's here.
pub(super) fn claimed(id: ClaimedId) -> Result<ProfileId, Refusal> {
    match id {
        ClaimedId::Profile(id) => Ok(id),
        ClaimedId::Foreign => Err(Refusal::NotFound { what: PROFILE }),
    }
}
