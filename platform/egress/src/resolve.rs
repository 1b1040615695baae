//! Name look-ups, apart from connecting, so that an address can be judged before it is used.

use std::net::IpAddr;

use async_trait::async_trait;

/// The name leads nowhere, or nobody could be asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the name cannot be looked up: {reason}")]
pub struct ResolveError {
    pub reason: String,
}

#[async_trait]
pub trait Resolver: Send + Sync + 'static {
    /// Every address of `host`. Judges none of them.
    async fn resolve(&self, host: &str, port: u16) -> Result<Vec<IpAddr>, ResolveError>;
}

/// Asks as the operating system is set up to.
pub struct SystemResolver;

#[async_trait]
impl Resolver for SystemResolver {
    async fn resolve(&self, host: &str, port: u16) -> Result<Vec<IpAddr>, ResolveError> {
        match tokio::net::lookup_host((host, port)).await {
            Ok(found) => Ok(found.map(|socket| socket.ip()).collect()),
            Err(error) => Err(ResolveError {
                reason: error.to_string(),
            }),
        }
    }
}
