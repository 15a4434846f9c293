//! An export as it is sent: profiles are read, written and sent some at a time, so that memory does
//! not grow with their number. What is cut off lacks the end of its response, which browsers and
//! other programs report as a failed download.

use std::{io, time::Duration};

use actix_web::{
    HttpResponse,
    http::header,
    rt::{
        self,
        time::{sleep, timeout},
    },
    web::{self, Bytes, Data},
};
use futures_util::{Stream, stream::unfold};
use profile_store::{ProfileWalk, Timestamp, engine::EngineError};
use tokio::{runtime::Handle, sync::mpsc};

use super::{
    export_progress::{ExportCut, ExportEnd, ExportWish, ExportedSoFar, RunningExport},
    page,
    read_access::ReadAccess,
};
use crate::{
    capacity::{disk_wait, open_connection::RequestInProgress},
    limits,
    ops::export::profile_writer::ProfileWriter,
    settings::TransferFormat,
};

/// A part of the body, and `None` once it is whole.
type ExportPart = Option<Bytes>;

/// Why profiles could not be read or written.
#[derive(Debug, thiserror::Error)]
enum StepError {
    #[error(transparent)]
    Engine(#[from] EngineError),
    #[error(transparent)]
    Write(#[from] io::Error),
}

/// The reading side of an export.
struct ExportReader {
    access: ReadAccess,
    wish: ExportWish,
    walk: ProfileWalk,
    done: ExportedSoFar,
    is_begun: bool,
}

/// What one step has read.
struct ExportStep {
    walk: ProfileWalk,
    bytes: Vec<u8>,
    rows: u64,
    damaged: u64,
    is_last: bool,
}

/// Begins an export, and the response that has it.
pub(super) fn streamed(
    access: ReadAccess,
    wish: ExportWish,
    running: RunningExport,
    in_progress: Option<RequestInProgress>,
) -> HttpResponse {
    let (name, media_type) = match wish.format {
        TransferFormat::Jsonl => ("jsonl", "application/jsonl"),
        TransferFormat::Csv => ("csv", "text/csv; charset=utf-8; header=present"),
    };
    let name = format!("{}-profiles.{name}", access.company.id);
    let (sender, receiver) = mpsc::channel(limits::CONSOLE_EXPORT_PARTS);
    rt::spawn(carry_out(access, wish, running, sender));
    let mut response = HttpResponse::Ok();
    response.insert_header((header::CONTENT_TYPE, media_type));
    let disposition = format!("attachment; filename=\"{name}\"");
    response.insert_header((header::CONTENT_DISPOSITION, disposition));
    // For proxies that would gather all of it otherwise.
    response.insert_header(("X-Accel-Buffering", "no"));
    page::hardened(response.streaming(body(receiver, in_progress)))
}

/// The body. It ends with an error if the export was cut off, and then the connection is closed
/// without the end of the body.
fn body(
    receiver: mpsc::Receiver<ExportPart>,
    in_progress: Option<RequestInProgress>,
) -> impl Stream<Item = io::Result<Bytes>> {
    unfold(Some((receiver, in_progress)), |open| async move {
        let (mut receiver, in_progress) = open?;
        match receiver.recv().await {
            Some(part) => Some((Ok(part?), Some((receiver, in_progress)))),
            None => Some((Err(io::Error::other("the export was cut off")), None)),
        }
    })
}

async fn carry_out(
    access: ReadAccess,
    wish: ExportWish,
    running: RunningExport,
    sender: mpsc::Sender<ExportPart>,
) {
    let company = access.company.id.clone();
    let (walk, done) = (ProfileWalk::default(), ExportedSoFar::default());
    let mut reader = ExportReader { access, wish, walk, done, is_begun: false };
    let end = match reader.send_all(&running, &sender).await {
        Ok(()) => ExportEnd::Whole,
        Err(cut) => ExportEnd::CutOff(cut),
    };
    let ExportedSoFar { rows, bytes, damaged } = reader.done;
    match end {
        ExportEnd::Whole => {
            tracing::info!(%company, rows, bytes, damaged, "an export of the console was sent");
        }
        ExportEnd::CutOff(cut) => {
            tracing::warn!(%company, rows, reason = %cut, "an export of the console was cut off");
        }
    }
    running.end(end);
}

impl ExportReader {
    async fn send_all(
        &mut self,
        running: &RunningExport,
        sender: &mpsc::Sender<ExportPart>,
    ) -> Result<(), ExportCut> {
        let clock = self.access.gateway.clock;
        loop {
            if !self.access.is_open_and_used() {
                return Err(ExportCut::SessionEnded);
            }
            let began = clock.elapsed();
            let step = self.step().await?;
            let pause = pause_after(clock.elapsed().saturating_sub(began));
            for part in step.bytes.chunks(limits::CONSOLE_EXPORT_PART_BYTES) {
                send(sender, Some(Bytes::copy_from_slice(part))).await?;
            }
            self.walk = step.walk;
            self.done.rows += step.rows;
            self.done.damaged += step.damaged;
            self.done.bytes += step.bytes.len() as u64;
            running.reached(self.done);
            if step.is_last {
                return send(sender, None).await;
            }
            sleep(pause).await;
        }
    }

    /// Reads and writes the next profiles on a thread that may block on the disk.
    async fn step(&mut self) -> Result<ExportStep, ExportCut> {
        let (gateway, company) =
            (Data::clone(&self.access.gateway), self.access.company.id.clone());
        let (wish, mut walk, runtime) = (self.wish, self.walk.clone(), Handle::current());
        let is_first = !std::mem::replace(&mut self.is_begun, true);
        let read = move || {
            runtime.block_on(async move {
                let mut step = StepWriter::new(wish, is_first)?;
                while step.has_room() {
                    match gateway.store.next_profiles(&company, &mut walk).await? {
                        Some(profiles) => step.add(profiles)?,
                        None => return Ok(step.finish(walk, true)),
                    }
                }
                Ok::<_, StepError>(step.finish(walk, false))
            })
        };
        let read = disk_wait::read(&self.access.gateway, web::block(read)).await;
        match read {
            Ok(Ok(Ok(step))) => Ok(step),
            Ok(Ok(Err(error))) => {
                tracing::warn!(%error, "an export of the console cannot read the store");
                Err(ExportCut::Unreadable)
            }
            Ok(Err(_)) | Err(_) => Err(ExportCut::Unreadable),
        }
    }
}

/// Writes the profiles of one step.
struct StepWriter {
    since: Option<Timestamp>,
    format: TransferFormat,
    bytes: Vec<u8>,
    looked_at: usize,
    rows: u64,
    damaged: u64,
}

impl StepWriter {
    fn new(ExportWish { format, since }: ExportWish, is_first: bool) -> io::Result<StepWriter> {
        let since = since.map(|since| Timestamp::from_millis(since.unix_millis()));
        let bytes =
            if is_first { ProfileWriter::new(format, Vec::new())?.finish()? } else { Vec::new() };
        Ok(StepWriter { since, format, bytes, looked_at: 0, rows: 0, damaged: 0 })
    }

    fn has_room(&self) -> bool {
        self.looked_at < limits::CONSOLE_EXPORT_STEP
            && self.bytes.len() < limits::CONSOLE_EXPORT_STEP_BYTES
    }

    fn add(
        &mut self,
        profiles: Vec<Result<profile_store::Profile, profile_store::DamagedProfile>>,
    ) -> io::Result<()> {
        let written = std::mem::take(&mut self.bytes);
        let mut writer = ProfileWriter::continuing(self.format, written);
        for profile in profiles {
            self.looked_at += 1;
            match profile {
                Ok(profile) if self.since.is_some_and(|since| profile.updated < since) => {}
                Ok(profile) => {
                    writer.write(&profile)?;
                    self.rows += 1;
                }
                Err(damaged) => {
                    tracing::warn!(profile = %damaged.id, "an export leaves out a damaged profile");
                    self.damaged += 1;
                }
            }
        }
        self.bytes = writer.finish()?;
        Ok(())
    }

    fn finish(self, walk: ProfileWalk, is_last: bool) -> ExportStep {
        let StepWriter { bytes, rows, damaged, .. } = self;
        ExportStep { walk, bytes, rows, damaged, is_last }
    }
}

/// Hands a part over, if the receiver takes it in time.
async fn send(sender: &mpsc::Sender<ExportPart>, part: ExportPart) -> Result<(), ExportCut> {
    match timeout(limits::CONSOLE_EXPORT_STALL, sender.send(part)).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) => Err(ExportCut::ReceiverGone),
        Err(_) => Err(ExportCut::ReceiverStalled),
    }
}

/// The pause after a step that took so long: an export uses the store at most half of the time.
fn pause_after(took: Duration) -> Duration {
    took.min(limits::CONSOLE_EXPORT_PAUSE)
}

#[cfg(test)]
mod tests {
    use futures_util::{FutureExt, StreamExt};

    use super::*;

    #[test]
    fn an_export_leaves_the_store_alone_for_as_long_as_it_used_it() {
        let took = Duration::from_millis(7);
        assert_eq!(pause_after(took), took);
        assert_eq!(pause_after(Duration::from_mins(1)), limits::CONSOLE_EXPORT_PAUSE);
    }

    #[test]
    fn a_body_that_is_not_whole_ends_with_an_error() {
        for (is_whole, ends_with_error) in [(true, false), (false, true)] {
            let (sender, receiver) = mpsc::channel(2);
            sender.try_send(Some(Bytes::from_static(b"a"))).unwrap();
            if is_whole {
                sender.try_send(None).unwrap();
            }
            drop(sender);
            let parts: Vec<_> = body(receiver, None).collect().now_or_never().unwrap();
            assert_eq!(parts.last().unwrap().is_err(), ends_with_error);
            assert_eq!(parts.len(), if is_whole { 1 } else { 2 });
        }
    }
}
