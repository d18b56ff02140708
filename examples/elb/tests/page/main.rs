//! The page in Debian's Chromium: with and without scripts, by mouse and keyboard, light and dark,
//! on a small screen, with many services, with hostile names. Skipped without Chromium.
//! `ELB_SCREENSHOTS=FOLDER` saves screenshots.

mod accessibility;
mod browser;
#[path = "../support/simulated.rs"]
mod simulated;
mod world;

use elb::http::Access;
use elb::policy::{Mode, Subject};

use browser::Browser;
use world::World;

const DESKTOP: (u32, u32) = (1280, 900);
const TELEPHONE: (u32, u32) = (390, 800);
const HOSTILE: &str = "</style></script><script>document.title='owned'</script><img src=x onerror=\
                       \"document.title='owned'\">\u{202e}\u{1b}]0;owned\u{7}";

async fn browser((width, height): (u32, u32)) -> Option<Browser> {
    Browser::open(width, height).await
}

#[tokio::test]
async fn page_updates_itself_in_browser() {
    let page = World::of("article", "apache", 80).serve().await;
    let Some(mut browser) = browser(DESKTOP).await else {
        return;
    };
    browser.visit(&page.at("/")).await;
    browser
        .until("document.body.classList.contains('live')")
        .await;
    // The script replaces the content by the current state.
    browser
        .value("document.querySelector('main').id = 'old'")
        .await;
    browser
        .until("document.querySelector('main').id === ''")
        .await;
    let text = browser.value("document.body.innerText").await.to_string();
    for part in ["apache", "acts", "Decisions", "Data is complete.", "node3"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    browser.picture("index.png").await;
    browser.visit(&page.at("/service/apache")).await;
    // The chart of the second metric covers the same time.
    browser.click(".further summary").await;
    let second = browser
        .value("document.querySelector('.further').innerText")
        .await;
    for part in [
        "vir_cpu_utilization",
        "Load per container (%)",
        "thresholds 0.5–1 %",
    ] {
        assert!(second.to_string().contains(part), "{part}: {second}");
    }
    let lines = "document.querySelectorAll('.further .wide polyline').length";
    assert!(browser.value(lines).await.as_u64() > Some(1));
    browser.picture("service.png").await;
    assert_eq!(browser.complaints, [""; 0]);
    browser.close().await;
}

#[tokio::test]
async fn mode_changes_after_confirmation() {
    let page = World::of("article", "apache", 20).serve().await;
    let Some(mut browser) = browser(DESKTOP).await else {
        return;
    };
    browser.visit(&page.at("/")).await;
    browser
        .until("document.body.classList.contains('live')")
        .await;
    let button = "button[data-mode=advise][data-service=apache]";
    browser.click(button).await;
    browser.until("document.querySelector('dialog').open").await;
    let asked = browser
        .value("document.querySelector('dialog p').innerText")
        .await;
    assert_eq!(
        asked,
        "apache: advise. Decisions are made and shown; nothing is changed."
    );
    browser.picture("dialog.png").await;
    browser.click("dialog button[type=button]").await;
    browser
        .until("!document.querySelector('dialog').open")
        .await;
    assert_eq!(
        page.mode("apache"),
        Mode::Act,
        "changed without confirmation"
    );

    browser.click(button).await;
    browser.until("document.querySelector('dialog').open").await;
    browser.click("dialog .yes").await;
    let pressed = format!("document.querySelector('{button}').ariaPressed === 'true'");
    browser.until(&pressed).await;
    assert_eq!(page.mode("apache"), Mode::Advise);

    // The mode of all services, by keyboard only.
    browser
        .value("document.querySelector('.top [data-mode=off]').focus()")
        .await;
    browser.press("Enter").await;
    browser.until("document.querySelector('dialog').open").await;
    browser.press("Escape").await;
    browser
        .until("!document.querySelector('dialog').open")
        .await;
    assert_eq!(page.mode("apache"), Mode::Advise);
    browser.press("Enter").await;
    browser.until("document.querySelector('dialog').open").await;
    for _ in 0..5 {
        browser.press("Tab").await;
        if browser
            .value("document.activeElement.matches('.yes')")
            .await
            == true
        {
            break;
        }
    }
    browser.press("Enter").await;
    browser
        .until("document.querySelector('.top [data-mode=off]').ariaPressed === 'true'")
        .await;
    assert_eq!(page.mode("apache"), Mode::Off);
    let focused = browser.value("document.activeElement.dataset.key").await;
    assert_eq!(focused, "off", "the focus has moved");
    assert_eq!(browser.complaints, [""; 0]);
    browser.close().await;
}

#[tokio::test]
async fn mode_change_asks_for_configured_token() {
    let world = World {
        access: Access {
            token: Some("a-token-of-at-least-16".to_owned()),
            ..Access::default()
        },
        ..World::of("article", "apache", 20)
    };
    let page = world.serve().await;
    let Some(mut browser) = browser(TELEPHONE).await else {
        return;
    };
    browser.visit(&page.at("/")).await;
    browser
        .until("document.body.classList.contains('live')")
        .await;
    browser
        .click("button[data-mode=off][data-service=apache]")
        .await;
    browser.click("dialog .yes").await;
    browser
        .until("document.querySelector('dialog output').innerText !== ''")
        .await;
    let message = browser
        .value("document.querySelector('dialog output').innerText")
        .await;
    assert!(
        message.to_string().to_lowercase().contains("token"),
        "{message}"
    );
    assert_eq!(page.mode("apache"), Mode::Act);
    browser.picture("refused.png").await;
    browser.click("dialog input").await;
    browser.write("a-token-of-at-least-16").await;
    browser.click("dialog .yes").await;
    browser
        .until("!document.querySelector('dialog').open")
        .await;
    assert_eq!(page.mode("apache"), Mode::Off);
    browser.close().await;
}

#[tokio::test]
async fn chart_mark_links_to_its_decision() {
    let page = World::of("step", "apache", 100).serve().await;
    for size in [DESKTOP, TELEPHONE] {
        let Some(mut browser) = browser(size).await else {
            return;
        };
        browser.visit(&page.at("/")).await;
        browser
            .until("document.body.classList.contains('live')")
            .await;
        let chart = if size == DESKTOP { ".wide" } else { ".narrow" };
        let mark = format!("{chart} a.note:last-of-type");
        let title = format!("document.querySelector('{mark} title').textContent");
        let title = browser.value(&title).await.as_str().unwrap().to_owned();
        browser.click(&mark).await;
        browser
            .until("location.pathname === '/service/apache'")
            .await;
        browser
            .until("document.querySelector('.aimed') !== null")
            .await;
        // The decision stays highlighted when the list is replaced.
        browser
            .value("document.querySelector('main').id = 'old'")
            .await;
        browser
            .until("document.querySelector('main').id === ''")
            .await;
        let shown = "document.querySelector('.aimed summary bdi').innerText";
        let shown = browser.value(shown).await;
        let shown = shown.as_str().unwrap();
        assert!(title.contains(shown), "{title} / {shown}");
        let seen = "(() => { const { top } = \
                    document.querySelector('.aimed').getBoundingClientRect(); \
                    return top > -1 && top < innerHeight; })()";
        browser.until(seen).await;
        // The decision shows its inputs.
        browser.click(".aimed summary").await;
        browser
            .until("document.querySelector('.aimed details').open")
            .await;
        let inputs = browser
            .value("document.querySelector('.aimed details').innerText")
            .await;
        assert!(inputs.to_string().contains("containers"), "{inputs}");
        browser
            .value("document.querySelector('main').id = 'old'")
            .await;
        browser
            .until("document.querySelector('main').id === ''")
            .await;
        browser
            .until("document.querySelector('.aimed details').open")
            .await;
        let name = format!("aimed{}.png", size.0);
        browser.picture(&name).await;
        browser.close().await;
    }
}

#[tokio::test]
async fn decision_from_packet_samples_is_marked_and_explained() {
    let page = World::surge("apache").serve().await;
    let decisions = page
        .handle
        .status()
        .lock()
        .decisions(&Subject::service("apache"));
    assert!(
        decisions.iter().any(|it| it.fast && it.to > it.from),
        "{decisions:?}"
    );
    let Some(mut browser) = browser(DESKTOP).await else {
        return;
    };
    browser.visit(&page.at("/service/apache")).await;
    let marks = browser
        .value("document.querySelectorAll('.wide .note polygon').length")
        .await;
    assert!(marks.as_u64() > Some(0), "{marks}");
    let shown = browser
        .value("document.querySelector('.tag.fast').closest('li').innerText")
        .await;
    let shown = shown.as_str().unwrap();
    assert!(shown.contains("packet samples show"), "{shown}");
    browser.picture("fast.png").await;
    browser.close().await;
}

#[tokio::test]
async fn missing_telemetry_is_described_on_page() {
    let world = World::of("step", "apache", 170);
    let page = world.without(3, 72).without(2, 0).serve().await;
    let Some(mut browser) = browser(DESKTOP).await else {
        return;
    };
    browser.visit(&page.at("/")).await;
    let missing = browser
        .value("document.querySelector('main').innerText")
        .await;
    let missing = missing.as_str().unwrap().to_owned();
    for part in [
        "Agent 10.0.0.3/100000 on node3: no data for",
        "Node node2: no agent reports for this node",
        "Start an agent there",
        "containers not reported",
    ] {
        assert_eq!(missing.matches(part).count(), 1, "{part}: {missing}");
    }
    let agents = browser
        .value("document.querySelector('.agents').innerText")
        .await;
    assert!(agents.to_string().contains("silent for"), "{agents}");
    browser.picture("missing.png").await;
    browser.close().await;
}

#[tokio::test]
async fn machines_are_shown_with_their_decisions() {
    let page = World::with_machines("apache").serve().await;
    let Some(mut browser) = browser(DESKTOP).await else {
        return;
    };
    browser.visit(&page.at("/")).await;
    let text = browser
        .value("document.querySelector('.pool').innerText")
        .await;
    for part in ["machines", "serving", "node2", "Events"] {
        assert!(text.to_string().contains(part), "{part}: {text}");
    }
    browser.picture("pool-index.png").await;
    browser.click(".pool h2 a").await;
    browser
        .until("location.pathname === '/pool/machines'")
        .await;
    browser
        .until("document.body.classList.contains('live')")
        .await;
    // A mark in the pool's chart links to its decision, too.
    browser.click(".wide a.note:last-of-type").await;
    browser
        .until("document.querySelector('.aimed') !== null")
        .await;
    browser.click(".aimed summary").await;
    browser
        .until("document.querySelector('.aimed details').open")
        .await;
    let inputs = browser
        .value("document.querySelector('.aimed details').innerText")
        .await;
    assert!(inputs.to_string().contains("machines running"), "{inputs}");
    browser.picture("pool.png").await;
    browser.resize(TELEPHONE.0, TELEPHONE.1).await;
    browser.visit(&page.at("/pool/machines")).await;
    let wide = browser.value("document.documentElement.scrollWidth").await;
    assert!(wide.as_u64() <= Some(390), "{wide}");
    assert_eq!(browser.complaints, [""; 0]);
    browser.close().await;
}

#[tokio::test]
async fn fifty_services_are_listed_compactly_and_searchable() {
    let page = World::many(50).serve().await;
    let Some(mut browser) = browser(DESKTOP).await else {
        return;
    };
    for scheme in ["light", "dark"] {
        browser.prefer(scheme).await;
        browser.visit(&page.at("/")).await;
        let rows = "document.querySelectorAll('.services tbody tr').length";
        assert_eq!(browser.value(rows).await, 50);
        browser.picture(&format!("many-{scheme}.png")).await;
    }
    browser
        .until("document.body.classList.contains('live')")
        .await;
    let height = browser
        .value("document.querySelector('.services').offsetHeight / 50")
        .await;
    assert!(height.as_f64() < Some(90.0), "{height} pixels per service");
    // Search by name.
    browser.click(".find input").await;
    browser.write("billing_").await;
    browser.press("Enter").await;
    browser.until("location.search === '?find=billing_'").await;
    browser.until("document.readyState === 'complete'").await;
    let rows = "[...document.querySelectorAll('.services tbody a')].map(it => it.innerText)";
    let rows = browser.value(rows).await;
    let found = rows.as_array().unwrap();
    assert!(!found.is_empty() && found.len() < 50);
    assert!(
        found
            .iter()
            .all(|it| it.as_str().unwrap().starts_with("billing_"))
    );
    browser.click(".services tbody a").await;
    browser
        .until("location.pathname.startsWith('/service/billing_')")
        .await;
    browser.resize(TELEPHONE.0, TELEPHONE.1).await;
    browser.visit(&page.at("/")).await;
    browser.picture("many-telephone.png").await;
    assert_eq!(browser.complaints, [""; 0]);
    browser.close().await;
}

#[tokio::test]
async fn page_is_readable_on_small_screen_and_in_dark_mode() {
    let one = World::of("step", "apache", 170)
        .without(3, 60)
        .serve()
        .await;
    let many = World::many(20).serve().await;
    let Some(mut browser) = browser(DESKTOP).await else {
        return;
    };
    let pages = [one.at("/"), one.at("/service/apache"), many.at("/")];
    for (place, page) in pages.iter().enumerate() {
        for scheme in ["light", "dark"] {
            browser.prefer(scheme).await;
            for (width, height) in [(320, 640), TELEPHONE, DESKTOP] {
                browser.resize(width, height).await;
                browser.visit(page).await;
                browser
                    .until("document.body.classList.contains('live')")
                    .await;
                let wide = browser.value("document.documentElement.scrollWidth").await;
                assert!(
                    wide.as_u64() <= Some(u64::from(width)),
                    "{page} is {wide} pixels wide on a screen of {width}"
                );
                browser
                    .picture(&format!("{place}-{scheme}-{width}.png"))
                    .await;
                let faint = browser.value(accessibility::FAINT).await;
                assert_eq!(faint, serde_json::json!([]), "{page}, {scheme}, {width}");
                let nameless = browser.value(accessibility::NAMELESS).await;
                assert_eq!(nameless, serde_json::json!([]), "{page}");
            }
        }
    }
    browser.close().await;
}

#[tokio::test]
async fn page_is_complete_without_scripts() {
    let page = World::of("article", "apache", 80).serve().await;
    let Some(mut browser) = browser(DESKTOP).await else {
        return;
    };
    browser.forbid_scripts().await;
    browser.visit(&page.at("/service/apache")).await;
    let text = browser.value("document.body.innerText").await.to_string();
    for part in [
        "apache",
        "acts",
        "limits",
        "node1",
        "load is within its limits",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let live = browser
        .value("document.body.classList.contains('live')")
        .await;
    assert_eq!(live, false, "a script has run");
    // Controls that need scripts are hidden, and the browser reloads the page periodically.
    let shown = "[...document.querySelectorAll('button')].filter(it => it.offsetWidth > 0).length";
    assert_eq!(browser.value(shown).await, 0);
    browser
        .value("document.querySelector('main').id = 'old'")
        .await;
    browser
        .until("document.querySelector('main')?.id === ''")
        .await;
    browser.picture("scriptless.png").await;
    browser.close().await;
}

#[tokio::test]
async fn hostile_names_run_no_script_in_browser() {
    let page = World::of("article", HOSTILE, 80).serve().await;
    let Some(mut browser) = browser(TELEPHONE).await else {
        return;
    };
    let escaped: String = HOSTILE.bytes().map(|byte| format!("%{byte:02X}")).collect();
    for path in ["/".to_owned(), format!("/service/{escaped}")] {
        browser.visit(&page.at(&path)).await;
        browser
            .until("document.body.classList.contains('live')")
            .await;
        browser
            .value("document.querySelector('main').id = 'old'")
            .await;
        browser
            .until("document.querySelector('main').id === ''")
            .await;
        let title = browser.value("document.title").await;
        assert!(
            title.to_string().contains("elastic load balancing"),
            "{title}"
        );
        for (what, count) in [("script", 1), ("img", 0)] {
            let found = format!("document.querySelectorAll('{what}').length");
            let found = browser.value(&found).await;
            assert_eq!(found, count, "{what} on {path}");
        }
        browser.picture(&format!("hostile{}.png", path.len())).await;
    }
    assert_eq!(browser.complaints, [""; 0]);
    browser.close().await;
}

#[tokio::test]
async fn page_reports_lost_connection() {
    let page = World::of("article", "apache", 20).serve().await;
    let Some(mut browser) = browser(DESKTOP).await else {
        return;
    };
    browser.visit(&page.at("/")).await;
    browser
        .until("document.body.classList.contains('live')")
        .await;
    let lost = "window.fetch = () => Promise.reject(new Error('gone')); true";
    assert_eq!(browser.value(lost).await, true);
    browser
        .until("document.body.classList.contains('lost')")
        .await;
    browser.close().await;
}
