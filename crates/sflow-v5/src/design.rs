//! Why this crate is shaped as it is: the questions that were open, what was measured, and what
//! was decided.
//!
//! Figures are nanoseconds on two shared x86-64 cores, the best of several runs; only those in
//! one table may be compared. `cargo bench -p sflow-benches --bench shapes` measures them again.
//!
//! # Is what is malformed an item, an error, or the end?
//!
//! An item. A bad record costs that record: it comes out as `Malformed`, with its bytes and the
//! reason, and the next good one follows. An iterator over `Result`s would say the same in two
//! layers, and every caller would have to take both off; one that stops at the first error would
//! lose good data. It is also free, as the variant is built in a function of its own that is
//! never reached in good data:
//!
//! | one record, in the crate's way and in others | ns |
//! | --- | --- |
//! | frames alone, nothing read | 2.1 |
//! | one flat enum, malformed records among its variants (the crate) | 4.6 |
//! | an enum inside a `Result`, the error beside it | 4.5 |
//! | a visitor, called with a reference to each structure | 4.3 |
//! | the dispatch in one function, all structures inlined into it | 5.4 |
//! | everything inlined into the caller's loop | 4.7 |
//! | the flat enum, moved out of the iterator's item by the caller | 8.5 |
//!
//! Who wants all or nothing asks for it, and then relies on it:
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
//! # Is a record read at once, or when a field is asked for?
//!
//! At once, into a `Copy` structure with public fields, by one match that the compiler checks.
//! Reading a record on top of finding it costs 2.5 ns, so there is little to be saved by putting
//! it off, and a visitor saves nothing that is worth giving up `for`, `break` and `?`. Who wants
//! one structure of a sample says so, and the others are stepped over unread, faster than
//! walking the frames and looking at each:
//!
//! ```
//! # use sflow_v5::{CountersSample, counter::VirtCpu};
//! fn processor_time(sample: &CountersSample<'_>) -> Option<u32> {
//!     sample.find::<VirtCpu>()?.cpu_time.known()
//! }
//! # assert_eq!(processor_time(&CountersSample::default()), None);
//! ```
//!
//! The enum is as large as its largest structure. Boxing the large ones would need an allocator;
//! keeping a reference to the bytes instead would make every access a conversion:
//!
//! ```
//! # use sflow_v5::{CounterRecord, counter::MemcachedCounters};
//! assert_eq!(size_of::<MemcachedCounters>(), 144);
//! assert_eq!(size_of::<CounterRecord<'_>>(), 152);
//! ```
//!
//! # What makes it fast?
//!
//! * **One bounds check for each structure.** The fields before the first one of variable size
//!   are taken as one slice of a length that the compiler knows. Reading from it, every further
//!   check is decided at compile time and disappears; loads and byte swaps are merged and done
//!   in wide steps.
//! * **Records are written once, where they are wanted.** A hundred bytes that are written in
//!   small steps and copied in large ones make the processor wait for its own stores, and such a
//!   copy costs as much as all the reading. So what reads a record returns the `Option` that the
//!   iterator returns, though it is never `None`: the caller's place for the item is handed
//!   through, and nothing is copied. Matching on the item, or on a reference to it, keeps it
//!   there. Passing it on by value does not, as the last line of the table above shows.
//! * **A function for each structure, found in a table.** Inlined together, the stores of
//!   different structures get mixed up, in ways that change with every edit. A `match` over 70
//!   numbers is a chain of comparisons in front of a jump; two loads and a call are not, and took
//!   a tenth of the instructions out of a walk.
//! * **A sample stays in registers.** The iterator's item is taken apart by the caller's `match`, so
//!   the compiler need not put it together; but only if the tag and everything in the variants have
//!   the same alignment, and nothing of it is made by a function that was not inlined. One variant
//!   of two 32-bit numbers cost a third of the speed of `find`.
//! * **Errors are out of the way.** Reading says only whether it worked. Why it did not is found
//!   by reading again, field by field, in a cold function.
//! * **Padding is rare.** Between frames a branch that is never taken is cheaper than computing
//!   the padding, which the address of the next frame would have to wait for: a tenth of the
//!   time of a walk.
//!
//! * **Neighbours of one width.** A one-byte field among 32-bit ones (`Encoding`, once) made the
//!   compiler take the others apart into bytes: a tenth of the time on counters.
//!
//! Two floors say how much is left. Both walk the same frames; one reads the lengths alone, the
//! other swaps and adds up every word, which the compiler vectorises, and stores nothing. Against
//! it stands a walk in which every sample and record is a value in memory (commit 1903a28):
//!
//! | ns a datagram | flows | counters | host | containers | mixed |
//! | --- | --- | --- | --- | --- | --- |
//! | walk the lengths | 50 | 42 | 32 | 70 | 49 |
//! | and read every word | 128 | 98 | 55 | 111 | 128 |
//! | every record typed | 101 | 91 | 52 | 111 | 105 |
//! | find one record a sample | 52 | 47 | 20 | 33 | 41 |
//!
//! Three quarters of the second floor was the aim. Flows reach it; where records are short
//! (containers: 28 of them a datagram) the walk alone takes 0.63 of the floor, and the 0.12 that are
//! left for finding a reader, converting and storing are 0.5 ns a record. What is left costs about
//! 22 instructions a record in the loop, six to find its reader, sixteen to read it, and a hundred
//! a sample. Converting a field when it is asked for would reach the aim; values that one can
//! compare, copy and write down were worth more.
//!
//! # Where is nom, and where is it not?
//!
//! Decoders are nom functions: `&[u8]` to `IResult`, and combinators put frames together.
//! The leaves are ours:
//!
//! | | nom's | the crate's |
//! | --- | --- | --- |
//! | numbers of a structure (`be_u32`, …: 19 fields) | 20.8 | 3.8 |
//! | a frame from nom's parts (`be_u32`, `length_data`), padding included | 3.7 | 2.2 |
//! | a frame from nom's combinators on the crate's leaves | 2.2 | 2.2 |
//!
//! nom's numbers walk from byte to byte over any kind of input; ours take `N` bytes at once.
//! Combinators cost nothing: once inlined, the pairs and results are gone. Errors do cost, if
//! they are large and used; that is why [`Wire`](crate::wire::Wire) decoders move a slice
//! along and return a bare [`DecodeError`](crate::wire::DecodeError), and nom is not to be seen from outside.
//!
//! An error has to say where. The place is the distance to the end of the input, which every
//! slice knows, and becomes an offset only in the report; an input that carries its offset along
//! was four to five times slower.
//!
//! # How is a structure declared?
//!
//! Once, by [`structure!`](crate::structure): fields in the order of the wire, in the words of
//! the specification. Type, decoder, encoder, walk over fields, and serialisation come from
//! those lines, and from nothing else. What a field type cannot say is another field type,
//! written by hand ([`Wire`](crate::wire::Wire)), never another option of the macro. A registry
//! lists the structures of one number space, once; the enum and its dispatch come from that
//! list, and a number that stands there twice does not compile.
//!
//! # Are compact and expanded samples two things?
//!
//! Not to the reader. They differ in how two numbers are packed; [`Encoding`](crate::sample::Encoding)
//! remembers it for writing back.
