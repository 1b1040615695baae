//! The accept loop: connections in, answers or closed connections out. Knows no payment.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::response::Response;
use http::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tower::ServiceExt;

use crate::api::CloseUnanswered;
use crate::provider::TestProvider;

const CONNECTIONS_MAX: usize = 2048;
const HEADERS_READ_MAX: Duration = Duration::from_secs(10);
/// Requests under way at shutdown get this long; hanging ones are cut.
const DRAIN_MAX: Duration = Duration::from_secs(5);
/// After a failed accept (no file descriptors left) the loop waits instead of spinning.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Serves `provider` until `shutdown` completes, then drains.
pub async fn serve(
    listener: TcpListener,
    provider: TestProvider,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    let router = provider.router();
    let connections = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let graceful = GracefulShutdown::new();
    let mut server = Builder::new(TokioExecutor::new()).http1_only();
    server
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADERS_READ_MAX);
    let mut tasks = JoinSet::new();
    tokio::pin!(shutdown);
    loop {
        while tasks.try_join_next().is_some() {}
        let permit = tokio::select! {
            permit = Arc::clone(&connections).acquire_owned() => permit.map_err(io::Error::other)?,
            () = &mut shutdown => break,
        };
        let stream: TcpStream = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(_) => {
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            },
            () = &mut shutdown => break,
        };
        // Small answers must not wait for a full packet; a socket without the option still works.
        let _ = stream.set_nodelay(true);
        let router = router.clone();
        let service = service_fn(move |request| answer(router.clone(), request));
        let connection = server
            .serve_connection(TokioIo::new(stream), service)
            .into_owned();
        let watched = graceful.watch(connection);
        tasks.spawn(async move {
            // The peer is gone or was meant to be left without an answer: nobody to tell.
            let _ = watched.await;
            drop(permit);
        });
    }
    drop(listener);
    let _ = tokio::time::timeout(DRAIN_MAX, graceful.shutdown()).await;
    tasks.shutdown().await;
    Ok(())
}

/// An error here makes hyper close the connection without a byte of an answer.
async fn answer(router: Router, request: Request<Incoming>) -> Result<Response, io::Error> {
    let response = router
        .oneshot(request.map(Body::new))
        .await
        .unwrap_or_else(|impossible: Infallible| match impossible {});
    if response.extensions().get::<CloseUnanswered>().is_some() {
        return Err(io::Error::from(io::ErrorKind::ConnectionAborted));
    }
    Ok(response)
}
