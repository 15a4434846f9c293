//! What a migration of the layout would write, and the migration itself for a store that nothing
//! serves.

use profile_protocol::CompanyId;

use super::{
    entry_pages::EntryPages,
    format::{self, FormatError, Layout},
    prune::next_company,
    sender_key::{self, SenderKeyError},
};
use crate::{
    IdGenerator,
    engine::{Engine, EngineError},
    id_generator::writers,
    layout::key::{FORMAT_VERSION, SENDER_KEY},
    limits,
};

/// What the next start of a gateway would do to a store.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct MigrationPlan {
    /// The layout of the data.
    pub from: u8,
    /// The layout that they would get.
    pub to: u8,
    /// Whether the migration was begun, and would go on.
    pub is_begun: bool,
    /// How many entries the store has.
    pub entries: u64,
    /// How many of them would be written or added.
    pub written: u64,
    /// How many commits would write them, one flush of the disk each.
    pub commits: u64,
}

/// Why a store was not migrated.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MigrationError {
    /// The engine failed, or the layout is unknown.
    #[error(transparent)]
    Format(#[from] FormatError),
}

impl From<EngineError> for MigrationError {
    fn from(error: EngineError) -> MigrationError {
        MigrationError::Format(error.into())
    }
}

impl From<SenderKeyError> for MigrationError {
    fn from(error: SenderKeyError) -> MigrationError {
        MigrationError::Format(match error {
            SenderKeyError::Engine(error) => error.into(),
            SenderKeyError::Entropy(error) => error.into(),
        })
    }
}

/// What a migration of the store in `engine` would do. Reads every entry once, and writes nothing.
pub async fn planned_migration(engine: &dyn Engine) -> Result<MigrationPlan, FormatError> {
    let layout = format::layout(engine).await?;
    let companies = match &layout {
        Layout::Empty => return Err(FormatError::NotAStore),
        Layout::Current | Layout::Valid(_) => 0,
        Layout::Migrating(last) => companies_after(engine, last.clone()).await?,
    };
    // The last commit of a migration writes the key of the format.
    let formats = u64::from(layout != Layout::Current);
    let has_key = engine.read(vec![SENDER_KEY.to_vec()]).await?.pop().flatten().is_some();
    let keys = u64::from(!has_key);
    Ok(MigrationPlan {
        from: layout.version(),
        to: FORMAT_VERSION,
        is_begun: matches!(layout, Layout::Migrating(Some(_))),
        entries: entries(engine).await?,
        written: companies + formats + keys,
        commits: companies + formats + keys,
    })
}

/// Migrates the store in `engine`, which nothing serves, as the start of a gateway would.
pub async fn migrate_layout(
    engine: &dyn Engine,
    ids: &dyn IdGenerator,
) -> Result<(), MigrationError> {
    let [format_writer, key_writer] = writers(ids).map_err(FormatError::from)?;
    if format::layout(engine).await? == Layout::Empty {
        return Err(FormatError::NotAStore.into());
    }
    format::open(engine, ids, format_writer).await?;
    sender_key::open(engine, ids, key_writer).await?;
    Ok(engine.sync().await?)
}

async fn companies_after(
    engine: &dyn Engine,
    mut company: Option<CompanyId>,
) -> Result<u64, EngineError> {
    let mut companies = 0;
    while let Some(next) = next_company(engine, company.as_ref()).await? {
        companies += 1;
        company = Some(next);
    }
    Ok(companies)
}

async fn entries(engine: &dyn Engine) -> Result<u64, EngineError> {
    let (mut entries, mut pages) = (0, EntryPages::of(engine, Vec::new(), limits::AUDIT_PAGE));
    while let Some(page) = pages.next().await? {
        entries += page.len() as u64;
    }
    Ok(entries)
}
