//! Values that programs send when they know nobody: never identifiers, since
//! whoever sends one would be merged with everybody else who does.

/// What is left of such a value when quotes, brackets and case are taken away.
const SENTINELS: [&str; 21] = [
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
    "-1",
    "-",
];

/// Whether this text says that the sender does not know.
pub(crate) fn is_sentinel(text: &str) -> bool {
    let wrapping = |c: char| {
        c.is_whitespace()
            || matches!(
                c,
                '"' | '\'' | '`' | '[' | ']' | '{' | '}' | '(' | ')' | '<' | '>' | '%' | '$'
            )
    };
    let bare = text.trim_matches(wrapping);
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
        ] {
            assert!(is_sentinel(text), "{text}");
        }
    }

    #[test]
    fn what_names_somebody_is_an_identifier() {
        for text in
            ["1", "10", "-2", "a", "nullable", "guest-17", "00000000-0000-0000-0000-000000000001"]
        {
            assert!(!is_sentinel(text), "{text}");
        }
    }
}
