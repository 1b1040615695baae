//! The operator's commands: each speaks to the running server, or to one started for it alone.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use axum::body::Body;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};
use stoa_kernel::SeededIds;

use crate::cli::{
    EXIT_FAILED, EXIT_PARTLY, ExportArgs, ImportArgs, InventoryArgs, KeyArgs, Output, TenantArgs,
    TestProviderArgs,
};
use crate::client::Client;
use crate::clock::SystemClock;
use crate::compose::{App, Extent};
use crate::lock::{self, make_data_dir};
use crate::serve::{Running, runtime, wait_for_signal};
use crate::settings::Settings;

/// How often an import is asked how far it is.
const PROGRESS_EVERY: Duration = Duration::from_millis(200);
/// How many rows pass between two lines where there is no terminal.
const LINES_EVERY_ROWS: u64 = 10_000;

/// Runs `work` against the server that owns this installation, or one started for the command.
fn with_server<T>(settings: &Settings, work: impl AsyncFnOnce(Client) -> Result<T>) -> Result<T> {
    runtime()?.block_on(async {
        let client = Client::new(&settings.socket_path());
        if client.is_up().await {
            return work(client).await;
        }
        let Some(_locks) = lock::own(settings)? else {
            bail!(
                "another stoa process owns {} and does not answer on {}",
                settings.data_dir.display(),
                settings.socket_path().display()
            );
        };
        let app = App::start(settings, Extent::Commands).await?;
        let running = Running::start(app, settings, None).await?;
        let done = work(client).await;
        running.stop().await?;
        done
    })
}

pub(crate) fn create_tenant(
    settings: Settings,
    args: TenantArgs,
    output: Output,
) -> Result<ExitCode> {
    let body = json!({
        "slug": args.slug,
        "name": args.name,
        "currency": args.currency,
        "isolation": args.isolation,
        "test_mode": args.test_mode,
    });
    let made = with_server(&settings, async |client| {
        client.post("/api/v1/platform/tenants", &body).await
    })?;
    let text = format!(
        "Tenant {} created ({}). Its shop answers on http://{}.localhost:{}/",
        args.slug,
        made["id"].as_str().unwrap_or_default(),
        args.slug,
        settings.listen.port()
    );
    output.answer(&made, &text);
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn list_tenants(settings: Settings, output: Output) -> Result<ExitCode> {
    let list = with_server(&settings, async |client| {
        client.get("/api/v1/platform/tenants").await
    })?;
    let word = |tenant: &Value, name: &str| tenant[name].as_str().unwrap_or_default().to_owned();
    let mut text = format!("{:<24} {:<8} {:<5} {}", "SLUG", "CURRENCY", "TEST", "NAME");
    for tenant in list["data"].as_array().into_iter().flatten() {
        let test = if tenant["test_mode"] == true {
            "yes"
        } else {
            "no"
        };
        let (slug, currency) = (word(tenant, "slug"), word(tenant, "currency"));
        text += &format!(
            "\n{slug:<24} {currency:<8} {test:<5} {}",
            word(tenant, "name")
        );
    }
    output.answer(&list["data"], &text);
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn create_key(settings: Settings, args: KeyArgs, output: Output) -> Result<ExitCode> {
    let mut body = json!({ "kind": args.kind, "name": args.name });
    if !args.permissions.is_empty() {
        body["permissions"] = json!(args.permissions);
    }
    let path = format!("/api/v1/platform/tenants/{}/keys", args.tenant);
    let made = with_server(&settings, async |client| client.post(&path, &body).await)?;
    output.answer(&made, made["key"].as_str().unwrap_or_default());
    output.note("Keep it: it is not shown again.");
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn import_products(
    settings: Settings,
    args: ImportArgs,
    output: Output,
) -> Result<ExitCode> {
    let query = format!("kind=products&set_stock={}", args.set_stock);
    import(&settings, &args.file, &args.tenant, &query, output)
}

pub(crate) fn import_inventory(
    settings: Settings,
    args: InventoryArgs,
    output: Output,
) -> Result<ExitCode> {
    import(
        &settings,
        &args.file,
        &args.tenant,
        "kind=inventory",
        output,
    )
}

fn import(
    settings: &Settings,
    path: &Path,
    tenant: &str,
    query: &str,
    output: Output,
) -> Result<ExitCode> {
    let file =
        std::fs::File::open(path).with_context(|| format!("{} cannot be read", path.display()))?;
    let report = with_server(settings, async |client| {
        let client = client.of_tenant(tenant);
        let path = format!("/api/v1/admin/imports?{query}");
        let body = Body::new(http_body_util::StreamBody::new(read_file(file)));
        let run = client.upload(&path, "text/csv", body).await?;
        let id = run["id"]
            .as_str()
            .context("the import has no id")?
            .to_owned();
        follow_import(&client, &id, output).await
    })?;
    let text = import_text(&report);
    output.answer(&report, &text);
    Ok(ExitCode::from(match report["state"].as_str() {
        Some("done") if products(&report, "rejected") == 0 => 0,
        Some("done") => EXIT_PARTLY,
        _ => EXIT_FAILED,
    }))
}

/// Writes a file, or to standard output; a file is there whole or not at all.
pub(crate) fn export(
    settings: Settings,
    args: ExportArgs,
    what: &str,
    output: Output,
) -> Result<ExitCode> {
    let path = format!("/api/v1/admin/exports/{what}");
    let Some(file) = &args.file else {
        with_server(&settings, async |client| {
            let client = client.of_tenant(&args.tenant);
            client.download(&path, &mut std::io::stdout()).await
        })?;
        return Ok(ExitCode::SUCCESS);
    };
    let mut name = file.clone().into_os_string();
    name.push(".part");
    let part = PathBuf::from(name);
    let made = std::fs::File::create(&part);
    let mut writing = made.with_context(|| format!("{} cannot be written", part.display()))?;
    let done = with_server(&settings, async |client| {
        let client = client.of_tenant(&args.tenant);
        client.download(&path, &mut writing).await
    });
    let kept = done.and_then(|bytes| {
        let kept = writing
            .sync_all()
            .and_then(|()| std::fs::rename(&part, file));
        kept.with_context(|| format!("{} cannot be written", file.display()))?;
        Ok(bytes)
    });
    let bytes = kept.inspect_err(|_| {
        // What is left of it is of no use; that it cannot be removed is not what went wrong.
        drop(std::fs::remove_file(&part));
    })?;
    let text = format!("{bytes} bytes in {}", file.display());
    output.answer(&json!({ "bytes": bytes, "file": file }), &text);
    Ok(ExitCode::SUCCESS)
}

/// Reads a file as body frames, a bounded piece at a time.
fn read_file(
    file: std::fs::File,
) -> impl futures_util::Stream<Item = std::io::Result<hyper::body::Frame<bytes::Bytes>>> {
    const PIECE: usize = 256 * 1024;
    futures_util::stream::unfold(Some(tokio::fs::File::from_std(file)), |file| async move {
        use tokio::io::AsyncReadExt as _;
        let mut file = file?;
        let mut piece = bytes::BytesMut::with_capacity(PIECE);
        match file.read_buf(&mut piece).await {
            Ok(0) => None,
            Ok(_) => Some((Ok(hyper::body::Frame::data(piece.freeze())), Some(file))),
            Err(error) => Some((Err(error), None)),
        }
    })
}

/// Shows how far the import is until it ends: a bar at a terminal, lines otherwise.
async fn follow_import(client: &Client, id: &str, output: Output) -> Result<Value> {
    let bar = match output.json {
        true => ProgressBar::hidden(),
        false => ProgressBar::no_length(),
    };
    let style = ProgressStyle::with_template("{spinner} {wide_bar} {pos} of {len} rows");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    let mut said = 0;
    loop {
        let run = client.get(&format!("/api/v1/admin/imports/{id}")).await?;
        let rows = run["rows_read"].as_u64().unwrap_or_default();
        if let Some(total) = run["rows_total"].as_u64() {
            bar.set_length(total);
        }
        bar.set_position(rows);
        if bar.is_hidden() && !output.json && rows >= said + LINES_EVERY_ROWS {
            said = rows;
            output.note(&format!("{rows} rows read"));
        }
        if matches!(run["state"].as_str(), Some("done" | "failed")) {
            bar.finish_and_clear();
            return Ok(run);
        }
        tokio::time::sleep(PROGRESS_EVERY).await;
    }
}

fn products(report: &Value, what: &str) -> u64 {
    report["products"][what].as_u64().unwrap_or_default()
}

fn import_text(report: &Value) -> String {
    let mut text = match report["kind"].as_str() {
        Some("inventory") => format!("{} rows: levels", report["rows_read"]),
        _ => format!(
            "{} rows: {} products created,",
            report["rows_read"],
            products(report, "created")
        ),
    };
    text += &format!(
        " {} updated, {} unchanged, {} refused",
        products(report, "updated"),
        products(report, "unchanged"),
        products(report, "rejected"),
    );
    if let Some(error) = report["error"].as_str() {
        text += &format!("\nThe import stopped: {error}");
    }
    let issues = report["issues"]["data"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    for issue in &issues {
        let word = |name: &str| issue[name].as_str().unwrap_or("row").to_owned();
        text += &format!(
            "\n  line {}, {}: {} ({})",
            issue["line"],
            word("column"),
            word("reason"),
            word("severity")
        );
    }
    if report["issues"]["pagination"]["has_more"] == true {
        text += &format!("\n  and more: GET /api/v1/admin/imports/{}", report["id"]);
    }
    text
}

pub(crate) fn migrate(settings: Settings, output: Output) -> Result<ExitCode> {
    let done = runtime()?.block_on(async {
        let Some(_locks) = lock::own(&settings)? else {
            bail!(
                "a running stoa process owns {}; it has migrated",
                settings.data_dir.display()
            );
        };
        let storage = crate::compose::open_storage(&settings).await?;
        // Opening a cell migrates it.
        let cells = storage.cells().await?;
        for cell in &cells {
            storage.event_log(*cell).await?;
        }
        Ok(cells.len())
    })?;
    output.answer(
        &json!({ "cells": done }),
        &format!("The control plane and {done} cells are up to date."),
    );
    Ok(ExitCode::SUCCESS)
}

/// One thing that was looked at.
struct Finding {
    what: &'static str,
    verdict: Result<String>,
}

pub(crate) fn doctor(settings: Settings, output: Output) -> Result<ExitCode> {
    let mut findings = Vec::new();
    let written = make_data_dir(&settings.data_dir)
        .and_then(|()| {
            let probe = settings.data_dir.join(".doctor");
            std::fs::write(&probe, b"x").and_then(|()| std::fs::remove_file(probe))
        })
        .map(|()| settings.data_dir.display().to_string())
        .map_err(anyhow::Error::from);
    findings.push(Finding {
        what: "data directory is writable",
        verdict: written,
    });
    let answered = with_server(&settings, async |client| {
        let tenants = client.get("/api/v1/platform/tenants").await?;
        Ok(format!(
            "{} tenants",
            tenants["data"].as_array().map_or(0, Vec::len)
        ))
    });
    findings.push(Finding {
        what: "database opens and answers",
        verdict: answered,
    });
    let failed = findings
        .iter()
        .filter(|finding| finding.verdict.is_err())
        .count();
    let mut text = String::new();
    let mut rows = Vec::new();
    for finding in &findings {
        let (ok, detail) = match &finding.verdict {
            Ok(detail) => ("ok", detail.clone()),
            Err(error) => ("FAILED", format!("{error:#}")),
        };
        text += &format!("{ok:<7} {}: {detail}\n", finding.what);
        rows.push(json!({ "check": finding.what, "ok": ok == "ok", "detail": detail }));
    }
    output.answer(&json!(rows), text.trim_end());
    Ok(if failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(EXIT_FAILED)
    })
}

#[expect(clippy::print_stdout, reason = "the document is this command's answer")]
pub(crate) fn openapi(settings: Settings) -> Result<ExitCode> {
    let document = with_server(&settings, async |client| {
        client.get("/api/v1/openapi.json").await
    })?;
    println!("{document:#}");
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn test_provider(args: TestProviderArgs, output: Output) -> Result<ExitCode> {
    runtime()?.block_on(async {
        let listener = tokio::net::TcpListener::bind(args.listen)
            .await
            .with_context(|| format!("{} cannot be listened on", args.listen))?;
        let address = listener.local_addr()?;
        let mut seed = [0_u8; 8];
        getrandom::fill(&mut seed).map_err(|error| anyhow::anyhow!("no randomness: {error}"))?;
        let provider = stoa_test_provider::TestProvider::open(
            &args.file,
            stoa_test_provider::Settings::new(args.key),
            Arc::new(SystemClock),
            Arc::new(SeededIds::new(u64::from_le_bytes(seed))),
        )?;
        output.answer(
            &json!({ "url": format!("http://{address}") }),
            &format!("http://{address}"),
        );
        let ended = async {
            drop(wait_for_signal().await);
        };
        stoa_test_provider::serve(listener, provider, ended).await?;
        Ok(ExitCode::SUCCESS)
    })
}
