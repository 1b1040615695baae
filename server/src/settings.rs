//! Every setting, from one TOML file, the environment and the command line. Reads, never acts.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::IsTerminal as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;
use stoa_telemetry::LogFormat;

use crate::roles::Target;

/// Keys of the file; each is also `STOA_<KEY>` in the environment, which wins over the file. The
/// command line wins over both.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Settings {
    /// Which role this process plays: `all`, `api`, `worker` or `payments`.
    pub(crate) target: Target,
    /// Where everything embedded lives: databases, the local socket, the test provider's journal.
    pub(crate) data_dir: PathBuf,
    /// The address to serve HTTP on.
    pub(crate) listen: SocketAddr,
    /// `sqlite:<folder>` or `postgres://user:password@host:port/database`; by default SQLite in
    /// the data directory.
    pub(crate) database: Option<String>,
    /// PostgreSQL connections of this process to the shared cell.
    pub(crate) database_connections_max: usize,
    /// Bytes of a SQLite file that reads map into memory; 0 turns mapping off.
    pub(crate) sqlite_mmap_bytes: i64,
    /// The domain under which tenants have `<slug>.<domain>`, besides `<slug>.localhost`.
    pub(crate) base_domain: Option<String>,
    /// Whether shoppers reach the shops by https (a proxy in front): cookies are then `Secure`.
    pub(crate) https: bool,
    /// Log directives such as `info,stoa_storage=debug`.
    pub(crate) log: String,
    /// `json` or `plain`; by default plain at a terminal, else JSON.
    pub(crate) log_format: Option<LogFormatName>,
    /// Whether the first start creates the demo shop. By default: where `target` is `all`.
    pub(crate) demo: Option<bool>,
    /// How long a job belongs to the process that took it, alive or not.
    pub(crate) job_lease_seconds: u64,
    /// Open HTTP connections; over it, accepting waits.
    pub(crate) connections_max: usize,
    /// Where a test payment provider of its own process listens. By default it runs inside the
    /// process that runs the worker.
    pub(crate) test_provider_url: Option<String>,
    /// The secret shared with that process.
    pub(crate) test_provider_key: Option<String>,
    /// 64 hexadecimal digits: the private key that opens providers' secrets. For `all` and
    /// `payments`; by default made up and kept in the database.
    pub(crate) payments_key: Option<String>,
    /// The public half, for `api` and `worker`: what they take in they cannot read again.
    pub(crate) payments_public_key: Option<String>,
    /// `memory:`, or `nats://host:port` for JetStream, through which processes hear of events at
    /// once.
    pub(crate) bus: String,
    /// Names the stream at NATS.
    pub(crate) bus_stream: String,
    /// Copies that a NATS cluster keeps of the stream.
    pub(crate) bus_replicas: usize,
    /// Bytes that the stream may take.
    pub(crate) bus_bytes_max: i64,
    /// `smtps://user:password@host:465` or `smtp://user:password@host:587`, which demands STARTTLS
    /// unless it ends in `?tls=none`. Without it mail stays in the local mailbox.
    pub(crate) smtp_url: Option<String>,
    /// The address that mail comes from.
    pub(crate) smtp_from: Option<String>,
    /// Where shoppers reach the shops, for links in mail: `https://{slug}.shops.example`.
    pub(crate) shop_url: Option<String>,
    /// `file:<folder>` or `s3://<bucket>/<prefix>?region=...&endpoint=...`: where pictures lie; by
    /// default in the data directory.
    pub(crate) blobs: Option<String>,
    /// The key of a store that speaks S3; without it, what the machine is given by its cloud.
    pub(crate) s3_key_id: Option<String>,
    pub(crate) s3_secret: Option<String>,
    /// A picture that no product and no collection shows for so many days is removed; 0 keeps all.
    pub(crate) media_collect_after_days: u32,
    /// `memory:`, or `redis://host:port` for pages that processes share.
    pub(crate) cache: String,
    /// Comes before each key in Redis.
    pub(crate) cache_prefix: String,
    /// `json+https://...` or `surrogate+https://...`: a CDN's address that is told what changed.
    pub(crate) cdn_purge_url: Option<String>,
    /// Sent to the CDN as `Authorization`.
    pub(crate) cdn_purge_authorization: Option<String>,
    /// Whether webhooks, payment and tax providers, and pictures to import, may be on this very
    /// machine, without TLS: for development and tests.
    pub(crate) allow_loopback: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum LogFormatName {
    Json,
    Plain,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            target: Target::All,
            data_dir: PathBuf::from("stoa-data"),
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            database: None,
            database_connections_max: 16,
            sqlite_mmap_bytes: 1 << 30,
            base_domain: None,
            https: false,
            log: "info".to_owned(),
            log_format: None,
            demo: None,
            job_lease_seconds: 60,
            connections_max: 10_000,
            test_provider_url: None,
            test_provider_key: None,
            payments_key: None,
            payments_public_key: None,
            bus: "memory:".to_owned(),
            bus_stream: "stoa-events".to_owned(),
            bus_replicas: 1,
            bus_bytes_max: 1 << 30,
            smtp_url: None,
            smtp_from: None,
            shop_url: None,
            blobs: None,
            s3_key_id: None,
            s3_secret: None,
            media_collect_after_days: 0,
            cache: "memory:".to_owned(),
            cache_prefix: "stoa".to_owned(),
            cdn_purge_url: None,
            cdn_purge_authorization: None,
            allow_loopback: false,
        }
    }
}

/// What the command line may set over file and environment.
#[derive(Debug, Clone, Default)]
pub(crate) struct Overrides {
    pub(crate) config: Option<PathBuf>,
    pub(crate) data_dir: Option<PathBuf>,
    pub(crate) listen: Option<SocketAddr>,
    pub(crate) target: Option<Target>,
    pub(crate) database: Option<String>,
}

/// More than a process may have files open.
const CONNECTIONS_MAX: usize = 1_000_000;
const BUS_BYTES_MIN: i64 = 1 << 20;
/// Shorter than a provider's answer, two processes would work on one job.
const JOB_LEASE_SECONDS: std::ops::RangeInclusive<u64> = 4..=3_600;
const PREFIX: &str = "STOA_";
/// Variables of the test suite, not settings.
const TEST_PREFIX: &str = "STOA_TEST_";
/// Settings that begin like the test suite's variables.
const NOT_OF_TESTS: [&str; 2] = ["STOA_TEST_PROVIDER_URL", "STOA_TEST_PROVIDER_KEY"];

impl Settings {
    pub(crate) fn load(
        overrides: Overrides,
        environment: impl Iterator<Item = (OsString, OsString)>,
    ) -> Result<Self> {
        let mut table = match &overrides.config {
            Some(path) => read_file(path)?,
            None => toml::Table::new(),
        };
        table.extend(from_environment(environment)?);
        let mut settings: Self = table
            .try_into()
            .map_err(|error: toml::de::Error| anyhow::anyhow!("settings: {}", error.message()))?;
        settings.data_dir = overrides.data_dir.unwrap_or(settings.data_dir);
        settings.listen = overrides.listen.unwrap_or(settings.listen);
        settings.target = overrides.target.unwrap_or(settings.target);
        settings.database = overrides.database.or(settings.database);
        settings.check()?;
        Ok(settings)
    }

    fn check(&self) -> Result<()> {
        if !(1..=1000).contains(&self.database_connections_max) {
            bail!("settings: `database_connections_max` is 1 to 1000");
        }
        if !JOB_LEASE_SECONDS.contains(&self.job_lease_seconds) {
            let (least, most) = (JOB_LEASE_SECONDS.start(), JOB_LEASE_SECONDS.end());
            bail!("settings: `job_lease_seconds` is {least} to {most}");
        }
        if !(1..=CONNECTIONS_MAX).contains(&self.connections_max) {
            bail!("settings: `connections_max` is 1 to {CONNECTIONS_MAX}");
        }
        if self.target != Target::All && !self.is_on_server() {
            bail!(
                "settings: `target = \"{}\"` splits Stoa over several processes, which needs \
                 PostgreSQL: set `database` to a postgres:// URL",
                self.target
            );
        }
        if self.test_provider_url.is_some() && self.test_provider_key.is_none() {
            bail!("settings: `test_provider_url` needs `test_provider_key`");
        }
        if self.bus != "memory:" && !self.bus.starts_with("nats://") {
            bail!("settings: `bus` is memory: or nats://host:port");
        }
        if !(1..=5).contains(&self.bus_replicas) || self.bus_bytes_max < BUS_BYTES_MIN {
            bail!("settings: `bus_replicas` is 1 to 5, `bus_bytes_max` at least {BUS_BYTES_MIN}");
        }
        if self.cache != "memory:"
            && !self.cache.starts_with("redis://")
            && !self.cache.starts_with("rediss://")
        {
            bail!("settings: `cache` is memory:, redis://host:port or rediss://host:port");
        }
        if self.s3_key_id.is_some() != self.s3_secret.is_some() {
            bail!("settings: `s3_key_id` and `s3_secret` go together");
        }
        self.smtp()?;
        for key in [&self.payments_key, &self.payments_public_key] {
            key.as_deref().map(key_bytes).transpose()?;
        }
        Ok(())
    }

    pub(crate) fn smtp(&self) -> Result<Option<stoa_notify::Smtp>> {
        let Some(url) = &self.smtp_url else {
            return Ok(None);
        };
        let from = self.smtp_from.as_deref();
        let from = from.context("settings: `smtp_url` needs `smtp_from`")?;
        let smtp = stoa_notify::Smtp::new(url, from);
        Ok(Some(
            smtp.map_err(|error| anyhow::anyhow!("settings: {error}"))?,
        ))
    }

    /// The keys that seal and open providers' secrets; `kept` is the one of the database, for
    /// installations that set none.
    pub(crate) fn seal_keys(&self, kept: [u8; 32]) -> Result<stoa_payments::SealKeys> {
        use stoa_payments::SealKeys;
        let opens = self.target.role().pays;
        if let Some(key) = &self.payments_key {
            let keys = SealKeys::opening(key_bytes(key)?);
            return Ok(if opens {
                keys
            } else {
                SealKeys::sealing(keys.public())
            });
        }
        match &self.payments_public_key {
            Some(key) if !opens => Ok(SealKeys::sealing(key_bytes(key)?)),
            Some(_) => bail!("settings: the role `{}` needs `payments_key`", self.target),
            None if opens => Ok(SealKeys::opening(kept)),
            None => Ok(SealKeys::sealing(SealKeys::opening(kept).public())),
        }
    }

    pub(crate) fn database_url(&self) -> String {
        match &self.database {
            Some(url) => url.clone(),
            None => format!("sqlite:{}", self.data_dir.join("cells").display()),
        }
    }

    pub(crate) fn blobs_url(&self) -> String {
        match &self.blobs {
            Some(url) => url.clone(),
            None => format!("file:{}", self.data_dir.join("blobs").display()),
        }
    }

    pub(crate) fn is_on_server(&self) -> bool {
        let url = self.database_url();
        url.starts_with("postgres://") || url.starts_with("postgresql://")
    }

    pub(crate) fn wants_demo(&self) -> bool {
        self.demo.unwrap_or(self.target == Target::All)
    }

    pub(crate) fn log_format(&self) -> LogFormat {
        match self.log_format {
            Some(LogFormatName::Plain) => LogFormat::Plain,
            None if std::io::stderr().is_terminal() => LogFormat::Plain,
            Some(LogFormatName::Json) | None => LogFormat::Json,
        }
    }

    /// Where the running server takes the operator's commands.
    pub(crate) fn socket_path(&self) -> PathBuf {
        self.data_dir.join(match self.is_on_server() {
            true => format!("stoa-{}.sock", self.target),
            false => "stoa.sock".to_owned(),
        })
    }

    /// The folder of SQLite's files where it is not inside the data directory.
    pub(crate) fn outside_folder(&self) -> Option<PathBuf> {
        let url = self.database.as_deref()?;
        let folder = PathBuf::from(url.strip_prefix("sqlite:")?);
        (!folder.starts_with(&self.data_dir)).then_some(folder)
    }

    /// SQLite has one owner; over PostgreSQL each role may run once per data directory.
    pub(crate) fn lock_name(&self) -> String {
        match self.is_on_server() {
            true => format!("stoa-{}.lock", self.target),
            false => "stoa.lock".to_owned(),
        }
    }
}

fn key_bytes(text: &str) -> Result<[u8; 32]> {
    let bytes: Option<[u8; 32]> = hex::decode(text)
        .ok()
        .and_then(|bytes| bytes.try_into().ok());
    bytes.context("settings: `payments_key` and `payments_public_key` are 64 hexadecimal digits")
}

fn read_file(path: &Path) -> Result<toml::Table> {
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("the settings file {} cannot be read", path.display()))?;
    text.parse()
        .with_context(|| format!("the settings file {} is not TOML", path.display()))
}

/// `STOA_LOG_FORMAT=plain` as the key `log_format`. An unknown name is refused with the file's unknown keys.
fn from_environment(
    environment: impl Iterator<Item = (OsString, OsString)>,
) -> Result<BTreeMap<String, toml::Value>> {
    let is_setting = |name: &str| {
        name.starts_with(PREFIX) && (!name.starts_with(TEST_PREFIX) || NOT_OF_TESTS.contains(&name))
    };
    let mut settings = BTreeMap::new();
    for (name, value) in environment {
        // Other programs' variables need not be UTF-8; ours are.
        let Some(name) = name.to_str().filter(|name| is_setting(name)) else {
            continue;
        };
        let Ok(value) = value.into_string() else {
            bail!("settings: {name} is not UTF-8");
        };
        let name = name[PREFIX.len()..].to_ascii_lowercase();
        let value = parse(&name, value);
        settings.insert(name, value);
    }
    Ok(settings)
}

/// Settings that are numbers, and those that are yes or no; all others are text, whatever they
/// look like.
const NUMBERS: [&str; 7] = [
    "database_connections_max",
    "sqlite_mmap_bytes",
    "connections_max",
    "bus_replicas",
    "bus_bytes_max",
    "job_lease_seconds",
    "media_collect_after_days",
];
const SWITCHES: [&str; 3] = ["demo", "https", "allow_loopback"];

fn parse(name: &str, value: String) -> toml::Value {
    let number = value
        .parse::<i64>()
        .ok()
        .filter(|_| NUMBERS.contains(&name));
    let switch = value
        .parse::<bool>()
        .ok()
        .filter(|_| SWITCHES.contains(&name));
    match (number, switch) {
        (Some(number), _) => toml::Value::Integer(number),
        (_, Some(switch)) => toml::Value::Boolean(switch),
        _ => toml::Value::String(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(pairs: &[(&str, &str)]) -> Result<Settings, String> {
        let environment = pairs
            .iter()
            .map(|(name, value)| (OsString::from(name), OsString::from(value)));
        Settings::load(Overrides::default(), environment).map_err(|error| error.to_string())
    }

    #[test]
    fn the_environment_sets_every_kind_of_key() {
        let settings = load(&[
            ("STOA_LISTEN", "127.0.0.1:9"),
            ("STOA_CONNECTIONS_MAX", "7"),
            ("STOA_DEMO", "false"),
            ("STOA_ALLOW_LOOPBACK", "true"),
            ("STOA_BUS_BYTES_MAX", "2097152"),
            ("STOA_LOG_FORMAT", "plain"),
            ("STOA_TEST_POSTGRES", "not a setting"),
            ("PATH", "not ours"),
        ])
        .expect("good settings");
        assert_eq!(settings.listen, SocketAddr::from(([127, 0, 0, 1], 9)));
        assert_eq!(
            (settings.connections_max, settings.wants_demo()),
            (7, false)
        );
        assert_eq!(
            (settings.allow_loopback, settings.bus_bytes_max),
            (true, 2_097_152)
        );
        assert_eq!(settings.log_format, Some(LogFormatName::Plain));
        assert_eq!(settings.database_url(), "sqlite:stoa-data/cells");
    }

    #[test]
    fn an_unknown_key_is_refused_by_name() {
        let error = load(&[("STOA_LISTNE", "x")]).expect_err("a typo");
        assert!(error.contains("unknown field `listne`"), "{error}");
    }

    #[test]
    fn what_is_no_text_is_refused_only_in_settings() {
        use std::os::unix::ffi::OsStringExt as _;
        let wild = || OsString::from_vec(vec![0xff]);
        let load = |name: OsString| {
            let settings = Settings::load(Overrides::default(), [(name, wild())].into_iter());
            settings.map(|_| ()).map_err(|error| error.to_string())
        };
        assert_eq!(load(OsString::from("LESS_TERMCAP")), Ok(()));
        assert_eq!(load(wild()), Ok(()));
        assert_eq!(
            load(OsString::from("STOA_LOG")),
            Err("settings: STOA_LOG is not UTF-8".to_owned())
        );
    }

    #[test]
    fn a_limit_that_serves_nobody_is_refused() {
        for limit in ["0", "9223372036854775807"] {
            assert_eq!(
                load(&[("STOA_CONNECTIONS_MAX", limit)]).map(|_| ()),
                Err("settings: `connections_max` is 1 to 1000000".to_owned()),
                "{limit}"
            );
        }
    }

    #[test]
    fn split_roles_need_a_server() {
        let error = load(&[("STOA_TARGET", "worker")]).expect_err("SQLite has one owner");
        assert!(error.contains("needs PostgreSQL"), "{error}");
        let on_server = [
            ("STOA_TARGET", "worker"),
            ("STOA_DATABASE", "postgres://u@127.0.0.1/stoa"),
        ];
        assert_eq!(
            load(&on_server).map(|settings| settings.wants_demo()),
            Ok(false)
        );
    }
}
