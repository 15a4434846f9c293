//! `gateway move-company`: copies all data of a company into another store.

use std::{
    io::{self, Read},
    path::PathBuf,
    sync::mpsc::{self, Receiver},
    thread,
};

use profile_protocol::CompanyId;
use profile_store::{
    CompanyCopy, Copied, CopyCompanyError, SystemIdGenerator,
    engine::{EmbeddedEngine, EmbeddedOptions, EngineError, Write},
};

use super::{
    admin_client::{AdminListener, RequestError},
    backup::{
        frame::Frame,
        store_source::{SourceError, StoreSource},
    },
    command_progress::CommandProgress,
    company_answers::CopiedCompany,
    company_statistics,
    data_directory::{self, DataDirectoryError, OpenedStore},
};
use crate::limits;

/// Why a company was not copied. The other store has nothing of it once it is opened again.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MoveError {
    /// The first store cannot be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The other store cannot be opened.
    #[error(transparent)]
    Target(#[from] DataDirectoryError),
    /// The other gateway did not take the company.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// The other gateway answered with something else.
    #[error("the other gateway did not say whether it has the company: run `gateway stats` on it")]
    Answer(#[source] io::Error),
    /// An entry cannot be sent.
    #[error("an entry of the company is too large to be sent")]
    TooLarge,
    /// There is no place for a temporary copy.
    #[error("cannot make a temporary copy of the store")]
    Scratch(#[source] io::Error),
    /// The first store has no data of the company.
    #[error("the store has no data of company {company}")]
    NoData {
        /// The company.
        company: CompanyId,
    },
    /// The other store cannot get the company.
    #[error(transparent)]
    Copy(#[from] CopyCompanyError),
}

/// The store that gets a company.
#[derive(Debug)]
pub enum CompanyTarget {
    /// A directory that is not being served.
    DataDirectory(TargetDirectory),
    /// The admin listener of a gateway that serves its store.
    Gateway(AdminListener),
}

/// The directory of a store that gets a company.
#[derive(Debug)]
pub struct TargetDirectory {
    /// The directory. If it is empty or missing, it gets a new store.
    pub directory: PathBuf,
    /// The archive of its journal, if there is one.
    pub archive: Option<PathBuf>,
}

/// Copies a company into another store. The copy is on disk when this returns.
pub async fn copy_company(
    source: &StoreSource,
    company: &CompanyId,
    into: CompanyTarget,
) -> Result<Copied, MoveError> {
    require(source, company).await?;
    match into {
        CompanyTarget::DataDirectory(target) => copy_into(source, company, &target).await,
        CompanyTarget::Gateway(listener) => send_to(source, company, listener).await,
    }
}

/// Sends the entries of a company to the gateway that gets it. They are read while earlier ones are
/// sent on a thread of its own.
async fn send_to(
    source: &StoreSource,
    company: &CompanyId,
    listener: AdminListener,
) -> Result<Copied, MoveError> {
    let path = format!("/company-copy?company={company}");
    listener.get(&path, limits::TRANSFER_PART_TIMEOUT)?;
    let (frames, received) = mpsc::sync_channel(limits::COMPANY_FRAMES_AHEAD);
    let sending = thread::spawn(move || {
        let mut body = FrameBytes { received, current: io::Cursor::default() };
        listener.post_stream(&path, &mut body, limits::TRANSFER_PART_TIMEOUT).map(|answer| {
            let answer = answer.take(limits::COMPANY_ANSWER_BYTES);
            serde_json::from_reader::<_, CopiedCompany>(answer).map_err(io::Error::from)
        })
    });
    let progress = CommandProgress::start("entries read");
    let send = |frame: Frame| -> Result<(), MoveError> {
        // If the thread has ended, its result says why.
        let _ = frames.send(frame.encode().ok_or(MoveError::TooLarge)?);
        Ok(())
    };
    let read = source.each_page(&progress, async |entries| {
        let own = entries.into_iter().filter(|(key, _)| CompanyCopy::needs(company, key));
        let own: Vec<Write> = own.map(|(key, value)| Write { key, value: Some(value) }).collect();
        if own.is_empty() { Ok(()) } else { send(Frame::Entries(own)) }
    });
    let ended = read.await.and_then(|layout| send(Frame::EndOfCompany(layout)));
    // A body that ends without its last frame is no copy.
    drop(frames);
    let answer = sending.join().unwrap_or_else(|_| Ok(Err(io::ErrorKind::Other.into())));
    ended?;
    let CopiedCompany { entries, bytes } = answer?.map_err(MoveError::Answer)?;
    Ok(Copied { entries, bytes })
}

/// The bytes of frames as they are made.
struct FrameBytes {
    received: Receiver<Vec<u8>>,
    current: io::Cursor<Vec<u8>>,
}

impl Read for FrameBytes {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let read = self.current.read(buffer)?;
            if read != 0 || buffer.is_empty() {
                return Ok(read);
            }
            match self.received.recv() {
                Ok(frame) => self.current = io::Cursor::new(frame),
                Err(mpsc::RecvError) => return Ok(0),
            }
        }
    }
}

/// Copies a company into the store of a directory that is not being served, if the first store has
/// data of the company. Otherwise the other one gets nothing.
pub(crate) async fn copy_into(
    source: &StoreSource,
    company: &CompanyId,
    into: &TargetDirectory,
) -> Result<Copied, MoveError> {
    let target = open(into)?;
    let mut copy =
        CompanyCopy::begin(&target.engine, company, &SystemIdGenerator::default()).await?;
    let progress = CommandProgress::start("entries read");
    let write = async |entries| copy.write(entries).await.map_err(MoveError::from);
    let layout = source.each_page(&progress, write).await?;
    let copied = copy.finish(&layout).await?;
    target.engine.close().map_err(DataDirectoryError::from)?;
    Ok(copied)
}

/// Fails if the store has no data of the company, before anything is written.
async fn require(source: &StoreSource, company: &CompanyId) -> Result<(), MoveError> {
    let mut is_there = false;
    company_statistics::count(source, Some(company), |_| is_there = true).await?;
    if is_there { Ok(()) } else { Err(MoveError::NoData { company: company.clone() }) }
}

/// Opens the store of a directory, and creates it if there is nothing yet.
fn open(
    TargetDirectory { directory, archive }: &TargetDirectory,
) -> Result<OpenedStore, DataDirectoryError> {
    let options = EmbeddedOptions {
        cache_bytes: limits::COMPACTION_CACHE_BYTES,
        ..EmbeddedOptions::default()
    };
    if !data_directory::has_store(directory)? {
        data_directory::prepare(directory).map_err(EngineError::Io)?;
        EmbeddedEngine::open(directory, options)?.close()?;
    }
    data_directory::open_existing(directory, options, archive.as_deref())
}
