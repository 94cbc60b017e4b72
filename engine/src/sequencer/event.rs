//! What a sequencer hears and what it tells: requests with who asks, the fate of groups, answers.

use super::{Conversion, Group};
use crate::error::OvsdbError;
use crate::ids::{CommitSeq, RequestId, SessionId, WorkerId};
use crate::rbac::Client;
use crate::store::Store;
use crate::txn::Program;
use std::sync::Arc;

/// Who waits for an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Ticket {
    pub worker: WorkerId,
    pub session: SessionId,
    pub request: RequestId,
}

/// What a session may do; travels with each of its requests.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rights {
    /// The remote forbids writing.
    pub is_read_only: bool,
    /// The server's own hand: may write where clients may not.
    pub is_internal: bool,
    /// RBAC role of the remote; empty is the root role.
    pub role: String,
    /// Common name of the client's certificate, if it has shown one that has a name.
    pub client_id: Option<String>,
}

impl Rights {
    /// Who asks, as access control sees it.
    pub fn client(&self) -> Client<'_> {
        Client {
            role: &self.role,
            id: self.client_id.as_deref(),
        }
    }
}

/// A transaction on its way to its answer.
#[derive(Clone, Debug)]
pub struct Submission {
    /// `None` for the server's own transactions, whose results nobody reads.
    pub ticket: Option<Ticket>,
    pub program: Arc<Program>,
    /// When it was executed first, in the sequencer's monotonic time; `None` before. The timeouts of `wait`
    /// count from there, as upstream's do: one of 0 is never late, however busy the server is.
    pub started_ms: Option<u64>,
    pub rights: Arc<Rights>,
}

/// What comes in.
#[derive(Debug)]
pub enum Event {
    Submit(Submission),
    /// The client takes its request back; only a waiting one can still be stopped.
    Cancel(Ticket),
    /// Scans have asked for an index ([`View::take_index_wish`](crate::store::View::take_index_wish)).
    IndexWished,
    /// The session is gone, and its waiting requests with it.
    DropSession(SessionId),
    /// So many groups of so many bytes are durable, published and answered.
    Settled {
        groups: usize,
        bytes: usize,
    },
    /// The log could not write these groups. It returns all later groups of the same attempt too, as
    /// [`Event::Returned`].
    Rejected {
        failed: Vec<Group>,
        failure: LogFailure,
    },
    /// Not tried, since an earlier group of the same attempt was rejected.
    Returned(Group),
    /// A client wants another schema.
    Convert(Conversion),
    /// Every worker holds back what is for this database; whatever was submitted came before.
    Held,
    /// The database is this store from now on. It is in the file, and nobody has seen it.
    Converted(Box<Store>),
    /// The conversion has failed, and everything is as it was.
    NotConverted,
}

/// Why a group was rejected.
#[derive(Clone, Debug)]
pub struct LogFailure {
    /// What failed, beginning with the name of the file.
    pub details: String,
    /// The system's reason (`strerror`), if it was the system.
    pub io_error: Option<String>,
    /// Nothing can be written until the database is reopened.
    pub is_sticky: bool,
}

/// What a worker hears of a submission of one of its sessions.
#[derive(Debug)]
pub enum Told {
    /// The result array of a transaction, which rests on commit `seq` of the database `epoch`; that commit
    /// is published.
    Answer {
        ticket: Ticket,
        epoch: u64,
        seq: CommitSeq,
        body: Vec<u8>,
    },
    /// The transaction waits; what its session asks next need not wait for it.
    Parked { ticket: Ticket, epoch: u64 },
    /// The transaction was stopped before it did anything.
    Canceled { ticket: Ticket, epoch: u64 },
    /// The database has been converted; it is in the catalog with its new epoch.
    Converted { ticket: Ticket },
    /// The database could not be converted, and is as it was.
    NotConverted { ticket: Ticket, error: Box<OvsdbError> },
}

impl Told {
    pub fn ticket(&self) -> Ticket {
        match self {
            Told::Answer { ticket, .. }
            | Told::Parked { ticket, .. }
            | Told::Canceled { ticket, .. }
            | Told::Converted { ticket }
            | Told::NotConverted { ticket, .. } => *ticket,
        }
    }
}
