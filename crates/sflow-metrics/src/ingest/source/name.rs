use sflow_v5::types::Text;
use smallvec::SmallVec;

/// A name from the wire, of bounded length.
///
/// The bytes are kept as they came, so that the next sample is compared without copying; where
/// they are not UTF-8, a readable form stands beside them. Those of usual length are kept in
/// place: a query looks at every name, and should not have to go far for it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Name {
    wire: SmallVec<[u8; 40]>,
    readable: Option<Box<str>>,
}

impl Name {
    pub(crate) fn as_str(&self) -> &str {
        match &self.readable {
            Some(readable) => readable,
            None => str::from_utf8(&self.wire).unwrap_or_default(),
        }
    }

    /// The bytes of [`as_str`](Self::as_str).
    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.readable.as_deref().map_or(&self.wire, str::as_bytes)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.wire.is_empty()
    }

    /// Bytes that are not kept in place.
    pub(crate) fn heap_bytes(&self) -> usize {
        let wire = if self.wire.spilled() {
            self.wire.capacity()
        } else {
            0
        };
        wire + self.readable.as_deref().map_or(0, str::len)
    }

    /// The bytes that came.
    pub(crate) fn wire(&self) -> &[u8] {
        &self.wire
    }

    /// Whether `text`, cut to so many bytes, is this name.
    pub(crate) fn is(&self, text: Text<'_>, max_bytes: usize) -> bool {
        *self.wire == *Self::cut(text, max_bytes)
    }

    /// Takes the name over; tells whether it was cut.
    pub(crate) fn set(&mut self, text: Text<'_>, max_bytes: usize) -> bool {
        let wire = Self::cut(text, max_bytes);
        let readable = String::from_utf8_lossy(wire);
        let is_readable = readable.as_bytes() == wire;
        self.readable = (!is_readable).then(|| readable.into());
        self.wire = wire.into();
        wire.len() < text.as_bytes().len()
    }

    /// At most so many bytes, ending where a character ends.
    pub(crate) fn cut(text: Text<'_>, max_bytes: usize) -> &[u8] {
        let bytes = text.as_bytes();
        if bytes.len() <= max_bytes {
            return bytes;
        }
        let is_start = |byte: u8| byte & 0xc0 != 0x80;
        let end = (0..=max_bytes)
            .rev()
            .take(4)
            .find(|end| is_start(bytes[*end]));
        &bytes[..end.unwrap_or(max_bytes)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(bytes: &[u8], max_bytes: usize) -> (String, bool) {
        let mut name = Name::default();
        let was_cut = name.set(Text::from(bytes), max_bytes);
        assert!(name.is(Text::from(bytes), max_bytes));
        assert_eq!(name.as_str().as_bytes(), name.as_bytes());
        (name.as_str().to_owned(), was_cut)
    }

    #[test]
    fn names_are_bounded_and_readable() {
        assert_eq!(name(b"web.1", 64), ("web.1".into(), false));
        assert_eq!(name(b"web.1", 3), ("web".into(), true));
        assert_eq!(name("größe".as_bytes(), 3), ("gr".into(), true));
        assert_eq!(name(b"a\xffb", 64), ("a\u{fffd}b".into(), false));
        assert_eq!(name(b"", 64), (String::new(), false));
        assert_eq!(name(b"abc", 0), (String::new(), true));
    }
}
