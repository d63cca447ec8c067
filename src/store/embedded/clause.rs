//! What a query asks, whichever way it was written, and how it becomes a query of the index.

use std::ops::Bound;

use tantivy::query::{
    AllQuery, BitSetDocSet, BooleanQuery, ConstScoreQuery, ConstScorer, EmptyQuery, EnableScoring, Explanation, Occur,
    PhraseQuery, Query, Scorer, TermQuery, TermSetQuery, Weight,
};
use tantivy::schema::{Field, IndexRecordOption};
use tantivy::{BitSet, DocId, DocSet, Score, SegmentReader, TERMINATED, Term};

use super::columns::FieldName;
use super::edge::Edge;
use super::pattern::Pattern;
use super::probe::Test;
use super::schema::Fields;
use super::words::words;

/// A question to a document.
#[derive(Debug, Clone, PartialEq)]
#[allow(clippy::large_enum_variant, reason = "a handful per search, never moved in numbers")]
pub(super) enum Clause {
    All,
    Nothing,
    /// A value of the field passes.
    Field(FieldName, Box<Test>),
    /// The field has a value, or a field below it has.
    Exists(FieldName),
    /// These words follow each other, in `message` or in any string of the document.
    Phrase(Words, String),
    /// A word of `message`, or of any string, matches.
    Word(Words, Pattern),
    Ids(Vec<String>),
    Bool(Box<Group>),
}

/// Where words are looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Words {
    Message,
    Anywhere,
}

/// Clauses together.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Group {
    pub(super) must: Vec<Clause>,
    pub(super) filter: Vec<Clause>,
    pub(super) should: Vec<Clause>,
    pub(super) must_not: Vec<Clause>,
    /// How many of `should` have to hold; by default one where there is neither `must` nor `filter`.
    pub(super) minimum: Option<usize>,
}

impl Clause {
    /// All of them.
    pub(super) fn all_of(clauses: Vec<Self>) -> Self {
        Self::Bool(Box::new(Group { must: clauses, ..Group::default() }))
    }

    /// One of them at least.
    pub(super) fn any_of(mut clauses: Vec<Self>) -> Self {
        if clauses.len() == 1 {
            return clauses.remove(0);
        }
        Self::Bool(Box::new(Group { should: clauses, minimum: Some(1), ..Group::default() }))
    }

    /// Whatever it does not hold for.
    pub(super) fn not(self) -> Self {
        Self::Bool(Box::new(Group { must_not: vec![self], ..Group::default() }))
    }

    /// The field has this value; for `message`, which has words only, the words follow each other.
    pub(super) fn equals(field: FieldName, edge: Edge) -> Self {
        match (field, edge) {
            (FieldName::Message, Edge { text: Some(text), .. }) => Self::Phrase(Words::Message, text),
            (FieldName::Id, Edge { text: Some(text), .. }) => Self::Ids(vec![text]),
            (FieldName::Message | FieldName::Id, _) => Self::Nothing,
            (field, edge) => Self::Field(field, Box::new(Test::equals(edge))),
        }
    }

    /// A string of the field matches; for `message`, one of its words.
    pub(super) fn like(field: FieldName, pattern: Pattern) -> Self {
        match field {
            FieldName::Message => Self::Word(Words::Message, pattern),
            field => Self::Field(field, Box::new(Test::Like(pattern))),
        }
    }

    /// The query of the index that asks the same.
    pub(super) fn compile(&self, fields: &Fields) -> Box<dyn Query> {
        match self {
            Self::All => Box::new(AllQuery),
            Self::Nothing => Box::new(EmptyQuery),
            Self::Field(field, test) => {
                Box::new(ColumnQuery { field: field.clone(), test: test.as_ref().clone(), below: false })
            }
            Self::Exists(field) => exists(field, fields),
            Self::Phrase(scope, text) => any(&scope.fields(fields), |field| phrase(field, text)),
            Self::Word(scope, pattern) => {
                any(&scope.fields(fields), |field| Box::new(WordQuery { field, pattern: pattern.clone() }))
            }
            Self::Ids(ids) => Box::new(ConstScoreQuery::new(
                Box::new(TermSetQuery::new(ids.iter().map(|id| Term::from_field_text(fields.id, id)))),
                1.0,
            )),
            Self::Bool(group) => group.compile(fields),
        }
    }

    /// The stretch of `@timestamp`, in nanoseconds, outside of which nothing is found.
    pub(super) fn time_range(&self) -> (i64, i64) {
        match self {
            Self::Field(FieldName::Time, test) => {
                let Test::Between(low, high) = test.as_ref() else { return (i64::MIN, i64::MAX) };
                let first = match low {
                    Bound::Included(edge) | Bound::Excluded(edge) => edge.date.map_or(i64::MIN, |span| span.first),
                    Bound::Unbounded => i64::MIN,
                };
                let last = match high {
                    Bound::Included(edge) | Bound::Excluded(edge) => edge.date.map_or(i64::MAX, |span| span.last),
                    Bound::Unbounded => i64::MAX,
                };
                (first, last)
            }
            Self::Bool(group) => {
                let required = group.must.iter().chain(&group.filter);
                let only = (group.should.len() == 1 && group.needed() == 1).then(|| &group.should[0]);
                let ranges = required.chain(only).map(Self::time_range);
                ranges.fold((i64::MIN, i64::MAX), |all, one| (all.0.max(one.0), all.1.min(one.1)))
            }
            _ => (i64::MIN, i64::MAX),
        }
    }
}

impl Words {
    fn fields(self, fields: &Fields) -> Vec<Field> {
        match self {
            Self::Message => vec![fields.message],
            Self::Anywhere => vec![fields.message, fields.words],
        }
    }
}

impl Group {
    /// How many of `should` have to hold.
    fn needed(&self) -> usize {
        let free = self.must.is_empty() && self.filter.is_empty() && !self.should.is_empty();
        self.minimum.unwrap_or(usize::from(free))
    }

    fn compile(&self, fields: &Fields) -> Box<dyn Query> {
        let needed = self.needed();
        if needed > self.should.len() {
            return Box::new(EmptyQuery);
        }
        let mut parts: Vec<(Occur, Box<dyn Query>)> = Vec::new();
        parts.extend(self.must.iter().map(|clause| (Occur::Must, clause.compile(fields))));
        for clause in &self.filter {
            parts.push((Occur::Must, Box::new(ConstScoreQuery::new(clause.compile(fields), 0.0))));
        }
        parts.extend(self.must_not.iter().map(|clause| (Occur::MustNot, clause.compile(fields))));
        let should: Vec<_> = self.should.iter().map(|clause| (Occur::Should, clause.compile(fields))).collect();
        if needed > 0 {
            // as one part that must hold, so that what the count refers to does not depend on the other parts
            parts.push((Occur::Must, Box::new(BooleanQuery::with_minimum_required_clauses(should, needed))));
        } else {
            parts.extend(should);
        }
        if !parts.iter().any(|(occur, _)| *occur == Occur::Must) {
            parts.push((Occur::Must, Box::new(ConstScoreQuery::new(Box::new(AllQuery), 0.0))));
        }
        Box::new(BooleanQuery::with_minimum_required_clauses(parts, 0))
    }
}

fn any(fields: &[Field], query: impl Fn(Field) -> Box<dyn Query>) -> Box<dyn Query> {
    if let [field] = fields {
        return query(*field);
    }
    Box::new(BooleanQuery::union(fields.iter().map(|field| query(*field)).collect()))
}

fn phrase(field: Field, text: &str) -> Box<dyn Query> {
    let mut terms: Vec<Term> = words(text).iter().map(|word| Term::from_field_text(field, word)).collect();
    match terms.len() {
        0 => Box::new(EmptyQuery),
        1 => Box::new(TermQuery::new(terms.remove(0), IndexRecordOption::WithFreqs)),
        _ => Box::new(PhraseQuery::new(terms)),
    }
}

fn exists(field: &FieldName, fields: &Fields) -> Box<dyn Query> {
    let column = ColumnQuery { field: field.clone(), test: Test::Any, below: true };
    let name = match field {
        FieldName::Id => return Box::new(AllQuery),
        FieldName::Time | FieldName::Sequence => return Box::new(column),
        FieldName::Message => "message",
        FieldName::Address { path, .. } => path,
        FieldName::Path(path) => path,
    };
    // values without a column leave their path here
    let at = WordQuery { field: fields.present, pattern: Pattern::exactly(name, false) };
    let below = WordQuery { field: fields.present, pattern: Pattern::beginning_with(&format!("{name}."), false) };
    Box::new(BooleanQuery::union(vec![Box::new(column), Box::new(at), Box::new(below)]))
}

/// Documents of which a column's value passes a test.
#[derive(Debug, Clone)]
struct ColumnQuery {
    field: FieldName,
    test: Test,
    /// Fields below this one count, too.
    below: bool,
}

/// Documents with a term that matches a pattern.
#[derive(Debug, Clone)]
struct WordQuery {
    field: Field,
    pattern: Pattern,
}

/// Something that knows the documents of a segment at once.
trait Find: Send + Sync + 'static {
    fn find(&self, reader: &SegmentReader) -> tantivy::Result<BitSet>;
}

struct FindWeight<F>(F);

impl Query for ColumnQuery {
    fn weight(&self, _: EnableScoring<'_>) -> tantivy::Result<Box<dyn Weight>> {
        Ok(Box::new(FindWeight(self.clone())))
    }
}

impl Query for WordQuery {
    fn weight(&self, _: EnableScoring<'_>) -> tantivy::Result<Box<dyn Weight>> {
        Ok(Box::new(FindWeight(self.clone())))
    }
}

impl Find for ColumnQuery {
    fn find(&self, reader: &SegmentReader) -> tantivy::Result<BitSet> {
        let mut found = BitSet::with_max_value(reader.max_doc());
        let columns = if self.below { self.field.columns_below(reader)? } else { self.field.columns(reader)? };
        for column in columns {
            self.test.collect(&column, &mut found)?;
        }
        Ok(found)
    }
}

impl Find for WordQuery {
    fn find(&self, reader: &SegmentReader) -> tantivy::Result<BitSet> {
        let mut found = BitSet::with_max_value(reader.max_doc());
        let index = reader.inverted_index(self.field)?;
        let beginning = self.pattern.beginning().as_bytes();
        let mut terms = index.terms().range().ge(beginning).into_stream()?;
        while terms.advance() {
            if !terms.key().starts_with(beginning) {
                break;
            }
            if !std::str::from_utf8(terms.key()).is_ok_and(|term| self.pattern.matches(term)) {
                continue;
            }
            let mut postings = index.read_postings_from_terminfo(terms.value(), IndexRecordOption::Basic)?;
            let mut doc = postings.doc();
            while doc != TERMINATED {
                found.insert(doc);
                doc = postings.advance();
            }
        }
        Ok(found)
    }
}

impl<F: Find> Weight for FindWeight<F> {
    fn scorer(&self, reader: &SegmentReader, boost: Score) -> tantivy::Result<Box<dyn Scorer>> {
        let docs = BitSetDocSet::from(self.0.find(reader)?);
        Ok(Box::new(ConstScorer::new(docs, boost)))
    }

    fn explain(&self, _: &SegmentReader, _: DocId) -> tantivy::Result<Explanation> {
        Ok(Explanation::new("passes or not", 1.0))
    }
}
