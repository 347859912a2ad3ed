//! Kernels: WGSL with constants and the readers of weights put before it, compiled when first used.
//!
//! Every kernel has its parameters in a uniform block at binding 0, its inputs from binding 1 on
//! and its output at the last binding. A parameter is a `u32`, or the bits of an `f32`. A line that
//! names a constant as `$NAME` stands there once for each value below it. `real` is the type of
//! factors, by the device's precision, and `F16` is 1 where that is `f16`.

use std::cell::RefCell;
use std::collections::HashMap;
use std::hash::{Hash, Hasher};
use std::rc::Rc;

use super::device::Device;
use crate::ops::Precision;

/// Bytes of a uniform block. The dynamic offset between blocks is at least 256 by default limits.
pub const PARAMS_BYTES: u64 = 128;

/// A kernel of one variant; which one, its name and its constants say.
#[derive(Clone, Debug)]
pub struct Kernel {
    /// The name of its file.
    pub name: &'static str,
    /// The text of its file.
    pub source: &'static str,
    /// Bindings between the parameters and the output.
    pub n_inputs: usize,
    /// Names of the inputs that are weights, and are read by `weight.wgsl`.
    pub weights: &'static [&'static str],
    /// Constants of the variant, by name.
    pub constants: Vec<(&'static str, u32)>,
}

impl PartialEq for Kernel {
    fn eq(&self, other: &Self) -> bool {
        (self.name, &self.constants) == (other.name, &other.constants)
    }
}

impl Eq for Kernel {}

impl Hash for Kernel {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.name, &self.constants).hash(state);
    }
}

impl Kernel {
    /// The whole text in WGSL.
    fn text(&self, precision: Precision) -> String {
        let constants = self.constants.iter().map(|(name, value)| format!("const {name}: u32 = {value}u;\n"));
        let mut text = String::from(match precision {
            Precision::F32 => "alias real = f32;\nconst F16: u32 = 0u;\n",
            Precision::F16 => "enable f16;\nalias real = f16;\nconst F16: u32 = 1u;\n",
        });
        text.extend(constants);
        for name in self.weights {
            for character in include_str!("weight.wgsl").chars() {
                if character == '$' { text.push_str(name) } else { text.push(character) }
            }
        }
        for line in self.source.lines().flat_map(|line| repeated(line, &self.constants)) {
            text.push_str(&line);
            text.push('\n');
        }
        text
    }
}

/// A line, once for each value below a constant that it names behind a `$`, with the value in its
/// place; for each pair of values if it names two.
fn repeated(line: &str, constants: &[(&'static str, u32)]) -> Vec<String> {
    let mut lines = vec![line.to_string()];
    for (name, value) in constants {
        let name = format!("${name}");
        if line.contains(&name) {
            let each = |line: &String| (0..*value).map(|i| line.replace(&name, &i.to_string())).collect::<Vec<_>>();
            lines = lines.iter().flat_map(each).collect();
        }
    }
    lines
}

/// A kernel that the device has compiled.
pub struct Compiled {
    /// The pipeline.
    pub pipeline: wgpu::ComputePipeline,
    /// What its bind groups look like.
    pub layout: wgpu::BindGroupLayout,
}

/// The kernels of one device.
pub struct Kernels {
    device: Rc<Device>,
    compiled: RefCell<HashMap<Kernel, Rc<Compiled>>>,
    layouts: RefCell<HashMap<usize, wgpu::BindGroupLayout>>,
}

impl Kernels {
    /// None compiled yet.
    pub fn new(device: Rc<Device>) -> Self {
        Self { device, compiled: RefCell::default(), layouts: RefCell::default() }
    }

    /// The kernel, compiled now if it was not before.
    pub fn get(&self, kernel: &Kernel) -> Rc<Compiled> {
        if let Some(compiled) = self.compiled.borrow().get(kernel) {
            return compiled.clone();
        }
        let layout = self.layout(kernel.n_inputs);
        let compiled = Rc::new(self.device.scoped(format!("the kernel {}", kernel.name), || {
            let device = &self.device.device;
            let module = device.create_shader_module(wgpu::ShaderModuleDescriptor {
                label: Some(kernel.name),
                source: wgpu::ShaderSource::Wgsl(kernel.text(self.device.precision()).into()),
            });
            let pipeline_layout = device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
                label: Some(kernel.name),
                bind_group_layouts: &[Some(&layout)],
                immediate_size: 0,
            });
            let pipeline = device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
                label: Some(kernel.name),
                layout: Some(&pipeline_layout),
                module: &module,
                entry_point: Some("main"),
                compilation_options: wgpu::PipelineCompilationOptions {
                    // Every kernel writes its workgroup memory before it reads it.
                    zero_initialize_workgroup_memory: false,
                    ..Default::default()
                },
                cache: None,
            });
            Compiled { pipeline, layout: layout.clone() }
        }));
        self.compiled.borrow_mut().insert(kernel.clone(), compiled.clone());
        compiled
    }

    fn layout(&self, n_inputs: usize) -> wgpu::BindGroupLayout {
        let make = || {
            let entry =
                |binding: u32, ty: wgpu::BufferBindingType, has_dynamic_offset: bool| wgpu::BindGroupLayoutEntry {
                    binding,
                    visibility: wgpu::ShaderStages::COMPUTE,
                    ty: wgpu::BindingType::Buffer { ty, has_dynamic_offset, min_binding_size: None },
                    count: None,
                };
            let storage = |read_only| wgpu::BufferBindingType::Storage { read_only };
            let mut entries = vec![entry(0, wgpu::BufferBindingType::Uniform, true)];
            entries.extend((1..=n_inputs as u32).map(|binding| entry(binding, storage(true), false)));
            entries.push(entry(n_inputs as u32 + 1, storage(false), false));
            let description = wgpu::BindGroupLayoutDescriptor { label: None, entries: &entries };
            self.device
                .scoped("the layout of a bind group", || self.device.device.create_bind_group_layout(&description))
        };
        self.layouts.borrow_mut().entry(n_inputs).or_insert_with(make).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_repeated_for_each_value_of_the_constants_that_it_names() {
        let constants = [("ROWS", 2), ("QUADS", 3), ("NONE", 0)];
        assert_eq!(repeated("let a = ROWS;", &constants), ["let a = ROWS;"]);
        assert_eq!(repeated("v$ROWS += $ROWSu;", &constants), ["v0 += 0u;", "v1 += 1u;"]);
        let pairs = ["s0_0;", "s0_1;", "s0_2;", "s1_0;", "s1_1;", "s1_2;"];
        assert_eq!(repeated("s$ROWS_$QUADS;", &constants), pairs);
        assert!(repeated("s$NONE;", &constants).is_empty());
    }
}
