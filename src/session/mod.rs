//! One client's session: frames in, frames and own messages out. Free of IO and of clocks: it is
//! given the bytes that have arrived, mends them where they lie and says how many may go on.
//!
//! ```text
//!            first ReadyForQuery            own statements answered
//!  Startup ----------------------> Settling -----------------------> Ready <--.
//!     |                                                              |  |     | settings may have
//!     | pure relay, walsender                     CopyBothResponse   |  `-----' changed: settling
//!     v                                                              v          again, client waits
//!   Relay <----------------------------------------------------------'
//! ```

mod bind;
mod client_frames;
mod common;
mod copy_rows;
mod counts;
mod exchange;
mod expected_replies;
mod function_call;
mod ledger_entries;
mod look_up;
mod own_statement;
mod parameters;
mod position_map;
mod prepared_statements;
mod relations;
mod settling;
mod statements;
mod table_prep;
mod target_frames;
mod value_rules;

use std::sync::Arc;

pub use crate::policy::Policy;
use crate::policy::Settings;
pub use common::Common;
pub use counts::Counts;
pub use exchange::Exchange;

use crate::ledger::{Entries, Place};
use crate::statement::Lexing;
use crate::value::{BindScanner, CopyScanner, QueryScanner};
use crate::wire::{OwnError, StartupParameters};
use copy_rows::RowStream;
use expected_replies::ExpectedReplies;
use function_call::Functions;
use ledger_entries::Writing;
use look_up::{LookUp, UserTypes};
use prepared_statements::PreparedStatements;
use relations::{Relation, Relations};
use settling::Settling;
use table_prep::Parking;

/// What is to happen to the bytes at the front of a direction.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    /// So many bytes go on as they now stand.
    Pass(usize),
    /// So many bytes go, and these stand in their place.
    Replace(usize, Vec<u8>),
    /// More bytes have to arrive first.
    NeedMore,
    /// Nothing is taken from this peer before the other one has said something.
    Wait,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// The target has not yet said that it is ready: authentication.
    Startup,
    /// Ready, or settling in between.
    Ready,
    /// Nothing is looked at.
    Relay,
}

/// Whether the client sends rows.
#[derive(Debug)]
enum CopyIn {
    /// It does not.
    None,
    /// It does, and they are none of our business: binary, or rewriting is off.
    Untouched,
    /// It does, and they are mended.
    Scanned(Box<CopyScanner>),
    /// It does, and they are taken apart.
    Rows(Box<RowStream>),
}

/// The rest of a frame whose head has been judged.
#[derive(Debug)]
struct Body {
    remaining: usize,
    mend: Mend,
}

/// What is mended in the body of a frame while it arrives.
#[derive(Debug)]
enum Mend {
    Nothing,
    Query(QueryScanner),
    Bind(Box<BindScanner>),
    CopyData,
    /// It does not go on: its head did not. What its rows became is framed anew, or another message
    /// stands in its place.
    Rows,
}

/// One client's session.
#[derive(Debug)]
pub struct Session {
    policy: Arc<Policy>,
    startup: StartupParameters,
    server_version: String,
    phase: Phase,
    /// Nothing is looked at once the target is ready.
    relays: bool,
    /// What the settings are where the client says nothing.
    defaults: Settings,
    settings: Settings,
    parking: Parking,
    lexing: Lexing,
    replies: ExpectedReplies,
    prepared: PreparedStatements,
    settling: Settling,
    /// The statement whose parameters are being looked up; the client waits meanwhile.
    looks_up: Option<LookUp>,
    relations: Relations,
    functions: Functions,
    user_types: UserTypes,
    /// The client has sent messages of an extended query since its last Sync.
    in_pipeline: bool,
    /// A simple query behind a pipeline waits for the answer to a question of ours.
    query_waits: bool,
    /// The relation whose rows the client sends, where it is known.
    copying: Option<Arc<Relation>>,
    /// The COPY stream that the target has asked for and not yet had.
    copy_in: CopyIn,
    /// The target has sent the last row of a COPY to the client; its CommandComplete follows.
    copied_out: bool,
    /// Cancels what this session runs, on a connection of its own.
    backend_key: Vec<u8>,
    client_body: Body,
    target_body_remaining: usize,
    /// Bytes at the front of the client's direction that were judged and are held back, because
    /// what follows decides over them.
    judged_ahead: usize,
    own_to_target: Vec<u8>,
    transaction_status: u8,
    terminated: bool,
    /// Notices that wait for the client's next ReadyForQuery.
    notices: Vec<u8>,
    /// What the Bind that is arriving writes to.
    bound: Place,
    counts: Counts,
    /// What the ledger gets to know of this session.
    entries: Entries,
    writing: Writing,
}

impl Session {
    /// A session that begins with the client's startup packet, which goes to the target as it is.
    pub fn new(policy: Arc<Policy>, startup: StartupParameters) -> Session {
        let relays = policy.is_pure_relay() || startup.replication;
        Session {
            defaults: policy.defaults_of(&startup),
            settings: policy.defaults_of(&startup),
            parking: Parking::default(),
            policy,
            startup,
            server_version: String::new(),
            // A relay, too, wants the key by which it cancels what a vanished client left running.
            phase: Phase::Startup,
            relays,
            lexing: Lexing::default(),
            replies: ExpectedReplies::default(),
            prepared: PreparedStatements::default(),
            settling: Settling::default(),
            looks_up: None,
            relations: Relations::default(),
            functions: Functions::new(),
            user_types: UserTypes::default(),
            in_pipeline: false,
            query_waits: false,
            copying: None,
            copy_in: CopyIn::None,
            copied_out: false,
            backend_key: Vec::new(),
            client_body: Body { remaining: 0, mend: Mend::Nothing },
            target_body_remaining: 0,
            judged_ahead: 0,
            own_to_target: Vec::new(),
            transaction_status: b'I',
            terminated: false,
            notices: Vec::new(),
            bound: Place::default(),
            counts: Counts::default(),
            entries: Entries::default(),
            writing: Writing::default(),
        }
    }

    /// A connection whose first packet is of another version of the protocol: the target's affair.
    pub fn relay(policy: Arc<Policy>) -> Session {
        let mut session = Session::new(policy, StartupParameters::default());
        session.phase = Phase::Relay;
        session
    }

    /// Messages of the proxy's own for the target, to be put in front of what the client sends
    /// next. Only asked for after [`Session::on_target`], and there is something only while the
    /// client's direction stands between two frames.
    pub fn take_own_to_target(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.own_to_target)
    }

    /// Whether the target is in the middle of a frame, where nothing can be put between.
    pub fn target_is_mid_frame(&self) -> bool {
        self.target_body_remaining > 0
    }

    /// Counts the rest of a frame of the target's that goes to the client, out of so many bytes that
    /// are there.
    fn finish_target_frame(&mut self, there: usize) -> usize {
        let count = self.target_body_remaining.min(there);
        self.target_body_remaining -= count;
        count
    }

    /// Whether frames are not looked for, so that nobody knows where one ends.
    fn is_relay(&self) -> bool {
        self.phase == Phase::Relay
    }

    /// Whether the target works on something: a client that vanishes now leaves a running
    /// statement behind. In a relay nobody knows, so it may. What a client has asked for in front
    /// of its Terminate is meant to run on, as without a proxy; what the proxy asks for is not.
    pub fn is_busy(&self) -> bool {
        let works = match self.phase {
            Phase::Startup => false,
            Phase::Ready => self.replies.len() > 0,
            Phase::Relay => !self.backend_key.is_empty(),
        };
        works && (!self.terminated || self.settling.active)
    }

    /// Whether the client has taken its leave by a Terminate.
    pub fn is_terminated(&self) -> bool {
        self.terminated
    }

    /// The body of the BackendKeyData, with which a CancelRequest is made; empty before login.
    pub fn backend_key(&self) -> &[u8] {
        &self.backend_key
    }

    /// Who the client is.
    pub fn startup(&self) -> &StartupParameters {
        &self.startup
    }

    /// What the session has done so far.
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// The error for a client that sent a frame which cannot be one.
    fn protocol_violation(error: crate::wire::FrameError) -> OwnError {
        OwnError::new("08P01", error.to_string())
            .with_hint("The connection is closed: where the next message begins is not known.")
    }
}
