//! What was answered is there after the storage is closed and opened again.

use stoa_kernel::EventId;
use stoa_storage::{Cause, Error, Tx};

use crate::outbox::Counted;
use crate::support::{at, count, log_of, places, put, units};

#[tokio::test(flavor = "multi_thread")]
async fn rows_tenants_events_and_secrets_survive_reopening() {
    for place in places().await {
        let storage = place.open().await;
        let tenant = place.tenant(&storage, "one").await;
        let before = storage.tenant(tenant).await.expect(place.kind);
        let secret = storage.secret("cursor").await.expect(place.kind);
        let db = storage.db(tenant).await.expect(place.kind);
        put(&db, 1, "mug", 3).await.expect(place.kind);
        db.write(async |tx: &mut Tx<'_>| {
            let cause = Cause::system(at(0));
            tx.emit(EventId::from_u128(1), &cause, &Counted::new(1))
                .await
        })
        .await
        .expect(place.kind);
        drop((db, storage));
        let storage = place.open().await;
        assert_eq!(storage.tenant(tenant).await.expect(place.kind), before);
        assert_eq!(
            storage.tenant_by_slug("one").await.expect(place.kind),
            Some(before)
        );
        assert_eq!(storage.secret("cursor").await.expect(place.kind), secret);
        assert_ne!(storage.secret("other").await.expect(place.kind), secret);
        let db = storage.db(tenant).await.expect(place.kind);
        assert_eq!(
            (units(&db, 1).await, count(&db).await),
            (Some(3), 1),
            "{}",
            place.kind
        );
        let log = log_of(&storage, tenant).await;
        assert_eq!(log.sequence().await.expect(place.kind), 1, "{}", place.kind);
        assert_eq!(
            log.after(0, 10).await.expect(place.kind)[0].seq,
            1,
            "{}",
            place.kind
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_tenant_is_named() {
    for place in places().await {
        let storage = place.open().await;
        let nobody = stoa_kernel::TenantId::from_u128(5);
        let missing = storage.db(nobody).await.err();
        assert!(
            matches!(&missing, Some(Error::UnknownTenant { tenant }) if *tenant == nobody.to_string()),
            "{}: {missing:?}",
            place.kind
        );
        assert_eq!(
            storage.tenant_by_slug("nobody").await.expect(place.kind),
            None
        );
        assert_eq!(
            storage
                .tenant_by_host("nobody.example")
                .await
                .expect(place.kind),
            None
        );
    }
}
