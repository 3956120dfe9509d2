//! Which calls of a tier fail, and how.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use fastrand::Rng;
use tokio::sync::Notify;

use super::{Injection, Operation, wait::until};

/// Says which calls of a [`FaultyTier`](super::FaultyTier) fail, and counts them. Cloning gives another handle.
///
/// In this order: what is next for the operation, what is next for any, what always happens, and chance.
///
/// ```
/// use cachet_core::{
///     Cachet, Invalidation, cached,
///     testing::{Faults, FaultyTier, InProcessTier, Injection, Operation},
/// };
///
/// #[cached(ttl = "1h", tier = "memory,redis")]
/// async fn square(n: u64) -> u64 { n * n }
///
/// # fn main() -> Result<(), cachet_core::Error> {
/// let (tier, faults) = (InProcessTier::new(), Faults::new());
/// let runtime = Cachet::builder().shared_tier(FaultyTier::new(tier.clone(), &faults)).build()?;
/// # pollster::block_on(
/// runtime.scope(async {
///     square(4).await;
///     faults.next(Operation::Invalidate, Injection::LostReply);
///     assert_eq!(square::invalidate(4).await, Invalidation::Queued, "nobody knows that it arrived");
///     assert!(tier.keys().is_empty(), "but it did");
///     assert_eq!(square(4).await, 16);
///     assert_eq!(faults.injected(Operation::Invalidate), 1);
/// })
/// # );
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Faults(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    state: Mutex<State>,
    /// Wakes who waits for a count.
    changed: Notify,
}

#[derive(Debug)]
struct State {
    plans: [Plan; Operation::ALL.len()],
    next: VecDeque<Injection>,
    /// Commands whose callers were told of an outage, and which are still to be carried out.
    late: usize,
}

/// What is to happen to the calls of one operation, and what did.
#[derive(Debug)]
struct Plan {
    /// `None` is a call that is let through.
    next: VecDeque<Option<Injection>>,
    always: Option<Injection>,
    chances: Vec<(f64, Injection)>,
    random: Rng,
    calls: u64,
    answers: u64,
    injected: u64,
}

impl Faults {
    /// No faults until some are asked for; chance is seeded with 0.
    pub fn new() -> Self {
        Self::seeded(0)
    }

    /// No faults until some are asked for. The same seed gives the same chance to the same calls, counted for each
    /// operation by itself: the third fill fails in every run, however many reads there were.
    ///
    /// ```
    /// use cachet_core::testing::{Faults, Injection, Operation};
    ///
    /// let faults = Faults::seeded(7).chance(Injection::LostReply, 0.1).chance(Injection::LostRequest, 0.1);
    /// assert_eq!(faults.calls(Operation::Read), 0);
    /// ```
    pub fn seeded(seed: u64) -> Self {
        let mut seeds = Rng::with_seed(seed);
        let plans = Operation::ALL.map(|_| Plan::new(seeds.fork()));
        let state = State { plans, next: VecDeque::new(), late: 0 };
        Self(Arc::new(Inner { state: Mutex::new(state), changed: Notify::new() }))
    }

    /// Makes this happen to each call with a chance from 0 to 1; not to what the runtime does by itself:
    /// probes, renewals of leases, and what keeps the backplane up.
    ///
    /// # Panics
    ///
    /// When the chances of one operation add up to more than 1, or one is no number from 0 to 1.
    #[must_use]
    pub fn chance(self, injection: Injection, probability: f64) -> Self {
        let chance = (probability, injection);
        for operation in Operation::ALL.into_iter().filter(|operation| operation.is_asked_for()) {
            self.state().plan(operation).add(chance.clone());
        }
        self
    }

    /// Makes this happen to each call of one operation with a chance from 0 to 1.
    ///
    /// # Panics
    ///
    /// When the chances of the operation add up to more than 1, or one is no number from 0 to 1.
    #[must_use]
    pub fn chance_of(self, operation: Operation, injection: Injection, probability: f64) -> Self {
        self.state().plan(operation).add((probability, injection));
        self
    }

    /// Makes this happen to the operation's next call; asked for again, to the one after that.
    pub fn next(&self, operation: Operation, injection: Injection) {
        self.state().plan(operation).next.push_back(Some(injection));
    }

    /// Lets so many calls of the operation through before what is asked for next.
    ///
    /// ```
    /// use cachet_core::testing::{Faults, Injection, Operation};
    ///
    /// let faults = Faults::new();
    /// faults.skip(Operation::Read, 2);
    /// faults.next(Operation::Read, Injection::LostReply); // the third read
    /// ```
    pub fn skip(&self, operation: Operation, calls: usize) {
        let mut state = self.state();
        let next = &mut state.plan(operation).next;
        next.resize(next.len() + calls, None);
    }

    /// Makes this happen to the next call of any operation but a probe, which no caller asks for.
    pub fn next_call(&self, injection: Injection) {
        self.state().next.push_back(injection);
    }

    /// Makes this happen to every call of the operation, until [`Faults::clear`].
    pub fn always(&self, operation: Operation, injection: Injection) {
        self.state().plan(operation).always = Some(injection);
    }

    /// Loses every request of every operation, until [`Faults::clear`]: this node is cut off from the tier.
    pub fn cut_off(&self) {
        for operation in Operation::ALL {
            self.always(operation, Injection::LostRequest);
        }
    }

    /// Forgets every fault that was asked for, chances too. Calls that are held stay so, and the counts go on.
    pub fn clear(&self) {
        let mut state = self.state();
        state.next.clear();
        for plan in &mut state.plans {
            plan.next.clear();
            plan.always = None;
            plan.chances.clear();
        }
    }

    /// How many calls of the operation were made.
    pub fn calls(&self, operation: Operation) -> u64 {
        self.state().plan(operation).calls
    }

    /// How many calls of the operation were carried out and answered by the tier, faults of its own included.
    pub fn answers(&self, operation: Operation) -> u64 {
        self.state().plan(operation).answers
    }

    /// To how many calls of the operation something happened.
    pub fn injected(&self, operation: Operation) -> u64 {
        self.state().plan(operation).injected
    }

    /// Waits until so many calls of the operation were made, counted from the beginning.
    ///
    /// # Panics
    ///
    /// When they are not made within [`PATIENCE`](super::PATIENCE).
    pub async fn called(&self, operation: Operation, calls: u64) {
        let overdue = || format!("{} of {calls} calls of {operation:?} were made", self.calls(operation));
        until(&self.0.changed, || self.calls(operation) >= calls, overdue).await;
    }

    /// Waits until so many calls of the operation were carried out and answered, counted from the beginning.
    ///
    /// ```
    /// use cachet_core::{Tier, testing::{Faults, FaultyTier, InProcessTier, Operation}};
    ///
    /// # pollster::block_on(async {
    /// let faults = Faults::new();
    /// let tier = FaultyTier::new(InProcessTier::new(), &faults);
    /// let (answer, ()) = tokio::join!(tier.probe(), faults.answered(Operation::Probe, 1));
    /// assert!(answer.is_ok());
    /// # });
    /// ```
    ///
    /// # Panics
    ///
    /// When they are not answered within [`PATIENCE`](super::PATIENCE).
    pub async fn answered(&self, operation: Operation, answers: u64) {
        let overdue = || format!("{} of {answers} calls of {operation:?} were answered", self.answers(operation));
        until(&self.0.changed, || self.answers(operation) >= answers, overdue).await;
    }

    /// Waits until no command is [`Injection::Late`] any more: each was carried out, or its runtime has ended.
    ///
    /// # Panics
    ///
    /// When one still is after [`PATIENCE`](super::PATIENCE).
    pub async fn settled(&self) {
        let late = || self.state().late;
        until(&self.0.changed, || late() == 0, || format!("{} late commands were not carried out", late())).await;
    }

    /// Counts a call, and says what happens to it.
    pub(super) fn meet(&self, operation: Operation) -> Option<Injection> {
        let injection = self.state().meet(operation);
        self.0.changed.notify_waiters();
        injection
    }

    /// Counts an answer of the tier.
    pub(super) fn took_answer(&self, operation: Operation) {
        self.state().plan(operation).answers += 1;
        self.0.changed.notify_waiters();
    }

    pub(super) fn late(&self) -> LateCommand {
        self.state().late += 1;
        LateCommand(self.clone())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Faults {
    fn default() -> Self {
        Self::new()
    }
}

/// A command that is still to be carried out, or dropped with its runtime.
pub(super) struct LateCommand(Faults);

impl Drop for LateCommand {
    fn drop(&mut self) {
        self.0.state().late -= 1;
        self.0.0.changed.notify_waiters();
    }
}

impl State {
    fn plan(&mut self, operation: Operation) -> &mut Plan {
        &mut self.plans[operation as usize]
    }

    fn meet(&mut self, operation: Operation) -> Option<Injection> {
        let plan = &mut self.plans[operation as usize];
        plan.calls += 1;
        // Drawn for each call, so that a script does not shift what later calls draw.
        let drawn = plan.draw();
        let injection = match plan.next.pop_front() {
            Some(scripted) => scripted,
            None if operation == Operation::Probe => plan.always.clone().or(drawn),
            None => self.next.pop_front().or_else(|| plan.always.clone()).or(drawn),
        };
        plan.injected += u64::from(injection.is_some());
        injection
    }
}

impl Plan {
    fn new(random: Rng) -> Self {
        let (next, chances) = (VecDeque::new(), Vec::new());
        Self { next, always: None, chances, random, calls: 0, answers: 0, injected: 0 }
    }

    fn add(&mut self, (probability, injection): (f64, Injection)) {
        assert!((0.0..=1.0).contains(&probability), "a chance is from 0 to 1, not {probability}");
        let sum = probability + self.chances.iter().map(|(chance, _)| chance).sum::<f64>();
        // Tenths are no exact numbers: ten of them may add up to a little more than 1.
        assert!(sum <= 1.0 + 1e-9, "the chances of one operation add up to 1 at most, not {sum}");
        self.chances.push((probability, injection));
    }

    fn draw(&mut self) -> Option<Injection> {
        let mut drawn = self.random.f64();
        for (chance, injection) in &self.chances {
            if drawn < *chance {
                return Some(injection.clone());
            }
            drawn -= chance;
        }
        None
    }
}
