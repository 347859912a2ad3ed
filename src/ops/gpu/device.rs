//! A device of the adapter: what is asked of it, and what goes wrong with it.
//!
//! Everything here works within WebGPU's default limits; larger buffers are asked for where the
//! adapter has them. Errors are never left to the API's handlers, which panic: each call that can
//! fail runs in error scopes ([`Device::scoped`]), the loss of the device is noted by a callback,
//! and [`Device::verdict`] turns what was found into one typed error.

use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use crate::error::{Error, Result};
use crate::ops::Precision;

/// An adapter's device and its queue.
pub struct Device {
    pub(super) device: wgpu::Device,
    pub(super) queue: wgpu::Queue,
    adapter: AdapterFacts,
    precision: Precision,
    noted: Arc<Mutex<Option<Fault>>>,
    scopes: RefCell<Vec<Scope>>,
    // Browsers end a device whose instance and adapter nobody holds.
    _alive: (wgpu::Instance, wgpu::Adapter),
}

/// What is known of the adapter.
#[derive(Clone, Debug, PartialEq)]
pub struct AdapterFacts {
    /// Its name and driver, as far as they are told.
    pub name: String,
    /// Whether it can compute in `f16` (WebGPU's `shader-f16`).
    pub has_f16: bool,
    /// Whether it computes on the CPU.
    pub is_software: bool,
    /// Bytes of one binding, and so of one activation or part of a weight, at the most.
    pub max_binding_bytes: u64,
}

/// What went wrong first.
#[derive(Clone, Debug)]
enum Fault {
    Lost(String),
    Memory(String),
    Other(String),
}

/// An error scope that was popped, and what ran in it.
struct Scope {
    what: String,
    found: Pin<Box<dyn Future<Output = Option<wgpu::Error>>>>,
}

impl Device {
    /// The device of the adapter that the system likes best, for kernels of this precision, of which
    /// no more bytes are bound than `max_binding_bytes`.
    ///
    /// # Errors
    ///
    /// [`Error::Adapter`] if there is none, if it is below WebGPU's default limits, or if it has no
    /// `f16` and that is asked for.
    pub async fn open(precision: Precision, max_binding_bytes: u64) -> Result<Self> {
        let mut description = wgpu::InstanceDescriptor::new_without_display_handle();
        description.backends = wgpu::Backends::PRIMARY;
        let instance = wgpu::Instance::new(description);
        let options = wgpu::RequestAdapterOptions {
            power_preference: wgpu::PowerPreference::HighPerformance,
            ..Default::default()
        };
        let adapter = instance.request_adapter(&options).await.map_err(|error| Error::Adapter {
            found: format!("none ({error})"),
            expected: "a WebGPU adapter: install the driver of the GPU (Vulkan; Mesa has one in software), or choose \
                       the device cpu"
                .into(),
        })?;
        let offered = adapter.limits();
        let limits = wgpu::Limits {
            max_buffer_size: offered.max_buffer_size.max(wgpu::Limits::default().max_buffer_size),
            max_storage_buffer_binding_size: offered
                .max_storage_buffer_binding_size
                .max(wgpu::Limits::default().max_storage_buffer_binding_size),
            ..wgpu::Limits::default()
        };
        let info = adapter.get_info();
        let name = [info.name.as_str(), info.driver.as_str(), info.driver_info.as_str()]
            .into_iter()
            .filter(|part| !part.is_empty())
            .collect::<Vec<_>>()
            .join(", ");
        let has_f16 = adapter.features().contains(wgpu::Features::SHADER_F16);
        if precision == Precision::F16 && !has_f16 {
            return Err(Error::Adapter {
                found: format!("{name}, which does not compute in f16 (shader-f16)"),
                expected: "a GPU that does: update the driver, or choose the precision f32".into(),
            });
        }
        let required_features = match precision {
            Precision::F32 => wgpu::Features::empty(),
            Precision::F16 => wgpu::Features::SHADER_F16,
        };
        let max_binding_bytes =
            limits.max_storage_buffer_binding_size.min(limits.max_buffer_size).min(max_binding_bytes);
        let request = wgpu::DeviceDescriptor {
            label: Some("oneflow"),
            required_features,
            required_limits: limits,
            memory_hints: wgpu::MemoryHints::MemoryUsage,
            ..Default::default()
        };
        let (device, queue) = adapter.request_device(&request).await.map_err(|error| Error::Adapter {
            found: format!("{name}, which gives no device ({error})"),
            expected: "WebGPU's default limits: update the driver, or choose the device cpu".into(),
        })?;
        let noted = Arc::new(Mutex::new(None));
        let note = noted.clone();
        device.set_device_lost_callback(move |reason, message| {
            let message = if message.is_empty() { format!("{reason:?}") } else { message };
            set(&note, Fault::Lost(message));
        });
        let note = noted.clone();
        device.on_uncaptured_error(Arc::new(move |error| set(&note, fault("a call outside of a scope", &error))));
        let is_software = info.device_type == wgpu::DeviceType::Cpu;
        let adapter_facts = AdapterFacts { name, has_f16, is_software, max_binding_bytes };
        let scopes = RefCell::default();
        Ok(Self { device, queue, adapter: adapter_facts, precision, noted, scopes, _alive: (instance, adapter) })
    }

    /// What is known of the adapter.
    pub fn adapter(&self) -> &AdapterFacts {
        &self.adapter
    }

    /// What the kernels round factors to.
    pub fn precision(&self) -> Precision {
        self.precision
    }

    /// Does `work`, whose errors [`verdict`](Self::verdict) will tell; `what` says what it was for.
    pub(super) fn scoped<T>(&self, what: impl Into<String>, work: impl FnOnce() -> T) -> T {
        let guards = [wgpu::ErrorFilter::Internal, wgpu::ErrorFilter::OutOfMemory, wgpu::ErrorFilter::Validation]
            .map(|filter| self.device.push_error_scope(filter));
        let value = work();
        let what = what.into();
        let mut scopes = self.scopes.borrow_mut();
        for guard in guards.into_iter().rev() {
            scopes.push(Scope { what: what.clone(), found: Box::pin(guard.pop()) });
        }
        value
    }

    /// Waits for the scopes that are open and says what went wrong since the device was opened.
    ///
    /// # Errors
    ///
    /// [`Error::DeviceLost`], [`Error::OutOfMemory`], or [`Error::Internal`] for a call that the
    /// device refused. It stays so: a device that failed once is not to be trusted.
    pub(super) async fn verdict(&self) -> Result<()> {
        let scopes = std::mem::take(&mut *self.scopes.borrow_mut());
        for scope in scopes {
            if let Some(error) = scope.found.await {
                set(&self.noted, fault(&scope.what, &error));
            }
        }
        self.known()
    }

    /// What is known to have gone wrong, without waiting for more.
    ///
    /// # Errors
    ///
    /// Those of [`verdict`](Self::verdict).
    pub(super) fn known(&self) -> Result<()> {
        let noted = self.noted.lock().unwrap_or_else(PoisonError::into_inner);
        match noted.clone() {
            None => Ok(()),
            Some(Fault::Lost(reason)) => Err(Error::DeviceLost { reason }),
            Some(Fault::Memory(what)) => Err(Error::OutOfMemory { what }),
            Some(Fault::Other(reason)) => Err(Error::Internal { reason }),
        }
    }

    /// Notes that the device no longer answers, unless a better reason is known.
    pub(super) fn note_silence(&self) {
        set(&self.noted, Fault::Lost("it no longer answers".into()));
    }

    /// Notes that something does not fit.
    pub(super) fn note_no_room(&self, what: String) {
        set(&self.noted, Fault::Memory(what));
    }

    /// Gives the device up; whatever is asked of it later is [`Error::DeviceLost`].
    pub fn destroy(&self) {
        self.device.destroy();
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        // Frees all of its memory at once.
        self.device.destroy();
    }
}

fn set(noted: &Mutex<Option<Fault>>, fault: Fault) {
    let mut noted = noted.lock().unwrap_or_else(PoisonError::into_inner);
    // A lost device explains whatever else it refused.
    if noted.is_none() || matches!(fault, Fault::Lost(_)) && !matches!(*noted, Some(Fault::Lost(_))) {
        *noted = Some(fault);
    }
}

fn fault(what: &str, error: &wgpu::Error) -> Fault {
    match error {
        wgpu::Error::OutOfMemory { .. } => Fault::Memory(what.into()),
        other => Fault::Other(format!("the GPU refused {what}: {other}")),
    }
}
