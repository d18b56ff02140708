use core::str::FromStr;
use core::time::Duration;

use crate::catalogue::Metric;
use crate::entity::EntityKind;
use crate::query::error::{Error, ErrorKind};
use crate::query::nearest::nearest;
use crate::query::pattern::Pattern;
use crate::query::{Expression, Filter, Grouping, Key, Query, Statistic, Window, WindowFn};

impl FromStr for Query {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let mut parser = Parser { text, at: 0 };
        parser
            .query()
            .map_err(|(position, kind)| Error::new(text, position, kind))
    }
}

impl FromStr for Metric {
    type Err = Error;

    /// As [`named`](Self::named).
    ///
    /// ```
    /// use sflow_metrics::Metric;
    ///
    /// assert_eq!("load_one".parse::<Metric>()?.unit(), "");
    /// assert!("load_won".parse::<Metric>().is_err());
    /// # Ok::<(), sflow_metrics::query::Error>(())
    /// ```
    fn from_str(name: &str) -> Result<Self, Error> {
        Self::named(name).ok_or_else(|| Error::new(name, 0, unknown_metric(name)))
    }
}

fn unknown_metric(name: &str) -> ErrorKind {
    let nearest = nearest(name, Metric::all().iter().map(Metric::name));
    ErrorKind::UnknownMetric(name.to_owned(), nearest.map(str::to_owned))
}

type Parsed<T> = Result<T, (usize, ErrorKind)>;

struct Parser<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Parser<'t> {
    fn query(&mut self) -> Parsed<Query> {
        let mut query = Query {
            expressions: Vec::new(),
            filters: Vec::new(),
            grouping: None,
            window: None,
        };
        loop {
            query.expressions.push(self.expression()?);
            self.windows(&mut query)?;
            if !self.eat(',') {
                break;
            }
        }
        // In any order, as people write them.
        loop {
            if self.eat('{') {
                self.filters(&mut query)?;
            } else if query.grouping.is_none() && self.eat_word("by") {
                query.grouping = Some(self.grouping()?);
            } else if !self.windows(&mut query)? {
                break;
            }
        }
        self.skip_spaces();
        if self.at < self.text.len() {
            let expected = if query.window.is_some() {
                "nothing more"
            } else if query.grouping.is_some() {
                "a window in `[` `]`, or nothing more"
            } else if !query.filters.is_empty() {
                "`by` and a key, a window in `[` `]`, or nothing more"
            } else {
                "`,` and another expression, `+` and another metric, `{`, `by` or `[`"
            };
            return self.expected(expected);
        }
        Ok(query)
    }

    /// Filters, after `{`.
    fn filters(&mut self, query: &mut Query) -> Parsed<()> {
        if self.eat('}') {
            return Ok(());
        }
        loop {
            self.skip_spaces();
            let at = self.at;
            let filter = self.filter()?;
            check_kind(&filter, &query.expressions).map_err(|kind| (at, kind))?;
            query.add_filter(filter.key, filter.is_negated, filter.values);
            if !self.eat(',') {
                return self.expect('}', "`,` and another filter, `|` and another value, or `}`");
            }
        }
    }

    /// Windows, if there are any. A query has one, which may be written after each expression.
    fn windows(&mut self, query: &mut Query) -> Parsed<bool> {
        let mut is_present = false;
        while self.eat('[') {
            let at = self.at;
            let window = self.window()?;
            self.expect(']', "`]`, or `:` and a function as in [5m:max]")?;
            if query.window.is_some_and(|other| other != window) {
                let words = "the same window as before; use one query for each window";
                return Err((at, ErrorKind::Expected(words)));
            }
            query.window = Some(window);
            is_present = true;
        }
        Ok(is_present)
    }

    fn expression(&mut self) -> Parsed<Expression> {
        let (at, name) = self.word();
        if name.is_empty() {
            return self.expected("a statistic and a metric, such as `avg:vir_cpu_utilization`");
        }
        let statistic = Statistic::named(name);
        if !self.eat(':') {
            // A metric without a statistic is more likely than a statistic without a colon.
            self.at = if statistic.is_some() { self.at } else { at };
            return match statistic {
                Some(_) => self.expected("`:` and a metric"),
                None => self.expected("a statistic and `:` before the metric, such as `avg:`"),
            };
        }
        let Some(statistic) = statistic else {
            return Err((at, ErrorKind::UnknownStatistic(name.to_owned())));
        };
        let mut metrics: Vec<Metric> = Vec::new();
        loop {
            let (at, name) = self.word();
            if name.is_empty() {
                return self.expected("the name of a metric");
            }
            let metric = Metric::named(name).ok_or_else(|| (at, unknown_metric(name)))?;
            if metrics
                .first()
                .is_some_and(|first| first.entity() != metric.entity())
            {
                return Err((at, ErrorKind::MixedEntities(name.to_owned())));
            }
            metrics.push(metric);
            if !self.eat('+') {
                return Ok(Expression::new(statistic, metrics));
            }
        }
    }

    fn filter(&mut self) -> Parsed<Filter> {
        let is_absent = self.eat('!');
        let key = self.key("a filter, such as `container=apache.*`")?;
        let any = vec![Pattern::glob("*")];
        self.skip_spaces();
        if is_absent || matches!(self.peek(), Some(',' | '}')) {
            return Ok(Filter {
                key,
                is_negated: is_absent,
                values: any,
            });
        }
        let is_negated = self.eat('!');
        self.expect('=', "`=` or `!=` and a value, or nothing for any")?;
        let mut values = Vec::new();
        loop {
            values.push(self.pattern()?);
            if !self.eat('|') {
                return Ok(Filter {
                    key,
                    is_negated,
                    values,
                });
            }
        }
    }

    fn grouping(&mut self) -> Parsed<Grouping> {
        let grouping = Grouping::by(self.key("a key to group by, such as `host`")?);
        if !self.eat('=') {
            return Ok(grouping);
        }
        let front = self.pieces()?;
        let words = "`(*)` for the name of the group, as in `container=(*).*.*`";
        self.expect('(', words)?;
        self.expect('*', words)?;
        self.expect(')', words)?;
        Ok(grouping.between(front, self.pieces()?))
    }

    fn key(&mut self, words: &'static str) -> Parsed<Key> {
        let (at, name) = self.word();
        if name.is_empty() {
            return self.expected(words);
        }
        Key::named(name).ok_or((at, ErrorKind::UnknownKey(name.to_owned())))
    }

    /// The literal parts of a pattern in a grouping, up to a bracket, a space or the end.
    fn pieces(&mut self) -> Parsed<Vec<String>> {
        let mut pieces = vec![String::new()];
        while let Some(character) = self.peek() {
            self.at += character.len_utf8();
            let plain = match character {
                '(' | ')' | '[' => {
                    self.at -= 1;
                    break;
                }
                space if space.is_whitespace() => break,
                '*' => {
                    pieces.push(String::new());
                    continue;
                }
                '\\' => match self.peek() {
                    Some(escaped) => {
                        self.at += escaped.len_utf8();
                        escaped
                    }
                    None => return self.expected("a character after `\\`"),
                },
                plain => plain,
            };
            if let Some(last) = pieces.last_mut() {
                last.push(plain);
            }
        }
        Ok(pieces)
    }

    /// A value: all characters up to a separator. A backslash escapes the next character.
    fn pattern(&mut self) -> Parsed<Pattern> {
        let mut pieces = vec![String::new()];
        let mut push = |piece: Option<char>| match piece {
            Some(character) => {
                if let Some(last) = pieces.last_mut() {
                    last.push(character);
                }
            }
            None => pieces.push(String::new()),
        };
        while let Some(character) = self.peek() {
            match character {
                ',' | '|' | '}' => break,
                '*' => push(None),
                '\\' => {
                    self.at += 1;
                    match self.peek() {
                        Some(escaped) => push(Some(escaped)),
                        None => return self.expected("a character after `\\`"),
                    }
                }
                plain => push(Some(plain)),
            }
            self.at += self.peek().map_or(0, char::len_utf8);
        }
        Ok(Pattern::from_pieces(pieces))
    }

    fn window(&mut self) -> Parsed<Window> {
        let (at, length) = self.word();
        if length.is_empty() {
            return self.expected("a duration such as 30s");
        }
        let wrong = || (at, ErrorKind::InvalidDuration(length.to_owned()));
        let mut window = Window::new(duration(length).ok_or_else(wrong)?);
        if self.eat(':') {
            let (at, name) = self.word();
            let function =
                WindowFn::named(name).ok_or((at, ErrorKind::UnknownWindowFn(name.to_owned())))?;
            window = window.with_function(function);
        }
        if self.eat_word("tumbling") {
            window = window.tumbling();
        }
        Ok(window)
    }

    /// Consumes this word if it is the next one.
    fn eat_word(&mut self, word: &str) -> bool {
        let before = self.at;
        let is_next = self.word().1 == word;
        if !is_next {
            self.at = before;
        }
        is_next
    }

    /// The position and text of a name or number, which may be empty.
    fn word(&mut self) -> (usize, &'t str) {
        self.skip_spaces();
        let rest = &self.text[self.at..];
        let is_part = |character: char| character.is_alphanumeric() || "_.-".contains(character);
        let length = rest
            .find(|character| !is_part(character))
            .unwrap_or(rest.len());
        let at = self.at;
        self.at += length;
        (at, &rest[..length])
    }

    fn eat(&mut self, character: char) -> bool {
        self.skip_spaces();
        let is_there = self.peek() == Some(character);
        if is_there {
            self.at += character.len_utf8();
        }
        is_there
    }

    fn expect(&mut self, character: char, words: &'static str) -> Parsed<()> {
        if self.eat(character) {
            Ok(())
        } else {
            self.expected(words)
        }
    }

    fn expected<T>(&self, words: &'static str) -> Parsed<T> {
        Err((self.at, ErrorKind::Expected(words)))
    }

    fn skip_spaces(&mut self) {
        let rest = &self.text[self.at..];
        self.at += rest.len() - rest.trim_start().len();
    }

    fn peek(&self) -> Option<char> {
        self.text[self.at..].chars().next()
    }
}

/// Fails if no entity can have both the key of a filter and the metrics of an expression.
fn check_kind(filter: &Filter, expressions: &[Expression]) -> Result<(), ErrorKind> {
    let Some(keyed) = filter.key.entity().filter(|_| !filter.is_negated) else {
        return Ok(());
    };
    let mut expressions = expressions.iter();
    let other = expressions.find(|it| ![keyed, EntityKind::Other].contains(&it.entity));
    match other.and_then(|other| other.metrics.first()) {
        Some(metric) => Err(ErrorKind::FilterOfOtherKind {
            key: filter.key,
            keyed,
            metric: metric.name().to_owned(),
            measured: metric.entity(),
        }),
        None => Ok(()),
    }
}

pub(crate) fn duration(text: &str) -> Option<Duration> {
    let unit_at = text.find(char::is_alphabetic)?;
    let (number, unit) = text.split_at(unit_at);
    let factor = match unit {
        "ms" => 1e-3,
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return None,
    };
    let seconds = number.parse::<f64>().ok()? * factor;
    Duration::try_from_secs_f64(seconds)
        .ok()
        .filter(|length| !length.is_zero())
}

#[cfg(test)]
mod tests;
