//! Builds parts of datagrams.

/// A datagram from 10.0.0.1.
pub(crate) fn datagram(samples: &[Vec<u8>]) -> Vec<u8> {
    let count = u32::try_from(samples.len()).unwrap();
    counted(count, samples)
}

/// A datagram that announces another number of samples.
pub(crate) fn counted(count: u32, samples: &[Vec<u8>]) -> Vec<u8> {
    let header = u32s(&[5, 1, 0x0a00_0001, 0, 1, 1000, count]);
    [header, samples.concat()].concat()
}

/// A format, a length, and a body with padding.
pub(crate) fn frame(format: u32, body: &[u8]) -> Vec<u8> {
    long(format, u32::try_from(body.len()).unwrap(), body)
}

/// A frame that announces another length.
pub(crate) fn long(format: u32, length: u32, body: &[u8]) -> Vec<u8> {
    let mut frame = [&u32s(&[format, length]), body].concat();
    frame.resize(frame.len().next_multiple_of(4), 0);
    frame
}

/// A kind of sample: its name, its format, and the words before its records.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    pub(crate) format: u32,
    words: &'static [u32],
}

pub(crate) const FLOW: Kind = Kind {
    name: "flow",
    format: 1,
    words: &[1, 1, 400, 4000, 0, 1, 2],
};
pub(crate) const COUNTERS: Kind = Kind {
    name: "counters",
    format: 2,
    words: &[1, 0x0300_0001],
};
pub(crate) const DISCARDED: Kind = Kind {
    name: "discarded-packet",
    format: 5,
    words: &[1, 0, 1, 0, 3, 0, 279],
};

impl Kind {
    pub(crate) fn sample(self, records: &[Vec<u8>]) -> Vec<u8> {
        self.counted(u32::try_from(records.len()).unwrap(), records)
    }

    /// A sample that announces another number of records.
    pub(crate) fn counted(self, count: u32, records: &[Vec<u8>]) -> Vec<u8> {
        frame(self.format, &self.body(count, records))
    }

    pub(crate) fn body(self, count: u32, records: &[Vec<u8>]) -> Vec<u8> {
        [u32s(self.words), u32s(&[count]), records.concat()].concat()
    }
}

pub(crate) const RTMETRIC: u32 = 4300 << 12 | 1002;
pub(crate) const RTFLOW: u32 = 4300 << 12 | 1003;
pub(crate) const WRAPPER: u32 = 1991 << 12 | 1;

pub(crate) fn virt_cpu() -> Vec<u8> {
    frame(2101, &u32s(&[1, 1250, 2]))
}

pub(crate) fn switch() -> Vec<u8> {
    frame(1001, &u32s(&[0, 2, 0, 0]))
}

/// A valid sample.
pub(crate) fn good() -> Vec<u8> {
    COUNTERS.sample(&[virt_cpu()])
}

pub(crate) fn text(bytes: &[u8]) -> Vec<u8> {
    let mut text = u32s(&[u32::try_from(bytes.len()).unwrap()]);
    text.extend(bytes);
    text.resize(text.len().next_multiple_of(4), 0);
    text
}

pub(crate) fn u32s(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_be_bytes()).collect()
}
