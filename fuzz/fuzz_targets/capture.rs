//! Fuzzes a capture file: see `sflow_fuzz::check_capture`.
//!
//! With cargo-fuzz, this is a fuzz target; with plain cargo, a program that checks files.
#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| sflow_fuzz::check_capture(bytes));

#[cfg(not(fuzzing))]
fn main() -> std::io::Result<()> {
    for path in std::env::args_os().skip(1) {
        sflow_fuzz::check_capture(&std::fs::read(path)?);
    }
    Ok(())
}
