//! Searches the literal parts of a pattern in a value.
//!
//! Empty parts are never compared: a masked `memcmp` from a dangling pointer was measured to be
//! slower than the rest of a query.

/// The rest of the value if it starts with the piece.
pub(super) fn behind<'v>(value: &'v [u8], piece: &str) -> Option<&'v [u8]> {
    match piece.as_bytes() {
        [] => Some(value),
        piece => value.strip_prefix(piece),
    }
}

/// The start of the value if it ends with the piece.
pub(super) fn before<'v>(value: &'v [u8], piece: &str) -> Option<&'v [u8]> {
    match piece.as_bytes() {
        [] => Some(value),
        piece => value.strip_suffix(piece),
    }
}

/// The rest of the value after the first occurrence of the piece.
pub(super) fn behind_first<'v>(value: &'v [u8], piece: &str) -> Option<&'v [u8]> {
    places(value, piece)
        .next()
        .map(|place| &value[place + piece.len()..])
}

/// The start of the value before the last occurrence of the piece.
pub(super) fn before_last<'v>(value: &'v [u8], piece: &str) -> Option<&'v [u8]> {
    places(value, piece)
        .next_back()
        .map(|place| &value[..place])
}

/// The positions of the piece.
fn places(value: &[u8], piece: &str) -> impl DoubleEndedIterator<Item = usize> {
    let piece = piece.as_bytes();
    let places = match value.len().checked_sub(piece.len()) {
        Some(last) => 0..last + 1,
        None => 0..0,
    };
    places.filter(move |place| match piece {
        [] => true,
        [byte] => value[*place] == *byte,
        [byte, ..] => value[*place] == *byte && value[*place..].starts_with(piece),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn results_equal_those_of_str(value in "[ab]{0,6}", piece in "[ab]{0,3}") {
            let bytes = value.as_bytes();
            let text = |found: Option<&str>| found.map(|found| found.as_bytes().to_vec());
            let found = |found: Option<&[u8]>| found.map(<[u8]>::to_vec);
            prop_assert_eq!(found(behind(bytes, &piece)), text(value.strip_prefix(&*piece)));
            prop_assert_eq!(found(before(bytes, &piece)), text(value.strip_suffix(&*piece)));
            let first = value.find(&*piece).map(|place| &value[place + piece.len()..]);
            prop_assert_eq!(found(behind_first(bytes, &piece)), text(first));
            let last = value.rfind(&*piece).map(|place| &value[..place]);
            prop_assert_eq!(found(before_last(bytes, &piece)), text(last));
        }
    }
}
