//! Audits: checks that a store keeps the promises of docs/IDENTITY.md.

mod erasure;
mod outcomes;
mod push_tokens;

use std::fmt;

use profile_protocol::{CompanyId, IdentifierKind, ProfileId};

use super::{
    entry_pages::EntryPages,
    format::{FormatError, Layout, layout},
};
use crate::{
    Identifier, Profile,
    decide::replaced::kept_by,
    engine::{Engine, EngineError, Key, Value},
    layout::index,
    layout::key::{self, ParsedKey},
    layout::profile_record::{UnfinishedRecord, is_large},
    layout::record::{self, InvalidRecord, NewestOutcome, Pointer},
    limits,
};

/// The counts and findings of an audit.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Audit {
    /// The version of the layout of the data. `None`: this version cannot open it.
    pub layout: Option<u8>,
    /// The number of profiles.
    pub profiles: u64,
    /// The number of identifiers.
    pub identifiers: u64,
    /// The number of aliases.
    pub aliases: u64,
    /// The number of outcomes.
    pub outcomes: u64,
    /// The number of merges that can be undone.
    pub merges: u64,
    /// The number of push tokens.
    pub push_tokens: u64,
    /// The number of bulk imports.
    pub imports: u64,
    /// The companies whose deletion was begun. Their entries are neither counted nor checked:
    /// the deletion is finished when the store is opened.
    pub deletions: Vec<CompanyId>,
    /// The breaches: at most [`limits::BREACHES`] of them.
    pub breaches: Vec<Breach>,
    /// The number of further breaches.
    pub breaches_unlisted: u64,
}

impl Audit {
    /// Whether the data has an older layout, which the next start migrates.
    pub fn has_older_layout(&self) -> bool {
        self.layout.is_some_and(|layout| layout < key::FORMAT_VERSION)
    }
}

/// One promise that a store does not keep.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Breach {
    /// The company whose data are concerned, if known.
    pub company: Option<CompanyId>,
    /// The profile or absorbed profile that is concerned, if known.
    pub profile: Option<ProfileId>,
    /// The description, without any personal value.
    pub fault: String,
}

impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(company) = &self.company {
            write!(f, "company {company}: ")?;
        }
        if let Some(profile) = self.profile {
            write!(f, "profile {profile}: ")?;
        }
        f.write_str(&self.fault)
    }
}

/// Checks everything in `engine`, a page at a time. Nothing may write during the audit.
///
/// - Every identifier and alias refers to a profile that holds it, or that has lost it and knows
///   of it, and every identifier and alias of a profile refers to it.
/// - Every push token belongs to a profile, and to one alone.
/// - Each profile has exactly the index entries that belong to it, and the changes that it says to
///   have.
/// - No absorbed profile exists, and every merge has a record.
/// - Every record can be decoded.
/// - The data has a layout that this version can open.
pub async fn audit(engine: &dyn Engine) -> Result<Audit, EngineError> {
    audit_in_steps(engine, |_| {}).await
}

/// As [`audit`], and tells after each step how many entries it has checked.
pub async fn audit_in_steps(
    engine: &dyn Engine,
    mut step: impl FnMut(u64),
) -> Result<Audit, EngineError> {
    let mut checker = StoreChecker {
        engine,
        audit: Audit::default(),
        layout: Layout::Current,
        newest: None,
        promised: None,
    };
    checker.layout().await?;
    let mut pages = EntryPages::of(engine, Vec::new(), limits::AUDIT_PAGE);
    while let Some(page) = pages.next().await? {
        for (key, value) in &page {
            checker.entry(key, value).await?;
        }
        step(page.len() as u64);
    }
    Ok(checker.audit)
}

struct StoreChecker<'e> {
    engine: &'e dyn Engine,
    audit: Audit,
    layout: Layout,
    /// The company whose outcomes were read last, and the number of the newest. The keys of a
    /// company's outcomes precede those of its profiles.
    newest: Option<(CompanyId, u64)>,
    /// The company whose key of the newest outcome was read last, and what it says. It is the first
    /// key of a company.
    promised: Option<(CompanyId, NewestOutcome)>,
}

impl StoreChecker<'_> {
    async fn entry(&mut self, key: &Key, value: &Value) -> Result<(), EngineError> {
        // The keys of deletions precede those of companies.
        if key::company_of(key).is_some_and(|company| self.audit.deletions.contains(&company)) {
            return Ok(());
        }
        match key::parse(key) {
            None => self.breach(None, None, "a key of unknown form".to_owned()),
            Some(ParsedKey::BackupPosition) => self.backup_position(value),
            Some(ParsedKey::Format) => {}
            Some(ParsedKey::SenderKey) => self.sender_key(value),
            Some(ParsedKey::TrustedTime) => self.trusted_time(value),
            Some(ParsedKey::CompanyDeletion(company)) => self.deletion(company, value),
            Some(ParsedKey::Profile(company, id)) => self.profile(&company, id, value).await?,
            Some(ParsedKey::ProfileChange(company, id, number)) => {
                self.profile_change(&company, id, number).await?;
            }
            Some(ParsedKey::Identifier(company, identifier)) => {
                self.identifier(&company, &identifier, value).await?;
            }
            Some(ParsedKey::Alias(company, id)) => self.alias(&company, id, value).await?,
            Some(ParsedKey::Merge(company, id)) => self.merge(&company, id, value).await?,
            Some(ParsedKey::PushToken(company, holder, id)) => {
                self.push_token(&company, holder, id, value).await?;
            }
            Some(ParsedKey::PushTokenHolder(company, id)) => {
                self.push_token_holder(&company, id, value).await?;
            }
            Some(ParsedKey::Import(company, id)) => self.import(&company, id, value).await?,
            Some(ParsedKey::ImportBody(company, id)) => {
                self.import_body(&company, id, value).await?;
            }
            Some(ParsedKey::KeptValues(company, sequence)) => {
                self.kept_values(&company, sequence, value).await?;
            }
            Some(ParsedKey::ImportRow(company, import, row)) => {
                self.import_row(&company, (import, row), value).await?;
            }
            Some(ParsedKey::ImportRowName(company, name, import, row)) => {
                self.import_row_name(&company, &name, (import, row)).await?;
            }
            Some(ParsedKey::FormerIdentifier(company, id, identifier)) => {
                self.former_identifier(&company, id, &identifier, value).await?;
            }
            Some(ParsedKey::DeletionJob(company, id)) => self.deletion_job(&company, id, value),
            Some(ParsedKey::Outcomes(company, last)) => self.outcomes(&company, last, value),
            Some(ParsedKey::NewestOutcome(company)) => self.newest_outcome(&company, value),
            Some(ParsedKey::ProfileOutcome(company, id)) => {
                self.profile_outcome(&company, id, value).await?;
            }
            Some(
                ParsedKey::Created(company, _, id)
                | ParsedKey::NoEmail(company, id)
                | ParsedKey::Updated(company, _, id),
            ) => self.index_entry(&company, id, key, value).await?,
        }
        Ok(())
    }

    /// Checks that the data has a layout that this version can open.
    async fn layout(&mut self) -> Result<(), EngineError> {
        match layout(self.engine).await {
            Ok(layout) => {
                self.audit.layout = Some(layout.version());
                self.layout = layout;
            }
            Err(FormatError::Engine(error)) => return Err(error),
            Err(
                error @ (FormatError::NotAStore
                | FormatError::Unknown { .. }
                | FormatError::Entropy(_)),
            ) => {
                self.breach(None, None, error.to_string());
            }
        }
        Ok(())
    }

    fn backup_position(&mut self, value: &Value) {
        if let Err(error) = record::decode_backup_position(value) {
            self.breach(None, None, format!("the position of the backup is damaged: {error}"));
        }
    }

    fn sender_key(&mut self, value: &Value) {
        if let Err(error) = record::decode_sender_key(value) {
            self.breach(None, None, format!("the key for senders is damaged: {error}"));
        }
    }

    fn trusted_time(&mut self, value: &Value) {
        if let Err(error) = record::decode_trusted_time(value) {
            self.breach(None, None, format!("the trusted time is damaged: {error}"));
        }
    }

    fn deletion(&mut self, company: CompanyId, value: &Value) {
        if let Err(error) = record::decode_deleted_company(value) {
            let fault = format!("the record of its deletion is damaged: {error}");
            self.breach(Some(&company), None, fault);
        }
        self.audit.deletions.push(company);
    }

    /// Checks that an index entry matches its profile.
    async fn index_entry(
        &mut self,
        company: &CompanyId,
        id: ProfileId,
        key: &Key,
        value: &Value,
    ) -> Result<(), EngineError> {
        let name = format!("an {}", index::name(key));
        let target = self.target(company, &name, &record::encode_id(id)).await?;
        let Some(profile) = target else { return Ok(()) };
        if !index::entries(company, &profile).contains(key) {
            let fault = format!("{name} refers to it, but does not match it");
            self.breach(Some(company), Some(id), fault);
        } else if !value.is_empty() {
            self.breach(Some(company), Some(id), format!("{name} refers to it and has a value"));
        }
        Ok(())
    }

    async fn profile(
        &mut self,
        company: &CompanyId,
        id: ProfileId,
        value: &Value,
    ) -> Result<(), EngineError> {
        self.audit.profiles += 1;
        let record = match self.with_changes(company, id, value).await? {
            Ok(record) => record,
            Err(error) => {
                let fault = format!("the changes of its record are damaged: {error}");
                self.breach(Some(company), Some(id), fault);
                return Ok(());
            }
        };
        let profile = match record::decode_profile(id, &record) {
            Ok(profile) => profile,
            Err(error) => {
                self.breach(Some(company), Some(id), format!("its record is damaged: {error}"));
                return Ok(());
            }
        };
        if profile.last_outcome.is_some_and(|last| self.newest_of(company) < last) {
            let fault = "refers to an outcome that does not exist".to_owned();
            self.breach(Some(company), Some(id), fault);
        }
        if Some(self.promised_of(company).at) < profile.tokens_revoked {
            let fault = "its tokens were revoked after the newest outcome".to_owned();
            self.breach(Some(company), Some(id), fault);
        }
        self.has_references(company, &profile).await?;
        self.has_index_entries(company, &profile).await?;
        if !profile.attributes.properties.fit() {
            self.breach(Some(company), Some(id), "has more properties than it may".to_owned());
        }
        Ok(())
    }

    /// The record of a profile with its changes.
    async fn with_changes(
        &self,
        company: &CompanyId,
        id: ProfileId,
        record: &Value,
    ) -> Result<Result<Value, InvalidRecord>, EngineError> {
        if !is_large(record) {
            return Ok(Ok(record.clone()));
        }
        let tail = self.engine.read(vec![key::profile_outcome(company, id)]).await?;
        // A damaged key of the newest outcome is reported there.
        let tail = tail.into_iter().next().flatten();
        let tail = tail.filter(|tail| record::decode_profile_tail(tail).is_ok());
        let unfinished = match UnfinishedRecord::new(record.clone(), tail.as_deref()) {
            Ok(unfinished) => unfinished,
            Err(error) => return Ok(Err(error)),
        };
        let changes = self.engine.read(unfinished.change_keys(company, id)).await?;
        Ok(unfinished.finish(changes).map(|record| record.bytes))
    }

    /// Checks that a change is one of those that its profile says to have.
    async fn profile_change(
        &mut self,
        company: &CompanyId,
        id: ProfileId,
        number: u16,
    ) -> Result<(), EngineError> {
        let keys = vec![key::profile(company, id), key::profile_outcome(company, id)];
        let mut values = self.engine.read(keys).await?.into_iter();
        let (record, tail) = (values.next().flatten(), values.next().flatten());
        let unfinished = record.map(|record| UnfinishedRecord::new(record, tail.as_deref()));
        let changes = match unfinished {
            Some(Ok(unfinished)) => unfinished.changes(),
            // A damaged key of the newest outcome is reported there.
            Some(Err(_)) => return Ok(()),
            None => 0,
        };
        if !(1..=changes).contains(&number) {
            let fault = format!("the change {number} of its record does not belong to it");
            self.breach(Some(company), Some(id), fault);
        }
        Ok(())
    }

    /// Checks that a profile has noted the values that a request of a client replaced.
    async fn kept_values(
        &mut self,
        company: &CompanyId,
        sequence: u64,
        value: &Value,
    ) -> Result<(), EngineError> {
        let kept = match record::decode_kept_values(value) {
            Ok(kept) => kept,
            Err(error) => {
                let fault = format!("the values that outcome {sequence} replaced: {error}");
                self.breach(Some(company), None, fault);
                return Ok(());
            }
        };
        let alias = self.engine.read(vec![key::alias(company, kept.profile)]).await?;
        let holder = alias.into_iter().next().flatten();
        let holder = holder.unwrap_or_else(|| record::encode_id(kept.profile));
        let name = format!("the values that outcome {sequence} replaced");
        let profile = self.target(company, &name, &holder).await?;
        if let Some(profile) = profile.filter(|one| !kept_by(&one.replaced).contains(&sequence)) {
            let fault = format!("{name} are kept for it, but it has not noted them");
            self.breach(Some(company), Some(profile.id), fault);
        }
        Ok(())
    }

    /// Checks that the identifiers and aliases of a profile refer to it.
    async fn has_references(
        &mut self,
        company: &CompanyId,
        profile: &Profile,
    ) -> Result<(), EngineError> {
        let identifiers: Vec<Identifier> = profile.identifiers.iter().collect();
        let names = identifiers.iter().map(|identifier| format!("its {}", identifier.kind()));
        let ids = profile.absorbed.iter().map(|id| format!("the alias {id}"));
        let names: Vec<String> = names.chain(ids).collect();
        let keys = identifiers.iter().map(|identifier| key::identifier(company, identifier));
        let aliases = profile.absorbed.iter().map(|id| key::alias(company, *id));
        let keys: Vec<Key> = keys.chain(aliases).collect();
        let expected = record::encode_id(profile.id);
        for (name, value) in names.iter().zip(self.engine.read(keys.clone()).await?) {
            let fault = match value {
                Some(value) if value == expected => continue,
                Some(_) => format!("{name} refers to another profile"),
                None => format!("{name} has no entry"),
            };
            self.breach(Some(company), Some(profile.id), fault);
        }
        Ok(())
    }

    /// Checks that a profile has all its index entries.
    async fn has_index_entries(
        &mut self,
        company: &CompanyId,
        profile: &Profile,
    ) -> Result<(), EngineError> {
        let keys = index::entries(company, profile);
        let values = self.engine.read(keys.clone()).await?;
        for (key, _) in keys.iter().zip(values).filter(|(_, value)| value.is_none()) {
            let fault = format!("its {} is missing", index::name(key));
            self.breach(Some(company), Some(profile.id), fault);
        }
        Ok(())
    }

    async fn identifier(
        &mut self,
        company: &CompanyId,
        identifier: &Identifier,
        value: &Value,
    ) -> Result<(), EngineError> {
        if let Ok(Pointer::Former(id)) = record::decode_pointer(value) {
            return self.lost_identifier(company, identifier, id).await;
        }
        self.audit.identifiers += 1;
        let name = with_article(identifier.kind());
        let target = self.target(company, &name, value).await?;
        if let Some(profile) = target.filter(|profile| !profile.identifiers.holds(identifier)) {
            let fault = format!("{name} refers to it, but it does not hold it");
            self.breach(Some(company), Some(profile.id), fault);
        }
        Ok(())
    }

    async fn alias(
        &mut self,
        company: &CompanyId,
        id: ProfileId,
        value: &Value,
    ) -> Result<(), EngineError> {
        self.audit.aliases += 1;
        let name = format!("the alias {id}");
        let target = self.target(company, &name, value).await?;
        if let Some(profile) = target.filter(|profile| !profile.absorbed.contains(&id)) {
            let fault = format!("{name} refers to it, but it did not absorb it");
            self.breach(Some(company), Some(profile.id), fault);
        }
        if !self.is_missing(key::profile(company, id)).await? {
            self.breach(Some(company), Some(id), "was absorbed, but still exists".to_owned());
        }
        if self.is_missing(key::merge(company, id)).await? {
            let fault = "was absorbed, but has no merge record".to_owned();
            self.breach(Some(company), Some(id), fault);
        }
        Ok(())
    }

    async fn merge(
        &mut self,
        company: &CompanyId,
        id: ProfileId,
        value: &Value,
    ) -> Result<(), EngineError> {
        self.audit.merges += 1;
        if let Err(error) = record::decode_merge(id, value) {
            let fault = format!("the record of its merge is damaged: {error}");
            self.breach(Some(company), Some(id), fault);
        }
        if self.is_missing(key::alias(company, id)).await? {
            self.breach(Some(company), Some(id), "was absorbed, but has no alias".to_owned());
        }
        Ok(())
    }

    async fn import(
        &mut self,
        company: &CompanyId,
        id: ProfileId,
        value: &Value,
    ) -> Result<(), EngineError> {
        self.audit.imports += 1;
        if let Err(error) = record::decode_import(id, value) {
            self.breach(Some(company), None, format!("bulk import {id} is damaged: {error}"));
        }
        if self.is_missing(key::import_body(company, id)).await? {
            let fault = format!("bulk import {id} has no result");
            self.breach(Some(company), None, fault);
        }
        Ok(())
    }

    async fn import_body(
        &mut self,
        company: &CompanyId,
        id: ProfileId,
        value: &Value,
    ) -> Result<(), EngineError> {
        if let Err(error) = record::decode_import_body(value) {
            let fault = format!("the result of bulk import {id} is damaged: {error}");
            self.breach(Some(company), None, fault);
        }
        if self.is_missing(key::import(company, id)).await? {
            let fault = format!("bulk import {id} has a result, but does not exist");
            self.breach(Some(company), None, fault);
        }
        Ok(())
    }

    async fn is_missing(&self, key: Key) -> Result<bool, EngineError> {
        let values = self.engine.read(vec![key]).await?;
        Ok(values.iter().all(Option::is_none))
    }

    /// The profile that an identifier, alias or index entry refers to.
    async fn target(
        &mut self,
        company: &CompanyId,
        name: &str,
        value: &Value,
    ) -> Result<Option<Profile>, EngineError> {
        let Ok(id) = record::decode_id(value) else {
            self.breach(Some(company), None, format!("{name} refers to an invalid profile id"));
            return Ok(None);
        };
        let values = self.engine.read(vec![key::profile(company, id)]).await?;
        let Some(value) = values.into_iter().next().flatten() else {
            self.breach(
                Some(company),
                Some(id),
                format!("{name} refers to it, but it does not exist"),
            );
            return Ok(None);
        };
        // A damaged record is reported at the key of the profile.
        let record = self.with_changes(company, id, &value).await?.ok();
        Ok(record.and_then(|record| record::decode_profile(id, &record).ok()))
    }

    fn breach(&mut self, company: Option<&CompanyId>, profile: Option<ProfileId>, fault: String) {
        if self.audit.breaches.len() < limits::BREACHES {
            self.audit.breaches.push(Breach { company: company.cloned(), profile, fault });
        } else {
            self.audit.breaches_unlisted += 1;
        }
    }
}

fn with_article(kind: IdentifierKind) -> String {
    match kind {
        IdentifierKind::Email | IdentifierKind::ExternalId | IdentifierKind::AnonymousId => {
            format!("an {kind}")
        }
        IdentifierKind::PhoneNumber | IdentifierKind::Id => format!("a {kind}"),
    }
}
