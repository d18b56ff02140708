use core::fmt;
use core::str::FromStr;

use sflow_metrics::flow;

/// A measure and its displayed unit.
///
/// The names are those of [`flow::Measure`], and `bits`, `bits.net` and `drops.bits` for eight
/// times the bytes. `bps`, `Bps` and `fps` are accepted as well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Value {
    /// The measure.
    pub measure: flow::Measure,
    /// Whether bytes are displayed as bits.
    pub is_bits: bool,
}

impl Default for Value {
    fn default() -> Self {
        Self::bits(flow::Measure::Bytes)
    }
}

impl Value {
    /// The measure in its own unit.
    pub fn plain(measure: flow::Measure) -> Self {
        Self {
            measure,
            is_bits: false,
        }
    }

    fn bits(measure: flow::Measure) -> Self {
        Self {
            measure,
            is_bits: true,
        }
    }

    /// The accepted names.
    pub fn names() -> impl Iterator<Item = &'static str> {
        ["bits", "bits.net"]
            .into_iter()
            .chain(flow::Measure::names())
            .chain(["drops.bits"])
    }

    /// The factor from the measure to the displayed unit.
    pub fn factor(&self) -> f64 {
        if self.is_bits { 8.0 } else { 1.0 }
    }

    /// The displayed unit, without `/s`.
    pub fn unit(&self) -> &'static str {
        match self.is_bits {
            true => "bits",
            false => self.measure.unit(),
        }
    }

    /// Whether smoothed values are per second.
    pub fn is_rate(&self) -> bool {
        !self.is_distinct()
    }

    /// Whether it is a count of distinct values, which is not additive.
    pub fn is_distinct(&self) -> bool {
        matches!(self.measure, flow::Measure::Distinct(_))
    }

    /// The same traffic in the next unit of bits, bytes and packets; counts of distinct values have
    /// only one.
    #[must_use]
    pub fn next(&self) -> Self {
        use flow::Measure as M;
        match (&self.measure, self.is_bits) {
            (M::Bytes | M::NetBytes | M::DropBytes, true) => Self::plain(self.measure.clone()),
            (M::Bytes | M::NetBytes, false) => Self::plain(M::Frames),
            (M::Frames, _) => Self::bits(M::Bytes),
            (M::DropBytes, false) => Self::plain(M::Drops),
            (M::Drops, _) => Self::bits(M::DropBytes),
            _ => self.clone(),
        }
    }
}

impl FromStr for Value {
    type Err = flow::Error;

    fn from_str(text: &str) -> Result<Self, flow::Error> {
        Ok(match text.trim() {
            "bits" | "bps" => Self::bits(flow::Measure::Bytes),
            "bits.net" => Self::bits(flow::Measure::NetBytes),
            "drops.bits" => Self::bits(flow::Measure::DropBytes),
            "Bps" => Self::plain(flow::Measure::Bytes),
            "fps" => Self::plain(flow::Measure::Frames),
            _ => Self::plain(text.parse()?),
        })
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.measure, self.is_bits) {
            (flow::Measure::Bytes, true) => f.pad("bits"),
            (flow::Measure::NetBytes, true) => f.pad("bits.net"),
            (flow::Measure::DropBytes, true) => f.pad("drops.bits"),
            (measure, _) => measure.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn value_is_parsed_from_its_name() {
        let names = Value::names().filter(|name| *name != "distinct");
        for name in names.chain(["distinct(ip.src,port.src)"]) {
            let value: Value = name.parse().unwrap();
            assert_eq!(value.to_string(), name);
        }
        for (name, same) in [("bps", "bits"), ("Bps", "bytes"), ("fps", "frames")] {
            assert_eq!(name.parse::<Value>().unwrap().to_string(), same);
        }
        assert_eq!("bitz".parse::<Value>().unwrap_err().position(), 0);
    }

    #[test]
    fn units_are_cyclic() {
        for name in ["bits", "drops"] {
            let first: Value = name.parse().unwrap();
            let third = first.next().next();
            assert_ne!(third, first);
            assert_eq!(third.next(), first);
        }
    }
}
