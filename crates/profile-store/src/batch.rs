//! One company's or several companies' requests, decided together and without I/O.
//!
//! A batch names what it needs ([`Batch::needs`]), is fed ([`Batch::feed`],
//! [`Batch::feed_scan`]), decides one request after the other, and gives out the writes.

mod commands;
mod erasure;
mod erasure_entries;
mod profile_reads;
mod push_tokens;
mod replaced_values;
mod slot;
mod stored;
mod token_scans;
mod undo;

use std::collections::{BTreeMap, VecDeque};

use ahash::{HashMap, HashSet};
use profile_protocol::{CompanyId, ProfileId};

use self::{
    erasure_entries::ErasureEntries,
    stored::{LostIdentifiers, Stored, pointer_key},
    token_scans::{TokenScans, WantedPushToken},
};
use crate::{
    Caller, Decision, DecisionContext, DecisionError, IdentifierLoss, InvalidRecord, Merge,
    Outcome, ProfileIdentifiers, ProfileRef, PushTokenId, StoreError, StoredProfile, Submission,
    SubmittedProfile, Timestamp, decide,
    decide::certain_refusal::certain_refusals,
    engine::{Key, Order, Scan, Value, Write},
    lane::times_ahead::TimesAhead,
    layout::{
        key::{self, KeyKind, ParsedKey},
        profile_record::UnfinishedRecord,
        record,
    },
    limits,
    model::replaced::KeptValues,
};

/// What a request has to know before it can be decided.
#[derive(Clone, Debug)]
pub(crate) enum Wants<'r> {
    /// The profiles that these lead to.
    Profiles(&'r CompanyId, Vec<&'r ProfileRef>),
    /// The same, and their push tokens, and the profile that has this one.
    PushToken(&'r CompanyId, Vec<&'r ProfileRef>, PushTokenId),
    /// The profiles that these lead to, and the profile that has this push token.
    PushTokenRemoval(&'r CompanyId, Vec<&'r ProfileRef>, PushTokenId),
    /// The profiles of these ids.
    Merge(&'r CompanyId, [ProfileId; 2]),
    /// The profile that the first of these leads to, its push tokens, and all that leads to that
    /// profile.
    Deletion(&'r CompanyId, &'r [ProfileRef]),
    /// The merge of this absorbed profile, and the later merges that built on it.
    Undo(&'r CompanyId, ProfileId),
    /// The profile that this leads to, and the values that the requests with these outcomes
    /// replaced.
    Restoration(&'r CompanyId, &'r ProfileRef, Vec<u64>),
    /// The bulk imports that are kept, if this one is new.
    Import(&'r CompanyId, ProfileId),
}

/// What a batch has to read next.
#[derive(Debug)]
pub(crate) enum Needs {
    Keys(Vec<Key>),
    Scan(Scan),
}

/// What a key was named for. The values are fed in the order of the keys.
#[derive(Debug)]
enum Asked {
    Newest(CompanyId),
    Pointer(Key),
    /// Two keys: the profile's record, and that of its newest outcome.
    Profile(ToRead),
    /// The changes of the profile's record.
    Changes(ToRead, UnfinishedRecord),
    Merge(ProfileId),
    KeptValues(u64),
    Import,
    PushToken(Key),
    /// The record of a failed row of a bulk import.
    ImportRow(ProfileId, u32),
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum BatchStep {
    Pointers,
    /// The profiles that have the push tokens which requests name.
    Owners,
    Profiles,
    /// The push tokens of the profiles.
    PushTokens,
    /// What commands need beyond profiles.
    Rest,
    /// What the entries before have named: where identifiers lead that may return to a profile
    /// when a merge is undone, the failed rows of imports, and what an erased person has lost.
    Named,
    /// The records of the rows that name an erased person.
    Rows,
    Done,
}

/// What is left to read for a command.
#[derive(Clone, Debug)]
enum Command {
    Deletion(CompanyId, Vec<ProfileRef>),
    Undo(CompanyId, ProfileId),
    Import(CompanyId, ProfileId),
}

/// What one request may lead to a profile by.
#[derive(Debug)]
struct Lead {
    request: usize,
    company: CompanyId,
    pointer: Key,
    id: Option<ProfileId>,
}

/// A profile to be read, for the first request that needs it.
#[derive(Debug)]
struct ToRead {
    request: usize,
    company: CompanyId,
    id: ProfileId,
    /// How often it was read.
    attempts: usize,
}

impl ToRead {
    fn key(&self) -> Key {
        key::profile(&self.company, self.id)
    }
}

/// Requests that are decided and committed together.
#[derive(Debug)]
pub(crate) struct Batch {
    stored: Stored,
    step: BatchStep,
    asked: Vec<Asked>,
    keys: Vec<Key>,
    leads: Vec<Lead>,
    to_read: VecDeque<ToRead>,
    /// Profiles whose records have changes that were not read yet.
    unfinished: Vec<(ToRead, UnfinishedRecord)>,
    /// Bytes of profiles read for each request.
    bytes: Vec<usize>,
    command: Option<Command>,
    merges: HashMap<ProfileId, Result<Merge, InvalidRecord>>,
    /// The values that requests replaced, by the numbers of their outcomes.
    kept: BTreeMap<u64, KeptValues>,
    /// Whether the record of the bulk import exists already.
    import_exists: bool,
    /// The bulk imports that are kept.
    imports: Vec<ProfileId>,
    /// What is scanned next.
    scans: VecDeque<Scan>,
    erasure: ErasureEntries,
    tokens: TokenScans,
}

impl Batch {
    /// A batch of these requests. A command that is more than a submission or a manual merge is a
    /// batch of its own.
    pub(crate) fn new<'r>(requests: impl Iterator<Item = Wants<'r>>) -> Batch {
        let mut batch = Batch {
            stored: Stored::default(),
            step: BatchStep::Pointers,
            asked: Vec::new(),
            keys: Vec::new(),
            leads: Vec::new(),
            to_read: VecDeque::new(),
            unfinished: Vec::new(),
            bytes: Vec::new(),
            command: None,
            merges: HashMap::default(),
            kept: BTreeMap::new(),
            import_exists: false,
            imports: Vec::new(),
            scans: VecDeque::new(),
            erasure: ErasureEntries::default(),
            tokens: TokenScans::default(),
        };
        let mut seen = HashSet::default();
        for (request, wants) in requests.enumerate() {
            batch.bytes.push(0);
            batch.want(request, wants, &mut seen);
        }
        batch
    }

    fn want(&mut self, request: usize, wants: Wants<'_>, seen: &mut HashSet<Key>) {
        match wants {
            Wants::Profiles(company, targets) => {
                self.want_newest(company, seen);
                targets
                    .into_iter()
                    .for_each(|target| self.want_target(request, company, target, seen));
            }
            Wants::PushToken(company, targets, token) => {
                let wanted = WantedPushToken::registered(request, company, &targets, token);
                self.tokens.wanted.push(wanted);
                self.want_holder(company, token, seen);
                self.want(request, Wants::Profiles(company, targets), seen);
            }
            Wants::PushTokenRemoval(company, targets, token) => {
                self.tokens.wanted.push(WantedPushToken::removed(request, company, token));
                self.want_holder(company, token, seen);
                self.want(request, Wants::Profiles(company, targets), seen);
            }
            Wants::Merge(company, ids) => {
                self.want_newest(company, seen);
                for id in ids {
                    self.want_target(request, company, &ProfileRef::Id(id), seen);
                }
            }
            Wants::Deletion(company, targets) => {
                self.want_newest(company, seen);
                for target in targets {
                    self.want_target(request, company, target, seen);
                }
                self.command = Some(Command::Deletion(company.clone(), targets.to_vec()));
            }
            Wants::Undo(company, absorbed) => {
                self.want_newest(company, seen);
                self.want_target(request, company, &ProfileRef::Id(absorbed), seen);
                self.ask(Asked::Merge(absorbed), key::merge(company, absorbed));
                self.command = Some(Command::Undo(company.clone(), absorbed));
            }
            Wants::Restoration(company, target, sequences) => {
                self.want_newest(company, seen);
                self.want_target(request, company, target, seen);
                for sequence in sequences {
                    self.ask(Asked::KeptValues(sequence), key::kept_values(company, sequence));
                }
            }
            Wants::Import(company, id) => {
                self.ask(Asked::Import, key::import(company, id));
                self.command = Some(Command::Import(company.clone(), id));
            }
        }
    }

    fn want_newest(&mut self, company: &CompanyId, seen: &mut HashSet<Key>) {
        let key = key::newest_outcome(company);
        if seen.insert(key.clone()) {
            self.ask(Asked::Newest(company.clone()), key);
        }
    }

    fn want_target(
        &mut self,
        request: usize,
        company: &CompanyId,
        target: &ProfileRef,
        seen: &mut HashSet<Key>,
    ) {
        let pointer = pointer_key(company, target);
        if seen.insert(pointer.clone()) {
            self.ask(Asked::Pointer(pointer.clone()), pointer.clone());
        }
        let id = match target {
            ProfileRef::Id(id) => Some(*id),
            ProfileRef::Identifier(_) => None,
        };
        self.leads.push(Lead { request, company: company.clone(), pointer, id });
    }

    fn ask(&mut self, asked: Asked, key: Key) {
        self.asked.push(asked);
        self.keys.push(key);
    }

    /// What to read next; `None` when every request can be decided that [`Batch::ready`] counts.
    pub(crate) fn needs(&mut self) -> Option<Needs> {
        loop {
            if let Some(scan) = self.scans.pop_front() {
                return Some(Needs::Scan(scan));
            }
            let next = match self.step {
                BatchStep::Pointers => BatchStep::Owners,
                BatchStep::Owners => {
                    self.ask_for_owners();
                    BatchStep::Profiles
                }
                BatchStep::Profiles => {
                    self.ask_for_profiles();
                    if self.keys.is_empty() { BatchStep::PushTokens } else { BatchStep::Profiles }
                }
                BatchStep::PushTokens => {
                    if let Some(scan) = self.next_token_scan() {
                        return Some(Needs::Scan(scan));
                    }
                    BatchStep::Rest
                }
                BatchStep::Rest => {
                    self.ask_for_rest();
                    BatchStep::Named
                }
                BatchStep::Named => {
                    self.ask_for_named();
                    BatchStep::Rows
                }
                BatchStep::Rows => {
                    if let Some(Command::Deletion(company, _)) = self.command.clone() {
                        self.ask_for_row_records(&company);
                    }
                    BatchStep::Done
                }
                BatchStep::Done => return None,
            };
            let needs = std::mem::take(&mut self.keys);
            self.step = next;
            if !needs.is_empty() {
                return Some(Needs::Keys(needs));
            }
        }
    }

    /// Takes in the values of the keys that [`Batch::needs`] named, in their order.
    pub(crate) fn feed(&mut self, values: Vec<Option<Value>>) {
        let mut values = values.into_iter();
        for asked in std::mem::take(&mut self.asked) {
            let value = values.next().flatten();
            match asked {
                Asked::Newest(company) => self.stored.insert_newest(company, value),
                Asked::Pointer(key) => self.stored.insert_pointer(key, value),
                Asked::Profile(asked) => {
                    let tail = values.next().flatten();
                    self.feed_profile(asked, value, tail.as_ref());
                }
                Asked::Changes(asked, record) => {
                    let rest = usize::from(record.changes()) - 1;
                    let changes = std::iter::once(value).chain(values.by_ref().take(rest));
                    let finished = record.finish(changes);
                    self.feed_record(asked, finished);
                }
                Asked::Merge(absorbed) => {
                    let merge = value.map(|value| record::decode_merge(absorbed, &value));
                    self.merges.extend(merge.map(|merge| (absorbed, merge)));
                }
                Asked::KeptValues(sequence) => {
                    // An unreadable record is for an audit to find. Its values are not restored.
                    let kept = value.and_then(|value| record::decode_kept_values(&value).ok());
                    self.kept.extend(kept.map(|kept| (sequence, kept)));
                }
                Asked::Import => self.import_exists = value.is_some(),
                Asked::PushToken(key) => {
                    self.stored.insert_push_tokens(value.map(|value| (key, value)));
                }
                Asked::ImportRow(import, row) => self.erasure.feed_row((import, row), value),
            }
        }
        self.follow_leads();
    }

    /// Takes in the entries of the scan that [`Batch::needs`] named.
    pub(crate) fn feed_scan(&mut self, entries: Vec<(Key, Value)>) {
        if let Some((request, scan)) = self.tokens.scanned.take() {
            return self.feed_push_tokens(request, scan, entries);
        }
        for (key, value) in entries {
            match key::parse(&key) {
                Some(ParsedKey::Import(_, id)) => self.imports.push(id),
                Some(entry) => self.erasure.feed(entry, value),
                // An audit reports a key of unknown form.
                None => {}
            }
        }
        self.bound_rows();
    }

    /// How many requests can be decided, from the first: those whose profiles were read before the
    /// bound on bytes was reached, and at least one.
    pub(crate) fn ready(&self) -> usize {
        self.to_read.front().map_or(self.bytes.len(), |next| next.request)
    }

    /// Notes which profiles the pointers lead to, in the order of the requests.
    fn follow_leads(&mut self) {
        let mut seen: HashSet<Key> = self.to_read.iter().map(ToRead::key).collect();
        let is_deletion = matches!(self.command, Some(Command::Deletion(..)));
        for Lead { request, company, pointer, id } in std::mem::take(&mut self.leads) {
            if let Some(former) = self.stored.former_holder(&pointer).filter(|_| is_deletion) {
                // It may have been merged into another profile since.
                self.want_target(
                    request,
                    &company,
                    &ProfileRef::Id(former),
                    &mut HashSet::default(),
                );
            }
            for id in self.stored.target(&pointer).into_iter().chain(id) {
                let key = key::profile(&company, id);
                if seen.insert(key) {
                    let company = company.clone();
                    self.to_read.push_back(ToRead { request, company, id, attempts: 0 });
                }
            }
        }
        // The owners of push tokens are known later. The sort is stable.
        self.to_read.make_contiguous().sort_by_key(|profile| profile.request);
    }

    /// Asks for what a command needs beyond profiles.
    fn ask_for_rest(&mut self) {
        match self.command.clone() {
            None => {}
            Some(Command::Deletion(company, targets)) => self.ask_for_person(&company, &targets),
            Some(Command::Undo(company, absorbed)) => self.ask_for_undo(&company, absorbed),
            Some(Command::Import(..)) if self.import_exists => {}
            Some(Command::Import(company, _)) => {
                let prefix = key::prefix(&company, KeyKind::Import);
                let (order, limit) = (Order::Ascending, limits::IMPORTS);
                self.scans.push_back(Scan { prefix, after: None, order, limit });
            }
        }
    }

    /// Asks for what the entries read for a command have named.
    fn ask_for_named(&mut self) {
        match self.command.clone() {
            None => {}
            Some(Command::Deletion(company, targets)) => {
                self.ask_for_rows_of_person(&company, &targets);
            }
            Some(Command::Undo(company, _)) => self.ask_for_returning(&company),
            Some(Command::Import(company, id)) => self.ask_for_outdated_rows(&company, id),
        }
    }

    fn ask_for_pointers(&mut self, keys: Vec<Key>) {
        for key in keys.into_iter().collect::<HashSet<Key>>() {
            if !self.stored.has_pointer(&key) {
                self.ask(Asked::Pointer(key.clone()), key);
            }
        }
    }

    /// What a decision needs beside the request and the profiles: the next number, and a time after
    /// that of everything committed before, which a reader may have as its mark.
    pub(crate) fn context(
        &self,
        company: &CompanyId,
        now: Timestamp,
        entropy: u128,
        times_ahead: &mut TimesAhead,
    ) -> Result<DecisionContext, StoreError> {
        let newest = self.stored.newest(company)?;
        // Only damage has given out the last number there is.
        let sequence = newest.sequence.checked_add(1).ok_or(StoreError::Damaged)?;
        let tokens_revoked = newest.tokens_revoked;
        let is_first = !self.stored.has_new_outcome(company);
        let now = times_ahead.next(company, newest.at, now, is_first);
        Ok(DecisionContext { now, entropy, sequence, tokens_revoked })
    }

    /// Decides one submission against what is stored and what those before it changed. An error
    /// changes nothing.
    pub(crate) fn submit(
        &mut self,
        submission: &Submission,
        context: DecisionContext,
    ) -> Result<Outcome, StoreError> {
        let company = &submission.company;
        let reached = self.reached(submission)?;
        let decision =
            decide(submission, &reached, context).map_err(|error| undecided(company, error))?;
        match &submission.push_token {
            None => Ok(self.carry_out(company, decision)),
            Some(details) => self.register_push_token(company, decision, details, context),
        }
    }

    /// The profile that each claim finds. Attributes are missing where they decide nothing.
    fn reached(&self, submission: &Submission) -> Result<Vec<Option<&StoredProfile>>, StoreError> {
        let company = &submission.company;
        let targets = || submission.claims.made().iter().map(|claim| &claim.target);
        let ids: Vec<Option<ProfileId>> = targets()
            .map(|target| self.stored.reach_id(company, target))
            .collect::<Result<_, _>>()?;
        let mut found = ids.iter().flatten();
        let first = found.next();
        if found.all(|id| Some(id) == first) {
            return targets().map(|target| self.stored.reach(company, target)).collect();
        }
        let heads: Vec<Option<&StoredProfile>> = ids
            .iter()
            .map(|id| id.map_or(Ok(None), |id| self.stored.head(company, id)))
            .collect::<Result<_, _>>()?;
        let refused = certain_refusals(submission, &heads);
        let all = targets().zip(heads).zip(refused);
        let needed = |((target, head), is_refused)| match (head, is_refused) {
            (Some(head), true) => Ok(Some(head)),
            _ => self.stored.reach(company, target),
        };
        all.map(needed).collect()
    }

    /// The answer to a submission of this batch: its outcome, and its profile as all requests up
    /// to this one have left it.
    pub(crate) fn submitted(
        &self,
        company: &CompanyId,
        outcome: Outcome,
    ) -> Result<SubmittedProfile, StoreError> {
        let profile = match outcome.survivor {
            Some(id) => self.stored.profile(company, id)?.cloned(),
            None => None,
        };
        let profile = profile.map(StoredProfile::decode).transpose();
        let profile = profile.map_err(|error| undecided(company, error.into()))?;
        Ok(SubmittedProfile { outcome, profile })
    }

    /// Changes all that was decided about.
    fn carry_out(&mut self, company: &CompanyId, decision: Decision) -> Outcome {
        let Decision { outcome, profile, merges, yielding, kept } = decision;
        if let Some(profile) = profile {
            self.keep_replaced(company, outcome.sequence, &profile, &merges, kept);
            let absorbed = merges.iter().map(|merge| &merge.absorbed);
            let (mut profile, mut yielding) = (profile, yielding);
            let mut after: Vec<&mut StoredProfile> =
                yielding.iter_mut().chain([&mut profile]).collect();
            let remembered = LostIdentifiers::Remembered(IdentifierLoss::by_outcome(&outcome));
            self.stored.move_identifiers(company, absorbed, &mut after, remembered);
            // What they lose belongs to another person.
            yielding.into_iter().for_each(|one| self.stored.put_whole(company, one));
            self.put(company, outcome.caller, profile);
        }
        for merge in merges {
            self.stored.entomb(company, outcome.survivor, &merge);
        }
        self.stored.record_outcome(company, &outcome);
        outcome
    }

    /// Changes a profile. An identifier that the company removes may belong to another person, so
    /// that nothing of it is left.
    fn put(&mut self, company: &CompanyId, caller: Caller, profile: StoredProfile) {
        let before = self.stored.profile(company, profile.id).ok().flatten();
        let loses_any = before.is_some_and(|before| {
            before.identifiers.iter().any(|held| !profile.identifiers.holds(&held))
        });
        if caller == Caller::Server && loses_any {
            self.stored.put_whole(company, profile);
        } else {
            self.stored.put(company, profile);
        }
    }

    /// The number of the first new outcome of each company that has one.
    pub(crate) fn new_outcomes(&self) -> impl Iterator<Item = (&CompanyId, u64)> {
        self.stored.new_outcomes()
    }

    /// How many segments of outcomes will be written.
    pub(crate) fn new_segments(&self) -> usize {
        self.stored.new_segments()
    }

    /// All that changed.
    pub(crate) fn into_writes(self) -> Vec<Write> {
        self.stored.into_writes()
    }
}

/// Why nothing is stored where no decision was made.
fn undecided(company: &CompanyId, error: DecisionError) -> StoreError {
    match error {
        DecisionError::Rejected(rejected) => rejected.into(),
        DecisionError::Damaged(error) => {
            tracing::error!(%company, %error, "a profile's record is damaged");
            StoreError::Damaged
        }
    }
}

/// The keys that lead to a profile: its identifiers, and the ids that were merged into it.
fn keys_leading_to(company: &CompanyId, profile: &StoredProfile) -> Vec<Key> {
    let identifiers = profile.identifiers.iter();
    let identifiers = identifiers.map(|identifier| key::identifier(company, &identifier));
    identifiers.chain(profile.absorbed.iter().map(|id| key::alias(company, *id))).collect()
}

/// The keys of these identifiers.
fn identifier_keys<'p>(
    company: &'p CompanyId,
    all: impl IntoIterator<Item = &'p ProfileIdentifiers>,
) -> Vec<Key> {
    let identifiers = all.into_iter().flat_map(ProfileIdentifiers::iter);
    identifiers.map(|identifier| key::identifier(company, &identifier)).collect()
}
