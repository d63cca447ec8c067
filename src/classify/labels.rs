//! The attacks of the KDD-99 files: family, ATT&CK tactic and technique, risk.
//!
//! Families are those of the cup's own scoring, so that its published counts come out: `httptunnel` counts as `u2r`
//! there, though some papers list it under `r2l`. The ATT&CK column is ours, after what each attack does.

use crate::event::annotated::{AttackRef, Label};

/// The families in the order of the cup's cost matrix.
pub const CATEGORIES: [&str; 5] = ["normal", "probe", "dos", "u2r", "r2l"];

/// The cup's cost matrix: rows are the actual family, columns the predicted one, in the order of [`CATEGORIES`].
///
/// Source: Charles Elkan, "Results of the KDD'99 Classifier Learning Contest" (1999).
pub const COSTS: [[f64; 5]; 5] = [
    [0.0, 1.0, 2.0, 2.0, 2.0],
    [1.0, 0.0, 2.0, 2.0, 2.0],
    [2.0, 1.0, 0.0, 2.0, 2.0],
    [3.0, 2.0, 2.0, 0.0, 2.0],
    [4.0, 2.0, 2.0, 2.0, 0.0],
];

/// What is known of an attack: name, family, place in [`ATTACK`].
struct Known {
    name: &'static str,
    category: &'static str,
    attack: Option<Reference>,
}

/// Tactic and technique, each id and name.
type Reference = [(&'static str, &'static str); 2];

const RECONNAISSANCE: (&str, &str) = ("TA0043", "Reconnaissance");
const IMPACT: (&str, &str) = ("TA0040", "Impact");
const CREDENTIALS: (&str, &str) = ("TA0006", "Credential Access");
const ACCESS: (&str, &str) = ("TA0001", "Initial Access");
const ESCALATION: (&str, &str) = ("TA0004", "Privilege Escalation");

const SCAN: Option<Reference> = Some([RECONNAISSANCE, ("T1595", "Active Scanning")]);
const FLOOD: Option<Reference> = Some([IMPACT, ("T1498", "Network Denial of Service")]);
const ENDPOINT: Option<Reference> = Some([IMPACT, ("T1499", "Endpoint Denial of Service")]);
const GUESS: Option<Reference> = Some([CREDENTIALS, ("T1110", "Brute Force")]);
const ACCOUNT: Option<Reference> = Some([ACCESS, ("T1078", "Valid Accounts")]);
const EXPLOIT: Option<Reference> = Some([ACCESS, ("T1190", "Exploit Public-Facing Application")]);
const PRIVILEGE: Option<Reference> = Some([ESCALATION, ("T1068", "Exploitation for Privilege Escalation")]);
const ROOTKIT: Option<Reference> = Some([("TA0005", "Defense Evasion"), ("T1014", "Rootkit")]);
const CARRY_OUT: Option<Reference> =
    Some([("TA0010", "Exfiltration"), ("T1048", "Exfiltration Over Alternative Protocol")]);
const TUNNEL: Option<Reference> = Some([("TA0011", "Command and Control"), ("T1572", "Protocol Tunneling")]);
const CAPTURE: Option<Reference> = Some([("TA0009", "Collection"), ("T1056", "Input Capture")]);
const MANAGEMENT: Option<Reference> = Some([("TA0007", "Discovery"), ("T1046", "Network Service Discovery")]);

const fn known(name: &'static str, category: &'static str, attack: Option<Reference>) -> Known {
    Known { name, category, attack }
}

/// All labels of the training and test files of the cup, sorted by name.
const ALL: [Known; 40] = [
    known("apache2", "dos", ENDPOINT),
    known("back", "dos", ENDPOINT),
    known("buffer_overflow", "u2r", PRIVILEGE),
    known("ftp_write", "r2l", EXPLOIT),
    known("guess_passwd", "r2l", GUESS),
    known("httptunnel", "u2r", TUNNEL),
    known("imap", "r2l", EXPLOIT),
    known("ipsweep", "probe", SCAN),
    known("land", "dos", ENDPOINT),
    known("loadmodule", "u2r", PRIVILEGE),
    known("mailbomb", "dos", ENDPOINT),
    known("mscan", "probe", SCAN),
    known("multihop", "r2l", ACCOUNT),
    known("named", "r2l", EXPLOIT),
    known("neptune", "dos", ENDPOINT),
    known("nmap", "probe", SCAN),
    known("normal", "normal", None),
    known("perl", "u2r", PRIVILEGE),
    known("phf", "r2l", EXPLOIT),
    known("pod", "dos", ENDPOINT),
    known("portsweep", "probe", SCAN),
    known("processtable", "dos", ENDPOINT),
    known("ps", "u2r", PRIVILEGE),
    known("rootkit", "u2r", ROOTKIT),
    known("saint", "probe", SCAN),
    known("satan", "probe", SCAN),
    known("sendmail", "r2l", EXPLOIT),
    known("smurf", "dos", FLOOD),
    known("snmpgetattack", "r2l", MANAGEMENT),
    known("snmpguess", "r2l", GUESS),
    known("spy", "r2l", ACCOUNT),
    known("sqlattack", "u2r", PRIVILEGE),
    known("teardrop", "dos", ENDPOINT),
    known("udpstorm", "dos", FLOOD),
    known("warezclient", "r2l", CARRY_OUT),
    known("warezmaster", "r2l", ACCOUNT),
    known("worm", "r2l", EXPLOIT),
    known("xlock", "r2l", CAPTURE),
    known("xsnoop", "r2l", CAPTURE),
    known("xterm", "u2r", PRIVILEGE),
];

/// The family of a KDD label, `normal` among them; none for a name that no KDD file has.
pub fn category_of(name: &str) -> Option<&'static str> {
    find(name).map(|known| known.category)
}

/// The place of a family in [`CATEGORIES`].
pub fn category_index(category: &str) -> Option<usize> {
    CATEGORIES.iter().position(|known| *known == category)
}

/// What a KDD label stands for; none for a name that no KDD file has.
pub fn label_of(name: &str) -> Option<Label> {
    let known = find(name)?;
    let refer = |place: usize| {
        known.attack.map(|pair| AttackRef { id: pair[place].0.to_owned(), name: pair[place].1.to_owned() })
    };
    Some(Label {
        name: known.name.to_owned(),
        category: known.category.to_owned(),
        tactic: refer(0),
        technique: refer(1),
        risk: risk_of(known.category),
    })
}

/// Elastic Security's levels: 47 medium, 73 high, 99 critical.
fn risk_of(category: &str) -> f32 {
    match category {
        "normal" => 0.0,
        "probe" => 47.0,
        "u2r" => 99.0,
        _ => 73.0,
    }
}

/// Whether an attack shows itself in the payload alone: what is done in a session that looks like others from outside,
/// and the requests of `back`, whose mark is in their text. Its size, which is all a flow shows of it, was an accident
/// of 1998.
pub fn needs_content(name: &str) -> bool {
    matches!(category_of(name), Some("u2r" | "r2l")) || name == "back"
}

/// The feature without which it is not this attack, whatever else it is like: `land` is a packet from an address to itself.
pub fn mark_of(name: &str) -> Option<&'static str> {
    (name == "land").then_some("land")
}

fn find(name: &str) -> Option<&'static Known> {
    ALL.binary_search_by(|known| known.name.cmp(name)).ok().map(|place| &ALL[place])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_known_label_is_found_and_has_a_family_of_the_cup() {
        for known in &ALL {
            let label = label_of(known.name).expect("found");
            assert!(category_index(&label.category).is_some(), "{}", known.name);
            assert_eq!(label.is_normal(), label.technique.is_none(), "{}", known.name);
        }
        assert_eq!(category_of("heartbleed"), None);
    }

    #[test]
    fn families_hold_as_many_attacks_as_the_cup_has() {
        let count = |category| ALL.iter().filter(|known| known.category == category).count();
        assert_eq!(CATEGORIES.map(count), [1, 6, 10, 8, 15]);
    }
}
