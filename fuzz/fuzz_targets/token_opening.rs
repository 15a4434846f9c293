//! Arbitrary text, opened as an exchange token, at any time.
//!
//! The first eight bytes are the time. The rest is used as a token, and as a list of changes of a
//! valid token, each a position and a byte. Only a token that was sealed with a configured key
//! opens, for its own company, within its lifetime, to the id inside. Every other token is refused
//! with the reason that applies to it.
#![no_main]

use std::{sync::LazyLock, time::Duration};

use gateway::{
    client::exchange_token::{ExchangeKey, KeyRing},
    limits::EXCHANGE_TOKEN_LIFETIME,
};
use libfuzzer_sys::fuzz_target;
use profile_protocol::{CompanyId, ExchangeToken, ProfileId};
use profile_store::InvalidToken;

/// When all of the tokens were sealed.
const SEALED: u64 = 1_764_000_000;

/// Tokens sealed with these keys, and the id that is in each. Sealing needs entropy, so they were
/// sealed beforehand.
const TOKENS: [(&str, u128); 3] = [
    (
        "gakaSGe5kxjBBNmHMQBf7mYhMMy1qdVI5Oq482aeVa5andFguPLJyZAVLTHORXxK4oOLuTKyIjp76IlR3l1MAg.ABC123",
        7,
    ),
    (
        "2FMiqlr6R7Rlk9vRt1RyauH78uqocJB6ERCNdoWjzOg1KM1mJmJLT5FeuRxGULQmZfyg23nXTEGYC-2ECJYWvQ.XYZ789",
        u128::MAX,
    ),
    (
        "evqe2dA_VpPNhhmW6DYsy7kagmiGttZY5BWD7tF9vHea3gJ2YET1NgQDAQPrrH8FM4B01xs3cd6HGKYn4obldQ.ABC123",
        7,
    ),
];

const COMPANIES: [&str; 2] = ["ABC123", "XYZ789"];

static RING: LazyLock<KeyRing> = LazyLock::new(|| {
    let key = |digits: &str| digits.repeat(32).parse::<ExchangeKey>().expect("a key");
    KeyRing::new(key("0f"), [key("a1")])
});

fuzz_target!(|input: &[u8]| {
    let Some((now, rest)) = input.split_first_chunk::<8>() else { return };
    let now = u64::from_le_bytes(*now);
    if let Ok(text) = std::str::from_utf8(rest) {
        open(text, now);
    }
    for (token, _) in TOKENS {
        open(token, now);
        let mut altered = token.as_bytes().to_vec();
        for change in rest.chunks_exact(2) {
            let place = usize::from(change[0]) % altered.len();
            altered[place] = change[1];
        }
        if let Ok(altered) = String::from_utf8(altered) {
            open(&altered, now);
        }
    }
});

fn open(text: &str, now: u64) {
    let Ok(token) = text.parse::<ExchangeToken>() else { return };
    for company in COMPANIES {
        let id: CompanyId = company.parse().expect("a company's id");
        let opened = RING.open(&id, &token, now);
        assert_eq!(opened, expected(text, company, now), "for {company} at {now}");
    }
}

fn expected(text: &str, company: &str, now: u64) -> Result<ProfileId, InvalidToken> {
    let (sealed, owner) = text.rsplit_once('.').ok_or(InvalidToken::Unsealed)?;
    if owner != company {
        return Err(InvalidToken::Foreign);
    }
    let bare = format!("{}.{owner}", sealed.trim_end_matches('='));
    let known = TOKENS.into_iter().find(|(token, _)| *token == bare);
    let (_, id) = known.ok_or(InvalidToken::Unsealed)?;
    let age = Duration::from_secs(now.saturating_sub(SEALED));
    if EXCHANGE_TOKEN_LIFETIME < age {
        return Err(InvalidToken::Expired);
    }
    Ok(ProfileId::from_bits(id))
}
