//! Tells Redis what was outdated and followed, and finds out whether it may be used. Dies with the
//! cache.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{Cmd, Pipeline};
use stoa_kernel::CellId;

use super::Names;
use super::link::{Link, LinkError};
use super::outbox::{Order, Outbox, What};
use super::scripts::{Scripts, seed};
use crate::cache::CellPosition;

const ORDERS_PER_FLIGHT: usize = 256;
const WAIT_FIRST: Duration = Duration::from_millis(50);
const WAIT_MAX: Duration = Duration::from_secs(2);
/// How often a process that starts looks whether the others have followed as far as it begins.
const LOOKS_MAX: u32 = 20;
const LOOK_EVERY: Duration = Duration::from_millis(100);

pub(super) struct Worker {
    link: Arc<Link>,
    outbox: Arc<Outbox>,
    scripts: Scripts,
    names: Names,
    /// From where events are followed; taken when Redis was told.
    start: Option<Start>,
    /// How far Redis was told, by this process.
    told: HashMap<CellId, (i64, i64)>,
}

enum Start {
    At(Vec<CellPosition>),
    Unknown,
}

impl Worker {
    pub(super) fn new(
        link: Arc<Link>,
        outbox: Arc<Outbox>,
        scripts: Scripts,
        names: Names,
        positions: Option<Vec<CellPosition>>,
    ) -> Self {
        Self {
            link,
            outbox,
            scripts,
            names,
            start: Some(positions.map_or(Start::Unknown, Start::At)),
            told: HashMap::new(),
        }
    }

    pub(super) async fn run(mut self) {
        let mut wait = WAIT_FIRST;
        loop {
            match self.connect().await {
                Ok(mut connection) => {
                    wait = WAIT_FIRST;
                    if let Err(error) = self.serve(&mut connection).await {
                        tracing::warn!(%error, "redis is not told what was outdated");
                    }
                    self.link.close();
                }
                Err(error) => tracing::debug!(%error, "redis is not to be had"),
            }
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(WAIT_MAX);
        }
    }

    /// A connection that others may use: fast, with the scripts, and nothing missed in between.
    async fn connect(&mut self) -> Result<MultiplexedConnection, LinkError> {
        let mut connection = self.link.connect().await?;
        let mut load = Pipeline::new();
        for script in self.scripts.all() {
            load.cmd("SCRIPT").arg("LOAD").arg(script.text);
        }
        let _: Vec<String> = self.link.tell(&mut connection, &load).await?;
        self.rejoin(&mut connection).await?;
        self.link.is_fast(&mut connection).await?;
        self.link.open(connection.clone());
        Ok(connection)
    }

    /// Redis may have lost what it was told, or nobody may have told it what happened before this
    /// process came: it finds out by the positions.
    async fn rejoin(&mut self, connection: &mut MultiplexedConnection) -> Result<(), LinkError> {
        let mut pipeline = Pipeline::new();
        match &self.start {
            Some(Start::At(positions)) => {
                self.await_others(connection, positions).await?;
                for at in positions {
                    self.told.entry(at.cell).or_insert((at.epoch, at.seq));
                }
            }
            Some(Start::Unknown) => {
                let fresh = self.with_all(self.scripts.move_all.ask(1), &[seed_or_io()?]);
                pipeline.add_command(fresh);
            }
            None => {}
        }
        for (cell, (epoch, seq)) in &self.told {
            let numbers = [
                cell.to_string(),
                epoch.to_string(),
                (seq + 1).to_string(),
                seq.to_string(),
                seed_or_io()?,
            ];
            pipeline.add_command(self.with_all(self.scripts.follow.ask(1), &numbers));
        }
        if !pipeline.is_empty() {
            let _: Vec<i64> = self.link.tell(connection, &pipeline).await?;
        }
        self.start = None;
        Ok(())
    }

    /// Others that run may be a moment behind; then nothing was missed after all.
    async fn await_others(
        &self,
        connection: &mut MultiplexedConnection,
        positions: &[CellPosition],
    ) -> Result<(), LinkError> {
        if positions.is_empty() {
            return Ok(());
        }
        for _ in 0..LOOKS_MAX {
            let mut look = Pipeline::new();
            let ask = look.cmd("HMGET").arg(self.names.all());
            for at in positions {
                ask.arg(format!("p:{}", at.cell));
            }
            let found: (Vec<Option<i64>>,) = self.link.tell(connection, &look).await?;
            let mut both = found.0.iter().zip(positions);
            // Nobody ever followed that cell: waiting does not help.
            let behind = |(found, at): (&Option<i64>, &CellPosition)| {
                found.is_some_and(|found| found < at.seq)
            };
            if !both.any(behind) {
                break;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        Ok(())
    }

    /// Until the connection is no good.
    async fn serve(&mut self, connection: &mut MultiplexedConnection) -> Result<(), LinkError> {
        loop {
            let orders = self.outbox.first(ORDERS_PER_FLIGHT);
            if orders.is_empty() {
                let (link, outbox) = (Arc::clone(&self.link), Arc::clone(&self.outbox));
                tokio::select! {
                    () = outbox.filled.notified() => {}
                    () = link.closed() => {}
                }
                // Closing may have been told before this connection was opened.
                if !link.is_open() {
                    return Ok(());
                }
                continue;
            }
            match self.tell(connection, &orders).await {
                Ok(()) => {
                    self.remember(&orders);
                    self.outbox.told(orders);
                }
                Err(error) => {
                    self.outbox.put_back(orders);
                    return Err(error);
                }
            }
        }
    }

    async fn tell(
        &self,
        connection: &mut MultiplexedConnection,
        orders: &[Order],
    ) -> Result<(), LinkError> {
        let mut pipeline = Pipeline::new();
        for order in orders {
            pipeline.add_command(self.command(order)?);
        }
        let _: Vec<i64> = self.link.tell(connection, &pipeline).await?;
        Ok(())
    }

    fn command(&self, order: &Order) -> Result<Cmd, LinkError> {
        let mut command = match &order.what {
            What::Outdate => {
                let mut command = self.scripts.outdate.ask(0);
                command.arg(seed_or_io()?);
                command
            }
            What::Follow {
                cell,
                epoch,
                first,
                last,
            } => {
                let numbers = [
                    cell.to_string(),
                    epoch.to_string(),
                    first.to_string(),
                    last.to_string(),
                    seed_or_io()?,
                ];
                self.with_all(self.scripts.follow.ask(1), &numbers)
            }
            What::MoveAll => self.with_all(self.scripts.move_all.ask(1), &[seed_or_io()?]),
        };
        for (tenant, slot) in &order.slots {
            command.arg(self.names.tenant(*tenant)).arg(*slot);
        }
        Ok(command)
    }

    fn with_all(&self, mut command: Cmd, arguments: &[String]) -> Cmd {
        command.arg(self.names.all()).arg(arguments);
        command
    }

    fn remember(&mut self, orders: &[Order]) {
        for order in orders {
            if let What::Follow {
                cell, epoch, last, ..
            } = &order.what
            {
                self.told.insert(*cell, (*epoch, *last));
            }
        }
    }
}

fn seed_or_io() -> Result<String, LinkError> {
    seed().map_err(|error| {
        let error = std::io::Error::other(error.to_string());
        LinkError::Redis(error.into())
    })
}
