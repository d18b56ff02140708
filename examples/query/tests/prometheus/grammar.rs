//! A strict parser of the part of OpenMetrics that the program uses.

use std::collections::{BTreeMap, BTreeSet};

type Labels = BTreeMap<String, String>;

/// Series by name and labels.
pub(crate) struct Exposition(BTreeMap<(String, Labels), f64>);

impl Exposition {
    pub(crate) fn read(text: &str) -> Self {
        let text = text.strip_suffix("# EOF\n").expect("# EOF at the end");
        assert!(
            text.ends_with('\n'),
            "the last line does not end in a line break"
        );
        let (mut families, mut series) = (BTreeSet::new(), BTreeMap::new());
        let (mut name, mut suffix) = (String::new(), None);
        for line in text.split_terminator('\n') {
            assert_eq!(line, line.trim(), "spaces around a line");
            if let Some(rest) = line.strip_prefix("# HELP ") {
                let (family, help) = rest.split_once(' ').expect("a help text");
                assert!(is_name(family), "{line}");
                assert!(!help.is_empty() && !help.contains(['\\', '"']), "{line}");
                assert!(families.insert(family.to_owned()), "{family} twice");
                (name, suffix) = (family.to_owned(), None);
            } else if let Some(rest) = line.strip_prefix("# TYPE ") {
                assert_eq!(suffix, None, "{line}: a second type");
                suffix = Some(match rest.split_once(' ') {
                    Some((family, "counter")) if family == name => "_total",
                    Some((family, "gauge")) if family == name => "",
                    _ => panic!("{line}, after the help text of {name}"),
                });
            } else if let Some(rest) = line.strip_prefix("# UNIT ") {
                let (family, unit) = rest.split_once(' ').expect("a unit");
                assert!(suffix.is_some() && family == name, "{line}, after {name}");
                assert!(family.ends_with(&format!("_{unit}")), "{line}");
            } else {
                let (id, labels, value) = sample(line);
                let suffix = suffix.unwrap_or_else(|| panic!("{line}: no type"));
                assert_eq!(id, format!("{name}{suffix}"), "{line}");
                assert!(suffix.is_empty() || value >= 0.0, "{line}");
                let before = series.insert((id, labels), value);
                assert_eq!(before, None, "{line}: twice");
            }
        }
        let names: BTreeSet<&String> = series.keys().map(|(name, _)| name).collect();
        assert_eq!(names.len(), families.len(), "families without series");
        Self(series)
    }

    /// The values of the series `name` whose label `label` begins with `begin`.
    pub(crate) fn of(&self, name: &str, label: &str, begin: &str) -> Vec<f64> {
        let series = self.0.iter().filter(|((known, labels), _)| {
            let value = labels.get(label);
            known == name && value.is_some_and(|value| value.starts_with(begin))
        });
        series.map(|(_, value)| *value).collect()
    }

    /// The value of the series `name` without labels.
    pub(crate) fn single(&self, name: &str) -> Option<f64> {
        self.0.get(&(name.to_owned(), Labels::new())).copied()
    }

    /// The number of series whose names begin with `begin`.
    pub(crate) fn count(&self, begin: &str) -> usize {
        let names = self.0.keys().map(|(name, _)| name);
        names.filter(|name| name.starts_with(begin)).count()
    }

    pub(crate) fn series(&self) -> impl Iterator<Item = (&(String, Labels), &f64)> {
        self.0.iter()
    }

    pub(crate) fn labels(&self) -> impl Iterator<Item = &Labels> {
        self.0.keys().map(|(_, labels)| labels)
    }
}

/// `name{label="value",…} number`, or `name number`.
fn sample(line: &str) -> (String, Labels, f64) {
    let end = line.find(['{', ' ']).unwrap_or_else(|| panic!("{line}"));
    let (name, mut rest) = line.split_at(end);
    assert!(is_name(name), "{line}");
    let mut labels = Labels::new();
    if let Some(inner) = rest.strip_prefix('{') {
        rest = inner;
        loop {
            let (label, after) = rest.split_once("=\"").unwrap_or_else(|| panic!("{line}"));
            assert!(is_name(label), "{line}");
            let (value, after) = quoted(after);
            assert_eq!(labels.insert(label.to_owned(), value), None, "{line}");
            match after.split_at(1) {
                (",", next) => rest = next,
                ("}", next) => {
                    rest = next;
                    break;
                }
                _ => panic!("{line}"),
            }
        }
    }
    let number = rest.strip_prefix(' ').unwrap_or_else(|| panic!("{line}"));
    let is_plain = |byte: u8| byte.is_ascii_digit() || b"+-.e".contains(&byte);
    assert!(number.bytes().all(is_plain), "{line}");
    (name.to_owned(), labels, number.parse().unwrap())
}

/// The text before the closing quote, unescaped, and the rest after it.
fn quoted(text: &str) -> (String, &str) {
    let mut value = String::new();
    let mut characters = text.chars();
    loop {
        match characters.next().expect("a closing quote") {
            '"' => return (value, characters.as_str()),
            '\\' => value.push(match characters.next() {
                Some('n') => '\n',
                Some(escaped @ ('"' | '\\')) => escaped,
                other => panic!("\\{other:?} in {text}"),
            }),
            plain => value.push(plain),
        }
    }
}

fn is_name(text: &str) -> bool {
    let mut bytes = text.bytes();
    let is_first = |byte: u8| byte.is_ascii_alphabetic() || byte == b'_';
    bytes.next().is_some_and(is_first) && bytes.all(|byte| is_first(byte) || byte.is_ascii_digit())
}
