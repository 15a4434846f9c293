//! How far a command is: a line that is drawn again on a terminal, and otherwise plain lines.

use std::{
    io::{self, IsTerminal, Write},
    time::Duration,
};

use indicatif::{ProgressBar, ProgressStyle};

use crate::{clock::Clock, limits};

/// The progress of a command, on its standard error.
#[derive(Debug)]
pub struct CommandProgress {
    shown: Shown,
    clock: Clock,
    /// What is counted, such as `profiles exported`.
    noun: &'static str,
    count: u64,
    /// When the last plain line was written.
    last: Duration,
}

#[derive(Debug)]
enum Shown {
    Drawn(ProgressBar),
    Lines,
}

impl CommandProgress {
    /// Nothing so far.
    pub fn start(noun: &'static str) -> CommandProgress {
        let shown = if io::stderr().is_terminal() {
            Shown::Drawn(ProgressBar::new_spinner().with_style(style()).with_message(noun))
        } else {
            Shown::Lines
        };
        CommandProgress { shown, clock: Clock::start(), noun, count: 0, last: Duration::ZERO }
    }

    /// So many more.
    pub fn add(&mut self, more: u64) {
        self.count += more;
        match &self.shown {
            Shown::Drawn(bar) => bar.inc(more),
            Shown::Lines => {
                let now = self.clock.elapsed();
                if limits::PROGRESS_INTERVAL <= now.saturating_sub(self.last) {
                    self.last = now;
                    // A reader of these lines may go.
                    let _ = writeln!(io::stderr(), "{} {}", self.count, self.noun);
                }
            }
        }
    }

    /// Takes the drawn line away.
    pub fn end(&self) {
        match &self.shown {
            Shown::Drawn(bar) => bar.finish_and_clear(),
            Shown::Lines => {}
        }
    }
}

/// Without the template there is still a spinner.
fn style() -> ProgressStyle {
    let template = "{spinner} {human_pos} {msg} ({per_sec}, {elapsed})";
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner())
}
