//! What the file keeps: replay, torn tails, corrupt lines, and two hundred twins.

use std::io::Write;

use http::StatusCode;
use serde_json::{Value, json};
use stoa_test_provider::OpenError;

use crate::caller::{Caller, open, post_request};

async fn everything(caller: &Caller, ids: &[String]) -> Vec<Value> {
    let mut all = caller.charges().await;
    for id in ids {
        all.push(caller.intent(id).await);
    }
    all
}

#[tokio::test]
async fn a_replay_gives_the_same_state() {
    let caller = Caller::new();
    let mut ids = Vec::new();
    let tokens = [
        "tok_success",
        "tok_decline",
        "tok_3ds",
        "tok_delay",
        "tok_timeout_after_charge",
    ];
    for (index, token) in tokens.into_iter().enumerate() {
        let id = caller.prepare(token, &format!("k{index}")).await;
        caller.confirm(&id).await;
        ids.push(id);
    }
    ids.push(caller.prepare("tok_success", "unconfirmed").await);
    let voided = caller.prepare("tok_success", "voided").await;
    let path = format!("/v1/intents/{voided}/void");
    caller.post(&path, &json!({ "idempotency_key": "v" })).await;
    ids.push(voided);
    let refund = json!({ "amount": 5, "idempotency_key": "r", "metadata": { "refund_id": "1" } });
    caller
        .post(&format!("/v1/intents/{}/refund", ids[0]), &refund)
        .await;

    let before = everything(&caller, &ids).await;
    let file = std::fs::read(caller.path()).unwrap();
    let caller = caller.reopen();
    assert_eq!(everything(&caller, &ids).await, before);
    assert_eq!(std::fs::read(caller.path()).unwrap(), file);
    // Keys are remembered too.
    let (_, again) = caller
        .post(&format!("/v1/intents/{}/refund", ids[0]), &refund)
        .await;
    assert_eq!(
        again["id"],
        before.iter().find(|v| v["id"] == ids[0].as_str()).unwrap()["refunds"][0]["id"]
    );
    assert_eq!(caller.prepare("tok_success", "unconfirmed").await, ids[5]);
}

#[tokio::test]
async fn a_torn_last_line_is_cut_off_and_the_file_goes_on() {
    for torn in [&b"{\"fact\":\"confirmed\",\"inte"[..], &[0; 4096]] {
        let caller = Caller::new();
        let id = caller.prepare("tok_success", "k1").await;
        let whole = std::fs::read(caller.path()).unwrap();
        let mut file = std::fs::OpenOptions::new()
            .append(true)
            .open(caller.path())
            .unwrap();
        file.write_all(torn).unwrap();
        let caller = caller.reopen();
        assert_eq!(std::fs::read(caller.path()).unwrap(), whole);
        assert_eq!(caller.intent(&id).await["status"], "requires_confirmation");
        caller.confirm(&id).await;
        let caller = caller.reopen();
        assert_eq!(caller.intent(&id).await["status"], "succeeded");
    }
}

#[tokio::test]
async fn a_corrupt_line_stops_the_start_and_is_named() {
    let caller = Caller::new();
    let id = caller.prepare("tok_success", "k1").await;
    caller.confirm(&id).await;
    let text = std::fs::read_to_string(caller.path()).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 3);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("broken.jsonl");
    let cases = [
        (
            format!("{}\n{{nonsense\n{}\n", lines[0], lines[2]),
            2,
            "key must be a string",
        ),
        (
            format!("{}\n{}\n", lines[0], lines[2]),
            2,
            "was never created",
        ),
        (format!("{}\n", lines[1]), 1, "no journal header"),
        (format!("{text}{}\n", lines[2]), 4, "cannot go there"),
        (format!("{text}{}\n", lines[0]), 4, "a second header"),
        (
            text.replace("\"version\":1", "\"version\":2"),
            1,
            "of version 2",
        ),
    ];
    for (content, expected, words) in cases {
        std::fs::write(&path, content).unwrap();
        match open(&path, 3).map(|_| ()) {
            Err(OpenError::Corrupt { line, reason, .. }) => {
                assert_eq!(line, expected, "{reason}");
                assert!(reason.contains(words), "{reason}");
            }
            other => panic!("expected a corrupt line {expected}, not {other:?}"),
        }
    }
}

#[tokio::test]
async fn one_journal_has_one_owner() {
    let caller = Caller::new();
    assert!(matches!(
        open(&caller.path(), 3).map(|_| ()),
        Err(OpenError::Held { .. })
    ));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_hundred_confirms_of_one_intent_charge_once() {
    let caller = Caller::new();
    let id = caller.prepare("tok_success", "k1").await;
    let path = format!("/v1/intents/{id}/confirm");
    let tasks: Vec<_> = (0..200)
        .map(|index| {
            let router = caller.router.clone();
            let body = json!({ "idempotency_key": format!("c{index}") });
            let request = post_request(&path, &body);
            tokio::spawn(async move {
                let response = tower::ServiceExt::oneshot(router, request).await.unwrap();
                crate::caller::read(response).await
            })
        })
        .collect();
    for task in tasks {
        let (status, intent) = task.await.unwrap();
        assert_eq!(
            (status, &intent["status"]),
            (StatusCode::OK, &json!("succeeded"))
        );
    }
    assert_eq!(caller.charges().await.len(), 1);
    let text = std::fs::read_to_string(caller.path()).unwrap();
    assert_eq!(text.matches("\"fact\":\"confirmed\"").count(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_payments_at_once_are_all_in_the_file_when_answered() {
    let caller = Caller::new();
    let tasks: Vec<_> = (0..300)
        .map(|index| {
            let router = caller.router.clone();
            let body = crate::caller::intent_body("tok_success", &format!("k{index}"));
            tokio::spawn(async move {
                let request = post_request("/v1/intents", &body);
                let response = tower::ServiceExt::oneshot(router.clone(), request)
                    .await
                    .unwrap();
                let (_, intent) = crate::caller::read(response).await;
                let path = format!("/v1/intents/{}/confirm", intent["id"].as_str().unwrap());
                let request = post_request(&path, &json!({ "idempotency_key": "c" }));
                tower::ServiceExt::oneshot(router, request)
                    .await
                    .unwrap()
                    .status()
            })
        })
        .collect();
    for task in tasks {
        assert_eq!(task.await.unwrap(), StatusCode::OK);
    }
    // Read from the file as it stands, not through the provider.
    let text = std::fs::read_to_string(caller.path()).unwrap();
    assert_eq!(text.matches("\"kind\":\"charged\"").count(), 300);
    let caller = caller.reopen();
    let (_, first) = caller.get("/v1/charges?account=ten_a&limit=250").await;
    let last = first["data"][249]["id"].as_str().unwrap();
    let (_, rest) = caller
        .get(&format!("/v1/charges?account=ten_a&limit=250&after={last}"))
        .await;
    assert_eq!(rest["data"].as_array().unwrap().len(), 50);
    assert_eq!(rest["has_more"], false);
}
