//! What people are told of, each fact once and to whom it concerns.

use std::time::Duration;

use serde_json::json;
use stoa_contracts::cart::CartAbandoned;
use stoa_contracts::checkout::{PaymentReturned, SagaStuck};
use stoa_contracts::inventory::StockLow;
use stoa_contracts::orders::{
    FulfilmentChanged, FulfilmentState, OrderCanceled, OrderRefunded, OrderStatus, PaymentStatus,
};
use stoa_contracts::payments::DisputeChanged;
use stoa_kernel::{AttemptId, CartId, DisputeId, FulfilmentId, OrderId, RefundId, VariantId};

use crate::peers::{eur, left, order, parcel};
use crate::support::{SETTINGS, Shop, everywhere};

const ORDER: OrderId = OrderId::from_u128(1);

#[tokio::test]
async fn each_parcel_is_told_of_when_it_leaves_and_never_again() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "acme").await;
        let (first, second) = (FulfilmentId::from_u128(1), FulfilmentId::from_u128(2));
        let mut view = order(ORDER);
        view.fulfilments = vec![
            parcel(first, FulfilmentState::Packed),
            parcel(second, FulfilmentState::Canceled),
        ];
        shop.knows(view.clone());
        let changed = |fulfilment, state| FulfilmentChanged {
            order: ORDER,
            number: 1_001,
            fulfilment,
            state,
        };
        shop.tell(changed(first, FulfilmentState::Packed)).await;
        // Unpacked again by the time the job looks.
        shop.tell(changed(second, FulfilmentState::Shipped)).await;
        assert_eq!(shop.heads().await, [""; 0], "{}", cells.kind);

        view.fulfilments[0].state = FulfilmentState::Shipped;
        shop.knows(view.clone());
        shop.tell(changed(first, FulfilmentState::Shipped)).await;
        let text = shop.mails().await.remove(0).text;
        let expected = "\
It is on its way!

These goods of your order 1001 have left us:

1 x Teapot

Tracking number (Post): T-1
https://post.example/T-1

See your order: https://acme.shops.example/orders/";
        assert!(text.starts_with(expected), "{text}");
        view.fulfilments[0].state = FulfilmentState::Delivered;
        shop.knows(view);
        shop.tell(changed(first, FulfilmentState::Shipped)).await;
        shop.tell(changed(first, FulfilmentState::Delivered)).await;
        assert_eq!(
            shop.heads().await,
            ["ada@example.com: Your order 1001 is on its way"],
            "{}",
            cells.kind
        );
    }
}

#[tokio::test]
async fn money_that_goes_back_is_told_per_refund_with_its_amount() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "acme").await;
        shop.put(SETTINGS, json!({"locale": "de-AT"})).await;
        shop.knows(order(ORDER));
        for (refund, refunded) in [(1, 500), (2, 1_190), (2, 1_190)] {
            shop.tell(OrderRefunded {
                order: ORDER,
                number: 1_001,
                refund: RefundId::from_u128(refund),
                amount: eur(if refund == 1 { 500 } else { 690 }),
                refunded: eur(refunded),
                test: false,
            })
            .await;
        }
        let mut texts: Vec<String> = shop.mails().await.into_iter().map(|it| it.text).collect();
        texts.sort();
        assert_eq!(texts.len(), 2, "{}", cells.kind);
        assert!(
            texts[0].starts_with("Sie erhalten 5,00 EUR zurück\n"),
            "{}",
            texts[0]
        );
        assert!(!texts[0].contains("Insgesamt"), "{}", texts[0]);
        assert!(
            texts[1].contains("Insgesamt wurden damit 11,90 EUR erstattet."),
            "{}",
            texts[1]
        );
    }
}

#[tokio::test]
async fn shoppers_and_staff_hear_what_concerns_them() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "acme").await;
        let mut view = order(ORDER);
        view.status = OrderStatus::Canceled;
        view.payment_status = PaymentStatus::Refunded;
        shop.knows(view);
        let stuck = SagaStuck {
            order: ORDER,
            saga: "refund".to_owned(),
            step: "send".to_owned(),
        };
        // Nobody said who the staff are.
        shop.tell(stuck.clone()).await;
        assert_eq!(shop.heads().await, [""; 0], "{}", cells.kind);

        shop.staffed().await;
        for _ in 0..2 {
            shop.tell(stuck.clone()).await;
            shop.tell(OrderCanceled {
                order: ORDER,
                number: 1_001,
                reason: "secret reason".to_owned(),
            })
            .await;
            shop.tell(PaymentReturned {
                order: ORDER,
                attempt: AttemptId::from_u128(1),
                refund: RefundId::from_u128(1),
                amount: eur(1_190),
                why: "out_of_stock".to_owned(),
            })
            .await;
            for status in ["needs_response", "won"] {
                shop.tell(DisputeChanged {
                    dispute: DisputeId::from_u128(1),
                    attempt: AttemptId::from_u128(1),
                    order: ORDER,
                    amount: eur(1_190),
                    status: status.to_owned(),
                })
                .await;
            }
        }
        let expected = [
            "ada@example.com: Your order 1001 was canceled",
            "ada@example.com: Your payment for order 1001 goes back to you",
            "staff@example.com: Order 1001 needs you",
            "staff@example.com: Order 1001: a payment goes back",
            "staff@example.com: Order 1001: dispute needs_response",
            "staff@example.com: Order 1001: dispute won",
        ];
        assert_eq!(shop.heads().await, expected, "{}", cells.kind);
        let told = shop.mails().await;
        let texts: String = told.iter().map(|mail| mail.text.as_str()).collect();
        assert!(
            texts.contains("but what you ordered had been sold meanwhile."),
            "{texts}"
        );
        assert!(!texts.contains("secret reason"), "{texts}");
        let staff = told.iter().filter(|mail| mail.to == "staff@example.com");
        for mail in staff {
            // The order's secret opens it to whoever holds it: that is the shopper.
            assert!(!mail.text.contains("token"), "{}", mail.text);
        }
    }
}

#[tokio::test]
async fn a_cart_is_reminded_of_only_if_the_shop_wants_and_nobody_bought_it() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "acme").await;
        let fact = |cart: u128| CartAbandoned {
            cart: CartId::from_u128(cart),
            lines: 1,
            value: eur(1_000),
        };
        for cart in [1, 2] {
            let id = CartId::from_u128(cart);
            shop.carts.left.lock().insert(id, left(id));
        }
        shop.tell(fact(1)).await;
        assert_eq!(shop.heads().await, [""; 0], "not switched on");

        shop.staffed().await;
        // The third was bought before the job ran.
        for cart in [2, 2, 3] {
            shop.tell(fact(cart)).await;
        }
        let mails = shop.mails().await;
        assert_eq!(mails.len(), 1, "{}", cells.kind);
        assert_eq!(mails[0].to, "bob@example.com", "{}", cells.kind);
        assert_eq!(
            mails[0].text,
            "\
Still interested?

Your cart is as you left it:

1 x Teapot (Blue): 10.00 EUR

Back to your cart: https://acme.shops.example/cart/recover?cart=cart_00000000000000000000000002&token=to%2Bken"
        );
        assert!(
            mails[0]
                .html
                .contains("cart_00000000000000000000000002&amp;token=to%2Bken\""),
            "{}",
            mails[0].html
        );
    }
}

#[tokio::test]
async fn what_runs_low_together_is_told_together_and_each_once_a_day() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "acme").await;
        shop.staffed().await;
        let low = |variant: u128, available| StockLow {
            variant: VariantId::from_u128(variant),
            available,
            threshold: 5,
        };
        shop.tell(low(1, 4)).await;
        shop.advance(Duration::from_secs(1));
        shop.tell(low(9, 3)).await;
        shop.tell(low(1, 2)).await;
        assert_eq!(shop.heads().await, [""; 0], "the window is open");
        shop.advance(Duration::from_secs(11 * 60));
        assert_eq!(shop.work().await, None, "{}", cells.kind);
        assert_eq!(
            shop.heads().await,
            ["staff@example.com: Low stock: 2 items"],
            "{}",
            cells.kind
        );
        let text = shop.mails().await.remove(0).text;
        let expected = "\
Low stock

These are running out:

Teapot 1 (Blue) [POT]: 2 left
var_00000000000000000000000009: 3 left";
        assert_eq!(text, expected, "{}", cells.kind);

        // Up and down again within the day; the second is new.
        shop.tell(low(1, 1)).await;
        shop.tell(low(2, 5)).await;
        shop.advance(Duration::from_secs(11 * 60));
        shop.work().await;
        assert_eq!(
            shop.mails().await[0].subject,
            "Low stock: Teapot 2",
            "{}",
            cells.kind
        );
        shop.advance(Duration::from_secs(24 * 3_600));
        shop.tell(low(1, 1)).await;
        shop.advance(Duration::from_secs(11 * 60));
        shop.work().await;
        let mails = shop.mails().await;
        assert_eq!(mails[0].subject, "Low stock: Teapot 1", "{}", cells.kind);
        assert_eq!(mails.len(), 3, "{}", cells.kind);
    }
}

#[tokio::test]
async fn what_one_mail_about_low_stock_cannot_hold_comes_in_the_next() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "acme").await;
        shop.staffed().await;
        for variant in 1_001..=1_101 {
            let event = shop
                .emit(StockLow {
                    variant: VariantId::from_u128(variant),
                    available: 1,
                    threshold: 5,
                })
                .await;
            shop.hear(&event).await;
        }
        shop.advance(Duration::from_secs(11 * 60));
        shop.work().await;
        assert_eq!(
            shop.mails().await[0].subject,
            "Low stock: 100 items",
            "{}",
            cells.kind
        );
        shop.advance(Duration::from_secs(60));
        shop.work().await;
        let mails = shop.mails().await;
        assert_eq!(mails[0].subject, "Low stock: Teapot 1101", "{}", cells.kind);
        assert_eq!(mails.len(), 2, "{}", cells.kind);
    }
}
