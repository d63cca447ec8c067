//! The pieces that a query is written in: words, phrases, ranges, signs.

use super::super::query::bad;
use crate::store::SearchError;

/// A piece of a query.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    Open,
    Close,
    And,
    Or,
    Not,
    Plus,
    Minus,
    /// `name:`
    Field(String),
    /// A word as written, escapes included.
    Word(String),
    Phrase(String),
    /// Both ends, as written, with whether they belong to it.
    Range(String, bool, String, bool),
    /// `>5`, `<=now`
    Compare(&'static str, String),
}

impl Token {
    /// As a fault names it.
    pub(super) fn print(&self) -> String {
        match self {
            Self::Open => "(".to_owned(),
            Self::Close => ")".to_owned(),
            Self::And => "AND".to_owned(),
            Self::Or => "OR".to_owned(),
            Self::Not => "NOT".to_owned(),
            Self::Plus => "+".to_owned(),
            Self::Minus => "-".to_owned(),
            Self::Field(text) => format!("{text}:"),
            Self::Word(text) | Self::Phrase(text) | Self::Compare(_, text) => format!("{text:?}"),
            Self::Range(low, _, high, _) => format!("[{low} TO {high}]"),
        }
    }
}

/// Cuts a query into its pieces.
pub(super) fn tokens(text: &str) -> Result<Vec<Token>, SearchError> {
    let mut found = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let value_follows = matches!(found.last(), Some(Token::Field(_)));
        let (token, used) = match first {
            '(' => (Token::Open, 1),
            ')' => (Token::Close, 1),
            '"' => quoted(rest)?,
            '[' | '{' => range(rest)?,
            '>' | '<' => compare(rest)?,
            '+' => (Token::Plus, 1),
            '-' if !value_follows => (Token::Minus, 1),
            '!' => (Token::Not, 1),
            '&' if rest.starts_with("&&") => (Token::And, 2),
            '|' if rest.starts_with("||") => (Token::Or, 2),
            '/' if !value_follows => return Err(bad("query_string: regular expressions are not supported")),
            _ => word(rest, value_follows)?,
        };
        found.push(token);
        rest = rest[used..].trim_start();
        rest = after_value(found.last(), rest)?;
    }
    Ok(found)
}

/// Takes `^2` and `~3` off what follows a value: a boost is left out, a distance is refused.
fn after_value<'a>(last: Option<&Token>, rest: &'a str) -> Result<&'a str, SearchError> {
    if !matches!(last, Some(Token::Word(_) | Token::Phrase(_) | Token::Range(..) | Token::Close)) {
        return Ok(rest);
    }
    if rest.starts_with('~') {
        return Err(bad("query_string: distances and fuzzy words (~) are not supported"));
    }
    let Some(boost) = rest.strip_prefix('^') else { return Ok(rest) };
    Ok(boost.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.').trim_start())
}

fn quoted(rest: &str) -> Result<(Token, usize), SearchError> {
    let mut phrase = String::new();
    let mut characters = rest.char_indices().skip(1);
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Ok((Token::Phrase(phrase), at + 1)),
            '\\' => phrase.extend(characters.next().map(|(_, escaped)| escaped)),
            other => phrase.push(other),
        }
    }
    Err(bad("query_string: a quote is not closed"))
}

fn range(rest: &str) -> Result<(Token, usize), SearchError> {
    let end = rest.find([']', '}']).ok_or_else(|| bad("query_string: a range is not closed"))?;
    let inner = rest[1..end].trim();
    let wrong = || bad(format!("query_string: [{inner}] is no range, which is written [low TO high]"));
    let (low, high) = inner.split_once(" TO ").ok_or_else(wrong)?;
    let plain = |text: &str| text.trim().trim_matches('"').replace('\\', "");
    let token = Token::Range(plain(low), rest.starts_with('['), plain(high), rest[end..].starts_with(']'));
    Ok((token, end + 1))
}

fn compare(rest: &str) -> Result<(Token, usize), SearchError> {
    let operator = [">=", "<=", ">", "<"].into_iter().find(|operator| rest.starts_with(operator));
    let operator = operator.expect("it starts with one of them");
    let after = &rest[operator.len()..];
    let spaces = after.len() - after.trim_start().len();
    let (token, used) =
        if after.trim_start().starts_with('"') { quoted(after.trim_start())? } else { word(after.trim_start(), true)? };
    let text = match token {
        Token::Phrase(text) => text,
        Token::Word(text) => unescaped(&text),
        other => return Err(bad(format!("query_string: {} cannot be compared with", other.print()))),
    };
    Ok((Token::Compare(operator, text), operator.len() + spaces + used))
}

/// A word, or a field's name if a colon ends it; a value may have colons in it, as IPv6 addresses and times do.
fn word(rest: &str, value: bool) -> Result<(Token, usize), SearchError> {
    let mut escaped = false;
    let mut end = rest.len();
    for (at, character) in rest.char_indices() {
        if escaped {
            escaped = false;
            continue;
        }
        match character {
            '\\' => escaped = true,
            ':' if !value => {
                let name = unescaped(&rest[..at]);
                if name.is_empty() {
                    return Err(bad("query_string: a field's name is missing in front of a colon"));
                }
                return Ok((Token::Field(name), at + 1));
            }
            '(' | ')' | '"' | '[' | ']' | '{' | '}' | '^' | '~' => {
                end = at;
                break;
            }
            other if other.is_whitespace() => {
                end = at;
                break;
            }
            _ => {}
        }
    }
    let token = match &rest[..end] {
        "" => return Err(bad(format!("query_string: {:?} is not expected here", rest.chars().next().unwrap_or(' ')))),
        "AND" => Token::And,
        "OR" => Token::Or,
        "NOT" => Token::Not,
        text => Token::Word(text.to_owned()),
    };
    Ok((token, end))
}

/// A word without the backslashes in it.
pub(super) fn unescaped(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        plain.push(if character == '\\' { characters.next().unwrap_or('\\') } else { character });
    }
    plain
}

/// Whether it has a `*` or `?` that is not escaped.
pub(super) fn has_wildcard(text: &str) -> bool {
    let mut escaped = false;
    text.chars().any(|character| {
        let special = !escaped && matches!(character, '*' | '?');
        escaped = !escaped && character == '\\';
        special
    })
}
