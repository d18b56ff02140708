//! Where the pieces of a pattern stand in a value.
//!
//! Nothing here compares with an empty piece: an empty string points nowhere, and where `memcmp`
//! reads under a mask, to read nothing from nowhere costs more than all the rest of a query.

/// What is behind the piece, if the value begins with it.
pub(super) fn behind<'v>(value: &'v [u8], piece: &str) -> Option<&'v [u8]> {
    match piece.as_bytes() {
        [] => Some(value),
        piece => value.strip_prefix(piece),
    }
}

/// What is before the piece, if the value ends with it.
pub(super) fn before<'v>(value: &'v [u8], piece: &str) -> Option<&'v [u8]> {
    match piece.as_bytes() {
        [] => Some(value),
        piece => value.strip_suffix(piece),
    }
}

/// What is behind the first occurrence of the piece.
pub(super) fn behind_first<'v>(value: &'v [u8], piece: &str) -> Option<&'v [u8]> {
    places(value, piece)
        .next()
        .map(|place| &value[place + piece.len()..])
}

/// What is before the last occurrence of the piece.
pub(super) fn before_last<'v>(value: &'v [u8], piece: &str) -> Option<&'v [u8]> {
    places(value, piece)
        .next_back()
        .map(|place| &value[..place])
}

/// Where the piece occurs.
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
        fn as_the_library_finds_them(value in "[ab]{0,6}", piece in "[ab]{0,3}") {
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
