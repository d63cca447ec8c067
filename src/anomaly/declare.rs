//! Metrics as a person declares them, in configuration; nothing here is checked yet, see [`metric`](super::metric).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::points::Kind;

/// One metric as declared.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MetricDeclaration {
    /// Its name, unique among the metrics: letters, digits, `_`, `-` and `.`.
    pub name: String,
    /// What is counted, in a person's words, such as `bytes out`; the name without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Which events count: all of these conditions must hold; without any, every event.
    #[serde(default, rename = "where", skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<ConditionDeclaration>,
    /// Up to three field paths whose values name the entity; each entity has its own series. Without any there is one series.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub over: Vec<String>,
    /// One more field path that splits the series of an entity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// What is measured in each bucket.
    #[serde(default)]
    pub function: Function,
    /// The field that is read; of all functions only `count`, `unusual_time` and `joint` read none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// Only for `joint`: the names of the metrics that it looks at together, two to six, each declared before it, with the same
    /// entity and bucket span.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub of: Vec<String>,
    /// Length of a bucket, `1s` to `1d`, such as `1m` or `5m`.
    #[serde(default = "one_minute")]
    pub bucket_span: String,
    /// How long a bucket waits for late events after its end, `0s` to `1d`; one bucket span, but at most `2m`, if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lateness: Option<String>,
    /// What an unusually high value means, such as `port_scan`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peak: Option<String>,
    /// What an unusually low value means, such as `service_offline`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dip: Option<String>,
    /// Which side is anomalous; without it the sides that `peak` and `dip` name, and `high` where neither is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub direction: Option<Direction>,
    /// For so long after a bucket was closed, events that come late still count in it: if they change what was told, a record
    /// that names the first one corrects it. `0s` to `1d`; without it buckets that gave a record are kept for `10m`, and no others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub corrections: Option<String>,
    /// Whose hours and days the day's shape, unusual times and times of maintenance go by: a name of the time zone database such as
    /// `Europe/Vienna`, or a rule such as `CET-1CEST,M3.5.0,M10.5.0/3` or `<+0530>-5:30`. Without it that of `anomaly.zone`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// Times in which buckets are neither judged nor learnt.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub maintenance: Vec<MaintenanceDeclaration>,
    /// A value that lies less than this from the expected one is never anomalous; 0 if not given.
    #[serde(default)]
    pub minimum_deviation: f64,
    /// What a bucket without events means: `zero`, a value like any other, `previous`, that the value is still the last one, or
    /// `unknown`, not a value at all. Without it: `zero` where low values are anomalous, else `unknown`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gap: Option<Gap>,
    /// What judges its closed buckets: `seasonal` takes 300 bytes a series, and suits counts over many entities; `population`
    /// takes as much, and holds an entity against the others instead of against its own past; `combined` takes
    /// 4 kB, and finds more in series that matter one by one. For comparison and for special shapes there are `rh7_step`, `periods`,
    /// `shapes` and `htm`.
    #[serde(default, skip_serializing_if = "Method::is_default")]
    pub detector: Method,
}

fn one_minute() -> String {
    "1m".to_owned()
}

/// What a metric measures in each bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Function {
    /// The number of events.
    #[default]
    Count,
    /// The sum of a field.
    Sum,
    /// The number of different values of a field; exact up to 64, then within a few per cent.
    Distinct,
    /// By how much the number of different values that the series ever had has grown.
    Growth,
    /// How many values of a field the series has not had before; it remembers the 1,024 met last.
    FirstSeen,
    /// The mean of a field.
    Mean,
    /// The largest value of a field.
    Max,
    /// The smallest value of a field.
    Min,
    /// The growth of a field that counts upwards; a reading below the last one means that it was set back to 0.
    Increase,
    /// How rare the rarest value of a field was among those that the series has had, in bits: 10 is one in 1,024.
    Rare,
    /// How seldom the series has events at this hour of a workday or a weekend, in bits.
    UnusualTime,
    /// How evenly the values of a field are spread over the bucket, in bits: 0 for one value, 3 for eight that come equally often.
    Entropy,
    /// The information in the different texts of a field, in bits: length times the entropy of the characters, summed.
    Information,
    /// Members that a list has won or lost since it came last; it is a text with commas, semicolons, bars or spaces between them.
    ListChanges,
    /// How seldom the values of several metrics of one entity come together as they do, in bits; `of` names the metrics.
    Joint,
}

impl Function {
    /// As it is written in declarations and documents.
    pub fn name(self) -> &'static str {
        match self {
            Self::Count => "count",
            Self::Sum => "sum",
            Self::Distinct => "distinct",
            Self::FirstSeen => "first_seen",
            Self::Mean => "mean",
            Self::Max => "max",
            Self::Min => "min",
            Self::Growth => "growth",
            Self::Increase => "increase",
            Self::Rare => "rare",
            Self::UnusualTime => "unusual_time",
            Self::Entropy => "entropy",
            Self::Information => "information",
            Self::ListChanges => "list_changes",
            Self::Joint => "joint",
        }
    }

    /// Whether it reads a field.
    pub(super) fn reads_a_field(self) -> bool {
        !matches!(self, Self::Count | Self::UnusualTime | Self::Joint)
    }

    /// Whether a bucket without events has the value 0.
    pub(super) fn is_zero_without_events(self) -> bool {
        let of_values = matches!(self, Self::Mean | Self::Max | Self::Min | Self::Entropy);
        !of_values && !matches!(self, Self::Rare | Self::UnusualTime | Self::Joint)
    }

    /// Whether what an event adds depends on the events before it.
    pub(super) fn remembers(self) -> bool {
        let tells_apart = matches!(self, Self::FirstSeen | Self::Growth | Self::Rare);
        tells_apart || matches!(self, Self::Increase | Self::UnusualTime | Self::ListChanges | Self::Joint)
    }
}

/// Which side of the expected value is anomalous.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// Values above what is usual.
    High,
    /// Values below what is usual.
    Low,
    /// Either.
    Both,
}

/// What a bucket without events means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Gap {
    /// The value is 0, and is judged and learnt as such.
    Zero,
    /// There is no value; only buckets with events are judged and learnt.
    Unknown,
    /// The value is the last one, and is learnt as such.
    Previous,
}

/// What judges the closed buckets of a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// Robust level and the day's shape, with the tail of the whole metric.
    #[default]
    Seasonal,
    /// Novelty of seven views and the last move, calibrated on the series itself.
    Combined,
    /// Where the values of all other entities lie.
    Population,
    /// Novelty of seven views and the last step, with the weights that do best on the Numenta Anomaly Benchmark; 19 kB a series.
    Rh7Step,
    /// The same time 7, 14 and 21 days back; 13 kB a series.
    Periods,
    /// Distance of the last 16 values from the nearest remembered sequence; 6 kB a series.
    Shapes,
    /// A hierarchical temporal memory: columns, cells that predict, and how likely so many surprises are; up to 50 kB a series.
    Htm,
}

impl Method {
    /// As it is written in declarations.
    pub fn name(self) -> &'static str {
        match self {
            Self::Seasonal => "seasonal",
            Self::Combined => "combined",
            Self::Population => "population",
            Self::Rh7Step => "rh7_step",
            Self::Periods => "periods",
            Self::Shapes => "shapes",
            Self::Htm => "htm",
        }
    }

    /// The detector of points that it stands for, which each series then has of its own.
    pub(super) fn kind(self) -> Option<Kind> {
        match self {
            Self::Seasonal | Self::Population => None,
            Self::Combined => Some(Kind::Combined),
            Self::Rh7Step => Some(Kind::Rh7Step),
            Self::Periods => Some(Kind::Periods),
            Self::Shapes => Some(Kind::Shapes),
            Self::Htm => Some(Kind::Htm),
        }
    }

    /// Whether it is what is used where nothing is declared; it is then not written, so that digests of older declarations stay.
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// A time in which nothing is judged or learnt.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MaintenanceDeclaration {
    /// When it begins, such as `2026-03-01T02:00:00Z`.
    pub from: String,
    /// When it ends; in a time that comes again less than a day or a week after it begins.
    pub to: String,
    /// Whether it comes again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub every: Option<Every>,
}

/// After how long a time of maintenance comes again, by the clock of the metric's zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Every {
    /// Each day.
    Day,
    /// Each week.
    Week,
}

/// One condition on an event; exactly one kind of test, where `at_least` and `at_most` together are one.
#[derive(Debug, Clone, PartialEq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConditionDeclaration {
    /// The field path.
    pub field: String,
    /// The field has this value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub equals: Option<Literal>,
    /// The field has one of these values.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub one_of: Vec<Literal>,
    /// The field is there (`true`) or is not (`false`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exists: Option<bool>,
    /// The field is an address in one of these networks: blocks such as `10.0.0.0/8`, or `private`, `public`,
    /// `loopback`, `link_local`, `multicast`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub in_network: Vec<String>,
    /// The field is a number of this size or more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_least: Option<f64>,
    /// The field is a number of this size or less.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_most: Option<f64>,
}

/// A value in a condition.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum Literal {
    /// `true` or `false`.
    Flag(bool),
    /// A number; it also matches the same number written as a text.
    Number(f64),
    /// A text.
    Text(String),
}
