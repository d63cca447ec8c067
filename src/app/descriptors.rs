//! File descriptors: as many as the system allows, and a word where those are too few.

/// Files, and connections to the store, beside the connections of clients.
const OTHERS: u64 = 256;

/// Raises the limit of this process as far as it goes.
pub fn raise(connections: usize) {
    let wanted = (connections as u64).saturating_add(OTHERS);
    match rlimit::increase_nofile_limit(u64::MAX) {
        Ok(limit) if limit < wanted => tracing::warn!(
            limit,
            wanted,
            "http.max_connections does not fit into the file descriptors that this process may have; raise its limit \
             (ulimit -n, LimitNOFILE=) or lower http.max_connections"
        ),
        Ok(_) => {}
        Err(error) => tracing::warn!(%error, "the limit on file descriptors cannot be raised"),
    }
}
