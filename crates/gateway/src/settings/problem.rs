//! What is wrong with a configuration file, and where.

use std::fmt;

/// One thing that is wrong with a configuration file.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Problem {
    /// The line, counted from 1, if the problem has one.
    pub line: Option<usize>,
    /// The setting, as in `company[ABC123].limits.burst`. Empty for the file.
    pub place: String,
    /// What would be right, as the rest of a sentence that starts with the place.
    /// Never repeats what the file says, because that may be a secret.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(f, "line {line}: ")?;
        }
        match self.place.as_str() {
            "" => f.write_str(&self.message),
            place => write!(f, "{place} {}", self.message),
        }
    }
}

/// Everything that is wrong with a configuration file, from top to bottom.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Problems {
    // Invariant: not empty.
    all: Vec<Problem>,
}

impl Problems {
    fn new(mut all: Vec<Problem>) -> Problems {
        all.sort_by_key(|problem| problem.line);
        Problems { all }
    }

    /// The problems from top to bottom: at least one.
    pub fn iter(&self) -> impl Iterator<Item = &Problem> {
        self.all.iter()
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.iter().try_for_each(|problem| write!(f, "\n  {problem}"))
    }
}

/// Collects the problems of one file while it is read.
pub(super) struct Report {
    found: Vec<Problem>,
    // Invariant: ascending.
    line_ends: Vec<usize>,
}

impl Report {
    pub(super) fn new(text: &str) -> Report {
        let line_ends = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        Report { found: Vec::new(), line_ends: line_ends.map(|(at, _)| at).collect() }
    }

    /// Adds a problem at this byte of the file.
    pub(super) fn add(&mut self, at: usize, place: &str, message: impl fmt::Display) {
        let line = Some(self.line(at));
        self.found.push(Problem { line, place: place.to_owned(), message: message.to_string() });
    }

    /// What was read, unless something was wrong with it.
    pub(super) fn finish<T>(self, read: T) -> Result<T, Problems> {
        if self.found.is_empty() { Ok(read) } else { Err(Problems::new(self.found)) }
    }

    /// That the file is not TOML, for these reasons, of which there is at least one.
    pub(super) fn syntax(self, errors: &[toml::de::Error]) -> Problems {
        let problem = |error: &toml::de::Error| Problem {
            line: error.span().map(|span| self.line(span.start)),
            place: String::new(),
            message: format!("not TOML: {}", error.message()),
        };
        Problems::new(errors.iter().map(problem).collect())
    }

    /// The line of this byte, counted from 1.
    pub(super) fn line(&self, at: usize) -> usize {
        self.line_ends.partition_point(|end| *end < at) + 1
    }
}
