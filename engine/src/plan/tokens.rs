//! What has to be settled before a statement can be parsed: parameters and time travel.
//!
//! In: the text. Out: tokens in which every parameter is `$1`, `$2`, … and every `AS OF` clause is an extra, marked part of the
//! name before it ([`MARK`]), since the parser reads neither `?` nor `VERSION AS OF` in the dialect that DataFusion speaks.
//!
//! Holds always:
//! - strings, quoted names and comments are never touched: only tokens are looked at;
//! - a statement has one style of parameters, or none;
//! - every clause that is taken out here is found again in [`Tokens::as_of`], in order.
//!
//! Start reading at [`prepare`].

use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Span, Token, TokenWithSpan, Tokenizer, Word};

use crate::connect::AsOf;
use crate::error::{Error, Result};

/// Starts the extra part of a name that stands for an `AS OF` clause; the clause's number follows.
pub(super) const MARK: &str = "\u{1}as of ";

/// The tokens of a text, ready for the parser.
#[derive(Debug)]
pub(super) struct Tokens {
    /// For the parser.
    pub(super) tokens: Vec<TokenWithSpan>,
    /// The statement's parameters.
    pub(super) parameters: Style,
    /// The clauses that the marks stand for.
    pub(super) as_of: Vec<AsOf>,
}

/// How a statement writes its parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Style {
    /// It has none.
    None,
    /// `$1`, `$2`, … (so many), or as many `?`.
    Positional(usize),
    /// `:name`; in the order of their first use, which is their number.
    Named(Vec<String>),
}

impl Style {
    /// How many values the statement needs.
    pub(super) fn count(&self) -> usize {
        match self {
            Self::None => 0,
            Self::Positional(count) => *count,
            Self::Named(names) => names.len(),
        }
    }
}

/// Cuts a text into tokens, numbers its parameters and marks its time travel.
///
/// # Errors
/// An unterminated string, two styles of parameters, an `AS OF` that cannot be read.
pub(super) fn prepare(sql: &str) -> Result<Tokens> {
    let tokens = Tokenizer::new(&GenericDialect {}, sql)
        .with_unescape(true)
        .tokenize_with_location()
        .map_err(|error| Error::invalid_query(lower_first(&error.to_string())))?;
    if tokens.iter().all(|token| is_settled(&token.token)) {
        return Ok(Tokens { tokens, parameters: Style::None, as_of: Vec::new() });
    }
    let mut numbering = Numbering::default();
    let mut out = Vec::with_capacity(tokens.len() + 4);
    let mut as_of = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        if let Some((clause, next)) = clause_at(&tokens, at, &out)? {
            push(&mut out, Token::Period);
            push(
                &mut out,
                Token::Word(Word {
                    value: format!("{MARK}{}", as_of.len()),
                    quote_style: Some('"'),
                    keyword: Keyword::NoKeyword,
                }),
            );
            as_of.push(clause);
            at = next;
        } else {
            at = numbering.take(&tokens, at, &mut out)?;
        }
    }
    Ok(Tokens { tokens: out, parameters: numbering.style()?, as_of })
}

fn push(out: &mut Vec<TokenWithSpan>, token: Token) {
    out.push(TokenWithSpan { token, span: Span::empty() });
}

/// Whether a token neither belongs to a parameter nor begins a clause of time travel, as in most statements all do.
fn is_settled(token: &Token) -> bool {
    match token {
        Token::Word(word) => word.quote_style.is_some() || !may_travel(&word.value),
        Token::Placeholder(_) | Token::Colon => false,
        token => after_question(token).is_none(),
    }
}

fn may_travel(word: &str) -> bool {
    TRAVEL.iter().chain(&["FOR"]).any(|begin| word.eq_ignore_ascii_case(begin))
}

/// A text that starts in lower case, unless it starts with an abbreviation.
pub(crate) fn lower_first(text: &str) -> String {
    let mut chars = text.chars();
    match (chars.next(), chars.clone().next()) {
        (Some(first), Some(second)) if !second.is_uppercase() => first.to_lowercase().chain(chars).collect(),
        _ => text.to_owned(),
    }
}

/// Numbers the parameters in the order they are met.
#[derive(Debug, Default)]
struct Numbering {
    questions: usize,
    highest: usize,
    names: Vec<String>,
    numbered: bool,
}

impl Numbering {
    /// Copies one token, or several when they are one parameter; gives the place after them.
    fn take(&mut self, tokens: &[TokenWithSpan], at: usize, out: &mut Vec<TokenWithSpan>) -> Result<usize> {
        let token = &tokens[at].token;
        let operand = wants_operand(last(out));
        if let (Some(rest), true) = (after_question(token), operand) {
            self.questions += 1;
            push(out, Token::Placeholder(format!("${}", self.questions)));
            for token in rest {
                push(out, token);
            }
            return Ok(at + 1);
        }
        match token {
            Token::Placeholder(text) if text == "?" => {
                let (operator, next) = match tokens.get(at + 1).map(|t| &t.token) {
                    Some(Token::Pipe) => (Token::QuestionPipe, at + 2),
                    Some(Token::Ampersand) => (Token::QuestionAnd, at + 2),
                    _ => (Token::Question, at + 1),
                };
                push(out, operator);
                Ok(next)
            }
            Token::Placeholder(text) => {
                let number = self.number(text)?;
                push(out, Token::Placeholder(format!("${number}")));
                Ok(at + 1)
            }
            Token::Colon if operand && !matches!(last(out), Some(Token::LBracket)) => match tokens.get(at + 1) {
                Some(TokenWithSpan { token: Token::Word(word), .. }) if word.quote_style.is_none() => {
                    let number = self.named(&word.value);
                    push(out, Token::Placeholder(format!("${number}")));
                    Ok(at + 2)
                }
                _ => {
                    out.push(tokens[at].clone());
                    Ok(at + 1)
                }
            },
            _ => {
                out.push(tokens[at].clone());
                Ok(at + 1)
            }
        }
    }

    fn number(&mut self, text: &str) -> Result<usize> {
        let name = text.trim_start_matches(['$', '?']);
        if let Ok(number) = name.parse::<usize>() {
            if number == 0 || number > 65_535 {
                return Err(Error::invalid_query(format!("parameter {text} is out of range: the first is $1")));
            }
            self.numbered = true;
            self.highest = self.highest.max(number);
            return Ok(number);
        }
        Ok(self.named(name))
    }

    fn named(&mut self, name: &str) -> usize {
        if let Some(at) = self.names.iter().position(|known| known == name) {
            return at + 1;
        }
        self.names.push(name.to_owned());
        self.names.len()
    }

    fn style(self) -> Result<Style> {
        match (self.questions, self.numbered, self.names.is_empty()) {
            (0, false, true) => Ok(Style::None),
            (0, true, true) => Ok(Style::Positional(self.highest)),
            (count, false, true) => Ok(Style::Positional(count)),
            (0, false, false) => Ok(Style::Named(self.names)),
            _ => Err(Error::invalid_query_hint(
                "the statement mixes styles of parameters",
                "Use one of $1, ? and :name in one statement.",
            )),
        }
    }
}

/// What follows the parameter in a token that starts with `?`; none for other tokens.
///
/// The tokenizer reads `?||'x'` and the like as one operator; where an operand must stand, it is a parameter and the rest.
fn after_question(token: &Token) -> Option<Vec<Token>> {
    Some(match token {
        Token::Question => vec![],
        Token::QuestionPipe => vec![Token::Pipe],
        Token::QuestionAnd => vec![Token::Ampersand],
        Token::QuestionMarkDash => vec![Token::Minus],
        Token::QuestionMarkSharp => vec![Token::Sharp],
        Token::QuestionMarkDoubleVerticalBar => vec![Token::StringConcat],
        Token::Placeholder(text) if text == "?" => vec![],
        _ => return None,
    })
}

fn last(out: &[TokenWithSpan]) -> Option<&Token> {
    out.iter().rev().map(|t| &t.token).find(|t| !matches!(t, Token::Whitespace(_)))
}

/// Whether an operand must follow `previous` (so that `?` is a parameter and no operator).
fn wants_operand(previous: Option<&Token>) -> bool {
    match previous {
        None => true,
        Some(Token::Word(word)) => word.quote_style.is_none() && before_operand(word.keyword),
        Some(token) => !ends_operand(token),
    }
}

fn ends_operand(token: &Token) -> bool {
    matches!(
        token,
        Token::Number(..)
            | Token::SingleQuotedString(_)
            | Token::DoubleQuotedString(_)
            | Token::DollarQuotedString(_)
            | Token::EscapedStringLiteral(_)
            | Token::NationalStringLiteral(_)
            | Token::HexStringLiteral(_)
            | Token::UnicodeStringLiteral(_)
            | Token::Placeholder(_)
            | Token::RParen
            | Token::RBracket
            | Token::RBrace
    )
}

fn before_operand(keyword: Keyword) -> bool {
    use Keyword as K;
    matches!(
        keyword,
        K::SELECT
            | K::DISTINCT
            | K::ALL
            | K::WHERE
            | K::AND
            | K::OR
            | K::XOR
            | K::NOT
            | K::IN
            | K::LIKE
            | K::ILIKE
            | K::RLIKE
            | K::REGEXP
            | K::SIMILAR
            | K::TO
            | K::BETWEEN
            | K::LIMIT
            | K::OFFSET
            | K::FETCH
            | K::FIRST
            | K::NEXT
            | K::THEN
            | K::ELSE
            | K::WHEN
            | K::CASE
            | K::ON
            | K::HAVING
            | K::QUALIFY
            | K::BY
            | K::INTERVAL
            | K::AS
            | K::FROM
            | K::FOR
            | K::ANY
            | K::SOME
            | K::ESCAPE
            | K::DIV
            | K::ROWS
            | K::RANGE
            | K::GROUPS
            | K::OF
            | K::TOP
    )
}

/// What stands before `AS OF`.
const TRAVEL: [&str; 4] = ["VERSION", "TIMESTAMP", "SYSTEM_TIME", "SYSTEM_VERSION"];

/// Reads an `AS OF` clause that starts at `at`; gives it and the place after it.
fn clause_at(tokens: &[TokenWithSpan], at: usize, out: &[TokenWithSpan]) -> Result<Option<(AsOf, usize)>> {
    let mut reader = Reader { tokens, at };
    let explicit = reader.word("FOR");
    let Some(word) = reader.any(&TRAVEL) else {
        return Ok(None);
    };
    if !(reader.word("AS") && reader.word("OF")) {
        return Ok(None);
    }
    let follows_a_name =
        matches!(last(out), Some(Token::Word(w)) if w.quote_style.is_some() || !before_operand(w.keyword));
    if !follows_a_name || (!explicit && !reader.value_follows()) {
        return Ok(None);
    }
    let clause = match word {
        "VERSION" | "SYSTEM_VERSION" => reader.number().map(AsOf::Number),
        _ => reader.timestamp().map(AsOf::Timestamp),
    };
    match clause {
        Some(clause) => Ok(Some((clause, reader.at))),
        None => Err(Error::invalid_query_hint(
            format!("cannot read what follows {word} AS OF"),
            "Write VERSION AS OF 12, or TIMESTAMP AS OF '2026-01-31 12:00:00' (UTC unless it names an offset).",
        )),
    }
}

/// Steps over the tokens of one clause.
struct Reader<'a> {
    tokens: &'a [TokenWithSpan],
    at: usize,
}

impl<'a> Reader<'a> {
    fn peek(&self) -> Option<(&'a Token, usize)> {
        let skipped = self.tokens[self.at.min(self.tokens.len())..]
            .iter()
            .take_while(|t| matches!(t.token, Token::Whitespace(_)))
            .count();
        let at = self.at + skipped;
        self.tokens.get(at).map(|t| (&t.token, at + 1))
    }

    fn word(&mut self, word: &'static str) -> bool {
        self.any(&[word]).is_some()
    }

    fn any(&mut self, words: &[&'static str]) -> Option<&'static str> {
        let (Token::Word(word), next) = self.peek()? else { return None };
        if word.quote_style.is_some() {
            return None;
        }
        let found = words.iter().find(|w| word.value.eq_ignore_ascii_case(w))?;
        self.at = next;
        Some(found)
    }

    fn value_follows(&self) -> bool {
        match self.peek() {
            Some((Token::Word(word), _)) => {
                matches!(word.keyword, Keyword::TIMESTAMP | Keyword::DATE | Keyword::CURRENT_TIMESTAMP | Keyword::CAST)
            }
            Some((token, _)) => {
                matches!(
                    token,
                    Token::Number(..)
                        | Token::SingleQuotedString(_)
                        | Token::Placeholder(_)
                        | Token::Question
                        | Token::Minus
                )
            }
            None => false,
        }
    }

    fn number(&mut self) -> Option<i64> {
        let (token, next) = self.peek()?;
        let (Token::Number(text, _) | Token::SingleQuotedString(text)) = token else { return None };
        let number = text.trim().parse::<i64>().ok().filter(|n| *n >= 0)?;
        self.at = next;
        Some(number)
    }

    fn timestamp(&mut self) -> Option<i64> {
        self.any(&["TIMESTAMP", "TIMESTAMPTZ", "DATE"]);
        let (Token::SingleQuotedString(text), next) = self.peek()? else { return None };
        let micros = micros(text.trim())?;
        self.at = next;
        Some(micros)
    }
}

/// Microseconds since 1970 of a date, a wall-clock reading (taken as UTC) or an instant with its offset.
fn micros(text: &str) -> Option<i64> {
    if let Ok(instant) = text.parse::<jiff::Timestamp>() {
        return Some(instant.as_microsecond());
    }
    let civil = text
        .parse::<jiff::civil::DateTime>()
        .or_else(|_| text.parse::<jiff::civil::Date>().map(|date| date.at(0, 0, 0, 0)))
        .ok()?;
    civil.to_zoned(jiff::tz::TimeZone::UTC).ok().map(|zoned| zoned.timestamp().as_microsecond())
}

#[cfg(test)]
mod tests;
