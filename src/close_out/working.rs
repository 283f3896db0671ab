//! What a command works on now, for those who watch it. A process runs one command, so there is one of it.
//! Asks nothing; what watches asks the target by a session of its own.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::Serialize;

use super::{CloseOutError, Connection};
use crate::parking::spelling::quoted_literal;

/// In front of what [`announce`] says.
pub(super) const ANNOUNCED: &str = "dms-proxy ";

static WORKING: Mutex<Working> = Mutex::new(Working { phases: Vec::new(), running: Vec::new() });

struct Working {
    phases: Vec<WorkPhase>,
    running: Vec<Running>,
}

/// A part of the work, with things of one kind.
#[derive(Clone, Debug)]
pub struct WorkPhase {
    /// What they are called, such as `foreign keys`.
    pub name: &'static str,
    /// How many there are.
    pub total: usize,
    /// How many are done.
    pub done: usize,
    /// How long it has been at work.
    pub elapsed: Duration,
    /// The part that is done, from 0 to 1, weighed by what each of them costs.
    pub share: f64,
    began: Instant,
    weight: f64,
    weight_done: f64,
}

/// Something that a session works on.
#[derive(Clone, Debug)]
pub struct Running {
    /// What it is.
    pub name: String,
    /// How long already.
    pub elapsed: Duration,
    /// The session's process on the target.
    pub pid: i32,
    began: Instant,
}

/// Whom a session waits for.
#[derive(Clone, Debug, Serialize)]
pub struct LockHolder {
    /// The session that waits.
    #[serde(skip)]
    pub waiting: i32,
    /// The session that holds the lock, or is before it in the queue.
    pub pid: i32,
    /// What that session calls itself.
    pub application_name: String,
}

fn working() -> MutexGuard<'static, Working> {
    WORKING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A part of the work begins, of things that cost so much each.
pub(super) fn begin_phase(name: &'static str, weights: impl Iterator<Item = f64>) {
    let weights: Vec<f64> = weights.collect();
    let (total, weight, began) = (weights.len(), weights.iter().sum(), Instant::now());
    let elapsed = Duration::ZERO;
    let new =
        WorkPhase { name, total, done: 0, elapsed, share: 0.0, began, weight, weight_done: 0.0 };
    working().phases.push(new);
}

fn end_one(weight: f64) {
    let mut working = working();
    if let Some(phase) = working.phases.last_mut() {
        phase.done += 1;
        phase.weight_done += weight;
    }
}

/// A session works on something until this is dropped.
pub(super) struct Task {
    began: Instant,
    pid: i32,
    weight: f64,
}

impl Task {
    pub(super) fn begin(name: String, session: &Connection, weight: f64) -> Task {
        let (began, pid) = (Instant::now(), session.process());
        working().running.push(Running { name, elapsed: Duration::ZERO, pid, began });
        Task { began, pid, weight }
    }

    /// How long it has taken, in milliseconds.
    pub(super) fn millis(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        working().running.retain(|one| one.pid != self.pid);
        end_one(self.weight);
    }
}

/// The parts of the work that have begun, and what is worked on now, the longest first.
pub fn progress() -> (Vec<WorkPhase>, Vec<Running>) {
    let working = working();
    let phase = |phase: &WorkPhase| {
        let share = if phase.weight > 0.0 { phase.weight_done / phase.weight } else { 1.0 };
        WorkPhase { elapsed: phase.began.elapsed(), share: share.min(1.0), ..phase.clone() }
    };
    let running = |one: &Running| Running { elapsed: one.began.elapsed(), ..one.clone() };
    (working.phases.iter().map(phase).collect(), working.running.iter().map(running).collect())
}

/// Whom these sessions wait for, as far as the target can be asked.
///
/// # Errors
/// The target cannot be asked.
pub async fn lock_holders(
    asking: &Connection,
    running: &[Running],
) -> Result<Vec<LockHolder>, CloseOutError> {
    // The first version with pg_blocking_pids.
    const BLOCKING_PIDS: i32 = 90_600;
    if running.is_empty() || asking.version() < BLOCKING_PIDS {
        return Ok(Vec::new());
    }
    let pids: Vec<i32> = running.iter().map(|one| one.pid).collect();
    let sql = "SELECT w.pid, w.holder, COALESCE(a.application_name, '')
        FROM (SELECT u.pid, (pg_catalog.pg_blocking_pids(u.pid))[1] AS holder
            FROM pg_catalog.unnest($1::pg_catalog.int4[]) u (pid)) w
        LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid OPERATOR(pg_catalog.=) w.holder
        WHERE w.holder IS NOT NULL";
    let rows = asking.client().query(sql, &[&pids]).await?;
    let holder = |row: &tokio_postgres::Row| {
        let (waiting, pid, application_name) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        Ok(LockHolder { waiting, pid, application_name })
    };
    rows.iter().map(holder).collect()
}

/// Says by the name of this session how far the command is, so that others see it in pg_stat_activity.
///
/// # Errors
/// The connection broke.
pub async fn announce(session: &Connection, command: &str) -> Result<(), CloseOutError> {
    let (phases, _) = progress();
    let Some(phase) = phases.last() else { return Ok(()) };
    let name = format!("{ANNOUNCED}{command}: {} {}/{}", phase.name, phase.done, phase.total);
    let sql = format!("SET application_name = {}", quoted_literal(&name));
    Ok(session.client().batch_execute(&sql).await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_is_weighed() {
        begin_phase("foreign keys", [1.0, 8.0, 1.0].into_iter());
        end_one(8.0);
        let (phases, running) = progress();
        let phase = phases.last().unwrap();
        assert_eq!((phase.done, phase.total, running.len()), (1, 3, 0));
        assert!((phase.share - 0.8).abs() < 0.01);
    }
}
