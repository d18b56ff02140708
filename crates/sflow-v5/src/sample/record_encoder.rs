use core::marker::PhantomData;

use crate::counter::CounterRecord;
use crate::error::EncodeError;
use crate::flow::FlowRecord;
use crate::frame::{Record, Records, write_structure};
use crate::structure::{CounterStructure, FlowStructure};
use crate::writer::Writer;

/// Appends records to the sample that an [`Encoder`](crate::Encoder) is writing.
///
/// `R` is [`FlowRecord`] or [`CounterRecord`], and decides which structures can be pushed.
#[derive(Debug)]
pub struct RecordEncoder<'e, 'b, R> {
    out: &'e mut Writer<'b>,
    count: usize,
    records: PhantomData<R>,
}

impl<'e, 'b, R> RecordEncoder<'e, 'b, R> {
    /// Writes the number of records, those of the sample, and those that `push` appends.
    pub(crate) fn run<'a, S: Record<'a>>(
        records: &Records<'a, S>,
        out: &'e mut Writer<'b>,
        push: impl FnOnce(&mut Self) -> Result<(), EncodeError>,
    ) -> Result<(), EncodeError> {
        let count_at = out.len();
        let count = records.write(out);
        let mut encoder = Self {
            out,
            count,
            records: PhantomData,
        };
        push(&mut encoder)?;
        let Self { out, count, .. } = encoder;
        out.overwrite(count_at, count);
        Ok(())
    }

    /// Appends one record: all that `record` writes, or nothing.
    #[inline(always)]
    fn append(&mut self, record: impl FnOnce(&mut Writer<'_>)) -> Result<(), EncodeError> {
        if self.out.is_full() {
            return Err(EncodeError::BufferFull);
        }
        let before = self.out.len();
        record(self.out);
        if self.out.is_full() {
            self.out.truncate(before);
            return Err(EncodeError::BufferFull);
        }
        self.count = self.count.saturating_add(1);
        Ok(())
    }
}

impl RecordEncoder<'_, '_, FlowRecord<'_>> {
    /// Appends a structure as a record.
    ///
    /// # Errors
    ///
    /// [`EncodeError::BufferFull`] if it does not fit. The record is then not written, and the
    /// sample can be completed without it.
    pub fn push<'s, T: FlowStructure<'s>>(&mut self, structure: &T) -> Result<(), EncodeError> {
        self.append(|out| write_structure(T::FORMAT, structure, out))
    }

    /// Appends a record of any structure, such as one that was decoded.
    ///
    /// # Errors
    ///
    /// As [`push`](Self::push).
    pub fn push_record(&mut self, record: &FlowRecord<'_>) -> Result<(), EncodeError> {
        self.append(|out| record.write(out))
    }
}

impl RecordEncoder<'_, '_, CounterRecord<'_>> {
    /// Appends a structure as a record.
    ///
    /// # Errors
    ///
    /// [`EncodeError::BufferFull`] if it does not fit. The record is then not written, and the
    /// sample can be completed without it.
    pub fn push<'s, T: CounterStructure<'s>>(&mut self, structure: &T) -> Result<(), EncodeError> {
        self.append(|out| write_structure(T::FORMAT, structure, out))
    }

    /// Appends a record of any structure, such as one that was decoded.
    ///
    /// # Errors
    ///
    /// As [`push`](Self::push).
    pub fn push_record(&mut self, record: &CounterRecord<'_>) -> Result<(), EncodeError> {
        self.append(|out| record.write(out))
    }
}
