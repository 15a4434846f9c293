//! The rules of exchange tokens, in the model.

/// What a token stands for.
pub(super) enum ModelToken {
    /// The profile of this id.
    Profile(String),
    /// This device, which the profile of the token holds.
    Device(String),
    /// Nothing, for this reason.
    Useless(&'static str),
}

/// A token in the notation.
pub(super) struct TokenWords<'t> {
    /// Whether it is newer than all revocations. Otherwise it is older than all of them.
    is_new: bool,
    /// The number of its profile.
    pub(super) number: &'t str,
    device: Option<&'t str>,
}

impl<'t> TokenWords<'t> {
    pub(super) fn read(text: &'t str) -> TokenWords<'t> {
        let (is_new, text) = text.strip_prefix("new/").map_or((false, text), |rest| (true, rest));
        let (number, device) =
            text.split_once('/').map_or((text, None), |(number, device)| (number, Some(device)));
        TokenWords { is_new, number, device }
    }

    /// What it stands for, if old tokens are revoked or not. `devices` are those of its profile.
    pub(super) fn judged(
        &self,
        id: String,
        is_revoked: bool,
        devices: Option<&[(String, u64)]>,
    ) -> ModelToken {
        match (devices, self.device) {
            _ if is_revoked && !self.is_new => ModelToken::Useless("token revoked"),
            (_, None) => ModelToken::Profile(id),
            (None, Some(_)) => ModelToken::Useless("unknown"),
            (Some(devices), Some(device)) if devices.iter().any(|(held, _)| held == device) => {
                ModelToken::Device(device.to_owned())
            }
            (Some(_), Some(_)) => ModelToken::Useless("token device not held"),
        }
    }
}
