//! Values that programs send when they know nobody: never identifiers, since
//! whoever sends one would be merged with everybody else who does.

/// What is left of such a value when quotes, brackets and case are taken away.
const SENTINELS: [&str; 21] = [
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

/// What a company has to say about the list.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Sentinels {
    /// Values that are placeholders here as well, such as the id of a kiosk. Case
    /// and what programs wrap around them do not matter.
    pub added: Vec<Box<str>>,
    /// Values that identify somebody here after all.
    pub removed: Vec<Box<str>>,
}

impl Sentinels {
    /// Whether this text says that the sender does not know who it is about.
    pub fn contains(&self, text: &str) -> bool {
        let bare = bare(text);
        let listed = |list: &[Box<str>]| list.iter().any(|one| one.eq_ignore_ascii_case(bare));
        listed(&self.added) || (is_sentinel(bare) && !listed(&self.removed))
    }
}

/// The text without what programs wrap around it.
fn bare(text: &str) -> &str {
    let wrapping = |c: char| c.is_whitespace() || "\"'`[]{}()<>%$".contains(c);
    text.trim_matches(wrapping)
}

fn is_sentinel(bare: &str) -> bool {
    let nothing = bare.bytes().all(|byte| matches!(byte, b'0' | b'-' | b'.' | b'+'));
    nothing || SENTINELS.iter().any(|sentinel| sentinel.eq_ignore_ascii_case(bare))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_programs_send_for_nobody_is_no_identifier() {
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
            assert!(Sentinels::default().contains(text), "{text}");
        }
    }

    #[test]
    fn what_names_somebody_is_an_identifier() {
        for text in
            ["1", "10", "-2", "a", "nullable", "guest-17", "00000000-0000-0000-0000-000000000001"]
        {
            assert!(!Sentinels::default().contains(text), "{text}");
        }
    }

    #[test]
    fn a_company_adds_and_removes_what_it_knows_better() {
        let sentinels = Sentinels { added: vec!["kiosk-1".into()], removed: vec!["0".into()] };
        assert!(sentinels.contains("\"KIOSK-1\""));
        assert!(sentinels.contains("null"));
        assert!(sentinels.contains("00"));
        assert!(!sentinels.contains("0"));
    }
}
