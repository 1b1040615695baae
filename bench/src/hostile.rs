//! A good client's speed beside those who come to wear the shop down, and alone, in turn. The
//! attackers are a process of their own, which gives way to all others.

mod attack;
mod good;
mod shop;

use std::time::Duration;

use anyhow::{Result, ensure};
use clap::{Args, ValueEnum};

use self::attack::Attacker;
pub(crate) use self::attack::{AttackArgs, run_attack};
use self::good::{Good, Heard};
use self::shop::Shop;
use crate::child::pause;
use crate::figures::{self, Round};

#[derive(Debug, Clone, Args)]
pub(crate) struct HostileArgs {
    /// Rounds of each attack: the good client alone, then beside it.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Seconds of a round; a slow head is cut after ten.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// What the good client asks each second over its kept connections; a quarter as often it comes
    /// over a new one.
    #[arg(long, default_value_t = 400)]
    per_second: u32,
    /// Connections with slow heads.
    #[arg(long, default_value_t = 5_000)]
    people: usize,
    /// Only these attacks.
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Attack>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Attack {
    /// Connections that send heads byte by byte, and come back when they are cut.
    Heads,
    /// Heads, bodies, archives and pictures that cost more than they weigh, four at once without end.
    Bombs,
    /// Pages of another shop, whose theme does its worst.
    Themes,
}

const WARM_UP: Duration = Duration::from_secs(2);
/// For what the attack leaves behind; the good client alone comes next.
const REST: Duration = Duration::from_secs(1);

/// What was seen of one attack.
struct Seen {
    alone: Vec<Heard>,
    beside: Vec<Heard>,
    /// What the attackers did, in each round.
    did: Vec<f64>,
    growth_kib: u64,
}

pub(crate) fn run(args: &HostileArgs) -> Result<()> {
    ensure!(args.rounds > 0 && args.seconds > 0, "nothing to measure");
    ensure!(args.per_second >= 4, "too rare to be a load");
    let mut rows = Vec::new();
    for attack in [Attack::Heads, Attack::Bombs, Attack::Themes] {
        if args.only.is_empty() || args.only.contains(&attack) {
            eprintln!(
                "{attack:?}: {} rounds of {} s, twice",
                args.rounds, args.seconds
            );
            rows.extend(measure(attack, args)?.rows(attack, args));
        }
    }
    figures::table(
        &format!(
            "A good client beside an attack, and alone, in turn; {} rounds of {} s each. {}/s over kept \
             connections, {}/s over new ones, each due at its own moment and counted from then. \
             Generator, attackers and server share the processors; the attackers give way.",
            args.rounds,
            args.seconds,
            args.per_second,
            good::new_per_second(args.per_second),
        ),
        &[
            "attack",
            "good client",
            "alone p50 ms",
            "alone p99 ms",
            "beside p50 ms",
            "beside p99 ms",
            "p99 beside / alone (min..max)",
            "memory growth MiB",
        ],
        &rows,
    );
    Ok(())
}

fn measure(attack: Attack, args: &HostileArgs) -> Result<Seen> {
    let mut shop = Shop::open()?;
    let neighbour = (attack == Attack::Themes)
        .then(|| shop.neighbour())
        .transpose()?;
    let good = Good::of(shop.address, &asked(attack, &shop)?, args.per_second)?;
    good.run(WARM_UP)?;
    shop.stoa.forget_peak()?;
    let before = shop.stoa.memory("VmRSS").unwrap_or(0);
    let mut seen = Seen {
        alone: Vec::new(),
        beside: Vec::new(),
        did: Vec::new(),
        growth_kib: 0,
    };
    let lasts = Duration::from_secs(args.seconds);
    for round in 0..args.rounds {
        seen.alone.push(good.run(lasts)?);
        let fallbacks = match &neighbour {
            Some(neighbour) => {
                neighbour.dress(&shop, round)?;
                Some(shop.fallbacks()?)
            }
            None => None,
        };
        let mut attacker = Attacker::start(attack, &shop, args.people)?;
        if attack == Attack::Heads {
            shop.holds(args.people)?;
        }
        seen.beside.push(good.run(lasts)?);
        seen.did.push(attacker.did()?);
        drop(attacker);
        if let Some(fallbacks) = fallbacks {
            ensure!(shop.fallbacks()? > fallbacks, "the theme did no harm");
        }
        pause(REST);
    }
    let peak = shop.stoa.memory("VmHWM").unwrap_or(0);
    seen.growth_kib = peak.saturating_sub(before);
    shop.stoa.ended()?.map_or(Ok(()), |_| {
        anyhow::bail!("the server ended: {}", shop.stoa.said())
    })?;
    Ok(seen)
}

/// What the good client asks for, in turn. Beside a theme also what is rendered anew each time, as the
/// theme's own pages are.
fn asked(attack: Attack, shop: &Shop) -> Result<Vec<String>> {
    let handle = shop.handle()?;
    let mut paths = vec![
        format!("/api/v1/products/{handle}"),
        format!("/products/{handle}"),
    ];
    if attack == Attack::Themes {
        paths.push(format!("/search?q=mug+{}", good::WORD));
        paths.push("/collections/all".to_owned());
    }
    Ok(paths)
}

impl Seen {
    fn rows(&self, attack: Attack, args: &HostileArgs) -> [Vec<String>; 2] {
        let did = figures::median(self.did.iter().copied());
        let told = match attack {
            Attack::Heads => format!("{did:.0} of {} slow heads", args.people),
            Attack::Bombs => format!("{did:.0} bombs/s"),
            Attack::Themes => format!("{did:.0} pages/s of hostile themes"),
        };
        let growth = format!("{:.0}", self.growth_kib as f64 / 1024.0);
        let row = |client: &str, pick: fn(&Heard) -> &Round| {
            let of = |all: &[Heard]| all.iter().map(pick).cloned().collect::<Vec<_>>();
            let (alone, beside) = (of(&self.alone), of(&self.beside));
            let millis = |rounds: &[Round], at| format!("{:.2}", figures::millis(rounds, at));
            vec![
                told.clone(),
                client.to_owned(),
                millis(&alone, 0.5),
                millis(&alone, 0.99),
                millis(&beside, 0.5),
                millis(&beside, 0.99),
                times(&beside, &alone),
                growth.clone(),
            ]
        };
        [
            row("kept connections", |heard| &heard.kept),
            row("a new connection each", |heard| &heard.new),
        ]
    }
}

/// `1.7 (1.2..2.5)`: how many times the p99 is, by the medians of all rounds, and in any one round.
fn times(beside: &[Round], alone: &[Round]) -> String {
    const AT: f64 = 0.99;
    let each: Vec<f64> = beside
        .iter()
        .zip(alone)
        .map(|(beside, alone)| beside.millis_at(AT) / alone.millis_at(AT))
        .collect();
    let least = each.iter().copied().fold(f64::INFINITY, f64::min);
    let most = each.iter().copied().fold(0.0, f64::max);
    let all = figures::millis(beside, AT) / figures::millis(alone, AT);
    format!("{all:.1} ({least:.1}..{most:.1})")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figures::{latencies, note};

    fn round(millis: u64) -> Round {
        let mut all = latencies();
        note(&mut all, Duration::from_millis(millis));
        Round {
            done: 1,
            took: Duration::from_secs(1),
            latencies: all,
        }
    }

    #[test]
    fn a_p99_is_set_beside_the_one_alone_by_medians_and_by_rounds() {
        let alone = [round(2), round(4), round(2)];
        let beside = [round(4), round(6), round(12)];
        assert_eq!(times(&beside, &alone), "3.0 (1.5..6.0)");
    }
}
