//! Arbitrary text, opened as an exchange token, at any time.
//!
//! The first eight bytes are the time. The rest is used as a token, and as a list of changes of a
//! valid token, each a position and a byte. Only a token that was sealed with a configured key
//! opens, for its own company, within its life, to the content inside. Every other token is refused
//! with the reason that applies to it.
#![no_main]

use std::{sync::LazyLock, time::Duration};

use gateway::{
    client::exchange_token::{ExchangeKey, KeyRing},
    limits::EXCHANGE_TOKEN_DAYS,
};
use libfuzzer_sys::fuzz_target;
use profile_protocol::{CompanyId, ExchangeToken, ProfileId};
use profile_store::{DeviceDigest, InvalidToken, Timestamp, TokenContent, TokenTerms};

/// When all of the tokens were sealed.
const SEALED: u64 = 1_764_000_000;

/// The digest of the device in some of the tokens.
const DEVICE: u128 = 0x08c8_219f_6f2f_17a4_7523_4407_59df_062d;

/// Tokens sealed with these keys, and the id and the device that are in each. The first three have
/// the earlier form. Sealing needs entropy, so they were sealed beforehand.
const TOKENS: [(&str, u128, Option<u128>); 6] = [
    (
        "gakaSGe5kxjBBNmHMQBf7mYhMMy1qdVI5Oq482aeVa5andFguPLJyZAVLTHORXxK4oOLuTKyIjp76IlR3l1MAg.ABC123",
        7,
        None,
    ),
    (
        "2FMiqlr6R7Rlk9vRt1RyauH78uqocJB6ERCNdoWjzOg1KM1mJmJLT5FeuRxGULQmZfyg23nXTEGYC-2ECJYWvQ.XYZ789",
        u128::MAX,
        None,
    ),
    (
        "evqe2dA_VpPNhhmW6DYsy7kagmiGttZY5BWD7tF9vHea3gJ2YET1NgQDAQPrrH8FM4B01xs3cd6HGKYn4obldQ.ABC123",
        7,
        None,
    ),
    (
        "-4VzmRIwedbRrxFaIHJec8dbBfElTHrGLVkN0dvJC9_MyAT1IsF-gSfaOAqMjg0UKK_Rhq7zOre5K1qy36MuJSLz6wHZdxf2jy_FKsjV9nc.ABC123",
        7,
        None,
    ),
    (
        "6Wj2hMX7Ogdbz0II5OhioRjmW7tkZO3Mb9nnRidvKylWEd7olfDmo-0i6OhcUWh3lUfJ4KgdHtF6PqozJHnnEacqlMo3isVI_stNhTKjw_8.ABC123",
        7,
        Some(DEVICE),
    ),
    (
        "Bql5Ippz2HgTcKbAShsKm4NjQU9JVEkfXWV8yqCXi3cjSINL6HPXOgdmlUfl8O9Jd4AcknilDP46mDwd6vONhEdrHrH7ou7CtA_0p2GICRc.XYZ789",
        u128::MAX,
        Some(DEVICE),
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
    for (token, ..) in TOKENS {
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

fn expected(text: &str, company: &str, now: u64) -> Result<TokenContent, InvalidToken> {
    let (sealed, owner) = text.rsplit_once('.').ok_or(InvalidToken::Unsealed)?;
    if owner != company {
        return Err(InvalidToken::Foreign);
    }
    let bare = format!("{}.{owner}", sealed.trim_end_matches('='));
    let known = TOKENS.into_iter().find(|(token, ..)| *token == bare);
    let (_, id, device) = known.ok_or(InvalidToken::Unsealed)?;
    let age = Duration::from_secs(now.saturating_sub(SEALED));
    if Duration::from_hours(24 * EXCHANGE_TOKEN_DAYS) < age {
        return Err(InvalidToken::Expired);
    }
    let issued = Timestamp::from_millis(SEALED * 1_000);
    let terms = TokenTerms { issued, device: device.map(DeviceDigest::from_bits) };
    Ok(TokenContent { profile: ProfileId::from_bits(id), terms })
}
