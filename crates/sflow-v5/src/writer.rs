/// Appends to a buffer provided by the caller.
///
/// What does not fit is not written; [`is_full`](Self::is_full) then returns true, and the caller
/// discards the incomplete sample.
#[derive(Debug)]
pub struct Writer<'b> {
    buffer: &'b mut [u8],
    at: usize,
    full: bool,
}

impl<'b> Writer<'b> {
    /// Writes from the start of `buffer`.
    pub fn new(buffer: &'b mut [u8]) -> Self {
        Self {
            buffer,
            at: 0,
            full: false,
        }
    }

    /// Appends the output of `write`, at most `length` bytes. If `length` is constant, one bounds
    /// check suffices for all of it.
    #[inline(always)]
    pub fn fixed(&mut self, length: usize, write: impl FnOnce(&mut Writer<'_>)) {
        let free = self
            .buffer
            .get_mut(self.at..)
            .and_then(|free| free.get_mut(..length));
        match free {
            Some(free) => {
                let mut part = Writer::new(free);
                write(&mut part);
                self.full |= part.full;
                let written = part.at;
                self.at = self.at.saturating_add(written);
            }
            None => self.full = true,
        }
    }

    /// Appends `bytes`, or none of them if they do not fit.
    #[inline(always)]
    pub fn put(&mut self, bytes: &[u8]) {
        let free = self
            .buffer
            .get_mut(self.at..)
            .and_then(|free| free.get_mut(..bytes.len()));
        match free {
            Some(free) => {
                free.copy_from_slice(bytes);
                self.at = self.at.saturating_add(bytes.len());
            }
            None => self.full = true,
        }
    }

    /// Appends a 32-bit number.
    #[inline(always)]
    pub fn word(&mut self, word: u32) {
        self.put(&word.to_be_bytes());
    }

    /// Appends a number of elements or bytes. A number above 2^32 − 1 makes the buffer full, as so
    /// many elements would.
    #[inline]
    pub fn length(&mut self, length: usize) {
        match u32::try_from(length) {
            Ok(length) => self.word(length),
            Err(_) => self.full = true,
        }
    }

    /// Appends an `opaque<>`: length, bytes, and zeros up to a multiple of four.
    #[inline]
    pub fn opaque(&mut self, bytes: &[u8]) {
        self.length(bytes.len());
        self.put(bytes);
        self.pad(bytes.len());
    }

    /// Appends the zeros that fill `length` up to a multiple of four.
    #[inline]
    pub fn pad(&mut self, length: usize) {
        match length & 3 {
            1 => self.put(&[0; 3]),
            2 => self.put(&[0; 2]),
            3 => self.put(&[0; 1]),
            _ => {}
        }
    }

    /// Appends the length of `body` in bytes, and `body`. Returns the length and what `body`
    /// returns.
    #[inline(always)]
    pub fn delimited<T>(&mut self, body: impl FnOnce(&mut Self) -> T) -> (usize, T) {
        let place = self.at;
        self.word(0);
        let start = self.at;
        let result = body(self);
        let length = self.at.saturating_sub(start);
        self.overwrite(place, length);
        (length, result)
    }

    /// Replaces the word at `place` by `number`.
    #[inline(always)]
    pub(crate) fn overwrite(&mut self, place: usize, number: usize) {
        let free = self
            .buffer
            .get_mut(place..)
            .and_then(|free| free.first_chunk_mut::<4>());
        match (free, u32::try_from(number)) {
            (Some(free), Ok(number)) => *free = number.to_be_bytes(),
            _ => self.full = true,
        }
    }

    /// Whether anything did not fit.
    pub const fn is_full(&self) -> bool {
        self.full
    }

    /// The number of bytes written.
    pub const fn len(&self) -> usize {
        self.at
    }

    /// Whether nothing was written.
    pub const fn is_empty(&self) -> bool {
        self.at == 0
    }

    /// Discards everything behind the first `length` bytes and resets [`is_full`](Self::is_full).
    pub(crate) fn truncate(&mut self, length: usize) {
        self.at = self.at.min(length);
        self.full = false;
    }

    /// The written bytes.
    pub fn finish(self) -> &'b [u8] {
        self.buffer.get(..self.at).unwrap_or(&[])
    }
}
