//! Locks of RFC 7047 §4.1.8–§4.1.10, one namespace for the whole process.
//!
//! Each session has at most one request for a lock. The head of a lock's queue owns it. Every change of
//! owner comes out as [`Notice`]s, which must not reach a client before all commits that relied on the
//! earlier owner are published; each notice carries those commits.

use crate::hash::{HashMap, HashSet};
use crate::ids::{CommitSeq, SessionId};
use std::collections::VecDeque;
use std::sync::Arc;

/// All locks of the process.
#[derive(Debug, Default)]
pub struct Locks {
    locks: HashMap<Arc<str>, Lock>,
    /// The locks in whose queue, or among whose losers, each session is: ten thousand clients that leave at once, each with
    /// a lock of its own, are not to look at ten thousand locks each.
    asked: HashMap<SessionId, HashSet<Arc<str>>>,
}

#[derive(Debug, Default)]
struct Lock {
    /// The owner first.
    queue: VecDeque<Waiter>,
    /// Sessions whose stolen lock does not come back, but that must still unlock before asking again.
    lost: Vec<SessionId>,
    /// Latest commit, by database epoch, that asserted ownership.
    asserted: HashMap<u64, CommitSeq>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Waiter {
    session: SessionId,
    mode: LockMode,
}

/// How a session asked for a lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LockMode {
    Lock,
    Steal,
}

/// A `locked` or `stolen` notification that is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    pub session: SessionId,
    pub method: NoticeMethod,
    pub lock: String,
    /// Commits, by database epoch, that must be published first.
    pub after: Vec<(u64, CommitSeq)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoticeMethod {
    Locked,
    Stolen,
}

/// Answer to `lock` or `steal`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// False when the session waits in the queue.
    pub is_owner: bool,
    /// Commits, by database epoch, that must be published before the answer leaves.
    pub after: Vec<(u64, CommitSeq)>,
    /// For the robbed owner.
    pub notice: Option<Notice>,
}

/// Names of locks that one session has asked for, each list in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LocksAsked {
    pub held: Vec<String>,
    pub waiting: Vec<String>,
    /// Stolen, and not given back.
    pub lost: Vec<String>,
}

/// Why a lock request is refused; each is a `syntax error` of upstream's wording.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LockError {
    /// The session has an earlier request for this lock.
    AlreadyAsked,
    /// `unlock` without `lock` or `steal`.
    NotAsked,
}

impl Locks {
    /// Asks for a lock.
    pub fn request(&mut self, session: SessionId, name: &str, mode: LockMode) -> Result<Grant, LockError> {
        let asked = self.asked.entry(session).or_default();
        if asked.contains(name) {
            return Err(LockError::AlreadyAsked);
        }
        let shared = match self.locks.get_key_value(name) {
            Some((known, _)) => Arc::clone(known),
            None => Arc::from(name),
        };
        asked.insert(Arc::clone(&shared));
        let lock = self.locks.entry(shared).or_default();
        let waiter = Waiter { session, mode };
        if mode == LockMode::Lock {
            lock.queue.push_back(waiter);
            let is_owner = lock.queue.len() == 1;
            return Ok(Grant {
                is_owner,
                after: lock.after(),
                notice: None,
            });
        }
        let victim = lock.queue.pop_front();
        if let Some(victim) = victim {
            match victim.mode {
                LockMode::Lock => lock.queue.push_front(victim),
                LockMode::Steal => lock.lost.push(victim.session),
            }
        }
        lock.queue.push_front(waiter);
        let notice = victim.map(|victim| lock.notice(victim.session, NoticeMethod::Stolen, name));
        Ok(Grant {
            is_owner: true,
            after: lock.after(),
            notice,
        })
    }

    /// Gives up a lock or the wish for it. The owner after that hears of it, even when it owned the lock
    /// before (as upstream).
    pub fn unlock(&mut self, session: SessionId, name: &str) -> Result<Option<Notice>, LockError> {
        let Some(asked) = self.asked.get_mut(&session) else {
            return Err(LockError::NotAsked);
        };
        if !asked.remove(name) {
            return Err(LockError::NotAsked);
        }
        if asked.is_empty() {
            self.asked.remove(&session);
        }
        Ok(self.leave(session, name))
    }

    /// Takes a session out of a lock that it has asked for.
    fn leave(&mut self, session: SessionId, name: &str) -> Option<Notice> {
        let lock = self.locks.get_mut(name)?;
        lock.lost.retain(|lost| *lost != session);
        let place = lock.queue.iter().position(|waiter| waiter.session == session);
        let notice = place.and_then(|at| {
            lock.queue.remove(at);
            let owner = lock.queue.front().copied()?;
            Some(lock.notice(owner.session, NoticeMethod::Locked, name))
        });
        if lock.queue.is_empty() && lock.lost.is_empty() {
            self.locks.remove(name);
        }
        notice
    }

    /// Releases everything a session holds or waits for.
    pub fn release_all(&mut self, session: SessionId) -> Vec<Notice> {
        let names = self.asked.remove(&session).unwrap_or_default();
        let mut names: Vec<Arc<str>> = names.into_iter().collect();
        names.sort_unstable();
        names
            .iter()
            .filter_map(|name| self.leave(session, name))
            .collect()
    }

    /// Whether the session owns the lock.
    pub fn is_owner(&self, session: SessionId, name: &str) -> bool {
        self.locks
            .get(name)
            .and_then(|lock| lock.queue.front())
            .is_some_and(|owner| owner.session == session)
    }

    /// What became of the session's requests.
    pub fn asked_by(&self, session: SessionId) -> LocksAsked {
        let mut asked = LocksAsked::default();
        for name in self.asked.get(&session).into_iter().flatten() {
            let Some(lock) = self.locks.get(name) else {
                continue;
            };
            let place = lock.queue.iter().position(|waiter| waiter.session == session);
            let list = match place {
                Some(0) => &mut asked.held,
                Some(_) => &mut asked.waiting,
                None => &mut asked.lost,
            };
            list.push(name.to_string());
        }
        for list in [&mut asked.held, &mut asked.waiting, &mut asked.lost] {
            list.sort_unstable();
        }
        asked
    }

    /// Notes that commit `seq` of the database `epoch` relied on the present owner.
    pub fn note_assert(&mut self, name: &str, epoch: u64, seq: CommitSeq) {
        if let Some(lock) = self.locks.get_mut(name) {
            lock.asserted.insert(epoch, seq);
        }
    }
}

impl Lock {
    fn notice(&self, session: SessionId, method: NoticeMethod, name: &str) -> Notice {
        Notice {
            session,
            method,
            lock: name.to_owned(),
            after: self.after(),
        }
    }

    fn after(&self) -> Vec<(u64, CommitSeq)> {
        self.asserted.iter().map(|(epoch, seq)| (*epoch, *seq)).collect()
    }
}

impl NoticeMethod {
    pub fn name(self) -> &'static str {
        match self {
            NoticeMethod::Locked => "locked",
            NoticeMethod::Stolen => "stolen",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{LockError, LockMode, Locks, NoticeMethod};
    use crate::ids::{CommitSeq, SessionId};

    const A: SessionId = SessionId(1);
    const B: SessionId = SessionId(2);
    const C: SessionId = SessionId(3);

    fn told(notice: Option<super::Notice>) -> Option<(SessionId, NoticeMethod)> {
        notice.map(|notice| (notice.session, notice.method))
    }

    #[test]
    fn locks_are_granted_first_come_first_served() {
        let mut locks = Locks::default();
        assert!(locks.request(A, "l", LockMode::Lock).unwrap().is_owner);
        assert!(!locks.request(B, "l", LockMode::Lock).unwrap().is_owner);
        assert_eq!(
            locks.request(B, "l", LockMode::Steal),
            Err(LockError::AlreadyAsked)
        );
        assert!(locks.is_owner(A, "l") && !locks.is_owner(B, "l"));
        assert_eq!(
            told(locks.unlock(A, "l").unwrap()),
            Some((B, NoticeMethod::Locked))
        );
        assert_eq!(locks.unlock(A, "l"), Err(LockError::NotAsked));
    }

    #[test]
    fn what_a_session_has_asked_for_is_told() {
        let mut locks = Locks::default();
        for name in ["b", "a"] {
            locks.request(A, name, LockMode::Lock).unwrap();
        }
        locks.request(A, "stolen", LockMode::Steal).unwrap();
        locks.request(B, "stolen", LockMode::Steal).unwrap();
        locks.request(B, "a", LockMode::Lock).unwrap();
        let a = locks.asked_by(A);
        assert_eq!(
            (a.held, a.lost),
            (vec!["a".to_owned(), "b".to_owned()], vec!["stolen".to_owned()])
        );
        let b = locks.asked_by(B);
        assert_eq!(
            (b.held, b.waiting),
            (vec!["stolen".to_owned()], vec!["a".to_owned()])
        );
        assert_eq!(locks.asked_by(C), super::LocksAsked::default());
    }

    #[test]
    fn a_robbed_lock_holder_waits_behind_the_thief() {
        let mut locks = Locks::default();
        locks.request(A, "l", LockMode::Lock).unwrap();
        locks.request(B, "l", LockMode::Lock).unwrap();
        let grant = locks.request(C, "l", LockMode::Steal).unwrap();
        assert!(grant.is_owner);
        assert_eq!(told(grant.notice), Some((A, NoticeMethod::Stolen)));
        assert_eq!(
            told(locks.unlock(C, "l").unwrap()),
            Some((A, NoticeMethod::Locked))
        );
    }

    #[test]
    fn a_robbed_thief_is_out_until_it_unlocks() {
        let mut locks = Locks::default();
        locks.request(A, "l", LockMode::Steal).unwrap();
        locks.request(B, "l", LockMode::Steal).unwrap();
        assert_eq!(
            locks.request(A, "l", LockMode::Lock),
            Err(LockError::AlreadyAsked)
        );
        assert_eq!(locks.unlock(A, "l"), Ok(None));
        assert!(!locks.request(A, "l", LockMode::Lock).unwrap().is_owner);
    }

    #[test]
    fn whoever_leaves_is_in_no_queue() {
        let mut locks = Locks::default();
        for name in ["a", "b"] {
            locks.request(A, name, LockMode::Lock).unwrap();
            locks.request(B, name, LockMode::Lock).unwrap();
        }
        locks.request(A, "c", LockMode::Steal).unwrap();
        locks.request(C, "c", LockMode::Steal).unwrap();
        let mut told: Vec<_> = locks
            .release_all(A)
            .into_iter()
            .map(|notice| notice.lock)
            .collect();
        told.sort_unstable();
        assert_eq!(told, ["a", "b"]);
        assert!(locks.is_owner(B, "a") && locks.is_owner(B, "b") && locks.is_owner(C, "c"));
        assert_eq!(locks.asked_by(A), super::LocksAsked::default());
        assert_eq!(locks.unlock(A, "a"), Err(LockError::NotAsked));
        assert!(!locks.request(A, "a", LockMode::Lock).unwrap().is_owner);
        for session in [A, B, C] {
            locks.release_all(session);
        }
        assert!(locks.locks.is_empty() && locks.asked.is_empty());
    }

    #[test]
    fn notices_name_the_commits_that_relied_on_the_old_owner() {
        let mut locks = Locks::default();
        locks.request(A, "l", LockMode::Lock).unwrap();
        locks.request(B, "l", LockMode::Lock).unwrap();
        locks.note_assert("l", 7, CommitSeq(40));
        let notices = locks.release_all(A);
        assert_eq!(notices.len(), 1);
        assert_eq!(notices[0].after, [(7, CommitSeq(40))]);
    }
}
