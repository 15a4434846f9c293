//! Push tokens: what has to be read about them, and what requests change.

use ahash::HashSet;
use profile_protocol::{CompanyId, ProfileId, PushTokenDetails};

use super::{Asked, Batch, Command};
use crate::{
    Caller, Claims, Decision, DecisionContext, Outcome, ProfileRef, PushTokenId, RemovePushToken,
    StoreError, StoredProfile,
    decide::push_tokens::{
        HeldPushToken, PushTokenState, RegisteredPushToken, holders, register, remove,
    },
    engine::{Key, Order, Scan, Value},
    layout::key,
    limits,
};

impl Batch {
    /// Asks under which profile a token is kept.
    pub(super) fn want_holder(
        &mut self,
        company: &CompanyId,
        token: PushTokenId,
        seen: &mut HashSet<Key>,
    ) {
        let key = key::push_token_holder(company, token);
        if seen.insert(key.clone()) {
            self.ask(Asked::Pointer(key.clone()), key);
        }
    }

    /// Asks for the profiles that have the tokens which requests name, and for these tokens.
    pub(super) fn ask_for_owners(&mut self) {
        let mut seen = HashSet::default();
        let named: Vec<(usize, CompanyId, PushTokenId)> = (self.tokens.wanted.iter())
            .filter_map(|wanted| Some((wanted.request, wanted.company.clone(), wanted.token?)))
            .collect();
        for (request, company, token) in named {
            let holder = self.stored.target(&key::push_token_holder(&company, token));
            let Some(holder) = holder else { continue };
            self.want_target(request, &company, &ProfileRef::Id(holder), &mut seen);
            let key = key::push_token(&company, holder, token);
            if seen.insert(key.clone()) {
                self.ask(Asked::PushToken(key.clone()), key);
            }
        }
    }

    /// The next scan for the tokens of a profile, once all profiles are read.
    pub(super) fn next_token_scan(&mut self) -> Option<Scan> {
        if !self.tokens.are_planned {
            self.tokens.are_planned = true;
            self.plan_token_scans();
        }
        let (request, scan) = self.tokens.scans.pop_front()?;
        self.tokens.scanned = Some((request, scan.clone()));
        Some(scan)
    }

    /// Plans a scan for each id under which tokens of a profile may be kept.
    fn plan_token_scans(&mut self) {
        let mut prefixes: Vec<(usize, Key)> = Vec::new();
        let ready = self.ready();
        for wanted in self.tokens.wanted.iter().filter(|wanted| wanted.request < ready) {
            let profiles = wanted.of.iter();
            let profiles =
                profiles.filter_map(|target| self.stored.readable(&wanted.company, target));
            let kept = profiles.flat_map(holders);
            let kept = kept.map(|holder| key::push_tokens(&wanted.company, holder));
            prefixes.extend(kept.map(|prefix| (wanted.request, prefix)));
        }
        // A deletion is a batch of its own.
        if let Some(Command::Deletion(company, targets)) = &self.command
            && let Ok(Some(found)) = self.subject(company, targets)
        {
            let kept = holders(&found.profile).into_iter();
            prefixes.extend(kept.map(|holder| (0, key::push_tokens(company, holder))));
        }
        let mut seen = HashSet::default();
        for (request, prefix) in prefixes {
            if seen.insert(prefix.clone()) {
                let (order, limit) = (Order::Ascending, limits::PUSH_TOKENS);
                let scan = Scan { prefix, after: None, order, limit };
                self.tokens.scans.push_back((request, scan));
            }
        }
    }

    /// Takes in tokens that were read for this request. A full page may have a next one.
    pub(super) fn feed_push_tokens(
        &mut self,
        request: usize,
        scan: Scan,
        entries: Vec<(Key, Value)>,
    ) {
        if scan.limit <= entries.len() {
            let after = entries.last().map(|(key, _)| key.clone());
            self.tokens.scans.push_front((request, Scan { after, ..scan }));
        }
        let read: usize = entries.iter().map(|(_, value)| value.len()).sum();
        self.bytes.iter_mut().skip(request).take(1).for_each(|bytes| *bytes += read);
        self.stored.insert_push_tokens(entries);
    }

    /// Carries out the decision on a request that registers a token.
    pub(super) fn register_push_token(
        &mut self,
        company: &CompanyId,
        decision: Decision,
        details: &PushTokenDetails,
        context: DecisionContext,
    ) -> Result<Outcome, StoreError> {
        let Some(profile) = &decision.profile else { return Ok(self.carry_out(company, decision)) };
        let state = self.push_token_state(company, profile, details)?;
        let id = profile.id;
        let RegisteredPushToken { decision, loser, put, removed } =
            register(decision, id, details, state, context);
        let outcome = self.carry_out(company, decision);
        loser.into_iter().for_each(|loser| self.stored.put(company, loser));
        for (holder, token) in removed {
            self.stored.remove_push_token(company, holder, token);
        }
        if let Some(HeldPushToken { holder, token }) = put {
            self.stored.put_push_token(company, holder, token);
        }
        Ok(outcome)
    }

    /// What is stored about a token that this profile is to get.
    fn push_token_state(
        &self,
        company: &CompanyId,
        profile: &StoredProfile,
        details: &PushTokenDetails,
    ) -> Result<PushTokenState<'_>, StoreError> {
        let own = holders(profile);
        let held = own.iter().map(|holder| self.stored.push_tokens_of(company, *holder));
        let held: Vec<Vec<HeldPushToken>> = held.collect::<Result<_, _>>()?;
        let token = PushTokenId::of_token(&details.token);
        let holder = self.holder_of(company, token)?;
        let owner = match holder.filter(|holder| !own.contains(holder)) {
            Some(holder) => self.stored.reach(company, &ProfileRef::Id(holder))?,
            None => None,
        };
        Ok(PushTokenState { held: held.into_iter().flatten().collect(), holder, owner })
    }

    /// The id under which a token is kept.
    fn holder_of(
        &self,
        company: &CompanyId,
        token: PushTokenId,
    ) -> Result<Option<ProfileId>, StoreError> {
        self.stored.pointer(company, &key::push_token_holder(company, token))
    }

    /// The id under which the token of a removal is kept, if it is the one that the removal means.
    fn holder_of_removal(&self, asked: &RemovePushToken) -> Result<Option<ProfileId>, StoreError> {
        let holder = self.holder_of(&asked.company, asked.token)?;
        let (Some(id), Some(created)) = (holder, asked.created) else { return Ok(holder) };
        let held = self.stored.push_tokens_of(&asked.company, id)?;
        let is_meant =
            |one: &HeldPushToken| one.token.id() == asked.token && one.token.created == created;
        Ok(holder.filter(|_| held.iter().any(is_meant)))
    }

    /// Removes a token from its profile. `None` if the company itself asks, and no profile has the
    /// token.
    pub(crate) fn remove_push_token(
        &mut self,
        asked: &RemovePushToken,
        context: DecisionContext,
    ) -> Result<Option<Outcome>, StoreError> {
        let company = &asked.company;
        let holder = self.holder_of_removal(asked)?;
        let owner = match holder {
            Some(holder) => self.stored.reach(company, &ProfileRef::Id(holder))?,
            None => None,
        };
        if owner.is_none() && asked.caller == Caller::Server {
            return Ok(None);
        }
        let claims = asked.named.iter().flat_map(Claims::made);
        let reached: Vec<Option<&StoredProfile>> = claims
            .map(|claim| self.stored.reach(company, &claim.target))
            .collect::<Result<_, _>>()?;
        let (outcome, profile) = remove(asked, owner, &reached, context);
        if let (Some(profile), Some(holder)) = (profile, holder) {
            self.stored.put(company, profile);
            self.stored.remove_push_token(company, holder, asked.token);
        }
        self.stored.record_outcome(company, &outcome);
        Ok(Some(outcome))
    }
}
