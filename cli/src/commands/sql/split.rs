//! Where a typed statement ends: at a `;` outside of quotes and comments.
//!
//! Start reading at [`split`].

/// The statements of a text, without their `;`, and whether something stands behind the last `;`.
pub(super) fn split(text: &str) -> (Vec<&str>, bool) {
    let mut statements = Vec::new();
    let mut begin = 0;
    let mut inside = Inside::Nothing;
    let mut says_something = false;
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        let next = chars.peek().map(|(_, next)| *next);
        inside = match (inside, c, next) {
            (Inside::Nothing, ';', _) => {
                statements.extend(Some(text[begin..at].trim()).filter(|_| says_something));
                (begin, says_something) = (at + 1, false);
                Inside::Nothing
            }
            (Inside::Nothing, '\'' | '"' | '`', _) => {
                says_something = true;
                Inside::Quotes(c)
            }
            (Inside::Nothing, '-', Some('-')) => Inside::Line,
            (Inside::Nothing, '/', Some('*')) => {
                chars.next();
                Inside::Block(1)
            }
            (Inside::Block(depth), '/', Some('*')) => {
                chars.next();
                Inside::Block(depth + 1)
            }
            (Inside::Block(depth), '*', Some('/')) => {
                chars.next();
                if depth == 1 { Inside::Nothing } else { Inside::Block(depth - 1) }
            }
            (Inside::Quotes(quote), c, _) if quote == c => Inside::Nothing,
            (Inside::Line, '\n', _) => Inside::Nothing,
            (Inside::Nothing, c, _) => {
                says_something |= !c.is_whitespace();
                Inside::Nothing
            }
            (inside, ..) => inside,
        };
    }
    let open = says_something || matches!(inside, Inside::Quotes(_) | Inside::Block(_));
    (statements, open)
}

/// What the scanner stands in.
#[derive(Clone, Copy)]
enum Inside {
    Nothing,
    /// Between these quotes; a doubled quote ends and begins them.
    Quotes(char),
    /// A comment to the end of the line.
    Line,
    /// Comments inside comments, this deep.
    Block(usize),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_end_outside_of_quotes_and_comments() {
        let check = |text: &str, statements: &[&str], open: bool| {
            assert_eq!(split(text), (statements.to_vec(), open), "{text}");
        };
        check("SELECT 1;", &["SELECT 1"], false);
        check("SELECT 1", &[], true);
        check("SELECT ';'; SELECT \"a;\"\"b\" ;", &["SELECT ';'", "SELECT \"a;\"\"b\""], false);
        check("SELECT 1 -- no ; here\n;", &["SELECT 1 -- no ; here"], false);
        check("SELECT /* ; /* ; */ */ 1; ", &["SELECT /* ; /* ; */ */ 1"], false);
        check("SELECT 'open", &[], true);
        check(" ;; -- nothing", &[], false);
        check("SELECT 1; SELECT 2", &["SELECT 1"], true);
        check("/* open", &[], true);
    }
}
