//! Where the proxy stands in its life, and what an operator asks of it. Decides nothing about sessions: those
//! who serve them look here.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, mpsc, oneshot};

/// Orders that wait.
const QUESTIONS_MAX: usize = 16;

/// How far the proxy has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LifePhase {
    /// It does not take clients yet.
    #[default]
    Starting,
    /// It serves.
    Running,
    /// It takes no more clients, and ends.
    Draining,
}

/// What is asked of the process.
#[derive(Debug)]
pub enum Order {
    /// Reads the configuration again; the answer says what has changed, or why nothing has.
    Reload(oneshot::Sender<Result<ReloadOutcome, String>>),
    /// Takes no more clients and waits for sessions.
    Drain,
    /// Ends at once.
    Shutdown,
    /// Another `log.level`.
    LogLevel(String, oneshot::Sender<Result<(), String>>),
}

/// What a reload did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReloadOutcome {
    /// Keys that have another value now, for sessions that begin.
    pub changed: Vec<String>,
    /// Keys that need a restart.
    pub needs_restart: Vec<String>,
}

/// What holds for clients that come.
#[derive(Clone, Debug, Default)]
pub struct HeldBack {
    /// How far the proxy has come.
    pub phase: LifePhase,
    /// Clients of all databases wait.
    pub is_paused: bool,
    /// Clients of these databases wait.
    pub paused: BTreeSet<String>,
    /// Clients of these databases are refused.
    pub disabled: BTreeSet<String>,
}

impl HeldBack {
    /// Whether clients of a database wait.
    pub fn holds(&self, database: &str) -> bool {
        self.is_paused || self.paused.contains(database)
    }
}

/// The life of the proxy.
#[derive(Debug)]
pub struct Life {
    held: Mutex<HeldBack>,
    changed: Notify,
    orders: mpsc::Sender<Order>,
    kills: Mutex<HashMap<u64, (String, Arc<Notify>)>>,
}

/// A session that can be ended; no more when this is dropped.
#[derive(Debug)]
pub struct Killable<'l> {
    life: &'l Life,
    id: u64,
    /// Is told when it has to end.
    pub killed: Arc<Notify>,
}

impl Drop for Killable<'_> {
    fn drop(&mut self) {
        self.life.kills().remove(&self.id);
    }
}

impl Life {
    /// The life that begins, and where what is asked of the process arrives.
    pub fn new() -> (Life, mpsc::Receiver<Order>) {
        let (orders, asked) = mpsc::channel(QUESTIONS_MAX);
        let life = Life {
            held: Mutex::default(),
            changed: Notify::new(),
            orders,
            kills: Mutex::default(),
        };
        (life, asked)
    }

    /// What holds now.
    pub fn held(&self) -> HeldBack {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Changes what holds.
    pub fn change(&self, change: impl FnOnce(&mut HeldBack)) {
        change(&mut self.held.lock().unwrap_or_else(PoisonError::into_inner));
        self.changed.notify_waiters();
    }

    /// Holds back clients that come, of one database or of all, or lets them in.
    pub(super) fn pause(&self, database: Option<&str>, holds: bool) {
        self.change(|held| match (database, holds) {
            (None, true) => held.is_paused = true,
            (None, false) => {
                held.is_paused = false;
                held.paused.clear();
            }
            (Some(database), true) => {
                held.paused.insert(database.to_owned());
            }
            (Some(database), false) => {
                held.paused.remove(database);
            }
        });
    }

    /// Asks the process for something; whether it still takes orders.
    pub fn order(&self, order: Order) -> bool {
        self.orders.try_send(order).is_ok()
    }

    /// Waits until clients of this database are let in.
    pub async fn let_in(&self, database: &str) {
        loop {
            let mut changed = std::pin::pin!(self.changed.notified());
            changed.as_mut().enable();
            if !self.held().holds(database) {
                return;
            }
            changed.await;
        }
    }

    /// A session begins that can be ended by its number.
    pub fn killable(&self, id: u64, database: &str) -> Killable<'_> {
        let killed = Arc::new(Notify::new());
        self.kills().insert(id, (database.to_owned(), Arc::clone(&killed)));
        Killable { life: self, id, killed }
    }

    /// Ends a session; whether it is there.
    pub fn kill(&self, id: u64) -> bool {
        let kills = self.kills();
        kills.get(&id).inspect(|(_, killed)| killed.notify_one()).is_some()
    }

    /// Ends the sessions of a database, or all; gives how many.
    pub fn kill_all(&self, database: Option<&str>) -> usize {
        let kills = self.kills();
        let fits = |of: &&(String, Arc<Notify>)| database.is_none_or(|database| of.0 == database);
        kills.values().filter(fits).inspect(|(_, killed)| killed.notify_one()).count()
    }

    fn kills(&self) -> MutexGuard<'_, HashMap<u64, (String, Arc<Notify>)>> {
        self.kills.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_ended_by_number_or_by_database() {
        let (life, _orders) = Life::new();
        let one = life.killable(1, "a");
        let _other = life.killable(2, "b");
        assert!(life.kill(2) && !life.kill(3));
        assert_eq!((life.kill_all(Some("a")), life.kill_all(None)), (1, 2));
        drop(one);
        assert!(!life.kill(1));
    }

    #[tokio::test]
    async fn clients_of_a_paused_database_wait() {
        let (life, _orders) = Life::new();
        life.change(|held| {
            held.paused.insert("a".into());
        });
        life.let_in("b").await;
        let waits = tokio::time::timeout(std::time::Duration::from_millis(10), life.let_in("a"));
        assert!(waits.await.is_err());
        tokio::join!(life.let_in("a"), async { life.change(|held| held.paused.clear()) });
    }
}
