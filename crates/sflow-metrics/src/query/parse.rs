use core::str::FromStr;
use core::time::Duration;

use crate::catalogue::Metric;
use crate::query::error::{Error, ErrorKind};
use crate::query::nearest::nearest;
use crate::query::pattern::Pattern;
use crate::query::{Expression, Filter, Grouping, Key, Query, Statistic, Window, WindowFn};

impl FromStr for Query {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let mut parser = Parser { text, at: 0 };
        parser.query().map_err(|(position, kind)| Error {
            query: text.replace(char::is_control, " "),
            position,
            kind,
        })
    }
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
            if !self.eat(',') {
                break;
            }
        }
        if self.eat('{') && !self.eat('}') {
            loop {
                let filter = self.filter()?;
                query = query.filtered(filter.key, filter.is_negative, filter.values);
                if !self.eat(',') {
                    break;
                }
            }
            self.expect('}', "`,` and another filter, `|` and another value, or `}`")?;
        }
        if self.eat_word("by") {
            query.grouping = Some(self.grouping()?);
        }
        if self.eat('[') {
            query.window = Some(self.window()?);
            self.expect(']', "`]`")?;
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

    fn expression(&mut self) -> Parsed<Expression> {
        let (at, name) = self.word();
        if name.is_empty() {
            return self.expected("a statistic and a metric, such as `avg:vir_cpu_utilization`");
        }
        let statistic = Statistic::named(name);
        if !self.eat(':') {
            // More likely a metric without a statistic than a statistic without a colon.
            self.at = if statistic.is_some() { self.at } else { at };
            return match statistic {
                Some(_) => self.expected("`:` and a metric"),
                None => self.expected("a statistic and `:` before the metric, such as `avg:`"),
            };
        }
        let Some(statistic) = statistic else {
            return Err((at, ErrorKind::Statistic(name.to_owned())));
        };
        let mut metrics: Vec<Metric> = Vec::new();
        loop {
            let (at, name) = self.word();
            if name.is_empty() {
                return self.expected("the name of a metric");
            }
            let metric = Metric::named(name).ok_or_else(|| {
                let nearest = nearest(name, Metric::all().iter().map(Metric::name));
                (
                    at,
                    ErrorKind::Metric(name.to_owned(), nearest.map(str::to_owned)),
                )
            })?;
            if metrics
                .first()
                .is_some_and(|first| first.entity() != metric.entity())
            {
                return Err((at, ErrorKind::Mixed(name.to_owned())));
            }
            metrics.push(metric);
            if !self.eat('+') {
                return Ok(Expression::new(statistic, metrics));
            }
        }
    }

    fn filter(&mut self) -> Parsed<Filter> {
        let is_absent = self.eat('!');
        let key = self.key("a filter, such as `vir_host_name=apache.*`")?;
        let any = vec![Pattern::glob("*")];
        self.skip_spaces();
        if is_absent || matches!(self.peek(), Some(',' | '}')) {
            return Ok(Filter {
                key,
                is_negative: is_absent,
                values: any,
            });
        }
        let is_negative = self.eat('!');
        self.expect('=', "`=` or `!=` and a value, or nothing for any")?;
        let mut values = Vec::new();
        loop {
            values.push(self.pattern()?);
            if !self.eat('|') {
                return Ok(Filter {
                    key,
                    is_negative,
                    values,
                });
            }
        }
    }

    fn grouping(&mut self) -> Parsed<Grouping> {
        let grouping = Grouping::by(self.key("a key to group by, such as `host_name`")?);
        if !self.eat('=') {
            return Ok(grouping);
        }
        let front = self.pieces()?;
        let words = "`(*)` around what names the group, as in `vir_host_name=(*).*.*`";
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
        Key::named(name).ok_or((at, ErrorKind::Key(name.to_owned())))
    }

    /// What stands between the gaps of a pattern in a grouping, up to a bracket, a space or the
    /// end.
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

    /// A value: everything up to a separator, in which a backslash takes the next character as
    /// it is.
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
            return self.expected("a length of time such as 30s");
        }
        let wrong = || (at, ErrorKind::Length(length.to_owned()));
        let mut window = Window::new(duration(length).ok_or_else(wrong)?);
        if self.eat(':') {
            let (at, name) = self.word();
            let function =
                WindowFn::named(name).ok_or((at, ErrorKind::WindowFn(name.to_owned())))?;
            window = window.with_function(function);
        }
        if self.eat_word("tumbling") {
            window = window.tumbling();
        }
        Ok(window)
    }

    /// Takes this word, if it is the next one.
    fn eat_word(&mut self, word: &str) -> bool {
        let before = self.at;
        let is_next = self.word().1 == word;
        if !is_next {
            self.at = before;
        }
        is_next
    }

    /// A name or number, perhaps an empty one; and where it stands.
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
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn queries_are_read_and_written() {
        let cases = [
            "avg:vir_cpu_utilization",
            "avg:vir_cpu_cores,max:vir_mem_used{vir_host_name=apache.*,vir_cpu_state=running}",
            "sum:vir_bytes_in+vir_bytes_out{vir_host_name=a|b*c|*}[30s]",
            "max:load_one{host_name=node1}[1.5s:max]",
            r"any:ifinoctets{ifname=a\*b\|c\,d\}e\\f}",
            "p99.9:load_one,median:load_five,iqr:load_fifteen{host_name!=a|b,uuid=*,agent!=*}",
            "avg:load_one by agent",
            "avg:vir_cpu_cores{host_name=a} by vir_host_name=a_(*).*.* [60s:p95 tumbling]",
            r"avg:vir_cpu_cores by vir_host_name=\*\ \[(*)\)",
            "avg:load_one[60s:median]",
        ];
        for case in cases {
            assert_eq!(case.parse::<Query>().unwrap().to_string(), case);
        }
    }

    #[test]
    fn the_same_query_can_be_written_differently() {
        let cases = [
            (
                " avg : load_one , sum:load_five { host_name=a } [ 1m ] ",
                "avg:load_one,sum:load_five{host_name=a }[60s]",
            ),
            ("avg:load_one{}", "avg:load_one"),
            (
                "avg:load_one{host_name=a,agent=b,host_name=c}",
                "avg:load_one{host_name=a|c,agent=b}",
            ),
            ("avg:load_one[500ms:mean]", "avg:load_one[0.5s]"),
            ("med:load_one[1m:p50]", "median:load_one[60s:median]"),
            (
                "avg:load_one{ host_name , ! agent }",
                "avg:load_one{host_name=*,agent!=*}",
            ),
            (
                "avg:load_one{host_name ! =a}by agent[5s]",
                "avg:load_one{host_name!=a} by agent [5s]",
            ),
        ];
        for (case, expected) in cases {
            assert_eq!(
                case.parse::<Query>().unwrap().to_string(),
                expected,
                "{case}"
            );
        }
    }

    #[test]
    fn mistakes_are_pointed_at() {
        let cases = [
            ("", 0, "expected a statistic and a metric"),
            ("load_one", 0, "expected a statistic and `:`"),
            ("avg", 3, "expected `:` and a metric"),
            (
                "mean:load_one",
                0,
                "no statistic is called `mean`; there are avg, sum",
            ),
            ("avg:", 4, "expected the name of a metric"),
            (
                "avg:load_won",
                4,
                "no metric is called `load_won`; is it `load_one`?",
            ),
            ("avg:xyzzy", 4, "no metric is called `xyzzy`; `Metric::all`"),
            (
                "avg:load_one+vir_bytes_in",
                13,
                "`vir_bytes_in` is measured of another kind",
            ),
            ("avg:load_one,", 13, "expected a statistic and a metric"),
            ("avg:load_one;", 12, "expected `,` and another expression"),
            ("avg:load_one{", 13, "expected a filter"),
            (
                "avg:load_one{name=a}",
                13,
                "no key is called `name`; there are vir_host_name",
            ),
            (
                "avg:load_one{host_name",
                22,
                "expected `=` or `!=` and a value",
            ),
            ("avg:load_one by", 15, "expected a key to group by"),
            ("avg:load_one by name", 16, "no key is called `name`"),
            ("avg:load_one by agent=x", 23, "expected `(*)` around what"),
            (
                "avg:load_one by agent=(x)",
                23,
                "expected `(*)` around what",
            ),
            ("avg:load_one by agent x", 22, "expected a window"),
            ("p101:load_one", 0, "no statistic is called `p101`"),
            (
                "avg:load_one{host_name=a",
                24,
                "expected `,` and another filter",
            ),
            (
                r"avg:load_one{host_name=a\",
                25,
                "expected a character after",
            ),
            ("avg:load_one{host_name=a}x", 25, "expected `by` and a key"),
            ("avg:load_one[]", 13, "expected a length of time"),
            ("avg:load_one[30]", 13, "`30` is no length of time"),
            ("avg:load_one[0s]", 13, "`0s` is no length of time"),
            ("avg:load_one[-5s]", 13, "`-5s` is no length of time"),
            (
                "avg:load_one[5s:count]",
                16,
                "a window has no `count`; it has mean",
            ),
            ("avg:load_one[5s", 15, "expected `]`"),
            ("avg:load_one[5s]]", 16, "expected nothing more"),
        ];
        for (case, position, words) in cases {
            let error = case.parse::<Query>().unwrap_err();
            assert_eq!(error.position(), position, "{case}");
            assert!(error.to_string().starts_with(words), "{case}: {error}");
        }
    }

    #[test]
    fn the_pointer_counts_characters() {
        let error = "avg:load_one{host_name=größe}x"
            .parse::<Query>()
            .unwrap_err();
        let lines: Vec<_> = error.to_string().lines().map(str::to_owned).collect();
        assert_eq!(lines[2].find('^'), Some(2 + 29));
    }

    proptest! {
        #[test]
        fn nothing_panics(text in r"(avg:load_one)?[a-z_:,+{}=!|*()\[\]\\ 0-9ß]{0,40}") {
            let _ = text.parse::<Query>();
        }

        #[test]
        fn any_value_survives(value in ".*") {
            let query = "avg:load_one".parse::<Query>().unwrap();
            let query = query.matching(Key::HostName, [Pattern::exact(value)]);
            prop_assert_eq!(query.to_string().parse::<Query>(), Ok(query));
        }
    }
}
