//! Checks of what an erasure follows: lost identifiers, failed rows of imports, deletion jobs.

use profile_protocol::{CompanyId, ProfileId};

use super::{StoreChecker, with_article};
use crate::{
    Identifier, ProfileRef,
    engine::{EngineError, Value},
    layout::{
        key,
        record::{self, Pointer},
    },
};

impl StoreChecker<'_> {
    /// Checks an identifier that no profile holds: the one that it leads to must know of it.
    pub(super) async fn lost_identifier(
        &mut self,
        company: &CompanyId,
        identifier: &Identifier,
        id: ProfileId,
    ) -> Result<(), EngineError> {
        if self.is_missing(key::former_identifier(company, id, identifier)).await? {
            let name = with_article(identifier.kind());
            let fault = format!("{name} refers to it as a former one, but it does not know of it");
            self.breach(Some(company), Some(id), fault);
        }
        Ok(())
    }

    /// Checks that an identifier that a profile has lost leads to it, and that the profile exists
    /// or was merged into another.
    pub(super) async fn former_identifier(
        &mut self,
        company: &CompanyId,
        id: ProfileId,
        identifier: &Identifier,
        value: &Value,
    ) -> Result<(), EngineError> {
        let name = format!("its former {}", identifier.kind());
        let pointer = self.engine.read(vec![key::identifier(company, identifier)]).await?;
        let pointer = pointer.into_iter().next().flatten();
        let pointer = pointer.and_then(|value| record::decode_pointer(&value).ok());
        if pointer != Some(Pointer::Former(id)) {
            self.breach(Some(company), Some(id), format!("{name} does not refer to it"));
        }
        if let Err(error) = record::decode_identifier_loss(value) {
            self.breach(Some(company), Some(id), format!("{name} is damaged: {error}"));
        }
        if self.is_missing(key::profile(company, id)).await?
            && self.is_missing(key::alias(company, id)).await?
        {
            self.breach(Some(company), Some(id), format!("{name} is kept, but no profile is"));
        }
        Ok(())
    }

    /// Checks that a failed row belongs to an import, and that it is found by all that it names.
    pub(super) async fn import_row(
        &mut self,
        company: &CompanyId,
        (import, row): (ProfileId, u32),
        value: &Value,
    ) -> Result<(), EngineError> {
        let fault = match record::decode_import_row(row, value) {
            Err(error) => Some(format!("is damaged: {error}")),
            Ok(kept) => {
                let names = kept.names.iter();
                let keys = names.map(|name| key::import_row_name(company, name, import, row));
                let keys = self.engine.read(keys.collect()).await?;
                let is_found = keys.iter().all(Option::is_some);
                (!is_found).then(|| "is not found by all that it names".to_owned())
            }
        };
        if let Some(fault) = fault {
            self.breach(Some(company), None, format!("the row {row} of import {import} {fault}"));
        }
        if self.is_missing(key::import(company, import)).await? {
            let fault = format!("the row {row} of import {import} is kept, but the import is not");
            self.breach(Some(company), None, fault);
        }
        Ok(())
    }

    /// Checks that a name of a failed row is one that the row has.
    pub(super) async fn import_row_name(
        &mut self,
        company: &CompanyId,
        name: &ProfileRef,
        (import, row): (ProfileId, u32),
    ) -> Result<(), EngineError> {
        let kept = self.engine.read(vec![key::import_row(company, import, row)]).await?;
        let kept = kept.into_iter().next().flatten();
        let kept = kept.map(|value| record::decode_import_row(row, &value));
        let fault = match kept {
            None => "does not exist",
            Some(Ok(kept)) if !kept.names.contains(name) => "does not have it",
            // A damaged row is reported at its own key.
            Some(Ok(_) | Err(_)) => return Ok(()),
        };
        let name = with_article(name.kind());
        let fault = format!("{name} refers to the row {row} of import {import}, which {fault}");
        self.breach(Some(company), None, fault);
        Ok(())
    }

    pub(super) fn deletion_job(&mut self, company: &CompanyId, id: ProfileId, value: &Value) {
        let fault = match record::decode_deletion_job(id, value) {
            Err(error) => format!("the deletion job {id} is damaged: {error}"),
            Ok(job) if self.promised_of(company).sequence < job.outcome => {
                format!("the deletion job {id} names an outcome that never was")
            }
            Ok(_) => return,
        };
        self.breach(Some(company), None, fault);
    }
}
