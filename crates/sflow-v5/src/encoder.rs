use crate::counter::CounterRecord;
use crate::datagram::Header;
use crate::error::EncodeError;
use crate::flow::FlowRecord;
use crate::frame::write;
use crate::sample::{CountersSample, DiscardedPacket, FlowSample, RecordEncoder, Sample};
use crate::writer::Writer;

/// Writes a datagram into a buffer provided by the caller, sample by sample.
///
/// A sample is written completely or not at all. When one does not fit, an agent sends the
/// datagram, starts the next one, and writes the sample again:
///
/// ```
/// use sflow_v5::counter::VirtCpu;
/// use sflow_v5::enums::{DataSourceKind, DomainState};
/// use sflow_v5::{Address, CountersSample, DataSource, Datagram, Encoder, Header, Sample};
///
/// let header = Header {
///     agent_address: Address::V4([10, 0, 0, 1]),
///     sequence_number: 1,
///     ..Header::default()
/// };
/// let sample = CountersSample {
///     sequence_number: 1,
///     source_id: DataSource::new(DataSourceKind::LOGICAL, 100_001),
///     ..CountersSample::default()
/// };
/// let cpu = VirtCpu {
///     state: DomainState::RUNNING,
///     cpu_time: 1_250.into(),
///     nr_virt_cpu: 2.into(),
/// };
///
/// let mut buffer = [0; 1400];
/// let mut encoder = Encoder::new(&mut buffer, &header)?;
/// encoder.counters_sample(&sample, |records| records.push(&cpu))?;
/// let bytes = encoder.finish();
///
/// let datagram = Datagram::parse(bytes)?;
/// assert_eq!(datagram.header, header);
/// let Some(Sample::Counters(sample)) = datagram.samples().next() else { panic!() };
/// assert_eq!(sample.find::<VirtCpu>(), Some(cpu));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Encoder<'b> {
    out: Writer<'b>,
    count_at: usize,
    count: usize,
    /// Whether the last sample counts together with the next one.
    is_wrapped: bool,
}

impl<'b> Encoder<'b> {
    /// Starts a datagram.
    ///
    /// # Errors
    ///
    /// [`EncodeError::BufferFull`] if `buffer` is too small for the header: 28 bytes, 40 with
    /// the address of an IPv6 agent.
    pub fn new(buffer: &'b mut [u8], header: &Header) -> Result<Self, EncodeError> {
        let mut out = Writer::new(buffer);
        header.encode(&mut out);
        let count_at = out.len();
        out.word(0);
        if out.is_full() {
            Err(EncodeError::BufferFull)
        } else {
            Ok(Self {
                out,
                count_at,
                count: 0,
                is_wrapped: false,
            })
        }
    }

    /// Appends a sample with the records that it holds.
    ///
    /// # Errors
    ///
    /// [`EncodeError::BufferFull`] if the sample does not fit into the buffer,
    /// [`EncodeError::OutOfRange`] if a field does not fit into the sample's encoding. Nothing
    /// of the sample is then written.
    pub fn push(&mut self, sample: &Sample<'_>) -> Result<(), EncodeError> {
        sample.check_ranges()?;
        self.append(sample.is_wrapper(), |out| {
            sample.write(out);
            Ok(())
        })
    }

    /// Appends encoded samples as [`Datagram::encoded_samples`](crate::Datagram::encoded_samples)
    /// returns them: their bytes, which are not checked, and their number.
    ///
    /// # Errors
    ///
    /// [`EncodeError::BufferFull`] if they do not all fit into the buffer. Nothing of them is
    /// then written.
    pub fn push_encoded(&mut self, samples: &[u8], count: u32) -> Result<(), EncodeError> {
        let before = self.out.len();
        self.out.put(samples);
        if self.out.is_full() {
            self.out.truncate(before);
            return Err(EncodeError::BufferFull);
        }
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        self.count = self.count.saturating_add(count);
        self.is_wrapped = false;
        self.out.overwrite(self.count_at, self.count);
        Ok(())
    }

    /// Appends a flow sample, and the records that `records` pushes after those in `sample`.
    ///
    /// ```
    /// use sflow_v5::flow::{ExtendedSwitch, SampledEthernet};
    /// use sflow_v5::{EncodeError, Encoder, FlowSample};
    ///
    /// fn write(encoder: &mut Encoder<'_>, sequence_number: u32) -> Result<(), EncodeError> {
    ///     let sample = FlowSample { sequence_number, ..FlowSample::default() };
    ///     encoder.flow_sample(&sample, |records| {
    ///         records.push(&SampledEthernet { length: 1500, ..SampledEthernet::default() })?;
    ///         records.push(&ExtendedSwitch { src_vlan: 7.into(), ..ExtendedSwitch::default() })
    ///     })
    /// }
    /// # let mut buffer = [0; 200];
    /// # let mut encoder = Encoder::new(&mut buffer, &sflow_v5::Header::default())?;
    /// # write(&mut encoder, 1)?;
    /// # assert_eq!(encoder.samples(), 1);
    /// # Ok::<(), EncodeError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`push`](Self::push), and any error that `records` returns. Nothing of the sample is
    /// then written.
    pub fn flow_sample<F>(&mut self, sample: &FlowSample<'_>, records: F) -> Result<(), EncodeError>
    where
        F: FnOnce(&mut RecordEncoder<'_, '_, FlowRecord<'_>>) -> Result<(), EncodeError>,
    {
        sample.check_ranges()?;
        let format = Sample::Flow(*sample).format();
        self.append(false, |out| {
            write(format, out, |out| {
                sample.encode_fields(out);
                RecordEncoder::run(&sample.records, out, records)
            })
        })
    }

    /// Appends a counters sample, and the records that `records` pushes after those in
    /// `sample`. There is an example at [`Encoder`].
    ///
    /// # Errors
    ///
    /// As [`push`](Self::push), and any error that `records` returns. Nothing of the sample is
    /// then written.
    pub fn counters_sample<F>(
        &mut self,
        sample: &CountersSample<'_>,
        records: F,
    ) -> Result<(), EncodeError>
    where
        F: FnOnce(&mut RecordEncoder<'_, '_, CounterRecord<'_>>) -> Result<(), EncodeError>,
    {
        sample.check_ranges()?;
        let format = Sample::Counters(*sample).format();
        self.append(false, |out| {
            write(format, out, |out| {
                sample.encode_fields(out);
                RecordEncoder::run(&sample.records, out, records)
            })
        })
    }

    /// Appends the notification of a discarded packet, and the records that `records` pushes
    /// after those in `sample`.
    ///
    /// # Errors
    ///
    /// As [`push`](Self::push), and any error that `records` returns. Nothing of the sample is
    /// then written.
    pub fn discarded_packet<F>(
        &mut self,
        sample: &DiscardedPacket<'_>,
        records: F,
    ) -> Result<(), EncodeError>
    where
        F: FnOnce(&mut RecordEncoder<'_, '_, FlowRecord<'_>>) -> Result<(), EncodeError>,
    {
        let format = Sample::Discarded(*sample).format();
        self.append(false, |out| {
            write(format, out, |out| {
                sample.encode_fields(out);
                RecordEncoder::run(&sample.records, out, records)
            })
        })
    }

    /// Appends one sample: all that `sample` writes, or nothing.
    #[inline(always)]
    fn append(
        &mut self,
        is_wrapper: bool,
        sample: impl FnOnce(&mut Writer<'_>) -> Result<(), EncodeError>,
    ) -> Result<(), EncodeError> {
        let before = self.out.len();
        let mut result = sample(&mut self.out);
        let count = self.count.saturating_add(usize::from(!self.is_wrapped));
        self.out.overwrite(self.count_at, count);
        if self.out.is_full() {
            result = result.and(Err(EncodeError::BufferFull));
        }
        if result.is_err() {
            self.out.truncate(before);
            self.out.overwrite(self.count_at, self.count);
        } else {
            self.count = count;
            self.is_wrapped = is_wrapper;
        }
        result
    }

    /// Number of samples in the datagram so far.
    pub const fn samples(&self) -> usize {
        self.count
    }

    /// The datagram.
    pub fn finish(self) -> &'b [u8] {
        self.out.finish()
    }
}
