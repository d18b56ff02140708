/// The most similar name, if one differs by at most a third of the characters.
pub(crate) fn nearest<'n>(name: &str, names: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    let with_distance = names.map(|known| (distance(name, known), known));
    let (distance, nearest) = with_distance.min_by_key(|(distance, _)| *distance)?;
    (distance <= name.len() / 3).then_some(nearest)
}

/// Number of characters to insert, delete or replace (Levenshtein distance).
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (line, character) in from.chars().enumerate() {
        let mut diagonal = line;
        row[0] = line + 1;
        for (column, other) in to.iter().enumerate() {
            let changed = diagonal + usize::from(character != *other);
            diagonal = row[column + 1];
            row[column + 1] = changed.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn most_similar_name_is_found() {
        let names = ["load_one", "load_five", "cpu_idle"];
        let cases = [
            ("load_won", Some("load_one")),
            ("loadfive", Some("load_five")),
            ("cpu_idle_", Some("cpu_idle")),
            ("memory", None),
            ("", None),
        ];
        for (name, expected) in cases {
            assert_eq!(nearest(name, names.into_iter()), expected, "{name}");
        }
    }
}
