use core::fmt;
use core::time::Duration;

use crate::flow::filter::Filter;
use crate::flow::key::Key;
use crate::flow::value::Value;

/// Which flows to measure: what tells them apart, what of them, and of which packets.
///
/// ```text
/// keys=container.src,container.dst,ip.protocol;value=bytes;filter=port.dst=80|443;smooth=10s
/// ```
///
/// * `keys`: the [`Key`]s whose values tell one flow from another. Without any there is one
///   flow: everything.
/// * `value`: a [`Measure`]; `bytes` unless said otherwise.
/// * `filter`: conditions that packets have to pass, all of them, separated by `&`. Each is a
///   key, `=` or `!=`, and values, of which one has to fit (none, with `!=`), separated by `|`.
///   A value is exact, has `*` for any characters, is a range of numbers `1024..65535`, a prefix
///   `10.0.0.0/8`, or `*` for anything at all if it is there. A packet without the key has none
///   of the values. In parentheses there may be several conditions with `||` between them, of
///   which one has to be passed: `(ip.src=10.0.0.1||ip.dst=10.0.0.1)&vlan=7`. A backslash takes
///   the meaning from the character behind it.
/// * `top`: how many flows to list; 100 unless said otherwise.
/// * `smooth`: a time constant. Values are per second, and what was seen that long ago counts
///   `1/e`, a third or so, of what is seen now; a change shows to 95 % after three of them. 2 s
///   unless said otherwise. With `off` values are sums since the definition is watched.
///
/// ```
/// use sflow_metrics::flow::{Definition, Key, Value};
///
/// let definition: Definition = "keys=ip.src,ip.dst;filter=ip.protocol=tcp".parse()?;
/// assert_eq!(definition.keys(), [Key::IpSource, Key::IpDestination]);
///
/// // Drill down: of one receiver, which ports?
/// let receiver = Value::Ip([10, 0, 0, 1].into());
/// let within = definition.narrowed(Key::IpDestination, &receiver)
///     .keyed_by([Key::PortDestination]);
/// assert_eq!(
///     within.to_string(),
///     "keys=port.dst;value=bytes;filter=ip.protocol=6&ip.dst=10.0.0.1",
/// );
/// # Ok::<(), sflow_metrics::flow::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Definition {
    pub(super) keys: Vec<Key>,
    pub(super) value: Measure,
    pub(super) filters: Vec<Filter>,
    pub(super) top: usize,
    pub(super) smoothing: Option<Duration>,
}

/// What to measure of flows.
///
/// Packets and their bytes are estimated from samples: each sample stands for as many packets as
/// the **effective** sampling rate of its data source says, which the growth of its sample pool
/// shows. A packet that several data sources sample counts at each of them, and one that a data
/// source samples as it comes in and as it goes out counts twice: where that is so, a filter on
/// [`direction`](Key::Direction), [`source`](Key::Source) or [`agent`](Key::Agent)
/// takes one of them.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Measure {
    /// `bytes`: on the wire, with the check sequence of Ethernet. What switches count.
    Bytes,
    /// `bytes.net`: without what the agent took off each packet before it sampled it, such as
    /// the check sequence. What Linux counts, for hosts and containers too.
    NetBytes,
    /// `frames`: packets.
    Frames,
    /// `distinct(key,…)`: how many different values, or combinations of values, of these keys.
    /// Of samples: what was never sampled is not counted.
    Distinct(Vec<Key>),
    /// `drops`: packets that were dropped, by dropped packet notifications. Each stands for
    /// itself; [`unreported`](crate::flow::Answer::unreported) tells how many were not reported.
    Drops,
    /// `drops.bytes`: the bytes of these.
    DropBytes,
}

impl Definition {
    /// How many flows are listed unless something else is said.
    pub const TOP: usize = 100;

    /// The time constant unless something else is said.
    pub const SMOOTHING: Duration = Duration::from_secs(2);

    /// Keys at most.
    pub const MAX_KEYS: usize = 16;

    /// Measures bytes of the flows that these keys tell apart; a key counts once, and of more
    /// than [`MAX_KEYS`](Self::MAX_KEYS) the first ones.
    pub fn new(keys: impl IntoIterator<Item = Key>) -> Self {
        Self {
            keys: Vec::new(),
            value: Measure::Bytes,
            filters: Vec::new(),
            top: Self::TOP,
            smoothing: Some(Self::SMOOTHING),
        }
        .keyed_by(keys)
    }

    /// What tells flows apart.
    pub fn keys(&self) -> &[Key] {
        &self.keys
    }

    /// What is measured.
    pub fn value(&self) -> &Measure {
        &self.value
    }

    /// What packets have to pass.
    pub fn filters(&self) -> &[Filter] {
        &self.filters
    }

    /// How many flows are listed.
    pub fn top(&self) -> usize {
        self.top
    }

    /// The time constant; `None` if values are sums.
    pub fn smoothing(&self) -> Option<Duration> {
        self.smoothing
    }

    /// The same by other keys.
    #[must_use]
    pub fn keyed_by(mut self, keys: impl IntoIterator<Item = Key>) -> Self {
        self.keys.clear();
        for key in keys {
            if !self.keys.contains(&key) && self.keys.len() < Self::MAX_KEYS {
                self.keys.push(key);
            }
        }
        self
    }

    /// The same of something else; of [`Measure::Distinct`] as many keys as may be.
    #[must_use]
    pub fn measuring(mut self, mut value: Measure) -> Self {
        if let Measure::Distinct(keys) = &mut value {
            keys.truncate(Self::MAX_KEYS);
        }
        self.value = value;
        self
    }

    /// The same of those packets that pass one more filter.
    #[must_use]
    pub fn matching(mut self, filter: Filter) -> Self {
        if !self.filters.contains(&filter) {
            self.filters.push(filter);
        }
        self
    }

    /// Drills down: the same of those packets that have this value; if it is
    /// [`Value::Absent`], of those that have none.
    #[must_use]
    pub fn narrowed(&self, key: Key, value: &Value) -> Self {
        self.clone().matching(Filter::exactly(key, value))
    }

    /// The same with another number of flows listed.
    #[must_use]
    pub fn listing(mut self, top: usize) -> Self {
        self.top = top;
        self
    }

    /// The same with another time constant, of a millisecond at least; `None` for sums.
    #[must_use]
    pub fn smoothed_over(mut self, constant: Option<Duration>) -> Self {
        self.smoothing = constant.map(|constant| constant.max(Duration::from_millis(1)));
        self
    }

    /// Every key that it takes to decide what a packet adds, and to what.
    pub(super) fn all_keys(&self) -> impl Iterator<Item = Key> {
        let distinct = match &self.value {
            Measure::Distinct(keys) => &keys[..],
            _ => &[],
        };
        let filters = self.filters.iter().flat_map(Filter::keys);
        self.keys.iter().chain(distinct).copied().chain(filters)
    }
}

impl Measure {
    /// The names, as a definition takes them.
    pub fn names() -> impl Iterator<Item = &'static str> {
        [
            "bytes",
            "bytes.net",
            "frames",
            "distinct",
            "drops",
            "drops.bytes",
        ]
        .into_iter()
    }

    /// What it is measured in.
    pub fn unit(&self) -> &'static str {
        match self {
            Self::Bytes | Self::NetBytes | Self::DropBytes => "bytes",
            Self::Frames | Self::Drops => "packets",
            Self::Distinct(_) => "values",
        }
    }

    /// Whether it is one of dropped packet notifications, and not of packet samples.
    pub const fn is_of_drops(&self) -> bool {
        matches!(self, Self::Drops | Self::DropBytes)
    }
}

impl fmt::Display for Definition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("keys=")?;
        separated(f, ",", &self.keys)?;
        write!(f, ";value={}", self.value)?;
        if !self.filters.is_empty() {
            f.write_str(";filter=")?;
            separated(f, "&", &self.filters)?;
        }
        if self.top != Self::TOP {
            write!(f, ";top={}", self.top)?;
        }
        match self.smoothing {
            Some(Self::SMOOTHING) => Ok(()),
            Some(constant) => write!(f, ";smooth={}s", constant.as_secs_f64()),
            None => f.write_str(";smooth=off"),
        }
    }
}

impl fmt::Display for Measure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bytes => f.write_str("bytes"),
            Self::NetBytes => f.write_str("bytes.net"),
            Self::Frames => f.write_str("frames"),
            Self::Drops => f.write_str("drops"),
            Self::DropBytes => f.write_str("drops.bytes"),
            Self::Distinct(keys) => {
                f.write_str("distinct(")?;
                separated(f, ",", keys)?;
                f.write_str(")")
            }
        }
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for Definition {
    /// As text.
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(feature = "serde")]
impl<'de> serde::Deserialize<'de> for Definition {
    /// From text.
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

fn separated<T: fmt::Display>(
    f: &mut fmt::Formatter<'_>,
    separator: &str,
    items: &[T],
) -> fmt::Result {
    for (place, item) in items.iter().enumerate() {
        let separator = if place > 0 { separator } else { "" };
        write!(f, "{separator}{item}")?;
    }
    Ok(())
}
