//! Headless Chromium, controlled over its DevTools pipe.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::{sleep, timeout};

const CHROMIUM: &str = "/usr/bin/chromium";
/// Longer than any step takes on a busy machine.
const TIMEOUT: Duration = Duration::from_secs(180);

/// A browser with one page.
pub(crate) struct Browser {
    child: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
    session: Option<String>,
    calls: u64,
    /// Errors of the page and its console output.
    pub(crate) complaints: Vec<String>,
    _profile: tempfile::TempDir,
}

impl Browser {
    /// Starts a browser of this width and height. Prints a message and returns `None` if Chromium
    /// is not installed.
    pub(crate) async fn open(width: u32, height: u32) -> Option<Self> {
        if !Path::new(CHROMIUM).exists() {
            eprintln!("skipped: {CHROMIUM} is missing; on Debian, install the package chromium");
            return None;
        }
        let profile = tempfile::tempdir().unwrap();
        // Chromium reads commands from descriptor 3 and writes responses to 4.
        let script = "exec \"$@\" 3<&0 4>&1 0</dev/null 1>/dev/null";
        let mut child = Command::new("sh")
            .args(["-c", script, "sh", CHROMIUM])
            .args(["--headless=new", "--no-sandbox", "--disable-gpu"])
            .args([
                "--disable-dev-shm-usage",
                "--no-first-run",
                "--hide-scrollbars",
            ])
            .args(["--remote-debugging-pipe", "--disable-background-networking"])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut browser = Self {
            to: child.stdin.take().unwrap(),
            from: BufReader::new(child.stdout.take().unwrap()),
            child,
            session: None,
            calls: 0,
            complaints: Vec::new(),
            _profile: profile,
        };
        let target = json!({ "url": "about:blank" });
        let target = browser.call("Target.createTarget", target).await["targetId"].clone();
        let attach = json!({ "targetId": target, "flatten": true });
        let attached = browser.call("Target.attachToTarget", attach).await;
        browser.session = attached["sessionId"].as_str().map(str::to_owned);
        for domain in ["Page.enable", "Runtime.enable", "Log.enable"] {
            browser.call(domain, json!({})).await;
        }
        browser.resize(width, height).await;
        Some(browser)
    }

    /// Calls a method and returns its result; fails if the response is an error.
    async fn call(&mut self, method: &str, params: Value) -> Value {
        let response = self.ask(method, params).await;
        assert!(response["error"].is_null(), "{method}: {response}");
        response["result"].clone()
    }

    /// Calls a method and returns the response.
    async fn ask(&mut self, method: &str, params: Value) -> Value {
        self.calls += 1;
        let id = self.calls;
        let mut message = json!({ "id": id, "method": method, "params": params });
        if let Some(session) = &self.session {
            message["sessionId"] = json!(session);
        }
        let mut bytes = message.to_string().into_bytes();
        bytes.push(0);
        self.to.write_all(&bytes).await.unwrap();
        let answered = async {
            loop {
                let mut line = Vec::new();
                let length = self.from.read_until(0, &mut line).await.unwrap();
                assert!(length > 0, "the browser has ended after {method}");
                line.pop();
                let received: Value = serde_json::from_slice(&line).unwrap();
                if received["id"] == id {
                    return received;
                }
                let is_complaint = match received["method"].as_str() {
                    Some("Runtime.exceptionThrown" | "Runtime.consoleAPICalled") => true,
                    Some("Log.entryAdded") => received["params"]["entry"]["level"] == "error",
                    _ => false,
                };
                if is_complaint {
                    self.complaints.push(received["params"].to_string());
                }
            }
        };
        let answer = timeout(TIMEOUT, answered).await;
        answer.unwrap_or_else(|_| panic!("{method} timed out"))
    }

    /// Sets the size of the viewport; narrow ones are mobile.
    pub(crate) async fn resize(&mut self, width: u32, height: u32) {
        let size = json!({
            "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600,
        });
        self.call("Emulation.setDeviceMetricsOverride", size).await;
    }

    /// Sets the preferred colour scheme, `light` or `dark`.
    pub(crate) async fn prefer(&mut self, scheme: &str) {
        let media = json!({
            "features": [{ "name": "prefers-color-scheme", "value": scheme }]
        });
        self.call("Emulation.setEmulatedMedia", media).await;
    }

    /// Disables scripts.
    pub(crate) async fn forbid_scripts(&mut self) {
        let value = json!({ "value": true });
        self.call("Emulation.setScriptExecutionDisabled", value)
            .await;
    }

    /// Navigates to an address and waits until the page has loaded.
    pub(crate) async fn visit(&mut self, address: &str) {
        // The previous page is complete, too; the mark distinguishes it from the new one.
        self.value("document.isLeft = true").await;
        let result = self.call("Page.navigate", json!({ "url": address })).await;
        assert!(result["errorText"].is_null(), "{address}: {result}");
        let ready = "!document.isLeft && document.readyState === 'complete'";
        self.until(ready).await;
    }

    /// Evaluates an expression in the page.
    pub(crate) async fn value(&mut self, expression: &str) -> Value {
        let params = json!({ "expression": expression, "returnByValue": true });
        let result = self.call("Runtime.evaluate", params).await;
        assert!(
            result["exceptionDetails"].is_null(),
            "{expression}: {result}"
        );
        result["result"]["value"].clone()
    }

    /// Waits until an expression is true. Between two pages the browser reports an error, which
    /// counts as not yet true.
    pub(crate) async fn until(&mut self, expression: &str) {
        let params = json!({ "expression": expression, "returnByValue": true });
        let is_true = async {
            while self.ask("Runtime.evaluate", params.clone()).await["result"]["result"]["value"]
                != true
            {
                sleep(Duration::from_millis(50)).await;
            }
        };
        if timeout(TIMEOUT, is_true).await.is_err() {
            let page = self.value("document.body.outerHTML").await;
            panic!("timed out waiting for {expression}\n{page}");
        }
    }

    /// Clicks an element with the mouse.
    pub(crate) async fn click(&mut self, selector: &str) {
        let place = format!(
            "(() => {{ const it = document.querySelector({}); it.scrollIntoView({{ block: \
             'center' }}); const {{ x, y, width, height }} = it.getBoundingClientRect(); return \
             [x + width / 2, y + height / 2]; }})()",
            json!(selector)
        );
        let place = self.value(&place).await;
        for kind in ["mousePressed", "mouseReleased"] {
            let press = json!({
                "type": kind, "x": place[0], "y": place[1], "button": "left", "clickCount": 1,
            });
            self.call("Input.dispatchMouseEvent", press).await;
        }
    }

    /// Presses a key that enters no text.
    pub(crate) async fn press(&mut self, key: &str) {
        let (code, text) = match key {
            "Tab" => (9, None),
            "Enter" => (13, Some("\r")),
            "Escape" => (27, None),
            _ => panic!("unknown key {key}"),
        };
        for kind in ["keyDown", "keyUp"] {
            let mut press = json!({
                "type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code,
            });
            if let Some(text) = text.filter(|_| kind == "keyDown") {
                press["text"] = json!(text);
            }
            self.call("Input.dispatchKeyEvent", press).await;
        }
    }

    /// Enters text at the cursor.
    pub(crate) async fn write(&mut self, text: &str) {
        self.call("Input.insertText", json!({ "text": text })).await;
    }

    /// Saves a screenshot in the folder `ELB_SCREENSHOTS`, if set.
    pub(crate) async fn picture(&mut self, name: &str) {
        let Some(folder) = std::env::var_os("ELB_SCREENSHOTS") else {
            return;
        };
        let whole = json!({ "captureBeyondViewport": true });
        let image = self.call("Page.captureScreenshot", whole).await;
        let image = image["data"].as_str().unwrap();
        std::fs::write(Path::new(&folder).join(name), decoded(image)).unwrap();
    }

    /// Ends the browser.
    pub(crate) async fn close(mut self) {
        self.session = None;
        self.call("Browser.close", json!({})).await;
        timeout(TIMEOUT, self.child.wait()).await.ok();
    }
}

/// Decodes base64.
fn decoded(text: &str) -> Vec<u8> {
    let digit = |c: u8| match c {
        b'A'..=b'Z' => Some(c - b'A'),
        b'a'..=b'z' => Some(c - b'a' + 26),
        b'0'..=b'9' => Some(c - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    };
    let digits: Vec<u8> = text.bytes().filter_map(digit).collect();
    let bytes = digits.chunks(4).flat_map(|four| {
        let bits = four
            .iter()
            .fold(0_u32, |bits, digit| bits << 6 | u32::from(*digit));
        let bits = bits << (6 * (4 - four.len()));
        let [_, a, b, c] = bits.to_be_bytes();
        [a, b, c].into_iter().take(four.len().saturating_sub(1))
    });
    bytes.collect()
}
