/// A [`slab::Slab`] with indices of 32 bits, because tables with an entry for each agent, source and
/// address contain them.
#[derive(Debug)]
pub(crate) struct Slab<T> {
    entries: slab::Slab<T>,
    end: u32,
}

impl<T> Slab<T> {
    pub(crate) const fn new() -> Self {
        Self {
            entries: slab::Slab::new(),
            end: 0,
        }
    }

    /// The largest index so far, plus one.
    pub(crate) fn end(&self) -> u32 {
        self.end
    }

    /// Adds a value; `None` if all indices are used.
    pub(crate) fn insert(&mut self, value: T) -> Option<u32> {
        let entry = self.entries.vacant_entry();
        let index = u32::try_from(entry.key()).ok()?;
        self.end = self.end.max(index.checked_add(1)?);
        entry.insert(value);
        Some(index)
    }

    pub(crate) fn remove(&mut self, index: u32) -> Option<T> {
        self.entries.try_remove(index as usize)
    }

    pub(crate) fn get(&self, index: u32) -> Option<&T> {
        self.entries.get(index as usize)
    }

    pub(crate) fn get_mut(&mut self, index: u32) -> Option<&mut T> {
        self.entries.get_mut(index as usize)
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = (u32, &mut T)> {
        let entries = self.entries.iter_mut();
        entries.map(|(index, value)| (index as u32, value))
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, &T)> {
        let entries = self.entries.iter();
        entries.map(|(index, value)| (index as u32, value))
    }
}
