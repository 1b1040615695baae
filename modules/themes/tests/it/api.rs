//! What staff can do with themes, and what pages then see.

use std::time::Duration;

use http::Method;
use serde_json::{Value, json};
use stoa_contracts::themes::{
    SettingValue, ThemeFailure, ThemeFailureKind, ThemeId, ThemePublished,
};
use stoa_kernel::{Envelope, Fact as _};

use crate::support::{ALL, Shop, archive, everywhere, theme};

async fn events(shop: &Shop<'_>) -> Vec<Envelope> {
    let storage = shop.cells.storage();
    let tenant = storage.tenant(shop.tenant).await.expect("a tenant");
    let log = storage.event_log(tenant.cell).await.expect("a log");
    while log.sequence().await.expect("a sequence") > 0 {}
    let all = log.after(0, 1_000).await.expect("events");
    all.into_iter()
        .filter(|event| event.tenant == shop.tenant)
        .collect()
}

#[tokio::test]
async fn a_theme_is_kept_published_and_rolled_back() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "acme").await;
        assert_eq!(shop.seen().await, "built-in");
        let (status, problem) = shop
            .call(Method::POST, &format!("{ALL}/rollback"), Value::Null)
            .await;
        assert_eq!(
            (status, problem["code"].as_str()),
            (409, Some("theme_no_earlier"))
        );
        let dusk = shop.theme("Dusk").await;
        cells.clock.advance(Duration::from_secs(1));
        let dawn = shop.theme("Dawn").await;
        assert_eq!(
            shop.seen().await,
            "built-in",
            "an upload is shown to nobody"
        );
        shop.publish(&dusk).await;
        assert_eq!(shop.seen().await, "Dusk");
        let state = shop.publish(&dawn).await;
        assert_eq!(
            (&state["previous"], &state["revision"]),
            (&json!(dusk), &json!(2))
        );
        assert_eq!(shop.seen().await, "Dawn");
        let again = shop.publish(&dawn).await;
        assert_eq!(
            again["previous"],
            json!(dusk),
            "published twice is published once"
        );
        for expected in ["Dusk", "Dawn", "Dusk"] {
            let (status, _) = shop
                .call(Method::POST, &format!("{ALL}/rollback"), Value::Null)
                .await;
            assert_eq!((status, shop.seen().await.as_str()), (200, expected));
        }
        shop.publish("default").await;
        assert_eq!(shop.seen().await, "built-in");
        let (status, _) = shop
            .call(Method::POST, &format!("{ALL}/rollback"), Value::Null)
            .await;
        assert_eq!((status, shop.seen().await.as_str()), (200, "Dusk"));
        let (_, list) = shop.call(Method::GET, ALL, Value::Null).await;
        let flags: Vec<_> = list["data"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|theme| {
                (
                    theme["name"].as_str().expect("a name"),
                    theme["published"] == true,
                )
            })
            .collect();
        assert_eq!(flags, [("Dawn", false), ("Dusk", true)], "{}", cells.kind);
    }
}

#[tokio::test]
async fn a_switch_is_told_and_other_processes_follow_it() {
    for cells in everywhere().await {
        let here = Shop::open(&cells, "acme").await;
        let there = Shop::open(&cells, "acme").await;
        assert_eq!(there.seen().await, "built-in");
        let dusk = here.theme("Dusk").await;
        here.publish(&dusk).await;
        assert_eq!(there.seen().await, "Dusk", "in this process at once");
        let statements = || cells.storage().stats().read().statements;
        let before = statements();
        assert_eq!(there.seen().await, "Dusk");
        assert_eq!(statements(), before, "from memory");
        let all = events(&here).await;
        assert_eq!(all.len(), 1, "{}", cells.kind);
        let fact = all[0]
            .fact::<ThemePublished>()
            .expect("JSON")
            .expect("its subject");
        assert_eq!(ThemePublished::subject(), "themes.published.v1");
        let id: ThemeId = dusk.parse().expect("an id");
        assert_eq!(
            fact,
            ThemePublished {
                theme: Some(id),
                revision: 1
            }
        );
        there.listener.on_event(&all[0]);
        let before = statements();
        assert_eq!(there.seen().await, "Dusk");
        assert_eq!(statements(), before + 1, "read anew, by one query");
        let path = format!("{ALL}/{dusk}/settings");
        let body = json!({ "settings": { "accent": "#ffffff" } });
        let (status, set) = here.call(Method::PATCH, &path, body).await;
        assert_eq!(
            (status, &set["settings"]["accent"]["value"]),
            (200, &json!("#ffffff"))
        );
        let all = events(&here).await;
        assert_eq!(all.len(), 2, "settings of what shoppers see are told too");
        there.listener.on_event(&all[1]);
        let active = there
            .themes
            .active(there.tenant)
            .await
            .expect("an answer")
            .expect("a theme");
        assert_eq!(
            active.settings["accent"],
            SettingValue::Text("#ffffff".to_owned())
        );
    }
}

#[tokio::test]
async fn what_is_wrong_with_an_upload_is_named_and_nothing_is_kept() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "acme").await;
        let wrong = archive(&[
            ("theme.toml", b"name = \"x\"\nversion = \"1\"\n"),
            ("templates/home.html", b"broken"),
        ]);
        let (status, problem) = shop.upload(wrong).await;
        assert_eq!(
            (status, problem["code"].as_str()),
            (422, Some("theme_refused"))
        );
        let field = json!([{ "field": "templates/home.html", "reason": "line 1: is broken" }]);
        assert_eq!(problem["errors"], field);
        let (status, problem) = shop.upload(b"no archive".to_vec()).await;
        assert_eq!(status, 422, "{problem}");
        let (status, _) = shop.send(Method::POST, ALL, "text/plain", theme("x")).await;
        assert_eq!(status, 415);
        let (status, _) = shop.upload(vec![0; 10 * 1024 * 1024 + 1]).await;
        assert_eq!(status, 413);
        let (_, list) = shop.call(Method::GET, ALL, Value::Null).await;
        assert_eq!(list["data"], json!([]), "{}", cells.kind);
    }
}

#[tokio::test]
async fn the_same_upload_is_the_same_theme_and_old_ones_make_room() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "acme").await;
        let first = shop.theme("first").await;
        let (status, again) = shop.upload(theme("first")).await;
        assert_eq!((status, &again["id"]), (200, &json!(first)));
        let second = shop.theme("second").await;
        shop.publish(&first).await;
        shop.publish(&second).await;
        let third = shop.theme("third").await;
        for number in 0..18 {
            cells.clock.advance(Duration::from_secs(1));
            shop.theme(&format!("v{number}")).await;
        }
        let (_, list) = shop.call(Method::GET, ALL, Value::Null).await;
        let ids: Vec<_> = list["data"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|one| &one["id"])
            .collect();
        assert_eq!(ids.len(), 20, "{}", cells.kind);
        assert!(ids.contains(&&json!(first)) && ids.contains(&&json!(second)));
        assert!(
            !ids.contains(&&json!(third)),
            "the oldest that nobody sees went"
        );
        let (status, problem) = shop
            .call(Method::DELETE, &format!("{ALL}/{second}"), Value::Null)
            .await;
        assert_eq!(
            (status, problem["code"].as_str()),
            (409, Some("theme_in_use"))
        );
        let (status, _) = shop
            .call(Method::DELETE, &format!("{ALL}/{first}"), Value::Null)
            .await;
        assert_eq!(status, 204);
        let (status, _) = shop
            .call(Method::POST, &format!("{ALL}/rollback"), Value::Null)
            .await;
        assert_eq!(status, 409, "what was before is gone");
        let (status, _) = shop
            .call(Method::GET, &format!("{ALL}/{first}"), Value::Null)
            .await;
        assert_eq!(status, 404);
    }
}

/// Every way in, as another shop.
async fn refused_to(other: &Shop<'_>, dusk: &str, digest: &str) {
    let asset = other.themes.asset(other.tenant, digest, "theme.css").await;
    assert!(asset.expect("an answer").is_none());
    let kept = other.themes.kept(other.tenant, digest).await;
    assert!(kept.expect("an answer").is_none());
    let one = format!("{ALL}/{dusk}");
    let body = json!({ "settings": {} });
    for (method, path) in [
        (Method::GET, one.clone()),
        (Method::GET, format!("{one}/files/assets/theme.css")),
        (Method::DELETE, one.clone()),
        (Method::POST, format!("{one}/publish")),
        (Method::POST, format!("{one}/preview")),
        (Method::PATCH, format!("{one}/settings")),
    ] {
        let (status, _) = other.call(method.clone(), &path, body.clone()).await;
        assert_eq!(status, 404, "{method} {path}");
    }
}

#[tokio::test]
async fn files_are_given_back_and_never_to_another_shop() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "acme").await;
        let other = Shop::open(&cells, "other").await;
        let dusk = shop.theme("Dusk").await;
        let path = format!("{ALL}/{dusk}/files/assets/theme.css");
        let (status, css) = shop.send(Method::GET, &path, "", Vec::new()).await;
        assert_eq!((status, css.as_slice()), (200, &b"body{color:red}"[..]));
        let (_, detail) = shop
            .call(Method::GET, &format!("{ALL}/{dusk}"), Value::Null)
            .await;
        let digest = detail["digest"].as_str().expect("a digest");
        let paths: Vec<_> = detail["files"]
            .as_array()
            .expect("files")
            .iter()
            .map(|file| file["path"].as_str().expect("a path"))
            .collect();
        let all = [
            "assets/theme.css",
            "locales/de.toml",
            "templates/home.html",
            "theme.toml",
        ];
        assert_eq!(paths, all, "{}", cells.kind);
        let asset = shop
            .themes
            .asset(shop.tenant, digest, "theme.css")
            .await
            .expect("an answer");
        assert_eq!(
            asset.expect("a file").content_type,
            "text/css; charset=utf-8"
        );
        for trick in [
            "../theme.toml",
            "theme.toml",
            "..%2ftheme.toml",
            "../templates/home.html",
        ] {
            let found = shop
                .themes
                .asset(shop.tenant, digest, trick)
                .await
                .expect("an answer");
            assert!(found.is_none(), "{trick}");
        }
        refused_to(&other, &dusk, digest).await;
        let (_, list) = other.call(Method::GET, ALL, Value::Null).await;
        assert_eq!(list["data"], json!([]));
    }
}

#[tokio::test]
async fn a_preview_link_shows_an_unpublished_theme_for_half_an_hour() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "acme").await;
        let other = Shop::open(&cells, "other").await;
        let dusk = shop.theme("Dusk").await;
        let (status, link) = shop
            .call(Method::POST, &format!("{ALL}/{dusk}/preview"), Value::Null)
            .await;
        assert_eq!(status, 200);
        let path = link["path"].as_str().expect("a path");
        let token = path
            .strip_prefix("/theme-preview/")
            .expect("the storefront's address");
        let seen = shop
            .themes
            .previewed(shop.tenant, token)
            .await
            .expect("an answer");
        assert_eq!(
            seen.map(|theme| theme.name.clone()).as_deref(),
            Some("Dusk")
        );
        assert!(
            other
                .themes
                .previewed(other.tenant, token)
                .await
                .expect("an answer")
                .is_none()
        );
        assert_eq!(shop.seen().await, "built-in");
        cells.clock.advance(Duration::from_secs(30 * 60));
        assert!(
            shop.themes
                .previewed(shop.tenant, token)
                .await
                .expect("an answer")
                .is_none()
        );
    }
}

#[tokio::test]
async fn settings_hold_to_their_types_and_go_back_to_defaults() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "acme").await;
        let dusk = shop.theme("Dusk").await;
        let path = format!("{ALL}/{dusk}/settings");
        for (settings, field) in [
            (json!({ "accent": "red" }), "settings.accent"),
            (json!({ "accent": 3 }), "settings.accent"),
            (json!({ "other": "#fff" }), "settings.other"),
        ] {
            let (status, problem) = shop
                .call(Method::PATCH, &path, json!({ "settings": settings }))
                .await;
            assert_eq!(
                (status, problem["errors"][0]["field"].as_str()),
                (422, Some(field))
            );
        }
        for (wish, value) in [(json!("#fff"), "#fff"), (Value::Null, "#123456")] {
            let body = json!({ "settings": { "accent": wish } });
            let (status, set) = shop.call(Method::PATCH, &path, body).await;
            assert_eq!(
                (status, set["settings"]["accent"]["value"].as_str()),
                (200, Some(value))
            );
        }
        assert!(
            events(&shop).await.is_empty(),
            "shoppers do not see it: nothing is told"
        );
    }
}

#[tokio::test]
async fn failures_of_pages_are_shown_to_staff() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "acme").await;
        let dusk = shop.theme("Dusk").await;
        let id: ThemeId = dusk.parse().expect("an id");
        let failure = ThemeFailure {
            page: "home.html",
            file: "parts.html".to_owned(),
            line: Some(7),
            kind: ThemeFailureKind::Limit,
            reason: "takes too many steps".to_owned(),
        };
        shop.themes.failed(shop.tenant, id, failure.clone());
        // Nobody's theme: noted nowhere.
        shop.themes
            .failed(shop.tenant, ThemeId::from_u128(7), failure);
        let failures = loop {
            let (_, detail) = shop
                .call(Method::GET, &format!("{ALL}/{dusk}"), Value::Null)
                .await;
            match detail["failures"].as_array().map(Vec::len) {
                Some(0) => tokio::task::yield_now().await,
                _ => break detail["failures"].clone(),
            }
        };
        assert_eq!(failures[0]["page"], "home.html", "{}", cells.kind);
        assert_eq!(failures[0]["file"], "parts.html");
        assert_eq!(
            (&failures[0]["line"], &failures[0]["times"]),
            (&json!(7), &json!(1))
        );
        assert_eq!(failures[0]["kind"], "limit");
    }
}

#[tokio::test]
async fn the_built_in_theme_comes_as_an_archive_that_can_be_uploaded() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "acme").await;
        let path = format!("{ALL}/default.zip");
        let (status, archive) = shop.send(Method::GET, &path, "", Vec::new()).await;
        assert_eq!(status, 200);
        let (status, made) = shop.upload(archive).await;
        assert_eq!(
            (status, made["name"].as_str()),
            (201, Some("D")),
            "{}",
            cells.kind
        );
    }
}
