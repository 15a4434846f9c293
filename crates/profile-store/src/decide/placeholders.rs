//! Placeholders: values that programs send in place of a missing identifier. They never
//! identify a profile, since all senders of one placeholder would share that profile.

/// The placeholders without quotes and brackets, in lower case.
const PLACEHOLDERS: [&str; 21] = [
    "-",
    "-1",
    "anonymous",
    "distinct_id",
    "distinctid",
    "email",
    "false",
    "guest",
    "id",
    "n/a",
    "na",
    "nan",
    "nil",
    "none",
    "not set",
    "not_authenticated",
    "null",
    "object object",
    "true",
    "undefined",
    "unknown",
];

/// A company's changes to the list of placeholders.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Placeholders {
    /// Further placeholders, such as the id of a kiosk. Case, quotes and brackets do not matter.
    pub added: Vec<Box<str>>,
    /// Placeholders that identify a profile of this company.
    pub removed: Vec<Box<str>>,
}

impl Placeholders {
    /// Whether this text is a placeholder.
    pub fn contains(&self, text: &str) -> bool {
        let bare = bare(text);
        let listed = |list: &[Box<str>]| list.iter().any(|one| one.eq_ignore_ascii_case(bare));
        listed(&self.added) || (is_placeholder(bare) && !listed(&self.removed))
    }
}

/// The text without quotes, brackets and white space around it.
fn bare(text: &str) -> &str {
    let wrapping = |c: char| c.is_whitespace() || "\"'`[]{}()<>%$".contains(c);
    text.trim_matches(wrapping)
}

fn is_placeholder(bare: &str) -> bool {
    let is_zero_or_empty = bare.bytes().all(|byte| matches!(byte, b'0' | b'-' | b'.' | b'+'));
    is_zero_or_empty
        || PLACEHOLDERS.iter().any(|placeholder| placeholder.eq_ignore_ascii_case(bare))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_placeholder_is_no_identifier() {
        for text in [
            "null",
            "NULL",
            "undefined",
            "none",
            "None",
            "NaN",
            "anonymous",
            "Guest",
            "0",
            "-1",
            "true",
            "false",
            "\"null\"",
            "'undefined'",
            "[object Object]",
            "\"[object Object]\"",
            "{}",
            "[]",
            "00000000-0000-0000-0000-000000000000",
            "000",
            "+0000000",
            " null ",
            "\"\"",
            "-",
            "<null>",
            "{{email}}",
        ] {
            assert!(Placeholders::default().contains(text), "{text}");
        }
    }

    #[test]
    fn other_texts_are_identifiers() {
        for text in
            ["1", "10", "-2", "a", "nullable", "guest-17", "00000000-0000-0000-0000-000000000001"]
        {
            assert!(!Placeholders::default().contains(text), "{text}");
        }
    }

    #[test]
    fn a_company_adds_and_removes_placeholders() {
        let placeholders =
            Placeholders { added: vec!["kiosk-1".into()], removed: vec!["0".into()] };
        assert!(placeholders.contains("\"KIOSK-1\""));
        assert!(placeholders.contains("null"));
        assert!(placeholders.contains("00"));
        assert!(!placeholders.contains("0"));
    }
}
