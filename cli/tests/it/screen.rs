//! What somebody sees on a terminal: the lines on the screen after everything that a program wrote, and the lines it took away.
//!
//! Start reading at [`Screen::write`].

/// A screen that is as high as it needs to be.
#[derive(Debug, Default)]
pub(crate) struct Screen {
    lines: Vec<Vec<char>>,
    row: usize,
    column: usize,
    /// Lines that were cleared or written over, as they stood before.
    pub(crate) gone: Vec<String>,
}

impl Screen {
    /// The screen after everything that a pseudo-terminal gave: one character for each byte.
    pub(crate) fn of(bytes: &str) -> Self {
        let bytes: Vec<u8> = bytes.chars().filter_map(|c| u8::try_from(c).ok()).collect();
        let mut screen = Self::default();
        screen.write(&String::from_utf8_lossy(&bytes));
        screen
    }

    /// Does what a terminal does with the text.
    pub(crate) fn write(&mut self, text: &str) {
        let mut rest = text.chars().peekable();
        while let Some(c) = rest.next() {
            match c {
                '\u{1b}' if rest.next_if_eq(&'[').is_some() => {
                    let mut parameters = String::new();
                    while let Some(p) = rest.next_if(|c| !c.is_ascii_alphabetic()) {
                        parameters.push(p);
                    }
                    self.control(rest.next().unwrap_or('m'), &parameters);
                }
                '\r' => self.column = 0,
                '\n' => self.row += 1,
                '\u{8}' => self.column = self.column.saturating_sub(1),
                '\u{7}' | '\u{1b}' => {}
                c => self.put(c),
            }
        }
    }

    fn line(&mut self) -> &mut Vec<char> {
        while self.lines.len() <= self.row {
            self.lines.push(Vec::new());
        }
        &mut self.lines[self.row]
    }

    fn put(&mut self, c: char) {
        let column = self.column;
        if column == 0 {
            self.leaves();
        }
        let line = self.line();
        while line.len() <= column {
            line.push(' ');
        }
        line[column] = c;
        self.column += 1;
    }

    /// Remembers the line as it stands, once.
    fn leaves(&mut self) {
        let line: String = self.line().iter().collect::<String>().trim_end().to_owned();
        if !line.is_empty() && self.gone.last() != Some(&line) {
            self.gone.push(line);
        }
    }

    fn control(&mut self, command: char, parameters: &str) {
        let number = parameters.split(';').next().and_then(|n| n.parse::<usize>().ok());
        let steps = number.unwrap_or(1).max(1);
        match (command, number.unwrap_or(0)) {
            ('A', _) => self.row = self.row.saturating_sub(steps),
            ('B', _) => self.row += steps,
            ('C', _) => self.column += steps,
            ('D', _) => self.column = self.column.saturating_sub(steps),
            ('G', _) => self.column = steps - 1,
            ('K' | 'J', 0) => {
                self.leaves();
                let (row, column) = (self.row, self.column);
                self.line().truncate(column);
                if command == 'J' {
                    self.lines.truncate(row + 1);
                }
            }
            ('K', _) => {
                self.leaves();
                self.line().clear();
            }
            _ => {}
        }
    }

    /// The lines, without blanks at their ends.
    pub(crate) fn text(&self) -> String {
        let lines: Vec<String> =
            self.lines.iter().map(|line| line.iter().collect::<String>().trim_end().to_owned()).collect();
        lines.join("\n").trim().to_owned()
    }
}

#[test]
fn a_line_that_is_written_over_is_remembered() {
    let screen = Screen::of("one\r\ntwo\r\u{1b}[2Kthree\u{1b}[1A\r\u{1b}[3Cx\u{1b}[0m");
    assert_eq!(screen.text(), "onex\nthree");
    assert_eq!(screen.gone, ["two"]);
}
