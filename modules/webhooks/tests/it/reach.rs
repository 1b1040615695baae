//! Where webhooks go and where they never go: look-ups that lead inside, TLS, redirects.

use std::net::IpAddr;
use std::sync::Arc;

use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::{Value, json};
use stoa_rest::CursorKey;
use stoa_testkit::TestCells;
use stoa_webhooks::Config;
use tokio_rustls::TlsAcceptor;

use crate::receiver::{Receiver, Reply};
use crate::support::{ALL, Names, Shop, config};

const NAME: &str = "hooks.example.com";

/// No database makes a difference to where webhooks go.
async fn anywhere() -> TestCells {
    let modules = [stoa_webhooks::MIGRATIONS];
    stoa_testkit::sqlite(&modules, stoa_storage::Isolation::Shared).await
}

/// Sends one webhook to `https://hooks.example.com:<port>` and tells of its only attempt.
async fn attempt(cells: &TestCells, slug: &str, config: Config, port: u16) -> Value {
    let shop = Shop::with(cells, slug, config).await;
    let url = format!("https://{NAME}:{port}/");
    let (endpoint, _) = shop.endpoint(&url).await;
    shop.paid(1).await;
    shop.work().await;
    let log = shop.deliveries(&endpoint).await;
    log[0]["attempts"][0].clone()
}

#[tokio::test]
async fn a_name_that_leads_to_a_closed_address_is_not_connected_to() {
    let cells = anywhere().await;
    let receiver = Receiver::start().await;
    let closed = [
        "127.0.0.1",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.0.1",
        "169.254.169.254",
        "100.64.0.1",
        "224.0.0.1",
        "255.255.255.255",
        "0.0.0.0",
        "168.63.129.16",
        "::1",
        "::",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "64:ff9b::7f00:1",
        "fe80::1",
        "fd00:ec2::254",
        "ff02::1",
        "2002:7f00:1::1",
    ];
    for (index, address) in closed.iter().enumerate() {
        let mut config = Config::new([3; 32], CursorKey::new([8; 32]));
        config.resolver = Arc::new(Names(vec![address.parse().expect("an address")]));
        let slug = format!("shop-{index}");
        let attempt = attempt(&cells, &slug, config, receiver.address.port()).await;
        assert_eq!(
            attempt["error"],
            json!("the host leads to no public address"),
            "{address}"
        );
    }
    // Nor where the name leads nowhere: both sound alike, so that names cannot be sounded out.
    let mut nowhere = Config::new([3; 32], CursorKey::new([8; 32]));
    nowhere.resolver = Arc::new(Names(Vec::new()));
    let attempt = attempt(&cells, "nowhere", nowhere, 443).await;
    assert_eq!(
        attempt["error"],
        json!("the host leads to no public address")
    );
    assert!(receiver.got().is_empty(), "nothing ever came");
}

#[tokio::test]
async fn a_closed_address_is_refused_when_it_is_set_up() {
    let cells = anywhere().await;
    let strict = Config::new([3; 32], CursorKey::new([8; 32]));
    let shop = Shop::with(&cells, "acme", strict).await;
    for url in [
        "http://example.com/",
        "https://localhost/",
        "https://127.0.0.1/",
        "https://[::ffff:10.0.0.1]/",
        "https://169.254.169.254/latest/meta-data",
        "https://user:password@example.com/",
        "file:///etc/passwd",
    ] {
        let body = json!({ "url": url, "subjects": ["*"] });
        let (status, problem) = shop.post(ALL, body).await;
        assert_eq!(
            (status, &problem["errors"][0]["field"]),
            (422, &json!("url")),
            "{} {url}",
            cells.kind
        );
    }
    assert_eq!(shop.get(ALL).await["data"], json!([]), "{}", cells.kind);
}

/// What was allowed when it was stored need not be any more.
#[tokio::test]
async fn a_stored_address_is_judged_again_at_every_attempt() {
    let cells = anywhere().await;
    let receiver = Receiver::start().await;
    let shop = Shop::open(&cells, "acme").await;
    let (endpoint, _) = shop.endpoint(&receiver.url()).await;
    let strict = Config::new([3; 32], CursorKey::new([8; 32]));
    let strict = Shop::with(&cells, "acme", strict).await;
    strict.paid(1).await;
    strict.work().await;
    let log = shop.deliveries(&endpoint).await;
    assert_eq!(
        log[0]["attempts"][0]["error"],
        json!("the URL names an address that is not public (loopback)"),
        "{}",
        cells.kind
    );
    assert!(receiver.got().is_empty(), "{}", cells.kind);
}

#[tokio::test]
async fn a_redirect_is_a_failure_and_not_followed() {
    let cells = anywhere().await;
    let (receiver, other) = (Receiver::start().await, Receiver::start().await);
    let shop = Shop::open(&cells, "acme").await;
    let (endpoint, _) = shop.endpoint(&receiver.url()).await;
    let to = other.url();
    receiver.will([Reply::Raw(format!(
        "HTTP/1.1 307 x\r\nlocation: {to}\r\ncontent-length: 0\r\n\r\n"
    ))]);
    shop.paid(1).await;
    shop.work().await;
    let log = shop.deliveries(&endpoint).await;
    assert_eq!(log[0]["state"], json!("pending"), "{}", cells.kind);
    assert_eq!(log[0]["attempts"][0]["status"], json!(307));
    assert!(other.got().is_empty(), "{}", cells.kind);
}

#[tokio::test]
async fn the_next_address_of_a_name_is_tried_where_one_is_dead_and_closed_ones_are_passed_over() {
    let cells = anywhere().await;
    let receiver = Receiver::start().await;
    let mut config = config();
    let addresses = ["10.0.0.1", "::1", "127.0.0.1"];
    let addresses = addresses.map(|text| text.parse().expect("an address"));
    config.resolver = Arc::new(Names(addresses.to_vec()));
    let shop = Shop::with(&cells, "acme", config).await;
    let url = format!("http://localhost:{}/", receiver.address.port());
    shop.endpoint(&url).await;
    shop.paid(1).await;
    shop.work().await;
    assert_eq!(receiver.got().len(), 1);
}

#[tokio::test]
async fn tls_reaches_whom_it_trusts_under_the_name_it_asked_for() {
    let cells = anywhere().await;
    let (acceptor, root) = certified(NAME);
    let receiver = Receiver::start_tls(acceptor).await;
    let port = receiver.address.port();
    let trusting = |roots: Vec<CertificateDer<'static>>| {
        let mut config = config();
        config.resolver = Arc::new(Names(vec![IpAddr::from([127, 0, 0, 1])]));
        config.extra_roots = roots;
        config
    };
    let sent = attempt(&cells, "trusting", trusting(vec![root]), port).await;
    assert_eq!(sent["status"], json!(200), "{sent}");
    let got = receiver.got();
    assert_eq!(got[0].header("host"), format!("{NAME}:{port}"));

    let sent = attempt(&cells, "wary", trusting(Vec::new()), port).await;
    let error = sent["error"].as_str().expect("why");
    assert!(error.starts_with("TLS failed: "), "{error}");

    let (acceptor, root) = certified("other.example.com");
    let other = Receiver::start_tls(acceptor).await;
    let port = other.address.port();
    let sent = attempt(&cells, "misled", trusting(vec![root]), port).await;
    let error = sent["error"].as_str().expect("why");
    assert!(error.starts_with("TLS failed: "), "{error}");
    assert!(other.got().is_empty());
}

fn certified(name: &str) -> (TlsAcceptor, CertificateDer<'static>) {
    let made = generate_simple_self_signed(vec![name.to_owned()]).expect("a certificate");
    let CertifiedKey { cert, signing_key } = made;
    let key = PrivateKeyDer::Pkcs8(signing_key.serialize_der().into());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key)
        .expect("a configuration");
    (TlsAcceptor::from(Arc::new(config)), cert.der().clone())
}
