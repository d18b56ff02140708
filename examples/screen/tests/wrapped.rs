//! Wrapped text.

use screen::wrapped;

#[test]
fn long_text_is_wrapped_at_spaces() {
    assert_eq!(wrapped("one two three", 7), ["one two", "three"]);
    assert_eq!(wrapped("abcdefghij kl", 4), ["abcd", "efgh", "ij", "kl"]);
    assert_eq!(wrapped("負荷分散", 5), ["負荷", "分散"]);
    assert_eq!(wrapped("", 0), [""]);
}
