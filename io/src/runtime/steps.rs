//! The steps of handshakes that a worker takes in a turn, and who gets them.
//!
//! A handshake has two steps: the answer to a peer's first message, which is dear because it is signed, and what ends
//! it. Steps that end a handshake come before those that begin one: peers give up after a second, and when thousands
//! come at once, whoever was answered would otherwise wait behind all those who were not, until everybody has left.

use crate::limits::HANDSHAKE_STEPS_PER_TURN;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use tokio::sync::oneshot;

/// What a step is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// The answer to the first message of a peer.
    Begin,
    /// What comes of a peer that was answered.
    End,
}

/// The steps that are left in this turn, and those who wait for one.
pub(super) struct Steps {
    left: Cell<usize>,
    waiting: RefCell<Waiting>,
}

/// In the order of asking.
#[derive(Default)]
struct Waiting {
    to_begin: VecDeque<oneshot::Sender<()>>,
    to_end: VecDeque<oneshot::Sender<()>>,
}

impl Waiting {
    fn of(&mut self, step: Step) -> &mut VecDeque<oneshot::Sender<()>> {
        match step {
            Step::Begin => &mut self.to_begin,
            Step::End => &mut self.to_end,
        }
    }

    fn next(&mut self) -> Option<oneshot::Sender<()>> {
        self.to_end.pop_front().or_else(|| self.to_begin.pop_front())
    }

    fn is_empty(&self) -> bool {
        self.to_begin.is_empty() && self.to_end.is_empty()
    }
}

impl Steps {
    pub(super) fn new() -> Steps {
        Steps {
            left: Cell::new(HANDSHAKE_STEPS_PER_TURN),
            waiting: RefCell::default(),
        }
    }

    /// Waits for a step to be allowed. It must not be dropped while it waits.
    pub(super) async fn take(&self, step: Step) {
        // Whoever waits, waits because none is left.
        if self.left.get() > 0 {
            return self.left.set(self.left.get() - 1);
        }
        let (granted, is_granted) = oneshot::channel();
        self.waiting.borrow_mut().of(step).push_back(granted);
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
            && let Some(granted) = waiting.next()
        {
            if granted.send(()).is_ok() {
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

    /// Lets `asked` wait for steps in this order, and gives the order in which they get them, turn by turn.
    fn turns(asked: &[Step]) -> Vec<Vec<usize>> {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(LocalSet::new().run_until(async {
            let steps = Rc::new(Steps::new());
            let taken: Rc<RefCell<Vec<usize>>> = Rc::default();
            for (at, step) in asked.iter().copied().enumerate() {
                let (steps, taken) = (Rc::clone(&steps), Rc::clone(&taken));
                spawn_local(async move {
                    steps.take(step).await;
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
        assert_eq!(turns(&[Step::Begin; 5]), [vec![0, 1], vec![2, 3], vec![4]]);
    }

    #[test]
    fn what_has_begun_is_ended_first() {
        let (begin, end) = (Step::Begin, Step::End);
        assert_eq!(
            turns(&[begin, begin, begin, begin, end, begin, end, end]),
            [vec![0, 1], vec![4, 6], vec![7, 2], vec![3, 5]]
        );
    }

    #[test]
    fn a_step_that_is_given_back_goes_to_the_next() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(LocalSet::new().run_until(async {
            let steps = Rc::new(Steps::new());
            for _ in 0..HANDSHAKE_STEPS_PER_TURN {
                steps.take(Step::Begin).await;
            }
            let waiting = Rc::clone(&steps);
            let late = spawn_local(async move { waiting.take(Step::Begin).await });
            yield_now().await;
            assert!(!late.is_finished());
            steps.give_back();
            yield_now().await;
            yield_now().await;
            assert!(late.is_finished());
        }));
    }
}
