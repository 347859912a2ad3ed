//! Slots that are unsure of what they lack wait.

use oneflow_web::sample::{Insertion, certainty, keep_certain};

fn close(found: f32, expected: f32) {
    // Four exponentials and a sum in f32.
    assert!((found - expected).abs() < 1e-5, "{found} {expected}");
}

#[test]
fn a_bag_of_known_tokens_is_sure_and_twice_as_many_are_half_as_sure() {
    const NO: f32 = -1e9;
    close(certainty(0.0, 2.0, &[0.0, 0.0, NO, NO]), 1.0);
    close(certainty(0.0, 2.0, &[0.0, 0.0, 0.0, 0.0]), 0.5);
    close(certainty(0.25, 1.0, &[0.0, NO, NO, NO]), 0.75);
}

#[test]
fn the_unsure_wait_and_the_surest_goes_where_all_are_unsure() {
    let fired = |sure: [f32; 3]| (0..3).map(|slot| (Insertion { slot, token: 7 }, sure[slot])).collect::<Vec<_>>();
    let kept = |sure, least| keep_certain(fired(sure), least).iter().map(|i| i.slot).collect::<Vec<usize>>();
    assert_eq!(kept([0.9, 0.2, 0.8], 0.5), [0, 2]);
    assert_eq!(kept([0.1, 0.4, 0.3], 0.5), [1]);
    assert_eq!(kept([0.2, 0.4, 0.4], 0.5), [1]);
    assert!(keep_certain(Vec::new(), 0.5).is_empty());
}
