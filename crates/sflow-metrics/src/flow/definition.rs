use core::fmt;
use core::time::Duration;

use crate::display::{padded, separated};
use crate::flow::filter::Filter;
use crate::flow::key::Key;
use crate::flow::value::Value;

/// Which flows to measure: the keys that distinguish them, the measure, and filters.
///
/// The text form has parts separated by `;`, in any order:
///
/// ```text
/// keys=container.src,container.dst,ip.protocol;value=bytes;filter=port.dst=80|443;smooth=10s
/// ```
///
/// * `keys`: [`Key`]s separated by `,`. Packets with the same values belong to the same flow.
///   Without keys there is one flow with all packets.
/// * `value`: a [`Measure`]. Default: `bytes`.
/// * `filter`: conditions separated by `&`, all of which a packet has to meet. A condition is a
///   key, `=` or `!=`, and values separated by `|`, of which one has to match (with `!=`: none).
///   A value is literal, contains `*` for any characters, is a range of numbers `1024..65535` or
///   a prefix `10.0.0.0/8`; `*` alone matches any packet that has the key. A packet that does not
///   have the key matches no value. Conditions in parentheses with `||` between them are
///   alternatives: `(ip.src=10.0.0.1||ip.dst=10.0.0.1)&vlan=7`. A backslash makes the next
///   character literal.
/// * `top`: maximum number of rows in an answer. Default: 100.
/// * `smooth`: the time constant of exponential smoothing. Values are per second, and a packet's
///   weight falls to `1/e` (37 %) after this time; the response to a step reaches 95 % after three
///   time constants. Default: `2s`. With `off`, values are totals since the definition is watched.
/// * A window in brackets after another part, as in `value=bytes[1m tumbling]`, instead of `smooth`:
///   values are those of the last complete minute, per second. As in
///   [queries](crate::query::Window::tumbling), windows are aligned with the origin of time and
///   consist of whole [slots](crate::Config::slot), up to
///   [`max_window`](crate::Config::max_window).
///
/// ```
/// use sflow_metrics::flow;
///
/// let definition: flow::Definition = "keys=ip.src,ip.dst;filter=ip.protocol=tcp".parse()?;
/// assert_eq!(definition.keys(), [flow::Key::IpSource, flow::Key::IpDestination]);
///
/// // Drill down: the ports of one receiver.
/// let receiver = flow::Value::Ip([10, 0, 0, 1].into());
/// let ports = definition
///     .narrowed(flow::Key::IpDestination, &receiver)
///     .keyed_by([flow::Key::PortDestination]);
/// assert_eq!(
///     ports.to_string(),
///     "keys=port.dst;value=bytes;filter=ip.protocol=6&ip.dst=10.0.0.1",
/// );
/// # Ok::<(), flow::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Definition {
    pub(super) keys: Vec<Key>,
    pub(super) value: Measure,
    pub(super) filters: Vec<Filter>,
    pub(super) top: usize,
    pub(super) averaging: Averaging,
}

/// The time to which values refer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Averaging {
    /// Per second, with this time constant.
    Smoothing(Duration),
    /// Per second, over the last complete window of this length.
    Window(Duration),
    /// Totals.
    Off,
}

/// What to measure of flows.
///
/// Packets and bytes are estimated from samples: each sample counts as many packets as the
/// **effective** sampling rate of its data source, which is the growth of its sample pool per
/// sample. A packet that several data sources sample is counted by each, and by a data source
/// that samples both directions twice. Filter on [`direction`](Key::Direction),
/// [`data_source`](Key::DataSource) or [`agent`](Key::Agent) to count it once.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Measure {
    /// `bytes`: bytes on the wire including the Ethernet frame check sequence, as switches count.
    Bytes,
    /// `bytes.net`: bytes without those that the agent stripped before sampling, such as the frame
    /// check sequence. Linux counts these bytes for hosts and containers.
    NetBytes,
    /// `frames`: packets.
    Frames,
    /// `distinct(key,…)`: number of different combinations of values of these keys among the
    /// samples. Values that were never sampled are not included.
    Distinct(Vec<Key>),
    /// `drops`: dropped packets, from dropped packet notifications. Each notification counts one
    /// packet; [`unreported`](crate::flow::Answer::unreported) estimates the others.
    Drops,
    /// `drops.bytes`: the bytes of these packets.
    DropBytes,
}

impl Definition {
    /// Default of [`top`](Self::top).
    pub const TOP: usize = 100;

    /// Default of [`smoothing`](Self::smoothing).
    pub const SMOOTHING: Duration = Duration::from_secs(2);

    /// Maximum number of keys.
    pub const MAX_KEYS: usize = 16;

    /// Measures bytes per second of flows with these keys. Ignores duplicates, and keys after the
    /// first [`MAX_KEYS`](Self::MAX_KEYS).
    pub fn new(keys: impl IntoIterator<Item = Key>) -> Self {
        Self {
            keys: Vec::new(),
            value: Measure::Bytes,
            filters: Vec::new(),
            top: Self::TOP,
            averaging: Averaging::Smoothing(Self::SMOOTHING),
        }
        .keyed_by(keys)
    }

    /// The keys that distinguish flows.
    pub fn keys(&self) -> &[Key] {
        &self.keys
    }

    /// The measure.
    pub fn value(&self) -> &Measure {
        &self.value
    }

    /// The filters, all of which a packet has to pass.
    pub fn filters(&self) -> &[Filter] {
        &self.filters
    }

    /// Maximum number of rows in an answer.
    pub fn top(&self) -> usize {
        self.top
    }

    /// The time constant of exponential smoothing; `None` if values are totals or those of a
    /// window.
    pub fn smoothing(&self) -> Option<Duration> {
        match self.averaging {
            Averaging::Smoothing(constant) => Some(constant),
            Averaging::Window(_) | Averaging::Off => None,
        }
    }

    /// The length of a tumbling window; `None` without a window.
    pub fn window(&self) -> Option<Duration> {
        match self.averaging {
            Averaging::Window(length) => Some(length),
            Averaging::Smoothing(_) | Averaging::Off => None,
        }
    }

    /// Whether values are per second: with smoothing or a window, except for counts of distinct
    /// values.
    pub fn is_rate(&self) -> bool {
        self.averaging != Averaging::Off && !matches!(self.value, Measure::Distinct(_))
    }

    /// Replaces the keys, with the limits of [`new`](Self::new).
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

    /// Replaces the measure. Of [`Measure::Distinct`], keys after the first
    /// [`MAX_KEYS`](Self::MAX_KEYS) are ignored.
    #[must_use]
    pub fn measuring(mut self, mut value: Measure) -> Self {
        if let Measure::Distinct(keys) = &mut value {
            keys.truncate(Self::MAX_KEYS);
        }
        self.value = value;
        self
    }

    /// Adds a filter.
    #[must_use]
    pub fn matching(mut self, filter: Filter) -> Self {
        if !self.filters.contains(&filter) {
            self.filters.push(filter);
        }
        self
    }

    /// Adds a filter for packets with this value of a key; for packets without the key if the
    /// value is [`Value::Absent`].
    #[must_use]
    pub fn narrowed(&self, key: Key, value: &Value) -> Self {
        self.clone().matching(Filter::exactly(key, value))
    }

    /// Replaces the maximum number of rows in an answer.
    #[must_use]
    pub fn listing(mut self, top: usize) -> Self {
        self.top = top;
        self
    }

    /// Replaces the time constant, which is at least 1 ms, or the window; `None` for totals.
    #[must_use]
    pub fn smoothed_over(mut self, constant: Option<Duration>) -> Self {
        self.averaging = match constant {
            Some(constant) => Averaging::Smoothing(constant.max(Duration::from_millis(1))),
            None => Averaging::Off,
        };
        self
    }

    /// Uses the last complete window of this length, at least 1 ms, instead of smoothing.
    ///
    /// ```
    /// use sflow_metrics::flow;
    /// use std::time::Duration;
    ///
    /// let definition = flow::Definition::new([flow::Key::IpSource]);
    /// let definition = definition.tumbling_over(Duration::from_secs(60));
    /// assert_eq!(definition.to_string(), "keys=ip.src;value=bytes[60s tumbling]");
    /// ```
    #[must_use]
    pub fn tumbling_over(mut self, length: Duration) -> Self {
        self.averaging = Averaging::Window(length.max(Duration::from_millis(1)));
        self
    }

    /// All keys that are read of a packet: for the flow, its value and the filters.
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
    /// The names in the text form.
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

    /// The unit: `bytes`, `packets` or `values`.
    pub fn unit(&self) -> &'static str {
        match self {
            Self::Bytes | Self::NetBytes | Self::DropBytes => "bytes",
            Self::Frames | Self::Drops => "packets",
            Self::Distinct(_) => "values",
        }
    }

    /// Whether it is measured from dropped packet notifications instead of packet samples.
    pub const fn is_of_drops(&self) -> bool {
        matches!(self, Self::Drops | Self::DropBytes)
    }
}

impl fmt::Display for Definition {
    /// The text form.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(padded) = padded(self, f) {
            return padded;
        }
        f.write_str("keys=")?;
        separated(f, ",", &self.keys)?;
        write!(f, ";value={}", self.value)?;
        if let Averaging::Window(length) = self.averaging {
            write!(f, "[{}s tumbling]", length.as_secs_f64())?;
        }
        if !self.filters.is_empty() {
            f.write_str(";filter=")?;
            separated(f, "&", &self.filters)?;
        }
        if self.top != Self::TOP {
            write!(f, ";top={}", self.top)?;
        }
        match self.averaging {
            Averaging::Smoothing(Self::SMOOTHING) | Averaging::Window(_) => Ok(()),
            Averaging::Smoothing(constant) => write!(f, ";smooth={}s", constant.as_secs_f64()),
            Averaging::Off => f.write_str(";smooth=off"),
        }
    }
}

impl fmt::Display for Measure {
    /// The text form.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(padded) = padded(self, f) {
            return padded;
        }
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
