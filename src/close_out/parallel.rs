//! The same work for many items over a few sessions. Knows no SQL.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::mpsc;

use super::Connection;
use super::interrupt::is_interrupted;

/// What a session does for one item.
pub(super) type Work<R> = Pin<Box<dyn Future<Output = R> + Send>>;

/// Does `work` for every item, as many at a time as there are sessions, and gives the results in
/// the order of the items. An item whose work ended the runtime's task is left out.
pub(super) async fn in_parallel<T, R>(
    sessions: &[Connection],
    items: Vec<T>,
    work: fn(Connection, T) -> Work<R>,
) -> Vec<R>
where
    T: Send + 'static,
    R: Send + 'static,
{
    let count = items.len();
    let queue: Arc<Mutex<VecDeque<(usize, T)>>> =
        Arc::new(Mutex::new(items.into_iter().enumerate().collect()));
    let (sender, mut results) = mpsc::channel(sessions.len().max(1));
    for session in sessions {
        let (session, queue, sender) = (session.clone(), Arc::clone(&queue), sender.clone());
        tokio::spawn(async move {
            loop {
                if is_interrupted() {
                    return;
                }
                let next = queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
                let Some((number, item)) = next else { return };
                let result = work(session.clone(), item).await;
                if sender.send((number, result)).await.is_err() {
                    return;
                }
            }
        });
    }
    drop(sender);
    let mut ended = Vec::with_capacity(count);
    while let Some(result) = results.recv().await {
        ended.push(result);
    }
    ended.sort_by_key(|(number, _)| *number);
    ended.into_iter().map(|(_, result)| result).collect()
}
