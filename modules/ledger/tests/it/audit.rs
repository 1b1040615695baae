//! The audit is shown what it is for: it must see each planted fault, and nothing else.

use serde_json::json;
use stoa_contracts::ledger::Posting;
use stoa_kernel::AttemptId;

use crate::support::{Shop, customer, eur, everywhere, order};

async fn busy_shop(cells: &stoa_testkit::TestCells, slug: &str) -> Shop {
    let shop = Shop::open(cells, slug).await;
    let card = shop.card(500).await;
    shop.adjust(customer(1), 50).await;
    for number in 1..=3 {
        let posting = Posting::Captured {
            provider: "test".to_owned(),
            attempt: AttemptId::from_u128(number),
        };
        shop.post(number, order(number), posting, eur(100))
            .await
            .expect(cells.kind);
        let held = shop
            .hold(order(number), &[&card], Some(customer(1)), 20)
            .await;
        assert_eq!(held.expect(cells.kind), 20);
    }
    shop.spend(order(1)).await;
    assert!(shop.mismatches().await.is_empty(), "{}", cells.kind);
    shop
}

#[tokio::test(flavor = "multi_thread")]
async fn every_planted_fault_is_found() {
    const TOO_MUCH: &str = "UPDATE ledger_line SET amount = amount + 1 \
         WHERE tenant_id = :tenant AND account = 'provider_clearing' \
         AND amount = 100 AND entry_id = (SELECT entry_id FROM ledger_entry \
         WHERE tenant_id = :tenant ORDER BY entry_id LIMIT 1)";
    const LOST_ENTRY: &str = "DELETE FROM ledger_entry WHERE tenant_id = :tenant \
         AND kind = 'issued'";
    const RICH_CARD: &str = "UPDATE ledger_wallet SET balance = balance + 1 \
         WHERE tenant_id = :tenant AND kind = 'gift_cards'";
    const FORGOTTEN_HOLD: &str = "UPDATE ledger_wallet SET held = held + 1 \
         WHERE tenant_id = :tenant AND kind = 'store_credit'";
    const HOLLOW_ENTRY: &str = "INSERT INTO ledger_entry (tenant_id, entry_id, kind, currency, \
         actor, posted_at) SELECT tenant_id, wallet_id, 'issued', currency, 'x', created_at \
         FROM ledger_wallet WHERE tenant_id = :tenant AND kind = 'store_credit' AND :tenant = :tenant";
    let plants = [
        (TOO_MUCH, json!(["entry_unbalanced"])),
        (LOST_ENTRY, json!(["entry_missing"])),
        (RICH_CARD, json!(["wallet_off"])),
        (FORGOTTEN_HOLD, json!(["wallet_off"])),
        (HOLLOW_ENTRY, json!(["entry_unbalanced"])),
    ];
    for cells in everywhere().await {
        for (at, (plant, found)) in plants.iter().enumerate() {
            let shop = busy_shop(&cells, &format!("audit-{at}")).await;
            shop.plant(plant).await;
            let mismatches = shop.mismatches().await;
            let kinds: Vec<_> = mismatches.iter().map(|row| row["kind"].clone()).collect();
            assert_eq!(json!(kinds), *found, "{}: {mismatches:?}", cells.kind);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_finding_names_both_sums() {
    const RICH_CARD: &str = "UPDATE ledger_wallet SET balance = balance + 1 \
         WHERE tenant_id = :tenant AND kind = 'gift_cards'";
    for cells in everywhere().await {
        let shop = busy_shop(&cells, "audit").await;
        shop.plant(RICH_CARD).await;
        let found = &shop.mismatches().await[0];
        let sums = ["balance", "lines_sum", "held", "holds_sum"].map(|name| found[name].clone());
        assert_eq!(json!(sums), json!([481, 480, 40, 40]), "{}", cells.kind);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn books_of_many_steps_are_summed_whole() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "audit").await;
        let each = 60;
        // More entries than one step has.
        let tasks: Vec<_> = (0..20_u128)
            .map(|part| {
                let shop = shop.clone();
                tokio::spawn(async move {
                    for number in 0..each {
                        let id = 1 + part * each + number;
                        let posting = Posting::Captured {
                            provider: "test".to_owned(),
                            attempt: AttemptId::from_u128(id),
                        };
                        let posted = shop.post(id, order(id), posting, eur(id as i64));
                        posted.await.expect("a posting");
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.expect("no panic");
        }
        let total: i64 = (1..=1_200).sum();
        assert_eq!(
            shop.accounts().await,
            [
                ("provider_clearing test".to_owned(), total),
                ("sales".to_owned(), -total)
            ],
            "{}",
            cells.kind
        );
        let audit = shop.get("/api/v1/admin/ledger/audit").await.json;
        assert_eq!(
            audit,
            json!({ "entries": 1_200, "wallets": 0, "complete": true, "cursor": null,
                    "mismatches": [] }),
            "{}",
            cells.kind
        );
    }
}
