//! The documentation as a book: every page is in it, every link leads somewhere, and what is generated is as it would be
//! generated now.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::harness::oversight::run;

fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn text(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn pages() -> BTreeSet<String> {
    let entries = std::fs::read_dir(repository("docs")).expect("there are docs");
    let names = entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("text"));
    names.filter(|name| name.ends_with(".md") && name != "SUMMARY.md").collect()
}

/// Where the links of a page lead, those in examples left out.
fn links(text: &str) -> Vec<String> {
    let prose: Vec<&str> = text.split("```").step_by(2).collect();
    let prose = prose.concat();
    let parts = prose.split("](").skip(1);
    parts.filter_map(|part| part.split([')', ' ', '\n']).next().map(str::to_owned)).collect()
}

/// The anchors that headings of a page get.
fn anchors(text: &str) -> BTreeSet<String> {
    let headings = text.lines().filter(|line| line.starts_with('#')).map(|line| line.trim_start_matches('#').trim());
    let anchor = |heading: &str| {
        let letters = heading.to_lowercase();
        let kept = letters.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
        kept.map(|c| if c == ' ' { '-' } else { c }).collect()
    };
    headings.map(anchor).collect()
}

#[test]
fn every_page_is_in_the_book_once() {
    let summary = text(&repository("docs/SUMMARY.md"));
    let listed = links(&summary);
    let once: BTreeSet<String> = listed.iter().cloned().collect();
    assert_eq!(listed.len(), once.len(), "a page is listed twice");
    assert_eq!(once, pages());
    let book = text(&repository("docs/book.toml"));
    assert!(book.contains("src = \".\""), "the pages lie beside it");
}

#[test]
fn every_link_of_the_documentation_leads_somewhere() {
    let mut files: Vec<PathBuf> = pages().iter().map(|name| repository("docs").join(name)).collect();
    files.extend(["README.md", "CHANGELOG.md", "pipelines/README.md", "docs/SUMMARY.md"].map(repository));
    let (mut broken, mut count) = (Vec::new(), 0);
    for file in files {
        for link in links(&text(&file)) {
            if link.contains("://") {
                continue;
            }
            count += 1;
            let (path, anchor) = link.split_once('#').unwrap_or((&link, ""));
            let target = if path.is_empty() { file.clone() } else { file.with_file_name("").join(path) };
            let found = target.exists() && (anchor.is_empty() || anchors(&text(&target)).contains(anchor));
            if !found {
                broken.push(format!("{}: {link}", file.display()));
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
    assert!(count > 80, "only {count} links");
}

#[test]
fn references_in_docs_are_those_that_the_program_prints() {
    for name in ["api", "fields"] {
        let done = run(&["manual", name]);
        assert!(done.status.success());
        let kept = text(&repository(&format!("docs/{name}.md")));
        let made = String::from_utf8(done.stdout).expect("text");
        assert!(kept == made, "write it anew: oversight manual {name} > docs/{name}.md");
    }
}
