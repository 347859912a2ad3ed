//! What tests share.

use oneflow_web::ops::gpu::{GpuOps, Products};
use oneflow_web::ops::ready;

pub use crate::numbers::{Fill, values, within};

/// A device, which has to be there.
#[track_caller]
pub fn gpu() -> GpuOps {
    ready(GpuOps::open()).unwrap()
}

/// A device for each kernel of matrix products.
#[track_caller]
pub fn both_products() -> [GpuOps; 2] {
    [Products::Tiled, Products::Direct].map(|products| {
        let gpu = gpu();
        gpu.choose(products);
        gpu
    })
}
