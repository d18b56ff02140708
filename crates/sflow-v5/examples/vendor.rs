//! A structure of one's own: declared in a few lines, found and encoded like any other.
//!
//! `cargo run -p sflow-v5 --example vendor`

use sflow_v5::enums::DataSourceKind;
use sflow_v5::types::{Counter32, Gauge32, Text};
use sflow_v5::{
    CounterRecord, CounterStructure, CountersSample, DataFormat, DataSource, Datagram, Encoder,
    Frame, Header, Records, Sample, Structure, structure,
};

structure! {
    /// What our appliance counts for each of its tenants.
    pub struct Tenant<'a>: "tenant" {
        /// Name of the tenant.
        name: Text<'a>,
        /// Requests served.
        requests as reqCount: Counter32 [requests],
        /// Open connections; since version 2.
        open: Option<Gauge32>,
    }
}

/// The number of it: an enterprise's own, and the seventh structure there.
impl<'a> CounterStructure<'a> for Tenant<'a> {
    const FORMAT: DataFormat = DataFormat::new(64_999, 7);
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // An agent writes it as a frame.
    let tenant = Tenant {
        name: Text::from("north"),
        requests: 41.into(),
        open: Some(3.into()),
    };
    let mut body = [0; 64];
    let record = CounterRecord::Unknown(Frame::encode(Tenant::FORMAT, &tenant, &mut body)?);
    let mut buffer = [0; 1400];
    let mut encoder = Encoder::new(&mut buffer, &Header::default())?;
    encoder.push(&Sample::Counters(CountersSample {
        source_id: DataSource::new(DataSourceKind::LOGICAL, 8080),
        records: Records::from(&[record][..]),
        ..CountersSample::default()
    }))?;
    let datagram = Datagram::parse(encoder.finish())?;

    // A collector finds it by its type.
    for sample in datagram.samples() {
        let Sample::Counters(sample) = sample else {
            continue;
        };
        let Some(tenant) = sample.find::<Tenant<'_>>() else {
            continue;
        };
        println!("{}: {} requests", tenant.name, tenant.requests);
        for (index, field) in Tenant::FIELDS.iter().enumerate() {
            println!(
                "  {} = {:?} {}",
                field.name,
                tenant.known(index),
                field.unit
            );
        }
    }
    Ok(())
}
