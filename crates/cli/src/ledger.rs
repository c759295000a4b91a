//! `holdfast ledger`: the proof that everything stored follows from the journal.

use std::{path::Path, sync::Arc};

use clap::{Args, Subcommand};
use holdfast_gateway::{
    clock::Stopwatch,
    store::{OpenError, Progress, Proof, SqliteStore, Store, prove},
};
use serde_json::json;

use crate::{
    exit::{Exit, Failure},
    screen::{Format, Screen, Tone, right, yuan},
    settings::DataSettings,
};

/// The ledger (账本).
#[derive(Clone, Debug, Args)]
pub(crate) struct LedgerCommand {
    #[command(subcommand)]
    what: LedgerWhat,
}

#[derive(Clone, Debug, Subcommand)]
enum LedgerWhat {
    /// Replay the journal and compare everything with it, also beside a running gateway 重放流水并核对账本
    Verify {
        #[command(flatten)]
        settings: DataSettings,
    },
}

pub(crate) async fn run(command: LedgerCommand, screen: &Screen) -> Result<Exit, Failure> {
    let LedgerWhat::Verify { settings } = command.what;
    let config = settings.0.read()?;
    let store = open(&config.data_dir, "holdfast ledger verify --data-dir DIR")?;
    let store: Arc<dyn Store> = Arc::new(store);
    screen.say(format_args!("replaying {} 重放流水", config.data_dir.display()));
    let watch = Stopwatch::start();
    let mut told = 0;
    let proof = prove(&*store, |progress| told = show(screen, progress, told)).await;
    screen.progress_over();
    let proof = proof.map_err(|fault| {
        Failure::new(Exit::Differences, fault)
            .hint("put the file that is named back from a backup before a gateway starts on it")
    })?;
    screen.say(format_args!("{} records in {} ms\n", proof.records, watch.elapsed().as_millis()));
    report(screen, &proof)?;
    match proof.holds() {
        true => Ok(Exit::Done),
        false => Err(Failure::new(
            Exit::Differences,
            format!("{} bills differ from the journal (与流水不符的账单)", proof.differing),
        )
        .hint("the journal is the truth: stop the gateway, move bills.db away, and start it again; it is made anew")),
    }
}

/// Opens the data directory for reading, also beside a running gateway; `example` says how to name another one.
pub(crate) fn open(data_dir: &Path, example: &str) -> Result<SqliteStore, Failure> {
    SqliteStore::open_read_only(data_dir).map_err(|error| {
        let failure = Failure::new(Exit::Config, &error);
        match error {
            OpenError::Missing { .. } => failure.hint(example),
            OpenError::Journal { .. } | OpenError::Short { .. } => {
                Failure { exit: Exit::Differences, ..failure }
            }
            _ => failure,
        }
    })
}

/// Shows how far a reading of the journal is, and answers how many tenths were told so far.
pub(crate) fn show(screen: &Screen, Progress { pass, done, of }: Progress, told: u64) -> u64 {
    let tenths = done.saturating_mul(10).checked_div(of).unwrap_or(10);
    if screen.is_live() {
        let filled = usize::try_from(tenths.saturating_mul(3)).unwrap_or(30).min(30);
        let bar = format!("{}{}", "█".repeat(filled), "░".repeat(30_usize.saturating_sub(filled)));
        screen.progress(format_args!("{bar} {done} of {of} records, pass {pass}"));
    } else if tenths != told {
        screen.say(format_args!("{done} of {of} records, pass {pass}"));
    }
    tenths
}

fn report(screen: &Screen, proof: &Proof) -> Result<(), Failure> {
    if screen.format == Format::Json {
        let differences = proof.differences.iter().map(|difference| {
            json!({"bill": difference.bill.to_string(), "expected": difference.expected, "found": difference.found})
        });
        return screen.result(json!({
            "holds": proof.holds(),
            "records": proof.records,
            "bills": proof.bills,
            "heldFen": amount(proof.held_fen),
            "merchantFen": amount(proof.merchant_fen),
            "subMerchantsFen": amount(proof.sub_merchants_fen),
            "undividedFen": amount(proof.undivided_fen),
            "differing": proof.differing,
            "differences": differences.collect::<Vec<_>>(),
        }));
    }
    let money = |fen| format!("{} yuan", yuan(fen));
    let lines = [
        ("records replayed      重放流水", proof.records.to_string()),
        ("bills                 账单", proof.bills.to_string()),
        ("held for payers       冻结中", money(proof.held_fen)),
        ("owed to merchants     应付商户", money(proof.merchant_fen)),
        ("owed to sub-merchants 应付子商户", money(proof.sub_merchants_fen)),
        ("to be divided         待分账", money(proof.undivided_fen)),
    ];
    for (name, value) in lines {
        screen.result(format_args!("{} {}", crate::screen::left(name, 34), right(&value, 20)))?;
    }
    for difference in &proof.differences {
        screen.result(screen.tone(Tone::Bad, &difference.to_string()))?;
    }
    let verdict = match proof.holds() {
        true => screen.tone(Tone::Good, "\nThe ledger holds: every bill follows from the journal, and every entry balances. 账实相符"),
        false => String::new(),
    };
    if verdict.is_empty() { Ok(()) } else { screen.result(verdict) }
}

/// Sums that outgrow what JSON readers keep exactly are written as text.
fn amount(fen: i128) -> serde_json::Value {
    i64::try_from(fen).map_or_else(|_| json!(fen.to_string()), |fen| json!(fen))
}
