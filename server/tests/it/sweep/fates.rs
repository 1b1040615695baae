//! Which points a world dies at, and how often: of those that are left a half is armed at once, and
//! the process dies at whichever it reaches first. Starts nothing.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::path::PathBuf;
use std::time::Duration;

/// How long nothing may be reached before all that is left is armed, at its first visit.
const PATIENCE: Duration = Duration::from_secs(15);
/// How long that may take: what died in the middle of a job waits for its lease.
const PATIENCE_MAX: Duration = Duration::from_secs(75);
const MISSES_MAX: u32 = 2;

/// One death: at the `visit`th time that `point` is reached after a start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Death {
    pub(super) point: String,
    /// Tells the deaths of a point apart; which visit they come at follows from it.
    pub(super) seed: u64,
    visit: u64,
}

impl Death {
    pub(super) fn new(point: &str, seed: u64) -> Self {
        let often = [
            "checkout.place",
            "checkout.finalize",
            "payments.prepare",
            "payments.mark",
        ];
        let is_often = often.iter().any(|prefix| point.starts_with(prefix));
        let mut random = fastrand::Rng::with_seed(seed ^ point.len() as u64);
        let visit = if is_often {
            random.u64(1..=8)
        } else {
            1 + seed % 4 / 3
        };
        Self {
            point: point.to_owned(),
            seed,
            visit,
        }
    }
}

/// The deaths that a world has before it.
pub(super) struct Fates {
    left: BTreeMap<String, VecDeque<Death>>,
    armed: Vec<Death>,
    /// Where the process writes what it reaches.
    trace: PathBuf,
    random: fastrand::Rng,
    misses: u32,
    /// Told where a world fails.
    died: Vec<Death>,
}

impl Fates {
    pub(super) fn new(deaths: Vec<Death>, trace: PathBuf) -> Self {
        let seed = deaths.iter().map(|death| death.seed + 1).sum();
        let mut left: BTreeMap<String, VecDeque<Death>> = BTreeMap::new();
        for death in deaths {
            left.entry(death.point.clone())
                .or_default()
                .push_back(death);
        }
        Self {
            left,
            armed: Vec::new(),
            trace,
            random: fastrand::Rng::with_seed(seed),
            misses: 0,
            died: Vec::new(),
        }
    }

    /// The plan of the next life; `None` once every death was died.
    pub(super) fn arm(&mut self) -> Option<String> {
        if self.left.is_empty() {
            return None;
        }
        let mut next: Vec<Death> = self.left.values().map(|deaths| deaths[0].clone()).collect();
        self.random.shuffle(&mut next);
        if self.misses == 0 {
            next.truncate(next.len().div_ceil(2));
        } else {
            for death in &mut next {
                death.visit = 1;
            }
        }
        drop(std::fs::remove_file(&self.trace));
        let mut plan = format!("*=trace:{}", self.trace.display());
        for Death { point, visit, .. } in &next {
            plan.push_str(&format!(";{point}=abort@{visit}"));
        }
        self.armed = next;
        Some(plan)
    }

    pub(super) const fn patience(&self) -> Duration {
        match self.misses {
            0 => PATIENCE,
            _ => PATIENCE_MAX,
        }
    }

    /// Notes where the process died.
    pub(super) fn died(&mut self) {
        let text = std::fs::read_to_string(&self.trace).expect("a process that died wrote why");
        let death = first_reached(&text, &self.armed).expect("it died at an armed point");
        let deaths = self.left.get_mut(&death.point).expect("it was left");
        deaths.pop_front();
        if deaths.is_empty() {
            self.left.remove(&death.point);
        }
        self.died.push(death);
        self.misses = 0;
    }

    /// Nothing of what was armed was reached in time.
    pub(super) fn missed(&mut self, name: &str) {
        self.misses += 1;
        assert!(
            self.misses < MISSES_MAX,
            "{name}: none was reached: {:?}; before: {:?}",
            self.armed,
            self.died
        );
    }

    pub(super) fn count(&self) -> usize {
        self.died.len()
    }
}

/// The armed point whose visit the trace reaches first.
fn first_reached(trace: &str, armed: &[Death]) -> Option<Death> {
    let mut visits: HashMap<&str, u64> = HashMap::new();
    trace.lines().find_map(|point| {
        let visit = visits.entry(point).or_default();
        *visit += 1;
        let fits = |death: &&Death| death.point == point && death.visit == *visit;
        armed.iter().find(fits).cloned()
    })
}

#[test]
fn a_world_dies_every_death_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let trace = folder.path().join("trace");
    let deaths = ["a.b.before_x", "c.d.after_y"]
        .iter()
        .flat_map(|point| (0..3).map(|seed| Death::new(point, seed)))
        .collect();
    let mut fates = Fates::new(deaths, trace.clone());
    while let Some(plan) = fates.arm() {
        let armed = fates.armed[0].clone();
        let part = format!(";{}=abort@{}", armed.point, armed.visit);
        assert!(plan.contains(&part), "{plan}");
        let lines = format!("other\n{}\n", armed.point).repeat(2);
        std::fs::write(&trace, lines).expect("a file");
        fates.died();
    }
    let mut died: Vec<(String, u64)> = fates
        .died
        .iter()
        .map(|death| (death.point.clone(), death.seed))
        .collect();
    died.sort();
    let all = ["a.b.before_x", "c.d.after_y"]
        .iter()
        .flat_map(|point| (0..3).map(|seed| ((*point).to_owned(), seed)));
    assert_eq!(died, all.collect::<Vec<_>>());
}
