//! A running process: listeners, signals, worker, and the orderly end of all three.

use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use stoa_rest::{Listener, ServeConfig};
use stoa_telemetry::LogSettings;
use tokio::net::{TcpListener, TcpSocket, UnixListener};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::cli::Output;
use crate::clock::SystemClock;
use crate::compose::{App, Extent};
use crate::demo;
use crate::lock;
use crate::settings::Settings;

/// How often caches hear of other processes' changes.
const TAIL_EVERY: Duration = Duration::from_millis(250);
/// Files that connections leave for databases, indexes, pictures and calls to others; at most half of
/// all.
const FILES_RESERVED: u64 = 512;

pub(crate) fn run(settings: Settings, output: Output) -> Result<ExitCode> {
    stoa_telemetry::init(LogSettings {
        service: format!("stoa-{}", settings.target),
        filter: settings.log.clone(),
        format: settings.log_format(),
        clock: Arc::new(SystemClock),
    })?;
    arm_failpoints()?;
    raise_file_limit();
    let Some(_locks) = lock::own(&settings)? else {
        bail!("another stoa process owns {}", settings.data_dir.display());
    };
    runtime()?.block_on(serve(settings, output))?;
    Ok(ExitCode::SUCCESS)
}

/// Crash tests of a debug build name here where it dies.
#[expect(
    clippy::disallowed_methods,
    reason = "a variable of the test suite, not a setting"
)]
fn arm_failpoints() -> Result<()> {
    match std::env::var("STOA_TEST_FAILPOINTS") {
        Ok(plan) => Ok(stoa_failpoint::arm(&plan)?),
        Err(_) => Ok(()),
    }
}

/// As many open files as the system lets this process have: each connection is one.
fn raise_file_limit() {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        tracing::warn!(%error, files = limit.current, "the limit of open files cannot be raised");
    }
}

/// As many connections as are wanted and leave files for everything else.
fn connections_max(wanted: usize) -> usize {
    let Some(files) = getrlimit(Resource::Nofile).current else {
        return wanted;
    };
    let spare = files - FILES_RESERVED.min(files / 2);
    let possible = usize::try_from(spare).unwrap_or(usize::MAX).max(1);
    if possible < wanted {
        tracing::warn!(
            wanted,
            possible,
            files,
            "fewer connections than `connections_max`: the system allows few open files"
        );
    }
    wanted.min(possible)
}

pub(crate) fn runtime() -> Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_name("stoa")
        .build()
        .context("the runtime cannot start")
}

/// Connections that wait to be accepted; Linux holds no more unless told to. With the usual 128 a
/// crowd that comes at once has newcomers wait seconds for their second attempt.
const WAITING_MAX: u32 = 4_096;

fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4(),
        SocketAddr::V6(_) => TcpSocket::new_v6(),
    }?;
    // A restart need not wait for connections of the process before it.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(WAITING_MAX)
}

async fn serve(settings: Settings, output: Output) -> Result<()> {
    let role = settings.target.role();
    // Bound first: an address that is taken should fail before anything is created.
    let tcp = match role.serves_http {
        true => Some(listen(settings.listen).with_context(|| {
            format!(
                "{} cannot be listened on; choose another with --listen",
                settings.listen
            )
        })?),
        false => None,
    };
    let app = App::start(&settings, Extent::Role).await?;
    let address = tcp.as_ref().map(TcpListener::local_addr).transpose()?;
    let first = match settings.wants_demo() {
        true => demo::ensure(&app)
            .await
            .context("the demo shop cannot be created")?,
        false => None,
    };
    let (storage, tenancy) = (app.storage.clone(), app.tenancy.clone());
    let running = Running::start(app, &settings, tcp).await?;
    if let (Some(tenant), Some(address)) = (first, address) {
        if role.runs_worker {
            demo::wait_until_delivered(&storage).await?;
        }
        // Made when all else that can fail is done, so that no start ends between making and showing.
        let keys = demo::first_keys(&tenancy, &tenant).await?;
        output.note(&keys.welcome(address));
    }
    running.readiness.set_ready();
    if let Some(address) = address {
        tracing::info!(listen = %address, "serving");
        output.note(&format!("Stoa is serving on http://{address}"));
    }
    running.until_signal().await
}

/// What a started process consists of.
pub(crate) struct Running {
    shutdown: watch::Sender<bool>,
    server: JoinHandle<Result<(), stoa_rest::ServeError>>,
    others: Vec<JoinHandle<()>>,
    readiness: stoa_rest::Readiness,
    socket: std::path::PathBuf,
}

impl Running {
    /// Serves on the local socket, and on `tcp` where there is one.
    pub(crate) async fn start(
        mut app: App,
        settings: &Settings,
        tcp: Option<TcpListener>,
    ) -> Result<Self> {
        let (shutdown, stopping) = watch::channel(false);
        let socket = settings.socket_path();
        let mut listeners = vec![Listener::Unix(bind_socket(&socket)?)];
        listeners.extend(tcp.map(Listener::Tcp));
        let mut others = Vec::new();
        if let Some(worker) = app.worker.take() {
            let stopping = stopping.clone();
            others.push(tokio::spawn(async move {
                if let Err(error) = worker.run(stopping).await {
                    tracing::error!(%error, "the worker ended");
                }
            }));
        }
        if let Some((listener, provider)) = app.test_provider.take() {
            let mut stopping = stopping.clone();
            others.push(tokio::spawn(async move {
                let ended = async move { drop(stopping.wait_for(|stop| *stop).await) };
                if let Err(error) = stoa_test_provider::serve(listener, provider, ended).await {
                    tracing::error!(%error, "the test payment provider ended");
                }
            }));
        }
        others.push(tokio::spawn(stoa_bus::tail(
            app.storage.clone(),
            TAIL_EVERY,
            app.on_event.clone(),
            app.on_gap.clone(),
            stopping.clone(),
        )));
        if let Some(follower) = app.follower.take() {
            others.push(tokio::spawn(follower.run(stopping.clone())));
        }
        others.push(tokio::spawn(app.gauges.clone().run(stopping.clone())));
        let mut config = ServeConfig::new(app.metrics.clone());
        config.connections_max = connections_max(settings.connections_max);
        let mut ended = stopping;
        let front = app.front.clone();
        let server = tokio::spawn(async move {
            let stop = async move { drop(ended.wait_for(|stop| *stop).await) };
            stoa_rest::serve(listeners, front, config, stop).await
        });
        Ok(Self {
            shutdown,
            server,
            others,
            readiness: app.readiness,
            socket,
        })
    }

    async fn until_signal(self) -> Result<()> {
        let signal = wait_for_signal().await?;
        tracing::info!(signal, "stopping");
        self.stop().await
    }

    /// Lets requests and jobs in flight finish.
    pub(crate) async fn stop(self) -> Result<()> {
        self.readiness.set_draining();
        self.shutdown.send_replace(true);
        let served = self.server.await?;
        for other in self.others {
            other.await?;
        }
        // Whoever starts next binds it anew; one left behind by a kill is removed then.
        drop(std::fs::remove_file(&self.socket));
        served.context("some requests were cut off")
    }
}

pub(crate) async fn wait_for_signal() -> Result<&'static str> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(tokio::select! {
        _ = terminate.recv() => "SIGTERM",
        _ = interrupt.recv() => "SIGINT",
    })
}

/// Binds the operator's socket for its owner alone. The caller holds the data directory's lock, so
/// a socket that is there was left by a process that is gone.
fn bind_socket(path: &std::path::Path) -> Result<UnixListener> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(error).with_context(|| format!("{} cannot be replaced", path.display()));
        }
        _ => {}
    }
    let listener = UnixListener::bind(path)
        .with_context(|| format!("the local socket {} cannot be opened", path.display()))?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}
