//! Damage, done to an input at every place.

/// Numbers that have broken decoders: they wrap when multiplied by the size of an element,
/// rounded up to a multiple of four, or added to an offset.
const NUMBERS: [u32; 14] = [
    0,
    1,
    2,
    3,
    5,
    1 << 16,
    1 << 28,
    1 << 29,
    1 << 30,
    (1 << 30) + 1,
    1 << 31,
    u32::MAX - 3,
    u32::MAX - 1,
    u32::MAX,
];

/// The input, cut off at every byte.
pub fn cuts(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    (0..bytes.len()).map(|length| &bytes[..length])
}

/// The input with every word replaced in turn: by numbers that are dangerous anywhere, by those
/// that are one too large at this place, and by the word's own neighbours.
///
/// All counts and lengths stand on words, so every one of them is too large and too small once.
pub fn blown_up(bytes: &[u8]) -> impl Iterator<Item = Vec<u8>> + '_ {
    (0..bytes.len() / 4).flat_map(move |word| {
        let place = word * 4..word * 4 + 4;
        let old = u32::from_be_bytes(bytes[place.clone()].try_into().expect("four bytes"));
        let left = u32::try_from(bytes.len() - place.end).expect("a datagram is small");
        let here = [left, left + 1, left + 4, left / 4 + 1, left / 8 + 1];
        let near = [1, 4, 8].map(|step| old.wrapping_add(step));
        let below = [1, 2, 3, 4, 8].map(|step| old.wrapping_sub(step));
        let numbers = NUMBERS.into_iter().chain(here).chain(near).chain(below);
        numbers.map(move |number| {
            let mut damaged = bytes.to_vec();
            damaged[place.clone()].copy_from_slice(&number.to_be_bytes());
            damaged
        })
    })
}
