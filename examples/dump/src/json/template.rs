use sflow_v5::field::Kind;
use sflow_v5::{DataFormat, Sample};

use crate::record::Space;

/// Structures with a field of several numbers, which the iteration over fields joins into one.
const COMPOUND: &[&str] = &["lag_port_stats"];

/// The constant parts of samples and records, formatted once.
pub(super) struct Templates {
    samples: Vec<(DataFormat, String)>,
    flow: Records,
    counter: Records,
}

/// The constant parts of a record.
pub(super) struct Template {
    format: DataFormat,
    /// Up to the brace before the fields.
    pub(super) head: Box<[u8]>,
    /// For each field, the comma before it (except the first field, which is never absent), its
    /// name and the colon.
    pub(super) keys: Box<[Box<[u8]>]>,
}

impl Templates {
    pub(super) fn new() -> Self {
        let samples = Sample::REGISTERED.iter();
        Self {
            samples: samples
                .map(|(format, name)| {
                    (
                        *format,
                        format!("{{\"format\":\"{format}\",\"name\":\"{name}\""),
                    )
                })
                .collect(),
            flow: Records::new(Space::Flow),
            counter: Records::new(Space::Counter),
        }
    }

    /// The start of a sample; empty for an unknown format.
    pub(super) fn sample(&self, format: DataFormat) -> &[u8] {
        let mut samples = self.samples.iter();
        let sample = samples.find(|(known, _)| *known == format);
        sample.map_or(&[], |(_, head)| head.as_bytes())
    }

    /// The template of a record; `None` if a field has several values.
    #[inline]
    pub(super) fn record(&self, space: Space, format: DataFormat) -> Option<&Template> {
        match space {
            Space::Sample => None,
            Space::Flow => self.flow.find(format),
            Space::Counter => self.counter.find(format),
        }
    }
}

/// The templates of one format space.
struct Records {
    templates: Vec<Template>,
    /// The index of the template by the format number of standard records.
    standard: Vec<Option<u16>>,
}

impl Records {
    fn new(space: Space) -> Self {
        let mut records = Self {
            templates: Vec::new(),
            standard: Vec::new(),
        };
        for line in space.records() {
            let has_list = line.fields.iter().any(|field| field.kind == Kind::List);
            if has_list || COMPOUND.contains(&line.name) {
                continue;
            }
            if line.format.enterprise() == 0 {
                let number = line.format.format() as usize;
                let length = records.standard.len().max(number + 1);
                records.standard.resize(length, None);
                records.standard[number] = u16::try_from(records.templates.len()).ok();
            }
            let (format, name) = (line.format, line.name);
            let head = format!("{{\"format\":\"{format}\",\"name\":\"{name}\",\"fields\":{{");
            let keys = line.fields.iter();
            records.templates.push(Template {
                format,
                head: head.into_bytes().into(),
                keys: keys
                    .enumerate()
                    .map(|(index, field)| key(index, field.name))
                    .collect(),
            });
        }
        records
    }

    #[inline]
    fn find(&self, format: DataFormat) -> Option<&Template> {
        if format.enterprise() == 0 {
            let place = self.standard.get(format.format() as usize)?;
            return self.templates.get(usize::from((*place)?));
        }
        let mut templates = self.templates.iter();
        templates.find(|template| template.format == format)
    }
}

fn key(index: usize, name: &str) -> Box<[u8]> {
    let comma = if index > 0 { "," } else { "" };
    format!("{comma}\"{name}\":").into_bytes().into()
}
