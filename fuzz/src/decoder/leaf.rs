/// One value, independent of the types of a decoder.
#[derive(Clone, Debug, PartialEq)]
pub enum Leaf {
    /// A number; signed numbers by their 32 bits.
    Number(u64),
    /// A floating-point number of 32 bits.
    Float(f32),
    /// Bytes, a text or an address. An address of unknown type is empty.
    Bytes(Vec<u8>),
    /// The number of elements that follow.
    Items(usize),
    /// A variant without values.
    Choice {
        /// The name of the enum.
        list: &'static str,
        /// The index of the variant.
        index: u32,
        /// The number on the wire: by default, the index.
        number: u64,
    },
}

impl Leaf {
    /// A number of 32 bits that was converted to 64 bits.
    #[allow(
        clippy::as_conversions,
        clippy::cast_possible_truncation,
        reason = "it had 32 bits"
    )]
    #[must_use]
    pub fn float(number: f64) -> Self {
        Self::Float(number as f32)
    }

    /// Whether the values are equal, independent of their representation.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Float(a), Self::Float(b)) => a == b || a.is_nan() && b.is_nan(),
            (Self::Float(a), Self::Number(b)) => {
                let b = u32::try_from(*b).map(f32::from_bits);
                b.is_ok_and(|b| a.to_bits() == b.to_bits() || a.is_nan() && b.is_nan())
            }
            (Self::Items(0), Self::Bytes(bytes)) | (Self::Bytes(bytes), Self::Items(0)) => {
                bytes.is_empty()
            }
            (Self::Bytes(bytes), Self::Choice { list, index: 0, .. }) => {
                *list == "Address" && bytes.is_empty()
            }
            (Self::Number(a), Self::Choice { number, .. }) => a == number,
            (a, b) => a == b,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Leaf;

    #[test]
    fn values_are_equal_in_any_representation() {
        let choice = Leaf::Choice {
            list: "State",
            index: 0,
            number: 1,
        };
        assert!(Leaf::Number(1).is(&choice));
        assert!(!Leaf::Number(0).is(&choice));
        assert!(Leaf::Float(1.5).is(&Leaf::Number(1.5_f32.to_bits().into())));
        assert!(Leaf::Float(f32::NAN).is(&Leaf::Float(f32::NAN)));
        assert!(Leaf::Bytes(Vec::new()).is(&Leaf::Items(0)));
        assert!(!Leaf::Number(1).is(&Leaf::Items(1)));
    }
}
