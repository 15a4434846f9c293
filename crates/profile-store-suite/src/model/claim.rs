//! A claim, in the model.

#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct ModelClaim {
    pub(super) kind: String,
    pub(super) text: String,
    pub(super) source: ModelClaimSource,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum ModelClaimSource {
    Subject,
    Attributes,
    Append,
}

pub(super) fn authority(kind: &str) -> usize {
    ["a", "p", "e", "x", "id"].iter().position(|known| *known == kind).unwrap()
}

impl ModelClaim {
    /// Whether it names an identifier of which a profile holds one.
    pub(super) fn is_single(&self) -> bool {
        matches!(self.kind.as_str(), "x" | "e" | "p")
    }
}
