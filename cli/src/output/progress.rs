//! What a long command is doing, on a terminal: one line on stderr that changes, and is gone at the end.
//!
//! In: what is done so far. Out: nothing in a pipe, with `--quiet`, or when nobody sits at a terminal.
//! Holds always: numbers are what has happened; the last ones are drawn before the line goes.
//!
//! Start reading at [`Progress`].

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::output::Output;

/// How often a line is drawn anew while nothing is told.
pub(crate) const EVERY: Duration = Duration::from_millis(200);

/// One line that changes.
#[derive(Debug)]
pub(crate) struct Progress(ProgressBar);

impl Progress {
    /// A line without a known end.
    pub(crate) fn open(output: &Output) -> Self {
        Self::new(output, None, "{spinner} {msg} · {elapsed}")
    }

    /// A line that counts to `steps`.
    pub(crate) fn steps(output: &Output, steps: u64) -> Self {
        Self::new(output, Some(steps), "{wide_msg} {bar:20} {pos} of {len} · {elapsed}")
    }

    fn new(output: &Output, steps: Option<u64>, template: &str) -> Self {
        if !output.talks_to_a_terminal() {
            return Self(ProgressBar::hidden());
        }
        let bar = ProgressBar::with_draw_target(steps, ProgressDrawTarget::stderr());
        // A template that cannot be read leaves the library's own line.
        Self(match ProgressStyle::with_template(template) {
            Ok(style) => bar.with_style(style.progress_chars("━╸─")),
            Err(_) => bar,
        })
    }

    /// Whether somebody sees it.
    pub(crate) fn is_seen(&self) -> bool {
        !self.0.is_hidden()
    }

    /// Says what is done.
    pub(crate) fn tell(&self, text: impl FnOnce() -> String) {
        if self.is_seen() {
            self.0.set_message(text());
            self.0.tick();
        }
    }

    /// Says what is next, after so many steps.
    pub(crate) fn step(&self, done: u64, text: impl FnOnce() -> String) {
        self.0.set_position(done);
        self.tell(text);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.is_seen() {
            self.0.force_draw();
            self.0.finish_and_clear();
        }
    }
}
