//! How many different values a bucket has seen, in bounded memory: exact up to 64, then HyperLogLog.
//!
//! HyperLogLog: Flajolet, Fusy, Gandouet, Meunier, "HyperLogLog: the analysis of a near-optimal cardinality estimation
//! algorithm" (2007), with 2,048 registers (2 KiB, standard error 2.3 %) and linear counting for small counts.

use super::codec::{Damaged, Reader, Writer};

/// So many are counted exactly.
const EXACT: usize = 64;
/// Bits of the hash that choose the register.
const BITS: u32 = 11;
/// How many registers there are.
const REGISTERS: usize = 1 << BITS;

/// A set of hashes that only tells its size.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Distinct {
    /// The hashes themselves, sorted.
    Few(Vec<u64>),
    /// Registers, and the sum of 2^-register over them, kept up so that the estimate costs nothing.
    Many { registers: Box<[u8]>, sum: f64, empty: u32 },
}

impl Distinct {
    /// Nothing seen.
    pub(super) fn new() -> Self {
        Self::Few(Vec::new())
    }

    /// Takes a hash in; true if the estimate may have changed.
    pub(super) fn insert(&mut self, hash: u64) -> bool {
        match self {
            Self::Few(seen) => {
                let Err(place) = seen.binary_search(&hash) else { return false };
                if seen.len() < EXACT {
                    seen.insert(place, hash);
                } else {
                    *self = Self::many(seen, hash);
                }
                true
            }
            Self::Many { registers, sum, empty } => raise(registers, sum, empty, hash),
        }
    }

    /// The number of different hashes taken in.
    pub(super) fn estimate(&self) -> f64 {
        match self {
            Self::Few(seen) => seen.len() as f64,
            Self::Many { sum, empty, .. } => {
                let m = REGISTERS as f64;
                let raw = 0.7213 / (1.0 + 1.079 / m) * m * m / sum;
                if raw <= 2.5 * m && *empty > 0 { m * (m / f64::from(*empty)).ln() } else { raw }
            }
        }
    }

    fn many(seen: &[u64], hash: u64) -> Self {
        let mut registers = vec![0; REGISTERS].into_boxed_slice();
        let (mut sum, mut empty) = (REGISTERS as f64, REGISTERS as u32);
        for hash in seen.iter().copied().chain([hash]) {
            raise(&mut registers, &mut sum, &mut empty, hash);
        }
        Self::Many { registers, sum, empty }
    }

    pub(super) fn save(&self, out: &mut Writer) {
        match self {
            Self::Few(seen) => {
                out.u8(0);
                out.u32(seen.len() as u32);
                seen.iter().for_each(|hash| out.u64(*hash));
            }
            Self::Many { registers, .. } => {
                out.u8(1);
                out.bytes(registers);
            }
        }
    }

    pub(super) fn load(input: &mut Reader<'_>) -> Result<Self, Damaged> {
        if input.u8()? == 0 {
            let count = input.count(8)?;
            return Ok(Self::Few((0..count).map(|_| input.u64()).collect::<Result<_, _>>()?));
        }
        let registers: Box<[u8]> = input.take(REGISTERS)?.into();
        let empty = registers.iter().filter(|register| **register == 0).count() as u32;
        // all terms are powers of two within 2^-54 .. 1, so the sum is exact in any order
        let sum = registers.iter().map(|register| power(*register)).sum();
        Ok(Self::Many { registers, sum, empty })
    }
}

fn raise(registers: &mut [u8], sum: &mut f64, empty: &mut u32, hash: u64) -> bool {
    let hash = scatter(hash);
    let place = (hash >> (64 - BITS)) as usize;
    // 32 is far above what 2^40 values reach, and keeps every sum of the powers exact in 53 bits
    let rank = ((hash << BITS).leading_zeros() + 1).min(32) as u8;
    let old = registers[place];
    if rank <= old {
        return false;
    }
    *empty -= u32::from(old == 0);
    *sum += power(rank) - power(old);
    registers[place] = rank;
    true
}

/// Hashes of neighbouring numbers, such as scanned ports, must not have neighbouring bits here (the finisher of
/// MurmurHash3, Austin Appleby, public domain).
fn scatter(mut hash: u64) -> u64 {
    hash ^= hash >> 33;
    hash = hash.wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash ^= hash >> 33;
    hash = hash.wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    hash ^ (hash >> 33)
}

fn power(register: u8) -> f64 {
    1.0 / (1_u64 << register) as f64
}

#[cfg(test)]
mod tests {
    use super::super::fields::{Reading, Value, mix};
    use super::*;

    #[test]
    fn up_to_64_values_are_counted_exactly() {
        let mut distinct = Distinct::new();
        for round in 0..3 {
            for n in 0..64 {
                assert_eq!(distinct.insert(mix(n, 5)), round == 0);
            }
        }
        assert_eq!(distinct.estimate(), 64.0);
    }

    #[test]
    fn many_values_are_counted_within_four_standard_errors() {
        for count in [65_u64, 200, 1_000, 5_000, 20_000, 65_536, 1_000_000] {
            let mut distinct = Distinct::new();
            // as the ports of a scan
            for n in 0..count {
                distinct.insert(Reading::of(Some(Value::Number(n as f64))).hash);
            }
            let error = distinct.estimate() / count as f64 - 1.0;
            assert!(error.abs() < 0.092, "{count}: {error}");
        }
    }

    #[test]
    fn a_saved_set_goes_on_to_the_digit() {
        for count in [3_u64, 500] {
            let mut distinct = Distinct::new();
            for n in 0..count {
                distinct.insert(mix(n, 7));
            }
            let mut out = Writer::default();
            distinct.save(&mut out);
            let bytes = out.finish();
            let mut loaded = Distinct::load(&mut Reader::new(&bytes)).expect("whole");
            assert_eq!(loaded, distinct);
            loaded.insert(mix(count, 7));
            distinct.insert(mix(count, 7));
            assert_eq!(loaded.estimate(), distinct.estimate());
        }
    }
}
