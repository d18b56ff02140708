use super::Operand;
use super::text::{Span, Text, is_same};

/// Maximum number of terms.
const MAX_TERMS: usize = 24;

/// `scale × top ÷ bottom`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Formula {
    scale: f64,
    /// The terms of the numerator, then those of the denominator.
    terms: [Term; MAX_TERMS],
    top: usize,
    all: usize,
}

#[derive(Clone, Copy, Debug)]
struct Term {
    operand: Operand,
    sign: f64,
    is_optional: bool,
}

/// Name and operand of a raw metric.
pub(super) type Named = (&'static str, Operand);

impl Formula {
    pub(super) const EMPTY: Self = Self {
        scale: 1.0,
        terms: [Term {
            operand: Operand::HostProcessors,
            sign: 0.0,
            is_optional: false,
        }; MAX_TERMS],
        top: 0,
        all: 0,
    };

    /// Parses sums like `a + b? - c`; `None` if a name is unknown.
    pub(super) const fn parse(
        scale: f64,
        top: &str,
        bottom: &str,
        known: &[Named],
    ) -> Option<Self> {
        let mut formula = Self {
            scale,
            ..Self::EMPTY
        };
        if !formula.add(top, known) {
            return None;
        }
        formula.top = formula.all;
        if !formula.add(bottom, known) {
            return None;
        }
        Some(formula)
    }

    /// Adds the terms of a sum; returns false if a name is unknown.
    const fn add(&mut self, sum: &str, known: &[Named]) -> bool {
        let mut rest = sum;
        let mut sign = 1.0;
        loop {
            let (word, behind) = next_word(rest);
            rest = behind;
            if word.is_empty() {
                return true;
            }
            if is_same(word, "+") {
                sign = 1.0;
            } else if is_same(word, "-") {
                sign = -1.0;
            } else {
                let (name, is_optional) = without_mark(word);
                let Some(operand) = resolve(name, known) else {
                    return false;
                };
                self.terms[self.all] = Term {
                    operand,
                    sign,
                    is_optional,
                };
                self.all += 1;
            }
        }
    }

    fn top(&self) -> &[Term] {
        &self.terms[..self.top]
    }

    fn bottom(&self) -> &[Term] {
        &self.terms[self.top..self.all]
    }

    pub(super) fn evaluate(&self, mut value_of: impl FnMut(Operand) -> Option<f64>) -> Option<f64> {
        let top = self.scale * total(self.top(), &mut value_of)?;
        if self.bottom().is_empty() {
            return Some(top);
        }
        let bottom = total(self.bottom(), &mut value_of)?;
        (bottom > 0.0).then(|| top / bottom)
    }

    pub(super) fn operands(&self) -> impl Iterator<Item = Operand> {
        self.terms[..self.all].iter().map(|term| term.operand)
    }
}

/// The first word of a sum, and the rest.
const fn next_word(text: &str) -> (&str, &str) {
    let bytes = text.as_bytes();
    let mut start = 0;
    while start < bytes.len() && bytes[start] == b' ' {
        start += 1;
    }
    let mut end = start;
    while end < bytes.len() && bytes[end] != b' ' {
        end += 1;
    }
    let (front, rest) = text.split_at(end);
    let (_, word) = front.split_at(start);
    (word, rest)
}

/// A name without a question mark at its end, and whether it had one.
const fn without_mark(word: &str) -> (&str, bool) {
    let length = word.len();
    if length > 0 && word.as_bytes()[length - 1] == b'?' {
        (word.split_at(length - 1).0, true)
    } else {
        (word, false)
    }
}

const fn resolve(name: &str, known: &[Named]) -> Option<Operand> {
    let mut at = 0;
    while at < known.len() {
        if is_same(known[at].0, name) {
            return Some(known[at].1);
        }
        at += 1;
    }
    None
}

/// Writes the formula for [`Metric::origin`](super::Metric::origin).
pub(super) const fn as_text(scale: f64, top: &str, bottom: &str, text: &mut Text) -> Span {
    let start = text.start();
    if scale != 1.0 {
        text.push([scale_as_text(scale), " × "]);
    }
    sum_as_text(top, text);
    if !bottom.is_empty() {
        text.push([" ÷ "]);
        sum_as_text(bottom, text);
    }
    text.since(start)
}

const fn sum_as_text(sum: &str, text: &mut Text) {
    let bytes = sum.as_bytes();
    let is_single = next_word(sum).1.is_empty();
    if !is_single {
        text.byte(b'(');
    }
    let mut at = 0;
    while at < bytes.len() {
        if bytes[at] != b'?' {
            text.byte(bytes[at]);
        }
        at += 1;
    }
    if !is_single {
        text.byte(b')');
    }
}

/// Text of a scale, since numbers cannot be formatted at compile time.
const fn scale_as_text(scale: f64) -> &'static str {
    const SCALES: [(f64, &str); 4] = [
        (0.001, "0.001"),
        (0.1, "0.1"),
        (100.0, "100"),
        (800.0, "800"),
    ];
    let mut at = 0;
    while at < SCALES.len() {
        if scale == SCALES[at].0 {
            return SCALES[at].1;
        }
        at += 1;
    }
    panic!("unknown scale")
}

/// The sum; `None` if a required term is unknown, or all terms are.
fn total(terms: &[Term], mut value_of: impl FnMut(Operand) -> Option<f64>) -> Option<f64> {
    let mut total = None;
    for term in terms {
        match value_of(term.operand) {
            Some(value) => total = Some(total.unwrap_or(0.0) + term.sign * value),
            None if term.is_optional => {}
            None => return None,
        }
    }
    total
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The value of columns 0 to 9 is their number; others are unknown.
    fn evaluate(scale: f64, top: &str, bottom: &str) -> Option<f64> {
        const NAMES: [&str; 12] = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "98", "99"];
        let known = NAMES.map(|name| {
            let column = name.parse().unwrap();
            let reading = Operand::Reading {
                structure: 0,
                column,
            };
            (name, reading)
        });
        Formula::parse(scale, top, bottom, &known)?.evaluate(|operand| match operand {
            Operand::Reading { column, .. } if column < 10 => Some(column.into()),
            _ => None,
        })
    }

    #[test]
    fn formulas_are_evaluated() {
        assert_eq!(evaluate(1.0, "3", ""), Some(3.0));
        assert_eq!(evaluate(100.0, "8 - 3 - 1", "5 + 3"), Some(50.0));
        assert_eq!(evaluate(0.0, "8", "4"), Some(0.0));
    }

    #[test]
    fn unknown_term_makes_value_unknown() {
        assert_eq!(evaluate(1.0, "3 + 99", ""), None);
        assert_eq!(evaluate(1.0, "3", "99"), None);
        assert_eq!(evaluate(1.0, "3", "0"), None, "division by zero");
        assert_eq!(evaluate(1.0, "3 + missing", ""), None);
    }

    #[test]
    fn unknown_optional_terms_are_skipped() {
        assert_eq!(evaluate(1.0, "3 + 99? - 1?", ""), Some(2.0));
        assert_eq!(evaluate(1.0, "98? + 99?", ""), None, "one must be known");
    }
}
