//! `schema`, `completions` and `man`: what editors, shells and manuals are fed with.

use super::{Cli, Failure, output};
use crate::spec;
use clap::{CommandFactory, ValueEnum};

/// Arguments of `costsim schema`.
#[derive(Debug, clap::Args)]
pub struct SchemaArgs {
    /// Which kind of file
    kind: SchemaKind,
}

/// Kinds of files with a schema.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum SchemaKind {
    /// Scenarios
    Scenario,
    /// Models
    Model,
    /// Price lists
    Pricing,
    /// `results.json`
    Results,
    /// Gates of `costsim check`
    Gate,
    /// Usage files of `costsim bill`
    Usage,
    /// What `costsim bill --format json` prints
    Bill,
}

/// Arguments of `costsim completions`.
#[derive(Debug, clap::Args)]
pub struct CompletionArgs {
    /// Which shell
    shell: clap_complete::Shell,
}

impl SchemaKind {
    /// As it is typed.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Scenario => "scenario",
            Self::Model => "model",
            Self::Pricing => "pricing",
            Self::Results => "results",
            Self::Gate => "gate",
            Self::Usage => "usage",
            Self::Bill => "bill",
        }
    }
}

/// A JSON Schema, indented.
pub fn schema_text(kind: SchemaKind) -> Result<String, Failure> {
    let schema = match kind {
        SchemaKind::Scenario => spec::scenario_schema(),
        SchemaKind::Model => spec::model_schema(),
        SchemaKind::Pricing => crate::bill::price_list::schema(),
        SchemaKind::Gate => spec::gate_schema(),
        SchemaKind::Usage => crate::bill::usage_file::schema(),
        SchemaKind::Bill => schemars::schema_for!(crate::results::BillResults).to_value(),
        SchemaKind::Results => schemars::schema_for!(crate::results::Results).to_value(),
    };
    let text = serde_json::to_string_pretty(&schema).map_err(|error| Failure::CannotRun(error.to_string()))?;
    Ok(text + "\n")
}

/// Prints a JSON Schema.
pub fn schema(args: &SchemaArgs) -> Result<(), Failure> {
    output::to_stdout(&schema_text(args.kind)?)
}

/// Prints a completion script.
pub fn completions(args: &CompletionArgs) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "costsim", &mut script);
    output::to_stdout(&String::from_utf8_lossy(&script))
}

/// Prints the manual page: the program's, then each command's.
pub fn man() -> Result<(), Failure> {
    let mut page = Vec::new();
    let mut command = Cli::command();
    command.build();
    let cannot = |error: std::io::Error| Failure::CannotRun(error.to_string());
    clap_mangen::Man::new(command.clone()).render(&mut page).map_err(cannot)?;
    for sub in command.get_subcommands().filter(|sub| sub.get_name() != "help") {
        let name = format!("costsim-{}", sub.get_name());
        clap_mangen::Man::new(sub.clone()).title(name).render(&mut page).map_err(cannot)?;
    }
    output::to_stdout(&String::from_utf8_lossy(&page))
}
