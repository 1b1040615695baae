//! nginx serving what it is given as files, where it is installed.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use crate::child::pause;

const START_TIME_MAX: Duration = Duration::from_secs(5);

/// An nginx of two workers, ended with its handle.
pub(crate) struct Nginx {
    child: Child,
    pub(crate) address: SocketAddr,
}

impl Nginx {
    /// `None` where there is no nginx. `files` are paths below the root, with what they hold; all
    /// are sent as `content_type`.
    pub(crate) fn serve(
        folder: &Path,
        files: &[(&str, &[u8])],
        content_type: &str,
    ) -> Result<Option<Self>> {
        let root = folder.join("root");
        for (path, bytes) in files {
            let file = root.join(path.trim_start_matches('/'));
            std::fs::create_dir_all(file.parent().context("a file in a folder")?)?;
            std::fs::write(file, bytes)?;
        }
        // Freed at once; nobody else asks for ports on this machine while it is measured.
        let address = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let settings = folder.join("nginx.conf");
        std::fs::write(&settings, config(folder, &root, address, content_type))?;
        let started = Command::new("nginx")
            .arg("-p")
            .arg(folder)
            .arg("-c")
            .arg(&settings)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let child = match started {
            Ok(child) => child,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error).context("nginx does not start"),
        };
        let mut nginx = Self { child, address };
        nginx.wait()?;
        Ok(Some(nginx))
    }

    fn wait(&mut self) -> Result<()> {
        let began = Instant::now();
        while std::net::TcpStream::connect(self.address).is_err() {
            if let Some(status) = self.child.try_wait()? {
                bail!("nginx ended with {status}");
            }
            if began.elapsed() > START_TIME_MAX {
                bail!("nginx does not serve");
            }
            pause(Duration::from_millis(5));
        }
        Ok(())
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // Its workers end with a master that is asked to, and stay behind one that is killed.
        let id = rustix::process::Pid::from_child(&self.child);
        if rustix::process::kill_process(id, rustix::process::Signal::TERM).is_err() {
            return;
        }
        drop(self.child.wait());
    }
}

/// As one would set it up for files that are asked for often.
fn config(folder: &Path, root: &Path, address: SocketAddr, content_type: &str) -> String {
    let folder = folder.display();
    format!(
        "daemon off;\npid {folder}/nginx.pid;\nerror_log {folder}/error.log;\nworker_processes 2;\n\
         events {{ worker_connections 1024; }}\n\
         http {{\n\
         access_log off;\nsendfile on;\ntcp_nopush on;\ntcp_nodelay on;\n\
         keepalive_requests 100000000;\nopen_file_cache max=1000;\n\
         default_type {content_type};\n\
         client_body_temp_path {folder}/t1;\nproxy_temp_path {folder}/t2;\n\
         fastcgi_temp_path {folder}/t3;\nuwsgi_temp_path {folder}/t4;\nscgi_temp_path {folder}/t5;\n\
         server {{ listen {address}; root {}; }}\n}}\n",
        root.display()
    )
}
