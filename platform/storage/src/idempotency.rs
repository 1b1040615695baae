//! Idempotency keys, kept in the transaction they make repeatable.

use stoa_kernel::Timestamp;

use crate::{Result, Tx, params};

/// What a key is scoped to, besides the tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyKey {
    /// Caller and route.
    pub scope: String,
    /// As the client sent it, at most 255 characters.
    pub key: String,
    /// SHA-256 of the request body.
    pub body_hash: [u8; 32],
}

/// What a claim of a key found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claim {
    /// First use: do the work, then [`Tx::store_response`], in this transaction.
    Fresh,
    /// Used before with the same body: give this answer again.
    Stored { status: u16, response: String },
    /// Used before with another body.
    Reused,
    /// Used by a committed operation that has not been given its answer.
    Unfinished,
}

impl Tx<'_> {
    /// Claims a key. A concurrent twin waits here until the first has committed.
    pub async fn claim_key(&mut self, key: &IdempotencyKey, now: Timestamp) -> Result<Claim> {
        const CLAIM: &str = "INSERT INTO stoa_idempotency (tenant_id, scope, key, body_hash, \
                             created_at) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING";
        const STORED: &str = "SELECT body_hash, status, response FROM stoa_idempotency \
                              WHERE tenant_id = $1 AND scope = $2 AND key = $3";
        let tenant = self.tenant();
        let values = params![tenant, &key.scope, &key.key, &key.body_hash, now];
        if self.execute_system(CLAIM, values).await? == 1 {
            return Ok(Claim::Fresh);
        }
        let stored = self
            .query_system(STORED, params![tenant, &key.scope, &key.key], |row| {
                let hash: Vec<u8> = row.get(0)?;
                Ok((
                    hash,
                    row.get::<Option<u32>>(1)?,
                    row.get::<Option<String>>(2)?,
                ))
            })
            .await?;
        Ok(match stored.into_iter().next() {
            Some((hash, ..)) if hash != key.body_hash => Claim::Reused,
            Some((_, Some(status), Some(response))) => Claim::Stored {
                status: u16::try_from(status).unwrap_or(500),
                response,
            },
            _ => Claim::Unfinished,
        })
    }

    /// Keeps the answer that later uses of the key get.
    pub async fn store_response(
        &mut self,
        key: &IdempotencyKey,
        status: u16,
        response: &str,
    ) -> Result<()> {
        const SQL: &str = "UPDATE stoa_idempotency SET status = $4, response = $5 \
                           WHERE tenant_id = $1 AND scope = $2 AND key = $3";
        let tenant = self.tenant();
        let values = params![tenant, &key.scope, &key.key, u32::from(status), response];
        self.defer_system(&[(SQL, values)]).await
    }
}
