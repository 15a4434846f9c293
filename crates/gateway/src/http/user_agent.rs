//! What a log line shows of a user agent: words that are like no address, phone number or key.

use std::fmt::{self, Write};

use actix_web::http::header::{self, HeaderMap};

use crate::{
    http::log_text::{OWN_NAME, escape},
    limits,
    tenants::private_key::may_contain_key,
};

/// What all releases of Firefox send, though it has as many digits as a phone number.
const FIREFOX: &[u8] = b"Gecko/20100101";

/// The most parts of a version, and the most digits of each.
const VERSION: (usize, usize) = (4, 5);

/// The beginning of the user agent, in whole words. Characters other than visible ASCII are
/// escaped, and words that may be personal are replaced by an asterisk.
pub(crate) fn user_agent(headers: &HeaderMap) -> Option<impl fmt::Display> {
    let sent = headers.get(header::USER_AGENT)?.as_bytes();
    Some(fmt::from_fn(move |f| write_words(f, sent)))
}

fn write_words(f: &mut fmt::Formatter<'_>, sent: &[u8]) -> fmt::Result {
    // A number at the end of what is shown may continue in words that are not.
    let (examined, _) = sent.split_at(sent.len().min(limits::EXAMINED_USER_AGENT_BYTES));
    let words: Vec<&[u8]> = examined.split(|byte| *byte == b' ').collect();
    let decoded: Vec<Vec<u8>> = words.iter().map(|word| decoded(word)).collect();
    let numbers = words_of_numbers(&decoded);
    let mut end = 0;
    for (index, ((word, decoded), is_number)) in words.iter().zip(&decoded).zip(numbers).enumerate()
    {
        if index != 0 {
            f.write_char(' ')?;
            end += 1;
        }
        end += word.len();
        if limits::LOGGED_USER_AGENT_BYTES < end {
            return f.write_str("…");
        }
        let is_personal = is_number || is_personal(decoded);
        if is_personal { f.write_str(OWN_NAME)? } else { escape(f, word)? }
    }
    Ok(())
}

/// The word without percent-encoding, however often it was encoded.
fn decoded(word: &[u8]) -> Vec<u8> {
    let mut word = word.to_vec();
    loop {
        let decoded = decoded_once(&word);
        if decoded.len() == word.len() {
            return word;
        }
        word = decoded;
    }
}

fn decoded_once(word: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(word.len());
    let mut rest = word;
    while let Some((&byte, after)) = rest.split_first() {
        let escaped = after.split_first_chunk::<2>().filter(|_| byte == b'%');
        let escaped = escaped.and_then(|(digits, after)| Some((byte_of(*digits)?, after)));
        let (byte, after) = escaped.unwrap_or((byte, after));
        decoded.push(byte);
        rest = after;
    }
    decoded
}

/// The byte of two hexadecimal digits.
fn byte_of(digits: [u8; 2]) -> Option<u8> {
    let [high, low] = digits.map(|digit| char::from(digit).to_digit(16));
    u8::try_from(high? * 16 + low?).ok()
}

/// Whether a word is like an email address, a private key, or a phone number with its country.
fn is_personal(word: &[u8]) -> bool {
    let is_number = |two: &[u8]| matches!(two, [b'+', digit] if digit.is_ascii_digit());
    let is_phone_number = word.windows(2).any(is_number);
    let is_key = may_contain_key(&String::from_utf8_lossy(word));
    word.contains(&b'@') || is_key || is_phone_number
}

/// For each word whether it is part of a number that is as long as a phone number, however its
/// digits are grouped. Only a letter or a version ends a number.
fn words_of_numbers(words: &[Vec<u8>]) -> Vec<bool> {
    let mut found = vec![false; words.len()];
    let (mut first, mut digits) = (0, 0);
    for (index, word) in words.iter().enumerate() {
        if word == FIREFOX {
            digits = 0;
            continue;
        }
        for part in word.chunk_by(|one, next| PartKind::of(*one) == PartKind::of(*next)) {
            match part.first().map(|byte| PartKind::of(*byte)) {
                Some(PartKind::Letters) => digits = 0,
                Some(PartKind::Number) if is_version(part) => digits = 0,
                Some(PartKind::Number) => {
                    first = if digits == 0 { index } else { first };
                    digits += part.iter().filter(|byte| byte.is_ascii_digit()).count();
                }
                Some(PartKind::Other) | None => {}
            }
            if limits::LOGGED_DIGITS < digits {
                found.iter_mut().take(index + 1).skip(first).for_each(|word| *word = true);
            }
        }
    }
    found
}

#[derive(Clone, Copy, Eq, PartialEq)]
enum PartKind {
    Letters,
    /// Digits and dots.
    Number,
    Other,
}

impl PartKind {
    fn of(byte: u8) -> PartKind {
        match byte {
            b'0'..=b'9' | b'.' => PartKind::Number,
            _ if byte.is_ascii_alphabetic() => PartKind::Letters,
            _ => PartKind::Other,
        }
    }
}

/// Whether these digits and dots are a version, such as 156.0.8078.73. Phone numbers have no single
/// digit after a dot.
fn is_version(number: &[u8]) -> bool {
    let parts: Vec<&[u8]> = number.split(|byte| *byte == b'.').collect();
    let (most, longest) = VERSION;
    parts.len() <= most
        && parts.iter().all(|part| (1..=longest).contains(&part.len()))
        && parts.iter().skip(1).any(|part| part.len() == 1)
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;

    fn shown(sent: impl AsRef<[u8]>) -> String {
        let mut headers = HeaderMap::new();
        headers.insert(header::USER_AGENT, HeaderValue::from_bytes(sent.as_ref()).unwrap());
        user_agent(&headers).unwrap().to_string()
    }

    #[test]
    fn a_user_agent_is_escaped_and_has_neither_an_address_nor_a_phone_number() {
        for (sent, expected) in [
            ("app \"1\\2\"", r#"app \"1\\2\""#),
            ("bot (+http://bot.example; me@bot.example)", "bot (+http://bot.example; *"),
            ("bot zorro.enc%40bot.example", "bot *"),
            ("bot zorro.enc%2540bot.example %25252540", "bot * *"),
            ("bot 100%25 %zz %4", "bot 100%25 %zz %4"),
            ("phone +15005550006", "phone *"),
            ("phone 15005550006x", "phone *"),
            ("phone/0015005550007 1", "* *"),
            ("phone (500) 555-0006 x", "phone * * x"),
            ("phone 1.500.555.0006", "phone *"),
            ("phone 01 42 68 53 00", "phone * * * * *"),
            ("phone [500]-555  0006", "phone * * *"),
            ("phone %28500%29%20555-0006", "phone *"),
            ("phone 500_555:0006; 1 app/2", "phone * * app/2"),
            ("phone 555-000 6x", "phone * *"),
            ("phone 555-00 6x", "phone 555-00 6x"),
            ("app/1 pk_0123456789", "app/1 *"),
            ("app/1 pk%5f0123456789", "app/1 *"),
            ("tab\tand é", "tab\\x09and \\xc3\\xa9"),
        ] {
            assert_eq!(shown(sent), expected);
        }
        assert_eq!(shown(b"\xff"), "\\xff");
    }

    #[test]
    fn a_user_agent_without_a_person_is_shown_as_it_is() {
        for sent in [
            "Mozilla/5.0 (X11; rv:140.0) Gecko/20100101",
            "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) \
             Chrome/156.0.8078.73 Safari/537.36 Edg/156.0.2210.144",
            "Mozilla/5.0 (iPhone; CPU iPhone OS 17_4_1 like Mac OS X) AppleWebKit/605.1.15 \
             (KHTML, like Gecko) Version/17.4.1 Mobile/15E148 Safari/604.1",
            "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36",
            "klaviyo-swift/4.0.0 CFNetwork/1494.0.7 Darwin/23.4.0",
            "okhttp/4.12.0",
            "python-requests/2.32.3",
            "Windows 10.0.19045.3803",
            "",
        ] {
            assert_eq!(shown(sent), sent);
        }
    }

    #[test]
    fn a_long_user_agent_is_cut_between_words() {
        let most = limits::LOGGED_USER_AGENT_BYTES;
        assert_eq!(shown(vec![b'a'; most]), "a".repeat(most));
        assert_eq!(shown(vec![b'a'; most + 1]), "…");
        // An address is not cut before what shows that it is one.
        for begin in [most - 2, most - 7, most - 8] {
            let sent = format!("{} sarah.mason@example.com", "a".repeat(begin));
            assert_eq!(shown(&sent), format!("{} …", "a".repeat(begin)), "{begin}");
        }
        // Nor is a number cut before it is as long as a phone number.
        let begin = "a".repeat(most - 10);
        assert_eq!(shown(format!("{begin} (500) 555 0006")), format!("{begin} * * …"));
        let unlike = format!("{begin} (500) 555 x");
        assert_eq!(shown(&unlike), format!("{begin} (500) 555 …"));
        shown("%25".repeat(50_000));
    }
}
