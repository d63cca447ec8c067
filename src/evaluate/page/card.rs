//! The model's card, as far as a sceptic asks for it first.

use super::escape::escaped;
use super::section;
use crate::classify::card::{Card, Scores, Training};
use crate::evaluate::shown::{count, percent, ratio};

/// A class with fewer distinct rows than this rests on little.
const LITTLE: u64 = 20;

/// The main facts of the card.
pub fn render(card: &Card) -> String {
    let mut facts = vec![
        ("model", format!("{} {}: {}", card.name, card.version, card.description)),
        ("classes", card.labels.len().to_string()),
    ];
    facts.extend(card.training.iter().flat_map(learnt));
    facts.extend(card.quality.as_ref().map(|quality| ("on its own test part", claimed(&quality.whole.distinct))));
    facts.push(("weights", format!("BLAKE3 {}", card.weights.blake3)));
    let fact = |(name, text): &(&str, String)| format!("<dt>{name}</dt><dd>{}</dd>\n", escaped(text));
    let list: String = facts.iter().map(fact).collect();
    section("The model's own card", "What the model claims of itself, for comparison.", &format!("<dl>\n{list}</dl>\n"))
}

/// What it learnt from.
fn learnt(training: &Training) -> [(&'static str, String); 3] {
    let little = training.classes.iter().filter(|class| class.distinct < LITTLE);
    let little: Vec<String> = little.map(|class| format!("{} ({})", class.label, class.distinct)).collect();
    let rests = if little.is_empty() { "none".to_owned() } else { little.join(", ") };
    let (records, distinct) = (count(training.records), count(training.distinct));
    [
        ("learnt from", format!("{}: {records} records, {distinct} of them distinct", training.data)),
        ("split", training.split.clone()),
        ("classes that rest on under 20 distinct rows", rests),
    ]
}

fn claimed(scores: &Scores) -> String {
    format!(
        "of {} distinct rows {} right, macro-F1 {}, cost {:.4}, {} of the normal ones called an attack",
        count(scores.records),
        percent(scores.accuracy),
        ratio(scores.macro_f1_all),
        scores.cost,
        percent(scores.false_alarms)
    )
}
