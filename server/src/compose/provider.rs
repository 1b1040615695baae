//! Where the test payment provider is: in this process, or at an address of the settings.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result};
use stoa_contracts::Deps;
use stoa_payments::TestProviderConfig;
use stoa_test_provider::TestProvider;
use tokio::net::TcpListener;

use crate::settings::Settings;

/// How long a payment provider may take to answer.
const PROVIDER_TIME_MAX: Duration = Duration::from_secs(5);

/// Where the test provider is, and the one inside this process, if it is here.
pub(super) struct TestProviderPlan {
    pub(super) config: Option<TestProviderConfig>,
    pub(super) inside: Option<(TcpListener, TestProvider)>,
}

impl TestProviderPlan {
    /// `here` is whether this process pays.
    pub(super) async fn of(settings: &Settings, here: bool, deps: &Deps) -> Result<Self> {
        if let (Some(url), Some(key)) = (&settings.test_provider_url, &settings.test_provider_key) {
            let config = provider_config(url.clone(), key.clone());
            return Ok(Self {
                config: Some(config),
                inside: None,
            });
        }
        if !here {
            return Ok(Self {
                config: None,
                inside: None,
            });
        }
        let key = hex::encode(deps.storage.secret("test-provider").await?);
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let journal = journal_path(&settings.data_dir)?;
        let provider = TestProvider::open(
            &journal,
            stoa_test_provider::Settings::new(key.clone()),
            deps.clock.clone(),
            deps.ids.clone(),
        )
        .context("the test payment provider's journal cannot be opened")?;
        let config = Some(provider_config(url, key));
        Ok(Self {
            config,
            inside: Some((listener, provider)),
        })
    }
}

fn provider_config(base_url: String, key: String) -> TestProviderConfig {
    TestProviderConfig {
        base_url,
        key,
        timeout: PROVIDER_TIME_MAX,
    }
}

fn journal_path(data_dir: &Path) -> Result<std::path::PathBuf> {
    let folder = data_dir.join("test-provider");
    std::fs::create_dir_all(&folder)
        .with_context(|| format!("{} cannot be created", folder.display()))?;
    Ok(folder.join("charges.jsonl"))
}
