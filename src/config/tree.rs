//! YAML text as a tree that knows the line of every key, with the text of each scalar as it was written.
//!
//! Bounded in size, depth and aliases, so that no file can exhaust the memory or the stack. Duplicated keys are
//! all found; broken syntax is told once, since nothing after it can be trusted.

use std::collections::HashMap;

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError};

use super::fault::{Fault, Place};

/// How deep lists and maps may lie in one another.
const MAX_DEPTH: usize = 32;
/// How many nodes aliases may add.
const MAX_ALIASED: usize = 10_000;

const NO_TAGS: &str = "YAML tags are not understood; write the plain value";

/// A value and where it was given.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// Where: for a value under a key, where the key stands.
    pub place: Place,
    /// What.
    pub data: Data,
}

/// The shapes of YAML.
#[derive(Debug, Clone, PartialEq)]
pub enum Data {
    /// Nothing: `~`, `null` or an empty value.
    Null,
    /// A number, a truth value or a text: the schema decides which.
    Scalar(String),
    /// The same in quotes or as a block: a text, where the schema leaves it open.
    Quoted(String),
    /// A list.
    List(Vec<Node>),
    /// Keys and values, in the order of the file.
    Map(Vec<(String, Node)>),
}

impl Node {
    /// The value under `path`, if it is given.
    pub fn at(&self, path: &[String]) -> Option<&Self> {
        let Some((key, rest)) = path.split_first() else { return Some(self) };
        let Data::Map(entries) = &self.data else { return None };
        entries.iter().find(|(name, _)| name == key)?.1.at(rest)
    }

    fn count(&self) -> usize {
        match &self.data {
            Data::Null | Data::Scalar(_) | Data::Quoted(_) => 1,
            Data::List(items) => 1 + items.iter().map(Self::count).sum::<usize>(),
            Data::Map(entries) => 1 + entries.iter().map(|(_, value)| 1 + value.count()).sum::<usize>(),
        }
    }
}

/// Reads the one document in `text`; an empty one, or only comments, is an empty map. Faults are added to `faults`.
pub fn parse(text: &str, faults: &mut Vec<Fault>) -> Node {
    let mut builder = Builder::default();
    for event in Parser::new_from_str(text) {
        let outcome = match event {
            Ok((event, span)) => builder.take(event, span.start.line()),
            Err(error) => Err(syntax_fault(text, &error)),
        };
        if let Err(fault) = outcome {
            builder.faults.push(fault);
            break;
        }
    }
    faults.append(&mut builder.faults);
    match builder.root {
        Some(node) if node.data != Data::Null => node,
        _ => Node { place: Place::File, data: Data::Map(Vec::new()) },
    }
}

fn syntax_fault(text: &str, error: &ScanError) -> Fault {
    let line = error.marker().line();
    let written = text.lines().nth(line.saturating_sub(1)).unwrap_or_default();
    let indent = &written[..written.len() - written.trim_start().len()];
    let problem = if indent.contains('\t') {
        "a tab cannot indent a line of YAML; use spaces".to_owned()
    } else {
        format!("not valid YAML: {}", error.info())
    };
    Fault { place: Place::Line(line), key: String::new(), problem }
}

/// A list or map that is not complete yet.
struct Open {
    node: Node,
    anchor: usize,
    /// The key that waits for its value.
    key: Option<(String, usize)>,
}

#[derive(Default)]
struct Builder {
    open: Vec<Open>,
    anchors: HashMap<usize, Node>,
    aliased: usize,
    root: Option<Node>,
    faults: Vec<Fault>,
}

impl Builder {
    fn take(&mut self, event: Event<'_>, line: usize) -> Result<(), Fault> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                if tag.is_some() {
                    return Err(self.fault(line, NO_TAGS));
                }
                let data = match &*text {
                    _ if style != ScalarStyle::Plain => Data::Quoted(text.into_owned()),
                    "" | "~" | "null" | "Null" | "NULL" => Data::Null,
                    _ => Data::Scalar(text.into_owned()),
                };
                self.close(Node { place: Place::Line(line), data }, anchor, line)
            }
            Event::SequenceStart(_, Some(_)) | Event::MappingStart(_, Some(_)) => Err(self.fault(line, NO_TAGS)),
            Event::SequenceStart(anchor, None) => self.start(Data::List(Vec::new()), anchor, line),
            Event::MappingStart(anchor, None) => self.start(Data::Map(Vec::new()), anchor, line),
            Event::SequenceEnd | Event::MappingEnd => {
                let open = self.open.pop().expect("the parser ends only what it has started");
                self.close(open.node, open.anchor, line)
            }
            Event::Alias(anchor) => {
                let node = self.resolve(anchor, line)?;
                self.close(node, 0, line)
            }
            Event::DocumentStart(_) if self.root.is_some() => {
                Err(self.fault(line, "a second document starts here; a configuration is one document"))
            }
            _ => Ok(()),
        }
    }

    fn start(&mut self, data: Data, anchor: usize, line: usize) -> Result<(), Fault> {
        if self.open.len() >= MAX_DEPTH {
            return Err(self.fault(line, &format!("nested deeper than {MAX_DEPTH} levels")));
        }
        self.open.push(Open { node: Node { place: Place::Line(line), data }, anchor, key: None });
        Ok(())
    }

    fn resolve(&mut self, anchor: usize, line: usize) -> Result<Node, Fault> {
        let Some(node) = self.anchors.get(&anchor) else {
            return Err(self.fault(line, "an alias cannot stand within what it refers to"));
        };
        self.aliased += node.count();
        if self.aliased > MAX_ALIASED {
            return Err(self.fault(line, &format!("aliases unfold into more than {MAX_ALIASED} values")));
        }
        Ok(node.clone())
    }

    /// Puts a complete node where it belongs: into the open list or map, or at the root.
    fn close(&mut self, mut node: Node, anchor: usize, line: usize) -> Result<(), Fault> {
        if anchor != 0 {
            self.anchors.insert(anchor, node.clone());
        }
        let key_fault = "a key is a text, not a list, a map or nothing";
        match self.open.last_mut() {
            None => self.root = Some(node),
            Some(Open { node: Node { data: Data::List(items), .. }, .. }) => items.push(node),
            Some(Open { node: Node { data: Data::Map(entries), .. }, key, .. }) => match key.take() {
                None => match node.data {
                    Data::Scalar(text) | Data::Quoted(text) => *key = Some((text, line)),
                    _ => return Err(self.fault(line, key_fault)),
                },
                Some((name, key_line)) => {
                    node.place = Place::Line(key_line);
                    match entries.iter().find(|(known, _)| *known == name).map(|(_, first)| first.place.clone()) {
                        None => entries.push((name, node)),
                        Some(first) => self.duplicate(&name, key_line, &first),
                    }
                }
            },
            Some(_) => unreachable!("only lists and maps are ever open"),
        }
        Ok(())
    }

    fn duplicate(&mut self, name: &str, line: usize, first: &Place) {
        let Place::Line(first) = first else { return };
        let mut fault = self.fault(line, &format!("given twice; the first stands in line {first}"));
        fault.key = if fault.key.is_empty() { name.to_owned() } else { format!("{}.{name}", fault.key) };
        self.faults.push(fault);
    }

    /// A fault at `line`, under the keys that are open there.
    fn fault(&self, line: usize, problem: &str) -> Fault {
        let keys: Vec<&str> =
            self.open.iter().filter_map(|open| open.key.as_ref().map(|(key, _)| key.as_str())).collect();
        Fault { place: Place::Line(line), key: keys.join("."), problem: problem.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults_of(text: &str) -> Vec<Fault> {
        let mut faults = Vec::new();
        parse(text, &mut faults);
        faults
    }

    #[test]
    fn every_key_knows_its_line_and_every_scalar_its_text() {
        let mut faults = Vec::new();
        let root = parse("# first\na: 007\nb:\n  c: [1, \"~\"]\n  d: ~\n", &mut faults);
        assert_eq!(faults, []);
        let path = |keys: &[&str]| root.at(&keys.iter().map(|key| (*key).to_owned()).collect::<Vec<_>>()).unwrap();
        assert_eq!(path(&["a"]), &Node { place: Place::Line(2), data: Data::Scalar("007".to_owned()) });
        let Data::List(items) = &path(&["b", "c"]).data else { panic!("a list") };
        assert_eq!(items[1].data, Data::Quoted("~".to_owned()));
        assert_eq!(path(&["b", "d"]).data, Data::Null);
    }

    #[test]
    fn every_duplicated_key_is_told_with_both_lines() {
        let faults = faults_of("a: 1\nb:\n  c: 1\n  c: 2\na: 3\n");
        let told: Vec<_> = faults.iter().map(|fault| (fault.key.as_str(), &fault.place)).collect();
        assert_eq!(told, [("b.c", &Place::Line(4)), ("a", &Place::Line(5))]);
        assert!(faults[0].problem.contains("line 3"));
    }

    #[test]
    fn tabs_broken_syntax_tags_second_documents_and_strange_keys_are_told_once_with_their_line() {
        for (text, line, words) in [
            ("a:\n\tb: 1\n", 2, "tab"),
            ("a: [1\nb: 2\n", 2, "not valid YAML"),
            ("a: !secret x\n", 1, "tags"),
            ("a: 1\n---\nb: 1\n", 2, "second document"),
            ("a: 1\n[x]: 2\n", 2, "a key is a text"),
        ] {
            let faults = faults_of(text);
            assert_eq!(faults.len(), 1, "{text} {faults:?}");
            assert!(faults[0].problem.contains(words), "{faults:?}");
            assert_eq!(faults[0].place, Place::Line(line), "{faults:?}");
        }
    }

    #[test]
    fn an_alias_stands_for_its_value_and_a_bomb_of_aliases_is_refused() {
        let root = parse("a: &x [1, 2]\nb: *x\n", &mut Vec::new());
        assert_eq!(
            root.at(&["a".to_owned()]).map(|node| &node.data),
            root.at(&["b".to_owned()]).map(|node| &node.data)
        );
        let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..20 {
            let before = level - 1;
            bomb += &format!("a{level}: &a{level} [*a{before}, *a{before}, *a{before}, *a{before}]\n");
        }
        let faults = faults_of(&bomb);
        assert!(faults[0].problem.contains("aliases unfold"), "{faults:?}");
        assert!(!faults_of("a: &x [*x]\n").is_empty());
    }

    #[test]
    fn nesting_beyond_the_bound_is_refused_without_a_deep_stack() {
        let faults = faults_of(&"[".repeat(200));
        assert!(faults[0].problem.contains("nested deeper"), "{faults:?}");
        assert!(!faults_of(&"- ".repeat(100_000)).is_empty());
    }

    #[test]
    fn only_comments_are_an_empty_map() {
        assert_eq!(parse("# nothing\n", &mut Vec::new()).data, Data::Map(Vec::new()));
        assert_eq!(parse("---\n", &mut Vec::new()).data, Data::Map(Vec::new()));
    }
}
