//! The receipt of the deletion of a company.

use std::fmt;

/// What the deletion of a company has removed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct DeletedCompany {
    /// The number of profiles.
    pub profiles: u64,
    /// The number of identifiers.
    pub identifiers: u64,
    /// The number of outcomes.
    pub outcomes: u64,
    /// The number of bulk imports.
    pub imports: u64,
    /// The number of merges that could have been undone.
    pub merges: u64,
    /// The number of entries in the store, of every kind.
    pub entries: u64,
    /// The number of entries that could not be read: damaged outcomes, and keys of unknown form.
    pub unreadable: u64,
}

impl DeletedCompany {
    /// The counts before the first step.
    pub(crate) const NOTHING: DeletedCompany = DeletedCompany {
        profiles: 0,
        identifiers: 0,
        outcomes: 0,
        imports: 0,
        merges: 0,
        entries: 0,
        unreadable: 0,
    };
}

impl fmt::Display for DeletedCompany {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let DeletedCompany { profiles, identifiers, outcomes, imports, merges, entries, .. } = self;
        write!(
            f,
            "profiles: {profiles}, identifiers: {identifiers}, outcomes: {outcomes}, \
             imports: {imports}, merges: {merges}, entries: {entries}"
        )?;
        match self.unreadable {
            0 => Ok(()),
            unreadable => write!(f, ", of which unreadable: {unreadable}"),
        }
    }
}
