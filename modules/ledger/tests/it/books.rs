//! What providers moved, and what the books say of it.

use serde_json::json;
use stoa_contracts::ledger::Posting;
use stoa_kernel::{AttemptId, Currency, Money};

use crate::support::{Shop, eur, everywhere, number, order, refund, text};

fn captured(provider: &str, attempt: u128) -> Posting {
    Posting::Captured {
        provider: provider.to_owned(),
        attempt: AttemptId::from_u128(attempt),
    }
}

fn refunded(provider: &str, number: u128) -> Posting {
    Posting::Refunded {
        provider: provider.to_owned(),
        refund: refund(number),
    }
}

fn lost(provider: &str, attempt: u128) -> Posting {
    Posting::DisputeLost {
        provider: provider.to_owned(),
        attempt: AttemptId::from_u128(attempt),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn captures_refunds_and_disputes_have_their_accounts() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "books").await;
        let posts = [
            (1, captured("stripe", 1), eur(1_000)),
            (2, captured("manual", 2), eur(500)),
            (3, refunded("stripe", 3), eur(300)),
            (4, lost("stripe", 1), eur(700)),
            (5, captured("stripe", 5), Money::new(80, Currency::USD)),
            // An order that cards paid for in full.
            (6, captured("stripe", 6), eur(0)),
        ];
        for (id, posting, amount) in posts {
            shop.post(id, order(id), posting, amount)
                .await
                .expect(cells.kind);
        }
        assert_eq!(
            shop.accounts().await,
            [
                ("disputes".to_owned(), 700),
                ("provider_clearing manual".to_owned(), 500),
                ("provider_clearing stripe".to_owned(), 0),
                ("provider_clearing stripe".to_owned(), 80),
                ("sales".to_owned(), -1_200),
                ("sales".to_owned(), -80),
            ],
            "{}",
            cells.kind
        );
        assert!(shop.mismatches().await.is_empty(), "{}", cells.kind);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_reversed_takes_its_posting_back() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "books").await;
        let (provider, attempt) = ("stripe".to_owned(), AttemptId::from_u128(1));
        let reversed = Posting::RefundReversed {
            provider: provider.clone(),
            refund: refund(3),
        };
        let won = Posting::DisputeWon { provider, attempt };
        let posts = [
            (1, captured("stripe", 1), 1_000),
            (2, refunded("stripe", 3), 300),
            (3, lost("stripe", 1), 700),
            (4, reversed, 300),
            (5, won, 700),
        ];
        for _ in 0..2 {
            for (id, posting, amount) in posts.clone() {
                shop.post(id, order(1), posting, eur(amount))
                    .await
                    .expect(cells.kind);
            }
        }
        assert_eq!(
            shop.accounts().await,
            [
                ("disputes".to_owned(), 0),
                ("provider_clearing stripe".to_owned(), 1_000),
                ("sales".to_owned(), -1_000),
            ],
            "{}",
            cells.kind
        );
        assert!(shop.mismatches().await.is_empty(), "{}", cells.kind);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_posting_twice_changes_nothing_and_another_under_its_id_is_refused() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "books").await;
        for _ in 0..3 {
            let posting = captured("stripe", 1);
            shop.post(1, order(1), posting, eur(1_000))
                .await
                .expect(cells.kind);
        }
        let others = [
            (order(1), captured("stripe", 1), eur(999)),
            (order(1), captured("stripe", 2), eur(1_000)),
            (order(1), captured("manual", 1), eur(1_000)),
            (order(2), captured("stripe", 1), eur(1_000)),
            (order(1), lost("stripe", 1), eur(1_000)),
            (order(1), captured("stripe", 1), eur(-1_000)),
        ];
        for (order, posting, amount) in others {
            let answer = shop.post(1, order, posting.clone(), amount).await;
            assert!(answer.is_err(), "{}: {posting:?} {amount:?}", cells.kind);
        }
        let balances: Vec<i64> = shop.accounts().await.into_iter().map(|row| row.1).collect();
        assert_eq!(balances, [1_000, -1_000], "{}", cells.kind);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_twins_of_one_capture_are_posted_once() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "books").await;
        let twins: Vec<_> = (0..16)
            .map(|_| {
                let shop = shop.clone();
                tokio::spawn(
                    async move { shop.post(1, order(1), captured("stripe", 1), eur(70)).await },
                )
            })
            .collect();
        for twin in twins {
            twin.await.expect("no panic").expect(cells.kind);
        }
        let balances: Vec<i64> = shop.accounts().await.into_iter().map(|row| row.1).collect();
        assert_eq!(balances, [70, -70], "{}", cells.kind);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn entries_are_listed_newest_first_a_page_at_a_time_and_by_order() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "books").await;
        for id in 1..=5 {
            let amount = eur(id as i64 * 10);
            shop.post(id, order(id % 2), captured("stripe", id), amount)
                .await
                .expect(cells.kind);
        }
        let list = async |filter: &str| {
            let base = format!("/api/v1/admin/ledger/entries?limit=2{filter}");
            let (mut path, mut seen) = (base.clone(), Vec::new());
            loop {
                let page = shop.get(&path).await.json;
                for row in page["data"].as_array().expect("a list") {
                    seen.push(number(&row["lines"][0]["amount"]));
                }
                let Some(cursor) = page["pagination"]["cursor"].as_str() else {
                    break seen;
                };
                path = format!("{base}&cursor={cursor}");
            }
        };
        assert_eq!(list("").await, [50, 40, 30, 20, 10], "{}", cells.kind);
        let of_order = list(&format!("&order_id={}", order(1))).await;
        assert_eq!(of_order, [50, 30, 10], "{}", cells.kind);
        let newest = shop.get("/api/v1/admin/ledger/entries?limit=1").await.json;
        let row = &newest["data"][0];
        assert_eq!(
            (text(&row["kind"]), text(&row["source"])),
            ("captured".to_owned(), AttemptId::from_u128(5).to_string())
        );
        assert_eq!(
            row["lines"],
            json!([
                { "account": "provider_clearing", "provider": "stripe", "gift_card_id": null,
                  "amount": 50 },
                { "account": "sales", "provider": null, "gift_card_id": null, "amount": -50 },
            ])
        );
        let forged = shop.get("/api/v1/admin/ledger/entries?cursor=AAAA").await;
        assert_eq!(forged.refusal(), (400, "invalid_cursor"), "{}", cells.kind);
    }
}
