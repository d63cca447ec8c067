//! What is added to an event: the verdict on it and the scores of the metrics it touches.

use std::sync::Arc;

use super::Probability;

/// What a class of a model stands for.
#[derive(Debug, Clone, PartialEq)]
pub struct Label {
    /// The class, such as `neptune`.
    pub name: String,
    /// Its family: `normal`, `probe`, `dos`, `u2r`, `r2l` for KDD-99.
    pub category: String,
    /// MITRE ATT&CK tactic, where the class has one.
    pub tactic: Option<AttackRef>,
    /// MITRE ATT&CK technique, where the class has one.
    pub technique: Option<AttackRef>,
    /// Risk of a certain detection, 0 to 100; `event.risk_score` is this times the probability.
    pub risk: f32,
}

impl Label {
    /// Whether this is the class of events that are no attack.
    pub fn is_normal(&self) -> bool {
        self.category == "normal"
    }
}

/// A tactic or technique of MITRE ATT&CK.
#[derive(Debug, Clone, PartialEq)]
pub struct AttackRef {
    /// `TA0043`, `T1595.001`.
    pub id: String,
    /// `Reconnaissance`, `Scanning IP Blocks`.
    pub name: String,
}

/// What a verdict refers to by number: the model's name, version, classes and features.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelInfo {
    /// Such as `kdd99`.
    pub name: String,
    /// Such as `1`.
    pub version: String,
    /// BLAKE3 of its card in hexadecimal digits; as the card names the hash of the weights, it is that of both.
    pub hash: String,
    /// The classes, in the order of the network's outputs.
    pub labels: Vec<Label>,
    /// The features, in the order of the network's inputs before encoding.
    pub features: Vec<String>,
}

/// How many classes a verdict names.
pub const TOP: usize = 3;

/// The most classes that a [`LabelSet`] names.
pub const WIDEST_SET: usize = 8;

/// What an event is taken for, when the model may also say that it does not know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Verdict {
    /// No attack.
    Normal,
    /// An attack of the class that is named.
    Known,
    /// Neither normal nor like an attack that the model has learnt.
    Unknown,
}

impl Verdict {
    /// All, in the order of their meaning.
    pub const ALL: [Self; 3] = [Self::Normal, Self::Known, Self::Unknown];

    /// The word that documents and reports have for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::Known => "known",
            Self::Unknown => "unknown",
        }
    }

    /// Whether somebody should look at the event: it is not normal.
    pub fn is_alarm(self) -> bool {
        self != Self::Normal
    }
}

/// The classes that cannot be excluded at the coverage that the model's card states, the most probable first.
///
/// Never empty in a verdict; where more than [`WIDEST_SET`] cannot be excluded, it holds the most probable of them and is
/// [`cut`](Self::cut), and then the stated coverage does not hold for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LabelSet {
    labels: [u16; WIDEST_SET],
    len: u8,
    cut: bool,
}

impl LabelSet {
    /// Takes in the next class, or notes that there was no room for it.
    pub fn push(&mut self, label: u16) {
        match self.labels.get_mut(usize::from(self.len)) {
            Some(place) => {
                *place = label;
                self.len += 1;
            }
            None => self.cut = true,
        }
    }

    /// The classes, as indices into the model's labels.
    pub fn labels(&self) -> &[u16] {
        &self.labels[..usize::from(self.len)]
    }

    /// Whether more classes belong to it than it has room for.
    pub fn cut(&self) -> bool {
        self.cut
    }
}

impl FromIterator<u16> for LabelSet {
    fn from_iter<I: IntoIterator<Item = u16>>(labels: I) -> Self {
        let mut set = Self::default();
        labels.into_iter().for_each(|label| set.push(label));
        set
    }
}

/// The verdict of a model on one event.
#[derive(Debug, Clone)]
pub struct Classification {
    /// Who judged.
    pub model: Arc<ModelInfo>,
    /// What the event is taken for, ignorance included.
    pub verdict: Verdict,
    /// The class decided on: index into the model's labels. Under [`Verdict::Unknown`] the one that it is least unlike.
    pub label: u16,
    /// Calibrated probability of that class.
    pub probability: Probability,
    /// Where a host opened it that is known to do so for a good reason: the class that was decided on before.
    pub excused: Option<u16>,
    /// The most probable classes, best first.
    pub top: [(u16, Probability); TOP],
    /// The classes that cannot be excluded.
    pub set: LabelSet,
    /// Share of the belief that goes to an attack of no class of the model; the classes' probabilities are those that hold
    /// if it is none. 0 where the model has no such output.
    pub unknown: Probability,
    /// How unlike the training data the event is: 0 (like it) to 1 (unlike).
    pub novelty: Probability,
    /// Features that were known for this event; the rest were missing and judged as such.
    pub features_known: u16,
    /// What spoke for the class, strongest first; empty where it was not asked for.
    pub explanation: Vec<Contribution>,
    /// Under which conditions, all of them together, the verdict would have been normal; empty where none was found or it
    /// was not asked for.
    pub counterfactual: Vec<Condition>,
}

/// What one feature contributed to a verdict.
#[derive(Debug, Clone, PartialEq)]
pub struct Contribution {
    /// Index into the model's features.
    pub feature: u16,
    /// The event's value: a number, or a symbol such as `tcp`.
    pub value: FeatureValue,
    /// What is usual for normal events; missing where the model's card does not say.
    pub typical: FeatureValue,
    /// Share of the class's logit, in logits: positive speaks for the class.
    pub contribution: f32,
}

/// A condition on one feature: "serror_rate ≤ 0.31".
#[derive(Debug, Clone, PartialEq)]
pub struct Condition {
    /// Index into the model's features.
    pub feature: u16,
    /// How the feature would have to stand to the value.
    pub relation: Relation,
    /// The value; it fulfils the condition itself.
    pub value: FeatureValue,
}

/// How a feature stands to a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relation {
    /// No larger.
    AtMost,
    /// No smaller.
    AtLeast,
    /// The same; what holds at larger and smaller values is not known, or differs.
    Equal,
}

impl Relation {
    /// As a program reads it: `<=`, `>=`, `=`.
    pub fn operator(self) -> &'static str {
        match self {
            Self::AtMost => "<=",
            Self::AtLeast => ">=",
            Self::Equal => "=",
        }
    }
}

/// The value of a feature as a person reads it.
#[derive(Debug, Clone, PartialEq)]
pub enum FeatureValue {
    /// A measured number.
    Number(f32),
    /// A symbol, such as a service.
    Symbol(Arc<str>),
    /// Not known for this event.
    Missing,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_holds_so_many_classes_and_says_when_there_were_more() {
        let set: LabelSet = (0..8).collect();
        assert_eq!((set.labels(), set.cut()), (&[0, 1, 2, 3, 4, 5, 6, 7][..], false));
        let set: LabelSet = (0..9).collect();
        assert_eq!((set.labels().len(), set.cut()), (WIDEST_SET, true));
        assert_eq!(LabelSet::default().labels(), [0u16; 0]);
    }

    #[test]
    fn all_but_normal_is_an_alarm() {
        assert_eq!(Verdict::ALL.map(Verdict::is_alarm), [false, true, true]);
        assert_eq!(Verdict::ALL.map(Verdict::name), ["normal", "known", "unknown"]);
    }
}
