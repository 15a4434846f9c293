//! What a batch has to read about push tokens.

use std::collections::VecDeque;

use profile_protocol::CompanyId;

use crate::{ProfileRef, PushTokenId, engine::Scan};

/// What a request has to know about push tokens.
#[derive(Debug)]
pub(super) struct WantedPushToken {
    pub(super) request: usize,
    pub(super) company: CompanyId,
    /// The token that the request names.
    pub(super) token: Option<PushTokenId>,
    /// The profiles whose tokens have to be known.
    pub(super) of: Vec<ProfileRef>,
}

impl WantedPushToken {
    /// A token that a profile is to get which one of these leads to.
    pub(super) fn registered(
        request: usize,
        company: &CompanyId,
        targets: &[&ProfileRef],
        token: PushTokenId,
    ) -> WantedPushToken {
        let of = targets.iter().map(|&target| target.clone()).collect();
        WantedPushToken { request, company: company.clone(), token: Some(token), of }
    }

    /// A token that its profile is to lose.
    pub(super) fn removed(
        request: usize,
        company: &CompanyId,
        token: PushTokenId,
    ) -> WantedPushToken {
        WantedPushToken::registered(request, company, &[], token)
    }
}

/// The scans that find the push tokens of profiles.
#[derive(Debug, Default)]
pub(super) struct TokenScans {
    pub(super) wanted: Vec<WantedPushToken>,
    /// The scans that are left, each for a request.
    pub(super) scans: VecDeque<(usize, Scan)>,
    pub(super) are_planned: bool,
    /// The scan whose entries are fed next, and its request.
    pub(super) scanned: Option<(usize, Scan)>,
}
