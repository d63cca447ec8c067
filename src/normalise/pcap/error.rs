//! Why a capture cannot be read, or not to its end.

/// What is wrong with a capture.
#[derive(Debug, thiserror::Error)]
pub enum CaptureError {
    /// The file is something else.
    #[error("not a capture: the file begins with neither a pcap nor a pcapng header")]
    Unknown,
    /// Its first bytes cannot be read.
    #[error("cannot read the capture")]
    Read {
        /// What the system says.
        source: std::io::Error,
    },
    /// It cannot be read any further; the packets before that place are used.
    #[error("the capture is damaged behind packet {packets}: {problem}; the connections up to there are complete")]
    Damaged {
        /// How many packets could be read.
        packets: u64,
        /// What is wrong there.
        problem: String,
    },
}

/// Why a packet is no part of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Skipped {
    /// The capture's kind of link is not known.
    Link,
    /// It is no IP packet, such as one of ARP.
    NotInternet,
    /// Its headers are cut off or contradict themselves.
    Malformed,
    /// It is of a protocol above IP without connections, such as IGMP.
    Protocol,
    /// It is a fragment of a datagram of which more is to come.
    Waiting,
}
