//! Texts as commands print them. A file, a store or a gateway that they come from may have been
//! made by another person, and a terminal carries out the control characters of a text.

use std::error::Error;

/// The error and its chain of causes, in one line.
pub fn chain(error: &(dyn Error + 'static)) -> String {
    let mut told = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        told = format!("{told}: {error}");
        cause = error.source();
    }
    told
}

/// A text of several lines, in which other control characters are escaped.
pub fn printed_lines(text: &str) -> String {
    escaped(text, |character| character != '\n' && is_control(character))
}

/// A text of one line, in which all control characters are escaped.
pub(crate) fn printed_line(text: &str) -> String {
    escaped(text, is_control)
}

fn escaped(text: &str, is_escaped: impl Fn(char) -> bool) -> String {
    let mut printed = String::with_capacity(text.len());
    for character in text.chars() {
        if is_escaped(character) {
            printed.extend(character.escape_default());
        } else {
            printed.push(character);
        }
    }
    printed
}

/// Whether a character changes how those around it are shown: control characters, line separators,
/// and those that turn the direction of text.
fn is_control(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_character_that_a_terminal_carries_out_is_printed() {
        let text = "a\u{1b}[31m\u{9b}b\rc\u{7f}\u{202e}d\né \u{1f600} \"'\\";
        let line = r#"a\u{1b}[31m\u{9b}b\rc\u{7f}\u{202e}d\né 😀 "'\"#;
        assert_eq!(printed_line(text), line);
        assert_eq!(printed_lines(text), line.replace(r"\n", "\n"));
        for character in (0..0x3000).filter_map(char::from_u32) {
            assert!(!printed_line(&character.to_string()).chars().any(is_control));
        }
    }
}
