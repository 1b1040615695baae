//! A mail server that speaks SMTP over TCP, keeps what it takes, and fails as it is told to.

use std::collections::VecDeque;
use std::sync::Arc;

use parking_lot::Mutex;
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

/// What is done about one mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Act {
    Take,
    /// Answers this to `RCPT`.
    AtRecipient(&'static str),
    /// Answers this once the whole mail was received.
    AfterData(&'static str),
    /// Takes it, and cuts the connection instead of saying so.
    TakeAndCut,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Security {
    Plain,
    StartTls,
    Tls,
}

/// A mail that was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Taken {
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) data: String,
    pub(crate) secure: bool,
    pub(crate) login: Option<String>,
}

impl Taken {
    pub(crate) fn header(&self, name: &str) -> &str {
        let start = format!("{name}: ");
        let mut lines = self.data.lines();
        lines
            .find_map(|line| line.strip_prefix(&start))
            .unwrap_or_default()
    }
}

#[derive(Default)]
struct Shared {
    plan: Mutex<VecDeque<Act>>,
    taken: Mutex<Vec<Taken>>,
}

pub(crate) struct PostOffice {
    pub(crate) port: u16,
    /// Of the authority that its certificate is signed by: itself.
    pub(crate) root: Vec<u8>,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

impl Drop for PostOffice {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl PostOffice {
    pub(crate) async fn open(security: Security) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let key = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]);
        let key = key.expect("a certificate");
        let root = key.cert.der().to_vec();
        let private = PrivateKeyDer::try_from(key.signing_key.serialize_der()).expect("a key");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions of TLS")
            .with_no_client_auth()
            .with_single_cert(vec![CertificateDer::from(root.clone())], private)
            .expect("a certificate");
        let acceptor = TlsAcceptor::from(Arc::new(tls));
        let shared = Arc::new(Shared::default());
        let inside = shared.clone();
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, security, acceptor.clone(), inside.clone()));
            }
        });
        Self {
            port,
            root,
            shared,
            task,
        }
    }

    /// What is done about the next mails; those after them are taken.
    pub(crate) fn plan(&self, acts: impl IntoIterator<Item = Act>) {
        self.shared.plan.lock().extend(acts);
    }

    pub(crate) fn taken(&self) -> Vec<Taken> {
        self.shared.taken.lock().clone()
    }
}

async fn serve(
    stream: TcpStream,
    security: Security,
    acceptor: TlsAcceptor,
    shared: Arc<Shared>,
) -> Option<()> {
    if security == Security::Tls {
        let mut stream = BufReader::new(acceptor.accept(stream).await.ok()?);
        say(&mut stream, "220 here").await?;
        return talk(&mut stream, true, false, &shared).await.map(drop);
    }
    let mut stream = BufReader::new(stream);
    say(&mut stream, "220 here").await?;
    let offers = security == Security::StartTls;
    if talk(&mut stream, false, offers, &shared).await? {
        let stream = acceptor.accept(stream.into_inner()).await.ok()?;
        talk(&mut BufReader::new(stream), true, false, &shared).await?;
    }
    Some(())
}

async fn say<S: AsyncWrite + Unpin>(stream: &mut S, line: &str) -> Option<()> {
    let line = format!("{line}\r\n");
    stream.write_all(line.as_bytes()).await.ok()?;
    stream.flush().await.ok()
}

/// True once the client wants TLS; `None` where the connection ended.
async fn talk<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut BufReader<S>,
    secure: bool,
    offers_tls: bool,
    shared: &Shared,
) -> Option<bool> {
    let (mut from, mut to, mut login) = (String::new(), String::new(), None);
    let mut act = Act::Take;
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await.ok()? == 0 {
            return None;
        }
        let line = line.trim_end();
        let verb = line.split([' ', ':']).next().unwrap_or_default();
        match verb.to_ascii_uppercase().as_str() {
            "EHLO" => greet(stream, offers_tls).await?,
            "STARTTLS" => {
                say(stream, "220 go on").await?;
                return Some(true);
            }
            "AUTH" => {
                login = Some(line.to_owned());
                say(stream, "235 welcome").await?;
            }
            "MAIL" => {
                act = shared.plan.lock().pop_front().unwrap_or(Act::Take);
                line.clone_into(&mut from);
                say(stream, "250 yes").await?;
            }
            "RCPT" => {
                line.clone_into(&mut to);
                match act {
                    Act::AtRecipient(answer) => say(stream, answer).await?,
                    _ => say(stream, "250 yes").await?,
                }
            }
            "DATA" => {
                say(stream, "354 go on").await?;
                let data = whole_mail(stream).await?;
                let taken = Taken {
                    from: from.clone(),
                    to: to.clone(),
                    data,
                    secure,
                    login: login.clone(),
                };
                match act {
                    Act::AfterData(answer) => say(stream, answer).await?,
                    Act::TakeAndCut => {
                        shared.taken.lock().push(taken);
                        return None;
                    }
                    Act::Take | Act::AtRecipient(_) => {
                        shared.taken.lock().push(taken);
                        say(stream, "250 taken as 42").await?;
                    }
                }
            }
            "QUIT" => {
                say(stream, "221 bye").await?;
                return None;
            }
            _ => say(stream, "250 yes").await?,
        }
    }
}

async fn greet<S: AsyncWrite + Unpin>(stream: &mut S, offers_tls: bool) -> Option<()> {
    say(stream, "250-here").await?;
    let offer = if offers_tls {
        "250-STARTTLS"
    } else {
        "250-AUTH PLAIN"
    };
    say(stream, offer).await?;
    say(stream, "250 8BITMIME").await
}

/// Up to the lonely dot.
async fn whole_mail<S: AsyncRead + Unpin>(stream: &mut BufReader<S>) -> Option<String> {
    let mut data = String::new();
    while !data.ends_with("\r\n.\r\n") {
        if stream.read_line(&mut data).await.ok()? == 0 {
            return None;
        }
    }
    Some(data)
}
