//! Colours, or none.

use std::fmt::Display;

/// Paints words when colours are on; leaves them as they are otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Style {
    on: bool,
}

impl Style {
    /// Colours on or off.
    pub(crate) fn new(on: bool) -> Self {
        Self { on }
    }

    /// No colours.
    #[cfg(test)]
    pub(crate) fn plain() -> Self {
        Self::new(false)
    }

    fn paint(self, code: &str, text: impl Display) -> String {
        if self.on { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_string() }
    }

    /// Headings.
    pub(crate) fn bold(self, text: impl Display) -> String {
        self.paint("1", text)
    }

    /// What matters less.
    pub(crate) fn dim(self, text: impl Display) -> String {
        self.paint("2", text)
    }

    /// The word before an error.
    pub(crate) fn error(self, text: impl Display) -> String {
        self.paint("1;31", text)
    }

    /// The word before a warning.
    pub(crate) fn warning(self, text: impl Display) -> String {
        self.paint("1;33", text)
    }

    /// The word before a hint.
    pub(crate) fn hint(self, text: impl Display) -> String {
        self.paint("1;36", text)
    }

    /// What went well.
    pub(crate) fn good(self, text: impl Display) -> String {
        self.paint("32", text)
    }

    /// Names that can be typed.
    pub(crate) fn name(self, text: impl Display) -> String {
        self.paint("36", text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_colours_a_text_stays_as_it_is() {
        assert_eq!(Style::plain().bold("a"), "a");
        assert_eq!(Style::new(true).bold("a"), "\u{1b}[1ma\u{1b}[0m");
    }
}
