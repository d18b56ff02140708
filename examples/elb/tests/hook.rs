//! Hooks that add and remove machines, including ones that hang, fail or answer falsely.

mod support;

use std::path::{Path, PathBuf};
use std::time::Duration;

use elb::pool::hook::{Action, Call, HookError, HookSettings, Order, Promise};
use support::{HookServer, MAX_WAIT, wait_until};

fn order() -> Order {
    Order {
        order: "pool-7-add".to_owned(),
        action: Action::Add,
        pool: "workers".to_owned(),
        machine: None,
    }
}

fn settings(call: Call) -> HookSettings {
    HookSettings {
        call,
        timeout: MAX_WAIT,
        tries: 3,
        pause: Duration::from_millis(10),
    }
}

/// A shell script as the operator's program.
fn script(folder: &Path, text: &str) -> HookSettings {
    let path = folder.join("hook.sh");
    std::fs::write(&path, text).unwrap();
    settings(Call::Program {
        program: PathBuf::from("/bin/sh"),
        arguments: vec![path.display().to_string(), folder.display().to_string()],
    })
}

#[tokio::test]
async fn program_receives_order_and_may_name_machine() {
    let folder = tempfile::tempdir().unwrap();
    let hook = script(
        folder.path(),
        "cat >\"$1/input\"\n\
         echo \"$ELB_ORDER $ELB_ACTION $ELB_POOL [$ELB_MACHINE]\" >\"$1/environment\"\n\
         echo '{\"machine\": \"node9\"}'\n",
    );
    let promise = hook.give(&order()).await.unwrap();
    assert_eq!(promise.machine.as_deref(), Some("node9"));
    let written = |name| std::fs::read_to_string(folder.path().join(name)).unwrap();
    assert_eq!(written("environment"), "pool-7-add add workers []\n");
    let input: serde_json::Value = serde_json::from_str(&written("input")).unwrap();
    assert_eq!(input["order"], "pool-7-add");
    assert_eq!(input["action"], "add");
}

#[tokio::test]
async fn failing_program_is_retried_with_same_key() {
    let folder = tempfile::tempdir().unwrap();
    let hook = script(
        folder.path(),
        "echo \"$ELB_ORDER\" >>\"$1/tries\"\n\
         [ \"$(wc -l <\"$1/tries\")\" -ge 3 ] || { echo 'no quota yet' >&2; exit 75; }\n",
    );
    assert_eq!(hook.give(&order()).await, Ok(Promise::default()));
    let tries = std::fs::read_to_string(folder.path().join("tries")).unwrap();
    assert_eq!(tries, "pool-7-add\n".repeat(3));
}

#[tokio::test]
async fn refusing_program_is_not_retried() {
    let folder = tempfile::tempdir().unwrap();
    let hook = script(
        folder.path(),
        "echo x >>\"$1/tries\"\necho 'no such zone' >&2\nexit 1\n",
    );
    let refusal = hook.give(&order()).await.unwrap_err();
    assert_eq!(
        refusal.to_string(),
        "/bin/sh refused: exit status 1: no such zone"
    );
    let tries = std::fs::read_to_string(folder.path().join("tries")).unwrap();
    assert_eq!(tries.lines().count(), 1);
    let nothing = settings(Call::Program {
        program: PathBuf::from("/no/such/program"),
        arguments: Vec::new(),
    });
    let refusal = nothing.give(&order()).await.unwrap_err();
    assert!(matches!(refusal, HookError::Refused { .. }), "{refusal}");
}

#[tokio::test(start_paused = true)]
async fn hanging_program_is_killed() {
    let folder = tempfile::tempdir().unwrap();
    let mut hook = script(folder.path(), "echo $$ >>\"$1/pids\"\nexec sleep 600\n");
    (hook.tries, hook.pause) = (2, Duration::ZERO);
    let timeout = hook.timeout;
    let giving = tokio::spawn(async move { hook.give(&order()).await });
    let pids = folder.path().join("pids");
    let started = || std::fs::read_to_string(&pids).map_or(0, |pids| pids.lines().count());
    for tries in 1..=2 {
        wait_until("the program does not start", || started() == tries).await;
        tokio::time::advance(timeout).await;
    }
    let error = giving.await.unwrap().unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("/bin/sh failed 2 times, the last time: no answer within {timeout:?}")
    );
    let is_alive = |pid: &str| {
        std::fs::read_to_string(format!("/proc/{pid}/stat"))
            .is_ok_and(|stat| !stat.contains(") Z "))
    };
    let pids = std::fs::read_to_string(&pids).unwrap();
    wait_until("a killed program still runs", || {
        !pids.lines().any(is_alive)
    })
    .await;
}

#[tokio::test]
async fn excessive_output_of_program_is_ignored() {
    let folder = tempfile::tempdir().unwrap();
    let hook = script(
        folder.path(),
        "i=0; while [ $i -lt 2000 ]; do echo 'line after line after line after line after line'; \
         i=$((i+1)); done; exit 0\n",
    );
    assert_eq!(hook.give(&order()).await, Ok(Promise::default()));
}

fn http(url: String, token: Option<&str>) -> HookSettings {
    let token = token.map(str::to_owned);
    settings(Call::Http { url, token })
}

#[tokio::test]
async fn server_is_retried_with_same_key_until_it_answers() {
    let server = HookServer::start(vec![
        "",
        "HTTP/1.1 503 Busy\r\ncontent-length: 4\r\n\r\nbusy",
        "HTTP/1.1 202 Accepted\r\ncontent-length: 19\r\n\r\n{\"machine\":\"node4\"}",
    ]);
    let url = format!("http://{}/machines?x=1", server.address);
    // On a busy machine, more tries than the first may time out.
    let hook = HookSettings {
        timeout: Duration::from_secs(1),
        tries: 100,
        ..http(url, Some("secret"))
    };
    let promise = hook.give(&order()).await.unwrap();
    assert_eq!(promise.machine.as_deref(), Some("node4"));
    let requests = server.requests();
    assert!(requests.len() >= 3, "{requests:?}");
    for request in requests {
        let request = request.to_lowercase();
        assert!(
            request.starts_with("post /machines?x=1 http/1.1"),
            "{request}"
        );
        assert!(request.contains("idempotency-key: pool-7-add"), "{request}");
        assert!(
            request.contains("authorization: bearer secret"),
            "{request}"
        );
        assert!(request.contains("\"action\":\"add\""), "{request}");
    }
}

#[tokio::test]
async fn refusal_and_invalid_response_of_server_are_distinguished() {
    let ask = |answer| {
        let server = HookServer::start(vec![answer]);
        http(format!("http://{}/machines?x=1", server.address), None)
    };
    let refusing = ask("HTTP/1.1 403 No\r\ncontent-length: 8\r\n\r\nno quota");
    let refusal = refusing.give(&order()).await.unwrap_err();
    assert!(
        refusal.to_string().ends_with("403 Forbidden: no quota"),
        "{refusal}"
    );

    let error = ask("SSH-2.0\r\n\r\n").give(&order()).await.unwrap_err();
    assert!(
        matches!(error, HookError::GivenUp { tries: 3, .. }),
        "{error}"
    );

    let promise = ask("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello");
    assert_eq!(promise.give(&order()).await, Ok(Promise::default()));

    let secure = http("https://example.org/".to_owned(), None);
    let refusal = secure.give(&order()).await.unwrap_err();
    assert!(refusal.to_string().contains("use a program"), "{refusal}");
}
