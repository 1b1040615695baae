//! Starts, kills and restarts the real `stoa` binary on free ports, in folders of its own.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// How long anything may take before a test calls it stuck.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Which database a test runs over.
#[derive(Debug, Clone)]
pub(crate) enum Backend {
    Sqlite,
    /// A database of the test's own.
    Postgres(String),
}

/// SQLite, and PostgreSQL where `STOA_TEST_POSTGRES` names a server.
pub(crate) async fn backends() -> Vec<Backend> {
    let mut all = vec![Backend::Sqlite];
    if let Some(server) = stoa_testkit::postgres_server() {
        all.push(Backend::Postgres(
            stoa_testkit::fresh_database(&server).await,
        ));
    }
    all
}

/// What carries events between processes.
#[derive(Debug, Clone)]
pub(crate) enum Bus {
    Embedded,
    /// JetStream, with a stream of the test's own.
    Nats {
        url: String,
        stream: String,
    },
}

/// The embedded bus, and JetStream where `STOA_TEST_NATS` names a server.
pub(crate) fn buses() -> Vec<Bus> {
    let mut all = vec![Bus::Embedded];
    if let Some(url) = stoa_testkit::nats_server() {
        let stream = format!("stoa-it-{:016x}", fastrand::u64(..));
        all.push(Bus::Nats { url, stream });
    }
    all
}

impl Bus {
    pub(crate) fn environment(&self) -> Vec<(&str, &str)> {
        match self {
            Self::Embedded => Vec::new(),
            Self::Nats { url, stream } => vec![
                ("STOA_BUS", url),
                ("STOA_BUS_STREAM", stream),
                ("STOA_BUS_BYTES_MAX", "16777216"),
            ],
        }
    }
}

/// How many seeds a sweep gives each point: `usual`, unless `STOA_TEST_SWEEP_SEEDS` says otherwise.
#[expect(
    clippy::disallowed_methods,
    reason = "tests read where their servers are and how much they are to do"
)]
pub(crate) fn seeds(usual: u64) -> u64 {
    let wanted = std::env::var("STOA_TEST_SWEEP_SEEDS");
    wanted
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(usual)
}

/// Polls until `look` finds something; panics when it never does.
pub(crate) async fn eventually<T>(what: &str, look: impl AsyncFnMut() -> Option<T>) -> T {
    eventually_within(PATIENCE, what, look).await
}

pub(crate) async fn eventually_within<T>(
    patience: Duration,
    what: &str,
    mut look: impl AsyncFnMut() -> Option<T>,
) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(
            began.elapsed() < patience,
            "waited {patience:?} in vain: {what}"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A running `stoa` process; killed when dropped.
pub(crate) struct Stoa {
    child: Child,
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
    /// The program and its first arguments that start it; empty where it is started as such.
    launcher: Vec<String>,
    pub(crate) data_dir: PathBuf,
    /// Where it serves HTTP; `None` for a worker.
    pub(crate) address: Option<SocketAddr>,
    said: Arc<Mutex<Vec<String>>>,
    /// Lines of earlier lives that tell of jobs given up.
    buried: Vec<String>,
    _folder: Arc<tempfile::TempDir>,
}

impl Stoa {
    /// Everything in one process, with the demo shop.
    pub(crate) async fn all(backend: &Backend) -> Self {
        Self::start(backend, &[], &[]).await
    }

    pub(crate) async fn start(
        backend: &Backend,
        arguments: &[&str],
        environment: &[(&str, &str)],
    ) -> Self {
        let folder = Arc::new(tempfile::tempdir().expect("a folder"));
        Self::start_in(backend, folder, &[], arguments, environment).await
    }

    /// Started by another program, which becomes it (`exec`): with its own limits, or its own disk.
    pub(crate) async fn start_in(
        backend: &Backend,
        folder: Arc<tempfile::TempDir>,
        launcher: &[&str],
        arguments: &[&str],
        environment: &[(&str, &str)],
    ) -> Self {
        let data_dir = folder.path().to_owned();
        let mut all: Vec<String> = vec!["--data-dir".into(), data_dir.display().to_string()];
        if let Backend::Postgres(url) = backend {
            all.extend(["--database".into(), url.clone()]);
        }
        all.extend(arguments.iter().map(|argument| (*argument).to_owned()));
        if !all.iter().any(|argument| argument == "--listen") {
            all.extend(["--listen".into(), free_address()]);
        }
        let environment: Vec<(String, String)> = environment
            .iter()
            .map(|(name, value)| ((*name).into(), (*value).into()))
            .collect();
        let launcher: Vec<String> = launcher.iter().map(|word| (*word).into()).collect();
        let (child, said) = spawn(&launcher, &all, &environment);
        let mut stoa = Self {
            child,
            arguments: all,
            environment,
            launcher,
            data_dir,
            address: None,
            said,
            buried: Vec::new(),
            _folder: folder,
        };
        stoa.wait_until_up().await;
        stoa
    }

    fn is_worker(&self) -> bool {
        self.arguments
            .windows(2)
            .any(|pair| pair == ["--target", "worker"])
    }

    async fn wait_until_up(&mut self) {
        let said = self.said.clone();
        let worker = self.is_worker();
        let data_dir = self.data_dir.clone();
        let address = eventually("the program to say where it serves", async || {
            if let Some(status) = self.child.try_wait().expect("a child of ours") {
                panic!(
                    "it ended with {status}: {}",
                    said.lock().expect("lines").join("\n")
                );
            }
            if worker {
                let socket = data_dir.join("stoa-worker.sock");
                return std::os::unix::net::UnixStream::connect(socket)
                    .ok()
                    .map(|_| None);
            }
            let lines = said.lock().expect("lines");
            let line = lines
                .iter()
                .find_map(|line| line.strip_prefix("Stoa is serving on http://"));
            line.map(|text| Some(text.parse::<SocketAddr>().expect("an address")))
        })
        .await;
        self.address = address;
        if let Some(address) = address {
            let client = reqwest::Client::new();
            eventually("the program to be ready", async || {
                let answer = client
                    .get(format!("http://{address}/readyz"))
                    .send()
                    .await
                    .ok()?;
                answer.status().is_success().then_some(())
            })
            .await;
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address.expect("a serving process"))
    }

    /// For browsers, which know tenants by host name.
    pub(crate) fn port(&self) -> u16 {
        self.address.expect("a serving process").port()
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// A line of `/proc/PID/status` that is in kB, such as `VmRSS`, in bytes.
    pub(crate) fn memory(&self, line: &str) -> u64 {
        let status = format!("/proc/{}/status", self.pid());
        let status = std::fs::read_to_string(status).expect("it runs");
        let found = status.lines().find_map(|all| all.strip_prefix(line));
        let mut words = found.expect("a line of it").split_whitespace();
        let kilobytes: u64 = words.nth(1).expect("a number").parse().expect("a number");
        kilobytes * 1024
    }

    /// Everything it wrote to standard error so far.
    pub(crate) fn said(&self) -> String {
        self.said.lock().expect("lines").join("\n")
    }

    /// What it logged in all its lives of jobs that it gave up.
    pub(crate) fn buried(&self) -> Vec<String> {
        let said = self.said.lock().expect("lines");
        let now = said.iter().filter(|line| line.contains("job set aside"));
        self.buried.iter().chain(now).cloned().collect()
    }

    /// The key that the first start printed.
    pub(crate) fn key(&self, prefix: &str) -> String {
        let said = self.said();
        let mut words = said.split_whitespace();
        words
            .find(|word| word.starts_with(prefix))
            .expect("a key was printed")
            .to_owned()
    }

    /// As `kill -9` does: nothing is flushed, nothing is said.
    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it ends");
    }

    /// Starts it again where it was, on the same port.
    pub(crate) async fn restart(&mut self) {
        let environment = self.environment.clone();
        self.spawn_again(&environment);
        self.wait_until_up().await;
    }

    /// Starts it again with a plan of failpoints, and does not wait: it may be dead before it is
    /// ready.
    pub(crate) fn restart_armed(&mut self, plan: &str) {
        let mut environment = self.environment.clone();
        environment.push(("STOA_TEST_FAILPOINTS".to_owned(), plan.to_owned()));
        self.spawn_again(&environment);
    }

    /// Whether it aborted by itself within `patience`. Any other end is a fault of its own.
    pub(crate) async fn dies_within(&mut self, patience: Duration) -> bool {
        use std::os::unix::process::ExitStatusExt as _;
        const ABORTED: Option<i32> = Some(6);
        let began = Instant::now();
        while began.elapsed() < patience {
            if let Some(status) = self.child.try_wait().expect("a child of ours") {
                assert_eq!(status.signal(), ABORTED, "{status}: {}", self.said());
                return true;
            }
            tokio::time::sleep(Duration::from_millis(3)).await;
        }
        false
    }

    fn spawn_again(&mut self, environment: &[(String, String)]) {
        let address = self.address;
        for pair in 0..self.arguments.len() {
            if self.arguments[pair] == "--listen"
                && let Some(address) = address
            {
                self.arguments[pair + 1] = address.to_string();
            }
        }
        self.buried = self.buried();
        let (child, said) = spawn(&self.launcher, &self.arguments, environment);
        self.child = child;
        self.said = said;
    }

    /// Sends SIGTERM and returns the exit code.
    pub(crate) fn terminate(&mut self) -> Option<i32> {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill")
            .args(["-TERM", &pid])
            .status()
            .expect("kill is there");
        assert!(sent.success());
        self.child.wait().expect("it ends").code()
    }

    /// Runs a command beside it, on the same data directory and database.
    pub(crate) fn command(&self, arguments: &[&str]) -> std::process::Output {
        let shared = self
            .arguments
            .iter()
            .take_while(|argument| *argument != "--listen");
        let mut command = Command::new(env!("CARGO_BIN_EXE_stoa"));
        let shared: Vec<&String> = shared
            .take_while(|argument| *argument != "--target")
            .collect();
        command.args(arguments).args(shared);
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
            .stdin(Stdio::null())
            .output()
            .expect("the binary runs")
    }
}

impl Drop for Stoa {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A free port below those that systems give to outgoing connections: while a process is down,
/// no client of the test may get its port by chance.
fn free_address() -> String {
    loop {
        let address = format!("127.0.0.1:{}", fastrand::u16(10_240..32_000));
        if std::net::TcpListener::bind(&address).is_ok() {
            return address;
        }
    }
}

type Said = Arc<Mutex<Vec<String>>>;

fn spawn(
    launcher: &[String],
    arguments: &[String],
    environment: &[(String, String)],
) -> (Child, Said) {
    let mut words: Vec<&str> = launcher.iter().map(String::as_str).collect();
    words.push(env!("CARGO_BIN_EXE_stoa"));
    let mut child = Command::new(words[0])
        .args(&words[1..])
        .args(arguments)
        .envs(environment.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    let said: Said = Arc::default();
    let stderr = child.stderr.take().expect("piped");
    let lines = said.clone();
    std::thread::spawn(move || {
        for line in BufReader::new(stderr).lines().map_while(Result::ok) {
            lines.lock().expect("lines").push(line);
        }
    });
    (child, said)
}

/// The test payment provider as a process of its own: an honest witness that no crash of the shop
/// touches.
pub(crate) struct Provider {
    child: Child,
    pub(crate) url: String,
    pub(crate) key: String,
    _folder: tempfile::TempDir,
}

impl Provider {
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let key = "test-provider-key-of-the-suite".to_owned();
        let mut child = Command::new(env!("CARGO_BIN_EXE_stoa"))
            .args([
                "test-provider",
                "--listen",
                "127.0.0.1:0",
                "--key",
                &key,
                "--file",
            ])
            .arg(folder.path().join("charges.jsonl"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the binary starts");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("piped");
        BufReader::new(stdout)
            .read_line(&mut line)
            .expect("it says its address");
        Self {
            child,
            url: line.trim().to_owned(),
            key,
            _folder: folder,
        }
    }

    pub(crate) fn environment(&self) -> [(&str, &str); 2] {
        [
            ("STOA_TEST_PROVIDER_URL", &self.url),
            ("STOA_TEST_PROVIDER_KEY", &self.key),
        ]
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
