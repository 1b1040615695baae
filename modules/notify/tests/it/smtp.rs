//! Over a real mail server: taken once, tried again after trouble, given up on after a refusal.

use std::time::Duration;

use serde_json::{Value, json};
use stoa_bus::JobOutcome;
use stoa_contracts::cart::CartAbandoned;
use stoa_kernel::{CartId, OrderId};
use stoa_notify::Smtp;

use crate::peers::{eur, left, order};
use crate::post_office::{Act, PostOffice, Security};
use crate::support::{SETTINGS, Shop, everywhere, time};

/// Any pause of the schedule is over after it, none is doubled.
const LONG: Duration = Duration::from_secs(14 * 3_600);

async fn office() -> (PostOffice, Smtp) {
    let office = PostOffice::open(Security::Plain).await;
    let url = format!("smtp://127.0.0.1:{}?tls=none", office.port);
    let smtp = Smtp::new(&url, "shop@stoa.example").expect("a URL");
    (office, smtp)
}

#[tokio::test]
async fn a_mail_goes_out_with_the_shops_name_and_stands_in_the_log() {
    for cells in everywhere().await {
        let (office, smtp) = office().await;
        let shop = Shop::with(&cells, "acme", Some(smtp)).await;
        let settings = json!({"from_name": "Café, Bob", "reply_to": "care@acme.example"});
        shop.put(SETTINGS, settings).await;
        shop.confirm(1).await;

        let taken = office.taken();
        assert_eq!(taken.len(), 1, "{}", cells.kind);
        let mail = &taken[0];
        assert_eq!(mail.from, "MAIL FROM:<shop@stoa.example>", "{}", cells.kind);
        assert_eq!(mail.to, "RCPT TO:<ada@example.com>", "{}", cells.kind);
        assert_eq!(mail.header("Subject"), "Your order 1001 at acme");
        assert_eq!(mail.header("Reply-To"), "care@acme.example");
        assert_eq!(
            mail.header("From"),
            "=?utf-8?b?Q2Fmw6ksIEJvYg==?= <shop@stoa.example>"
        );
        assert!(
            mail.data.contains("Your order 1001 is paid."),
            "{}",
            mail.data
        );
        assert!(mail.data.contains("text/html"), "{}", mail.data);

        let log = shop.log().await;
        assert_eq!(log.len(), 1, "{}", cells.kind);
        let id = log[0]["id"].as_str().expect("an id");
        assert_eq!(mail.header("Message-ID"), format!("<{id}@stoa.example>"));
        let expected = json!({
            "id": id,
            "kind": "order_confirmation",
            "locale": "en",
            "to": "ada@example.com",
            "subject": "Your order 1001 at acme",
            "via": "smtp",
            "state": "sent",
            "attempts": 1,
            "answer": "250 taken as 42",
            "message_id": format!("<{id}@stoa.example>"),
            "queued_at": shop.now().to_string(),
            "next_attempt_at": null,
            "sent_at": shop.now().to_string(),
        });
        assert_eq!(log[0], expected, "{}", cells.kind);
        // The mailbox is for mail that no server took.
        assert_eq!(shop.mails().await, [], "{}", cells.kind);
    }
}

#[tokio::test]
async fn a_mail_put_off_is_sent_later_and_is_the_same_mail() {
    for cells in everywhere().await {
        let (office, smtp) = office().await;
        let shop = Shop::with(&cells, "acme", Some(smtp)).await;
        // The third is taken, but nobody hears of it.
        office.plan([
            Act::AtRecipient("450 4.2.1 greylisted ada@example.com"),
            Act::AfterData("452 4.3.1 full"),
            Act::TakeAndCut,
        ]);
        shop.confirm(1).await;
        let first = shop.log().await.remove(0);
        assert_eq!(
            (&first["state"], &first["attempts"]),
            (&json!("queued"), &json!(1))
        );
        let answer = first["answer"].as_str().expect("an answer");
        assert!(answer.contains("4.2.1 greylisted"), "{answer}");
        let pause = time(&first["next_attempt_at"]).since(shop.now());
        let expected = Duration::from_secs(60)..=Duration::from_secs(66);
        assert!(expected.contains(&pause), "{pause:?}");
        // Not a moment sooner.
        shop.advance(pause - Duration::from_micros(1));
        shop.work().await;
        assert_eq!(shop.log().await[0]["attempts"], 1, "{}", cells.kind);

        for attempts in 2..=4 {
            shop.advance(LONG);
            shop.work().await;
            assert_eq!(shop.log().await[0]["attempts"], attempts, "{}", cells.kind);
        }
        let last = shop.log().await.remove(0);
        assert_eq!(last["state"], "sent", "{}", cells.kind);
        let taken = office.taken();
        assert_eq!(taken.len(), 2, "{}", cells.kind);
        assert_eq!(
            taken[0].data, taken[1].data,
            "the second copy is known by its Message-ID"
        );
        assert_eq!(taken[0].header("Message-ID"), last["message_id"]);
        assert_eq!(shop.work().await, None, "{}", cells.kind);
    }
}

#[tokio::test]
async fn a_refused_mail_fails_at_once_and_says_why() {
    for cells in everywhere().await {
        let (office, smtp) = office().await;
        let shop = Shop::with(&cells, "acme", Some(smtp)).await;
        office.plan([Act::AtRecipient("550 5.1.1 no such user")]);
        shop.confirm(1).await;
        let mut broken = order(OrderId::from_u128(2));
        broken.email = "ada@example.com\r\nBcc: all@example.com".to_owned();
        shop.knows(broken);
        let event = shop.paid(OrderId::from_u128(2)).await;
        shop.hear(&event).await;
        assert_eq!(shop.work().await, None, "{}", cells.kind);

        let failed = shop.get("/api/v1/admin/notifications?state=failed").await;
        let failed = failed["data"].as_array().expect("a list");
        let said: Vec<&str> = failed
            .iter()
            .map(|one| one["answer"].as_str().expect("an answer"))
            .collect();
        assert_eq!(said.len(), 2, "{}", cells.kind);
        let refused = said.iter().any(|it| it.contains("5.1.1 no such user"));
        assert!(refused, "{said:?}");
        let no_address = said.contains(&"the recipient's address is not one");
        assert!(no_address, "{said:?}");
        shop.advance(LONG);
        assert_eq!(shop.work().await, None, "{}", cells.kind);
        assert_eq!(office.taken(), [], "{}", cells.kind);
    }
}

#[tokio::test]
async fn after_a_day_of_trouble_a_mail_is_given_up() {
    for cells in everywhere().await {
        let (office, smtp) = office().await;
        let shop = Shop::with(&cells, "acme", Some(smtp)).await;
        office.plan([Act::AfterData("451 not today"); 20]);
        let began = shop.now();
        shop.confirm(1).await;
        let mut attempts = 1;
        while let Some(next) = shop.log().await[0]["next_attempt_at"].as_str() {
            shop.advance_to(next.parse().expect("a time"));
            shop.work().await;
            attempts += 1;
        }
        let tried = shop.now().since(began);
        let day = Duration::from_secs(24 * 3_600);
        assert!(tried > day && tried < 2 * day, "{tried:?}");
        let log = shop.log().await.remove(0);
        assert_eq!(
            (&log["state"], &log["attempts"]),
            (&json!("failed"), &json!(9))
        );
        assert_eq!(attempts, 9, "{}", cells.kind);
        let answer = log["answer"].as_str().expect("an answer");
        assert!(answer.contains("not today"), "{answer}");
    }
}

#[tokio::test]
async fn a_cart_bought_between_two_attempts_is_reminded_of_no_more() {
    for cells in everywhere().await {
        let (office, smtp) = office().await;
        let shop = Shop::with(&cells, "acme", Some(smtp)).await;
        shop.staffed().await;
        let id = CartId::from_u128(1);
        shop.carts.left.lock().insert(id, left(id));
        office.plan([Act::AfterData("451 not now")]);
        shop.tell(CartAbandoned {
            cart: id,
            lines: 1,
            value: eur(1_000),
        })
        .await;
        assert_eq!(shop.log().await[0]["state"], "queued", "{}", cells.kind);
        shop.carts.left.lock().clear();
        shop.advance(LONG);
        assert_eq!(shop.work().await, None, "{}", cells.kind);
        let log = shop.log().await.remove(0);
        let expected = "not sent: the cart was bought or emptied meanwhile";
        assert_eq!(
            (&log["state"], &log["answer"]),
            (&json!("failed"), &json!(expected)),
            "{}",
            cells.kind
        );
        assert_eq!(office.taken(), [], "{}", cells.kind);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_runs_of_a_job_at_once_send_one_mail() {
    for cells in everywhere().await {
        let (office, smtp) = office().await;
        let shop = Shop::with(&cells, "acme", Some(smtp)).await;
        let id = OrderId::from_u128(1);
        shop.knows(order(id));
        let event = shop.paid(id).await;
        shop.hear(&event).await;
        let job = shop.claim().await.remove(0);
        let handler = &shop.module.jobs[0];
        let runs = futures_util::future::join_all((0..8).map(|_| handler.run(&job)));
        for outcome in runs.await {
            let fine = matches!(outcome, JobOutcome::Done | JobOutcome::Wait(_));
            assert!(fine, "{} {outcome:?}", cells.kind);
        }
        assert_eq!(office.taken().len(), 1, "{}", cells.kind);
        assert_eq!(shop.log().await[0]["attempts"], 1, "{}", cells.kind);
    }
}

#[tokio::test]
async fn a_run_that_died_while_sending_is_followed_by_another() {
    for cells in everywhere().await {
        let (office, smtp) = office().await;
        // A server that takes the connection and says nothing.
        let silent = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a port");
        let port = silent.local_addr().expect("an address").port();
        let mute = format!("smtp://127.0.0.1:{port}?tls=none");
        let mut mute = Smtp::new(&mute, "shop@stoa.example").expect("a URL");
        mute.time_max = Duration::from_secs(20);
        let shop = Shop::with(&cells, "acme", Some(mute)).await;
        let id = OrderId::from_u128(1);
        shop.knows(order(id));
        let event = shop.paid(id).await;
        shop.hear(&event).await;
        let job = shop.claim().await.remove(0);
        {
            // Dropped once it has claimed the attempt and waits for the server: as a process dies.
            let run = shop.module.jobs[0].run(&job);
            tokio::select! {
                outcome = run => panic!("{outcome:?}"),
                met = silent.accept() => drop(met.expect("a connection")),
            }
        }
        let log = shop.log().await.remove(0);
        assert_eq!(
            (&log["state"], &log["attempts"]),
            (&json!("queued"), &json!(1))
        );

        let shop = Shop::with(&cells, "acme", Some(smtp)).await;
        shop.knows(order(id));
        let outcome = shop.module.jobs[0].run(&job).await;
        let until = time(&log["next_attempt_at"]);
        assert_eq!(outcome, JobOutcome::Wait(until), "{}", cells.kind);
        shop.advance_to(until);
        assert_eq!(
            shop.module.jobs[0].run(&job).await,
            JobOutcome::Done,
            "{}",
            cells.kind
        );
        let log = shop.log().await.remove(0);
        assert_eq!(
            (&log["state"], &log["attempts"]),
            (&json!("sent"), &json!(2))
        );
        assert_eq!(office.taken().len(), 1, "{}", cells.kind);
    }
}

#[tokio::test]
async fn passwords_and_mails_travel_over_tls_only_to_whom_is_trusted() {
    let cells = everywhere().await.remove(0);
    for (security, scheme) in [(Security::StartTls, "smtp"), (Security::Tls, "smtps")] {
        let office = PostOffice::open(security).await;
        let url = format!("{scheme}://acme:p%40ss@localhost:{}", office.port);
        let smtp = Smtp::new(&url, "shop@stoa.example").expect("a URL");
        let slug = format!("stranger-{scheme}");
        let stranger = Shop::with(&cells, &slug, Some(smtp.clone())).await;
        stranger.confirm(1).await;
        assert_eq!(stranger.log().await[0]["state"], "queued", "{scheme}");
        assert_eq!(office.taken(), [], "{scheme}");

        let smtp = smtp.with_root(&office.root).expect("a certificate");
        let shop = Shop::with(&cells, scheme, Some(smtp)).await;
        shop.confirm(1).await;
        let log = shop.log().await.remove(0);
        assert_eq!(log["state"], "sent", "{scheme} {log}");
        let taken = office.taken().remove(0);
        assert!(taken.secure, "{scheme}");
        // NUL user NUL password in base 64.
        assert_eq!(
            taken.login.as_deref(),
            Some("AUTH PLAIN AGFjbWUAcEBzcw=="),
            "{scheme}"
        );
    }
    // A server that offers no TLS gets nothing.
    let office = PostOffice::open(Security::Plain).await;
    let url = format!("smtp://acme:secret@localhost:{}", office.port);
    let smtp = Smtp::new(&url, "shop@stoa.example").expect("a URL");
    let shop = Shop::with(&cells, "plain", Some(smtp)).await;
    shop.confirm(1).await;
    let log: Value = shop.log().await.remove(0);
    assert_eq!(log["state"], "queued", "{log}");
    assert_eq!(office.taken(), []);
}
