//! Every page in a real browser, looked at by axe-core: no violation, light and dark, narrow and wide.

use std::fs;
use std::path::Path;
use std::process::Command;

use stoa_storefront::Theme;

use crate::pages::every_page;

const AXE: &str = include_str!("../assets/axe.min.js");
const DRIVER: &str = include_str!("../assets/axe-driver.html");
const WIDTHS: [u32; 2] = [390, 1280];
/// Runs axe in its frame and tells the page around it.
const RUN: &str = "addEventListener('load', () => setTimeout(() => axe.run({ resultTypes: ['violations'] })\
    .then((found) => found.violations.map((one) => one.id + ' ' + one.nodes.map((node) => \
    node.target.join(' ') + ': ' + node.failureSummary.replace(/\\s+/g, ' ')).slice(0, 3).join(' | ')))\
    .catch((error) => ['broke: ' + error])\
    .then((told) => parent.postMessage(told, '*')), 50))";

#[expect(
    clippy::disallowed_methods,
    reason = "tests read where their browser is"
)]
fn chromium() -> Option<String> {
    let path = std::env::var("STOA_TEST_CHROMIUM").ok()?;
    (!path.is_empty()).then_some(path)
}

/// One file with its style, and axe; scripts of the page stay out, so that it is looked at as sent.
fn standing_alone(html: &str, style: &str) -> String {
    let (before, from) = html
        .split_once("<link rel=\"stylesheet\"")
        .expect("a style");
    let (_, after) = from.split_once('>').expect("an end");
    let (body, end) = after.rsplit_once("</body>").expect("a body");
    format!(
        "{before}<style>{style}</style>{body}<script>{AXE}</script><script>{RUN}</script></body>{end}"
    )
}

fn look(chromium: &str, folder: &Path, dark: bool) -> String {
    let scheme = if dark { 0 } else { 1 };
    let profile = folder.join(format!("profile-{scheme}"));
    let out = Command::new(chromium)
        .args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
        ])
        .args([
            "--no-first-run",
            "--disable-background-networking",
            "--disable-sync",
        ])
        .args([
            "--allow-file-access-from-files",
            "--virtual-time-budget=600000",
        ])
        .args(["--window-size=1400,2200", "--dump-dom"])
        .arg(format!("--blink-settings=preferredColorScheme={scheme}"))
        .arg(format!("--user-data-dir={}", profile.display()))
        .arg(format!("file://{}", folder.join("driver.html").display()))
        .output()
        .expect("the browser runs");
    String::from_utf8_lossy(&out.stdout).into_owned()
}

#[test]
fn axe_finds_nothing_on_any_page_light_or_dark_narrow_or_wide() {
    let Some(chromium) = chromium() else {
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    let theme = Theme::new();
    let style = theme.assets().iter().find(|one| one.name.ends_with(".css"));
    let style = std::str::from_utf8(style.expect("a style").body).expect("UTF-8");
    let mut pages = Vec::new();
    for (at, (name, html)) in every_page().into_iter().enumerate() {
        let file = format!("{at}-{}.html", name.replace([' ', ','], "-"));
        let page = standing_alone(&html, style);
        fs::write(folder.path().join(&file), page).expect("written");
        pages.extend(WIDTHS.map(|width| (file.clone(), width)));
    }
    let list = serde_json::to_string(&pages).expect("JSON");
    let driver = DRIVER.replace("PAGES", &list);
    fs::write(folder.path().join("driver.html"), driver).expect("written");
    for dark in [false, true] {
        let told = look(&chromium, folder.path(), dark);
        let (_, told) = told.split_once("<pre id=\"told\">").expect("an answer");
        let (told, _) = told.split_once("DONE</pre>").expect("all pages");
        assert_eq!(told.trim(), "", "dark: {dark}");
    }
}
