//! A request that was copied as a curl command.

/// The parts of a curl command that an explanation needs.
#[derive(Debug, Default, Eq, PartialEq)]
pub(super) struct CurlLine {
    /// The address, if there is one.
    pub(super) url: Option<String>,
    pub(super) body: String,
    /// The headers, each with its name and value.
    pub(super) headers: Vec<(String, String)>,
}

/// The options that give a body.
const BODIES: [&str; 6] = ["-d", "--data", "--data-raw", "--data-binary", "--data-ascii", "--json"];

/// The options that give a header.
const HEADERS: [&str; 2] = ["-H", "--header"];

/// Other options with a value, which could be taken for the address.
const VALUED: [&str; 12] = [
    "-X",
    "--request",
    "-A",
    "--user-agent",
    "-e",
    "--referer",
    "-x",
    "--proxy",
    "-o",
    "--output",
    "-u",
    "--user",
];

impl CurlLine {
    /// Whether the text is a curl command.
    pub(super) fn is_one(text: &str) -> bool {
        text.split_whitespace().next() == Some("curl")
    }

    /// Reads a command as a shell would. `None` if a quote is not closed, or if there is no body.
    pub(super) fn parse(text: &str) -> Option<CurlLine> {
        let mut words = words(text)?.into_iter().skip(1);
        let (mut line, mut has_body) = (CurlLine::default(), false);
        while let Some(word) = words.next() {
            let (option, joined) = option_of(&word);
            if BODIES.contains(&option) {
                let value = joined.map(str::to_owned).or_else(|| words.next())?;
                // As curl joins several.
                if has_body && option != "--json" {
                    line.body.push('&');
                }
                line.body.push_str(&value);
                has_body = true;
            } else if HEADERS.contains(&option) {
                let value = joined.map(str::to_owned).or_else(|| words.next())?;
                let header = value.split_once(':');
                line.headers.extend(
                    header.map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned())),
                );
            } else if option == "--url" {
                line.url = joined.map(str::to_owned).or_else(|| words.next());
            } else if VALUED.contains(&word.as_str()) {
                words.next();
            } else if !word.starts_with('-') {
                line.url.get_or_insert(word);
            }
        }
        has_body.then_some(line)
    }
}

/// The option that a word begins with, and the value that is joined to it: after an equals sign to
/// a long one, without one to a short one.
fn option_of(word: &str) -> (&str, Option<&str>) {
    let parts = if word.starts_with("--") {
        word.split_once('=')
    } else {
        let parts = word.split_at_checked("-d".len());
        parts.filter(|(option, value)| ["-d", "-H"].contains(option) && !value.is_empty())
    };
    parts.map_or((word, None), |(option, value)| (option, Some(value)))
}

/// The words of a command: quotes and backslashes as in a POSIX shell, and `$'…'`.
fn words(text: &str) -> Option<Vec<String>> {
    let (mut words, mut word) = (Vec::new(), None::<String>);
    let mut symbols = text.chars();
    while let Some(symbol) = symbols.next() {
        match symbol {
            '\'' => quoted(&mut symbols, word.get_or_insert_default())?,
            '"' => in_double_quotes(&mut symbols, word.get_or_insert_default())?,
            '$' if symbols.as_str().starts_with('\'') => {
                symbols.next();
                with_escapes(&mut symbols, word.get_or_insert_default())?;
            }
            '\\' => match symbols.next() {
                // A line that goes on.
                Some('\n') | None => {}
                Some('\r') if symbols.as_str().starts_with('\n') => {}
                Some(escaped) => word.get_or_insert_default().push(escaped),
            },
            space if space.is_whitespace() => words.extend(word.take()),
            other => word.get_or_insert_default().push(other),
        }
    }
    words.extend(word);
    Some(words)
}

fn quoted(symbols: &mut std::str::Chars<'_>, word: &mut String) -> Option<()> {
    loop {
        match symbols.next()? {
            '\'' => return Some(()),
            symbol => word.push(symbol),
        }
    }
}

fn in_double_quotes(symbols: &mut std::str::Chars<'_>, word: &mut String) -> Option<()> {
    loop {
        match symbols.next()? {
            '"' => return Some(()),
            '\\' => match symbols.next()? {
                '\n' => {}
                escaped @ ('"' | '\\' | '$' | '`') => word.push(escaped),
                other => word.extend(['\\', other]),
            },
            symbol => word.push(symbol),
        }
    }
}

fn with_escapes(symbols: &mut std::str::Chars<'_>, word: &mut String) -> Option<()> {
    loop {
        match symbols.next()? {
            '\'' => return Some(()),
            '\\' => match symbols.next()? {
                'n' => word.push('\n'),
                'r' => word.push('\r'),
                't' => word.push('\t'),
                'u' => {
                    let digits: String = symbols.by_ref().take(4).collect();
                    let code = u32::from_str_radix(&digits, 16).ok()?;
                    // JSON has the same escape, so half of a pair stays one.
                    let Some(symbol) = char::from_u32(code) else {
                        word.extend(["\\u", &digits]);
                        continue;
                    };
                    word.push(symbol);
                }
                other => word.push(other),
            },
            symbol => word.push(symbol),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn body(text: &str) -> Option<String> {
        CurlLine::parse(text).map(|line| line.body)
    }

    #[test]
    fn a_body_is_read_however_it_is_quoted() {
        for text in [
            r#"curl https://x/ -d '{"a":1}'"#,
            r#"curl https://x/ --data-raw "{\"a\":1}""#,
            "curl 'https://x/' \\\n  -H 'revision: 2026-01-15' \\\n  --data $'{\"a\":1}'",
            r#"curl --json={\"a\":1} https://x/"#,
            r#"curl -d{\"a\":1} https://x/"#,
        ] {
            assert!(CurlLine::is_one(text));
            assert_eq!(body(text).as_deref(), Some(r#"{"a":1}"#), "{text}");
        }
        assert_eq!(body(r"curl -d $'it\'s\u0021'").as_deref(), Some("it's!"));
        assert_eq!(body(r"curl -d 'it'\''s'").as_deref(), Some("it's"));
    }

    #[test]
    fn the_address_is_read_wherever_it_is() {
        for text in [
            "curl -X POST https://a.example/b?c=[d] -d {}",
            "curl -g -X POST -e https://e.example/ -d {} https://a.example/b?c=[d]",
            "curl -d {} --url https://a.example/b?c=[d]",
            "curl -d {} --url=https://a.example/b?c=[d] -XPOST",
        ] {
            let url = CurlLine::parse(text).unwrap().url;
            assert_eq!(url.as_deref(), Some("https://a.example/b?c=[d]"), "{text}");
        }
        assert_eq!(CurlLine::parse("curl -d {}").unwrap().url, None);
    }

    #[test]
    fn several_bodies_are_joined_as_curl_joins_them() {
        for text in ["curl -d a -d b", "curl -d a -db", "curl -da -d b", "curl -da --data=b"] {
            assert_eq!(body(text).as_deref(), Some("a&b"), "{text}");
        }
    }

    #[test]
    fn headers_are_read_beside_the_body() {
        let line = CurlLine::parse("curl -H 'X-Identity-Signature: a:b' -H bad -d {}").unwrap();
        assert_eq!(line.headers, [("X-Identity-Signature".to_owned(), "a:b".to_owned())]);
        let line = CurlLine::parse("curl -HX-A:b '-HX-C: d' -d{}").unwrap();
        let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(line.headers, [header("X-A", "b"), header("X-C", "d")]);
        assert_eq!(line.body, "{}");
    }

    #[test]
    fn what_has_no_body_or_no_end_is_none() {
        for text in ["curl https://x/", "curl -d", "curl -d '{", "curl -d \"{", "curl -d $'{"] {
            assert_eq!(body(text), None, "{text}");
        }
        assert!(!CurlLine::is_one("{}") && !CurlLine::is_one("curly"));
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "(curl|-d|-H|:| |'|\"|\\\\|\\$|u|é|=|\n){0,40}") {
            let _ = CurlLine::parse(&text);
        }
    }
}
