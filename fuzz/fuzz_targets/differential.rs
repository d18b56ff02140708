//! Any bytes as a datagram, read by others too: see `sflow_fuzz::check_differential`.
//!
//! Under cargo-fuzz a fuzz target; under plain cargo a program that checks the files it is given.
#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    sflow_fuzz::check_differential(bytes);
});

#[cfg(not(fuzzing))]
fn main() -> std::io::Result<()> {
    for path in std::env::args_os().skip(1) {
        sflow_fuzz::check_differential(&std::fs::read(path)?);
    }
    Ok(())
}
