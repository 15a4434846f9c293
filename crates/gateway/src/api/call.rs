//! A request that passed its checks, with what its endpoint needs.

use std::sync::Arc;

use actix_web::{
    HttpRequest,
    http::{Uri, header::HeaderMap},
    web::{self, Data, Payload},
};
use profile_protocol::{ClaimedId, CompanyId, ProfileId, Revision, Violations};
use profile_store::{Profile, RequestIds, Store, StoreError, engine::EngineError};
use tokio::runtime::Handle;

use crate::{
    capacity::{
        body_budget::{BodyKind, BodyPermit},
        disk_wait,
    },
    http::{
        admission,
        body::{self, Body},
        deadline::DeadlineExtension,
        inspection, public_url,
        refusal::Refusal,
    },
    state::GatewayState,
    tenants::directory::Company,
};

/// What every endpoint needs to serve a request.
pub(super) struct Call<'a> {
    /// The request that carries the call: its own, or that for a page of the console.
    pub(super) request: &'a HttpRequest,
    pub(super) target: CallTarget<'a>,
    pub(super) gateway: &'a Data<GatewayState>,
    /// The company of the private key.
    pub(super) company: Arc<Company>,
    pub(super) revision: Revision,
    /// The ids of the request, which its outcome keeps.
    pub(super) request_ids: &'a RequestIds,
}

/// What a call names, and the headers that describe its body.
#[derive(Clone, Copy)]
pub(super) struct CallTarget<'a> {
    pub(super) uri: &'a Uri,
    /// The id in the path; empty if the endpoint has none.
    pub(super) id: &'a str,
    pub(super) headers: &'a HeaderMap,
}

impl CallTarget<'_> {
    /// What a request to the endpoint itself names.
    pub(super) fn of_request(request: &HttpRequest) -> CallTarget<'_> {
        let id = request.match_info().get("id").unwrap_or_default();
        CallTarget { uri: request.uri(), id, headers: request.headers() }
    }
}

impl Call<'_> {
    /// The id in the path.
    pub(super) fn id(&self, what: &'static str) -> Result<ProfileId, Refusal> {
        self.target.id.parse().or(Err(Refusal::NotFound { what, pointer: "/data" }))
    }

    /// Extends the deadline of the connection to that of a bulk import.
    pub(super) fn take_longer(&self) {
        if let Some(extension) = self.request.conn_data::<DeadlineExtension>() {
            extension.grant();
        }
    }

    /// Reads and parses the body of an ordinary request. Keep the permit until it is answered.
    pub(super) async fn parse<T: Send + 'static>(
        &self,
        payload: &mut Payload,
        parse: impl FnOnce(&[u8]) -> Result<T, Violations> + Send + 'static,
    ) -> Result<(T, BodyPermit), Refusal> {
        let body = self.body_of(BodyKind::Server, payload).await?;
        body.parse(self.gateway, &self.company.id, parse).await
    }

    /// Reads a body of this kind.
    pub(super) async fn body_of(
        &self,
        kind: BodyKind,
        payload: &mut Payload,
    ) -> Result<Body, Refusal> {
        let headers = self.target.headers;
        admission::media_type(headers)?;
        let encoding = admission::content_encoding(headers)?;
        let read = body::read(headers, payload, encoding, kind, &self.company.id, self.gateway);
        inspection::noted(self.request, read.await, self.gateway.clock.elapsed())
    }

    /// Reads from the store on a thread that may block on the disk.
    pub(super) async fn read<T, R>(&self, read: R) -> Result<T, Refusal>
    where
        T: Send + 'static,
        R: AsyncFnOnce(&Store, &CompanyId) -> Result<T, EngineError> + Send + 'static,
    {
        let (gateway, company) = (Data::clone(self.gateway), Arc::clone(&self.company));
        let runtime = Handle::current();
        let reading = move || runtime.block_on(read(&gateway.store, &company.id));
        let unavailable = Refusal::Store(StoreError::Unavailable);
        let read = disk_wait::read(self.gateway, web::block(reading)).await?;
        read.or(Err(unavailable))?.map_err(Refusal::unreadable)
    }

    /// The profile with this id, or the profile that this id was merged into.
    pub(super) async fn profile(&self, id: ProfileId) -> Result<Profile, Refusal> {
        let found = self.read(async move |store, company| store.profile(company, id).await);
        found.await?.ok_or(Refusal::NotFound { what: PROFILE, pointer: "/data" })
    }

    /// The absolute URL of a path of this gateway, as the caller reaches it.
    pub(super) fn link(&self, path: &str) -> String {
        public_url::link(self.request, self.gateway, path)
    }

    /// The absolute URL of the request.
    pub(super) fn own_link(&self) -> String {
        let target = self.target.uri.path_and_query().map_or("/", |target| target.as_str());
        self.link(target)
    }
}

/// The name of a profile in an error.
pub(super) const PROFILE: &str = "profile";

/// Parses the id in a body. An id in a format of another system matches no profile here.
pub(super) fn claimed(id: ClaimedId, pointer: &'static str) -> Result<ProfileId, Refusal> {
    match id {
        ClaimedId::Profile(id) => Ok(id),
        ClaimedId::Foreign => Err(Refusal::NotFound { what: PROFILE, pointer }),
    }
}
