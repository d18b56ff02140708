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
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn canonical_definition_is_written_as_parsed() {
        let cases = [
            "keys=;value=bytes",
            "keys=container.src,container.dst,ip.protocol;value=bytes.net",
            "keys=ip.src;value=frames;filter=port.dst=80|443&ip.dst=10.0.0.0/8;top=20;smooth=10s",
            "keys=drop.reason;value=drops;filter=drop.reason!=258..262;smooth=off",
            "keys=ip.src;value=bytes[60s tumbling]",
            "keys=;value=distinct(ip.src)[1.5s tumbling];filter=tcp.flags=[S.]|*[1m]*;top=3",
            "keys=ip.dst;value=distinct(ip.src,port.src);smooth=0.5s",
            "keys=inner.ip.src;value=bytes;filter=mac.src=02:00:00:00:00:01&vlan!=*&data_source=0:3",
            r"keys=end.src;value=bytes;filter=container.src=a\&b\;c\|d*e&end.dst=10.0.0.1|web",
            "keys=;value=bytes;filter=(ip.src=10.0.0.1||ip.dst=10.0.0.1|10.0.0.2)&ip.protocol=6",
            r"keys=;value=bytes;filter=(url=a\)b||url.host!=(c)",
            "keys=;value=bytes;filter=url=(d)",
        ];
        for case in cases {
            let definition = case.parse::<Definition>();
            let definition = definition.unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(definition.to_string(), case);
        }
    }

    #[test]
    fn definition_is_written_in_canonical_form() {
        let cases = [
            (
                " value = bytes ; keys = ip.src , ip.dst ; top = 100 ; smooth = 2s ",
                "keys=ip.src,ip.dst;value=bytes",
            ),
            (
                "filter=ip.protocol=tcp|udp & drop.reason=acl;keys=",
                "keys=;value=bytes;filter=ip.protocol=6|17&drop.reason=258",
            ),
            (
                "filter=ether.type=0x0800&mac.dst=2-0-0-0-0-ff",
                "keys=;value=bytes;filter=ether.type=2048&mac.dst=02:00:00:00:00:ff",
            ),
            (
                "keys=source,host_name;filter=source=0:3",
                "keys=data_source,host;value=bytes;filter=data_source=0:3",
            ),
            (
                "filter=vlan=7&vlan=7;smooth=1m",
                "keys=;value=bytes;filter=vlan=7;smooth=60s",
            ),
            (
                "keys = ip.src [ 1m tumbling ] ; top = 5",
                "keys=ip.src;value=bytes[60s tumbling];top=5",
            ),
            (
                "filter=(vlan=7)[500ms tumbling]",
                "keys=;value=bytes[0.5s tumbling];filter=vlan=7",
            ),
        ];
        for (case, expected) in cases {
            let definition = case.parse::<Definition>();
            let definition = definition.unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(definition.to_string(), expected, "{case}");
        }
    }

    #[test]
    fn error_has_position_and_reason() {
        let cases = [
            ("", 0, "expected a part"),
            ("keys", 4, "expected `=`"),
            ("key=ip.src", 0, "unknown part `key`; expected keys, value"),
            ("keys=ip.src;keys=", 12, "duplicate `keys`"),
            ("keys=ip.src,", 12, "expected a key"),
            ("keys=ip.src,ip.src", 12, "duplicate `ip.src`"),
            (
                "keys=ip.srk",
                5,
                "unknown key `ip.srk`; did you mean `ip.src`?",
            ),
            ("keys=xyzzy", 5, "unknown key `xyzzy`\n"),
            ("keys=ip.src ip.dst", 12, "expected `;` and another part"),
            ("value=", 6, "expected a value"),
            ("value=octets", 6, "unknown value `octets`"),
            ("value=distinct", 14, "expected `(`"),
            ("value=distinct()", 15, "expected a key"),
            (
                "value=distinct(ip.src",
                21,
                "expected `,` and another key, or `)`",
            ),
            ("filter=", 7, "expected a key"),
            ("filter=vlan", 11, "expected `=` or `!=`"),
            ("filter=vlan=", 12, "expected a value"),
            ("filter=vlan=7|", 14, "expected a value"),
            ("filter=vlan=x", 12, "`x` is not a number"),
            (
                "filter=port.dst=9..1",
                16,
                "`9..1` is not a number or a range",
            ),
            (
                "filter=vlan=7&ip.src=10.0.0.0/33",
                21,
                "`10.0.0.0/33` is not an IP address or a prefix",
            ),
            ("filter=ip.protocol=tpc", 19, "`tpc` is not a protocol"),
            ("filter=drop.reason=x", 19, "`x` is not a drop reason"),
            ("filter=mac.src=1:2:3", 15, "`1:2:3` is not a MAC address"),
            ("filter=data_source=eth0", 19, "`eth0` is not a data source"),
            (r"filter=url=a\", 13, "expected a character after"),
            ("filter=(vlan=7", 14, "expected `||` and another condition"),
            (
                "filter=(vlan=7&vlan=8)",
                14,
                "expected `||` and another condition",
            ),
            ("filter=(vlan=7||)", 16, "expected a key"),
            ("filter=vlan=7||vlan=8", 13, "expected parentheses"),
            ("filter=(vlan=7)x", 15, "expected `;`"),
            ("top=many", 4, "`many` is not a number"),
            ("smooth=10", 7, "`10` is not a duration"),
            ("smooth=0s", 7, "`0s` is not a duration"),
            ("[1m tumbling]", 0, "expected a part"),
            ("value=bytes[", 12, "expected a duration such as 30s"),
            ("value=bytes[0s tumbling]", 12, "expected a duration"),
            (
                "value=bytes[1m]",
                14,
                "expected `tumbling` after the duration",
            ),
            ("value=bytes[1m:max tumbling]", 14, "expected `tumbling`"),
            ("value=bytes[1m tumbling", 23, "expected `]`"),
            (
                "keys=[1m tumbling];value=bytes[1m tumbling]",
                30,
                "duplicate `[`",
            ),
            (
                "value=bytes[1m tumbling];top=3[1m tumbling]",
                30,
                "duplicate `[`",
            ),
            (
                "smooth=10s;value=bytes[1m tumbling];top=3",
                22,
                "`smooth` and a window exclude each other",
            ),
            (
                "value=bytes[1m tumbling];smooth=off",
                11,
                "`smooth` and a window exclude each other",
            ),
        ];
        for (case, position, message) in cases {
            let error = case.parse::<Definition>().unwrap_err();
            assert!(error.to_string().starts_with(message), "{case}: {error}");
            assert_eq!(error.position(), position, "{case}");
        }
        let error = "vlan=7;".parse::<Filter>().unwrap_err();
        assert_eq!(error.position(), 6);
        let keys: Vec<_> = Key::all().iter().take(17).map(|key| key.name()).collect();
        let error = Key::parse_list(&keys.join(",")).unwrap_err();
        assert_eq!(*error.kind(), ErrorKind::TooManyKeys { limit: 16 });
    }

    #[test]
    fn part_is_parsed_alone() {
        let keys = Key::parse_list(" ip.src, ip.dst ").unwrap();
        assert_eq!(keys, [Key::IpSource, Key::IpDestination]);
        assert_eq!(Key::parse_list(" "), Ok(Vec::new()));
        let value: Measure = "distinct(ip.src)".parse().unwrap();
        assert_eq!(value.to_string(), "distinct(ip.src)");
        let filters = Filter::parse_list(r"vlan=7 &url=a\;b").unwrap();
        let filters: Vec<_> = filters.iter().map(ToString::to_string).collect();
        assert_eq!(filters, ["vlan=7", r"url=a\;b"]);
        assert_eq!(Filter::parse_list(""), Ok(Vec::new()));
    }

    #[test]
    fn part_with_trailing_text_is_rejected() {
        let cases = [
            (Key::parse_list("ip.src;top=3").unwrap_err(), 6),
            ("bytes;top=3".parse::<Measure>().unwrap_err(), 5),
            (Filter::parse_list("vlan=7;top=3").unwrap_err(), 6),
            (Filter::parse_list("vlan=7&").unwrap_err(), 7),
            (Key::parse_list("ip.src,").unwrap_err(), 7),
        ];
        for (error, position) in cases {
            assert_eq!(error.position(), position, "{error}");
        }
    }

    proptest! {
        #[test]
        fn any_text_parses_without_panic(text in r"[a-z.=;,&|!*()\[\]\\/ 0-9ß]{0,60}") {
            let _ = text.parse::<Definition>();
        }

        #[test]
        fn any_value_is_written_as_parsed(value in ".+") {
            let definition = Definition::new([Key::ContainerSource]);
            let test = Test::Text(Pattern::exact(value));
            let filter = Filter::new(Key::Url, [test]);
            let other = Filter::not(Key::UrlHost, filter.tests().to_vec());
            let definition = definition.matching(filter.clone()).matching(filter.or(other));
            prop_assert_eq!(definition.to_string().parse::<Definition>(), Ok(definition));
        }
    }
}
