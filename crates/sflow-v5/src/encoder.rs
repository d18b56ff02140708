use crate::datagram::Header;
use crate::sample::Sample;
use crate::writer::Writer;

/// Writes a datagram into a buffer of the caller's, sample by sample.
///
/// A sample that no longer fits is taken back whole, so an agent sends what it has, starts the
/// next datagram, and pushes the sample again:
///
/// ```
/// use sflow_v5::counter::VirtCpu;
/// use sflow_v5::{
///     Address, CounterRecord, CountersSample, DataSource, DataSourceKind, Datagram, DomainState,
///     Encoder, Header, Records, Sample,
/// };
///
/// let header = Header {
///     agent_address: Address::V4([10, 0, 0, 1]),
///     sequence_number: 1,
///     ..Header::default()
/// };
/// let cpu = VirtCpu {
///     state: DomainState::RUNNING,
///     cpu_time: 1_250.into(),
///     nr_virt_cpu: 2.into(),
/// };
/// let records = [CounterRecord::from(cpu)];
/// let sample = Sample::Counters(CountersSample {
///     sequence_number: 1,
///     source_id: DataSource::new(DataSourceKind::LOGICAL, 100_001),
///     records: Records::from(&records[..]),
///     ..CountersSample::default()
/// });
///
/// let mut buffer = [0; 1400];
/// let mut encoder = Encoder::new(&mut buffer, &header)?;
/// encoder.push(&sample)?;
/// let bytes = encoder.finish();
///
/// let datagram = Datagram::parse(bytes)?;
/// assert_eq!(datagram.header, header);
/// assert_eq!(datagram.samples().next(), Some(sample));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Encoder<'b> {
    out: Writer<'b>,
    count_at: usize,
    count: usize,
    /// Whether the last sample is one that counts together with the next.
    is_wrapped: bool,
}

impl<'b> Encoder<'b> {
    /// Starts a datagram.
    ///
    /// # Errors
    ///
    /// If not even the header fits into `buffer`.
    pub fn new(buffer: &'b mut [u8], header: &Header) -> Result<Self, Full> {
        let mut out = Writer::new(buffer);
        header.encode(&mut out);
        let count_at = out.len();
        out.word(0);
        if out.is_full() {
            Err(Full)
        } else {
            Ok(Self {
                out,
                count_at,
                count: 0,
                is_wrapped: false,
            })
        }
    }

    /// Appends a sample, or nothing of it.
    ///
    /// # Errors
    ///
    /// If it does not fit.
    pub fn push(&mut self, sample: &Sample<'_>) -> Result<(), Full> {
        let before = self.out.len();
        sample.write(&mut self.out);
        let count = self.count.saturating_add(usize::from(!self.is_wrapped));
        self.out.overwrite(self.count_at, count);
        if self.out.is_full() {
            self.out.take_back(before);
            self.out.overwrite(self.count_at, self.count);
            return Err(Full);
        }
        self.count = count;
        self.is_wrapped = sample.is_wrapper();
        Ok(())
    }

    /// How many samples the datagram holds, as its header says.
    pub const fn samples(&self) -> usize {
        self.count
    }

    /// The datagram.
    pub fn finish(self) -> &'b [u8] {
        self.out.finish()
    }
}

/// The buffer has no room for what should be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the buffer is full: send the datagram and start another one")]
pub struct Full;
