//! Conversions to another schema (`convert`), one after the other, each a barrier between transactions.
//!
//! ```text
//!  Event::Convert ─► queue ─► Holding ──────► Draining ─────► Building ─┬─ Event::Converted: another store
//!                             workers hold    groups reach    others    └─ Event::NotConverted: as before
//!                             back requests   the disk        build and write
//! ```
//!
//! Once all workers hold back what is for this database, nothing that was compiled against the old schema can come
//! any more; when all of it has been executed and is on disk, the barrier is complete. What is held back is
//! compiled against whatever schema there is afterwards.

use super::Ticket;
use crate::schema::Schema;
use crate::store::View;
use std::collections::VecDeque;
use std::sync::Arc;

/// A client's wish for another schema.
#[derive(Clone, Debug)]
pub struct Conversion {
    pub ticket: Ticket,
    pub schema: Arc<Schema>,
}

/// What a conversion needs of others next.
#[derive(Debug)]
pub enum ConversionStep {
    /// All workers are to hold back transactions on the database of this epoch, then to say [`super::Event::Held`].
    Hold { epoch: u64 },
    /// What `view` holds is to be put into the new schema and into the file, and that to be answered with
    /// [`super::Event::Converted`] or [`super::Event::NotConverted`]. Until then the sequencer does nothing.
    Build { conversion: Conversion, view: View },
}

#[derive(Debug, Default)]
pub(super) struct Conversions {
    /// In order of arrival; the one under way has been taken out.
    asked: VecDeque<Conversion>,
    phase: Phase,
}

#[derive(Debug, Default)]
enum Phase {
    /// → Holding
    #[default]
    Idle,
    /// Workers have been asked to hold back transactions; those that come before they do are executed. → Draining
    Holding(Conversion),
    /// Nothing is executed any more; what has been is on its way to the disk. → Building
    Draining(Conversion),
    /// Others build the new store. → Idle
    Building,
}

impl Conversions {
    pub(super) fn ask(&mut self, conversion: Conversion) {
        self.asked.push_back(conversion);
    }

    /// The workers hold back what is for the database.
    pub(super) fn held(&mut self) {
        self.phase = match std::mem::take(&mut self.phase) {
            Phase::Holding(conversion) => Phase::Draining(conversion),
            _ => panic!("the workers hold back transactions when they were asked to"),
        };
    }

    /// The conversion is over, whatever its end.
    pub(super) fn ended(&mut self) {
        assert!(matches!(self.phase, Phase::Building), "what ends has been built");
        self.phase = Phase::Idle;
    }

    /// True while no transaction may be executed.
    pub(super) fn stops_work(&self) -> bool {
        matches!(self.phase, Phase::Draining(_) | Phase::Building)
    }

    /// What is to be done next; `view` makes the view of a database whose groups are all on disk.
    pub(super) fn next_step(
        &mut self,
        epoch: u64,
        view: impl FnOnce() -> Option<View>,
    ) -> Option<ConversionStep> {
        match std::mem::take(&mut self.phase) {
            Phase::Idle => {
                self.phase = Phase::Holding(self.asked.pop_front()?);
                Some(ConversionStep::Hold { epoch })
            }
            Phase::Draining(conversion) => match view() {
                Some(view) => {
                    self.phase = Phase::Building;
                    Some(ConversionStep::Build { conversion, view })
                }
                None => {
                    self.phase = Phase::Draining(conversion);
                    None
                }
            },
            phase @ (Phase::Holding(_) | Phase::Building) => {
                self.phase = phase;
                None
            }
        }
    }
}
