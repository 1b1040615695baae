//! Starts tenancy with its real peers.

use stoa_storage::{Isolation, NewTenant, Tenant};
use stoa_tenancy::{KeyKind, Module, NewKey};
use stoa_testkit::TestCells;

pub(crate) async fn everywhere() -> Vec<TestCells> {
    let modules = [
        stoa_tenancy::MIGRATIONS,
        stoa_catalog::MIGRATIONS,
        stoa_pricing::MIGRATIONS,
    ];
    stoa_testkit::everywhere(&modules).await
}

pub(crate) fn start(cells: &TestCells) -> Module {
    let catalog = stoa_catalog::start(cells.deps.clone(), [7; 32], str::to_owned);
    let pricing = stoa_pricing::start(cells.deps.clone(), catalog.contract);
    stoa_tenancy::start(
        cells.deps.clone(),
        pricing.contract,
        Some("shops.example".to_owned()),
    )
}

pub(crate) async fn tenant(module: &Module, slug: &str, isolation: Isolation) -> Tenant {
    let new = NewTenant {
        slug: slug.to_owned(),
        name: slug.to_owned(),
        currency: stoa_kernel::Currency::EUR,
        test_mode: false,
        isolation,
    };
    module.tenancy.create_tenant(new).await.expect("a tenant")
}

pub(crate) async fn key(module: &Module, tenant: Option<&Tenant>, kind: KeyKind) -> String {
    let new = NewKey {
        tenant: tenant.map(|tenant| tenant.id),
        kind,
        name: "test".to_owned(),
        permissions: "orders:read".parse().expect("a permission"),
    };
    module.tenancy.create_key(new).await.expect("a key").1
}
