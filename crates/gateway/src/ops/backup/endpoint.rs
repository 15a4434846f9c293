//! `GET /backup` of the admin listener: a whole copy of the store, or what was committed after a
//! position.

use std::{io, sync::Arc};

use actix_web::{
    HttpRequest, HttpResponse,
    http::{StatusCode, header},
    rt,
    web::{Bytes, Data},
};
use futures_util::stream::poll_fn;
use profile_store::{
    BackupSource, CopyError,
    engine::{ArchiveEnd, EngineError, EngineSnapshot, JournalArchive, JournalPosition, Write},
};
use tokio::{
    sync::{OwnedSemaphorePermit, mpsc},
    task::spawn_blocking,
    time::timeout,
};

use super::{BackupOrigin, frame::Frame};
use crate::{
    capacity::open_connection::ConnectionActivity, hexadecimal, http::deadline::DeadlineExtension,
    limits, ops::admin_key, state::GatewayState,
};

/// Why no backup is sent.
#[derive(Debug, thiserror::Error)]
enum NoBackup {
    #[error("another backup is being sent; try again when it has ended")]
    Busy,
    #[error(
        "the store has its table in sled, which cannot be read as of one moment: stop the gateway and back up its data directory, or copy the store into redb by `gateway compact`"
    )]
    NoSnapshots,
    #[error("`after` must be the position of a backup: 56 hexadecimal digits")]
    InvalidPosition,
    #[error("the backup is one of another store: name a new directory for a backup of this one")]
    OtherStore,
    #[error(
        "a backup can grow only with the setting journal_archive: name a new directory for a whole backup"
    )]
    NoArchive,
    #[error("the journal cannot be archived at the moment; the log says why")]
    NotArchived,
    #[error(
        "the backup goes further than the store, whose data directory is an older copy: name a new directory for a whole backup"
    )]
    BeyondEnd,
    #[error(
        "the archive cannot bring the backup up to date: {0}; name a new directory for a whole backup, or bring back the files"
    )]
    Gap(#[source] EngineError),
    #[error("the archive does not answer at the moment")]
    ArchiveHangs,
    #[error("the store cannot be read: {0}")]
    Engine(#[from] EngineError),
    #[error("the store cannot be read: {0}")]
    Copy(#[from] CopyError),
}

impl NoBackup {
    fn status(&self) -> StatusCode {
        match self {
            NoBackup::InvalidPosition => StatusCode::BAD_REQUEST,
            NoBackup::NoSnapshots
            | NoBackup::OtherStore
            | NoBackup::NoArchive
            | NoBackup::BeyondEnd
            | NoBackup::Gap(_) => StatusCode::CONFLICT,
            NoBackup::Busy
            | NoBackup::NotArchived
            | NoBackup::ArchiveHangs
            | NoBackup::Engine(_)
            | NoBackup::Copy(_) => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

/// Sends a backup, if the request has an admin key.
pub(crate) async fn backup(request: HttpRequest, gateway: Data<GatewayState>) -> HttpResponse {
    if let Err(refused) = admin_key::authorize(&request, &gateway) {
        return refused.response();
    }
    let Some(origin) = &gateway.backups else {
        return HttpResponse::NotFound().finish();
    };
    // The checkpoint before a backup may take longer than other answers.
    if let Some(extension) = request.conn_data::<DeadlineExtension>() {
        extension.grant_until_answered();
    }
    match begin(origin, request.query_string()).await {
        Ok(frames) => streamed(&request, frames),
        Err(error) => {
            tracing::warn!(%error, "a backup was refused");
            HttpResponse::build(error.status()).body(format!("{error}\n"))
        }
    }
}

/// The frames of a backup, as they are made. They stop being made when this is dropped.
struct Frames {
    receiver: mpsc::Receiver<io::Result<Bytes>>,
}

async fn begin(origin: &BackupOrigin, query: &str) -> Result<Frames, NoBackup> {
    let permit = permit(origin).await?;
    let after = query.strip_prefix("after=");
    if after.is_none() && !query.is_empty() {
        return Err(NoBackup::InvalidPosition);
    }
    let (sender, receiver) = mpsc::channel(limits::BACKUP_FRAMES_AHEAD);
    match after {
        None => {
            let snapshot = origin.engine.snapshot().await?.ok_or(NoBackup::NoSnapshots)?;
            tracing::info!(position = %snapshot.position, "a backup is being sent");
            rt::spawn(send_copy(snapshot, sender, permit));
        }
        Some(digits) => {
            let position = hexadecimal::decode::<{ JournalPosition::BYTES }>(digits);
            let position = position.and_then(|bytes| JournalPosition::from_bytes(&bytes));
            let position = position.ok_or(NoBackup::InvalidPosition)?;
            let part = archived_part(origin, position).await?;
            let permit = part.require_files(permit).await?;
            tracing::info!(after = %position, "a part of the journal is being sent to a backup");
            spawn_blocking(move || send_batches(&part, &sender, permit));
        }
    }
    Ok(Frames { receiver })
}

/// The permit to send a backup. A receiver that was killed holds it until that is noticed.
async fn permit(origin: &BackupOrigin) -> Result<OwnedSemaphorePermit, NoBackup> {
    let permit = Arc::clone(&origin.permit).acquire_owned();
    match timeout(limits::BACKUP_PERMIT_WAIT, permit).await {
        Ok(Ok(permit)) => Ok(permit),
        Ok(Err(_)) | Err(_) => Err(NoBackup::Busy),
    }
}

/// What a backup gets from the archive.
#[derive(Clone)]
struct ArchivedPart {
    archive: JournalArchive,
    /// How far the backup goes.
    after: JournalPosition,
    /// Where the archive ends, at least.
    end: JournalPosition,
}

/// The part after a position, once everything is archived that was committed before.
async fn archived_part(
    origin: &BackupOrigin,
    after: JournalPosition,
) -> Result<ArchivedPart, NoBackup> {
    let directory = origin.archive.as_ref().ok_or(NoBackup::NoArchive)?;
    let ArchiveEnd { position: end, is_archived } = origin.engine.archive_all().await?;
    if !after.is_of_same_store(&end) {
        Err(NoBackup::OtherStore)
    } else if after.is_beyond(&end) {
        Err(NoBackup::BeyondEnd)
    } else if !is_archived {
        Err(NoBackup::NotArchived)
    } else {
        Ok(ArchivedPart { archive: JournalArchive::new(directory.clone()), after, end })
    }
}

impl ArchivedPart {
    /// Fails if the archive lacks a file of it. Gives the permit back, which an archive that hangs
    /// keeps, so that it hangs one thread at most.
    async fn require_files(
        &self,
        permit: OwnedSemaphorePermit,
    ) -> Result<OwnedSemaphorePermit, NoBackup> {
        let part = self.clone();
        let looking = spawn_blocking(move || {
            let required = part.archive.require_files(part.after, part.end);
            required.map(|()| permit).map_err(NoBackup::Gap)
        });
        match timeout(limits::ARCHIVE_ANSWER_TIMEOUT, looking).await {
            Ok(Ok(required)) => required,
            Ok(Err(error)) => Err(NoBackup::Engine(EngineError::Io(io::Error::other(error)))),
            Err(_) => Err(NoBackup::ArchiveHangs),
        }
    }
}

/// Makes the frames of a whole copy. They end early, with an error, if the store cannot be read.
async fn send_copy(
    snapshot: EngineSnapshot,
    frames: mpsc::Sender<io::Result<Bytes>>,
    permit: OwnedSemaphorePermit,
) {
    if let Err(error) = try_send_copy(&snapshot, &frames).await {
        tracing::warn!(error = %error, "the backup that was being sent was broken off");
        let _ = frames.send(Err(io::Error::other(error))).await;
    } else {
        tracing::info!(position = %snapshot.position, "the backup was sent");
    }
    drop(permit);
}

/// Why the frames of a backup end early.
#[derive(Debug, thiserror::Error)]
enum BrokenOff {
    #[error("the receiver has gone")]
    ReceiverGone,
    #[error("an entry is too large")]
    TooLarge,
    #[error("the store cannot be read: {0}")]
    Copy(#[from] CopyError),
    #[error("the archive cannot be read: {0}")]
    Archive(#[from] EngineError),
    #[error("the archive has lost files")]
    Incomplete,
}

async fn try_send_copy(
    snapshot: &EngineSnapshot,
    frames: &mpsc::Sender<io::Result<Bytes>>,
) -> Result<(), BrokenOff> {
    let mut source = BackupSource::new(&snapshot.engine).await?;
    while let Some(entries) = source.next_entries().await? {
        let writes = entries.into_iter().map(|(key, value)| Write { key, value: Some(value) });
        send(frames, &Frame::Entries(writes.collect())).await?;
    }
    let end = Frame::EndOfCopy(snapshot.position, source.layout().to_vec());
    send(frames, &end).await
}

async fn send(frames: &mpsc::Sender<io::Result<Bytes>>, frame: &Frame) -> Result<(), BrokenOff> {
    let bytes = frame.encode().ok_or(BrokenOff::TooLarge)?;
    frames.send(Ok(bytes.into())).await.or(Err(BrokenOff::ReceiverGone))
}

/// Makes the frames of a part. Blocks.
fn send_batches(
    part: &ArchivedPart,
    frames: &mpsc::Sender<io::Result<Bytes>>,
    permit: OwnedSemaphorePermit,
) {
    if let Err(error) = try_send_batches(part, frames) {
        tracing::warn!(error = %error, "the part of the journal that was being sent was broken off");
        let _ = frames.blocking_send(Err(io::Error::other(error)));
    }
    drop(permit);
}

fn try_send_batches(
    ArchivedPart { archive, after, end }: &ArchivedPart,
    frames: &mpsc::Sender<io::Result<Bytes>>,
) -> Result<(), BrokenOff> {
    let send = |frame: Frame| {
        let bytes = frame.encode().ok_or(BrokenOff::TooLarge)?;
        frames.blocking_send(Ok(bytes.into())).or(Err(BrokenOff::ReceiverGone))
    };
    let mut batches = archive.batches_after(*after);
    for batch in &mut batches {
        let (position, batch) = batch?;
        send(Frame::Batch(position, batch))?;
    }
    if end.is_beyond(&batches.position()) {
        return Err(BrokenOff::Incomplete);
    }
    send(Frame::EndOfBatches)
}

/// A response with these frames. Its connection is not idle until the last one is sent.
fn streamed(request: &HttpRequest, Frames { mut receiver }: Frames) -> HttpResponse {
    let activity = request.conn_data::<ConnectionActivity>();
    let in_progress = activity.and_then(ConnectionActivity::begin);
    let frames = poll_fn(move |cx| {
        let _ = &in_progress;
        receiver.poll_recv(cx)
    });
    let media_type = (header::CONTENT_TYPE, "application/octet-stream");
    HttpResponse::Ok().insert_header(media_type).streaming(frames)
}
