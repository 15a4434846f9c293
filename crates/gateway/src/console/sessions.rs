//! Sessions of the console: the private keys that a browser has signed in with. They are in memory
//! only, so a restart ends them.

use std::{
    collections::HashMap,
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use profile_store::NoEntropy;

use crate::{hexadecimal, limits, tenants::private_key::KeyDigest};

/// Random bytes of a secret of a session, which cannot be guessed.
const RANDOM_BYTES: usize = 32;

/// A secret that only the browser of a session has: its id, or the token of its forms.
#[derive(Clone)]
pub(crate) struct SessionSecret {
    text: Box<str>,
}

impl SessionSecret {
    /// Generates a secret from the operating system's entropy.
    pub(crate) fn generate() -> Result<SessionSecret, NoEntropy> {
        let mut bytes = [0; RANDOM_BYTES];
        getrandom::fill(&mut bytes).or(Err(NoEntropy))?;
        Ok(SessionSecret { text: hexadecimal::encode(&bytes).into() })
    }

    /// The text for the browser.
    pub(crate) fn reveal(&self) -> &str {
        &self.text
    }

    /// Whether the text is this secret. The time does not tell how much of it is right.
    pub(crate) fn is(&self, presented: &str) -> bool {
        KeyDigest::from_key(presented) == KeyDigest::from_key(&self.text)
    }
}

/// Redacted, because `Debug` is how secrets reach logs.
impl fmt::Debug for SessionSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionSecret(…)")
    }
}

/// A session.
#[derive(Clone, Debug)]
pub(crate) struct ConsoleSession {
    /// The digests of its keys, oldest first: 1 to [`limits::CONSOLE_KEYS`].
    pub(crate) keys: Vec<KeyDigest>,
    /// The token that every form of the session carries.
    pub(crate) form_token: SessionSecret,
    began: Duration,
    used: Duration,
}

impl ConsoleSession {
    fn is_over(&self, now: Duration) -> bool {
        limits::CONSOLE_IDLE <= now.saturating_sub(self.used)
            || limits::CONSOLE_SESSION_LIFE <= now.saturating_sub(self.began)
    }
}

/// The open sessions, each by the digest of its id.
#[derive(Debug, Default)]
pub(crate) struct ConsoleSessions {
    open: Mutex<HashMap<KeyDigest, ConsoleSession>>,
}

impl ConsoleSessions {
    /// Opens a session. If there are too many, of one of its keys or of all, the one of them that
    /// was unused for the longest time ends.
    pub(crate) fn open(
        &self,
        id: &SessionSecret,
        form_token: SessionSecret,
        mut keys: Vec<KeyDigest>,
        now: Duration,
    ) {
        keys.drain(..keys.len().saturating_sub(limits::CONSOLE_KEYS));
        let mut open = self.lock();
        open.retain(|_, session| !session.is_over(now));
        for key in &keys {
            make_way(&mut open, limits::CONSOLE_KEY_SESSIONS, |session| session.keys.contains(key));
        }
        make_way(&mut open, limits::CONSOLE_SESSIONS, |_| true);
        let session = ConsoleSession { keys, form_token, began: now, used: now };
        open.insert(KeyDigest::from_key(id.reveal()), session);
    }

    /// The open session with this id, which counts as used now.
    pub(crate) fn find(&self, id: &str, now: Duration) -> Option<ConsoleSession> {
        let (mut open, id) = (self.lock(), KeyDigest::from_key(id));
        let session = open.get_mut(&id)?;
        if session.is_over(now) {
            open.remove(&id);
            return None;
        }
        session.used = session.used.max(now);
        Some(session.clone())
    }

    /// The open session with this id, which does not count as used.
    pub(crate) fn look(&self, id: &str, now: Duration) -> Option<ConsoleSession> {
        let open = self.lock();
        open.get(&KeyDigest::from_key(id)).filter(|session| !session.is_over(now)).cloned()
    }

    /// Ends the session with this id, if it is open.
    pub(crate) fn end(&self, id: &str) {
        self.lock().remove(&KeyDigest::from_key(id));
    }

    /// Removes keys that are no longer configured, and ends sessions without keys.
    pub(crate) fn retain_keys(&self, is_configured: impl Fn(&KeyDigest) -> bool) {
        self.lock().retain(|_, session| {
            session.keys.retain(&is_configured);
            !session.keys.is_empty()
        });
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<KeyDigest, ConsoleSession>> {
        // Whatever a panic interrupted, sessions are whole.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ends the counted session that was unused for the longest time, if there are so many of them.
fn make_way(
    open: &mut HashMap<KeyDigest, ConsoleSession>,
    most: usize,
    is_counted: impl Fn(&ConsoleSession) -> bool,
) {
    let counted = || open.iter().filter(|(_, session)| is_counted(session));
    if counted().count() < most {
        return;
    }
    let oldest = counted().min_by_key(|(_, session)| session.used).map(|(id, _)| *id);
    oldest.and_then(|id| open.remove(&id));
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Duration = Duration::from_secs(100);

    fn secret() -> SessionSecret {
        SessionSecret::generate().unwrap()
    }

    fn opened(sessions: &ConsoleSessions, keys: &[&str], now: Duration) -> SessionSecret {
        let id = secret();
        let keys = keys.iter().map(|key| KeyDigest::from_key(key)).collect();
        sessions.open(&id, secret(), keys, now);
        id
    }

    #[test]
    fn a_session_is_found_by_its_id_until_it_is_idle_or_old() {
        let sessions = ConsoleSessions::default();
        let id = opened(&sessions, &["pk_a"], START);
        assert!(sessions.find("another", START).is_none());
        let mut now = START;
        while now < START + limits::CONSOLE_SESSION_LIFE {
            assert!(sessions.find(id.reveal(), now).is_some(), "{now:?}");
            now += limits::CONSOLE_IDLE / 2;
        }
        assert!(sessions.find(id.reveal(), now).is_none(), "it is too old");
        let id = opened(&sessions, &["pk_a"], START);
        assert!(sessions.find(id.reveal(), START + limits::CONSOLE_IDLE).is_none(), "it is idle");
        assert!(sessions.find(id.reveal(), START).is_none(), "it has ended for good");
    }

    #[test]
    fn a_session_that_is_looked_at_alone_ends() {
        let sessions = ConsoleSessions::default();
        let id = opened(&sessions, &["pk_a"], START);
        let mut now = START;
        while now < START + limits::CONSOLE_IDLE {
            assert!(sessions.look(id.reveal(), now).is_some(), "{now:?}");
            now += limits::CONSOLE_IDLE / 4;
        }
        assert!(sessions.look(id.reveal(), now).is_none());
        assert!(sessions.find(id.reveal(), now).is_none());
    }

    #[test]
    fn sessions_and_their_keys_are_bounded() {
        let sessions = ConsoleSessions::default();
        let first = opened(&sessions, &["pk_a"; limits::CONSOLE_KEYS + 3], START);
        assert_eq!(sessions.find(first.reveal(), START).unwrap().keys.len(), limits::CONSOLE_KEYS);
        for number in 0..limits::CONSOLE_SESSIONS {
            let key = format!("pk_{number}");
            opened(&sessions, &[&key], START + Duration::from_secs(1));
        }
        assert_eq!(sessions.lock().len(), limits::CONSOLE_SESSIONS);
        assert!(sessions.find(first.reveal(), START).is_none(), "the least used one made way");
    }

    #[test]
    fn sessions_of_one_key_end_no_sessions_of_others() {
        let sessions = ConsoleSessions::default();
        let other = opened(&sessions, &["pk_b"], START);
        let first = opened(&sessions, &["pk_a"], START);
        for _ in 0..limits::CONSOLE_SESSIONS {
            opened(&sessions, &["pk_a"], START + Duration::from_secs(1));
        }
        assert_eq!(sessions.lock().len(), limits::CONSOLE_KEY_SESSIONS + 1);
        assert!(sessions.find(other.reveal(), START).is_some());
        assert!(sessions.find(first.reveal(), START).is_none(), "its key's oldest made way");
    }

    #[test]
    fn a_session_without_a_configured_key_ends() {
        let sessions = ConsoleSessions::default();
        let both = opened(&sessions, &["pk_a", "pk_b"], START);
        let one = opened(&sessions, &["pk_b"], START);
        sessions.retain_keys(|key| *key == KeyDigest::from_key("pk_a"));
        assert_eq!(sessions.find(both.reveal(), START).unwrap().keys.len(), 1);
        assert!(sessions.find(one.reveal(), START).is_none());
    }

    #[test]
    fn a_secret_is_shown_by_no_debug_text_and_is_equal_to_itself_only() {
        let (one, other) = (secret(), secret());
        assert!(one.is(one.reveal()) && !one.is(other.reveal()) && !one.is(""));
        assert!(!format!("{one:?}").contains(one.reveal()));
    }
}
