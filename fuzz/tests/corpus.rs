//! Every input that is kept is checked under plain `cargo test`.

use std::fs;
use std::path::PathBuf;

#[test]
fn datagram() {
    let corpus = PathBuf::from(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../testdata/corpus/datagram"
    ));
    let mut checked = 0;
    for entry in fs::read_dir(corpus).unwrap() {
        let path = entry.unwrap().path();
        println!("{}", path.display());
        sflow_fuzz::check_datagram(&fs::read(path).unwrap());
        checked += 1;
    }
    assert!(checked >= 40, "only {checked} inputs");
}
