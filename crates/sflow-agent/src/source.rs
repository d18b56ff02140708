use sflow_v5::DataSource;
use sflow_v5::sample::Encoding;

/// A data source, and the numbers of its last samples.
///
/// Converted from a [`DataSource`], the source is new: its first samples have sequence number 1.
/// The numbers can be set to continue an earlier run:
///
/// ```
/// use sflow_agent::Source;
/// use sflow_v5::DataSource;
/// use sflow_v5::enums::DataSourceKind;
///
/// let mut source = Source::from(DataSource::new(DataSourceKind::INTERFACE, 2));
/// source.counters_sequence = 1_812;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Source {
    /// What collectors identify the source by.
    pub id: DataSource,
    /// How samples write the source and the interfaces. Default: expanded.
    pub encoding: Encoding,
    /// Sequence number of the last counters sample.
    pub counters_sequence: u32,
    /// Sequence number of the last flow sample.
    pub flow_sequence: u32,
    /// Packets that could have been sampled, modulo 2^32.
    pub sample_pool: u32,
    /// Packets that were selected and then dropped for lack of resources, modulo 2^32.
    pub drops: u32,
}

impl Source {
    /// The same source in the state of a new one.
    pub(crate) fn restarted(self) -> Self {
        Self {
            encoding: self.encoding,
            ..Self::from(self.id)
        }
    }
}

impl From<DataSource> for Source {
    fn from(id: DataSource) -> Self {
        Self {
            id,
            encoding: Encoding::Expanded,
            counters_sequence: 0,
            flow_sequence: 0,
            sample_pool: 0,
            drops: 0,
        }
    }
}
