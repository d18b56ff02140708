//! Text that is built at compile time.

/// Maximum size of the text in bytes.
const CAPACITY: usize = 48 << 10;

/// Text whose parts are identified by position.
#[derive(Clone, Copy)]
pub(super) struct Text {
    bytes: [u8; CAPACITY],
    length: usize,
}

/// The position of a part of [`Text`].
#[derive(Clone, Copy)]
pub(super) struct Span {
    start: usize,
    end: usize,
}

impl Span {
    pub(super) const EMPTY: Self = Self { start: 0, end: 0 };
}

impl Text {
    pub(super) const fn new() -> Self {
        Self {
            bytes: [0; CAPACITY],
            length: 0,
        }
    }

    /// Appends strings as one part.
    pub(super) const fn push<const N: usize>(&mut self, strings: [&str; N]) -> Span {
        let start = self.length;
        let mut place = 0;
        while place < N {
            self.append(strings[place].as_bytes(), 0, false);
            place += 1;
        }
        Span {
            start,
            end: self.length,
        }
    }

    /// Appends a prefix, and a name without its first bytes in lower case.
    pub(super) const fn push_name(&mut self, prefix: &str, name: &str, skipped: usize) -> Span {
        let start = self.length;
        self.append(prefix.as_bytes(), 0, false);
        self.append(name.as_bytes(), skipped, true);
        Span {
            start,
            end: self.length,
        }
    }

    /// Appends an existing part and a suffix.
    pub(super) const fn push_again(&mut self, span: Span, suffix: &str) -> Span {
        let start = self.length;
        let mut at = span.start;
        while at < span.end {
            self.byte(self.bytes[at]);
            at += 1;
        }
        self.append(suffix.as_bytes(), 0, false);
        Span {
            start,
            end: self.length,
        }
    }

    pub(super) const fn byte(&mut self, byte: u8) {
        self.bytes[self.length] = byte;
        self.length += 1;
    }

    /// The current position.
    pub(super) const fn start(&self) -> usize {
        self.length
    }

    pub(super) const fn since(&self, start: usize) -> Span {
        Span {
            start,
            end: self.length,
        }
    }

    /// A part as a string.
    pub(super) const fn get(&'static self, span: Span) -> &'static str {
        let (front, _) = self.bytes.split_at(span.end);
        let (_, part) = front.split_at(span.start);
        match str::from_utf8(part) {
            Ok(part) => part,
            Err(_) => panic!("text of the catalogue is UTF-8"),
        }
    }

    const fn append(&mut self, bytes: &[u8], skipped: usize, is_lowered: bool) {
        let mut at = skipped;
        while at < bytes.len() {
            self.byte(if is_lowered {
                bytes[at].to_ascii_lowercase()
            } else {
                bytes[at]
            });
            at += 1;
        }
    }
}

pub(super) const fn is_same(one: &str, other: &str) -> bool {
    one.len() == other.len() && starts_with(one, other)
}

pub(super) const fn starts_with(text: &str, start: &str) -> bool {
    let (text, start) = (text.as_bytes(), start.as_bytes());
    if text.len() < start.len() {
        return false;
    }
    let mut at = 0;
    while at < start.len() {
        if text[at] != start[at] {
            return false;
        }
        at += 1;
    }
    true
}
