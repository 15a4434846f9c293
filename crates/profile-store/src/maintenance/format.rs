//! The layout of the data: checked when a store is opened, and migrated from earlier versions.
//!
//! The format key holds the version. While a migration runs it holds the new version, the old one,
//! and the last company that was migrated, so that a migration that was cut off goes on where it
//! was.

use profile_protocol::CompanyId;

use super::{commit::commit, prune::next_company, sender_key};
use crate::{
    IdGenerator, NoEntropy,
    engine::{BatchId, Durability, Engine, EngineError, Order, Place, Scan, Write},
    layout::{
        key::{self, FORMAT, FORMAT_VERSION, KeyKind, ParsedKey},
        record::{self, NewestOutcome},
    },
    limits,
};

/// The layout before newest outcomes had keys of their own.
const LAYOUT_5: u8 = 5;

/// The layout before records of profiles had changes. All of it is valid today.
const LAYOUT_6: u8 = 6;

/// The layout before replaced values and push tokens were kept, and before lost identifiers led to
/// profiles. All of it is valid today.
const LAYOUT_7: u8 = 7;

/// Why the layout of the data cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FormatError {
    /// The engine failed.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// There is no entropy for the key of a new store.
    #[error(transparent)]
    Entropy(#[from] NoEntropy),
    /// There is data, and it is not that of a profile store.
    #[error("the data is not that of a profile store")]
    NotAStore,
    /// Another version of this program wrote the data.
    #[error(
        "the data has layout {found}; this version reads layouts {LAYOUT_5} to {}",
        FORMAT_VERSION
    )]
    Unknown {
        /// The layout of the data.
        found: u8,
    },
}

/// The layout of some data.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Layout {
    /// There is no data yet.
    Empty,
    Current,
    /// An earlier layout, all of which is valid today.
    Valid(u8),
    /// Layout 5, of which the companies up to this one were migrated.
    Migrating(Option<CompanyId>),
}

impl Layout {
    /// The version, which is the earlier one until all companies are migrated.
    pub(crate) fn version(&self) -> u8 {
        match self {
            Layout::Empty | Layout::Current => FORMAT_VERSION,
            Layout::Valid(version) => *version,
            Layout::Migrating(_) => LAYOUT_5,
        }
    }

    /// Whether a company has the key of its newest outcome.
    pub(crate) fn has_newest_outcome(&self, company: &CompanyId) -> bool {
        match self {
            Layout::Empty | Layout::Current | Layout::Valid(_) => true,
            // In the order of keys.
            Layout::Migrating(Some(last)) => company.as_str() <= last.as_str(),
            Layout::Migrating(None) => false,
        }
    }
}

/// Makes sure that the data has the current layout: writes it into an empty engine, with a key for
/// the digests of senders, and migrates data of an earlier version.
pub(crate) async fn open(
    engine: &dyn Engine,
    ids: &dyn IdGenerator,
    writer: u64,
) -> Result<(), FormatError> {
    match layout(engine).await? {
        // What was written last may have outlived its process without being on disk.
        Layout::Current => Ok(engine.sync().await?),
        Layout::Empty => {
            let key = sender_key::generated(ids)?;
            let entries = vec![write_format(&[FORMAT_VERSION]), sender_key::write(&key)];
            Ok(commit_format(engine, writer, entries).await?)
        }
        // It may have a key for the digests of senders, which stays.
        Layout::Valid(_) => {
            Ok(commit_format(engine, writer, vec![write_format(&[FORMAT_VERSION])]).await?)
        }
        Layout::Migrating(company) => migrate(engine, writer, company).await,
    }
}

async fn commit_format(
    engine: &dyn Engine,
    writer: u64,
    entries: Vec<Write>,
) -> Result<(), EngineError> {
    let id = BatchId { writer, number: 0 };
    commit(engine, Place::of_key(FORMAT, engine.places()), id, entries, Durability::Flushed).await
}

/// The layout of the data in an engine.
pub(crate) async fn layout(engine: &dyn Engine) -> Result<Layout, FormatError> {
    let values = engine.read(vec![FORMAT.to_vec()]).await?;
    match values.first().and_then(Option::as_deref) {
        Some([FORMAT_VERSION]) => Ok(Layout::Current),
        Some([version @ (LAYOUT_6 | LAYOUT_7)]) => Ok(Layout::Valid(*version)),
        Some([LAYOUT_5]) => Ok(Layout::Migrating(None)),
        // An earlier release may have begun the migration.
        Some([FORMAT_VERSION | LAYOUT_7 | LAYOUT_6, LAYOUT_5, company @ ..]) => {
            let company = std::str::from_utf8(company).ok().and_then(|text| text.parse().ok());
            let damaged = || EngineError::Damaged("the format key".to_owned());
            Ok(Layout::Migrating(Some(company.ok_or_else(damaged)?)))
        }
        Some([found, ..]) => Err(FormatError::Unknown { found: *found }),
        Some([]) => Err(FormatError::NotAStore),
        None => {
            let (after, order) = (None, Order::Ascending);
            let first = Scan { prefix: Vec::new(), after, order, limit: 1 };
            let is_empty = engine.scan(first).await?.is_empty();
            if is_empty { Ok(Layout::Empty) } else { Err(FormatError::NotAStore) }
        }
    }
}

/// Gives each company the key of its newest outcome, one company at a time. Each step is one
/// commit, which also notes how far the migration is.
async fn migrate(
    engine: &dyn Engine,
    maintenance_writer: u64,
    mut company: Option<CompanyId>,
) -> Result<(), FormatError> {
    tracing::info!(from = LAYOUT_5, to = FORMAT_VERSION, "migrating the layout of the data");
    let mut id = BatchId { writer: maintenance_writer, number: 0 };
    while let Some(next) = next_company(engine, company.as_ref()).await? {
        let newest = recorded_outcome(engine, &next).await?;
        let value = Some(record::encode_newest_outcome(newest));
        let progress = [&[FORMAT_VERSION, LAYOUT_5], next.as_str().as_bytes()].concat();
        let writes =
            vec![Write { key: key::newest_outcome(&next), value }, write_format(&progress)];
        commit(engine, key::place_of(&next, engine.places()), id, writes, Durability::Flushed)
            .await?;
        id.number += 1;
        if id.number.is_multiple_of(limits::MIGRATION_REPORT) {
            tracing::info!(companies = id.number, "migrated companies");
        }
        company = Some(next);
    }
    let format = vec![write_format(&[FORMAT_VERSION])];
    commit(engine, Place::of_key(FORMAT, engine.places()), id, format, Durability::Flushed).await?;
    tracing::info!(companies = id.number, layout = FORMAT_VERSION, "migrated the layout");
    Ok(())
}

/// The newest outcome that is recorded in segments.
pub(super) async fn recorded_outcome(
    engine: &dyn Engine,
    company: &CompanyId,
) -> Result<NewestOutcome, EngineError> {
    let prefix = key::prefix(company, KeyKind::Outcomes);
    let scan = Scan { prefix, after: None, order: Order::Descending, limit: 1 };
    let segments = engine.scan(scan).await?;
    let Some((key, value)) = segments.first() else { return Ok(NewestOutcome::default()) };
    let Some(ParsedKey::Outcomes(_, last)) = key::parse(key) else {
        return Err(EngineError::Damaged("a key that is no outcome's".to_owned()));
    };
    let outcomes = record::decode_segment(last, value)?;
    let at = outcomes.iter().map(|outcome| outcome.at).max().unwrap_or_default();
    Ok(NewestOutcome { sequence: last, at, tokens_revoked: None })
}

fn write_format(value: &[u8]) -> Write {
    Write { key: FORMAT.to_vec(), value: Some(value.to_vec()) }
}
