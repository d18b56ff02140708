//! The commands of QUESTIONS.md and README.md print what these documents show.

use std::path::Path;
use std::process::Command;
use std::{env, fs};

/// Runs the commands of a document, and compares their output with the lines after them. With
/// `BLESS` in the environment, the document is renewed. Returns the number of commands.
fn check(name: &str) -> usize {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let path = folder.join(name);
    let text = fs::read_to_string(&path).unwrap();
    let mut renewed = String::new();
    let mut commands = 0;
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        renewed.push_str(line);
        renewed.push('\n');
        let Some(command) = line.strip_prefix("$ query ") else {
            continue;
        };
        if command.contains("--listen") {
            continue;
        }
        let mut command = command.to_owned();
        while command.ends_with('\\') {
            command.pop();
            let next = lines.next().unwrap();
            renewed.push_str(next);
            renewed.push('\n');
            command.push_str(next);
        }
        let program = env!("CARGO_BIN_EXE_query");
        let output = Command::new("sh")
            .args(["-c", &format!("{program} {command}")])
            .current_dir(folder.join("../.."))
            .output()
            .unwrap();
        assert!(output.status.success(), "{command}: {output:?}");
        assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{command}");
        let text = String::from_utf8(output.stdout).unwrap();
        let mut shown = String::new();
        while let Some(line) = lines.next_if(|line| *line != "```") {
            shown.push_str(line);
            shown.push('\n');
        }
        // An ellipsis in the document leaves out the rest.
        let is_cut = shown.ends_with("…\n");
        let shown = shown.trim_end_matches("…\n");
        if env::var_os("BLESS").is_none() {
            match is_cut {
                true => assert!(text.starts_with(shown), "{command}:\n{text}"),
                false => assert_eq!(shown, text.trim_end().to_owned() + "\n", "{command}"),
            }
        }
        let rows = shown.lines().count();
        match is_cut {
            true => {
                renewed.extend(text.lines().take(rows).map(|line| format!("{line}\n")));
                renewed.push_str("…\n");
            }
            false => renewed.push_str(&format!("{}\n", text.trim_end())),
        }
        commands += 1;
    }
    if env::var_os("BLESS").is_some() {
        fs::write(&path, renewed).unwrap();
    }
    commands
}

#[test]
fn questions_have_the_answers_shown() {
    assert_eq!(check("QUESTIONS.md"), 15);
}

#[test]
fn commands_of_readme_print_what_it_shows() {
    assert!(check("README.md") >= 3);
}
