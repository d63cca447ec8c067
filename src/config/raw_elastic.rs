//! What is written of Elasticsearch and OpenSearch: a part of `raw.rs`, by the same rules.

use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::secret::SecretSource;
use super::units::DurationText;

/// The address of an HTTP server.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(extend("x-kind" = "http-url"))]
pub struct HttpUrl(pub String);

/// One address, or a list of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum OneOrMore {
    /// One.
    One(HttpUrl),
    /// A list.
    More(Vec<HttpUrl>),
}

/// `store.elasticsearch`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Elasticsearch {
    /// Its address, such as `https://es.example.org:9200`, or a list of addresses of one cluster.
    pub url: Option<OneOrMore>,
    /// User name; goes with `store.elasticsearch.password`.
    #[schemars(extend("minLength" = 1))]
    pub username: Option<String>,
    /// Password; goes with `store.elasticsearch.username`.
    pub password: Option<SecretSource>,
    /// API key, in place of user name and password: base64 of `id:key`, as Elasticsearch calls it `encoded`.
    pub api_key: Option<SecretSource>,
    /// PEM file of the authority that signed its certificate, where the system does not know it.
    #[schemars(extend("minLength" = 1))]
    pub ca_file: Option<PathBuf>,
    /// Whether requests are compressed: less network for about 5 µs of CPU an event.
    pub gzip: bool,
    /// How long it may take to answer before the batch is sent again.
    #[schemars(extend("x-minimum" = "100ms", "x-maximum" = "10m"))]
    pub timeout: DurationText,
    /// What the names of its indices begin with: `oversight` makes `oversight-events-2026.11.22`.
    #[schemars(extend("x-kind" = "index-prefix"))]
    pub index_prefix: String,
    /// Whether index templates are installed at the start, as `oversight setup` does.
    pub install_templates: bool,
    /// Whether documents go to data streams (`oversight-events-default`) in place of an index for each day. A document that is sent again after a rollover is there twice then.
    pub data_streams: bool,
    /// How often oversight writes how it goes into `oversight-health-…`, for the dashboards *Health* and *Model quality*; 0s writes nothing of that.
    #[schemars(extend("x-maximum" = "1h"))]
    pub health_every: DurationText,
    /// Also writes each detection into `threat-2026.11.22`, in the four fields of older dashboards (userID, type, body, timestamp), where this is `threat`.
    #[schemars(extend("x-kind" = "index-prefix"))]
    pub threat_index: Option<String>,
    /// After how many days the engine deletes documents, by lifecycle policies that `oversight setup` makes.
    pub retention_days: RetentionDays,
}

impl Default for Elasticsearch {
    fn default() -> Self {
        Self {
            url: None,
            username: None,
            password: None,
            api_key: None,
            ca_file: None,
            gzip: false,
            timeout: DurationText(Duration::from_secs(30)),
            index_prefix: "oversight".to_owned(),
            install_templates: true,
            data_streams: false,
            health_every: DurationText(Duration::from_secs(60)),
            threat_index: None,
            retention_days: RetentionDays::default(),
        }
    }
}

/// `store.elasticsearch.retention_days`
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RetentionDays {
    /// For events; without it they stay.
    #[schemars(range(min = 1, max = 36_500))]
    pub events: Option<u32>,
    /// For anomalies; without it they stay.
    #[schemars(range(min = 1, max = 36_500))]
    pub anomalies: Option<u32>,
    /// For what is written by `store.elasticsearch.health_every`; without it that stays.
    #[schemars(range(min = 1, max = 36_500))]
    pub health: Option<u32>,
}
