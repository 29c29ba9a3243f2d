//! Work on several cores whose results come out in the order of the input.

use crossbeam::channel::bounded;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::thread;

/// Takes pieces from `source`, works on them in `threads` threads, and gives the results to `sink`
/// in the order of the pieces. At most `threads + 2` pieces are in progress. The error that ends it
/// is the first one in that order, whatever the threads did.
pub(super) fn ordered<T: Send, D: Send, E: Send>(
    threads: usize,
    source: impl FnMut() -> Result<Option<T>, E> + Send,
    work: impl Fn(T) -> Result<D, E> + Sync,
    mut sink: impl FnMut(D) -> Result<(), E>,
) -> Result<(), E> {
    let under_way = threads + 2;
    let (give_turn, take_turn) = bounded::<()>(under_way);
    let (give, take) = bounded::<(u64, Result<D, E>)>(under_way);
    let source = Mutex::new(Source { next: source, index: 0, ended: false });
    thread::scope(|scope| {
        for _ in 0..threads {
            let (source, work) = (&source, &work);
            let (take_turn, give) = (take_turn.clone(), give.clone());
            scope.spawn(move || {
                // Ends with the source, or when nobody takes the results any more.
                while take_turn.recv().is_ok() {
                    let piece = source.lock().unwrap_or_else(PoisonError::into_inner).next();
                    let Some((index, piece)) = piece else { return };
                    if give.send((index, piece.and_then(work))).is_err() {
                        return;
                    }
                }
            });
        }
        drop((give, take_turn));
        // Owned here: an early end drops both ends, and the threads notice.
        let (give_turn, take) = (give_turn, take);
        for _ in 0..under_way {
            let _ = give_turn.send(());
        }
        let mut early = BTreeMap::new();
        let mut next = 0;
        for (index, result) in take {
            early.insert(index, result);
            while let Some(result) = early.remove(&next) {
                sink(result?)?;
                next += 1;
                // A thread that has ended needs no turn.
                let _ = give_turn.try_send(());
            }
        }
        Ok(())
    })
}

/// Numbers the pieces.
struct Source<F> {
    next: F,
    index: u64,
    ended: bool,
}

impl<F> Source<F> {
    fn next<T, E>(&mut self) -> Option<(u64, Result<T, E>)>
    where
        F: FnMut() -> Result<Option<T>, E>,
    {
        if self.ended {
            return None;
        }
        let piece = (self.next)().transpose()?;
        self.ended = piece.is_err();
        self.index += 1;
        Some((self.index - 1, piece))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread::sleep;
    use std::time::Duration;

    /// Doubles numbers up to `count`; later ones are done sooner.
    fn run(threads: usize, count: u64, bad: Option<u64>) -> (Vec<u64>, Result<(), u64>) {
        let mut next = 0;
        let mut done = Vec::new();
        let source = || {
            next += 1;
            Ok((next <= count).then_some(next - 1))
        };
        let work = |piece: u64| {
            sleep(Duration::from_micros(if piece.is_multiple_of(3) { 300 } else { 10 }));
            if bad.is_some_and(|bad| piece >= bad) { Err(piece) } else { Ok(2 * piece) }
        };
        let result = ordered(threads, source, work, |piece| {
            done.push(piece);
            Ok(())
        });
        (done, result)
    }

    #[test]
    fn results_come_in_the_order_of_the_pieces() {
        for threads in [1, 2, 5] {
            for count in [0, 1, 200] {
                let (done, result) = run(threads, count, None);
                assert_eq!((done, result), ((0..count).map(|piece| 2 * piece).collect(), Ok(())));
            }
        }
    }

    #[test]
    fn the_first_error_in_order_ends_the_run() {
        for threads in [1, 2, 5] {
            let (done, result) = run(threads, 200, Some(21));
            assert_eq!((done.len(), result), (21, Err(21)));
        }
    }
}
