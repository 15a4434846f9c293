//! Problems of a configuration file, and where they are.

use std::fmt;

/// A problem of a configuration file.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Problem {
    /// The line, counted from 1, if there is one.
    pub line: Option<usize>,
    /// The setting, as in `company[ABC123].limits.burst`. Empty for the whole file.
    pub path: String,
    /// The requirement, as the rest of a sentence that starts with the setting. It never repeats
    /// the value, which may be a secret.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(f, "line {line}: ")?;
        }
        match self.path.as_str() {
            "" => f.write_str(&self.message),
            path => write!(f, "{path} {}", self.message),
        }
    }
}

/// All problems of a configuration file, from top to bottom.
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

    /// The problems from top to bottom, at least one.
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
pub(super) struct ProblemReport {
    found: Vec<Problem>,
    // Invariant: ascending.
    line_ends: Vec<usize>,
}

impl ProblemReport {
    pub(super) fn new(text: &str) -> ProblemReport {
        let line_ends = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        ProblemReport { found: Vec::new(), line_ends: line_ends.map(|(at, _)| at).collect() }
    }

    /// Adds a problem at this byte of the file.
    pub(super) fn add(&mut self, at: usize, path: &str, message: impl fmt::Display) {
        let line = Some(self.line(at));
        self.found.push(Problem { line, path: path.to_owned(), message: message.to_string() });
    }

    /// The value that was read, unless there are problems.
    pub(super) fn finish<T>(self, read: T) -> Result<T, Problems> {
        if self.found.is_empty() { Ok(read) } else { Err(Problems::new(self.found)) }
    }

    /// The problems of a file that is not TOML. There is at least one.
    pub(super) fn syntax(self, errors: &[toml::de::Error]) -> Problems {
        let problem = |error: &toml::de::Error| Problem {
            line: error.span().map(|span| self.line(span.start)),
            path: String::new(),
            message: format!("not TOML: {}", error.message()),
        };
        Problems::new(errors.iter().map(problem).collect())
    }

    /// The line of this byte, counted from 1.
    pub(super) fn line(&self, at: usize) -> usize {
        self.line_ends.partition_point(|end| *end < at) + 1
    }
}
