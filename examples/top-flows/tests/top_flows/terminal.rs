use std::net::UdpSocket;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::recording::{Recording, swarm};
use crate::screen::{Line, Screen};
use crate::{NAMED, SWARM, TIMEOUT};

const UP: &str = "\u{1b}[A";
const DOWN: &str = "\u{1b}[B";
const RIGHT: &str = "\u{1b}[C";
const BACKSPACE: &str = "\u{7f}";

/// Plays the capture immediately; then the screen does not change.
const ALL: [&str; 4] = ["--speed", "1000000", "--smooth", "off"];

/// Waits until the screen equals a file in `screens`; with `BLESS=1` set, writes the file.
fn assert_screen(name: &str, screen: &Screen) {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/top_flows/screens");
    let path = Path::new(folder).join(name);
    if std::env::var_os("BLESS").is_some() {
        std::fs::create_dir_all(folder).unwrap();
        std::fs::write(&path, screen.settled()).unwrap();
    }
    let expected = std::fs::read_to_string(&path).expect("BLESS=1 writes it");
    screen.wait_for(&format!("{name}, which was\n{expected}"), |text| {
        text == expected
    });
}

fn at_the_end(capture: &str, columns: u16, rows: u16, more: &[&str]) -> Option<Screen> {
    let screen = Screen::run(
        &[&[capture], &ALL[..], more].concat(),
        columns,
        rows,
        Line::Fast,
    )?;
    screen.wait_for_text("ended");
    Some(screen)
}

#[test]
fn screens_equal_recorded_ones() {
    for (columns, rows) in [(80, 24), (120, 40)] {
        let Some(mut screen) = at_the_end(NAMED, columns, rows, &[]) else {
            return;
        };
        let is_complete = |text: &str| text.contains("2.24G 100.0 %") && text.contains("? help");
        screen.wait_for("the table", is_complete);
        assert_screen(&format!("flows-{columns}x{rows}.txt"), &screen);
        screen.press("?");
        screen.wait_for_text("Backspace  previous question");
        assert_screen(&format!("help-{columns}x{rows}.txt"), &screen);
        screen.press("\u{1b}");
        screen.wait_for("the help is gone", |text| {
            !text.contains("previous question")
        });
        screen.press("p");
        screen.wait_for_text("Presets");
        assert_screen(&format!("presets-{columns}x{rows}.txt"), &screen);
    }
}

#[test]
fn matrix_cell_opens_its_flows() {
    let folder = tempfile::tempdir().unwrap();
    let path = swarm().save(&folder);
    let Some(mut screen) = at_the_end(path.to_str().unwrap(), 80, 24, &[]) else {
        return;
    };
    screen.press("m");
    screen.wait_for_text("(outside)");
    assert_screen("matrix-80x24.txt", &screen);
    // The cell with most traffic is shaded, from outside to front; the cell from front to front is not.
    screen.wait_for("the heat", |_| {
        screen.is_shaded(9, 24) && !screen.is_shaded(7, 24)
    });
    // From front to back.
    screen.press(RIGHT);
    screen.press("\r");
    screen.wait_for_text("service.src=front&service.dst=back");
    screen.wait_for("the flows of the cell", |text| {
        ["front.1", "back.1", "back.2"]
            .iter()
            .all(|name| text.contains(name))
            && !text.contains("store")
    });
    screen.press(BACKSPACE);
    screen.wait_for_text("(all packets)");
}

#[test]
fn recorded_swarm_has_matrix() {
    let Some(mut screen) = at_the_end(NAMED, 80, 24, &[]) else {
        return;
    };
    screen.press("m");
    screen.wait_for_text("(outside)");
    assert_screen("swarm-80x24.txt", &screen);
}

#[test]
fn readme_shows_recorded_screens() {
    let readme = include_str!("../../README.md");
    for (screen, rows) in [
        (include_str!("screens/flows-80x24.txt"), 24),
        (include_str!("screens/matrix-80x24.txt"), 24),
        (include_str!("screens/mistake-80x24.txt"), 8),
    ] {
        let rows = screen.lines().filter(|row| !row.is_empty()).take(rows);
        for row in rows {
            assert!(readme.contains(row), "{row}");
        }
    }
}

#[test]
fn filter_is_completed_with_current_values() {
    let Some(mut screen) = at_the_end(NAMED, 80, 24, &[]) else {
        return;
    };
    screen.press("f");
    screen.wait_for_text("Tab complete");
    screen.press("ip.pr");
    screen.wait_for_text("now tcp: IP protocol");
    screen.press("\t");
    screen.wait_for_text("filter  ip.protocol=\n");
    screen.wait_for_text("100.0 % of the packets");
    screen.press("\t\r");
    screen.wait_for("the question is applied", |text| {
        text.contains("filter  ip.protocol=6\n") && text.contains("apache")
    });
    // The error is below the field, and the previous question stays.
    screen.press("k");
    screen.wait_for_text("Tab complete");
    screen.press(",ip.dtst\r");
    screen.wait_for_text("unknown key `ip.dtst`; did you mean `ip.dst`?");
    assert_screen("mistake-80x24.txt", &screen);
    screen.press("\u{1b}");
    screen.wait_for_text("keys    end.src,end.dst,ip.protocol\n");
    screen.press("v");
    screen.wait_for_text("Tab complete");
    screen.press("\u{15}fram\t\r");
    screen.wait_for_text("packets ▼");
}

#[test]
fn selected_cell_narrows_and_backspace_reverts() {
    let Some(mut screen) = at_the_end(SWARM, 120, 40, &["--keys", "ip.src,ip.dst"]) else {
        return;
    };
    screen.wait_for_text("10.99.0.254");
    screen.press(DOWN);
    screen.wait_for_text("▸▌172.17.0.2");
    screen.press(RIGHT);
    screen.press("\r");
    screen.wait_for("only this receiver", |text| {
        text.contains("filter  ip.dst=10.99.0.254\n") && !text.contains("10.99.0.254    172")
    });
    screen.press(DOWN);
    screen.press("\u{1b}[D");
    screen.wait_for_text("▸▌172.17.0.2");
    screen.press("!");
    screen.wait_for_text("filter  ip.dst=10.99.0.254&ip.src!=172.17.0.2");
    screen.press(BACKSPACE);
    screen.press(BACKSPACE);
    screen.wait_for_text("(all packets)");
    // Only flows with at least the value of the second one.
    screen.press(DOWN);
    screen.press(DOWN);
    screen.press("l");
    screen.wait_for("smaller flows are hidden", |text| {
        text.contains("top 20 from 3") && text.matches('▌').count() == 2
    });
    screen.press("l");
    screen.wait_for("all flows are listed again", |text| {
        text.matches('▌').count() == 4
    });
    // By the first column in reverse order.
    screen.press("s");
    screen.wait_for_text("ip.src ▼");
    screen.press("s");
    screen.wait_for_text("ip.src ▲");
    screen.wait_for("the last one is first", |text| {
        let [last, first] = ["▌172.17.0.3", "▌10.99.0.254"].map(|row| text.find(row));
        last.is_some() && first.is_some() && last < first
    });
    screen.press("p");
    screen.wait_for_text("find:");
    screen.press("by protocol");
    screen.wait_for("one preset matches", |text| !text.contains("Unreachable"));
    screen.press("\r");
    screen.wait_for_text("keys    ip.protocol\n");
    screen.press(UP);
    screen.wait_for_text("▸▌tcp");
}

#[test]
fn clock_stops_while_paused() {
    let Some(mut screen) = Screen::run(&[NAMED, "--speed", "2"], 80, 24, Line::Fast) else {
        return;
    };
    let clock = |text: &str| {
        let at = text
            .find("as of ")
            .map(|at| text[at + 6..].chars().take(23).collect::<String>());
        at.unwrap_or_default()
    };
    let first = clock(&screen.wait_for_text("as of"));
    screen.wait_for("time goes on", |text| clock(text) != first);
    screen.press(" ");
    screen.wait_for_text("paused");
    let begin = Instant::now();
    let paused = loop {
        let paused = clock(&screen.settled());
        std::thread::sleep(Duration::from_secs(1));
        if clock(&screen.text()) == paused {
            break paused;
        }
        assert!(begin.elapsed() < TIMEOUT, "time goes on: {paused}");
    };
    // A new question is answered from the same history.
    screen.press("m");
    screen.wait_for_text("(outside)");
    screen.press(" ");
    screen.wait_for_text("playing");
    screen.wait_for("time goes on", |text| clock(text) != paused);
    screen.press("+");
    screen.wait_for_text("×4");
}

#[test]
fn terminal_is_restored_at_every_exit() {
    for end in ["q", "\u{3}", "SIGTERM"] {
        let Some(mut screen) = Screen::run(&[NAMED], 80, 24, Line::Fast) else {
            return;
        };
        screen.wait_for_text("top-flows hsflowd-marktraffic.pcap");
        assert!(screen.is_taken_over() && !screen.has_cursor(), "{end}");
        match end {
            "SIGTERM" => screen.terminate(),
            key => screen.press(key),
        }
        let status = screen.wait_for_end();
        assert!(status.success(), "{end}: {status:?}");
        assert!(!screen.is_taken_over() && screen.has_cursor(), "{end}");
    }
}

/// A line of 2,400 bytes per second.
#[test]
fn slow_terminal_gets_fewer_frames_and_responds() {
    // The capacity of the line in 30 s. All frames of the capture would be several times as much.
    const MOST: usize = 30 * 2_400;
    let line = Line::Slow(120, Duration::from_millis(50));
    let arguments = [NAMED, "--speed", "20"];
    let Some(mut screen) = Screen::run(&arguments, 80, 24, line) else {
        return;
    };
    screen.wait_for_text("apache");
    // The screen does not lag: the end is shown a few frames after the ten seconds of the capture.
    screen.wait_for_text("ended");
    let before = screen.bytes();
    assert!(before < MOST, "{before} bytes");
    screen.press("q");
    assert!(screen.wait_for_end().success());
    // Buffered output is written before the end.
    let after = screen.bytes() - before;
    assert!(after < MOST, "{after} bytes");
}

#[test]
fn terminal_without_answers_is_not_queried_again() {
    let Some(mut screen) = Screen::run(&[&[NAMED], &ALL[..]].concat(), 80, 24, Line::Mute) else {
        return;
    };
    screen.wait_for_text("ended");
    screen.press("m");
    screen.wait_for_text("(outside)");
    let asked = screen.written().matches("\u{1b}[6n").count();
    assert!(asked <= 2, "{asked}");
    screen.press("q");
    assert!(screen.wait_for_end().success());
}

/// Frames contain only changes.
#[test]
fn unchanged_screen_is_not_written() {
    let Some(screen) = at_the_end(NAMED, 80, 24, &[]) else {
        return;
    };
    screen.wait_for_text("2.24G 100.0 %");
    let begin = Instant::now();
    loop {
        let before = screen.bytes();
        std::thread::sleep(Duration::from_secs(2));
        let written = screen.bytes() - before;
        if written < 500 {
            return;
        }
        assert!(
            begin.elapsed() < TIMEOUT,
            "{written} bytes for an unchanged screen"
        );
    }
}

#[test]
fn escape_sequences_in_names_are_not_written() {
    let folder = tempfile::tempdir().unwrap();
    let mut recording = Recording::new();
    recording.container(
        1,
        "evil\u{1b}]0;owned\u{7}\u{1b}[2J\u{202e}.1.rsm0h0ay4dbn6zbusp3ta9pf7",
    );
    recording.traffic(1, 9, 3);
    recording.request("http://\u{1b}[31mred\r\n\u{9b}2J/");
    let path = recording.save(&folder);
    let path = path.to_str().unwrap();
    let Some(mut screen) = at_the_end(path, 120, 40, &["--keys", "service.src,url"]) else {
        return;
    };
    // The emulator does not show replacement characters; they were written.
    screen.wait_for_text("evil]0;owned[2J");
    screen.wait_for_text("http://[31mred2J/");
    let written = screen.written();
    assert!(
        written.contains("evil\u{fffd}]0;owned\u{fffd}\u{fffd}[2J\u{fffd}"),
        "{written}"
    );
    for order in ["\u{1b}]0;", "\u{1b}[2J\u{202e}", "\u{1b}[31mred", "\u{9b}"] {
        assert!(!written.contains(order), "{order:?}");
    }
    // The name can still be selected and typed.
    screen.press(DOWN);
    screen.wait_for_text("▸");
    screen.press("\r");
    screen.wait_for_text("filter  service.src=evil]0\\;owned[2J\n");
    screen.press("m");
    screen.wait_for_text("(outside)");
    screen.press(BACKSPACE);
    screen.press("mf");
    screen.wait_for_text("Tab complete");
    screen.press("service.src=");
    screen.wait_for_text("100.0 % of the packets");
    screen.press("\t\r");
    screen.wait_for("the question is applied", |text| {
        text.contains("filter  service.src=evil]0\\;owned[2J\n") && !text.contains("Tab complete")
    });
}

#[test]
fn datagrams_from_socket_are_live() {
    let arguments = ["--listen", "127.0.0.1:0", "--matrix", "--smooth", "1m"];
    let Some(mut screen) = Screen::run(&arguments, 80, 24, Line::Fast) else {
        return;
    };
    // The title names the address.
    let text = screen.wait_for_text("live");
    let (_, address) = text.split_once("udp ").expect("the address is shown");
    let address = address.split_whitespace().next().unwrap();
    let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
    for datagram in swarm().datagrams() {
        sender.send_to(datagram, address).unwrap();
    }
    screen.wait_for("all services", |text| {
        ["front", "back", "store", "(outside)"]
            .iter()
            .all(|name| text.contains(name))
    });
    screen.press("m");
    screen.wait_for_text("front.1");
    screen.press("q");
    assert!(screen.wait_for_end().success());
}
