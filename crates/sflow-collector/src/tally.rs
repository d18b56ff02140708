use std::fmt;
use std::ops::AddAssign;

/// Values that are counted separately.
const MOST_VALUES: usize = 8;

/// Counts how often each of a few values occurs: the first eight separately, all others together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tally<T> {
    values: [Option<(T, u64)>; MOST_VALUES],
    others: u64,
}

impl<T: Copy + PartialEq> Tally<T> {
    /// Adds `count` occurrences of a value.
    pub fn add(&mut self, value: T, count: u64) {
        for slot in &mut self.values {
            match slot {
                Some((known, counted)) if *known == value => {
                    *counted += count;
                    return;
                }
                Some(_) => {}
                None => {
                    *slot = Some((value, count));
                    return;
                }
            }
        }
        self.others += count;
    }

    /// The values and their counts, in the order in which they first occurred.
    pub fn iter(&self) -> impl Iterator<Item = (T, u64)> {
        self.values.iter().flatten().copied()
    }

    /// The number of occurrences of all values that [`iter`](Self::iter) does not contain.
    pub const fn others(&self) -> u64 {
        self.others
    }

    /// The number of occurrences of all values.
    pub fn total(&self) -> u64 {
        self.iter().map(|(_, count)| count).sum::<u64>() + self.others
    }
}

/// The values with their counts: `4 NetFlow 9, 1 sFlow 4, 2 others`.
impl<T: Copy + PartialEq + fmt::Display> fmt::Display for Tally<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counted = self.iter().map(|(value, count)| (count, value.to_string()));
        let name = if self.others == 1 { "other" } else { "others" };
        let others = (self.others > 0).then(|| (self.others, name.to_owned()));
        let parts: Vec<String> = counted
            .chain(others)
            .map(|(count, what)| format!("{} {what}", Thousands(count)))
            .collect();
        f.pad(&parts.join(", "))
    }
}

impl<T> Default for Tally<T> {
    fn default() -> Self {
        Self {
            values: [const { None }; MOST_VALUES],
            others: 0,
        }
    }
}

impl<T: Copy + PartialEq> AddAssign for Tally<T> {
    fn add_assign(&mut self, other: Self) {
        for (value, count) in other.iter() {
            self.add(value, count);
        }
        self.others += other.others;
    }
}

/// A number with separators of thousands.
pub(crate) struct Thousands(pub(crate) u64);

impl fmt::Display for Thousands {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.0.to_string();
        for (index, digit) in digits.chars().enumerate() {
            if index > 0 && (digits.len() - index).is_multiple_of(3) {
                f.write_str(",")?;
            }
            write!(f, "{digit}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_after_the_first_eight_are_counted_together() {
        let mut tally = Tally::default();
        for value in 0..20_u16 {
            tally.add(value, 2);
        }
        tally.add(3, 1);
        assert_eq!(
            (tally.iter().count(), tally.others(), tally.total()),
            (8, 24, 41)
        );
    }

    #[test]
    fn one_other_is_singular() {
        let mut tally = Tally::default();
        for value in 0..9_u16 {
            tally.add(value, 1);
        }
        assert!(tally.to_string().ends_with("1 7, 1 other"), "{tally}");
        tally.add(9, 1);
        assert!(tally.to_string().ends_with("1 7, 2 others"), "{tally}");
    }

    #[test]
    fn display_honours_width() {
        let mut tally = Tally::default();
        tally.add(7, 1_234);
        assert_eq!(format!("{tally:>9}|{tally:<9}|"), "  1,234 7|1,234 7  |");
    }
}
