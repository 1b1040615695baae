//! Invoices and packing slips: numbers without gaps, sums as sold, text escaped; and archiving.

use futures_util::future::join_all;
use http::StatusCode;
use stoa_contracts::orders::{
    FulfilmentStep, LineUnits, NewFulfilment, NewOrder, PaymentStep, RefundRecord, Tracking,
};
use stoa_contracts::pricing::TaxLine;
use stoa_kernel::{AttemptId, FulfilmentId, OrderId, Quantity, RefundId};

use crate::api::{post, read, router};
use crate::support::{Shop, eur, everywhere, order, paid};

fn invoice_path(seed: u128) -> String {
    format!("/api/v1/admin/orders/{}/invoice", OrderId::from_u128(seed))
}

/// The number in the page's heading.
fn number(html: &str) -> u32 {
    let rest = html.split("<h1>Invoice ").nth(1).expect("a heading");
    let digits = rest.split('<').next().expect("a number");
    digits.parse().expect("digits")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn race_of_invoices_leaves_no_gap_and_gives_each_order_one() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "acme").await;
        for seed in 1..=20 {
            shop.create(&order(seed)).await.expect(cells.kind);
        }
        let draft = NewOrder {
            cart: None,
            ..order(21)
        };
        let new = draft.clone();
        shop.run(async move |tx, orders, cause| orders.create_draft(tx, &new, cause).await)
            .await
            .expect(cells.kind);
        let router = router(&cells, &[("acme", &shop)]);
        let tasks = (0..60_u128).map(|task| {
            let router = router.clone();
            tokio::spawn(async move {
                let seed = task % 20 + 1;
                let (status, _, html) = read(&router, &invoice_path(seed)).await;
                assert_eq!(status, StatusCode::OK, "{html}");
                (seed, number(&html))
            })
        });
        let answers = join_all(tasks.collect::<Vec<_>>()).await;
        let mut given: Vec<(u128, u32)> = answers
            .into_iter()
            .map(|one| one.expect("no panic"))
            .collect();
        given.sort_unstable();
        given.dedup();
        assert_eq!(given.len(), 20, "{}: {given:?}", cells.kind);
        let mut numbers: Vec<u32> = given.into_iter().map(|(_, number)| number).collect();
        numbers.sort_unstable();
        assert_eq!(numbers, (1..=20).collect::<Vec<u32>>(), "{}", cells.kind);
        // One that is refused takes no number.
        let (status, _, text) = read(&router, &invoice_path(21)).await;
        assert_eq!(status, StatusCode::CONFLICT, "{text}");
        assert!(text.contains("order_state_conflict"), "{text}");
        shop.create(&order(22)).await.expect(cells.kind);
        assert_eq!(
            number(&read(&router, &invoice_path(22)).await.2),
            21,
            "{}",
            cells.kind
        );
    }
}

/// With a discount, a gift card, two taxes and hostile text.
fn odd_order() -> NewOrder {
    let mut new = order(1);
    new.email = "\"><img src=x>@example.com".to_owned();
    new.lines[0].title = "<script>alert(1)</script>".to_owned();
    new.lines[0].subtotal = eur(4_500);
    new.lines[0].discount = eur(500);
    new.totals.subtotal = eur(5_000);
    new.totals.discount = eur(500);
    new.gift_card = eur(831);
    new.taxes = vec![
        TaxLine {
            name: "VAT".to_owned(),
            rate_ppm: 190_000,
            amount: eur(900),
        },
        TaxLine {
            name: "County".to_owned(),
            rate_ppm: 81_250,
            amount: eur(31),
        },
    ];
    new
}

/// 50.00 of it, beside the gift card; then 2.00 go back.
async fn pay_and_refund(shop: &Shop<'_>, order: OrderId) {
    let pay = PaymentStep::Paid {
        attempt: AttemptId::from_u128(1),
        amount: eur(5_000),
    };
    shop.step(order, pay).await.expect(shop.cells.kind);
    let refund = RefundRecord {
        id: RefundId::from_u128(1),
        amount: eur(200),
        lines: Vec::new(),
        reason: None,
    };
    shop.run(async move |tx, orders, cause| orders.refunded(tx, order, &refund, cause).await)
        .await
        .expect(shop.cells.kind);
}

#[tokio::test]
async fn an_invoice_says_what_was_sold_and_escapes_what_others_wrote() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "acme").await;
        let new = odd_order();
        shop.create(&new).await.expect(cells.kind);
        pay_and_refund(&shop, new.id).await;
        let router = router(&cells, &[("acme", &shop)]);
        let (status, headers, html) = read(&router, &invoice_path(1)).await;
        assert_eq!(status, StatusCode::OK, "{html}");
        assert!(
            !html.contains("<script") && !html.contains("<img"),
            "{html}"
        );
        assert!(
            html.contains("&lt;script&gt;alert(1)&lt;&#x2f;script&gt;"),
            "{html}"
        );
        let cell =
            |label: &str, amount: &str| format!("<td>{label}</td><td class=\"n\">{amount}</td>");
        for (label, amount) in [
            ("Subtotal, net", "50.00"),
            ("Discount", "-5.00"),
            ("Shipping, net", "4.00"),
            ("VAT 19 %", "9.00"),
            ("County 8.125 %", "0.31"),
            ("Total", "58.31"),
            ("Gift card", "-8.31"),
            ("Paid", "-50.00"),
            ("Refunded", "2.00"),
            ("Amount due", "0.00"),
        ] {
            assert!(html.contains(&cell(label, amount)), "{label}: {html}");
        }
        assert!(html.contains("Byron &amp; Söhne"), "{html}");
        assert!(html.contains("@page{size:A4;"), "{html}");
        let policy = headers["content-security-policy"].to_str().expect("text");
        assert!(
            policy.starts_with("default-src 'none'; style-src 'sha256-"),
            "{policy}"
        );
        let letter = format!("{}?paper=letter", invoice_path(1));
        assert!(
            read(&router, &letter)
                .await
                .2
                .contains("@page{size:letter;"),
            "{}",
            cells.kind
        );
        let foreign = format!("{}?paper=a3", invoice_path(1));
        assert_eq!(
            read(&router, &foreign).await.0,
            StatusCode::UNPROCESSABLE_ENTITY
        );
    }
}

#[tokio::test]
async fn a_packing_slip_names_what_is_in_the_parcel() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "acme").await;
        let placed = shop.paid(1).await;
        let new = NewFulfilment {
            id: FulfilmentId::from_u128(1),
            order: placed.id,
            location: None,
            lines: vec![LineUnits {
                line_id: placed.lines[0].id,
                quantity: Quantity::ONE,
            }],
            taken: Vec::new(),
            tracking: Some(Tracking {
                carrier: Some("<b>DHL</b>".to_owned()),
                number: "JD01".to_owned(),
                url: None,
            }),
        };
        shop.run(async move |tx, orders, cause| orders.fulfil(tx, &new, cause).await)
            .await
            .expect(cells.kind);
        let router = router(&cells, &[("acme", &shop)]);
        let slip = format!("/api/v1/admin/orders/{}/packing-slip", placed.id);
        let (status, _, whole) = read(&router, &slip).await;
        assert_eq!(status, StatusCode::OK, "{whole}");
        assert!(whole.contains("Teapot") && whole.contains("Cup"), "{whole}");
        assert!(
            whole.contains("Ring twice") && whole.contains("Test order"),
            "{whole}"
        );
        let one = format!("{slip}?fulfilment_id={}", FulfilmentId::from_u128(1));
        let (_, _, parcel) = read(&router, &one).await;
        assert!(
            parcel.contains("Teapot") && !parcel.contains("Cup"),
            "{parcel}"
        );
        assert!(
            parcel.contains("&lt;b&gt;DHL&lt;&#x2f;b&gt; JD01"),
            "{parcel}"
        );
        // No price leaves with the goods.
        assert!(
            !parcel.contains("20.00") && !whole.contains("58.31"),
            "{parcel}"
        );
        let unknown = format!("{slip}?fulfilment_id={}", FulfilmentId::from_u128(2));
        assert_eq!(
            read(&router, &unknown).await.0,
            StatusCode::UNPROCESSABLE_ENTITY
        );
    }
}

#[tokio::test]
async fn only_completed_orders_are_put_away() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "acme").await;
        let placed = order(1);
        shop.create(&placed).await.expect(cells.kind);
        let router = router(&cells, &[("acme", &shop)]);
        let path = |what: &str| format!("/api/v1/admin/orders/{}/{what}", placed.id);
        let nothing = serde_json::Value::Null;
        let (status, refused) = post(&router, &path("archive"), &nothing).await;
        assert_eq!(
            (status, &refused["code"]),
            (StatusCode::CONFLICT, &"order_state_conflict".into())
        );
        shop.step(placed.id, paid(1)).await.expect(cells.kind);
        let (order, lines) = (placed.id, placed.lines.clone());
        shop.run(async move |tx, orders, cause| {
            let new = NewFulfilment {
                id: FulfilmentId::from_u128(1),
                order,
                location: None,
                lines: lines
                    .iter()
                    .map(|line| LineUnits {
                        line_id: line.id,
                        quantity: line.quantity,
                    })
                    .collect(),
                taken: Vec::new(),
                tracking: None,
            };
            orders.fulfil(tx, &new, cause).await?;
            let step = FulfilmentStep::Deliver;
            orders
                .step_fulfilment(tx, order, new.id, &step, cause)
                .await
        })
        .await
        .expect(cells.kind);
        for _ in 0..2 {
            let (status, view) = post(&router, &path("archive"), &nothing).await;
            assert_eq!(
                (status, &view["status"]),
                (StatusCode::OK, &"archived".into())
            );
        }
        let (_, view) = post(&router, &path("unarchive"), &nothing).await;
        assert_eq!(view["status"], "completed", "{}", cells.kind);
    }
}
