//! A structure of your own: declared, encoded, found, and listed by field name.
//!
//! `cargo run -p sflow-v5 --example vendor`

use sflow_v5::types::{Counter32, Text};
use sflow_v5::{CounterStructure, CountersSample, DataFormat, Datagram, Encoder, Header};
use sflow_v5::{Sample, Structure, structure};

structure! {
    /// Counters of a tenant of our appliance.
    pub struct Tenant<'a>: "tenant" {
        /// Name of the tenant.
        name: Text<'a>,
        /// Requests served.
        requests as reqCount: Counter32 [requests],
    }
}

impl<'a> CounterStructure<'a> for Tenant<'a> {
    const FORMAT: DataFormat = DataFormat::new(64_999, 7); // enterprise, number of the structure
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (name, requests) = ("north".into(), 41.into());
    let tenant = Tenant { name, requests };
    let mut buffer = [0; 1400];
    let mut encoder = Encoder::new(&mut buffer, &Header::default())?;
    encoder.counters_sample(&CountersSample::default(), |records| records.push(&tenant))?;
    for sample in Datagram::parse(encoder.finish())?.samples() {
        if let Sample::Counters(sample) = sample {
            let tenant = sample.find::<Tenant<'_>>().unwrap_or_default();
            for (field, value) in tenant.known_fields() {
                println!("{} = {value} {}", field.name, field.unit);
            }
        }
    }
    Ok(())
}
