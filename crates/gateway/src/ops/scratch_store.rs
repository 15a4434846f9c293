//! A store that a command reads in any order: a data directory, or a copy of what a gateway sends.

use std::{
    fs,
    path::{Path, PathBuf},
};

use profile_protocol::CompanyId;
use profile_store::engine::ReadOnlyEngine;

use super::{
    backup::store_source::{SourceError, StoreSource},
    company_move::{self, MoveError, TargetDirectory},
    data_directory,
    output_file::beside,
};

/// A store that is open for reading. A copy is removed when this goes.
#[derive(Debug)]
pub(crate) struct ScratchStore {
    pub(crate) engine: ReadOnlyEngine,
    _copy: Option<Copy>,
}

/// The directory of a copy.
#[derive(Debug)]
struct Copy(PathBuf);

impl Drop for Copy {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

impl ScratchStore {
    /// Opens the store. If a gateway serves it, the company is copied into a new directory beside
    /// this file, which only the user of this process may read.
    pub(crate) async fn open(
        source: &StoreSource,
        company: &CompanyId,
        file: &Path,
    ) -> Result<ScratchStore, MoveError> {
        match source {
            StoreSource::DataDirectory(directory) => {
                let engine = data_directory::open_read_only(directory);
                Ok(ScratchStore { engine: engine.map_err(SourceError::from)?, _copy: None })
            }
            StoreSource::Gateway(_) => {
                let directory = beside(file, "copy").map_err(MoveError::Scratch)?;
                let copy = Copy(directory.clone());
                let into = TargetDirectory { directory: directory.clone(), archive: None };
                company_move::copy_into(source, company, &into).await?;
                let engine = data_directory::open_read_only(&directory);
                Ok(ScratchStore { engine: engine.map_err(SourceError::from)?, _copy: Some(copy) })
            }
        }
    }
}

/// A file in the directory for temporary files, for a command that names no other one.
pub(crate) fn temporary_file() -> PathBuf {
    std::env::temp_dir().join("gateway")
}
