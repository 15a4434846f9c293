//! The store that an import writes: of a directory that is not being served, or of a gateway that
//! serves.

use std::{fs::File, io::Read, num::NonZeroU32, path::PathBuf, sync::Arc};

use actix_web::web::Data;
use profile_protocol::CompanyId;
use profile_store::{
    DeleteCompanyError, Engine, FormatError, OpenError, Store, StoreOptions, SystemIdGenerator,
    engine::{
        BoxFuture, EmbeddedEngine, EngineError, Key, MemoryEngine, Place, RangePage,
        ReadOnlyEngine, Scan, Session, Value,
    },
};

use super::{
    carry_out,
    part::{ImportMode, ImportPart, PartAnswer},
};
use crate::{
    limits,
    ops::{
        admin_client::{AdminListener, RequestError},
        backup::store_source::StoreSource,
        data_directory::{self, DataDirectoryError},
        disk_reserve::DiskReserve,
        disk_watch,
    },
    server::{self, ServeError},
    settings::{Configuration, ServeArguments, SettingsError},
    state::GatewayState,
    tenants::directory::Company,
};

/// Why rows were not carried out.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImportTargetError {
    /// The configuration is invalid.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// There is no configuration.
    #[error(
        "a data directory gets rows by the rules of its configuration: name the file by --config"
    )]
    NoConfiguration,
    /// The company is not configured, so it is unknown which rules hold for it.
    #[error("company {company} is not in the configuration")]
    NotConfigured {
        /// The company.
        company: CompanyId,
    },
    /// The store cannot be opened or closed.
    #[error(transparent)]
    Serve(#[from] Box<ServeError>),
    /// The store cannot be read.
    #[error(transparent)]
    Directory(#[from] DataDirectoryError),
    /// The store cannot be opened for reading.
    #[error("the store cannot be opened")]
    Open(#[from] OpenError),
    /// The store cannot be read before something is written.
    #[error(
        "a dry run writes nothing, and the store has an earlier layout, was never started since \
         its backup, or has a deletion that was cut off: run gateway migrate, or start the gateway \
         once, and then repeat the dry run"
    )]
    Unfinished(#[source] OpenError),
    /// The gateway did not take the rows.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// The gateway answered with something else.
    #[error("the gateway sent an answer that is none to a part of an import: {reason}")]
    Answer {
        /// What is wrong with it.
        reason: String,
    },
    /// The store did not take the rows.
    #[error("the store did not take the rows: {reason}")]
    Failed {
        /// Why.
        reason: String,
    },
}

impl ImportTargetError {
    /// Whether the same part may be carried out later.
    pub(crate) fn is_temporary(&self) -> bool {
        matches!(self, ImportTargetError::Request(error) if error.is_temporary())
    }
}

/// How a store that no gateway serves takes rows.
pub(crate) struct TargetSettings {
    /// Its configuration.
    pub(crate) config: Option<PathBuf>,
    /// The archive of its journal, if it is not the one that the configuration names.
    pub(crate) archive: Option<PathBuf>,
}

/// A store that takes rows.
pub(crate) enum ImportTarget {
    Opened(Box<OpenedTarget>),
    Served(AdminListener),
}

/// A store in this process.
pub(crate) struct OpenedTarget {
    gateway: Data<GatewayState>,
    company: Arc<Company>,
    /// None of a store that is only read.
    writer: Option<TargetWriter>,
}

/// What a store that is written needs.
struct TargetWriter {
    engine: Arc<EmbeddedEngine>,
    /// Holds the space that is reserved.
    _reserve: DiskReserve,
    directory: File,
}

impl ImportTarget {
    pub(crate) async fn open(
        source: StoreSource,
        TargetSettings { config, archive }: TargetSettings,
        company: &CompanyId,
        mode: ImportMode,
    ) -> Result<ImportTarget, ImportTargetError> {
        let data_dir = match source {
            StoreSource::Gateway(listener) => return Ok(ImportTarget::Served(listener)),
            StoreSource::DataDirectory(directory) => Some(directory),
        };
        if config.is_none() {
            return Err(ImportTargetError::NoConfiguration);
        }
        let arguments = ServeArguments {
            config,
            data_dir,
            journal_archive: archive,
            ..ServeArguments::default()
        };
        let configuration = arguments.configure()?;
        let found = configuration.companies.find(company.as_str()).map(Arc::clone);
        let not_configured = || ImportTargetError::NotConfigured { company: company.clone() };
        let company = found.ok_or_else(not_configured)?;
        let opened = match mode {
            ImportMode::Apply => OpenedTarget::for_writing(configuration, company).await?,
            ImportMode::Preview => OpenedTarget::for_reading(configuration, company).await?,
        };
        Ok(ImportTarget::Opened(Box::new(opened)))
    }

    /// Carries out a part.
    pub(crate) async fn carry_out(
        &self,
        part: &ImportPart,
    ) -> Result<PartAnswer, ImportTargetError> {
        match self {
            ImportTarget::Opened(opened) => {
                let OpenedTarget { gateway, company, writer } = opened.as_ref();
                if let Some(writer) = writer {
                    disk_watch::measure(gateway, &writer.directory);
                }
                let answer = carry_out::carry_out(gateway, company, part).await;
                answer.map_err(|refusal| ImportTargetError::Failed {
                    reason: carry_out::reason(&refusal),
                })
            }
            ImportTarget::Served(listener) => sent(listener, part),
        }
    }

    pub(crate) async fn close(self) -> Result<(), ImportTargetError> {
        match self {
            ImportTarget::Opened(opened) => match opened.writer {
                Some(writer) => server::close(opened.gateway, writer.engine)
                    .await
                    .map_err(|error| Box::new(error).into()),
                None => Ok(()),
            },
            ImportTarget::Served(_) => Ok(()),
        }
    }
}

fn sent(listener: &AdminListener, part: &ImportPart) -> Result<PartAnswer, ImportTargetError> {
    let answer =
        |error: &dyn std::fmt::Display| ImportTargetError::Answer { reason: error.to_string() };
    let body = serde_json::to_vec(part).map_err(|error| answer(&error))?;
    let response = listener.post("/import", &body, limits::TRANSFER_PART_TIMEOUT)?;
    let most = limits::TRANSFER_BODY_BYTES as u64;
    serde_json::from_reader(response.take(most)).map_err(|error| answer(&error))
}

impl OpenedTarget {
    async fn for_writing(
        configuration: Configuration,
        company: Arc<Company>,
    ) -> Result<OpenedTarget, ImportTargetError> {
        let reserve = server::open_reserve(&configuration.server).map_err(Box::new)?;
        let directory = File::open(&configuration.server.data_dir)
            .map_err(|error| OpenError::Engine(EngineError::Io(error)))?;
        let opening = server::open_store(&configuration.server);
        let (store, engine) = opening.await.map_err(Box::new)?;
        let gateway = Data::new(GatewayState::new(configuration, store));
        let writer = TargetWriter { engine, _reserve: reserve, directory };
        Ok(OpenedTarget { gateway, company, writer: Some(writer) })
    }

    /// Opens the store, or an empty one if there is none, and writes nothing.
    async fn for_reading(
        configuration: Configuration,
        company: Arc<Company>,
    ) -> Result<OpenedTarget, ImportTargetError> {
        let directory = &configuration.server.data_dir;
        let engine: Arc<dyn Engine> = if data_directory::has_store(directory)? {
            Arc::new(PreviewEngine(data_directory::open_read_only(directory)?))
        } else {
            Arc::new(MemoryEngine::default())
        };
        let ids = Arc::new(SystemIdGenerator::default());
        let assembled = Store::assemble(engine, ids, StoreOptions::default()).await;
        let (store, _) = assembled.map_err(not_previewed)?;
        let gateway = Data::new(GatewayState::new(configuration, store));
        Ok(OpenedTarget { gateway, company, writer: None })
    }
}

/// Why a store that is only read is not opened.
fn not_previewed(error: OpenError) -> ImportTargetError {
    let is_unfinished = matches!(
        error,
        OpenError::Engine(EngineError::ReadOnly)
            | OpenError::Format(FormatError::Engine(EngineError::ReadOnly))
            | OpenError::Deletion(DeleteCompanyError::Format(FormatError::Engine(
                EngineError::ReadOnly,
            )))
    );
    if is_unfinished {
        ImportTargetError::Unfinished(error)
    } else {
        ImportTargetError::Open(error)
    }
}

/// An engine for finding out what requests would do: it says that it can be written, as the store
/// explains no request otherwise, and refuses every write.
struct PreviewEngine(ReadOnlyEngine);

impl Engine for PreviewEngine {
    fn places(&self) -> NonZeroU32 {
        self.0.places()
    }

    fn begin(&self, place: Place) -> BoxFuture<'_, Result<Box<dyn Session>, EngineError>> {
        self.0.begin(place)
    }

    fn read(&self, keys: Vec<Key>) -> BoxFuture<'_, Result<Vec<Option<Value>>, EngineError>> {
        self.0.read(keys)
    }

    fn scan(&self, scan: Scan) -> BoxFuture<'_, Result<Vec<(Key, Value)>, EngineError>> {
        self.0.scan(scan)
    }

    fn scan_page(&self, scan: Scan, bytes: usize) -> BoxFuture<'_, Result<RangePage, EngineError>> {
        self.0.scan_page(scan, bytes)
    }

    fn sync(&self) -> BoxFuture<'_, Result<(), EngineError>> {
        self.0.sync()
    }

    fn bytes(&self) -> BoxFuture<'_, Result<u64, EngineError>> {
        self.0.bytes()
    }

    fn is_writable(&self) -> bool {
        true
    }
}
