//! The labels of metrics: constants, and ids of configured companies.

use std::fmt;

use profile_protocol::CompanyId;
use prometheus_client::encoding::{
    EncodeLabel, EncodeLabelSet, EncodeLabelValue, LabelEncoder, LabelValueEncoder,
};

/// The effect of a request on its profile.
#[expect(missing_docs, reason = "each variant is the name of its effect")]
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum ProfileEffect {
    Created,
    Deleted,
    Merged,
    NothingDeleted,
    TokensRevoked,
    Unchanged,
    Unidentified,
    Unmerged,
    Updated,
}

impl ProfileEffect {
    pub(super) const ALL: [ProfileEffect; 9] = [
        ProfileEffect::Created,
        ProfileEffect::Deleted,
        ProfileEffect::Merged,
        ProfileEffect::NothingDeleted,
        ProfileEffect::TokensRevoked,
        ProfileEffect::Unchanged,
        ProfileEffect::Unidentified,
        ProfileEffect::Unmerged,
        ProfileEffect::Updated,
    ];

    /// The name of the effect.
    pub fn as_str(self) -> &'static str {
        match self {
            ProfileEffect::Created => "created",
            ProfileEffect::Deleted => "deleted",
            ProfileEffect::Merged => "merged",
            ProfileEffect::NothingDeleted => "nothing_deleted",
            ProfileEffect::TokensRevoked => "tokens_revoked",
            ProfileEffect::Unchanged => "unchanged",
            ProfileEffect::Unidentified => "unidentified",
            ProfileEffect::Unmerged => "unmerged",
            ProfileEffect::Updated => "updated",
        }
    }
}

impl EncodeLabelValue for ProfileEffect {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> fmt::Result {
        self.as_str().encode(encoder)
    }
}

/// Why a TLS handshake failed.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum FailedHandshake {
    /// The client closed the connection.
    Closed,
    /// The client and the gateway have no version, cipher suite or protocol in common, or the
    /// client does not speak TLS.
    Protocol,
    /// The client refused, usually because it does not trust the certificate.
    Refused,
    /// The client took too long.
    Timeout,
}

impl FailedHandshake {
    pub(super) const ALL: [FailedHandshake; 4] = [
        FailedHandshake::Closed,
        FailedHandshake::Protocol,
        FailedHandshake::Refused,
        FailedHandshake::Timeout,
    ];

    /// The name of the reason.
    pub fn as_str(self) -> &'static str {
        match self {
            FailedHandshake::Closed => "closed",
            FailedHandshake::Protocol => "protocol",
            FailedHandshake::Refused => "refused",
            FailedHandshake::Timeout => "timeout",
        }
    }
}

impl EncodeLabelValue for FailedHandshake {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> fmt::Result {
        self.as_str().encode(encoder)
    }
}

/// The result of a request for the caller.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) enum RequestOutcome {
    Accepted,
    Failed,
    Refused,
}

impl EncodeLabelValue for RequestOutcome {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> fmt::Result {
        let name = match self {
            RequestOutcome::Accepted => "accepted",
            RequestOutcome::Failed => "failed",
            RequestOutcome::Refused => "refused",
        };
        name.encode(encoder)
    }
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
pub(super) struct CodeLabel {
    pub(super) code: &'static str,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
pub(super) struct EffectLabel {
    pub(super) effect: ProfileEffect,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
pub(super) struct EndpointLabel {
    pub(super) endpoint: &'static str,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
pub(super) struct HandshakeLabel {
    pub(super) reason: FailedHandshake,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
pub(super) struct OutcomeLabel {
    pub(super) outcome: RequestOutcome,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
pub(super) struct VersionLabel {
    pub(super) version: &'static str,
}

/// A label of a series that is made when the metrics are read: its name and its value.
pub(super) type Label<'a> = (&'static str, LabelText<'a>);

/// The value of a label.
#[derive(Clone, Copy, Debug)]
pub(super) enum LabelText<'a> {
    Constant(&'static str),
    /// A configured company.
    Company(&'a CompanyId),
    Number(u64),
}

/// A set of such labels.
pub(super) struct Labels<'l, 'a>(pub(super) &'l [Label<'a>]);

impl EncodeLabelSet for Labels<'_, '_> {
    fn encode(
        &self,
        encoder: &mut prometheus_client::encoding::LabelSetEncoder<'_>,
    ) -> fmt::Result {
        self.0.iter().try_for_each(|label| {
            let encoder: LabelEncoder<'_> = encoder.encode_label();
            label.encode(encoder)
        })
    }
}

impl EncodeLabelValue for LabelText<'_> {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> fmt::Result {
        match self {
            LabelText::Constant(text) => text.encode(encoder),
            LabelText::Company(company) => company.as_str().encode(encoder),
            LabelText::Number(number) => number.encode(encoder),
        }
    }
}
