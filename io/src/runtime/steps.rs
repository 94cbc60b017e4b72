//! The steps of handshakes that a worker takes in a turn, and who gets them.
//!
//! A handshake has two steps: the answer to a peer's first message, which is dear because it is signed, and what ends
//! it. When thousands of peers come at once they wait for seconds, but not all have as much patience: who has no answer
//! yet gives up a second after it came; who has one is connected as far as it knows, if it speaks TLS 1.3, and waits for
//! longer. So whoever gives up first is served first.

use crate::limits::{HANDSHAKE_PATIENCE_ANSWERED_MS, HANDSHAKE_PATIENCE_MS, HANDSHAKE_STEPS_PER_TURN};
use std::cell::{Cell, RefCell};
use std::cmp::Ordering;
use std::collections::BinaryHeap;
use tokio::sync::oneshot;

/// What a peer waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Patience {
    /// To be connected, since it came.
    Unanswered { begun_ms: u64 },
    /// For the first word on a connection that it takes for made.
    Answered,
}

impl Patience {
    /// When a peer that has asked for a step now is expected to give up.
    pub(super) fn ends_ms(self, now_ms: u64) -> u64 {
        match self {
            Patience::Unanswered { begun_ms } => begun_ms + HANDSHAKE_PATIENCE_MS,
            Patience::Answered => now_ms + HANDSHAKE_PATIENCE_ANSWERED_MS,
        }
    }
}

/// The steps that are left in this turn, and those who wait for one.
pub(super) struct Steps {
    left: Cell<usize>,
    waiting: RefCell<BinaryHeap<Waiting>>,
    /// How many have asked so far.
    asked: Cell<u64>,
}

/// Somebody who waits. The greatest is who gives up first, or has asked first of those who give up together.
struct Waiting {
    gives_up_ms: u64,
    number: u64,
    granted: oneshot::Sender<()>,
}

impl Ord for Waiting {
    fn cmp(&self, other: &Waiting) -> Ordering {
        (other.gives_up_ms, other.number).cmp(&(self.gives_up_ms, self.number))
    }
}

impl PartialOrd for Waiting {
    fn partial_cmp(&self, other: &Waiting) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Waiting {
    fn eq(&self, other: &Waiting) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Waiting {}

impl Steps {
    pub(super) fn new() -> Steps {
        Steps {
            left: Cell::new(HANDSHAKE_STEPS_PER_TURN),
            waiting: RefCell::default(),
            asked: Cell::new(0),
        }
    }

    /// Waits for a step to be allowed, for a peer that gives up at this time. It must not be dropped while it waits.
    pub(super) async fn take(&self, gives_up_ms: u64) {
        // Whoever waits, waits because none is left.
        if self.left.get() > 0 {
            return self.left.set(self.left.get() - 1);
        }
        let (granted, is_granted) = oneshot::channel();
        let number = self.asked.get();
        self.asked.set(number + 1);
        self.waiting.borrow_mut().push(Waiting {
            gives_up_ms,
            number,
            granted,
        });
        is_granted
            .await
            .expect("who waits is told before the worker ends");
    }

    /// Gives back a step that was not needed.
    pub(super) fn give_back(&self) {
        self.left.set(self.left.get() + 1);
        self.hand_out();
    }

    /// A turn ends: the next one may take steps again. Whether somebody uses them.
    pub(super) fn renew(&self) -> bool {
        let is_asked = !self.waiting.borrow().is_empty();
        self.left.set(HANDSHAKE_STEPS_PER_TURN);
        self.hand_out();
        is_asked
    }

    fn hand_out(&self) {
        let mut waiting = self.waiting.borrow_mut();
        while self.left.get() > 0
            && let Some(next) = waiting.pop()
        {
            if next.granted.send(()).is_ok() {
                self.left.set(self.left.get() - 1);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::rc::Rc;
    use tokio::task::{LocalSet, spawn_local, yield_now};

    /// Lets peers ask for steps in this order, and gives the order in which they get them, turn by turn.
    fn turns(asked: &[u64]) -> Vec<Vec<usize>> {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(LocalSet::new().run_until(async {
            let steps = Rc::new(Steps::new());
            let taken: Rc<RefCell<Vec<usize>>> = Rc::default();
            for (at, gives_up_ms) in asked.iter().copied().enumerate() {
                let (steps, taken) = (Rc::clone(&steps), Rc::clone(&taken));
                spawn_local(async move {
                    steps.take(gives_up_ms).await;
                    taken.borrow_mut().push(at);
                });
            }
            let mut turns = Vec::new();
            loop {
                yield_now().await;
                turns.push(std::mem::take(&mut *taken.borrow_mut()));
                if !steps.renew() {
                    return turns;
                }
            }
        }))
    }

    #[test]
    fn steps_are_taken_in_order_and_few_in_a_turn() {
        assert_eq!(turns(&[7; 5]), [vec![0, 1], vec![2, 3], vec![4]]);
    }

    #[test]
    fn who_gives_up_first_is_served_first() {
        assert_eq!(
            turns(&[9, 9, 9, 8, 7, 9, 6, 7]),
            [vec![0, 1], vec![6, 4], vec![7, 3], vec![2, 5]]
        );
        let begun = |begun_ms| Patience::Unanswered { begun_ms }.ends_ms(5000);
        assert!(begun(4000) < begun(4001));
        // A crowd that has come by now is answered before those who were are looked at again, and one that comes much
        // later is not.
        let answered = Patience::Answered.ends_ms(5000);
        assert!(begun(5000) < answered && answered < begun(5000 + HANDSHAKE_PATIENCE_ANSWERED_MS));
    }

    #[test]
    fn a_step_that_is_given_back_goes_to_the_next() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(LocalSet::new().run_until(async {
            let steps = Rc::new(Steps::new());
            for _ in 0..HANDSHAKE_STEPS_PER_TURN {
                steps.take(1).await;
            }
            let waiting = Rc::clone(&steps);
            let late = spawn_local(async move { waiting.take(1).await });
            yield_now().await;
            assert!(!late.is_finished());
            steps.give_back();
            yield_now().await;
            yield_now().await;
            assert!(late.is_finished());
        }));
    }
}
