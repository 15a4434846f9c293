//! `POST /company-deletion` and `/company-copy` of the admin listener: what is done to all data of
//! a company while the gateway serves others. The company is not configured, so that no request
//! asks for it meanwhile, and its data do not come back.

use std::sync::Arc;

use actix_web::{
    HttpRequest, HttpResponse,
    http::{StatusCode, header},
    rt,
    web::{Bytes, Data, Payload},
};
use futures_util::{StreamExt, stream::poll_fn};
use profile_protocol::CompanyId;
use profile_store::{
    CompanyCopy, Copied, CopyCompanyError,
    engine::{EngineError, Key, Value, Write},
};
use tokio::{
    sync::{OwnedSemaphorePermit, mpsc},
    time::timeout,
};

use super::{
    admin_key::{self, AdminKeyRefused},
    backup::frame::{Frame, InvalidFrame},
    company_answers::{CopiedCompany, DeletionLine},
    printed_text::chain,
};
use crate::{
    capacity::{
        disk_wait::{self, StoreUse},
        open_connection::ConnectionActivity,
    },
    http::{deadline::DeadlineExtension, refusal::Refusal},
    limits,
    state::GatewayState,
};

/// Why nothing is done to a company.
#[derive(Debug, thiserror::Error)]
enum CompanyRefused {
    #[error("the query must be `company=`, and the id of a company")]
    Invalid,
    #[error(
        "company {0} is configured here, so its requests would bring data: take it out of the \
         configuration, and reload"
    )]
    Configured(CompanyId),
    #[error("another company is being deleted or copied; try again when that has ended")]
    Busy,
    #[error("the store has data of company {0}")]
    HasData(CompanyId),
    #[error("the store cannot be read: {0}")]
    Engine(#[from] EngineError),
}

impl CompanyRefused {
    fn response(&self) -> HttpResponse {
        let status = match self {
            CompanyRefused::Invalid => StatusCode::BAD_REQUEST,
            CompanyRefused::Configured(_) | CompanyRefused::HasData(_) => StatusCode::CONFLICT,
            CompanyRefused::Busy | CompanyRefused::Engine(_) => StatusCode::SERVICE_UNAVAILABLE,
        };
        HttpResponse::build(status).body(format!("{self}\n"))
    }
}

/// The company of a request with an admin key, and the permit to change it.
async fn admitted(
    request: &HttpRequest,
    gateway: &GatewayState,
) -> Result<(CompanyId, OwnedSemaphorePermit), HttpResponse> {
    admin_key::authorize(request, gateway).map_err(AdminKeyRefused::response)?;
    let company = request.query_string().strip_prefix("company=");
    let company = company.and_then(|text| text.parse::<CompanyId>().ok());
    let company = company.ok_or_else(|| CompanyRefused::Invalid.response())?;
    if gateway.companies.find(company.as_str()).is_some() {
        return Err(CompanyRefused::Configured(company).response());
    }
    let permit = Arc::clone(&gateway.company_changes).acquire_owned();
    match timeout(limits::BACKUP_PERMIT_WAIT, permit).await {
        Ok(Ok(permit)) => Ok((company, permit)),
        Ok(Err(_)) | Err(_) => Err(CompanyRefused::Busy.response()),
    }
}

/// Deletes a company, and tells how far that is.
pub(crate) async fn delete(request: HttpRequest, gateway: Data<GatewayState>) -> HttpResponse {
    let (company, permit) = match admitted(&request, &gateway).await {
        Ok(admitted) => admitted,
        Err(response) => return response,
    };
    let (lines, mut receiver) = mpsc::channel::<DeletionLine>(limits::DELETION_LINES_AHEAD);
    // A command that is killed does not end the deletion.
    rt::spawn(async move {
        let last = deleted(&gateway, &company, &lines).await;
        drop(permit);
        let _ = lines.send(last).await;
    });
    let activity = request.conn_data::<ConnectionActivity>();
    let in_progress = activity.and_then(ConnectionActivity::begin);
    let lines = poll_fn(move |cx| {
        let _ = &in_progress;
        receiver.poll_recv(cx).map(|line| Some(line?.text().map(Bytes::from)))
    });
    let media_type = (header::CONTENT_TYPE, "application/x-ndjson");
    HttpResponse::Ok().insert_header(media_type).streaming(lines)
}

/// The last line about a deletion. The others are sent meanwhile, as far as they are read.
async fn deleted(
    gateway: &GatewayState,
    company: &CompanyId,
    lines: &mpsc::Sender<DeletionLine>,
) -> DeletionLine {
    tracing::info!(%company, "deleting all data of this company");
    let (mut removed, mut told) = (0, gateway.clock.elapsed());
    let step = |entries| {
        removed += entries;
        let now = gateway.clock.elapsed();
        if limits::DELETION_LINE_EVERY <= now.saturating_sub(told) {
            told = now;
            let _ = lines.try_send(DeletionLine::Removed(removed));
        }
    };
    match gateway.store.delete_company(company, step).await {
        Ok(Some(receipt)) => {
            tracing::info!(%company, %receipt, "deleted the company");
            DeletionLine::Deleted(receipt.to_string())
        }
        Ok(None) => DeletionLine::NoData,
        Err(error) => {
            let error = chain(&error);
            tracing::error!(%company, error, "the deletion of this company was not finished");
            DeletionLine::Failed(error)
        }
    }
}

/// Whether a company could be copied into the store now: so that a command need not send all of it
/// to be refused.
pub(crate) async fn may_copy(request: HttpRequest, gateway: Data<GatewayState>) -> HttpResponse {
    match admitted(&request, &gateway).await {
        Ok((company, _permit)) => match is_empty(&gateway, &company).await {
            Ok(()) => HttpResponse::Ok().finish(),
            Err(refused) => refused.response(),
        },
        Err(response) => response,
    }
}

async fn is_empty(gateway: &GatewayState, company: &CompanyId) -> Result<(), CompanyRefused> {
    let found = gateway.store.companies(|stored| stored == company).await?;
    if found.count == 0 { Ok(()) } else { Err(CompanyRefused::HasData(company.clone())) }
}

/// Why a company was not copied. What was there of it is removed.
#[derive(Debug, thiserror::Error)]
enum NotCopied {
    #[error("the request ended before the whole company was there")]
    CutOff,
    #[error("the request is no copy of a company")]
    OtherKind,
    #[error(transparent)]
    Frame(#[from] InvalidFrame),
    #[error("the disk cannot take the company: {0}")]
    Disk(String),
    #[error(transparent)]
    Copy(#[from] CopyCompanyError),
}

impl NotCopied {
    fn status(&self) -> StatusCode {
        match self {
            NotCopied::CutOff | NotCopied::OtherKind | NotCopied::Frame(_) => {
                StatusCode::BAD_REQUEST
            }
            NotCopied::Copy(
                CopyCompanyError::HasData { .. }
                | CopyCompanyError::NotWhole { .. }
                | CopyCompanyError::OtherLayout,
            ) => StatusCode::CONFLICT,
            NotCopied::Disk(_) | NotCopied::Copy(_) => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

/// Takes all entries of a company, as frames, into the store.
pub(crate) async fn copy(
    request: HttpRequest,
    mut payload: Payload,
    gateway: Data<GatewayState>,
) -> HttpResponse {
    let (company, permit) = match admitted(&request, &gateway).await {
        Ok(admitted) => admitted,
        Err(response) => return response,
    };
    if let Some(extension) = request.conn_data::<DeadlineExtension>() {
        extension.grant_while_sent();
    }
    let activity = request.conn_data::<ConnectionActivity>();
    let _in_progress = activity.and_then(ConnectionActivity::begin);
    let (parts, received) = mpsc::channel::<Bytes>(limits::COMPANY_FRAMES_AHEAD);
    // If the command is killed, this handler is dropped; what was copied is removed all the same.
    let copying = rt::spawn(async move {
        let copied = receive(&gateway, &company, received).await;
        drop(permit);
        copied
    });
    while let Some(Ok(part)) = payload.next().await {
        // What follows an error is read as well, so that the command gets to read the answer.
        let _ = parts.send(part).await;
    }
    drop(parts);
    match copying.await {
        Ok(Ok(Copied { entries, bytes })) => {
            HttpResponse::Ok().json(CopiedCompany { entries, bytes })
        }
        Ok(Err(error)) => HttpResponse::build(error.status()).body(format!("{}\n", chain(&error))),
        Err(_) => HttpResponse::ServiceUnavailable().body("the copy was broken off\n"),
    }
}

/// Copies a company whole, or leaves nothing of it.
async fn receive(
    gateway: &GatewayState,
    company: &CompanyId,
    parts: mpsc::Receiver<Bytes>,
) -> Result<Copied, NotCopied> {
    let mut copy = gateway.store.begin_copy(company).await?;
    tracing::info!(%company, "this company is being copied into the store");
    let copied = match fill(gateway, &mut copy, parts).await {
        Ok(layout) => gateway.store.end_copy(copy, &layout).await.map_err(NotCopied::from),
        Err(error) => Err(error),
    };
    match &copied {
        Ok(Copied { entries, .. }) => tracing::info!(%company, entries, "copied the company"),
        Err(error) => remove(gateway, company, error).await,
    }
    copied
}

async fn remove(gateway: &GatewayState, company: &CompanyId, error: &NotCopied) {
    tracing::warn!(%company, %error, "the copy of this company was broken off");
    if let Err(error) = gateway.store.delete_company(company, |_| {}).await {
        tracing::error!(%company, %error, "the deletion of this company was not finished");
    }
}

/// Writes the entries of the frames. Returns the layout of the store that they come from.
async fn fill(
    gateway: &GatewayState,
    copy: &mut CompanyCopy<'_>,
    mut parts: mpsc::Receiver<Bytes>,
) -> Result<Vec<u8>, NotCopied> {
    let mut bytes = Vec::new();
    loop {
        match Frame::take(&mut bytes)? {
            None => bytes.extend(parts.recv().await.ok_or(NotCopied::CutOff)?),
            Some(Frame::Entries(writes)) => {
                let full = |refusal: Refusal| {
                    let errors = refusal.document().errors;
                    NotCopied::Disk(errors.into_iter().map(|error| error.detail).collect())
                };
                disk_wait::admit(gateway, StoreUse::ServerWrite).map_err(full)?;
                copy.write(writes.into_iter().filter_map(entry).collect()).await?;
            }
            Some(Frame::EndOfCompany(layout)) => return Ok(layout),
            Some(Frame::Batch(..) | Frame::EndOfCopy(..) | Frame::EndOfBatches) => {
                return Err(NotCopied::OtherKind);
            }
        }
    }
}

fn entry(Write { key, value }: Write) -> Option<(Key, Value)> {
    Some((key, value?))
}
