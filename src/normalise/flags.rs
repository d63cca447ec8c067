//! Zeek's states from TCP flags that were or-ed over all packets of a side. The order of packets is lost, so every
//! state from here is an estimate: a reset behind two FINs, for one, is taken for a normal end.

/// FIN.
pub const FIN: u8 = 0x01;
/// SYN.
pub const SYN: u8 = 0x02;
/// RST.
pub const RST: u8 = 0x04;
/// ACK.
pub const ACK: u8 = 0x10;
/// URG.
pub const URG: u8 = 0x20;

/// The state of a connection whose two sides sent these flags.
pub fn state(source: u8, destination: u8) -> Option<&'static str> {
    let (opened, answered) = (source & SYN != 0, destination & SYN != 0);
    Some(match (opened, answered) {
        (true, false) if destination & RST != 0 => "REJ",
        (true, false) if destination == 0 => unanswered(source),
        (true, true) => ended(source, destination),
        _ => "OTH",
    })
}

/// The state, from the flags of one side, whichever it is; none where it sent none that are told. An ACK says that
/// the other side was heard.
pub fn state_of_one_side(flags: u8) -> Option<&'static str> {
    Some(match flags {
        0 => return None,
        _ if flags & (SYN | ACK) == SYN => unanswered(flags),
        // nothing but a refusal
        _ if flags & (SYN | FIN | RST) == RST => "REJ",
        _ if flags & SYN == 0 => "OTH",
        _ if flags & RST != 0 => "RSTO",
        _ if flags & FIN != 0 => "SF",
        _ => "S1",
    })
}

fn unanswered(source: u8) -> &'static str {
    match source {
        _ if source & RST != 0 => "RSTOS0",
        _ if source & FIN != 0 => "SH",
        _ => "S0",
    }
}

fn ended(source: u8, destination: u8) -> &'static str {
    match (source, destination) {
        _ if source & destination & FIN != 0 => "SF",
        _ if destination & RST != 0 => "RSTR",
        _ if source & RST != 0 => "RSTO",
        _ if source & FIN != 0 => "S2",
        _ if destination & FIN != 0 => "S3",
        _ => "S1",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_of_both_sides_give_the_state_that_zeek_would() {
        for (source, destination, expected) in [
            (SYN, 0, "S0"),
            (SYN | RST, 0, "RSTOS0"),
            (SYN | FIN, 0, "SH"),
            (SYN, RST | ACK, "REJ"),
            (SYN | ACK | FIN, SYN | ACK | FIN, "SF"),
            (SYN | ACK | FIN | RST, SYN | ACK | FIN, "SF"),
            (SYN | ACK, SYN | ACK | RST, "RSTR"),
            (SYN | ACK | RST, SYN | ACK, "RSTO"),
            (SYN | ACK | FIN, SYN | ACK, "S2"),
            (SYN | ACK, SYN | ACK | FIN, "S3"),
            (SYN | ACK, SYN | ACK, "S1"),
            (ACK, ACK, "OTH"),
            (SYN, ACK, "OTH"),
            (0, SYN | ACK, "OTH"),
        ] {
            assert_eq!(state(source, destination), Some(expected), "{source:#x} {destination:#x}");
        }
    }

    #[test]
    fn one_side_tells_whether_the_other_was_heard() {
        for (flags, expected) in [
            (0, None),
            (SYN, Some("S0")),
            (SYN | RST, Some("RSTOS0")),
            (RST | ACK, Some("REJ")),
            (SYN | ACK | FIN, Some("SF")),
            (SYN | ACK | RST, Some("RSTO")),
            (SYN | ACK, Some("S1")),
            (ACK, Some("OTH")),
        ] {
            assert_eq!(state_of_one_side(flags), expected, "{flags:#x}");
        }
    }
}
