//! The command line: what can be said, and what each saying answers. Does no work itself.

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::roles::{self, Target};
use crate::settings::{Overrides, Settings};
use crate::{commands, serve};

/// Exit codes: 0 done, 1 it failed, 2 the command line is wrong, 3 some rows of a file were
/// refused while the others landed.
pub(crate) const EXIT_FAILED: u8 = 1;
pub(crate) const EXIT_PARTLY: u8 = 3;

/// A whole commerce company in one program.
#[derive(Debug, Parser)]
#[command(
    name = "stoa",
    version,
    about = "A whole commerce company in one program.",
    after_help = "Without a command: serve everything."
)]
struct Cli {
    #[command(flatten)]
    shared: SharedArgs,
    #[command(flatten)]
    serve: ServeArgs,
    /// Print which targets there are and what each runs.
    #[arg(long)]
    list_targets: bool,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Clone, Default, Args)]
struct SharedArgs {
    /// Settings file (TOML).
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where databases and files live [default: stoa-data].
    #[arg(long, global = true, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// `postgres://...` or `sqlite:<folder>` [default: SQLite in the data directory].
    #[arg(long, global = true, value_name = "URL")]
    database: Option<String>,
    /// Answer in JSON, for programs.
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Clone, Default, Args)]
struct ServeArgs {
    /// Role of this process: all, api or worker [default: all].
    #[arg(long, value_name = "ROLE")]
    target: Option<Target>,
    /// Address to listen on [default: 127.0.0.1:8080].
    #[arg(long, value_name = "ADDR")]
    listen: Option<SocketAddr>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve shops and the API (the default).
    Serve(ServeArgs),
    /// Bring files in.
    Import {
        #[command(subcommand)]
        what: ImportCommand,
    },
    /// Take files out.
    Export {
        #[command(subcommand)]
        what: ExportCommand,
    },
    /// Create and list tenants.
    Tenant {
        #[command(subcommand)]
        what: TenantCommand,
    },
    /// Create API keys.
    Key {
        #[command(subcommand)]
        what: KeyCommand,
    },
    /// Bring the databases' schemas up to date, and stop.
    Migrate,
    /// Check that everything this installation needs is there.
    Doctor,
    /// Print the OpenAPI document.
    Openapi,
    /// Run the test payment provider as a process of its own.
    TestProvider(TestProviderArgs),
}

#[derive(Debug, Subcommand)]
enum ImportCommand {
    /// Import a Shopify product CSV, in its classic or its new form.
    Products(ImportArgs),
    /// Import a CSV of stock levels, as `export inventory` writes it.
    Inventory(InventoryArgs),
}

#[derive(Debug, Clone, Args)]
pub(crate) struct InventoryArgs {
    pub(crate) file: PathBuf,
    /// Slug of the tenant.
    #[arg(long, default_value = "demo")]
    pub(crate) tenant: String,
}

#[derive(Debug, Subcommand)]
enum ExportCommand {
    /// All products, as `import products` reads them.
    Products(ExportArgs),
    /// All stock levels, as `import inventory` reads them.
    Inventory(ExportArgs),
}

#[derive(Debug, Clone, Args)]
pub(crate) struct ExportArgs {
    /// Where to [default: standard output].
    pub(crate) file: Option<PathBuf>,
    /// Slug of the tenant.
    #[arg(long, default_value = "demo")]
    pub(crate) tenant: String,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct ImportArgs {
    pub(crate) file: PathBuf,
    /// Slug of the tenant.
    #[arg(long, default_value = "demo")]
    pub(crate) tenant: String,
    /// Also set the stock of variants that exist already.
    #[arg(long)]
    pub(crate) set_stock: bool,
}

#[derive(Debug, Subcommand)]
enum TenantCommand {
    /// Create a tenant.
    Create(TenantArgs),
    /// List all tenants.
    List,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct TenantArgs {
    pub(crate) slug: String,
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// ISO 4217 code of the shop's currency.
    #[arg(long, default_value = "EUR")]
    pub(crate) currency: String,
    /// How far apart from other tenants its rows live.
    #[arg(long, value_enum, default_value_t = IsolationArg::Shared)]
    pub(crate) isolation: IsolationArg,
    /// Let it use the test payment provider.
    #[arg(long)]
    pub(crate) test_mode: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum IsolationArg {
    Shared,
    Schema,
    Database,
}

#[derive(Debug, Subcommand)]
enum KeyCommand {
    /// Create a key and print it, once.
    Create(KeyArgs),
}

#[derive(Debug, Clone, Args)]
pub(crate) struct KeyArgs {
    /// Slug of the tenant.
    #[arg(long)]
    pub(crate) tenant: String,
    #[arg(long, value_enum)]
    pub(crate) kind: KeyKindArg,
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// What a secret key may do, such as `products:write`; repeatable [default: everything].
    #[arg(long = "permission", value_name = "PERMISSION")]
    pub(crate) permissions: Vec<String>,
}

#[derive(Debug, Clone, Copy, ValueEnum, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum KeyKindArg {
    Secret,
    Publishable,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct TestProviderArgs {
    #[arg(long, default_value = "127.0.0.1:0")]
    pub(crate) listen: SocketAddr,
    /// Journal of all charges.
    #[arg(long)]
    pub(crate) file: PathBuf,
    /// Shared secret; also STOA_TEST_PROVIDER_KEY.
    #[arg(long, env = "STOA_TEST_PROVIDER_KEY", hide_env_values = true)]
    pub(crate) key: String,
}

/// How a command's answer is printed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    pub(crate) json: bool,
}

impl Output {
    /// The answer itself, on standard output.
    #[expect(clippy::print_stdout, reason = "this is where the program answers")]
    pub(crate) fn answer(self, value: &serde_json::Value, text: &str) {
        match self.json {
            true => println!("{value}"),
            false => println!("{text}"),
        }
    }

    /// What a person may want to know besides, on standard error.
    #[expect(
        clippy::print_stderr,
        reason = "this is where the program talks to people"
    )]
    pub(crate) fn note(self, text: &str) {
        eprintln!("{text}");
    }
}

pub(crate) fn run() -> ExitCode {
    let cli = Cli::parse();
    let output = Output {
        json: cli.shared.json,
    };
    if cli.list_targets {
        // A closed pipe is the reader's wish.
        drop(write!(std::io::stdout(), "{}", roles::table()));
        return ExitCode::SUCCESS;
    }
    let settings = match load(&cli) {
        Ok(settings) => settings,
        Err(error) => {
            output.note(&format!("stoa: {error:#}"));
            return ExitCode::from(2);
        }
    };
    let done = match cli.command {
        None | Some(Command::Serve(_)) => serve::run(settings, output),
        Some(Command::Import {
            what: ImportCommand::Products(args),
        }) => commands::import_products(settings, args, output),
        Some(Command::Import {
            what: ImportCommand::Inventory(args),
        }) => commands::import_inventory(settings, args, output),
        Some(Command::Export {
            what: ExportCommand::Products(args),
        }) => commands::export(settings, args, "products", output),
        Some(Command::Export {
            what: ExportCommand::Inventory(args),
        }) => commands::export(settings, args, "inventory", output),
        Some(Command::Tenant {
            what: TenantCommand::Create(args),
        }) => commands::create_tenant(settings, args, output),
        Some(Command::Tenant {
            what: TenantCommand::List,
        }) => commands::list_tenants(settings, output),
        Some(Command::Key {
            what: KeyCommand::Create(args),
        }) => commands::create_key(settings, args, output),
        Some(Command::Migrate) => commands::migrate(settings, output),
        Some(Command::Doctor) => commands::doctor(settings, output),
        Some(Command::Openapi) => commands::openapi(settings),
        Some(Command::TestProvider(args)) => commands::test_provider(args, output),
    };
    done.unwrap_or_else(|error| {
        output.note(&format!("stoa: {error:#}"));
        ExitCode::from(EXIT_FAILED)
    })
}

#[expect(
    clippy::disallowed_methods,
    reason = "the server alone reads the environment"
)]
fn load(cli: &Cli) -> anyhow::Result<Settings> {
    let nested = match &cli.command {
        Some(Command::Serve(args)) => args.clone(),
        _ => ServeArgs::default(),
    };
    let overrides = Overrides {
        config: cli.shared.config.clone(),
        data_dir: cli.shared.data_dir.clone(),
        database: cli.shared.database.clone(),
        listen: nested.listen.or(cli.serve.listen),
        target: nested.target.or(cli.serve.target),
    };
    Settings::load(overrides, std::env::vars_os())
}
