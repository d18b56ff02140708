//! The text forms of definitions, filters, measures and lists of keys.

use core::str::FromStr;
use core::time::Duration;

use crate::flow::definition::{Averaging, Definition, Measure};
use crate::flow::error::{Error, ErrorKind};
use crate::flow::filter::{Filter, Test};
use crate::flow::key::{self, Key, Kind};
use crate::flow::literal;
use crate::query::{Pattern, duration};

impl FromStr for Definition {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let mut parser = Parser::new(text);
        parser
            .definition()
            .map_err(|(position, kind)| Error::new(text, position, kind))
    }
}

impl FromStr for Filter {
    type Err = Error;

    /// Parses one condition such as `port.dst=80|443`, or alternatives in parentheses.
    fn from_str(text: &str) -> Result<Self, Error> {
        whole(text, Parser::condition, "`|` and another value, or the end")
    }
}

impl FromStr for Measure {
    type Err = Error;

    /// Parses the `value` part of a definition, such as `distinct(ip.src)`.
    fn from_str(text: &str) -> Result<Self, Error> {
        whole(text, Parser::measure, "the end after the value")
    }
}

impl Key {
    /// Parses the `keys` part of a definition, such as `ip.src,ip.dst`; it may be empty.
    ///
    /// # Errors
    ///
    /// The same as for a definition; the position is relative to this part.
    pub fn parse_list(text: &str) -> Result<Vec<Self>, Error> {
        let keys = |parser: &mut Parser<'_>| parser.keys(&[]);
        whole(text, keys, "`,` and another key, or the end")
    }
}

impl Filter {
    /// Parses the `filter` part of a definition, such as `port.dst=80&vlan=7`; it may be empty.
    ///
    /// # Errors
    ///
    /// The same as for a definition; the position is relative to this part.
    pub fn parse_list(text: &str) -> Result<Vec<Self>, Error> {
        if text.trim().is_empty() {
            return Ok(Vec::new());
        }
        let expected = "`&` and another condition, or the end";
        whole(text, Parser::filters, expected)
    }
}

/// Parses a text that consists of one part.
fn whole<'t, T>(
    text: &'t str,
    part: impl FnOnce(&mut Parser<'t>) -> Parsed<T>,
    at_end: &'static str,
) -> Result<T, Error> {
    let mut parser = Parser::new(text);
    let parsed = part(&mut parser).and_then(|parsed| {
        parser.skip_spaces();
        match parser.peek() {
            None => Ok(parsed),
            Some(_) => parser.expected(at_end),
        }
    });
    parsed.map_err(|(position, kind)| Error::new(text, position, kind))
}

type Parsed<T> = Result<T, (usize, ErrorKind)>;

struct Parser<'t> {
    text: &'t str,
    at: usize,
    /// Inside parentheses a value ends at the closing one.
    is_in_parentheses: bool,
}

impl<'t> Parser<'t> {
    fn new(text: &'t str) -> Self {
        Self {
            text,
            at: 0,
            is_in_parentheses: false,
        }
    }

    fn definition(&mut self) -> Parsed<Definition> {
        let mut definition = Definition::new([]);
        let mut seen: Vec<&str> = Vec::new();
        let mut window = None;
        loop {
            let (at, part) = self.word();
            if part.is_empty() {
                return self.expected("a part such as `keys=ip.src,ip.dst`");
            }
            if seen.contains(&part) {
                return Err((at, ErrorKind::Duplicate(part.to_owned())));
            }
            seen.push(part);
            let is_known = ["keys", "value", "filter", "top", "smooth"].contains(&part);
            if !is_known {
                return Err((at, ErrorKind::UnknownPart(part.to_owned())));
            }
            if !self.eat('=') {
                return self.expected("`=`");
            }
            match part {
                "keys" => definition.keys = self.keys(&[';', '['])?,
                "value" => definition.value = self.measure()?,
                "filter" => definition.filters = self.filters()?,
                "top" => definition.top = self.number()?,
                _ => definition.averaging = self.smoothing()?,
            }
            self.skip_spaces();
            let at = self.at;
            if self.eat('[') {
                if window.is_some() {
                    return Err((at, ErrorKind::Duplicate("[".to_owned())));
                }
                window = Some((at, self.window()?));
            }
            self.skip_spaces();
            if self.at == self.text.len() {
                return match window {
                    Some((at, _)) if seen.contains(&"smooth") => {
                        Err((at, ErrorKind::SmoothedWindow))
                    }
                    Some((_, length)) => Ok(definition.tumbling_over(length)),
                    None => Ok(definition),
                };
            }
            if !self.eat(';') {
                return self.expected("`;` and another part, or the end");
            }
        }
    }

    fn keys(&mut self, ends: &[char]) -> Parsed<Vec<Key>> {
        let mut keys = Vec::new();
        self.skip_spaces();
        if self.peek().is_none_or(|next| ends.contains(&next)) {
            return Ok(keys);
        }
        loop {
            let at = self.at;
            let key = self.key()?;
            if keys.contains(&key) {
                return Err((at, ErrorKind::Duplicate(key.to_string())));
            }
            if keys.len() == Definition::MAX_KEYS {
                let limit = Definition::MAX_KEYS;
                return Err((at, ErrorKind::TooManyKeys { limit }));
            }
            keys.push(key);
            if !self.eat(',') {
                return Ok(keys);
            }
            self.skip_spaces();
        }
    }

    fn key(&mut self) -> Parsed<Key> {
        let (at, name) = self.word();
        if name.is_empty() {
            return self.expected("a key such as `ip.src`");
        }
        Key::named(name).ok_or_else(|| (at, key::unknown(name)))
    }

    fn measure(&mut self) -> Parsed<Measure> {
        let (at, name) = self.word();
        Ok(match name {
            "bytes" => Measure::Bytes,
            "bytes.net" => Measure::NetBytes,
            "frames" => Measure::Frames,
            "drops" => Measure::Drops,
            "drops.bytes" => Measure::DropBytes,
            "distinct" => {
                if !self.eat('(') {
                    return self.expected("`(` and keys");
                }
                let keys = self.keys(&[')', ';'])?;
                if keys.is_empty() {
                    return self.expected("a key such as `ip.src`");
                }
                if !self.eat(')') {
                    return self.expected("`,` and another key, or `)`");
                }
                Measure::Distinct(keys)
            }
            "" => return self.expected("a value such as `bytes`"),
            other => return Err((at, ErrorKind::UnknownMeasure(other.to_owned()))),
        })
    }

    fn filters(&mut self) -> Parsed<Vec<Filter>> {
        let mut filters = Vec::new();
        loop {
            let filter = self.condition()?;
            if !filters.contains(&filter) {
                filters.push(filter);
            }
            if self.is_at("||") {
                return self.expected("parentheses around conditions with `||` between them");
            }
            if !self.eat('&') {
                return Ok(filters);
            }
        }
    }

    /// A filter, or alternatives in parentheses.
    fn condition(&mut self) -> Parsed<Filter> {
        if !self.eat('(') {
            return self.filter();
        }
        self.is_in_parentheses = true;
        let mut filter = self.filter()?;
        while self.is_at("||") {
            self.at += 2;
            filter = filter.or(self.filter()?);
        }
        self.is_in_parentheses = false;
        if !self.eat(')') {
            return self.expected("`||` and another condition, or `)`");
        }
        Ok(filter)
    }

    fn filter(&mut self) -> Parsed<Filter> {
        let key = self.key()?;
        let is_negated = self.eat('!');
        if !self.eat('=') {
            return self.expected("`=` or `!=`, and a value");
        }
        let mut tests = Vec::new();
        loop {
            tests.push(self.test(key.kind())?);
            if self.is_at("||") || !self.eat('|') {
                return Ok(Filter {
                    key,
                    is_negated,
                    tests,
                    alternatives: Vec::new(),
                });
            }
        }
    }

    /// A value: everything up to a separator that no backslash precedes.
    fn test(&mut self, kind: Kind) -> Parsed<Test> {
        let at = self.at;
        let mut pieces = vec![String::new()];
        while let Some(character) = self.peek() {
            let last = pieces.len() - 1;
            match character {
                '&' | '|' | ';' => break,
                ')' if self.is_in_parentheses => break,
                '*' => pieces.push(String::new()),
                '\\' => {
                    self.at += 1;
                    match self.peek() {
                        Some(escaped) => pieces[last].push(escaped),
                        None => return self.expected("a character after `\\`"),
                    }
                }
                plain => pieces[last].push(plain),
            }
            self.at += self.peek().map_or(0, char::len_utf8);
        }
        if let [exact] = &pieces[..] {
            if exact.is_empty() {
                return self.expected("a value");
            }
            return literal::parse(exact, kind).map_err(|expected| {
                let value = exact.clone();
                (at, ErrorKind::InvalidValue { value, expected })
            });
        }
        if pieces.iter().all(String::is_empty) {
            return Ok(Test::Present);
        }
        Ok(Test::Text(Pattern::from_pieces(pieces)))
    }

    fn number(&mut self) -> Parsed<usize> {
        let (at, number) = self.word();
        let parsed = number.parse();
        parsed.map_err(|_| (at, ErrorKind::InvalidNumber(number.to_owned())))
    }

    fn smoothing(&mut self) -> Parsed<Averaging> {
        let (at, length) = self.word();
        if length == "off" {
            return Ok(Averaging::Off);
        }
        match duration(length) {
            Some(constant) => Ok(Averaging::Smoothing(constant.max(Duration::from_millis(1)))),
            None => Err((at, ErrorKind::InvalidDuration(length.to_owned()))),
        }
    }

    /// The length of a window, after the opening bracket.
    fn window(&mut self) -> Parsed<Duration> {
        let (at, text) = self.word();
        let Some(length) = duration(text) else {
            return Err((at, ErrorKind::Expected("a duration such as 30s or 1m")));
        };
        let (at, word) = self.word();
        if word != "tumbling" {
            let expected = "`tumbling` after the duration; `smooth` is for moving averages";
            return Err((at, ErrorKind::Expected(expected)));
        }
        if !self.eat(']') {
            return self.expected("`]`");
        }
        Ok(length)
    }

    /// The position of a name or number, and its text, which may be empty.
    fn word(&mut self) -> (usize, &'t str) {
        self.skip_spaces();
        let rest = &self.text[self.at..];
        let is_part = |character: char| character.is_alphanumeric() || "_.-".contains(character);
        let length = rest.find(|character| !is_part(character));
        let word = &rest[..length.unwrap_or(rest.len())];
        let at = self.at;
        self.at += word.len();
        (at, word)
    }

    fn eat(&mut self, character: char) -> bool {
        self.skip_spaces();
        let is_next = self.peek() == Some(character);
        if is_next {
            self.at += character.len_utf8();
        }
        is_next
    }

    fn is_at(&self, text: &str) -> bool {
        self.text[self.at..].starts_with(text)
    }

    fn expected<T>(&self, what: &'static str) -> Parsed<T> {
        Err((self.at, ErrorKind::Expected(what)))
    }

    fn skip_spaces(&mut self) {
        let rest = &self.text[self.at..];
        self.at += rest.len() - rest.trim_start().len();
    }

    fn peek(&self) -> Option<char> {
        self.text[self.at..].chars().next()
    }
}

#[cfg(test)]
mod tests;
