//! What follows a backslash: the escapes of JSON, in which the official clients
//! write their texts, and a single quote.

/// The character that an escape stands for, and how many bytes it takes after the
/// backslash. Nothing if it is none, or half of a surrogate pair.
pub(super) fn unescape(rest: &str) -> Option<(char, usize)> {
    let plain = match rest.chars().next()? {
        mark @ ('\\' | '"' | '\'' | '/') => mark,
        'b' => '\u{8}',
        'f' => '\u{c}',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'u' => return unicode(rest),
        _ => return None,
    };
    Some((plain, 1))
}

/// `u` and four hexadecimal digits; of a character beyond the first 65,536, two such
/// escapes.
fn unicode(rest: &str) -> Option<(char, usize)> {
    const ONE: usize = "u0000".len();
    const PAIR: usize = r"u0000\u0000".len();
    let first = digits(rest.get(1..ONE)?)?;
    let second = || {
        let next = rest.get(ONE..PAIR)?.strip_prefix(r"\u")?;
        digits(next)
    };
    match char::decode_utf16([first]).next()? {
        Ok(char) => Some((char, ONE)),
        Err(_half) => {
            let pair = char::decode_utf16([first, second()?]).next()?;
            pair.ok().map(|char| (char, PAIR))
        }
    }
}

fn digits(text: &str) -> Option<u16> {
    let hexadecimal = text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if hexadecimal { u16::from_str_radix(text, 16).ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_those_of_json_and_a_single_quote() {
        for (text, char) in [("\\", '\\'), ("\"", '"'), ("'", '\''), ("/", '/'), ("n", '\n')] {
            assert_eq!(unescape(text), Some((char, 1)), "{text}");
        }
        assert_eq!(unescape("u00e9 and more"), Some(('é', 5)));
        assert_eq!(unescape(r"ud83d\ude00"), Some(('😀', 11)));
    }

    #[test]
    fn what_stands_for_no_character_is_no_escape() {
        for text in ["", "x", "u", "u00", "u+0e9", "ud83d", r"ud83d\u0041", "ude00", "ud83d\\ude0é"]
        {
            assert_eq!(unescape(text), None, "{text}");
        }
    }
}
