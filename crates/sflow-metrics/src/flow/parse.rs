use core::str::FromStr;
use core::time::Duration;

use crate::flow::definition::{Definition, Measure};
use crate::flow::filter::{Filter, Test};
use crate::flow::key::{Key, Kind};
use crate::flow::literal;
use crate::query::{Pattern, Spaces, duration, nearest};

/// Why a text is no [`Definition`], and where.
///
/// ```
/// let error = "keys=ip.source;value=bytes".parse::<sflow_metrics::flow::Definition>().unwrap_err();
/// assert_eq!(error.position(), 5);
/// assert_eq!(
///     error.to_string(),
///     "no key is called `ip.source`; is it `ip.src`?\n  \
///        keys=ip.source;value=bytes\n       ^"
/// );
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind}\n  {text}\n  {pointer}^", pointer = Spaces(.text, *.position))]
pub struct Error {
    text: String,
    position: usize,
    kind: ErrorKind,
}

/// What is wrong with the text of a flow definition.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ErrorKind {
    /// Something else should stand there.
    #[error("expected {0}")]
    Expected(&'static str),
    /// No part has this name.
    #[error("no part is called `{0}`; there are keys, value, filter, top, smooth")]
    Part(String),
    /// This part stands there already.
    #[error("`{0}` stands there twice")]
    Twice(String),
    /// No key has this name; perhaps the second was meant.
    #[error("no key is called `{0}`{end}", end = match .1 {
        Some(nearest) => format!("; is it `{nearest}`?"),
        None => "; `Key::all` lists them".to_owned(),
    })]
    Key(String, Option<&'static str>),
    /// There are more keys than can be.
    #[error("there are more than {most} keys", most = Definition::MAX_KEYS)]
    TooMany,
    /// Nothing of this name can be measured.
    #[error(
        "no value is called `{0}`; there are bytes, bytes.net, frames, distinct(key,…), \
             drops, drops.bytes"
    )]
    Value(String),
    /// The key never has this value.
    #[error("`{value}` is no {wanted}")]
    Never {
        /// What stands there.
        value: String,
        /// What the key has.
        wanted: &'static str,
    },
    /// It is no length of time, or a length of zero.
    #[error("`{0}` is no length of time such as 500ms, 10s or 1m, nor `off`")]
    Length(String),
    /// It is no number of flows.
    #[error("`{0}` is no number")]
    Number(String),
}

impl Error {
    pub(super) fn new(text: &str, position: usize, kind: ErrorKind) -> Self {
        Self {
            text: text.replace(char::is_control, " "),
            position,
            kind,
        }
    }

    /// What is wrong.
    pub fn kind(&self) -> &ErrorKind {
        &self.kind
    }

    /// Where, in bytes from the start of the text.
    pub fn position(&self) -> usize {
        self.position
    }
}

impl ErrorKind {
    pub(super) fn key(name: &str) -> Self {
        let names = Key::all().iter().map(|key| key.name());
        Self::Key(name.to_owned(), nearest(name, names))
    }
}

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

    /// One condition, such as `port.dst=80|443`, or several in parentheses.
    fn from_str(text: &str) -> Result<Self, Error> {
        let wanted = "`|` and another value, or nothing more";
        whole(text, Parser::condition, wanted)
    }
}

impl FromStr for Measure {
    type Err = Error;

    /// The part `value` of a definition alone, such as `distinct(ip.src)`.
    fn from_str(text: &str) -> Result<Self, Error> {
        whole(text, Parser::measure, "nothing more behind the value")
    }
}

impl Key {
    /// The part `keys` of a definition alone, such as `ip.src,ip.dst`; none if it is empty.
    ///
    /// # Errors
    ///
    /// As those of a definition, with the place in this part.
    pub fn parse_list(text: &str) -> Result<Vec<Self>, Error> {
        let keys = |parser: &mut Parser<'_>| parser.keys(&[]);
        whole(text, keys, "`,` and another key, or nothing more")
    }
}

impl Filter {
    /// The part `filter` of a definition alone, such as `port.dst=80&vlan=7`; none if it is
    /// empty.
    ///
    /// # Errors
    ///
    /// As those of a definition, with the place in this part.
    pub fn parse_list(text: &str) -> Result<Vec<Self>, Error> {
        if text.trim().is_empty() {
            return Ok(Vec::new());
        }
        let wanted = "`&` and another condition, or nothing more";
        whole(text, Parser::filters, wanted)
    }
}

/// Reads a text that is one part and nothing else.
fn whole<'t, T>(
    text: &'t str,
    part: impl FnOnce(&mut Parser<'t>) -> Parsed<T>,
    or_else: &'static str,
) -> Result<T, Error> {
    let mut parser = Parser::new(text);
    let read = part(&mut parser).and_then(|read| {
        parser.skip_spaces();
        match parser.peek() {
            None => Ok(read),
            Some(_) => parser.expected(or_else),
        }
    });
    read.map_err(|(position, kind)| Error::new(text, position, kind))
}

type Parsed<T> = Result<T, (usize, ErrorKind)>;

struct Parser<'t> {
    text: &'t str,
    at: usize,
    /// Whether it is between parentheses, where values end at the closing one.
    is_among: bool,
}

impl<'t> Parser<'t> {
    fn new(text: &'t str) -> Self {
        Self {
            text,
            at: 0,
            is_among: false,
        }
    }

    fn definition(&mut self) -> Parsed<Definition> {
        let mut definition = Definition::new([]);
        let mut seen: Vec<&str> = Vec::new();
        loop {
            let (at, part) = self.word();
            if part.is_empty() {
                return self.expected("a part, such as `keys=ip.src,ip.dst`");
            }
            if seen.contains(&part) {
                return Err((at, ErrorKind::Twice(part.to_owned())));
            }
            seen.push(part);
            let is_known = ["keys", "value", "filter", "top", "smooth"].contains(&part);
            if !is_known {
                return Err((at, ErrorKind::Part(part.to_owned())));
            }
            if !self.eat('=') {
                return self.expected("`=`");
            }
            match part {
                "keys" => definition.keys = self.keys(&[';'])?,
                "value" => definition.value = self.measure()?,
                "filter" => definition.filters = self.filters()?,
                "top" => definition.top = self.number()?,
                _ => definition.smoothing = self.smoothing()?,
            }
            self.skip_spaces();
            if self.at == self.text.len() {
                return Ok(definition);
            }
            if !self.eat(';') {
                return self.expected("`;` and another part, or nothing more");
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
                return Err((at, ErrorKind::Twice(key.to_string())));
            }
            if keys.len() == Definition::MAX_KEYS {
                return Err((at, ErrorKind::TooMany));
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
            return self.expected("a key, such as `ip.src`");
        }
        Key::named(name).ok_or_else(|| (at, ErrorKind::key(name)))
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
                    return self.expected("`(` and the keys to count values of");
                }
                let keys = self.keys(&[')', ';'])?;
                if keys.is_empty() {
                    return self.expected("a key, such as `ip.src`");
                }
                if !self.eat(')') {
                    return self.expected("`,` and another key, or `)`");
                }
                Measure::Distinct(keys)
            }
            "" => return self.expected("a value, such as `bytes`"),
            other => return Err((at, ErrorKind::Value(other.to_owned()))),
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

    /// A filter, or several of which one has to be passed.
    fn condition(&mut self) -> Parsed<Filter> {
        if !self.eat('(') {
            return self.filter();
        }
        self.is_among = true;
        let mut filter = self.filter()?;
        while self.is_at("||") {
            self.at += 2;
            filter = filter.or(self.filter()?);
        }
        self.is_among = false;
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

    /// A value: everything up to a separator, in which a backslash takes the next character as
    /// it is.
    fn test(&mut self, kind: Kind) -> Parsed<Test> {
        let at = self.at;
        let mut pieces = vec![String::new()];
        while let Some(character) = self.peek() {
            let last = pieces.len() - 1;
            match character {
                '&' | '|' | ';' => break,
                ')' if self.is_among => break,
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
            let wrong = |wanted| {
                let value = exact.clone();
                (at, ErrorKind::Never { value, wanted })
            };
            return literal::read(exact, kind).map_err(wrong);
        }
        if pieces.iter().all(String::is_empty) {
            return Ok(Test::Present);
        }
        Ok(Test::Text(Pattern::from_pieces(pieces)))
    }

    fn number(&mut self) -> Parsed<usize> {
        let (at, number) = self.word();
        let wrong = || (at, ErrorKind::Number(number.to_owned()));
        number.parse().map_err(|_| wrong())
    }

    fn smoothing(&mut self) -> Parsed<Option<Duration>> {
        let (at, length) = self.word();
        if length == "off" {
            return Ok(None);
        }
        let wrong = || (at, ErrorKind::Length(length.to_owned()));
        let constant = duration(length).ok_or_else(wrong)?;
        Ok(Some(constant.max(Duration::from_millis(1))))
    }

    /// A name or number, perhaps an empty one; and where it stands.
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
        let is_there = self.peek() == Some(character);
        if is_there {
            self.at += character.len_utf8();
        }
        is_there
    }

    fn is_at(&self, what: &str) -> bool {
        self.text[self.at..].starts_with(what)
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn definitions_are_read_and_written() {
        let cases = [
            "keys=;value=bytes",
            "keys=container.src,container.dst,ip.protocol;value=bytes.net",
            "keys=ip.src;value=frames;filter=port.dst=80|443&ip.dst=10.0.0.0/8;top=20;smooth=10s",
            "keys=drop.reason;value=drops;filter=drop.reason!=258..262;smooth=off",
            "keys=ip.dst;value=distinct(ip.src,port.src);smooth=0.5s",
            "keys=inner.ip.src;value=bytes;filter=mac.src=02:00:00:00:00:01&vlan!=*&source=0:3",
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
    fn the_same_can_be_written_differently() {
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
                "filter=vlan=7&vlan=7;smooth=1m",
                "keys=;value=bytes;filter=vlan=7;smooth=60s",
            ),
        ];
        for (case, expected) in cases {
            let definition = case.parse::<Definition>();
            let definition = definition.unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(definition.to_string(), expected, "{case}");
        }
    }

    #[test]
    fn mistakes_are_pointed_at() {
        let cases = [
            ("", 0, "expected a part"),
            ("keys", 4, "expected `=`"),
            ("key=ip.src", 0, "no part is called `key`"),
            ("keys=ip.src;keys=", 12, "`keys` stands there twice"),
            ("keys=ip.src,", 12, "expected a key"),
            ("keys=ip.src,ip.src", 12, "`ip.src` stands there twice"),
            (
                "keys=ip.srk",
                5,
                "no key is called `ip.srk`; is it `ip.src`?",
            ),
            ("keys=xyzzy", 5, "no key is called `xyzzy`; `Key::all`"),
            ("keys=ip.src ip.dst", 12, "expected `;` and another part"),
            ("value=", 6, "expected a value"),
            ("value=octets", 6, "no value is called `octets`"),
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
            ("filter=vlan=x", 12, "`x` is no number"),
            ("filter=port.dst=9..1", 16, "`9..1` is no number, or range"),
            (
                "filter=vlan=7&ip.src=10.0.0.0/33",
                21,
                "`10.0.0.0/33` is no address, or prefix",
            ),
            ("filter=ip.protocol=tpc", 19, "`tpc` is no protocol"),
            ("filter=drop.reason=x", 19, "`x` is no drop reason"),
            ("filter=mac.src=1:2:3", 15, "`1:2:3` is no MAC address"),
            ("filter=source=eth0", 14, "`eth0` is no data source"),
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
            ("top=many", 4, "`many` is no number"),
            ("smooth=10", 7, "`10` is no length of time"),
            ("smooth=0s", 7, "`0s` is no length of time"),
        ];
        for (case, position, words) in cases {
            let error = case.parse::<Definition>().unwrap_err();
            assert!(error.to_string().starts_with(words), "{case}: {error}");
            assert_eq!(error.position(), position, "{case}");
        }
        let error = "vlan=7;".parse::<Filter>().unwrap_err();
        assert_eq!(error.position(), 6);
    }

    #[test]
    fn parts_are_read_alone() {
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
    fn parts_do_not_smuggle_others_in() {
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
        fn nothing_panics(text in r"[a-z.=;,&|!*()\\/ 0-9ß]{0,60}") {
            let _ = text.parse::<Definition>();
        }

        #[test]
        fn any_value_survives(value in ".+") {
            let definition = Definition::new([Key::ContainerSource]);
            let test = Test::Text(Pattern::exact(value));
            let filter = Filter::new(Key::Url, [test]);
            let other = Filter::not(Key::UrlHost, filter.tests().to_vec());
            let definition = definition.matching(filter.clone()).matching(filter.or(other));
            prop_assert_eq!(definition.to_string().parse::<Definition>(), Ok(definition));
        }
    }
}
