//! `gateway verify --erased`: shows that a store has none of these identifiers.

use std::{
    collections::{BTreeMap, HashMap},
    fs::{self, File},
    io::{self, Read},
    ops::Range,
    path::{Path, PathBuf},
};

use aho_corasick::{AhoCorasick, BuildError, MatchKind};
use profile_protocol::{Email, PhoneNumber, ProfileId};
use profile_store::{TextFinder, TextSearch, search_texts};

use super::data_directory::{DataDirectoryError, open_read_only};
use crate::limits;

/// Why identifiers could not be looked for.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ErasedError {
    /// The list cannot be read.
    #[error("{path} cannot be read")]
    List {
        /// The file.
        path: String,
        /// The reason.
        source: io::Error,
    },
    /// The list has too much.
    #[error(
        "{path} has more than {} bytes, or more than {} lines; search in parts",
        limits::ERASED_BYTES,
        limits::ERASED_LINES
    )]
    TooLong {
        /// The file.
        path: String,
    },
    /// One line is no identifier.
    #[error("line {line} of {path} is longer than {} bytes", limits::ERASED_LINE_BYTES)]
    Line {
        /// The file.
        path: String,
        /// The number of the line, counted from 1.
        line: usize,
    },
    /// The list is in another encoding, in which nothing would be found.
    #[error("{path} is UTF-16; save it as UTF-8")]
    Encoding {
        /// The file.
        path: String,
    },
    /// There is nothing to look for.
    #[error("{path} has no identifier")]
    Empty {
        /// The file.
        path: String,
    },
    /// The search cannot be prepared.
    #[error("the search cannot be prepared")]
    Prepare(#[from] BuildError),
    /// The store cannot be opened or read.
    #[error(transparent)]
    Store(#[from] DataDirectoryError),
    /// The files of the store cannot be read.
    #[error("the files in {path} cannot be read")]
    Files {
        /// The data directory.
        path: String,
        /// The reason.
        source: io::Error,
    },
}

/// The result of a search for identifiers.
#[derive(Debug)]
pub struct ErasedSearch {
    /// The number of identifiers.
    pub identifiers: usize,
    /// What the store has of them. The numbers are those of lines, counted from 1.
    pub stored: TextSearch,
    /// How many of the others are in the bytes of its files, overwritten and not yet gone.
    pub in_files: usize,
}

/// Looks for the identifiers in a file, one in each line, in every key and value of the store in
/// `directory`, and in the bytes of its files. Changes nothing.
pub async fn search(directory: &Path, list: &Path) -> Result<ErasedSearch, ErasedError> {
    let sought = SoughtIdentifiers::read(list)?;
    let engine = open_read_only(directory)?;
    let searched = search_texts(&engine, &sought, &sought.ids).await;
    let stored = searched.map_err(DataDirectoryError::from)?;
    drop(engine);
    let in_files = sought
        .in_files(directory)
        .map_err(|source| ErasedError::Files { path: directory.display().to_string(), source })?;
    let in_files = in_files.iter().filter(|line| !stored.found.contains(line)).count();
    Ok(ErasedSearch { identifiers: sought.identifiers, stored, in_files })
}

/// What some editors write at the beginning of a file.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Identifiers, in every form in which a store may have them.
struct SoughtIdentifiers {
    identifiers: usize,
    automaton: AhoCorasick,
    /// The line of each text of the automaton.
    lines: Vec<usize>,
    /// Ids of profiles, each with its line.
    ids: BTreeMap<ProfileId, usize>,
    /// The length of the longest text.
    longest: usize,
}

impl SoughtIdentifiers {
    fn read(list: &Path) -> Result<SoughtIdentifiers, ErasedError> {
        let path = list.display().to_string();
        let bytes = read_bounded(list)
            .map_err(|source| ErasedError::List { path: path.clone(), source })?;
        if limits::ERASED_BYTES < bytes.len() {
            return Err(ErasedError::TooLong { path });
        }
        if [b"\xff\xfe", b"\xfe\xff"].iter().any(|mark| bytes.starts_with(*mark)) {
            return Err(ErasedError::Encoding { path });
        }
        let bytes = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&bytes);
        let (mut identifiers, mut texts) = (0, HashMap::new());
        let mut ids = BTreeMap::new();
        for (number, line) in (1..).zip(bytes.split(|byte| *byte == b'\n')) {
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            if line.iter().all(u8::is_ascii_whitespace) {
                continue;
            }
            identifiers += 1;
            if limits::ERASED_LINES < identifiers {
                return Err(ErasedError::TooLong { path });
            }
            if limits::ERASED_LINE_BYTES < line.len() {
                return Err(ErasedError::Line { path, line: number });
            }
            if let Ok(id) = std::str::from_utf8(line).unwrap_or_default().trim().parse() {
                ids.insert(id, number);
            }
            for form in forms(line) {
                texts.entry(form).or_insert(number);
            }
        }
        if identifiers == 0 {
            return Err(ErasedError::Empty { path });
        }
        let (texts, lines): (Vec<Vec<u8>>, Vec<usize>) = texts.into_iter().unzip();
        let longest = texts.iter().map(Vec::len).max().unwrap_or_default();
        // All that are found count, also those within others.
        let mut builder = AhoCorasick::builder();
        builder.match_kind(MatchKind::Standard).ascii_case_insensitive(true);
        let automaton = builder.build(texts)?;
        Ok(SoughtIdentifiers { identifiers, automaton, lines, ids, longest })
    }

    /// The lines of the identifiers that are in the bytes of the files of a store.
    fn in_files(&self, directory: &Path) -> io::Result<Vec<usize>> {
        let mut lines = Vec::new();
        for file in files_below(directory)? {
            self.in_file(&mut File::open(file)?, &mut lines)?;
        }
        lines.sort_unstable();
        lines.dedup();
        Ok(lines)
    }

    fn in_file(&self, file: &mut impl Read, lines: &mut Vec<usize>) -> io::Result<()> {
        let mut window = Vec::with_capacity(limits::ERASED_CHUNK + self.longest);
        loop {
            let read = file.take(limits::ERASED_CHUNK as u64).read_to_end(&mut window)?;
            if read == 0 {
                return Ok(());
            }
            self.find(&window, &mut |line, _| lines.push(line));
            lines.sort_unstable();
            lines.dedup();
            // A text may begin in one chunk and end in the next.
            window.drain(..window.len().saturating_sub(self.longest));
        }
    }
}

impl TextFinder for SoughtIdentifiers {
    fn find(&self, bytes: &[u8], found: &mut dyn FnMut(usize, Range<usize>)) {
        for one in self.automaton.find_overlapping_iter(bytes) {
            if let Some(line) = self.lines.get(one.pattern().as_usize()) {
                found(*line, one.range());
            }
        }
    }
}

/// The forms in which an identifier may be stored: as it is written, in canonical form, and each as
/// a string in JSON.
fn forms(line: &[u8]) -> Vec<Vec<u8>> {
    let mut forms = vec![line.to_vec()];
    if let Ok(text) = std::str::from_utf8(line) {
        let text = text.trim();
        let email = text.parse::<Email>().ok().map(|email| email.as_str().to_owned());
        // A list may have numbers as people write them.
        let digits = text.replace([' ', '(', ')', '-', '.'], "");
        let number = digits.parse::<PhoneNumber>().ok().map(|number| number.as_str().to_owned());
        for form in [Some(text.to_owned()), email, number].into_iter().flatten() {
            let json = serde_json::to_string(&form).unwrap_or_default();
            let within = json.strip_prefix('"').and_then(|json| json.strip_suffix('"'));
            let json = within.unwrap_or_default().to_owned();
            forms.extend([form, json].map(String::into_bytes));
        }
    }
    forms.retain(|form| !form.is_empty());
    forms
}

/// The bytes of a file, or of the standard input in place of `-`: at most one more than may be.
fn read_bounded(list: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let most = limits::ERASED_BYTES as u64 + 1;
    if list == Path::new("-") {
        io::stdin().lock().take(most).read_to_end(&mut bytes)?;
    } else {
        File::open(list)?.take(most).read_to_end(&mut bytes)?;
    }
    Ok(bytes)
}

/// The files of a directory and of those in it.
fn files_below(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_dir() {
            files.extend(files_below(&entry.path())?);
        } else if kind.is_file() {
            files.push(entry.path());
        }
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sought(list: &[u8]) -> Result<SoughtIdentifiers, ErasedError> {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("list");
        fs::write(&file, list).unwrap();
        SoughtIdentifiers::read(&file)
    }

    fn found(sought: &SoughtIdentifiers, bytes: &[u8]) -> Vec<usize> {
        let mut lines = Vec::new();
        sought.find(bytes, &mut |line, _| lines.push(line));
        lines.sort_unstable();
        lines.dedup();
        lines
    }

    #[test]
    fn an_identifier_is_found_as_written_in_canonical_form_and_in_json() {
        let sought = sought(b"Ann@Example.com\r\n\n +1 500 555 0006\na\"b\\c\n\xff\xfe\n").unwrap();
        assert_eq!(sought.identifiers, 4);
        assert_eq!(found(&sought, b"x ann@example.com y Ann@Example.com"), [1]);
        assert_eq!(found(&sought, b"+15005550006"), [3]);
        assert_eq!(found(&sought, br#"["a\"b\\c"]"#), [4]);
        assert_eq!(found(&sought, br#"a"b\c"#), [4]);
        assert_eq!(found(&sought, b"\x01\xff\xfe\x02"), [5]);
        assert_eq!(found(&sought, b"nothing of them"), [0; 0]);
    }

    #[test]
    fn an_identifier_is_found_in_any_letter_case_and_after_a_byte_order_mark() {
        let sought = sought(b"\xef\xbb\xbfann@example.com\nCustomer-77").unwrap();
        assert_eq!(sought.identifiers, 2);
        assert_eq!(found(&sought, b"x ann@example.com"), [1]);
        assert_eq!(found(&sought, b"mailto:ANN@Example.COM"), [1]);
        assert_eq!(found(&sought, b"customer-77"), [2]);
        for list in [&b"\xff\xfea\0n\0n\0"[..], b"\xfe\xff\0a\0n\0n"] {
            assert!(matches!(self::sought(list), Err(ErasedError::Encoding { .. })));
        }
    }

    #[test]
    fn a_text_that_is_in_another_one_is_found_as_well() {
        let sought = sought(b"ann@example.com\nmary-ann@example.com").unwrap();
        assert_eq!(found(&sought, b"mary-ann@example.com"), [1, 2]);
    }

    #[test]
    fn a_text_that_two_chunks_of_a_file_share_is_found() {
        let sought = sought(b"ann@example.com").unwrap();
        for before in [limits::ERASED_CHUNK - 7, limits::ERASED_CHUNK, 1] {
            let bytes = [vec![b'.'; before], b"ann@example.com.".to_vec()].concat();
            let mut lines = Vec::new();
            sought.in_file(&mut &bytes[..], &mut lines).unwrap();
            assert_eq!(lines, [1], "{before}");
        }
    }

    #[test]
    fn a_list_that_is_empty_or_too_long_is_refused() {
        assert!(matches!(sought(b" \n\r\n"), Err(ErasedError::Empty { .. })));
        let long = [b"a\n".as_slice(), &vec![b'x'; limits::ERASED_LINE_BYTES + 1]].concat();
        assert!(matches!(sought(&long), Err(ErasedError::Line { line: 2, .. })));
        let many = b"a\n".repeat(limits::ERASED_LINES + 1);
        assert!(matches!(sought(&many), Err(ErasedError::TooLong { .. })));
        let list = Path::new("/nonexistent/list");
        assert!(matches!(SoughtIdentifiers::read(list), Err(ErasedError::List { .. })));
    }
}
