use core::fmt;
use core::hash::{BuildHasher, Hasher};
use core::str::FromStr;
use std::hash::RandomState;

use crate::hex;

/// A secret of 128 bits: the key of the hash (SipHash-1-3) of values that are counted by
/// `distinct(…)` of a flow definition.
///
/// Senders that do not know the key cannot choose values that falsify a count. Counts of several
/// registries can be merged only if all of them have the same key, see
/// [`Config::hash_key`](crate::Config::hash_key). The text form is 32 hexadecimal digits, such as
/// the output of `openssl rand -hex 16`. `Debug` does not show the key.
///
/// ```
/// use sflow_metrics::{Config, HashKey};
///
/// let key: HashKey = "00112233445566778899aabbccddeeff".parse()?;
/// let config = Config::default().with(|config| config.hash_key = Some(key));
/// assert!(!format!("{config:?}").contains("1122"));
/// # Ok::<(), sflow_metrics::HashKeyError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "String"))]
pub struct HashKey([u8; 16]);

/// The text is not a [`HashKey`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a hash key has 32 hexadecimal digits; `openssl rand -hex 16` writes a random one")]
pub struct HashKeyError;

impl HashKey {
    /// A key of these bytes, which have to be random.
    pub const fn new(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// A random key, for several registries in one process.
    pub fn random() -> Self {
        let word = || RandomState::new().build_hasher().finish().to_le_bytes();
        let mut bytes = [0; 16];
        let (low, high) = bytes.split_at_mut(8);
        low.copy_from_slice(&word());
        high.copy_from_slice(&word());
        Self(bytes)
    }
}

#[cfg(feature = "flows")]
impl HashKey {
    /// The keyed hash of a value.
    #[inline]
    pub(crate) fn hash(&self, value: &[u8]) -> u64 {
        siphasher::sip::SipHasher13::new_with_key(&self.0).hash(value)
    }

    /// Distinguishes keys without disclosing them: the hash of a constant that is not a value.
    pub(crate) fn fingerprint(&self) -> u64 {
        self.hash(b"fingerprint of the hash key")
    }
}

impl fmt::Debug for HashKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HashKey(..)")
    }
}

impl FromStr for HashKey {
    type Err = HashKeyError;

    fn from_str(text: &str) -> Result<Self, HashKeyError> {
        let bytes = hex::decode(text).ok_or(HashKeyError)?;
        let bytes = <[u8; 16]>::try_from(&*bytes).map_err(|_| HashKeyError)?;
        Ok(Self(bytes))
    }
}

impl TryFrom<String> for HashKey {
    type Error = HashKeyError;

    fn try_from(text: String) -> Result<Self, HashKeyError> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_is_read_from_hexadecimal_digits() {
        let key: HashKey = "000102030405060708090a0B0c0D0e0f".parse().unwrap();
        let bytes = core::array::from_fn(|index| u8::try_from(index).unwrap());
        assert_eq!(key, HashKey::new(bytes));
        for text in [
            "",
            "00",
            "000102030405060708090a0b0c0d0e0",
            "000102030405060708090a0b0c0d0e0f0",
            "000102030405060708090a0b0c0d0e0f10",
            "+00102030405060708090a0b0c0d0e0f",
            "ä0102030405060708090a0b0c0d0e0f",
        ] {
            assert_eq!(text.parse::<HashKey>(), Err(HashKeyError), "{text}");
        }
    }

    #[cfg(feature = "flows")]
    #[test]
    fn random_keys_differ() {
        let (one, other) = (HashKey::random(), HashKey::random());
        assert_ne!(one.0[..8], one.0[8..]);
        assert_ne!(one.fingerprint(), other.fingerprint());
        assert_ne!(one.hash(b"value"), other.hash(b"value"));
        assert_eq!(one.hash(b"value"), one.hash(b"value"));
    }

    /// Registries of different releases and architectures have to agree.
    #[cfg(feature = "flows")]
    #[test]
    fn hash_is_that_of_siphash_1_3() {
        let key = HashKey::new(core::array::from_fn(|index| u8::try_from(index).unwrap()));
        // From the reference vectors of SipHash-1-3.
        assert_eq!(key.hash(&[]), 0xabac_0158_050f_c4dc);
        assert_eq!(key.hash(&[0]), 0xc9f4_9bf3_7d57_ca93);
    }
}
