//! Cards and store credit over HTTP.

use serde_json::{Value, json};
use stoa_kernel::{Clock as _, Currency};
use stoa_storage::{Error, Tx};

use crate::support::{Shop, customer, everywhere, number, order, text};

const CARDS: &str = "/api/v1/admin/gift-cards";
const BALANCE: &str = "/api/v1/gift-cards/balance";

fn amount(amount: i64) -> Value {
    json!({ "amount": amount, "currency": "EUR" })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_card_is_issued_with_a_code_that_only_that_request_sees_again() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "cards").await;
        let body = json!({ "amount": amount(2_500), "note": "For Ada, ada@example.com" });
        let first = shop.post_once(CARDS, "k1", &body).await;
        assert_eq!(first.status, 201, "{}: {}", cells.kind, first.json);
        let (id, code) = (text(&first.json["id"]), text(&first.json["code"]));
        assert_eq!(
            first.json,
            json!({
                "id": id, "code": code, "last4": code[20..],
                "balance": amount(2_500), "held": amount(0), "available": amount(2_500),
                "disabled": false, "expires_at": null, "note": "For Ada, ada@example.com",
                "created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-01-01T00:00:00Z",
            })
        );
        let again = shop.post_once(CARDS, "k1", &body).await;
        assert_eq!(
            (again.status, &again.json),
            (201, &first.json),
            "{}",
            cells.kind
        );
        let other = shop.post_once(CARDS, "k2", &body).await;
        assert_ne!(text(&other.json["code"]), code, "{}", cells.kind);
        let path = format!("{CARDS}/{id}");
        let read = shop.get(&path).await.json;
        assert_eq!(
            (&read["last4"], &read["code"]),
            (&json!(code[20..]), &Value::Null)
        );
        assert_eq!(read["lines"][0]["kind"], json!("issued"), "{}", cells.kind);
        assert_eq!(read["lines"][0]["amount"], json!(2_500), "{}", cells.kind);
        let left = shop
            .ledger
            .gift_card_balance(shop.tenant, &code, Currency::EUR)
            .await
            .expect(cells.kind);
        assert_eq!(left.amount, 2_500, "{}", cells.kind);
        assert_eq!(shop.accounts().await[0], ("gift_cards".to_owned(), -5_000));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_column_holds_a_code() {
    const STORED: &str = "SELECT last4, code_hash, note FROM ledger_wallet \
                          WHERE tenant_id = :tenant";
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "cards").await;
        let card = shop.card(100).await;
        let plain = card.code.replace('-', "");
        let rows = shop
            .db
            .read::<_, Error, _>(async move |tx: &mut Tx<'_>| {
                tx.query(STORED, &[], |row| {
                    let hash: Vec<u8> = row.get(1)?;
                    Ok((row.get::<String>(0)?, hash, row.get::<Option<String>>(2)?))
                })
                .await
            })
            .await
            .expect(cells.kind);
        let (last4, hash, note) = &rows[0];
        assert_eq!(
            (last4.as_str(), hash.len(), note),
            (&plain[16..], 32, &None)
        );
        let hash = String::from_utf8_lossy(hash).into_owned();
        assert!(!hash.contains(&plain[..8]), "{}", cells.kind);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn shoppers_read_a_balance_and_learn_nothing_from_wrong_codes() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "cards").await;
        let other = Shop::open(&cells, "other").await;
        let (card, ended, foreign) = (
            shop.card(700).await,
            shop.card(700).await,
            other.card(700).await,
        );
        shop.hold(order(1), &[&card], None, 200).await.expect("200");
        let path = format!("{CARDS}/{}/disable", ended.id);
        assert_eq!(shop.post_json(&path, &json!({})).await.status, 200);
        let ask = async |code: &str| {
            let anonymous = ("authorization", "Bearer pk_shop");
            let body = json!({ "code": code }).to_string();
            shop.send("POST", BALANCE, &[anonymous], &body).await
        };
        let typed = format!(" {} ", card.code.to_lowercase().replace('-', " "));
        let found = ask(&typed).await;
        assert_eq!(
            (found.status, &found.json),
            (200, &json!({ "balance": amount(500), "expires_at": null })),
            "{}",
            cells.kind
        );
        let mut bodies = Vec::new();
        for code in [
            &ended.code,
            &foreign.code,
            "7KQ2",
            "",
            "0000-0000-0000-0000-0000",
        ] {
            let mut answer = ask(code).await;
            assert_eq!(answer.refusal(), (404, "gift_card_not_found"), "{code}");
            answer.json["request_id"] = Value::Null;
            bodies.push(answer.json);
        }
        assert!(
            bodies.windows(2).all(|pair| pair[0] == pair[1]),
            "{bodies:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_top_up_counts_once_and_an_ended_card_takes_none() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "cards").await;
        let card = shop.card(700).await;
        let path = format!("{CARDS}/{}/top-ups", card.id);
        let body = json!({ "amount": amount(50), "reason": "birthday" });
        for _ in 0..2 {
            let answer = shop.post_once(&path, "k1", &body).await;
            assert_eq!(
                (answer.status, &answer.json["balance"]["amount"]),
                (200, &json!(750)),
                "{}",
                cells.kind
            );
        }
        let reused = json!({ "amount": amount(51) });
        let reused = shop.post_once(&path, "k1", &reused).await;
        assert_eq!(reused.refusal(), (422, "idempotency_key_reused"));
        let dollars = json!({ "amount": { "amount": 5, "currency": "USD" } });
        let refused = shop.post_json(&path, &dollars).await;
        assert_eq!(
            refused.refusal(),
            (422, "invalid_request"),
            "{}",
            cells.kind
        );
        let end = format!("{CARDS}/{}/disable", card.id);
        for _ in 0..2 {
            let ended = shop.post_json(&end, &json!({})).await.json;
            assert_eq!(ended["disabled"], json!(true), "{}", cells.kind);
        }
        let late = shop.post_json(&path, &body).await;
        assert_eq!(late.refusal(), (409, "gift_card_ended"), "{}", cells.kind);
        assert_eq!(
            shop.told(&cells, &card).await,
            [700, 750, 0],
            "{}",
            cells.kind
        );
        for action in ["top-ups", "disable"] {
            let body = match action {
                "disable" => json!({}),
                _ => body.clone(),
            };
            for id in ["gift_00000000000000000000000000", "nonsense"] {
                let path = format!("{CARDS}/{id}/{action}");
                let answer = shop.post_json(&path, &body).await;
                assert_eq!(answer.refusal(), (404, "gift_card_not_found"), "{path}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_twins_of_one_issue_make_one_card() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "cards").await;
        let twins: Vec<_> = (0..8)
            .map(|_| {
                let shop = shop.clone();
                tokio::spawn(async move {
                    let body = json!({ "amount": amount(10) });
                    shop.post_once(CARDS, "k1", &body).await.json
                })
            })
            .collect();
        let mut answers = Vec::new();
        for twin in twins {
            answers.push(twin.await.expect("no panic"));
        }
        assert!(answers[0]["code"].is_string(), "{}", answers[0]);
        assert!(
            answers.iter().all(|answer| *answer == answers[0]),
            "{answers:?}"
        );
        let list = shop.get(CARDS).await.json;
        assert_eq!(
            list["data"].as_array().map(Vec::len),
            Some(1),
            "{}",
            cells.kind
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn cards_are_listed_newest_first_a_page_at_a_time() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "cards").await;
        for number in 1..=5 {
            shop.card(number * 10).await;
            cells.clock.advance(std::time::Duration::from_millis(2));
        }
        // Credit is no card and stands in no list of them.
        shop.adjust(customer(1), 5).await;
        let (mut seen, mut path) = (Vec::new(), format!("{CARDS}?limit=2"));
        loop {
            let page = shop.get(&path).await.json;
            for card in page["data"].as_array().expect("a list") {
                seen.push(number(&card["balance"]["amount"]));
            }
            let Some(cursor) = page["pagination"]["cursor"].as_str() else {
                break;
            };
            path = format!("{CARDS}?limit=2&cursor={cursor}");
        }
        assert_eq!(seen, [50, 40, 30, 20, 10], "{}", cells.kind);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn store_credit_is_given_and_taken_with_a_reason_and_never_below_what_is_free() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "credit").await;
        let path = format!("/api/v1/admin/customers/{}/store-credit", customer(1));
        let none = shop.get(&path).await;
        assert_eq!(
            none.json,
            json!({ "customer_id": customer(1), "credits": [] })
        );
        let body = json!({ "amount": amount(300), "reason": "late parcel" });
        for _ in 0..2 {
            let given = shop.post_once(&path, "k1", &body).await;
            assert_eq!((given.status, &given.json["balance"]), (200, &amount(300)));
        }
        let held = shop.hold(order(1), &[], Some(customer(1)), 100).await;
        assert_eq!(held.expect(cells.kind), 100);
        let short = shop.adjust(customer(1), -201).await;
        assert_eq!(
            short.refusal(),
            (409, "store_credit_short"),
            "{}",
            cells.kind
        );
        let taken = shop.adjust(customer(1), -200).await;
        assert_eq!((taken.status, &taken.json["available"]), (200, &amount(0)));
        let read = shop.get(&path).await.json;
        let lines = read["credits"][0]["lines"]
            .as_array()
            .expect("a list")
            .clone();
        let story: Vec<_> = lines
            .iter()
            .map(|line| (number(&line["amount"]), text(&line["reason"])))
            .collect();
        assert_eq!(story.len(), 2, "{}", cells.kind);
        assert!(
            story.contains(&(300, "late parcel".to_owned())),
            "{story:?}"
        );
        assert!(story.contains(&(-200, "sorry".to_owned())), "{story:?}");
        assert!(shop.mismatches().await.is_empty(), "{}", cells.kind);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_body_names_its_field_and_a_key_without_the_permission_is_refused() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "cards").await;
        let now = cells.clock.now();
        let cases = [
            (json!({ "amount": amount(0) }), "amount.amount"),
            (json!({ "amount": amount(-5) }), "amount.amount"),
            (
                json!({ "amount": amount(1_000_000_000_001) }),
                "amount.amount",
            ),
            (
                json!({ "amount": amount(5), "expires_at": now }),
                "expires_at",
            ),
            (
                json!({ "amount": amount(5), "note": "x".repeat(256) }),
                "note",
            ),
            (
                json!({ "amount": amount(5), "note": "4111 1111 1111 1111" }),
                "note",
            ),
            (json!({ "amount": amount(5), "note": "a\0b" }), "note"),
            (json!({ "amount": amount(5), "code": "MINE" }), "code"),
        ];
        for (body, field) in cases {
            let answer = shop.post_json(CARDS, &body).await;
            assert_eq!(answer.refusal(), (422, "invalid_request"), "{field}");
            assert_eq!(answer.json["errors"][0]["field"], field);
        }
        let body = json!({ "amount": amount(5) }).to_string();
        let missing = shop.send("POST", CARDS, &[], &body).await;
        assert_eq!(missing.refusal(), (400, "idempotency_key_missing"));
        let credit = format!("/api/v1/admin/customers/{}/store-credit", customer(1));
        let blank = json!({ "amount": amount(5), "reason": " " });
        let answer = shop.post_json(&credit, &blank).await;
        assert_eq!(answer.json["errors"][0]["field"], "reason");
        let weak = ("authorization", "Bearer sk_none");
        let reads = [
            CARDS,
            &credit,
            "/api/v1/admin/ledger/accounts",
            "/api/v1/admin/ledger/entries",
            "/api/v1/admin/ledger/audit",
        ];
        for path in reads {
            assert_eq!(
                shop.send("GET", path, &[weak], "").await.status,
                403,
                "{path}"
            );
        }
        for path in [CARDS, &credit] {
            let headers = [weak, ("idempotency-key", "k")];
            assert_eq!(
                shop.send("POST", path, &headers, &body).await.status,
                403,
                "{path}"
            );
        }
    }
}
