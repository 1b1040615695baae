//! Named points at which a test makes this process die or dawdle. A release build has none: there
//! [`hit`] is empty.
//!
//! A plan is `name=abort@3;other=delay:50@1;*=trace:FILE`: the third time `name` is reached the
//! process aborts as a kill -9 would, the first time `other` is reached its thread sleeps 50 ms,
//! and the name of every point reached is appended to FILE.
//!
//! Ours and not the `fail` crate: that one panics instead of aborting, counts no visits, and keeps a
//! lock on the path of points that nobody armed.

/// A plan that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{part}` is no failpoint: write name=abort@N, name=delay:MILLISECONDS@N or *=trace:FILE")]
pub struct PlanError {
    pub part: String,
}

/// Reached at a point that a test may have armed.
#[cfg(not(debug_assertions))]
#[inline(always)]
pub fn hit(_name: &'static str) {}

/// Release builds have no points to arm.
#[cfg(not(debug_assertions))]
pub fn arm(plan: &str) -> Result<(), PlanError> {
    Err(PlanError {
        part: plan.to_owned(),
    })
}

#[cfg(debug_assertions)]
pub use armed::{arm, hit};

#[cfg(debug_assertions)]
mod armed {
    use std::collections::HashMap;
    use std::io::Write as _;
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::time::Duration;

    use crate::PlanError;

    static PLAN: OnceLock<Plan> = OnceLock::new();

    #[derive(Debug, Default)]
    struct Plan {
        points: HashMap<String, Vec<Armed>>,
        trace: Option<String>,
    }

    #[derive(Debug)]
    struct Armed {
        action: Action,
        /// Which visit it acts on, from 1.
        visit: u64,
        visits: AtomicU64,
    }

    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    enum Action {
        Abort,
        Delay(Duration),
    }

    /// Reached at a point that a test may have armed.
    pub fn hit(name: &'static str) {
        let Some(plan) = PLAN.get() else { return };
        if let Some(path) = &plan.trace {
            trace(path, name);
        }
        for armed in plan.points.get(name).into_iter().flatten() {
            if armed.visits.fetch_add(1, Ordering::SeqCst) + 1 == armed.visit {
                match armed.action {
                    Action::Abort => std::process::abort(),
                    Action::Delay(time) => dawdle(time),
                }
            }
        }
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "a point stands anywhere, also where nothing can be awaited; tests alone arm it"
    )]
    fn dawdle(time: Duration) {
        std::thread::sleep(time);
    }

    /// Arms this process, once: a second plan is ignored.
    pub fn arm(plan: &str) -> Result<(), PlanError> {
        let plan = read(plan)?;
        let _ = PLAN.set(plan);
        Ok(())
    }

    /// Opened anew each time: the process may die at the next line.
    fn trace(path: &str, name: &str) {
        let file = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(path);
        if let Ok(mut file) = file {
            let _ = file.write_all(format!("{name}\n").as_bytes());
        }
    }

    fn read(text: &str) -> Result<Plan, PlanError> {
        let mut plan = Plan::default();
        for part in text
            .split(';')
            .map(str::trim)
            .filter(|part| !part.is_empty())
        {
            let bad = || PlanError {
                part: part.to_owned(),
            };
            let (name, action) = part.split_once('=').ok_or_else(bad)?;
            if let Some(path) = action.strip_prefix("trace:").filter(|_| name == "*") {
                plan.trace = Some(path.to_owned());
                continue;
            }
            let (action, visit) = action.split_once('@').ok_or_else(bad)?;
            let visit = visit.parse().ok().filter(|&visit: &u64| visit > 0);
            let action = match action.split_once(':') {
                None if action == "abort" => Action::Abort,
                Some(("delay", time)) => {
                    Action::Delay(Duration::from_millis(time.parse().map_err(|_| bad())?))
                }
                _ => return Err(bad()),
            };
            plan.points.entry(name.to_owned()).or_default().push(Armed {
                action,
                visit: visit.ok_or_else(bad)?,
                visits: AtomicU64::new(0),
            });
        }
        Ok(plan)
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn a_plan_names_points_actions_and_visits() {
            let plan = read("a.b=abort@3; c=delay:50@1;*=trace:/tmp/t").expect("a plan");
            assert_eq!(plan.trace.as_deref(), Some("/tmp/t"));
            let armed = |name: &str| {
                let armed = &plan.points[name][0];
                (armed.action, armed.visit)
            };
            assert_eq!(armed("a.b"), (Action::Abort, 3));
            assert_eq!(armed("c"), (Action::Delay(Duration::from_millis(50)), 1));
        }

        #[test]
        fn what_is_no_plan_is_refused_by_its_part() {
            for bad in [
                "a",
                "a=abort",
                "a=abort@0",
                "a=explode@1",
                "a=delay:x@1",
                "a=trace:f",
            ] {
                let part = format!("b=abort@1;{bad}");
                assert_eq!(
                    read(&part).expect_err("a refusal").part,
                    bad,
                    "{bad} was taken"
                );
            }
        }
    }
}
