//! A list of values with stable indices that are reused.

#[derive(Debug)]
pub(crate) struct Slab<T> {
    entries: Vec<Option<T>>,
    free: Vec<u32>,
}

impl<T> Slab<T> {
    pub(crate) const fn new() -> Self {
        Self {
            entries: Vec::new(),
            free: Vec::new(),
        }
    }

    /// The largest index so far, plus one.
    pub(crate) fn end(&self) -> u32 {
        u32::try_from(self.entries.len()).unwrap_or(u32::MAX)
    }

    /// Adds a value; `None` if all 2^32 indices are used.
    pub(crate) fn insert(&mut self, value: T) -> Option<u32> {
        if let Some(index) = self.free.pop() {
            self.entries[index as usize] = Some(value);
            return Some(index);
        }
        let index = u32::try_from(self.entries.len()).ok()?;
        self.entries.push(Some(value));
        Some(index)
    }

    pub(crate) fn remove(&mut self, index: u32) -> Option<T> {
        let removed = self.entries.get_mut(index as usize)?.take();
        if removed.is_some() {
            self.free.push(index);
        }
        removed
    }

    pub(crate) fn get(&self, index: u32) -> Option<&T> {
        self.entries.get(index as usize)?.as_ref()
    }

    pub(crate) fn get_mut(&mut self, index: u32) -> Option<&mut T> {
        self.entries.get_mut(index as usize)?.as_mut()
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = (u32, &mut T)> {
        (0..)
            .zip(&mut self.entries)
            .filter_map(|(index, entry)| Some((index, entry.as_mut()?)))
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, &T)> {
        (0..)
            .zip(&self.entries)
            .filter_map(|(index, entry)| Some((index, entry.as_ref()?)))
    }

    pub(crate) fn values_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.entries.iter_mut().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indices_are_reused() {
        let mut slab = Slab::new();
        assert_eq!((slab.insert('a'), slab.insert('b')), (Some(0), Some(1)));
        assert_eq!(
            (slab.remove(0), slab.remove(0), slab.iter().count()),
            (Some('a'), None, 1)
        );
        assert_eq!(slab.insert('c'), Some(0));
        assert_eq!(slab.iter().collect::<Vec<_>>(), [(0, &'c'), (1, &'b')]);
    }
}
