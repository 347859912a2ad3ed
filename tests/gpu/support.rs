//! What tests share.

use oneflow_web::ops::gpu::{Choice, GpuOps};
use oneflow_web::ops::ready;

pub use crate::numbers::{Fill, values, within};

/// A device, which has to be there.
#[track_caller]
pub fn gpu() -> GpuOps {
    ready(GpuOps::open()).unwrap()
}

/// A device for each kernel of matrix products and of attention.
#[track_caller]
pub fn both_products() -> [GpuOps; 2] {
    [Choice::TILED, Choice::DIRECT].map(|choice| {
        let gpu = gpu();
        gpu.choose(choice);
        gpu
    })
}
