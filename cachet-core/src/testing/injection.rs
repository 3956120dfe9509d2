//! What a tier is asked to do, and what may happen to it.

use std::{sync::Arc, time::Duration};

use super::Gate;
use crate::tier::Fault;

/// What a tier is asked to do. The exchanges for many entries count as those for one.
///
/// ```
/// use std::time::Duration;
/// use cachet_core::testing::{Faults, Injection, Operation};
///
/// let slow = Faults::new();
/// for operation in Operation::ALL {
///     slow.always(operation, Injection::Delay(Duration::from_millis(5)));
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Operation {
    /// `Tier::read` and `Tier::read_many`.
    Read,
    /// `Tier::acquire` and `Tier::acquire_many`.
    Acquire,
    /// `Tier::refresh`.
    Refresh,
    /// `Tier::fill` and `Tier::fill_many`.
    Fill,
    /// `Tier::renew`.
    Renew,
    /// `Tier::release`.
    Release,
    /// `Tier::invalidate` and `Tier::invalidate_many`.
    Invalidate,
    /// `Tier::fence`.
    Fence,
    /// `Tier::lift`.
    Lift,
    /// `Tier::probe`, which a runtime asks for by itself: when it is built, and while it is cut off.
    Probe,
    /// `Backplane::subscribe`, which a runtime asks for by itself.
    Subscribe,
    /// `Subscription::heartbeat`, which a runtime asks for by itself as long as it lives.
    Heartbeat,
}

impl Operation {
    /// Each of them.
    pub const ALL: [Self; 12] = [
        Self::Read,
        Self::Acquire,
        Self::Refresh,
        Self::Fill,
        Self::Renew,
        Self::Release,
        Self::Invalidate,
        Self::Fence,
        Self::Lift,
        Self::Probe,
        Self::Subscribe,
        Self::Heartbeat,
    ];

    /// Whether callers bring it about, and not the runtime by itself.
    pub(super) fn is_asked_for(self) -> bool {
        !matches!(self, Self::Renew | Self::Probe | Self::Subscribe | Self::Heartbeat)
    }

    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Acquire => "acquire",
            Self::Refresh => "refresh",
            Self::Fill => "fill",
            Self::Renew => "renew",
            Self::Release => "release",
            Self::Invalidate => "invalidate",
            Self::Fence => "fence",
            Self::Lift => "lift",
            Self::Probe => "probe",
            Self::Subscribe => "subscribe",
            Self::Heartbeat => "heartbeat",
        }
    }
}

/// What happens to a call of a tier.
///
/// Where a call is held longer than the runtime's deadline, it is cancelled, as by a slow server.
///
/// ```
/// use std::sync::Arc;
/// use cachet_core::{testing::{Faults, Gate, Injection, Operation}, tier::Fault};
///
/// let (faults, gate) = (Faults::new(), Arc::new(Gate::closed()));
/// faults.next(Operation::Fill, Injection::Error(Fault::Full));
/// faults.next(Operation::Fill, Injection::HoldReply(gate));
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Injection {
    /// It fails, and is not carried out.
    Error(Fault),
    /// It is lost on its way to the tier: an outage, and not carried out.
    LostRequest,
    /// It is carried out, and its answer is lost: an outage for the caller.
    LostReply,
    /// It is carried out later than its caller believes: an outage at once, and carried out when the gate is passed.
    /// [`Faults::settled`](super::Faults::settled) waits for it. Must be called in a tokio runtime, as a `Cachet` does.
    Late(Arc<Gate>),
    /// It is carried out after so much time of tokio.
    Delay(Duration),
    /// It is carried out when the gate is passed.
    HoldRequest(Arc<Gate>),
    /// It is carried out at once, and answered when the gate is passed.
    HoldReply(Arc<Gate>),
}
