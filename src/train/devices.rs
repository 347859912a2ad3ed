//! Where a run computes: `cpu`, `gpu`, `gpu:1`.

use burn::tensor::Device;

use crate::error::{Error, Result};

/// The devices of some names: `cpu`, all cores; `gpu`, the first that is found; `gpu:N`, the one
/// of that number, from 0 (feature `train-gpu`).
///
/// # Errors
///
/// [`Error::Option`] for a name that is none of these, or of a device that is not there.
pub fn named(names: &[String]) -> Result<Vec<Device>> {
    names.iter().map(|name| one(name)).collect()
}

fn one(name: &str) -> Result<Device> {
    let refused = |expected: String| Error::Option { name: "device", found: name.into(), expected };
    let number = match name.split_once(':') {
        _ if name == "cpu" => return Ok(Device::flex()),
        None if name == "gpu" => Some(0),
        Some(("gpu", number)) => number.parse().ok(),
        _ => None,
    };
    let number: usize = number.ok_or_else(|| refused("cpu, gpu, or gpu:N with a GPU's number from 0".into()))?;
    gpu(number).map_err(refused)
}

#[cfg(feature = "train-gpu")]
fn gpu(number: usize) -> std::result::Result<Device, String> {
    use burn::tensor::DeviceType;

    let found: Vec<Device> = Device::enumerate(DeviceType::Wgpu).into_iter().collect();
    let expected = match found.len() {
        0 => "cpu, because no GPU is found on this machine".into(),
        n => format!("a number below {n}: so many GPUs are found on this machine"),
    };
    found.into_iter().nth(number).ok_or(expected)
}

#[cfg(not(feature = "train-gpu"))]
fn gpu(_: usize) -> std::result::Result<Device, String> {
    Err("cpu, because this program was built to train on the CPU only; build it with `--features train-gpu`".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_has_a_name() {
        assert!(named(&["cpu".into()]).unwrap() == [Device::flex()]);
        for name in ["", "cuda", "gpu:", "gpu:-1", "gpu:x", "cpu:0"] {
            let error = named(&[name.into()]).unwrap_err().to_string();
            assert!(error.contains("gpu:N"), "{error}");
        }
    }

    #[test]
    fn a_device_that_is_not_there_is_refused() {
        let error = named(&["cpu".into(), "gpu:77".into()]).unwrap_err().to_string();
        assert!(error.contains("gpu:77") && error.contains("device"), "{error}");
    }
}
