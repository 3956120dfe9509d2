//! Giving back what is expired.

use super::Cache;

impl Cache {
    /// Removes the entries from memory whose time is over, without a call coming for them.
    pub(crate) fn sweep(&self) {
        if let Some(memory) = &self.memory {
            let (now, generation) = (self.clock.now(), self.generation());
            memory.sweep(|entry| entry.is_over(now, generation));
        }
    }
}
