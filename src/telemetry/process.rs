//! What the operating system says of this process.

use super::catalogue::PROCESS_RESIDENT_BYTES;

/// Brings the process's gauges up to date; where the system does not tell, they stay as they are.
pub fn measure() {
    if let Some(bytes) = std::fs::read_to_string("/proc/self/status").ok().and_then(|status| resident(&status)) {
        PROCESS_RESIDENT_BYTES.set(bytes);
    }
}

/// Resident bytes out of the text of Linux' `/proc/self/status`.
fn resident(status: &str) -> Option<i64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: i64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kibibytes.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resident_memory_is_read_in_bytes() {
        assert_eq!(resident("VmPeak:\t  9 kB\nVmRSS:\t   10240 kB\nRssAnon:\t 1 kB\n"), Some(10_485_760));
        assert_eq!(resident("VmPeak:\t  9 kB\n"), None);
    }
}
