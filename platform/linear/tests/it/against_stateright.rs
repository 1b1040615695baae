//! Random short histories, right and wrong, judged by us and by `stateright` alike.

use stateright::semantics::{ConsistencyTester, LinearizabilityTester, SequentialSpec};
use stoa_linear::{
    Model, Operation, Stock, StockCall, StockReply, Verdict, Version, VersionCall, VersionReply,
    judge,
};

const HISTORIES: u64 = 3_000;
const THREADS: usize = 3;
const OPERATIONS_PER_THREAD: usize = 3;

/// A model as `stateright` wants it: it changes in place.
#[derive(Clone)]
struct Spec<M: Model>(M, M::State);

impl<M: Model> SequentialSpec for Spec<M>
where
    M::Reply: PartialEq + Default,
{
    type Op = M::Call;
    type Ret = M::Reply;

    /// Only asked of operations without an answer, whose reply it drops.
    fn invoke(&mut self, op: &M::Call) -> M::Reply {
        if let Some(after) = self.0.step(&self.1, op, None) {
            self.1 = after;
        }
        M::Reply::default()
    }

    fn is_valid_step(&mut self, op: &M::Call, ret: &M::Reply) -> bool {
        match self.0.step(&self.1, op, Some(ret)) {
            Some(after) => {
                self.1 = after;
                true
            }
            None => false,
        }
    }
}

/// Threads that do one thing after another; each thread's last may stay without an answer.
type History<M> = Vec<(usize, Operation<<M as Model>::Call, <M as Model>::Reply>)>;

fn random_history<M: Model>(
    random: &mut fastrand::Rng,
    call: impl Fn(&mut fastrand::Rng) -> M::Call,
    reply: impl Fn(&mut fastrand::Rng, &M::Call) -> M::Reply,
) -> History<M> {
    let mut history = Vec::new();
    for thread in 0..THREADS {
        let mut now = random.u64(0..4);
        for number in 0..OPERATIONS_PER_THREAD {
            let call = call(random);
            // Threads never share a moment, so both judges order the same events.
            let at = |time: u64| time * THREADS as u64 + thread as u64;
            let called = now;
            now += random.u64(1..6);
            let last = number + 1 == OPERATIONS_PER_THREAD;
            let answered = (!last || random.bool()).then(|| (at(now), reply(random, &call)));
            now += 1;
            history.push((
                thread,
                Operation {
                    called: at(called),
                    call,
                    answered,
                },
            ));
        }
    }
    history
}

fn stateright_says<M>(model: M, history: &History<M>) -> bool
where
    M: Model + Clone,
    M::Call: Clone + std::fmt::Debug,
    M::Reply: Clone + std::fmt::Debug + PartialEq + Default,
{
    enum Event<'h, C, R> {
        Called(&'h C),
        Answered(&'h R),
    }
    let mut events = Vec::new();
    for (thread, operation) in history {
        events.push((operation.called, *thread, Event::Called(&operation.call)));
        if let Some((at, reply)) = &operation.answered {
            events.push((*at, *thread, Event::Answered(reply)));
        }
    }
    events.sort_by_key(|(at, thread, _)| (*at, *thread));
    let state = model.initial();
    let mut tester = LinearizabilityTester::new(Spec(model, state));
    for (_, thread, event) in events {
        let told = match event {
            Event::Called(call) => tester.on_invoke(thread, call.clone()).map(|_| ()),
            Event::Answered(reply) => tester.on_return(thread, reply.clone()).map(|_| ()),
        };
        told.expect("threads do one thing at a time");
    }
    tester.is_consistent()
}

/// Judges `HISTORIES` random ones; answers how many were possible.
fn compare<M>(
    model: &M,
    call: impl Fn(&mut fastrand::Rng) -> M::Call + Copy,
    reply: impl Fn(&mut fastrand::Rng, &M::Call) -> M::Reply + Copy,
) -> u64
where
    M: Model + Clone,
    M::Call: Clone + std::fmt::Debug,
    M::Reply: Clone + std::fmt::Debug + PartialEq + Default,
{
    let mut possible = 0;
    for seed in 0..HISTORIES {
        let history = random_history::<M>(&mut fastrand::Rng::with_seed(seed), call, reply);
        let operations: Vec<_> = history
            .iter()
            .map(|(_, operation)| Operation {
                called: operation.called,
                call: operation.call.clone(),
                answered: operation.answered.clone(),
            })
            .collect();
        let ours = matches!(judge(model, &operations), Verdict::Linearizable(_));
        let theirs = stateright_says(model.clone(), &history);
        assert_eq!(ours, theirs, "seed {seed}: {history:#?}");
        possible += u64::from(ours);
    }
    possible
}

#[test]
fn stock_histories_are_judged_alike() {
    let possible = compare(
        &Stock { on_hand: 2 },
        |random| match random.u8(0..4) {
            0 => StockCall::Read,
            _ => StockCall::Reserve(1),
        },
        |random, call| match call {
            StockCall::Read => StockReply::Reserved(random.i64(0..3)),
            _ if random.u8(0..4) == 0 => StockReply::Done,
            _ => StockReply::Short,
        },
    );
    // Both verdicts came up often enough to mean something.
    assert!((40..HISTORIES - 40).contains(&possible), "{possible}");
}

#[test]
fn version_histories_are_judged_alike() {
    let possible = compare(
        &Version { first: 1 },
        |random| match random.bool() {
            true => VersionCall::Read,
            false => VersionCall::Change {
                if_match: random.i64(1..3),
            },
        },
        |random, call| match call {
            VersionCall::Read => VersionReply::At(random.i64(1..3)),
            VersionCall::Change { .. } if random.u8(0..3) > 0 => VersionReply::Stale,
            VersionCall::Change { if_match } => VersionReply::At(if_match + 1),
        },
    );
    assert!((40..HISTORIES - 40).contains(&possible), "{possible}");
}
