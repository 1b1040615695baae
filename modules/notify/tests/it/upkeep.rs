//! Old messages go, and those of before there was a log stay until then.

use std::sync::Arc;
use std::time::Duration;

use stoa_bus::JobOutcome;
use stoa_contracts::Deps;
use stoa_contracts::notify::Mail;
use stoa_contracts::orders::Orders;
use stoa_kernel::{Currency, JobId, OrderId, SeededIds, TenantId, Timestamp};
use stoa_rest::CursorKey;
use stoa_storage::{
    ClaimedJob, Isolation, Migrations, NewTenant, Plane, Storage, StorageConfig, Tx, params,
};
use stoa_testkit::{ManualClock, fresh_database, postgres_server};

use crate::peers::{FakeOrders, order};
use crate::support::{Shop, everywhere};

const DAY: Duration = Duration::from_secs(24 * 3_600);

#[tokio::test]
async fn messages_go_after_ninety_days() {
    for cells in everywhere().await {
        let shop = Shop::open(&cells, "acme").await;
        shop.confirm(1).await;
        shop.advance(DAY);
        shop.confirm(2).await;
        shop.advance(89 * DAY);
        shop.recurring().await;
        assert_eq!(shop.log().await.len(), 2, "{}", cells.kind);
        shop.advance(Duration::from_secs(1));
        shop.recurring().await;
        let log = shop.log().await;
        assert_eq!(log.len(), 1, "{}", cells.kind);
        assert_eq!(
            log[0]["subject"], "Your order 1002 at acme",
            "{}",
            cells.kind
        );
    }
}

#[tokio::test]
async fn more_than_one_round_of_them_goes_at_once() {
    let cells = everywhere().await.remove(0);
    let shop = Shop::open(&cells, "acme").await;
    for order in 1..=201 {
        shop.confirm(order).await;
    }
    shop.advance(91 * DAY);
    shop.recurring().await;
    assert_eq!(shop.log().await.len(), 0);
}

#[tokio::test]
async fn mail_of_before_there_was_a_log_stays_and_is_not_sent_again() {
    const OLD: Migrations = Migrations {
        module: "notify",
        plane: Plane::Cell,
        steps: stoa_notify::MIGRATIONS.steps.split_at(1).0,
    };
    const MAIL: &str = "INSERT INTO notify_mail (tenant_id, id, dedupe_key, recipient, subject, \
         text, html, sent_at) VALUES (:tenant, $1, $2, 'ada@example.com', 's', 't', 'h', 7)";
    let folder = tempfile::tempdir().expect("a folder");
    let mut urls = vec![format!("sqlite:{}", folder.path().display())];
    if let Some(server) = postgres_server() {
        urls.push(fresh_database(&server).await);
    }
    for url in urls {
        let clock = Arc::new(ManualClock::new());
        let config = || StorageConfig {
            url: url.clone(),
            connections_max: 4,
            mmap_bytes: 1 << 20,
            clock: clock.clone(),
            ids: Arc::new(SeededIds::new(1)),
        };
        let before = Storage::open(config(), &[OLD]).await.expect("storage");
        let new = NewTenant {
            slug: "acme".to_owned(),
            name: "acme".to_owned(),
            currency: Currency::EUR,
            test_mode: true,
            isolation: Isolation::Shared,
        };
        let tenant = before.create_tenant(new).await.expect("a tenant").id;
        let key = format!("order_confirmation:{}", OrderId::from_u128(1));
        let db = before.db(tenant).await.expect("a cell");
        db.write(async move |tx: &mut Tx<'_>| {
            tx.execute(MAIL, params![JobId::from_u128(5), &key]).await
        })
        .await
        .expect("kept");
        drop((db, before));

        let after = Storage::open(config(), &[stoa_notify::MIGRATIONS]).await;
        let deps = Deps {
            storage: after.expect("storage"),
            clock: clock.clone(),
            ids: Arc::new(SeededIds::new(2)),
        };
        let orders = Arc::new(FakeOrders::default());
        let id = OrderId::from_u128(1);
        orders.views.lock().insert(id, order(id));
        let orders: Arc<dyn Orders> = orders;
        let module = stoa_notify::start(deps, orders, CursorKey::new([8; 32]));
        let job = confirmation(tenant, id);
        assert_eq!(module.jobs[0].run(&job).await, JobOutcome::Done, "{url}");
        let mails = module.contract.list(tenant, 10).await.expect("mail");
        let kept = Mail {
            id: JobId::from_u128(5),
            to: "ada@example.com".to_owned(),
            subject: "s".to_owned(),
            text: "t".to_owned(),
            html: "h".to_owned(),
            sent_at: Timestamp::from_micros(7),
        };
        assert_eq!(mails, [kept], "{url}");
    }
}

fn confirmation(tenant: TenantId, order: OrderId) -> ClaimedJob {
    ClaimedJob {
        id: JobId::from_u128(6),
        tenant,
        kind: "notify.send_mail".to_owned(),
        payload: serde_json::json!({ "order": order }),
        attempt: 1,
        attempts_max: 10,
        lease: String::new(),
    }
}
