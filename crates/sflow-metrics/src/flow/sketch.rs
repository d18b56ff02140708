//! HyperLogLog sketches of Apache DataSketches, which estimate the number of different values.

use datasketches::common::NumStdDev;
use datasketches::hll::{Coupon, HllSketch, HllType, HllUnion};

/// Binary logarithm of the number of registers.
const BITS: u8 = 10;

/// Maximum number of bytes of a sketch outside its own fields.
pub(super) const SKETCH_BYTES: usize = 1 << BITS;

/// The relative standard error of an estimate that is not exact.
pub(super) const STANDARD_ERROR: f64 = 1.04 / 32.0;

/// An estimated number of values, a whole number.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Estimate {
    pub(super) value: f64,
    /// The standard error; 0 if the number is exact.
    pub(super) error: f64,
}

/// The values that were added. Merging is commutative and associative, and the estimate depends
/// only on the set of values.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Sketch(Option<HllSketch>);

impl Sketch {
    /// Adds a value, given its keyed hash.
    pub(super) fn add(&mut self, hash: u64) {
        if self.0.is_none() {
            // The number of registers is valid, so this cannot fail.
            self.0 = HllSketch::new(BITS, HllType::Hll8).ok();
        }
        if let Some(sketch) = &mut self.0 {
            // The bytes of the number are hashed in native order.
            sketch.update_with_coupon(Coupon::from_value(hash.to_le()));
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Adds the values of another sketch.
    pub(super) fn merge(&mut self, other: &Self) {
        let Some(theirs) = &other.0 else { return };
        let Some(ours) = &mut self.0 else {
            self.0 = Some(theirs.clone());
            return;
        };
        if let Ok(mut union) = HllUnion::new(BITS) {
            union.update(ours);
            union.update(theirs);
            *ours = union.to_sketch(HllType::Hll8);
        }
    }

    /// The estimated number of different values. Up to 95 are counted exactly.
    pub(super) fn estimate(&self) -> Estimate {
        let Some(sketch) = &self.0 else {
            return Estimate::default();
        };
        // Also an exact count contains a correction of expected collisions.
        let value = sketch.composite_estimate().round();
        let is_exact = sketch.upper_bound(NumStdDev::One).round() <= sketch.estimate().round();
        Estimate {
            value,
            error: if is_exact {
                0.0
            } else {
                STANDARD_ERROR * value
            },
        }
    }
}

#[cfg(feature = "serde")]
mod written {
    use datasketches::hll::HllSketch;

    use super::{BITS, Sketch};
    use crate::hex::Hex;

    /// Length of the fields before the coupons of a list, the coupons of a set and the registers.
    const LIST: usize = 8;
    const SET: usize = 12;
    const REGISTERS: usize = 40;

    /// Length of a coupon: a register value in the upper six bits, which is not 0.
    const COUPON: usize = 4;

    #[derive(Debug, thiserror::Error)]
    #[error("invalid sketch")]
    pub(in crate::flow) struct Invalid;

    impl From<Sketch> for Hex {
        /// The format of Apache DataSketches; nothing for an empty sketch.
        fn from(sketch: Sketch) -> Self {
            let bytes = sketch.0.map(|sketch| sketch.serialize());
            Self(bytes.unwrap_or_default().into())
        }
    }

    impl TryFrom<Hex> for Sketch {
        type Error = Invalid;

        fn try_from(Hex(bytes): Hex) -> Result<Self, Invalid> {
            if bytes.is_empty() {
                return Ok(Self::default());
            }
            if !is_valid(&bytes) {
                return Err(Invalid);
            }
            let sketch = HllSketch::deserialize(&bytes).map_err(|_| Invalid)?;
            if sketch.is_empty() {
                return Err(Invalid);
            }
            Ok(Self(Some(sketch)))
        }
    }

    /// Whether the bytes have the form that [`HllSketch::serialize`] writes. The library does not
    /// check register values and sums, and requires memory for the stated size of a set.
    fn is_valid(bytes: &[u8]) -> bool {
        let Some(&[_, _, _, bits, size, _, count, mode]) = bytes.first_chunk::<LIST>() else {
            return false;
        };
        // Bits of the mode: 0 and 1 list, set or registers; 2 and 3 four, six or eight bits each.
        if bits != BITS || mode & 0b1100 != 0b1000 {
            return false;
        }
        match mode & 0b11 {
            0 => are_coupons(bytes, LIST, count.into()),
            1 => {
                let count = bytes.get(LIST..).and_then(|rest| rest.first_chunk());
                let count = count.map_or(0, |count| u32::from_le_bytes(*count) as usize);
                // A set has twice the size when it is three quarters full.
                (5..=7).contains(&size)
                    && (1 << size >> 2..=3 << size >> 2).contains(&count)
                    && are_coupons(bytes, SET, count)
            }
            _ => are_registers(bytes),
        }
    }

    fn are_coupons(bytes: &[u8], fields: usize, count: usize) -> bool {
        let Some(coupons) = bytes.get(fields..) else {
            return false;
        };
        let (coupons, rest) = coupons.as_chunks::<COUPON>();
        coupons.len() == count
            && rest.is_empty()
            && coupons.iter().all(|coupon| coupon[COUPON - 1] >> 2 != 0)
    }

    fn are_registers(bytes: &[u8]) -> bool {
        let Some((fields, registers)) = bytes.split_first_chunk::<REGISTERS>() else {
            return false;
        };
        if registers.len() != 1 << BITS || registers.iter().any(|register| *register > 63) {
            return false;
        }
        let number = |at: usize| {
            let bytes = fields.get(at..).and_then(|rest| rest.first_chunk());
            bytes.map(|bytes| f64::from_le_bytes(*bytes))
        };
        // All sums of these powers of two are exact.
        let sum = |is_small: bool| {
            let registers = registers.iter();
            let registers = registers.filter(|register| (**register < 32) == is_small);
            registers
                .map(|register| (-f64::from(*register)).exp2())
                .sum::<f64>()
        };
        let zeros = registers.iter().filter(|register| **register == 0).count();
        let stated_zeros = fields.get(32..).and_then(|rest| rest.first_chunk());
        number(8).is_some_and(f64::is_finite)
            && number(16) == Some(sum(true))
            && number(24) == Some(sum(false))
            && stated_zeros.map(|zeros| u32::from_le_bytes(*zeros) as usize) == Some(zeros)
    }

    #[cfg(test)]
    mod tests {
        use super::*;
        use proptest::prelude::*;

        fn sketch(values: u64) -> Sketch {
            let mut sketch = Sketch::default();
            for value in 0..values {
                sketch.add(value.wrapping_mul(0x9e37_79b9_7f4a_7c15));
            }
            sketch
        }

        #[test]
        fn sketch_is_read_as_written() {
            for values in [0, 1, 7, 8, 20, 24, 25, 90, 100, 1_000, 100_000] {
                let sketch = sketch(values);
                let read = Sketch::try_from(Hex::from(sketch.clone())).unwrap();
                assert_eq!(read, sketch, "{values} values");
            }
            // Merged sketches have another form than those to which values were added.
            for (ours, theirs) in [
                (3, 5),
                (7, 20),
                (20, 95),
                (95, 95),
                (1_000, 20),
                (20, 1_000),
            ] {
                let mut merged = sketch(ours);
                let mut other = Sketch::default();
                for value in 0..theirs {
                    other.add((value + 1_000_000_u64).wrapping_mul(0x9e37_79b9_7f4a_7c15));
                }
                merged.merge(&other);
                let read = Sketch::try_from(Hex::from(merged.clone())).unwrap();
                assert_eq!(
                    read.estimate(),
                    merged.estimate(),
                    "{ours} and {theirs} values"
                );
            }
        }

        proptest! {
            /// Whatever is accepted can be merged, extended and estimated.
            #[test]
            fn changed_bytes_cause_no_panic(
                values in prop_oneof![0_u64..9, 9_u64..110, 110_u64..3_000],
                changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
                length in any::<prop::sample::Index>(),
                is_truncated in prop::bool::weighted(0.1),
            ) {
                let Hex(mut bytes) = sketch(values).into();
                for (at, byte) in changes {
                    if !bytes.is_empty() {
                        let at = at.index(bytes.len());
                        bytes[at] = byte;
                    }
                }
                if is_truncated {
                    bytes = bytes[..length.index(bytes.len() + 1)].into();
                }
                if let Ok(mut read) = Sketch::try_from(Hex(bytes)) {
                    let other = sketch(500);
                    let mut merged = other.clone();
                    merged.merge(&read);
                    read.merge(&other);
                    prop_assert!(merged.estimate().value.is_finite());
                    prop_assert_eq!(merged.estimate(), read.estimate());
                    for hash in 0..300_u64 {
                        read.add(hash.wrapping_mul(0x9e37_79b9_7f4a_7c15));
                    }
                    prop_assert!(read.estimate().value >= 0.0);
                }
            }
        }
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for Sketch {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        crate::hex::Hex::from(self.clone()).serialize(serializer)
    }
}

#[cfg(feature = "serde")]
impl<'de> serde::Deserialize<'de> for Sketch {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let bytes = crate::hex::Hex::deserialize(deserializer)?;
        Self::try_from(bytes).map_err(serde::de::Error::custom)
    }
}
