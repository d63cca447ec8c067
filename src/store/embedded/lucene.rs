//! The query language of a search box: a subset of Lucene's.
//!
//! ```text
//! failed password                 a word or the other (or both: default_operator)
//! "failed password"               the words behind each other
//! label:neptune  user.name:"A B"  a field's value
//! a AND b, a OR b, NOT c, +a -b, (a OR b) AND c       AND binds closer than OR
//! bytes:[100 TO 200}  bytes:>=5  @timestamp:[now-1d TO *]    ranges
//! source.ip:10.0.0.0/8            networks
//! host:web*  host:w?b  _exists_:user.name  host:*  *:*
//! ```
//!
//! Words without a field are looked for in `message` and in every string; numbers need a field.

use std::iter::Peekable;
use std::ops::Bound;
use std::vec::IntoIter;

use serde_json::Value;

use super::clause::{Clause, Group, Words};
use super::columns::FieldName;
use super::edge::Edge;
use super::pattern::Pattern;
use super::query::{bad, between, term};
use crate::store::SearchError;

/// How deep parentheses may be nested.
const DEEPEST: usize = 32;

/// Reads a query; words without a field are looked for in `fields`, among which `*` means all strings.
pub(super) fn parse(text: &str, fields: &[String], and: bool, now: i64) -> Result<Clause, SearchError> {
    let tokens = tokens(text)?;
    if tokens.is_empty() {
        return Ok(Clause::Nothing);
    }
    let mut reader = Reader { tokens: tokens.into_iter().peekable(), and, now, depth: 0 };
    let scope = Scope::Defaults(fields);
    let clause = reader.either(&scope)?;
    match reader.tokens.next() {
        None => Ok(clause),
        Some(token) => Err(bad(format!("query_string: {} is not expected here", token.print()))),
    }
}

#[derive(Debug, Clone, PartialEq)]
enum Token {
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
    fn print(&self) -> String {
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

fn tokens(text: &str) -> Result<Vec<Token>, SearchError> {
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

fn unescaped(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        plain.push(if character == '\\' { characters.next().unwrap_or('\\') } else { character });
    }
    plain
}

/// Whether it has a `*` or `?` that is not escaped.
fn has_wildcard(text: &str) -> bool {
    let mut escaped = false;
    text.chars().any(|character| {
        let special = !escaped && matches!(character, '*' | '?');
        escaped = !escaped && character == '\\';
        special
    })
}

/// Where a value without a field of its own is looked for.
enum Scope<'a> {
    Defaults(&'a [String]),
    Field(FieldName),
}

struct Reader {
    tokens: Peekable<IntoIter<Token>>,
    and: bool,
    now: i64,
    depth: usize,
}

/// How a clause takes part in its list.
#[derive(PartialEq)]
enum Role {
    Plain,
    Required,
    Forbidden,
}

impl Reader {
    /// `a OR b`
    fn either(&mut self, scope: &Scope<'_>) -> Result<Clause, SearchError> {
        let mut clauses = vec![self.list(scope)?];
        while self.tokens.next_if_eq(&Token::Or).is_some() {
            clauses.push(self.list(scope)?);
        }
        Ok(Clause::any_of(clauses))
    }

    /// `a b c`, with `+` and `-`
    fn list(&mut self, scope: &Scope<'_>) -> Result<Clause, SearchError> {
        let mut group = Group::default();
        let mut count = 0;
        loop {
            let (role, clause) = self.both(scope)?;
            count += 1;
            match role {
                Role::Required => group.must.push(clause),
                Role::Forbidden => group.must_not.push(clause),
                Role::Plain if self.and => group.must.push(clause),
                Role::Plain => group.should.push(clause),
            }
            if matches!(self.tokens.peek(), None | Some(Token::Or | Token::Close)) {
                break;
            }
        }
        match (count, group.must.pop(), group.should.pop()) {
            (1, Some(only), None) | (1, None, Some(only)) => Ok(only),
            (_, must, should) => {
                group.must.extend(must);
                group.should.extend(should);
                Ok(Clause::Bool(Box::new(group)))
            }
        }
    }

    /// `a AND b`
    fn both(&mut self, scope: &Scope<'_>) -> Result<(Role, Clause), SearchError> {
        let (role, first) = self.single(scope)?;
        if self.tokens.peek() != Some(&Token::And) {
            return Ok((role, first));
        }
        let signed = |role: Role, clause: Clause| if role == Role::Forbidden { clause.not() } else { clause };
        let mut clauses = vec![signed(role, first)];
        while self.tokens.next_if_eq(&Token::And).is_some() {
            let (role, clause) = self.single(scope)?;
            clauses.push(signed(role, clause));
        }
        Ok((Role::Plain, Clause::all_of(clauses)))
    }

    fn single(&mut self, scope: &Scope<'_>) -> Result<(Role, Clause), SearchError> {
        match self.tokens.peek() {
            Some(Token::Plus) => {
                self.tokens.next();
                Ok((Role::Required, self.value(scope)?))
            }
            Some(Token::Minus | Token::Not) => {
                self.tokens.next();
                // NOT NOT a
                match self.nested(|reader| reader.single(scope))? {
                    (Role::Forbidden, clause) => Ok((Role::Plain, clause)),
                    (_, clause) => Ok((Role::Forbidden, clause)),
                }
            }
            _ => Ok((Role::Plain, self.value(scope)?)),
        }
    }

    fn nested<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T, SearchError>) -> Result<T, SearchError> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(bad(format!("query_string: nested deeper than {DEEPEST} levels")));
        }
        let result = read(self);
        self.depth -= 1;
        result
    }

    fn value(&mut self, scope: &Scope<'_>) -> Result<Clause, SearchError> {
        match self.tokens.next() {
            Some(Token::Open) => {
                let clause = self.nested(|reader| reader.either(scope))?;
                match self.tokens.next() {
                    Some(Token::Close) => Ok(clause),
                    _ => Err(bad("query_string: a parenthesis is not closed")),
                }
            }
            Some(Token::Field(name)) => self.field_value(&name),
            Some(Token::Word(text)) => self.word(scope, &text),
            Some(Token::Phrase(text)) => self.phrase(scope, &text),
            Some(Token::Range(low, low_in, high, high_in)) => match scope {
                Scope::Field(field) => self.range(field.clone(), (&low, low_in), (&high, high_in)),
                Scope::Defaults(_) => Err(bad("query_string: a range needs a field in front of it")),
            },
            Some(Token::Compare(operator, text)) => match scope {
                Scope::Field(field) => self.compare(field.clone(), operator, &text),
                Scope::Defaults(_) => Err(bad(format!("query_string: {operator} needs a field in front of it"))),
            },
            Some(token) => Err(bad(format!("query_string: {} is not expected here", token.print()))),
            None => Err(bad("query_string: it ends where a value is expected")),
        }
    }

    fn field_value(&mut self, name: &str) -> Result<Clause, SearchError> {
        if name == "_exists_" {
            return match self.tokens.next() {
                Some(Token::Word(field)) => Ok(Clause::Exists(FieldName::parse(&unescaped(&field)))),
                Some(Token::Phrase(field)) => Ok(Clause::Exists(FieldName::parse(&field))),
                _ => Err(bad("query_string: _exists_ needs the name of a field")),
            };
        }
        if name == "*" {
            let all = [String::from("*")];
            return self.value(&Scope::Defaults(&all));
        }
        if name.contains('*') {
            return Err(bad(format!("query_string: patterns of fields such as {name} are not supported")));
        }
        self.value(&Scope::Field(FieldName::parse(name)))
    }

    fn word(&self, scope: &Scope<'_>, text: &str) -> Result<Clause, SearchError> {
        if has_wildcard(text) {
            let everything = text.bytes().all(|byte| byte == b'*');
            return self.in_scope(scope, |field| match field {
                None if everything => Ok(Clause::All),
                Some(field) if everything => Ok(Clause::Exists(field)),
                // words are kept in lower case
                None | Some(FieldName::Message) => {
                    let words = if field.is_some() { Words::Message } else { Words::Anywhere };
                    Ok(Clause::Word(words, Pattern::new(&text.to_lowercase(), false)))
                }
                Some(field) => Ok(Clause::like(field, Pattern::new(text, false))),
            });
        }
        let plain = unescaped(text);
        self.in_scope(scope, |field| match field {
            None => Ok(Clause::Phrase(Words::Anywhere, plain.clone())),
            Some(field) => term(field, &Value::from(plain.clone()), self.now),
        })
    }

    fn phrase(&self, scope: &Scope<'_>, text: &str) -> Result<Clause, SearchError> {
        self.in_scope(scope, |field| match field {
            None => Ok(Clause::Phrase(Words::Anywhere, text.to_owned())),
            Some(field) => term(field, &Value::from(text), self.now),
        })
    }

    /// One clause for each field of the scope; none stands for all strings.
    fn in_scope(
        &self,
        scope: &Scope<'_>,
        clause: impl Fn(Option<FieldName>) -> Result<Clause, SearchError>,
    ) -> Result<Clause, SearchError> {
        match scope {
            Scope::Field(field) => clause(Some(field.clone())),
            Scope::Defaults(fields) => {
                let one = |name: &String| clause((name != "*").then(|| FieldName::parse(name)));
                Ok(Clause::any_of(fields.iter().map(one).collect::<Result<_, _>>()?))
            }
        }
    }

    fn range(&self, field: FieldName, low: (&str, bool), high: (&str, bool)) -> Result<Clause, SearchError> {
        let bound = |(text, included): (&str, bool)| match text {
            "*" => Bound::Unbounded,
            text if included => Bound::Included(Edge::of_text(text, self.now)),
            text => Bound::Excluded(Edge::of_text(text, self.now)),
        };
        between(field, bound(low), bound(high))
    }

    fn compare(&self, field: FieldName, operator: &str, text: &str) -> Result<Clause, SearchError> {
        let edge = Edge::of_text(text, self.now);
        match operator {
            ">=" => between(field, Bound::Included(edge), Bound::Unbounded),
            "<=" => between(field, Bound::Unbounded, Bound::Included(edge)),
            ">" => between(field, Bound::Excluded(edge), Bound::Unbounded),
            _ => between(field, Bound::Unbounded, Bound::Excluded(edge)),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::proptest;

    use super::*;

    fn read(text: &str) -> Clause {
        parse(text, &["*".to_owned()], false, 0).unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    fn same(left: &str, right: &str) {
        assert_eq!(read(left), read(right), "{left} | {right}");
    }

    #[test]
    fn and_binds_closer_than_or() {
        same("a:1 OR b:2 AND c:3", "a:1 OR (b:2 AND c:3)");
        same("a:1 && b:2 || c:3", "(a:1 AND b:2) OR c:3");
        assert_ne!(read("(a:1 OR b:2) AND c:3"), read("a:1 OR b:2 AND c:3"));
    }

    #[test]
    fn not_means_the_same_in_all_its_forms() {
        same("NOT a:1", "!a:1");
        same("NOT a:1", "-a:1");
        same("NOT NOT a:1", "a:1");
        same("b:1 AND NOT a:1", "b:1 AND -a:1");
    }

    #[test]
    fn a_field_holds_for_its_parentheses() {
        same("label:(neptune OR smurf)", "label:neptune OR label:smurf");
        same("a:(>5)", "a:>5");
    }

    #[test]
    fn values_may_have_colons_slashes_and_dashes() {
        same("source.ip:fe80::1", "source.ip:\"fe80::1\"");
        same("net:10.0.0.0/8", "net:\"10.0.0.0/8\"");
        same("user\\ name:a\\ b", "user\\ name:\"a b\"");
        same("a:-5", "a:\"-5\"");
        same("@timestamp:>=2026-11-22T10:00:00Z", "@timestamp:[2026-11-22T10:00:00Z TO *]");
    }

    #[test]
    fn boosts_change_nothing() {
        same("a:1^2.5 b:\"x y\"^3", "a:1 b:\"x y\"");
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (text, word) in [
            ("(a", "not closed"),
            ("\"a", "quote"),
            ("a)", "not expected"),
            ("a:[1 2]", "range"),
            ("a:[1 TO 2", "range"),
            ("[1 TO 2]", "field"),
            ("a AND", "ends"),
            ("OR a", "not expected"),
            ("a~2", "fuzzy"),
            ("/x/", "regular"),
            ("a*:1", "patterns of fields"),
            (":a", "name"),
            ("@timestamp:>soon", "date"),
        ] {
            let error = parse(text, &["*".to_owned()], false, 0).expect_err(text).to_string();
            assert!(error.contains(word), "{text}: {error}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_the_reader_fail(text in "[a:(\")\\[\\]{}<>=+!*?~^/|& TO-]{0,24}") {
            let _ = parse(&text, &["*".to_owned()], true, 0);
        }
    }
}
