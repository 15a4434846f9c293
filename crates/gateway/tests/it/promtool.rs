//! `promtool`, the program of Prometheus that judges metrics and rules.

use std::{
    io::{self, Write},
    process::{Command, Output, Stdio},
};

/// Runs `promtool` with these arguments and this input. Returns what it wrote if it found a fault.
/// Without the program nothing is checked, and the output of the tests says what.
pub(crate) fn faults(what: &str, arguments: &[&str], input: &str) -> Option<String> {
    let mut command = Command::new("promtool");
    let piped = command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut process = match piped.stderr(Stdio::piped()).spawn() {
        Ok(process) => process,
        Err(error) => {
            // Unlike `eprintln`, this is shown for tests that pass.
            writeln!(io::stderr(), "\nNOT CHECKED: {what}: promtool cannot be run: {error}")
                .unwrap();
            return None;
        }
    };
    process.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let Output { status, stdout, stderr } = process.wait_with_output().unwrap();
    let written = [stdout, stderr].map(|output| String::from_utf8_lossy(&output).into_owned());
    (!status.success()).then(|| written.concat())
}
