//! Files that have secret keys: one on each line.

use std::{
    fmt::Display,
    fs::{self, Metadata},
    io::{self, Read},
    os::unix::fs::PermissionsExt,
    path::Path,
    str::FromStr,
};

use crate::limits;

/// The permission of every user to read a file.
const OTHERS_READ: u32 = 0o004;

/// Why a file or a variable has no secret keys. No text repeats its content.
#[derive(Debug, thiserror::Error)]
pub enum InvalidSecret {
    /// A line is not a key.
    #[error("names secrets of which line {line} {reason}")]
    Key {
        /// The line, counted from 1.
        line: usize,
        /// What the line has to be.
        reason: String,
    },
    /// There is no variable of this name, or it is not text.
    #[error("must name an environment variable that is set")]
    NoVariable,
    /// There are too few or too many keys.
    #[error("must name secrets of 1 to {most} keys, each on a line")]
    Number {
        /// The most there may be.
        most: usize,
    },
    /// The file is not one that is read to its end.
    #[error("must name a file of at most {} bytes", limits::SECRET_FILE_BYTES)]
    NotAFile,
    /// The file cannot be read.
    #[error("must name a file that can be read: {0}")]
    Unreadable(io::Error),
}

/// The keys in a file, of which there are 1 to `most`. A file that every user may read is logged.
pub(super) fn read<T>(path: &Path, most: usize) -> Result<Vec<T>, InvalidSecret>
where
    T: FromStr<Err: Display>,
{
    let metadata = fs::metadata(path).map_err(InvalidSecret::Unreadable)?;
    // Opening a pipe would wait for its writer.
    if !metadata.is_file() {
        return Err(InvalidSecret::NotAFile);
    }
    report_readable(path, &metadata);
    let mut text = String::new();
    let file = fs::File::open(path).map_err(InvalidSecret::Unreadable)?;
    let mut file = file.take(limits::SECRET_FILE_BYTES + 1);
    file.read_to_string(&mut text).map_err(InvalidSecret::Unreadable)?;
    if file.limit() == 0 {
        return Err(InvalidSecret::NotAFile);
    }
    parse(&text, most)
}

/// Logs a file with secrets that every user of the machine may read.
pub(super) fn report_readable(path: &Path, metadata: &Metadata) {
    if metadata.permissions().mode() & OTHERS_READ != 0 {
        let path = path.display();
        tracing::warn!(%path, "every user of this machine may read this file, which has secrets");
    }
}

/// The keys in a text: one on each line that is not empty.
pub(super) fn parse<T>(text: &str, most: usize) -> Result<Vec<T>, InvalidSecret>
where
    T: FromStr<Err: Display>,
{
    let lines = (1..).zip(text.lines().map(str::trim)).filter(|(_, line)| !line.is_empty());
    let key = |(line, text): (usize, &str)| {
        text.parse()
            .map_err(|reason: T::Err| InvalidSecret::Key { line, reason: reason.to_string() })
    };
    // The bound comes first, so that a wrong file is not parsed to its end.
    let keys: Vec<T> = lines.take(most + 1).map(key).collect::<Result<_, _>>()?;
    if (1..=most).contains(&keys.len()) { Ok(keys) } else { Err(InvalidSecret::Number { most }) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::exchange_token::ExchangeKey;

    fn parsed(text: &str) -> Result<usize, String> {
        let keys = parse::<ExchangeKey>(text, 2);
        keys.map(|keys| keys.len()).map_err(|error| error.to_string())
    }

    #[test]
    fn a_key_is_a_line_whatever_ends_it() {
        let key = "0f".repeat(32);
        for (text, number) in [
            (key.clone(), 1),
            (format!("{key}\n"), 1),
            (format!("\r\n{key}\r\n\r\n"), 1),
            (format!("  {key}\n\n{key}\t\n"), 2),
        ] {
            assert_eq!(parsed(&text), Ok(number), "{text:?}");
        }
    }

    #[test]
    fn a_text_without_keys_or_with_too_many_is_refused_and_not_repeated() {
        let key = "0f".repeat(32);
        let number = "must name secrets of 1 to 2 keys, each on a line";
        let line = "names secrets of which line 2 must be 64 hexadecimal digits";
        for (text, message) in [
            (String::new(), number),
            ("\n\n".to_owned(), number),
            (format!("{key}\n{key}\n{key}\n"), number),
            (format!("{key}\nsecret-{key}\n"), line),
            (format!("\n{key},{key}\n"), line),
        ] {
            let error = parsed(&text).unwrap_err();
            assert!(error.starts_with(message) && !error.contains("0f0f"), "{error}");
        }
    }
}
