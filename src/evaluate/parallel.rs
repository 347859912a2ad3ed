//! Work on all cores whose results do not depend on how many there are.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use rayon::ThreadPoolBuilder;

use crate::error::{Error, Result};

/// `f(0), f(1), …, f(n - 1)`, each computed by one thread alone; `done` is called after each.
///
/// Inside, whatever would spread over threads stays on one, so sums have the same order whatever
/// `n_threads` is.
///
/// # Errors
///
/// That of the smallest number that failed; [`Error::Internal`] if the system gives no threads.
pub fn each<T: Send>(
    n: usize,
    n_threads: usize,
    done: impl Fn() + Sync,
    f: impl Fn(usize) -> Result<T> + Sync,
) -> Result<Vec<T>> {
    let next = AtomicUsize::new(0);
    let results: Mutex<Vec<Option<Result<T>>>> = Mutex::new((0..n).map(|_| None).collect());
    let pools = (0..n_threads.clamp(1, n.max(1))).map(|_| ThreadPoolBuilder::new().num_threads(1).build());
    let pools = pools.collect::<Result<Vec<_>, _>>();
    let pools = pools.map_err(|error| Error::Internal { reason: format!("no thread to measure with: {error}") })?;
    std::thread::scope(|scope| {
        for pool in &pools {
            scope.spawn(|| {
                loop {
                    let i = next.fetch_add(1, Ordering::Relaxed);
                    if i >= n {
                        return;
                    }
                    let result = pool.install(|| f(i));
                    // A poisoned lock only means that another thread stopped; the list is whole.
                    results.lock().unwrap_or_else(|poisoned| poisoned.into_inner())[i] = Some(result);
                    done();
                }
            });
        }
    });
    let results = results.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner());
    // A thread that panicked has taken the scope down with it, so every place is filled.
    results.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_stand_in_order_and_the_first_error_wins() {
        let square = |i: usize| Ok(i * i);
        assert_eq!(each(5, 3, || (), square).unwrap(), [0, 1, 4, 9, 16]);
        assert_eq!(each(0, 3, || (), square).unwrap(), [0; 0]);
        let failing = |i: usize| if i >= 2 { Err(Error::Internal { reason: i.to_string() }) } else { Ok(i) };
        let error = each(9, 2, || (), failing).unwrap_err().to_string();
        assert!(error.contains("internal error: 2"), "{error}");
    }
}
