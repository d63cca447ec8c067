//! What the query language means, and what it refuses.

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
