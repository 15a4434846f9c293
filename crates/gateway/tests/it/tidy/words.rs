//! The vocabulary of the project: standard terms in code and prose, and prose that fits on a
//! screen.

use std::path::Path;

use super::{SCRIPT, assert_none, extension, texts};

/// Words and phrases with a plainer equivalent, in lower case and without punctuation. A phrase is
/// found across line breaks and in identifiers such as `leads_to_nobody`.
const BANNED: [&str; 39] = [
    "anybody",
    "by its word",
    "came of",
    "comes of",
    "culprit",
    "everybody",
    "is alive",
    "lays over",
    "lead nowhere",
    "lead to nobody",
    "leads nowhere",
    "leads to nobody",
    "let go of",
    "lets go of",
    "lives again",
    "makes an end of",
    "minted",
    "nobody",
    "overlay",
    "overlays",
    "patience",
    "says of",
    "settle",
    "settled",
    "settler",
    "settles",
    "somebody",
    "spares",
    "the medium",
    "turn away",
    "turn aways",
    "turned away",
    "turns away",
    "what became of",
    "what becomes of",
    "what is told",
    "whoever",
    "whomever",
    "whose word",
];

/// The extensions of the files that are written by hand.
const WRITTEN: [&str; 9] = ["js", "lua", "md", "py", "rs", "sh", "toml", "yaml", SCRIPT];

/// Words that are fine in prose, but say too little as the name of a type.
const BANNED_TYPES: [&str; 26] = [
    "Apart",
    "Culprit",
    "Draft",
    "Fate",
    "Generation",
    "Held",
    "Holder",
    "Join",
    "Known",
    "Leave",
    "Medium",
    "Meters",
    "Mint",
    "Moment",
    "Patience",
    "Patient",
    "Quotas",
    "Room",
    "Rooms",
    "Run",
    "Settler",
    "Share",
    "Standing",
    "Stretch",
    "Turns",
    "Whose",
];

/// The widest line of prose and of comments, in characters.
const PROSE_COLUMNS: usize = 100;

/// The words of a text, in lower case, each with its line.
fn words(text: &str) -> Vec<(usize, String)> {
    let of_line = |(number, line): (usize, &str)| {
        let letters = |word: &&str| !word.is_empty();
        let words = line.split(|symbol: char| !symbol.is_alphabetic()).filter(letters);
        words.map(|word| (number, word.to_lowercase())).collect::<Vec<_>>()
    };
    (1..).zip(text.lines()).flat_map(of_line).collect()
}

/// The lines in which a banned phrase begins, and the phrase.
fn banned(text: &str) -> Vec<(usize, &'static str)> {
    let words = words(text);
    let begins = |start: usize, phrase: &str| {
        let mut found = words.get(start..).unwrap_or_default().iter().map(|(_, word)| word);
        phrase.split(' ').all(|wanted| found.next().is_some_and(|word| word == wanted))
    };
    let at = |start: usize| {
        let phrases = BANNED.into_iter().filter(move |phrase| begins(start, phrase));
        phrases.map(|phrase| (words[start].0, phrase)).collect::<Vec<_>>()
    };
    (0..words.len()).flat_map(at).collect()
}

#[test]
fn a_banned_phrase_is_found_across_lines_and_in_identifiers_but_not_within_words() {
    assert_eq!(banned("/// It makes an\n/// end of a profile."), [(1, "makes an end of")]);
    assert_eq!(banned("fn it_leads_to_nobody() {}"), [(1, "leads to nobody"), (1, "nobody")]);
    assert_eq!(banned("the patient, somebodyelse, spare"), []);
}

#[test]
fn code_and_documents_use_standard_terms() {
    let this_list = Path::new(file!()).file_name();
    let checked = texts(&WRITTEN).into_iter().filter(|(path, _)| path.file_name() != this_list);
    let found = checked.flat_map(|(path, text)| {
        let told = |(line, phrase)| format!("{}:{line}: {phrase:?}", path.display());
        banned(&text).into_iter().map(told).collect::<Vec<_>>()
    });
    assert_none(&found.collect::<Vec<_>>());
}

#[test]
fn types_are_named_by_standard_terms() {
    let all = super::types::declared();
    let found = all.iter().filter(|(name, _, _)| BANNED_TYPES.contains(&name.as_str()));
    let described = found.map(|(name, path, line)| format!("{}:{line}: {name}", path.display()));
    assert_none(&described.collect::<Vec<_>>());
}

/// The lines of prose that are too wide: those of a document without its tables, code, and lines
/// that a link alone makes too wide.
fn wide_lines(text: &str) -> Vec<usize> {
    let mut in_code = false;
    let mut wide = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let start = line.trim_start();
        if start.starts_with("```") {
            in_code = !in_code;
        }
        let is_prose = !in_code && !start.starts_with('|') && !line.starts_with("    ");
        if is_prose && is_too_wide(line) {
            wide.push(number);
        }
    }
    wide
}

/// Whether a line is wider than it may be, and not because of a single long word.
fn is_too_wide(line: &str) -> bool {
    let can_wrap = line.split_whitespace().all(|word| word.chars().count() < PROSE_COLUMNS / 2);
    can_wrap && PROSE_COLUMNS < line.chars().count()
}

/// The lines of comments that are too wide, where `sign` begins a comment.
fn wide_comments(text: &str, sign: &str) -> Vec<usize> {
    let is_wide = |line: &str| line.trim_start().starts_with(sign) && is_too_wide(line);
    let lines = (1..).zip(text.lines());
    lines.filter(|(_, line)| is_wide(line)).map(|(number, _)| number).collect()
}

#[test]
fn prose_is_measured_outside_tables_and_code() {
    let long = "word ".repeat(30);
    let text = format!("{long}\n| {long}|\n    {long}\n```\n{long}\n```\nshort\n{long}");
    assert_eq!(wide_lines(&text), [1, 8]);
}

#[test]
fn prose_is_wrapped() {
    let wide = texts(&["md"]).into_iter().flat_map(|(path, text)| {
        let told = |line| format!("{}:{line}", path.display());
        wide_lines(&text).into_iter().map(told).collect::<Vec<_>>()
    });
    assert_none(&wide.collect::<Vec<_>>());
}

#[test]
fn comments_are_wrapped() {
    let sign = |path: &Path| match extension(path) {
        "rs" | "js" => "//",
        "lua" => "--",
        _ => "#",
    };
    let long = "word ".repeat(30);
    assert_eq!(wide_comments(&format!("let x = {long}\n    // {long}\n// short"), "//"), [2]);
    let code = texts(&WRITTEN)
        .into_iter()
        .filter(|(path, _)| path.extension().is_none_or(|extension| extension != "md"));
    let wide = code.flat_map(|(path, text)| {
        let found = wide_comments(&text, sign(&path)).into_iter();
        found.map(|line| format!("{}:{line}", path.display())).collect::<Vec<_>>()
    });
    assert_none(&wide.collect::<Vec<_>>());
}
