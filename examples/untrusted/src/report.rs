use std::fmt::{Arguments, Write as _};

/// Prints a line to standard error, after the name of the program. Unprintable characters, which file
/// names may contain, are replaced; errors of writing are ignored.
///
/// ```
/// let file = "a\u{1b}[31m.pcap";
/// untrusted::report!("cannot read {file}");
/// ```
#[macro_export]
macro_rules! report {
    ($($message:tt)*) => {
        $crate::write_report(&mut ::std::io::stderr(), env!("CARGO_PKG_NAME"), format_args!($($message)*))
    };
}

/// Writes a line as [`report!`] does.
pub fn write_report(out: &mut impl std::io::Write, program: &str, message: Arguments<'_>) {
    let mut line = format!("{program}: ");
    write!(line, "{message}").ok();
    writeln!(out, "{}", crate::printable(&line)).ok();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn report_is_one_line_without_unprintable_characters() {
        let mut out = Vec::new();
        let file = "a\n\u{1b}[2Jb.pcap";
        write_report(&mut out, "query", format_args!("cannot read {file}"));
        assert_eq!(
            out,
            "query: cannot read a\u{fffd}\u{fffd}[2Jb.pcap\n".as_bytes()
        );
    }
}
