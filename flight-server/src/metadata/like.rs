//! The search patterns of drivers: `%` any text, `_` any one character, `\` takes the next character as it is.

/// Whether `text` matches the whole `pattern`; upper and lower case differ.
///
/// Cost: `text × pattern` in characters at worst.
pub(super) fn like(text: &str, pattern: &str) -> bool {
    let text: Vec<char> = text.chars().collect();
    let pattern = tokens(pattern);
    // After each token: which prefixes of the text it can end at.
    let mut ends = vec![false; text.len() + 1];
    ends[0] = true;
    for token in pattern {
        let mut next = vec![false; text.len() + 1];
        match token {
            Token::Any => {
                let mut open = false;
                for (at, end) in ends.iter().enumerate() {
                    open |= *end;
                    next[at] = open;
                }
            }
            Token::One => next[1..].copy_from_slice(&ends[..text.len()]),
            Token::Exactly(c) => {
                for at in 0..text.len() {
                    next[at + 1] = ends[at] && text[at] == c;
                }
            }
        }
        ends = next;
    }
    ends[text.len()]
}

enum Token {
    Any,
    One,
    Exactly(char),
}

fn tokens(pattern: &str) -> Vec<Token> {
    let mut chars = pattern.chars();
    let mut tokens = Vec::new();
    while let Some(c) = chars.next() {
        tokens.push(match c {
            '%' => Token::Any,
            '_' => Token::One,
            // A trailing escape stands for itself.
            '\\' => Token::Exactly(chars.next().unwrap_or('\\')),
            c => Token::Exactly(c),
        });
    }
    tokens
}

#[cfg(test)]
mod tests {
    use super::like;

    #[track_caller]
    fn check(pattern: &str, matching: &[&str], others: &[&str]) {
        for text in matching {
            assert!(like(text, pattern), "{text:?} matches {pattern:?}");
        }
        for text in others {
            assert!(!like(text, pattern), "{text:?} does not match {pattern:?}");
        }
    }

    #[test]
    fn patterns_of_drivers() {
        check("orders", &["orders"], &["order", "orders2", "ORDERS", ""]);
        check("%", &["", "a", "größe"], &[]);
        check("", &[""], &["a"]);
        check("o%s", &["os", "orders"], &["order", "xos"]);
        check("order_", &["orders", "order_"], &["order", "orderss"]);
        check(r"order\_items", &["order_items"], &["orderxitems", r"order\_items"]);
        check(r"100\%", &["100%"], &["100", "1000"]);
        check(r"a\\b", &[r"a\b"], &["ab", r"a\\b"]);
        check(r"a\", &[r"a\"], &["a"]);
        check("%.items", &["orders.items"], &["orders", "items"]);
        check("_ber", &["über"], &["ber", "uüber"]);
        check("%a%b%", &["ab", "xaxbx", "aab"], &["ba", "a"]);
    }

    #[test]
    fn many_wildcards_do_not_explode() {
        let text = "a".repeat(2_000);
        assert!(!like(&text, &format!("{}b", "%a".repeat(200))));
    }
}
