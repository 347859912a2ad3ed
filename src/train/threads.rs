//! Work of a step spread over threads, with results that do not depend on which is ready first.

use std::thread::{self, ScopedJoinHandle};

use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::error::{Error, Result};

/// A few pools of one thread each: a tensor operation inside one does not spread any further.
pub struct Threads {
    pools: Vec<ThreadPool>,
}

impl Threads {
    /// # Errors
    ///
    /// [`Error::Internal`] if the system gives no threads.
    pub fn new(n: usize) -> Result<Self> {
        let pool = || {
            let built = ThreadPoolBuilder::new().num_threads(1).build();
            built.map_err(|error| Error::Internal { reason: format!("no thread for training: {error}") })
        };
        Ok(Self { pools: (0..n).map(|_| pool()).collect::<Result<_>>()? })
    }

    /// `f` of each item, in the order of the items; item `i` is worked on by thread `places[i]`.
    ///
    /// # Panics
    ///
    /// If a place is not below the number of threads, or if `f` panics.
    pub fn map<T: Send, R: Send>(&self, places: &[usize], items: Vec<T>, f: impl Fn(T) -> R + Sync) -> Vec<R> {
        let mut parts: Vec<Vec<(usize, T)>> = self.pools.iter().map(|_| Vec::new()).collect();
        for (i, (&place, item)) in places.iter().zip(items).enumerate() {
            parts[place].push((i, item));
        }
        let f = &f;
        let work = |part: Vec<(usize, T)>| part.into_iter().map(|(i, item)| (i, f(item))).collect::<Vec<_>>();
        let mut done: Vec<(usize, R)> = thread::scope(|scope| {
            let threads: Vec<_> = (self.pools.iter().zip(parts))
                .map(|(pool, part)| scope.spawn(move || pool.install(|| work(part))))
                .collect();
            threads.into_iter().flat_map(joined).collect()
        });
        done.sort_by_key(|&(i, _)| i);
        done.into_iter().map(|(_, result)| result).collect()
    }

    /// The place of each of some items of different cost, so that all threads are about equally
    /// long at work: the dearest first, each to the thread that has least to do.
    pub fn places(&self, costs: &[u64]) -> Vec<usize> {
        let mut order: Vec<usize> = (0..costs.len()).collect();
        order.sort_by_key(|&i| std::cmp::Reverse(costs[i]));
        let mut sums = vec![0; self.pools.len()];
        let mut places = vec![0; costs.len()];
        for i in order {
            let place = (0..sums.len()).min_by_key(|&place| sums[place]).unwrap_or(0);
            places[i] = place;
            sums[place] += costs[i];
        }
        places
    }
}

fn joined<T>(thread: ScopedJoinHandle<'_, T>) -> T {
    // A panic in a thread is a bug that must not be hidden.
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_stand_in_the_order_of_the_items() {
        let threads = Threads::new(3).unwrap();
        let places = threads.places(&[5, 1, 9, 2, 2, 7]);
        assert_eq!(threads.map(&places, (0..6).collect(), |i| 10 * i), [0, 10, 20, 30, 40, 50]);
    }

    #[test]
    fn threads_are_about_equally_long_at_work() {
        let costs = [5, 1, 9, 2, 2, 7];
        let places = Threads::new(2).unwrap().places(&costs);
        let sum = |of: usize| costs.iter().zip(&places).filter(|&(_, &place)| place == of).map(|(c, _)| c).sum::<u64>();
        assert_eq!((sum(0), sum(1)), (13, 13));
    }
}
