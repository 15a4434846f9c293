//! A body as the inspector shows it: what was sent, what it was decoded to, and what is wrong with
//! either. Bytes that are no text are shown as escapes.

use std::fmt::Write;

use maud::{Markup, html};
use serde::de::IgnoredAny;

use super::inspector::{InspectedBody, NotDecoded, SentBody};
use crate::{http::encoding::ContentEncoding, limits};

/// The body of a request, before and after decoding.
pub(super) fn shown(body: Option<&InspectedBody>) -> Markup {
    let Some(InspectedBody { sent, decoded, .. }) = body else {
        return html! {
            p.faint {
                "None was kept: the request had none, was refused before its body had arrived, or "
                "is a bulk import."
            }
        };
    };
    html! {
        p { "Sent with " (sent.bytes) " bytes" (coding(sent)) "." }
        @match decoded {
            Ok(decoded) => {
                @if sent.encoding != ContentEncoding::Identity {
                    p { "Decoded, with " (decoded.len()) " bytes:" }
                }
                (text_faults(decoded))
                (bytes(decoded))
            }
            Err(reason) => {
                div.wrong { "It was not decoded: " (reason_words(*reason, sent)) }
                p { "The first " (sent.first.len()) " bytes as they were sent:" }
                (bytes(&sent.first))
            }
        }
    }
}

fn coding(sent: &SentBody) -> Markup {
    let first: Vec<u8> = sent.first.iter().copied().take(limits::INSPECTED_ENCODED_BYTES).collect();
    html! {
        @if let Some(name) = name_of(sent.encoding) {
            " as " (name) ", of which the first are " code { (hexadecimal(&first)) }
        }
    }
}

fn name_of(encoding: ContentEncoding) -> Option<&'static str> {
    match encoding {
        ContentEncoding::Brotli => Some("br"),
        ContentEncoding::Deflate => Some("deflate"),
        ContentEncoding::Gzip => Some("gzip"),
        ContentEncoding::Identity => None,
        ContentEncoding::Zstd => Some("zstd"),
    }
}

/// How every body of this coding begins, if all do alike.
fn signature(encoding: ContentEncoding) -> &'static [u8] {
    match encoding {
        ContentEncoding::Gzip => &[0x1f, 0x8b],
        ContentEncoding::Zstd => &[0x28, 0xb5, 0x2f, 0xfd],
        ContentEncoding::Brotli | ContentEncoding::Deflate | ContentEncoding::Identity => &[],
    }
}

fn reason_words(reason: NotDecoded, sent: &SentBody) -> String {
    let name = name_of(sent.encoding).unwrap_or_default();
    match reason {
        NotDecoded::Corrupt if !sent.first.starts_with(signature(sent.encoding)) => {
            let expected = hexadecimal(signature(sent.encoding));
            format!("it does not begin with {expected}, as {name} does.")
        }
        NotDecoded::Corrupt => {
            format!("it is not {name}, ends early, is damaged, or has something behind its end.")
        }
        NotDecoded::TooLarge { bytes } => format!("it would be larger than {bytes} bytes."),
        NotDecoded::NotTried => "the request was refused before; see its answer.".to_owned(),
    }
}

/// What is wrong with decoded bytes that should be JSON.
fn text_faults(decoded: &[u8]) -> Markup {
    html! {
        @match std::str::from_utf8(decoded) {
            Err(error) => {
                div.wrong {
                    "It is not UTF-8 after byte " (error.valid_up_to()) ". "
                    @if decoded.starts_with(&[0xff, 0xfe]) || decoded.starts_with(&[0xfe, 0xff]) {
                        "It begins like UTF-16."
                    } @else {
                        "Perhaps it is in another charset, such as ISO-8859-1, or no text at all."
                    }
                }
            }
            Ok(text) => {
                // A byte order mark is skipped.
                @let json = text.strip_prefix('\u{feff}').unwrap_or(text);
                @if let Err(error) = serde_json::from_str::<IgnoredAny>(json) {
                    div.wrong { "It is not JSON: " (error) "." }
                }
            }
        }
    }
}

/// Bytes as text, if they are some, and otherwise the first of them with escapes.
pub(super) fn bytes(bytes: &[u8]) -> Markup {
    let is_control = |symbol: char| symbol.is_control() && !matches!(symbol, '\n' | '\r' | '\t');
    match std::str::from_utf8(bytes) {
        Ok(text) if !text.contains(is_control) => html! { pre { "\n" (text) } },
        _ => {
            let first = limits::INSPECTED_SHOWN_BYTES.min(bytes.len());
            let (first, rest) = bytes.split_at(first);
            html! {
                pre { "\n" (escaped(first)) }
                p.hint {
                    "Bytes that are no text, and control characters, are shown as \\x and two digits."
                    @if !rest.is_empty() { " Another " (rest.len()) " bytes are not shown." }
                }
            }
        }
    }
}

/// The bytes as text, each that is none as an escape. A backslash is two.
fn escaped(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for symbol in chunk.valid().chars() {
            match symbol {
                '\\' => text.push_str(r"\\"),
                '\n' | '\t' => text.push(symbol),
                other if other.is_control() => {
                    let mut buffer = [0; 4];
                    escape(&mut text, other.encode_utf8(&mut buffer).as_bytes());
                }
                other => text.push(other),
            }
        }
        escape(&mut text, chunk.invalid());
    }
    text
}

fn escape(text: &mut String, bytes: &[u8]) {
    for byte in bytes {
        // A string takes whatever is written to it.
        let _ = write!(text, r"\x{byte:02x}");
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use actix_web::web::Bytes;

    use super::*;

    fn page(encoding: ContentEncoding, sent: &[u8], decoded: Result<&[u8], NotDecoded>) -> String {
        let body = InspectedBody {
            sent: SentBody::new(encoding, sent),
            decoded: decoded.map(Bytes::copy_from_slice),
            read_at: Duration::ZERO,
        };
        shown(Some(&body)).into_string()
    }

    #[test]
    fn what_is_no_text_is_escaped_and_every_other_byte_stays() {
        assert_eq!(escaped(b"a\\x41\x00\xff\x9f<\n"), "a\\\\x41\\x00\\xff\\x9f<\n");
        assert_eq!(escaped("\u{9b}31m ü".as_bytes()), "\\xc2\\x9b31m ü");
    }

    #[test]
    fn a_body_that_cannot_be_decoded_says_why_and_shows_what_was_sent() {
        let plain = page(ContentEncoding::Gzip, b"{\"a\":1}", Err(NotDecoded::Corrupt));
        assert!(plain.contains("does not begin with 1f 8b, as gzip does"), "{plain}");
        assert!(plain.contains("{&quot;a&quot;:1}"), "{plain}");
        let cut = page(ContentEncoding::Gzip, b"\x1f\x8b\x08\0<b>", Err(NotDecoded::Corrupt));
        assert!(
            cut.contains("ends early") && cut.contains("\\x1f\\x8b\\x08\\x00&lt;b&gt;"),
            "{cut}"
        );
        let large = NotDecoded::TooLarge { bytes: 102_400 };
        let bomb = page(ContentEncoding::Brotli, &[7; 2_000], Err(large));
        assert!(bomb.contains("larger than 102400 bytes") && bomb.contains("2000 bytes as br"));
        assert!(bomb.contains("The first 512 bytes"), "{bomb}");
    }

    #[test]
    fn what_is_wrong_with_a_decoded_body_is_said_beside_it() {
        for (body, words) in [
            (&b"{\"name\":\"Jos\xe9\"}"[..], "not UTF-8 after byte 12"),
            (b"\xff\xfe{\0", "begins like UTF-16"),
            (b"{\"a\":}", "not JSON: expected value at line 1 column 6"),
            (b"a=1&b=2", "not JSON"),
            (b"", "not JSON: EOF"),
        ] {
            let page = page(ContentEncoding::Identity, body, Ok(body));
            assert!(page.contains(words), "{words} in {page}");
        }
        let sound = page(ContentEncoding::Identity, b"\xef\xbb\xbf{}", Ok(b"\xef\xbb\xbf{}"));
        assert!(!sound.contains("class=\"wrong\""), "{sound}");
    }

    #[test]
    fn of_bytes_that_are_no_text_a_bounded_number_is_shown() {
        let page = bytes(&vec![0; limits::INSPECTED_SHOWN_BYTES + 7]).into_string();
        assert_eq!(page.matches("\\x00").count(), limits::INSPECTED_SHOWN_BYTES);
        assert!(page.contains("Another 7 bytes are not shown"), "{page}");
    }
}
