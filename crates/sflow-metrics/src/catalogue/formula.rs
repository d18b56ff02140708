use super::Operand;

/// `scale × top ÷ bottom`.
#[derive(Debug)]
pub(crate) struct Formula {
    scale: f64,
    top: Vec<Term>,
    bottom: Vec<Term>,
}

#[derive(Debug)]
struct Term {
    operand: Operand,
    sign: f64,
    is_optional: bool,
}

impl Formula {
    /// Reads sums like `a + b? - c`; `None` if a name stands for nothing.
    pub(super) fn parse(
        scale: f64,
        top: &str,
        bottom: &str,
        resolve: impl Fn(&str) -> Option<Operand>,
    ) -> Option<Self> {
        let sum = |text: &str| -> Option<Vec<Term>> {
            let mut sign = 1.0;
            let mut terms = Vec::new();
            for word in text.split_whitespace() {
                match word {
                    "+" => sign = 1.0,
                    "-" => sign = -1.0,
                    name => {
                        let (name, is_optional) = match name.strip_suffix('?') {
                            Some(name) => (name, true),
                            None => (name, false),
                        };
                        terms.push(Term {
                            operand: resolve(name)?,
                            sign,
                            is_optional,
                        });
                    }
                }
            }
            Some(terms)
        };
        Some(Self {
            scale,
            top: sum(top)?,
            bottom: sum(bottom)?,
        })
    }

    pub(super) fn evaluate(&self, mut value_of: impl FnMut(Operand) -> Option<f64>) -> Option<f64> {
        let top = self.scale * total(&self.top, &mut value_of)?;
        if self.bottom.is_empty() {
            return Some(top);
        }
        let bottom = total(&self.bottom, &mut value_of)?;
        (bottom > 0.0).then(|| top / bottom)
    }

    pub(super) fn operands(&self) -> impl Iterator<Item = Operand> {
        self.top.iter().chain(&self.bottom).map(|term| term.operand)
    }
}

/// The formula as a reader of the catalogue sees it.
pub(super) fn in_words(scale: f64, top: &str, bottom: &str) -> String {
    let sum = |terms: &str| {
        let terms = terms.replace('?', "");
        if terms.contains(' ') {
            format!("({terms})")
        } else {
            terms
        }
    };
    let mut words = sum(top);
    if scale != 1.0 {
        words = format!("{scale} × {words}");
    }
    if !bottom.is_empty() {
        words = format!("{words} ÷ {}", sum(bottom));
    }
    words
}

/// The sum; unknown if a term is that must be known, or if all are.
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

    /// Columns 0 to 9 are worth their number; others are unknown.
    fn evaluate(scale: f64, top: &str, bottom: &str) -> Option<f64> {
        let resolve = |name: &str| {
            let column = name.parse().ok()?;
            Some(Operand::Reading {
                structure: 0,
                column,
            })
        };
        Formula::parse(scale, top, bottom, resolve)?.evaluate(|operand| match operand {
            Operand::Reading { column, .. } if column < 10 => Some(column.into()),
            _ => None,
        })
    }

    #[test]
    fn formulas_compute() {
        assert_eq!(evaluate(1.0, "3", ""), Some(3.0));
        assert_eq!(evaluate(100.0, "8 - 3 - 1", "5 + 3"), Some(50.0));
        assert_eq!(evaluate(0.0, "8", "4"), Some(0.0));
    }

    #[test]
    fn what_is_unknown_makes_the_whole_unknown() {
        assert_eq!(evaluate(1.0, "3 + 99", ""), None);
        assert_eq!(evaluate(1.0, "3", "99"), None);
        assert_eq!(evaluate(1.0, "3", "0"), None, "nothing to divide by");
        assert_eq!(evaluate(1.0, "3 + nobody", ""), None);
    }

    #[test]
    fn optional_terms_are_left_out() {
        assert_eq!(evaluate(1.0, "3 + 99? - 1?", ""), Some(2.0));
        assert_eq!(evaluate(1.0, "98? + 99?", ""), None, "one must be known");
    }
}
