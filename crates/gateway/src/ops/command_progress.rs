//! How far a command is: a line that is drawn again on a terminal, and otherwise plain lines.

use std::{
    cell::RefCell,
    io::{self, IsTerminal, Write},
    time::Duration,
};

use indicatif::{ProgressBar, ProgressStyle};

use crate::{clock::Clock, limits};

/// The progress of a command, on its standard error. What is drawn goes when this goes.
#[derive(Debug)]
pub struct CommandProgress {
    shown: Shown,
}

#[derive(Debug)]
enum Shown {
    Drawn(ProgressBar),
    Lines(Clock, RefCell<ProgressLines>),
}

/// The plain lines of a progress.
#[derive(Debug)]
struct ProgressLines {
    /// What is counted, such as `profiles exported`.
    noun: &'static str,
    count: u64,
    /// When the last line was written.
    last: Duration,
}

impl ProgressLines {
    fn start(noun: &'static str) -> ProgressLines {
        ProgressLines { noun, count: 0, last: Duration::ZERO }
    }

    /// So many more, at this time since the start. Returns a line if one is due.
    fn add(&mut self, more: u64, now: Duration) -> Option<String> {
        self.count += more;
        if now.saturating_sub(self.last) < limits::PROGRESS_INTERVAL {
            return None;
        }
        self.last = now;
        Some(format!("{} {}", self.count, self.noun))
    }
}

impl CommandProgress {
    /// Nothing so far.
    pub fn start(noun: &'static str) -> CommandProgress {
        let shown = if io::stderr().is_terminal() {
            Shown::Drawn(ProgressBar::new_spinner().with_style(style()).with_message(noun))
        } else {
            Shown::Lines(Clock::start(), RefCell::new(ProgressLines::start(noun)))
        };
        CommandProgress { shown }
    }

    /// So many more.
    pub fn add(&self, more: u64) {
        match &self.shown {
            Shown::Drawn(bar) => bar.inc(more),
            Shown::Lines(clock, lines) => {
                if let Some(line) = lines.borrow_mut().add(more, clock.elapsed()) {
                    // A reader of these lines may go.
                    let _ = writeln!(io::stderr(), "{line}");
                }
            }
        }
    }

    /// Prints something else, without what is drawn.
    pub(crate) fn aside<T>(&self, print: impl FnOnce() -> T) -> T {
        match &self.shown {
            Shown::Drawn(bar) => bar.suspend(print),
            Shown::Lines(..) => print(),
        }
    }
}

impl Drop for CommandProgress {
    fn drop(&mut self) {
        if let Shown::Drawn(bar) = &self.shown {
            bar.finish_and_clear();
        }
    }
}

/// Without the template there is still a spinner.
fn style() -> ProgressStyle {
    let template = "{spinner} {human_pos} {msg} ({per_sec}, {elapsed})";
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_line_with_the_whole_count_is_written_once_in_an_interval() {
        let mut lines = ProgressLines::start("profiles exported");
        let tick = limits::PROGRESS_INTERVAL / 10;
        let written: Vec<String> =
            (1..=35).filter_map(|number| lines.add(2, tick * number)).collect();
        let expected = [20, 40, 60].map(|count| format!("{count} profiles exported"));
        assert_eq!(written, expected);
        assert_eq!(ProgressLines::start("rows").add(7, tick * 9), None);
    }
}
