//! Whom a host and a key stand for.

use stoa_rest::{Caller, Credential, Permission, RequestTenant};
use stoa_storage::NewTenant;
use stoa_tenancy::{KeyKind, Module, TenancyError};

use crate::support::{everywhere, key, start, tenant};

async fn slug_of(module: &Module, host: &str, header: Option<&str>) -> Option<String> {
    let found = module.gate.tenant(host, header).await.expect("an answer");
    found.map(|tenant| tenant.slug.clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_names_its_tenant_and_only_the_base_host_listens_to_the_header() {
    for cells in everywhere().await {
        let module = start(&cells);
        tenant(&module, "demo", cells.isolation).await;
        tenant(&module, "books", cells.isolation).await;
        let long_host = format!("{}.localhost", "a".repeat(60_000));
        let long_slug = "a".repeat(41);
        for (host, header, expected) in [
            ("localhost", None, Some("demo")),
            ("localhost", Some("books"), Some("books")),
            ("127.0.0.1", Some("books"), Some("books")),
            ("[::1]", None, Some("demo")),
            ("[anything]", None, None),
            ("[::1].evil.example]", Some("books"), None),
            ("shops.example", Some("books"), Some("books")),
            ("books.localhost", None, Some("books")),
            ("books.shops.example", None, Some("books")),
            ("books.localhost", Some("demo"), Some("books")),
            ("nobody.localhost", None, None),
            ("a.books.localhost", None, None),
            ("evil.example", Some("books"), None),
            ("localhost", Some("nobody"), None),
            (long_host.as_str(), None, None),
            ("localhost", Some(long_slug.as_str()), None),
        ] {
            let found = slug_of(&module, host, header).await;
            assert_eq!(
                found.as_deref(),
                expected,
                "{host} {header:?} on {}",
                cells.kind
            );
        }
    }
}

async fn caller(
    module: &Module,
    tenant: Option<&RequestTenant>,
    key: &str,
) -> Result<Caller, &'static str> {
    let answer = module
        .gate
        .caller(tenant, Some(&Credential::new(key)))
        .await;
    answer.map_err(|problem| problem.code().code)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_opens_its_own_shop_and_no_other() {
    for cells in everywhere().await {
        let module = start(&cells);
        let own = tenant(&module, "own", cells.isolation).await;
        tenant(&module, "other", cells.isolation).await;
        let secret = key(&module, Some(&own), KeyKind::Secret).await;
        let publishable = key(&module, Some(&own), KeyKind::Publishable).await;
        let operator = key(&module, None, KeyKind::Operator).await;
        let at = |host: &'static str| {
            let gate = module.gate.clone();
            async move {
                gate.tenant(host, None)
                    .await
                    .expect("an answer")
                    .expect("a tenant")
            }
        };
        let (own, other) = (at("own.localhost").await, at("other.localhost").await);
        let staff = caller(&module, Some(&own), &secret).await.expect("staff");
        let Caller::Staff { permissions, .. } = staff else {
            panic!("{staff:?}")
        };
        assert!(permissions.contains(Permission::OrdersRead));
        assert!(!permissions.contains(Permission::OrdersWrite));
        let shopper = caller(&module, Some(&own), &publishable).await;
        assert!(
            matches!(shopper, Ok(Caller::Publishable { .. })),
            "{shopper:?}"
        );
        assert_eq!(
            caller(&module, Some(&other), &secret).await,
            Err("wrong_tenant")
        );
        assert_eq!(
            caller(&module, Some(&other), &publishable).await,
            Err("wrong_tenant")
        );
        assert_eq!(
            caller(&module, Some(&other), &operator).await,
            Ok(Caller::Operator)
        );
        assert_eq!(
            caller(&module, Some(&own), "sk_unknown").await,
            Err("unauthorized")
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn slugs_and_names_are_checked_before_anything_is_made() {
    for cells in everywhere().await {
        let module = start(&cells);
        tenant(&module, "taken", cells.isolation).await;
        let create = async |slug: &str, name: &str| {
            let new = NewTenant {
                slug: slug.to_owned(),
                name: name.to_owned(),
                currency: stoa_kernel::Currency::EUR,
                test_mode: false,
                isolation: cells.isolation,
            };
            module
                .tenancy
                .create_tenant(new)
                .await
                .map(|tenant| tenant.slug)
        };
        assert!(matches!(
            create("No Slug", "x").await,
            Err(TenancyError::Slug(_))
        ));
        assert!(matches!(
            create("fine", " ").await,
            Err(TenancyError::Invalid { field: "name", .. })
        ));
        let taken = create("taken", "x").await;
        assert!(
            matches!(
                &taken,
                Err(TenancyError::Storage(stoa_storage::Error::SlugTaken { .. }))
            ),
            "{taken:?}"
        );
        assert_eq!(
            cells.storage().tenants().await.expect("tenants").len(),
            1,
            "{}",
            cells.kind
        );
    }
}
