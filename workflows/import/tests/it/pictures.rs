//! Pictures of imported products, fetched from a real server: good ones become the shop's own, and
//! no bad one keeps a product from landing.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use stoa_blobs::{Blobs, BlobsConfig};
use stoa_bus::{Consumer, HandlerError, JobHandler, JobOutcome};
use stoa_contracts::media::MediaImported;
use stoa_import::Counts;
use stoa_kernel::Fact as _;
use stoa_media::MediaConfig;
use stoa_rest::CursorKey;
use stoa_storage::{Tx, params};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::reading::data;
use crate::shop::{Answer, Shop, ask, everywhere, router};

/// What becomes of a picture that comes late, and how often it was asked for.
#[derive(Default)]
pub(crate) struct Late {
    pub(crate) is_well: AtomicBool,
    pub(crate) asked: AtomicUsize,
}

/// A merchant's old server.
pub(crate) async fn server(tasks: &mut JoinSet<()>, late: Arc<Late>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let file = |name: &str| std::fs::read(data(name)).expect(name);
    let (red, blue) = (file("red.png"), file("blue.png"));
    tasks.spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut head = Vec::new();
            let mut byte = [0];
            while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).await.is_ok_and(|n| n == 1)
            {
                head.push(byte[0]);
            }
            let head = String::from_utf8_lossy(&head).into_owned();
            let (status, length, body) = match head.split(' ').nth(1).unwrap_or_default() {
                "/red.png" => (200, red.len(), red.clone()),
                "/blue.png" => (200, blue.len(), blue.clone()),
                "/broken.png" => (200, red.len() / 2, red[..red.len() / 2].to_vec()),
                "/late.png" => {
                    late.asked.fetch_add(1, Ordering::SeqCst);
                    match late.is_well.load(Ordering::SeqCst) {
                        true => (200, blue.len(), blue.clone()),
                        false => (500, 0, Vec::new()),
                    }
                }
                "/huge.png" => (200, 100 * 1024 * 1024, red.clone()),
                _ => (404, 0, Vec::new()),
            };
            let head = format!("HTTP/1.1 {status} x\r\ncontent-length: {length}\r\n\r\n");
            // Whoever asked may have had enough.
            drop(stream.write_all(head.as_bytes()).await);
            drop(stream.write_all(&body).await);
            drop(stream.shutdown().await);
        }
    });
    address
}

pub(crate) struct Pictures {
    pub(crate) shop: Shop,
    fetch: Arc<dyn JobHandler>,
    follow: Arc<dyn Consumer>,
    routes: Router,
    _folder: tempfile::TempDir,
}

impl Pictures {
    pub(crate) async fn open(shop: Shop) -> Self {
        let deps = shop.cells.deps.clone();
        let folder = tempfile::tempdir().expect("a folder");
        let url = format!("file:{}", folder.path().join("blobs").display());
        let config = BlobsConfig::new(folder.path(), deps.clock.clone());
        let blobs = Blobs::open(&url, config).expect("blobs");
        let mut config = MediaConfig::new(CursorKey::new([8; 32]));
        config.allow_loopback = true;
        let media = stoa_media::start(deps.clone(), config, blobs);
        let sanitise = stoa_import::sanitise_description;
        let pictures = Some(media.contract.clone());
        let catalog = stoa_catalog::start_with(deps, [1; 32], sanitise, pictures);
        let found = catalog.consumers.iter();
        let mut found = found.filter(|consumer| consumer.name() == "catalog.pictures");
        let follow = found.next().expect("a consumer").clone();
        Self {
            routes: router(&shop.cells, shop.tenant, media.routes),
            shop: shop.restarted(catalog.contract),
            fetch: media.jobs[0].clone(),
            follow,
            _folder: folder,
        }
    }

    /// Asks the routes of pictures.
    pub(crate) async fn ask(&self, method: &str, path: &str, key: &str) -> Answer {
        let key = [("authorization", key)];
        ask(&self.routes, method, path, &key, Body::empty()).await
    }

    /// Fetches what is due, as the worker does.
    pub(crate) async fn fetch(&self) -> Vec<JobOutcome> {
        let (shop, queue) = (&self.shop, self.shop.queue().await);
        let (now, lease) = (shop.cells.deps.now(), Duration::from_secs(60));
        let queue = queue.only(&[self.fetch.kind()]);
        let claimed = queue.claim("t".to_owned(), now, lease, 100).await;
        let mut outcomes = Vec::new();
        for job in claimed.expect("a claim") {
            let outcome = self.fetch.run(&job).await;
            match &outcome {
                JobOutcome::Done => queue.finish(&job).await.expect("finished"),
                JobOutcome::Wait(at) => {
                    queue.retry(&job, *at, None, false).await.expect("put back");
                }
                other => panic!("{other:?}"),
            }
            outcomes.push(outcome);
        }
        outcomes
    }

    /// Fetches what is due and lets the catalog hear of all that ever came, twice.
    pub(crate) async fn follow(&self) {
        self.fetch().await;
        self.hear().await;
    }

    async fn hear(&self) {
        let shop = &self.shop;
        let log = shop
            .cells
            .storage()
            .event_log(shop.cell().await)
            .await
            .expect("a log");
        while log.sequence().await.expect("sequencing") > 0 {}
        let db = shop.cells.db(shop.tenant).await;
        for event in log.after(0, 1_000).await.expect("events") {
            if event.tenant != shop.tenant || event.subject != MediaImported::subject() {
                continue;
            }
            for _ in 0..2 {
                let (follow, event) = (self.follow.clone(), event.clone());
                let heard = db.write(async move |tx: &mut Tx<'_>| {
                    follow.handle(tx, &event).await?;
                    Ok::<_, HandlerError>(())
                });
                heard.await.expect("heard");
            }
        }
    }

    async fn failed(&self) -> Vec<String> {
        const SQL: &str = "SELECT error FROM media_import WHERE tenant_id = :tenant \
                           AND state = 'failed' ORDER BY source_url";
        let db = self.shop.cells.db(self.shop.tenant).await;
        let found = db.fetch(SQL, params![], |row| row.get(0)).await;
        found.expect("failed ones")
    }

    async fn held(&self) -> i64 {
        const SQL: &str = "SELECT count(*) FROM media_use WHERE tenant_id = :tenant";
        let db = self.shop.cells.db(self.shop.tenant).await;
        let found = db.fetch(SQL, params![], |row| row.get::<i64>(0)).await;
        found.expect("a count")[0]
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn good_pictures_become_ours_and_bad_ones_fail_no_product() {
    let mut tasks = JoinSet::new();
    let address = server(&mut tasks, Arc::default()).await;
    let url = |name: &str| format!("http://{address}/{name}");
    let file = format!(
        "Handle,Title,Option1 Name,Option1 Value,Variant Price,Image Src,Variant Image\n\
         hat,Hat,Size,S,5,{red},{blue}\nhat,,,M,5,{broken},{red}\nhat,,,,,{gone},\n\
         hat,,,,,{huge},\nhat,,,,,{blue},\ncap,Cap,,,5,{red},\n",
        red = url("red.png"),
        blue = url("blue.png"),
        broken = url("broken.png"),
        gone = url("gone.png"),
        huge = url("huge.png"),
    );
    for cells in everywhere().await {
        let kind = cells.kind;
        let shop = Shop::open(&Arc::new(cells), "one").await;
        let pictures = Pictures::open(shop).await;
        let shop = &pictures.shop;
        let report = shop.import(file.as_bytes(), false).await.expect(kind);
        assert_eq!(report.products.created, 2, "{kind}");
        assert_eq!(shop.issues(report.id).await, [], "{kind}");
        let hat = shop.product("hat").await.expect(kind);
        assert_eq!(hat.media[0].url, url("red.png"), "{kind}: not yet");

        pictures.follow().await;
        let hat = shop.product("hat").await.expect(kind);
        let shown: Vec<&str> = hat.media.iter().map(|link| link.url.as_str()).collect();
        let [red, broken, gone, huge, blue] = shown[..] else {
            panic!("{kind}: {shown:?}")
        };
        assert!(
            red.starts_with("/media/") && red.ends_with("/red.png"),
            "{red}"
        );
        assert!(
            blue.starts_with("/media/") && blue.ends_with("/blue.png"),
            "{blue}"
        );
        let foreign = [url("broken.png"), url("gone.png"), url("huge.png")];
        assert_eq!([broken, gone, huge], foreign.each_ref().map(String::as_str));
        let images: Vec<_> = hat.variants.iter().map(|v| v.image.as_deref()).collect();
        assert_eq!(images, [Some(blue), Some(red)], "{kind}");
        let cap = shop.product("cap").await.expect(kind);
        assert_eq!(cap.media[0].url, red, "{kind}: kept once");
        let failed = pictures.failed().await;
        assert_eq!(failed.len(), 3, "{kind}: {failed:?}");
        assert_eq!(failed[1], "the server answered 404", "{kind}");
        assert_eq!(pictures.held().await, 3, "{kind}");

        // The same file says nothing new, though its pictures have other addresses by now.
        let told = shop.events().await;
        let again = shop.import(file.as_bytes(), false).await.expect(kind);
        let unchanged = Counts {
            unchanged: 2,
            ..Counts::default()
        };
        assert_eq!(again.products, unchanged, "{kind}");
        assert_eq!(shop.events().await, told, "{kind}");
        assert_eq!(shop.product("hat").await.expect(kind).media, hat.media);
        // A picture that a file no longer names is let go.
        let less = "Handle,Title,Variant Price\ncap,Cap,5\n";
        shop.import(less.as_bytes(), false).await.expect(kind);
        assert_eq!(pictures.held().await, 2, "{kind}");
    }
}
