//! What goes wrong on a device is a typed error, and what is used again does not grow.

use oneflow_web::model::made_up::{self, Case};
use oneflow_web::model::self_test::self_test;
use oneflow_web::ops::{Ops, Precision, ready};
use oneflow_web::{Error, Result};

use crate::support::gpu;

#[track_caller]
fn lost<T: std::fmt::Debug>(result: Result<T>) {
    assert!(matches!(result, Err(Error::DeviceLost { .. })), "{result:?}");
}

#[test]
fn the_self_test_passes_on_this_adapter() {
    let off = ready(self_test(gpu(), Precision::F32)).unwrap();
    println!("off by {off:e}");
    assert!(off < 1e-4, "{off}");
}

#[test]
fn a_device_that_is_gone_is_an_error_before_in_the_middle_and_after() {
    let before = gpu();
    before.destroy();
    lost(ready(before.download(&before.upload(vec![1.0], 1))));

    let middle = gpu();
    let x = middle.scale(&middle.upload(vec![1.0], 1), 2.0);
    middle.destroy();
    lost(ready(middle.download(&x)));

    let after = gpu();
    let x = after.scale(&after.upload(vec![1.0], 1), 2.0);
    assert_eq!(ready(after.download(&x)).unwrap(), [2.0]);
    after.destroy();
    lost(ready(after.download(&x)));
    lost(ready(after.settle()));
    lost(ready(self_test(after, Precision::F32)));

    // Another device is not touched by that.
    ready(self_test(gpu(), Precision::F32)).unwrap();
}

#[test]
fn a_matrix_without_room_is_an_error_that_tells_its_bytes() {
    let ops = gpu();
    let n = 1 << 17;
    let column = ops.upload(vec![1.0; n], n);
    let row = ops.upload(vec![1.0; n], 1);
    let error = ready(ops.download(&ops.linear(&column, &row))).unwrap_err();
    assert!(matches!(error, Error::OutOfMemory { .. }), "{error:?}");
    // n · n values of 4 bytes.
    assert!(error.to_string().contains("68719476736 bytes"), "{error}");
    // The device is done for; a smaller model gets another.
    ready(self_test(gpu(), Precision::F32)).unwrap();
}

#[test]
fn two_hundred_runs_leave_no_more_buffers_than_sixty() {
    let ops = gpu();
    let run = |i: usize| {
        // Texts of sixty lengths, with pictures and without; then all over again.
        let case = Case::new(ops.clone(), &made_up::config(), 1, 10 + 7 * i % 60, i % 3).unwrap();
        ready(case.forward()).unwrap();
    };
    (0..60).for_each(run);
    let after_sixty = ops.usage();
    (60..200).for_each(run);
    let after_all = ops.usage();
    println!("{after_sixty:?} {after_all:?}");
    assert!(after_all.n_buffers <= after_sixty.n_buffers, "{after_sixty:?} {after_all:?}");
    assert!(after_all.buffer_bytes <= after_sixty.buffer_bytes, "{after_sixty:?} {after_all:?}");
    assert_eq!(after_all.counts.submits, 200);
}
