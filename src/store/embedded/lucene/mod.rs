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

mod token;

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
use token::{Token, has_wildcard, tokens, unescaped};

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
mod tests;
