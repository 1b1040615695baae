//! The accept loop over real sockets: slow heads, idleness, the cap, draining, the local socket.

use std::sync::Arc;
use std::time::Duration;

use stoa_rest::{
    Access, Caller, Listener, Method, Operation, Routes, ServeConfig, ServeError, serve,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Notify, oneshot};

use crate::support::{PATIENCE, Server, metrics, read_answer, read_to_end, router, write};

const GET: &str = "GET /ping HTTP/1.1\r\nHost: acme.localhost\r\n\r\n";

/// `/held` answers once `release` was notified, and tells `entered` that it is in flight.
fn routes(entered: Arc<Notify>, release: Arc<Notify>) -> Routes<()> {
    Routes::new("test")
        .route(
            Method::GET,
            "/ping",
            Access::Public,
            Operation::new("ping", "Ping"),
            async |caller: Caller| caller.id(),
        )
        .route(
            Method::GET,
            "/held",
            Access::Public,
            Operation::new("held", "Held"),
            move || {
                let (entered, release) = (Arc::clone(&entered), Arc::clone(&release));
                async move {
                    entered.notify_one();
                    release.notified().await;
                    "released"
                }
            },
        )
}

async fn started(change: impl FnOnce(&mut ServeConfig)) -> (Server, Arc<Notify>, Arc<Notify>) {
    let (entered, release) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let routes = routes(Arc::clone(&entered), Arc::clone(&release));
    (
        Server::start(router(routes), change).await,
        entered,
        release,
    )
}

#[tokio::test]
async fn a_head_that_takes_too_long_is_closed() {
    let (server, _, _) = started(|config| {
        config.header_time_max = Duration::from_millis(100);
    })
    .await;
    let mut silent = server.connect().await;
    let mut slow = server.connect().await;
    write(&mut slow, "GET /ping HTTP/1.1\r\nHost: acme").await;
    assert_eq!(read_to_end(&mut slow).await, "");
    assert_eq!(read_to_end(&mut silent).await, "");
}

#[tokio::test]
async fn a_second_head_has_its_time_as_well() {
    let (server, _, _) = started(|config| {
        config.header_time_max = Duration::from_millis(100);
    })
    .await;
    let mut stream = server.connect().await;
    write(&mut stream, GET).await;
    assert!(read_answer(&mut stream).await.ends_with("anonymous"));
    write(&mut stream, "GET /ping HT").await;
    assert_eq!(read_to_end(&mut stream).await, "");
}

#[tokio::test]
async fn an_idle_connection_outlives_the_time_of_a_head_and_is_closed_then() {
    let (server, _, _) = started(|config| {
        config.header_time_max = Duration::from_millis(100);
        config.idle_time_max = Duration::from_millis(1500);
    })
    .await;
    let mut stream = server.connect().await;
    write(&mut stream, GET).await;
    assert!(read_answer(&mut stream).await.ends_with("anonymous"));
    tokio::time::sleep(Duration::from_millis(300)).await;
    write(&mut stream, GET).await;
    assert!(read_answer(&mut stream).await.ends_with("anonymous"));
    assert_eq!(read_to_end(&mut stream).await, "");
}

#[tokio::test]
async fn a_request_in_flight_is_never_idle() {
    let (server, entered, release) = started(|config| {
        config.header_time_max = Duration::from_millis(50);
        config.idle_time_max = Duration::from_millis(50);
    })
    .await;
    let mut stream = server.connect().await;
    write(&mut stream, "GET /held HTTP/1.1\r\nHost: x\r\n\r\n").await;
    entered.notified().await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    release.notify_one();
    assert!(read_answer(&mut stream).await.ends_with("released"));
}

#[tokio::test]
async fn a_client_that_does_not_read_is_closed() {
    let all = metrics();
    let routes = Routes::new("test").route(
        Method::GET,
        "/flood",
        Access::Public,
        Operation::new("flood", "Flood"),
        async || vec![b'x'; 64 * 1024 * 1024],
    );
    let server = Server::start(router(routes), |config| {
        config.idle_time_max = Duration::from_millis(100);
        config.metrics = all.clone();
    })
    .await;
    let mut stream = server.connect().await;
    write(&mut stream, "GET /flood HTTP/1.1\r\nHost: x\r\n\r\n").await;
    let mut first = [0];
    stream
        .read_exact(&mut first)
        .await
        .expect("the answer begins");
    let closed = async {
        while !all.render().contains("stoa_http_connections 0\n") {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, closed)
        .await
        .expect("the connection is closed");
}

#[tokio::test]
async fn a_head_beyond_its_bounds_is_refused() {
    let (server, _, _) = started(|config| {
        config.headers_max = 10;
        config.head_bytes_max = 8192;
    })
    .await;
    let many: String = (0..20).map(|index| format!("x-{index}: y\r\n")).collect();
    let mut stream = server.connect().await;
    write(
        &mut stream,
        &format!("GET /ping HTTP/1.1\r\nHost: x\r\n{many}\r\n"),
    )
    .await;
    let answer = read_to_end(&mut stream).await;
    assert!(
        answer.starts_with("HTTP/1.1 431 Request Header Fields Too Large\r\n"),
        "{answer}"
    );

    let long = "y".repeat(20_000);
    let mut stream = server.connect().await;
    let head = format!("GET /ping HTTP/1.1\r\nHost: x\r\nx: {long}\r\n\r\n");
    // The server closes before it has read all of it, which may destroy its own answer.
    let _ = stream.write_all(head.as_bytes()).await;
    let answer = read_to_end(&mut stream).await;
    assert!(
        answer.is_empty() || answer.starts_with("HTTP/1.1 431 "),
        "{answer}"
    );
}

#[tokio::test]
async fn over_the_cap_a_connection_waits_while_all_are_being_answered() {
    let (server, entered, release) = started(|config| {
        config.connections_max = 1;
        config.asking_time = Duration::from_millis(20);
    })
    .await;
    let mut first = server.connect().await;
    write(&mut first, "GET /held HTTP/1.1\r\nHost: x\r\n\r\n").await;
    entered.notified().await;

    let mut second = server.connect().await;
    write(&mut second, GET).await;
    let mut byte = [0];
    let early = tokio::time::timeout(Duration::from_millis(200), second.read(&mut byte)).await;
    assert!(
        early.is_err(),
        "the second connection was served beside the first"
    );

    release.notify_one();
    assert!(read_answer(&mut first).await.ends_with("released"));
    assert!(read_answer(&mut second).await.ends_with("anonymous"));
}

#[tokio::test]
async fn over_the_cap_who_asks_for_nothing_gives_way_and_who_waits_for_an_answer_stays() {
    let (server, entered, release) = started(|config| {
        config.connections_max = 3;
        config.asking_time = Duration::from_millis(50);
    })
    .await;
    let mut held = server.connect().await;
    write(&mut held, "GET /held HTTP/1.1\r\nHost: x\r\n\r\n").await;
    entered.notified().await;
    let mut silent = server.connect().await;
    tokio::time::sleep(Duration::from_millis(20)).await;
    let mut answered = server.connect().await;
    write(&mut answered, GET).await;
    assert!(read_answer(&mut answered).await.ends_with("anonymous"));

    let mut asking = server.connect().await;
    write(&mut asking, GET).await;
    assert!(read_answer(&mut asking).await.ends_with("anonymous"));
    // It never asked, and came before the one that did.
    assert_eq!(read_to_end(&mut silent).await, "");
    write(&mut answered, GET).await;
    assert!(read_answer(&mut answered).await.ends_with("anonymous"));
    release.notify_one();
    assert!(read_answer(&mut held).await.ends_with("released"));
}

#[tokio::test]
async fn draining_finishes_what_is_in_flight_and_refuses_the_rest() {
    let (mut server, entered, release) = started(|_| {}).await;
    let addr = server.addr;
    let mut idle = server.connect().await;
    write(&mut idle, GET).await;
    read_answer(&mut idle).await;
    let mut busy = server.connect().await;
    write(&mut busy, "GET /held HTTP/1.1\r\nHost: x\r\n\r\n").await;
    entered.notified().await;

    server.begin_shutdown();
    assert_eq!(read_to_end(&mut idle).await, "");
    assert!(
        tokio::net::TcpStream::connect(addr).await.is_err(),
        "a new connection was taken"
    );
    release.notify_one();
    let answer = read_to_end(&mut busy).await;
    assert!(
        answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("released"),
        "{answer}"
    );
    assert!(matches!(server.ended().await, Ok(())));
}

#[tokio::test]
async fn what_does_not_finish_within_the_drain_time_is_cut_off() {
    let (mut server, entered, _release) = started(|config| {
        config.drain_time_max = Duration::from_millis(50);
    })
    .await;
    let mut busy = server.connect().await;
    write(&mut busy, "GET /held HTTP/1.1\r\nHost: x\r\n\r\n").await;
    entered.notified().await;
    server.begin_shutdown();
    assert!(matches!(
        server.ended().await,
        Err(ServeError::CutOff { connections: 1, .. })
    ));
    assert_eq!(read_to_end(&mut busy).await, "");
}

#[tokio::test]
async fn only_the_local_socket_speaks_for_the_operator() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("stoa.sock");
    let listener = UnixListener::bind(&path).expect("a socket");
    let routes = routes(Arc::default(), Arc::default()).route(
        Method::GET,
        "/operator",
        Access::Operator,
        Operation::new("operate", "Operate"),
        async |caller: Caller| caller.id(),
    );
    let router = router(routes);
    let (stop, stopped) = oneshot::channel::<()>();
    let config = ServeConfig::new(metrics());
    let served = tokio::spawn(serve(
        vec![Listener::Unix(listener)],
        router.clone(),
        config,
        async {
            let _ = stopped.await;
        },
    ));
    let ask = "GET /operator HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    let mut local = UnixStream::connect(&path)
        .await
        .expect("the socket accepts");
    local
        .write_all(ask.as_bytes())
        .await
        .expect("the server reads");
    let mut answer = String::new();
    local
        .read_to_string(&mut answer)
        .await
        .expect("the server answers");
    assert!(
        answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("operator"),
        "{answer}"
    );

    let server = Server::start(router, |_| {}).await;
    let mut remote = server.connect().await;
    write(&mut remote, ask).await;
    assert!(
        read_to_end(&mut remote)
            .await
            .starts_with("HTTP/1.1 401 Unauthorized\r\n")
    );
    drop(stop);
    assert!(matches!(served.await, Ok(Ok(()))));
}

#[tokio::test]
async fn http_2_without_tls_is_understood() {
    let (server, _, _) = started(|config| {
        config.header_time_max = Duration::from_millis(50);
    })
    .await;
    let mut stream = server.connect().await;
    // The preface and an empty SETTINGS frame; the answer begins with the server's SETTINGS.
    stream
        .write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0")
        .await
        .expect("the server reads");
    let mut frame = [0; 9];
    stream
        .read_exact(&mut frame)
        .await
        .expect("the server answers");
    assert_eq!(frame[3], 4, "the first frame is SETTINGS");
    // It is no head: the time of a head does not end the connection.
    tokio::time::sleep(Duration::from_millis(200)).await;
    stream
        .write_all(b"\0\0\x08\x06\0\0\0\0\0stoaping")
        .await
        .expect("still open");
    let mut rest = Vec::new();
    while !rest.ends_with(b"stoaping") {
        let mut byte = [0];
        stream
            .read_exact(&mut byte)
            .await
            .expect("the ping comes back");
        rest.push(byte[0]);
    }
}
