//! How fast a generated file lands on SQLite, and in how much memory. Prints, judges nothing.
//!
//! `cargo run --release -p stoa-import --example throughput [rows] [rows per product]`
#![expect(clippy::print_stdout, reason = "printing is what it is for")]

use std::fmt::Write as _;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use stoa_contracts::Deps;
use stoa_import::{ImportOptions, Report, sanitise_description};
use stoa_kernel::{Actor, Currency, SeededIds};
use stoa_rest::CursorKey;
use stoa_storage::{Isolation, NewTenant, Storage, StorageConfig};
use stoa_testkit::SystemClock;
use tokio::io::{AsyncRead, ReadBuf};

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let mut number = |otherwise: u64| {
        let given = arguments.next().and_then(|text| text.parse().ok());
        given.unwrap_or(otherwise)
    };
    let (rows, rows_per_product) = (number(100_000), number(3).max(1));
    let modules = [
        stoa_catalog::MIGRATIONS,
        stoa_pricing::MIGRATIONS,
        stoa_inventory::MIGRATIONS,
        stoa_import::MIGRATIONS,
    ];
    let folder = tempfile::tempdir().expect("a temporary folder");
    // Time must pass: ids sort by it, and rows of one moment would scatter over the indexes.
    let (clock, ids) = (Arc::new(SystemClock), Arc::new(SeededIds::new(1)));
    let config = StorageConfig {
        url: format!("sqlite:{}", folder.path().display()),
        connections_max: 8,
        mmap_bytes: 1 << 28,
        clock: clock.clone(),
        ids: ids.clone(),
    };
    let storage = Storage::open(config, &modules).await.expect("storage");
    let new = NewTenant {
        slug: "shop".to_owned(),
        name: "Shop".to_owned(),
        currency: Currency::EUR,
        test_mode: true,
        isolation: Isolation::Shared,
    };
    let tenant = storage.create_tenant(new).await.expect("a tenant").id;
    let deps = Deps {
        storage: storage.clone(),
        clock,
        ids,
    };
    let catalog = stoa_catalog::start(deps.clone(), [1; 32], sanitise_description).contract;
    let pricing = stoa_pricing::start(deps.clone(), catalog.clone()).contract;
    let inventory = stoa_inventory::start(deps.clone(), CursorKey::new([1; 32])).contract;
    let key = CursorKey::new([2; 32]);
    let importer = stoa_import::start(deps, catalog, pricing, inventory, key).importer;
    println!("before: {}", memory());
    for pass in ["new products", "the same again"] {
        let file = Generated::new(rows, rows_per_product);
        let began = Instant::now();
        let mut spooled = None;
        let told = |report: &Report| {
            if report.rows_read > 0 {
                spooled.get_or_insert_with(|| began.elapsed());
            }
        };
        let options = ImportOptions {
            set_stock: false,
            actor: Actor::Operator,
        };
        let report = importer.import_now(tenant, file, options, told).await;
        let report = report.expect("a well-formed file");
        let took = began.elapsed();
        let per_second = u128::from(rows) * 1_000_000 / took.as_micros().max(1);
        println!(
            "{pass}: {rows} rows in {took:.1?} ({per_second} rows/s), first landed by {spooled:.1?}, \
             {:?}, {} commits; {}",
            report.products,
            storage.stats().read().batches,
            memory(),
        );
    }
}

/// A product file that is made while it is read.
struct Generated {
    row: u64,
    rows: u64,
    rows_per_product: u64,
    piece: String,
    taken: usize,
}

impl Generated {
    fn new(rows: u64, rows_per_product: u64) -> Self {
        let header = "Handle,Title,Body (HTML),Vendor,Type,Tags,Option1 Name,Option1 Value,\
                      Variant SKU,Variant Grams,Variant Inventory Qty,Variant Price,Image Src\n";
        Self {
            row: 0,
            rows,
            rows_per_product,
            piece: header.to_owned(),
            taken: 0,
        }
    }

    fn refill(&mut self) {
        let row = self.row;
        self.row += 1;
        self.piece.clear();
        self.taken = 0;
        let (product, variant) = (row / self.rows_per_product, row % self.rows_per_product);
        let piece = &mut self.piece;
        let first = variant == 0;
        write!(piece, "product-{product},").expect("a string takes all");
        if first {
            write!(
                piece,
                "Product {product},\"<p>Number <b>{product}</b>: {}</p>\",Maker,Things,\"a, b, c\",\
                 Size",
                "of fine make and long use. ".repeat(10)
            )
            .expect("a string takes all");
        } else {
            piece.push_str(",,,,,");
        }
        writeln!(
            piece,
            ",S{variant},SKU-{row},250,{},19.99,https://cdn.example.com/{row}.jpg",
            row % 50
        )
        .expect("a string takes all");
    }
}

impl AsyncRead for Generated {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            let rest = &self.piece.as_bytes()[self.taken..];
            let taken = rest.len().min(buffer.remaining());
            buffer.put_slice(&rest[..taken]);
            let over = taken == rest.len();
            self.taken += taken;
            if !over || self.row >= self.rows {
                return Poll::Ready(Ok(()));
            }
            self.refill();
        }
    }
}

/// The process's own memory, and mapped pages of the database, as Linux tells it.
fn memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let lines = status
        .lines()
        .filter(|line| line.starts_with("RssAnon") || line.starts_with("RssFile"));
    let told: Vec<_> = lines
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    told.join(", ")
}
