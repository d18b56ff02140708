//! Design notes: the alternatives that were considered, their measurements, and the decisions.
//!
//! Figures are CPU nanoseconds on two shared x86-64 cores (AMD EPYC). Compare figures of one table
//! only. Unless stated otherwise, they are from a release build without link-time optimisation, which
//! is what cargo makes by default. `cargo bench -p sflow-benches --bench ratios --profile plain`
//! measures the first table again, `--bench shapes` the alternatives.
//!
//! # Malformed records
//!
//! A malformed record is an item of the iteration, with its bytes and the reason, and the next
//! record follows. An iterator of `Result`s would have the same information in two layers, and one
//! that stops at the first error would lose valid records. The variant costs nothing for valid
//! records, because a cold function builds it.
//!
//! Callers that accept only valid datagrams call [`validate`](crate::Datagram::validate):
//!
//! ```
//! # use sflow_v5::{Datagram, Error};
//! fn all_or_nothing(bytes: &[u8]) -> Result<Datagram<'_>, Error> {
//!     let datagram = Datagram::parse(bytes)?;
//!     datagram.validate()?;
//!     Ok(datagram)
//! }
//! # assert!(all_or_nothing(&[0, 0, 0, 5]).is_err());
//! ```
//!
//! # Records by value, frames for speed
//!
//! A record is decoded when the iterator reaches it, into a `Copy` structure with public fields.
//! The enum of all records is as large as its largest structure, and copying it costs more than
//! decoding it:
//!
//! ```
//! # use sflow_v5::{CounterRecord, Frame, counter::MemcachedCounters};
//! assert_eq!(size_of::<MemcachedCounters>(), 144);
//! assert_eq!(size_of::<CounterRecord<'_>>(), 152);
//! assert_eq!(size_of::<Frame<'_>>(), 24);
//! ```
//!
//! So there are three ways to read records; their costs are in the table below.
//!
//! * `sample.records()`: all records, by value. Matching on them in the loop does not copy them.
//!   Passing `&record` to a function that is not inlined, or collecting records, does.
//! * `sample.frames()`: all records, undecoded, 24 bytes each. [`Frame::read`](crate::Frame::read)
//!   decodes a structure, and the compiler removes the fields that are not used. This is the way to
//!   collect records, to pass them on, and to read few fields of many records:
//!
//!   ```
//!   # use sflow_v5::{CounterStructure, CountersSample, counter::{IfCounters, VirtCpu}};
//!   fn activity(sample: &CountersSample<'_>) -> u64 {
//!       let mut total = 0_u64;
//!       for frame in sample.frames() {
//!           total = total.wrapping_add(match frame.format {
//!               IfCounters::FORMAT => frame.read().map_or(0, |c: IfCounters| c.if_in_octets.0),
//!               VirtCpu::FORMAT => frame.read().map_or(0, |c: VirtCpu| c.cpu_time.0.into()),
//!               _ => 0,
//!           });
//!       }
//!       total
//!   }
//!   # assert_eq!(activity(&CountersSample::default()), 0);
//!   ```
//! * `sample.find::<T>()`: one record; all others are skipped without decoding.
//!
//! | ns per datagram, in cache | flows | counters | host | containers | mixed | recorded swarm |
//! | --- | ---: | ---: | ---: | ---: | ---: | ---: |
//! | floor: walk the lengths | 40 | 40 | 32 | 70 | 43 | 36 |
//! | floor: walk and read every word | 91 | 97 | 54 | 112 | 93 | 86 |
//! | match on records | 70 | 86 | 60 | 135 | 94 | 58 |
//! | match on frames | 44 | 41 | 23 | 64 | 54 | 38 |
//! | pass `&record` to a function | 156 | 178 | 133 | 302 | 177 | 141 |
//! | pass `&frame` to a function | 43 | 35 | 24 | 49 | 56 | 43 |
//! | collect records (reused `Vec`) | 169 | 191 | 148 | 320 | 195 | 155 |
//! | collect frames (reused `Vec`) | 42 | 45 | 26 | 59 | 48 | 40 |
//! | find `VirtCpu` or `SampledHeader` | 33 | 35 | 19 | 29 | 36 | 37 |
//! | find `IfCounters` | 24 | 27 | 19 | 38 | 30 | 26 |
//! | flowparser-sflow 0.3.0 | 704 | 670 | rejects all | 1251 | 781 | 579 |
//! | sflow-parser 0.7.0 | 1872 | 1554 | 1147 | 2785 | 2025 | 1644 |
//!
//! Matching on frames takes at most 0.57 of the time of reading every word, and collecting frames or
//! passing them on costs at most 13 % more. `find` takes at most 1.03 of the time of walking the lengths.
//! Matching on records takes 0.67 to 1.21 of the time of reading every word: where most records are
//! short, the call and the stores of each record dominate. Passing records on doubles it.
//!
//! The alternative was a lazy enum: 24 bytes, each variant a checked view of the bytes, and a
//! method that decodes the structure. It was measured for both registries, with the dispatch inlined
//! into the caller (the fastest variant), beside the other ways in one run:
//!
//! | ns per datagram | flows | counters | host | containers | mixed | recorded swarm |
//! | --- | ---: | ---: | ---: | ---: | ---: | ---: |
//! | walk and read every word | 133 | 99 | 59 | 116 | 134 | 121 |
//! | match on records | 90 | 95 | 71 | 150 | 115 | 76 |
//! | match on the lazy enum | 77 | 47 | 41 | 96 | 84 | 54 |
//! | match on frames | 68 | 51 | 31 | 68 | 73 | 49 |
//! | pass a reference to a record | 158 | 180 | 136 | 307 | 180 | 146 |
//! | pass a reference to the lazy enum | 80 | 73 | 56 | 126 | 98 | 72 |
//! | pass a reference to a frame | 51 | 46 | 28 | 62 | 58 | 45 |
//!
//! Frames are as small and faster, because a caller compares only the numbers that it uses. The
//! lazy enum also needs a second form of every record for encoding, a method call in front of every
//! field, and a 70-way comparison in every loop. It was not adopted.
//!
//! # What makes it fast
//!
//! * **One bounds check per structure.** The fields before the first field of variable size are one
//!   slice of constant length. All further checks are removed by the compiler, which merges loads
//!   and byte swaps.
//! * **Functions are called directly.** Without link-time optimisation, only `#[inline]` functions
//!   are inlined into other crates. A function that is passed as a parameter is called through a
//!   shim that is compiled once per crate and not inlined; nom's `Parser::process` is such a
//!   function. With it, finding one record took four times as long as decoding all of them.
//! * **Samples stay in registers.** The caller's `match` takes the sample apart, so it need not
//!   exist in memory, unless a function that is not inlined returns it or gets a reference to it or
//!   to the iterator. The cold functions therefore take and return the iterator by value. This
//!   halved the time of `find`.
//! * **Records are written once.** Decoding functions return the `Option` that the iterator returns
//!   (always `Some`), so that the record is written to its final place. A record that is written in
//!   small steps and copied in large ones makes the processor wait for its own stores.
//! * **One decoding function per structure, found in a table.** Two loads and a call replace a
//!   `match` over 70 numbers: 10 to 25 % of the time of matching on records.
//! * **Fields of one width.** A one-byte field (`Encoding`) among 32-bit fields makes the compiler
//!   copy samples byte by byte: 20 to 40 % when samples are passed by reference. `Encoding` is
//!   therefore 32 bits wide.
//! * **Cold errors.** Decoding returns only whether it worked. A cold function decodes again, field
//!   by field, to report the error.
//! * **Padding is rare.** A branch that is never taken is faster than computing the padding, which
//!   the address of the next frame would depend on: a tenth of the time of a walk.
//!
//! An alignment of 8 bytes for all samples was removed: it made no difference in this build.
//!
//! `find` is at the floor as long as datagrams are in the cache. Over 13 MB of datagrams, skipping a
//! sample is a cache miss, and the walk that reads every length is faster in corpora in which no
//! sample has the structure.
//!
//! # nom
//!
//! Frames are parsed with nom's combinators where an error has to be reported. Values are read by
//! the crate's own functions:
//!
//! | ns | nom | this crate |
//! | --- | ---: | ---: |
//! | the 19 numbers of `if_counters` (`be_u32`, …) | 20.8 | 3.8 |
//! | a frame from nom's parsers (`be_u32`, `length_data`), with padding | 3.7 | 2.2 |
//! | a frame from nom's combinators and this crate's parsers | 2.2 | 2.2 |
//!
//! nom's number parsers read byte by byte from any kind of input; this crate's take `N` bytes at
//! once. Combinators cost nothing if they are inlined, which a build without link-time optimisation
//! does not do. nom is not part of the public API: [`Wire`](crate::wire::Wire) decoders advance a
//! slice and return a [`DecodeError`](crate::wire::DecodeError).
//!
//! An error contains the distance to the end of the input, which every slice knows. The report
//! converts it to an offset. An input type that carries its offset was four to five times slower.
//!
//! # Declarations
//!
//! A structure is declared once, with [`structure!`](crate::structure): its fields in the order of
//! the wire, with the names of the specification. Type, decoder, encoder, field access and
//! serialisation are generated from this declaration. An encoding that no field type has is a new
//! field type, implemented by hand ([`Wire`](crate::wire::Wire)), not an option of the macro. A
//! registry lists the structures of one number space; enum and dispatch are generated from it, and
//! a duplicate number is a compile error.
//!
//! # Compact and expanded samples
//!
//! They are one type, because they differ only in the encoding of data source and interfaces.
//! [`Encoding`](crate::sample::Encoding) is kept, so that a sample can be encoded as it was received.
