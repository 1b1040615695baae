//! Processes under measurement: the `stoa` binary and others, their memory and processor time. Ends
//! each with its handle.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use parking_lot::Mutex;

/// How long a process may take until it serves.
const START_TIME_MAX: Duration = Duration::from_secs(120);
const SERVING: &str = "serving on http://";

/// The `stoa` binary of the same build as this one.
pub(crate) fn stoa_binary() -> Result<PathBuf> {
    let beside = std::env::current_exe()?.with_file_name("stoa");
    if !beside.exists() {
        bail!(
            "{} is not there: run `cargo build --release -p stoa-server`",
            beside.display()
        );
    }
    Ok(beside)
}

/// A process that is killed with its handle.
pub(crate) struct Running {
    child: Child,
    said: Arc<Mutex<Vec<String>>>,
}

impl Running {
    pub(crate) fn spawn(command: &mut Command) -> Result<Self> {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("{command:?} does not start"))?;
        let stderr = child.stderr.take().context("its standard error is piped")?;
        let said: Arc<Mutex<Vec<String>>> = Arc::default();
        let lines = said.clone();
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                lines.lock().push(line);
            }
        });
        Ok(Self { child, said })
    }

    /// A `stoa` that serves `data_dir`, with the settings it comes with; over a `database` of its
    /// own where one is named.
    pub(crate) fn stoa(data_dir: &Path, database: Option<&str>) -> Result<Self> {
        let mut command = Command::new(stoa_binary()?);
        command.arg("serve").arg("--data-dir").arg(data_dir);
        command.args(["--listen", "127.0.0.1:0"]);
        if let Some(url) = database {
            command.args(["--database", url]);
        }
        Self::spawn(&mut command)
    }

    /// Waits until it says where it serves.
    pub(crate) fn address(&mut self) -> Result<SocketAddr> {
        let began = Instant::now();
        loop {
            let line = {
                let said = self.said.lock();
                said.iter()
                    .find_map(|line| line.split_once(SERVING))
                    .map(|(_, at)| at.to_owned())
            };
            if let Some(address) = line {
                return Ok(address.trim().parse()?);
            }
            if let Some(status) = self.child.try_wait()? {
                bail!("it ended with {status}: {}", self.said());
            }
            if began.elapsed() > START_TIME_MAX {
                bail!("it does not serve: {}", self.said());
            }
            pause(Duration::from_millis(1));
        }
    }

    pub(crate) fn said(&self) -> String {
        self.said.lock().join("\n")
    }

    /// The first word it said that begins so, such as a key.
    pub(crate) fn word(&self, prefix: &str) -> Result<String> {
        let said = self.said();
        let word = said
            .split_whitespace()
            .find(|word| word.starts_with(prefix));
        word.map(str::to_owned)
            .with_context(|| format!("it said no `{prefix}...`"))
    }

    /// Resident memory in KiB: `VmRSS` now, `VmHWM` at its peak; `None` once it has ended.
    pub(crate) fn memory(&self, field: &str) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix(field))?;
        line.trim_start_matches(':')
            .trim()
            .trim_end_matches(" kB")
            .parse()
            .ok()
    }

    /// From now on `VmHWM` is the peak since now.
    pub(crate) fn forget_peak(&self) -> Result<()> {
        const PEAK: &str = "5";
        let path = format!("/proc/{}/clear_refs", self.child.id());
        std::fs::write(&path, PEAK).with_context(|| format!("writing {path}"))
    }

    pub(crate) fn open_files(&self) -> Result<usize> {
        Ok(std::fs::read_dir(format!("/proc/{}/fd", self.child.id()))?.count())
    }

    /// Processor time so far, of all its threads.
    pub(crate) fn processor_time(&self) -> Result<Duration> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        // Fields 14 and 15, counted after the name in parentheses, which may hold spaces.
        let after = stat.rsplit_once(')').context("a process has a name")?.1;
        let ticks: u64 = after
            .split_whitespace()
            .skip(11)
            .take(2)
            .map(|field| field.parse::<u64>().unwrap_or(0))
            .sum();
        let per_second = rustix::param::clock_ticks_per_second();
        Ok(Duration::from_micros(ticks * 1_000_000 / per_second))
    }

    /// Whether it has ended, and well.
    pub(crate) fn ended(&mut self) -> Result<Option<bool>> {
        Ok(self.child.try_wait()?.map(|status| status.success()))
    }

    /// Asks it to stop, and waits.
    pub(crate) fn stop(mut self) -> Result<()> {
        let id = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(id, rustix::process::Signal::TERM)?;
        let status = self.child.wait()?;
        if !status.success() {
            bail!("it stopped with {status}: {}", self.said());
        }
        Ok(())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Lets time pass where there is no event to wait for.
#[expect(
    clippy::disallowed_methods,
    reason = "the bench polls other processes, outside of a runtime"
)]
pub(crate) fn pause(time: Duration) {
    std::thread::sleep(time);
}
