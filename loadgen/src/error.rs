//! Why a run failed, in one line for the user.

/// A failure; its `Display` is the line that is printed after `loadgen: `.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Failure {
    /// The command line or a file that it names makes no sense.
    #[error("{0}")]
    Usage(String),
    /// No server could be reached, or it could not be started.
    #[error("{0}")]
    Server(String),
    /// The server ended or stopped answering while it was measured.
    #[error("{0}")]
    Lost(String),
    /// The schema lacks what a scenario needs.
    #[error("{0}")]
    Schema(String),
    /// The server gave an answer that is wrong.
    #[error("wrong answer: {0}")]
    Wrong(String),
    /// The limits of this machine do not allow the run.
    #[error("{0}")]
    Machine(String),
    /// Nobody reads the standard output any more, as after `| head -1`.
    #[error("standard output: nobody reads it any more")]
    Unheard,
    /// Any of these, in a scenario on a server.
    #[error("{scenario} on {server}: {failure}")]
    During {
        scenario: String,
        server: String,
        failure: Box<Failure>,
    },
}

impl Failure {
    /// The same, with more at the end of the line.
    pub fn adding(mut self, more: &str) -> Failure {
        match &mut self {
            Failure::Usage(reason)
            | Failure::Server(reason)
            | Failure::Lost(reason)
            | Failure::Schema(reason)
            | Failure::Wrong(reason)
            | Failure::Machine(reason) => reason.push_str(more),
            Failure::Unheard => {}
            Failure::During { failure, .. } => **failure = failure.clone().adding(more),
        }
        self
    }

    /// The same, with the scenario and the server that it happened with.
    pub fn during(self, scenario: &str, server: &str) -> Failure {
        Failure::During {
            scenario: scenario.to_owned(),
            server: server.to_owned(),
            failure: Box::new(self),
        }
    }
}

/// What most functions here return.
pub type Result<T> = std::result::Result<T, Failure>;
