//! Configurations that are validated, refused or reported at the start.

use std::fs;
use std::process::Command;
use std::thread;
use std::time::Duration;

use crate::{Elb, LONGEST, TOKEN, config, engine, small};

#[test]
fn validation_reads_no_file_and_requires_token() {
    let folder = tempfile::tempdir().unwrap();
    let fifo = folder.path().join("fifo");
    nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let secret = folder.path().join("secret");
    fs::write(&secret, "a secret of more than sixteen letters").unwrap();
    let elb = Elb::start(
        folder.path(),
        &config(&engine(small), &format!("token = \"{TOKEN}\"\n")),
        "",
        &[],
    );
    let path = "/api/v1/config/validate";
    let toml = "Content-Type: application/toml\r\n";
    let with_token = format!("{toml}Authorization: Bearer {TOKEN}\r\n");
    assert_eq!(elb.ask("POST", path, toml, "").0, 401);
    assert_eq!(elb.get("/api/v1/query?q=avg:load_one").0, 401);
    let mut answers = Vec::new();
    for file in [
        fifo.to_str().unwrap(),
        secret.to_str().unwrap(),
        folder.path().to_str().unwrap(),
        "/dev/zero",
        "/etc/shadow",
        "/etc/hostname",
        "/no/such/file",
    ] {
        for text in [
            format!("[http]\ntoken_file = \"{file}\""),
            format!(
                "[docker]\nendpoints = [\"https://a\"]\n\
                 tls = {{ ca = \"{file}\", cert = \"{file}\", key = \"{file}\" }}"
            ),
            format!(
                "[[pool]]\nname = \"a\"\nhook = {{ url = \"http://a/\", token_file = \"{file}\" }}\n\
                 policy = {{ metric = [{{ name = \"load_one\", target = 1 }}] }}"
            ),
        ] {
            let (status, body) = elb.ask("POST", path, &with_token, &text);
            assert_eq!(status, 200, "{file}: {body}");
            answers.push(body);
        }
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:?}");
    assert_eq!(elb.get("/healthz").0, 200);
    elb.terminate();
}

#[test]
fn twelve_thousand_services_are_validated_while_health_is_answered() {
    let folder = tempfile::tempdir().unwrap();
    let elb = Elb::start(folder.path(), &config(&engine(small), ""), "", &[]);
    let mut text = "[defaults]\nmetric = [{ name = \"vir_cpu_cores\", target = 0.5 }]\n".to_owned();
    for number in 0..12_000 {
        text += &format!("[[service]]\nname = \"service-{number}\"\n");
    }
    let toml = "Content-Type: application/toml\r\n";
    thread::scope(|scope| {
        let validation = scope.spawn(|| elb.ask("POST", "/api/v1/config/validate", toml, &text));
        while !validation.is_finished() {
            assert_eq!(elb.get("/healthz").0, 200);
            thread::sleep(Duration::from_millis(20));
        }
        let (status, body) = validation.join().unwrap();
        assert_eq!(status, 200, "{}", &body[..body.len().min(500)]);
        assert!(body.contains("\"service-11999\""));
    });
}

#[test]
fn configuration_with_unreadable_file_does_not_start() {
    let folder = tempfile::tempdir().unwrap();
    let fifo = folder.path().join("fifo");
    nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let large = folder.path().join("large");
    fs::write(&large, "s3cret".repeat(10_000)).unwrap();
    let binary = folder.path().join("binary");
    fs::write(&binary, b"s3cret\xff").unwrap();
    let path = folder.path().join("elb.toml");
    for (http, cause) in [
        (format!("token_file = {fifo:?}"), "not a regular file"),
        (
            format!("token_file = {:?}", folder.path()),
            "not a regular file",
        ),
        (
            "token_file = \"/dev/zero\"".to_owned(),
            "not a regular file",
        ),
        (format!("token_file = {large:?}"), "larger than 4096 bytes"),
        (format!("token_file = {binary:?}"), "not UTF-8 text"),
        ("names = [\"elb.example\"]".to_owned(), "http.token_file"),
    ] {
        fs::write(&path, config("tcp://127.0.0.1:1", &http)).unwrap();
        for arguments in [
            &["run", "--config"][..],
            &["run", "--validate", "--config"],
            &["check", "--listen-for", "0s", "--config"],
        ] {
            let output = Command::new(env!("CARGO_BIN_EXE_elb"))
                .args(arguments)
                .arg(&path)
                .output()
                .unwrap();
            assert!(!output.status.success(), "{http}: {arguments:?}");
            let output_text = [output.stdout, output.stderr].concat();
            let output_text = String::from_utf8(output_text).unwrap();
            assert!(
                output_text.contains(cause),
                "{http}: {arguments:?}: {output_text}"
            );
            let key = http.split(' ').next().unwrap();
            assert!(
                output_text.contains(&format!("http.{key}")),
                "{output_text}"
            );
            assert!(!output_text.contains("s3cret"), "{output_text}");
        }
    }
}

#[test]
fn d26_service_that_acts_without_control_mode_is_reported_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    // Reported even if no manager ever answers.
    let endpoint = engine(|_, _| thread::sleep(LONGEST));
    let act = "[[service]]\nname = \"shop\"\n[service.policy]\nmode = \"act\"\n";
    let text = config(&endpoint, act);
    let elb = Elb::start(folder.path(), &text, "", &[]);
    let line = elb.line_with("control.mode is not set");
    assert!(line.contains("WARN") && line.contains("shop"), "{line}");
    let (_, snapshot) = elb.get("/api/v1/snapshot");
    assert!(snapshot.contains("\"mode_unset\""), "{snapshot}");
    let (_, page) = elb.get("/");
    assert!(page.contains("Current problems"), "{page}");
    let path = folder.path().join("elb.toml");
    for (control, expected) in [
        ("", "Write mode = \"act\" under [control]"),
        ("[control]\nmode = \"act\"\n", "would act: shop"),
        ("[control]\nmode = \"advise\"\n", "nothing is changed"),
    ] {
        fs::write(&path, format!("{text}{control}")).unwrap();
        let output = Command::new(env!("CARGO_BIN_EXE_elb"))
            .args(["run", "--validate", "--config"])
            .arg(&path)
            .output()
            .unwrap();
        let output = String::from_utf8(output.stdout).unwrap();
        assert!(output.contains(expected), "{control}: {output}");
    }
}
