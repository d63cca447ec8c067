//! A search, as both stores understand it.

use serde_json::Value;

use super::Kind;

/// What to look for.
#[derive(Debug, Clone)]
pub struct SearchRequest {
    /// Which documents.
    pub kind: Kind,
    /// An Elasticsearch search body: `query`, `size`, `from`, `sort`, `aggs` (or `aggregations`), `track_total_hits`.
    pub body: Value,
}

/// Why a search has no answer.
#[derive(Debug, thiserror::Error)]
pub enum SearchError {
    /// The request is wrong; says where and why.
    #[error("the search cannot be understood: {0}")]
    Bad(String),
    /// The store cannot answer now.
    #[error("the store cannot answer: {0}")]
    Unavailable(String),
}
