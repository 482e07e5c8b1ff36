//! A graphics device: adapters, pooled buffers, recorded commands, read-back.
//!
//! Calls record; `flush` submits one command list; `read` is the only wait.
//! A failure (lost device, out of memory) is remembered: from then on nothing
//! that was read counts as a statement.

use super::adapter::{Choice, Info, adapters, describe, may_be_real};
use super::inflate::Real;
use super::kernels::Kernel;
use crate::backend::Counts;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

/// Longest wait for one submission.
const PATIENCE: Duration = Duration::from_secs(120);
/// Workgroups along one axis of a grid.
const GROUPS: u64 = 65_535;
/// Commands after which a list is submitted without waiting for a read.
const COMMANDS: usize = 512;
/// Offsets of bindings: the strictest alignment that devices may ask for.
pub const ALIGN: u64 = 256;

#[derive(Default)]
struct Pool {
    free: HashMap<(bool, u64), Vec<wgpu::Buffer>>,
    idle: u64,
    held: u64,
    peak: u64,
}

type Shared<T> = Arc<Mutex<T>>;
/// A change of texts.
pub type Rewrite = fn(String) -> String;

fn lock<T>(m: &Mutex<T>) -> MutexGuard<'_, T> {
    m.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// A buffer that goes back to the pool. Commands recorded later may reuse it:
/// the device executes them in order.
pub struct Slab {
    buffer: wgpu::Buffer,
    capacity: u64,
    pool: Shared<Pool>,
}

impl Drop for Slab {
    fn drop(&mut self) {
        let mut pool = lock(&self.pool);
        pool.idle += self.capacity;
        let buffer = self.buffer.clone();
        pool.free.entry((false, self.capacity)).or_default().push(buffer);
    }
}

/// A range of a buffer as a kernel sees it.
#[derive(Clone, Copy)]
pub struct View<'a> {
    pub slab: &'a Slab,
    pub offset: u64,
    pub bytes: u64,
}

struct Command {
    pipeline: wgpu::ComputePipeline,
    layout: wgpu::BindGroupLayout,
    data: Vec<(wgpu::Buffer, u64, u64)>,
    sizes: (u64, u64),
    consts: (u64, u64),
    grid: [u32; 3],
}

#[derive(Default)]
struct Recorder {
    commands: Vec<Command>,
    arena: Vec<u8>,
    counts: Counts,
}

impl Recorder {
    fn keep(&mut self, bytes: &[u8]) -> (u64, u64) {
        let at = self.arena.len() as u64;
        self.arena.extend_from_slice(bytes);
        let size = bytes.len().max(16).next_multiple_of(16);
        self.arena.resize((at as usize + size).next_multiple_of(ALIGN as usize), 0);
        (at, size as u64)
    }
}

pub struct Device {
    pub info: Info,
    pub real: Real,
    device: wgpu::Device,
    queue: wgpu::Queue,
    pool: Shared<Pool>,
    recorder: Mutex<Recorder>,
    pipelines: Mutex<HashMap<String, (wgpu::ComputePipeline, wgpu::BindGroupLayout)>>,
    /// What becomes of the text of kernels: for tests that plant faults.
    rewrite: Rewrite,
    failure: Shared<Option<String>>,
}

impl Device {
    pub fn open(choice: Choice, real: Option<Real>, rewrite: Rewrite) -> Result<Device, String> {
        if choice == Choice::Real && !may_be_real() {
            return Err("no GPU was found".into());
        }
        let all = adapters();
        let count = all.len();
        let adapter = match choice {
            Choice::Real => all.into_iter().find(|a| !describe(a).software),
            Choice::Any => all.into_iter().next(),
            Choice::Index(n) => all.into_iter().nth(n),
        };
        let adapter = adapter.ok_or_else(|| match choice {
            Choice::Index(n) => format!("there is no GPU {n}: {count} found"),
            Choice::Real if count > 0 => "only software drivers were found".to_string(),
            _ => "no GPU was found".to_string(),
        })?;
        let info = describe(&adapter);
        let real = real.unwrap_or(if info.f64 { Real::F64 } else { Real::F32 });
        if real == Real::F64 && !info.f64 {
            return Err(format!("{} has no f64 arithmetic", info.name));
        }
        let features = if real == Real::F64 { wgpu::Features::SHADER_F64 } else { wgpu::Features::empty() };
        let descriptor = wgpu::DeviceDescriptor {
            label: None,
            required_features: features,
            required_limits: adapter.limits(),
            experimental_features: wgpu::ExperimentalFeatures::disabled(),
            memory_hints: wgpu::MemoryHints::Performance,
            trace: wgpu::Trace::Off,
        };
        let (device, queue) = pollster::block_on(adapter.request_device(&descriptor))
            .map_err(|e| format!("{} cannot be opened: {e}", info.name))?;
        let failure: Shared<Option<String>> = Arc::default();
        let (errors, losses) = (failure.clone(), failure.clone());
        device.on_uncaptured_error(Arc::new(move |e: wgpu::Error| {
            lock(&errors).get_or_insert(e.to_string());
        }));
        device.set_device_lost_callback(move |reason, text| {
            if reason != wgpu::DeviceLostReason::Destroyed {
                lock(&losses).get_or_insert(format!("the device was lost: {text}"));
            }
        });
        Ok(Device {
            info,
            real,
            device,
            queue,
            pool: Arc::default(),
            recorder: Mutex::default(),
            pipelines: Mutex::default(),
            rewrite,
            failure,
        })
    }

    /// What went wrong since the device was opened.
    pub fn failure(&self) -> Option<String> {
        lock(&self.failure).clone()
    }

    pub fn break_down(&self, text: &str) {
        lock(&self.failure).get_or_insert(text.into());
    }

    pub fn counts(&self) -> Counts {
        lock(&self.recorder).counts
    }

    /// So many bounds come back with the next read.
    pub fn bounded(&self, bounds: u64) {
        lock(&self.recorder).counts.bounds += bounds;
    }

    /// The most memory that buffers took.
    pub fn peak_bytes(&self) -> u64 {
        lock(&self.pool).peak
    }

    /// Bytes that one binding may have.
    pub fn binding(&self) -> u64 {
        self.info.binding.min((1 << 31) - 1) / ALIGN * ALIGN
    }

    /// From the pool, or a new one: a `fresh` one that no recorded command knows.
    fn buffer(&self, staging: bool, fresh: bool, bytes: u64) -> (wgpu::Buffer, u64) {
        let step = (bytes.max(ALIGN).next_power_of_two() / 8).max(ALIGN);
        let capacity = bytes.max(ALIGN).next_multiple_of(step);
        let mut pool = lock(&self.pool);
        let free = pool.free.get_mut(&(staging, capacity));
        if let Some(buffer) = free.filter(|_| !fresh).and_then(Vec::pop) {
            pool.idle -= capacity;
            return (buffer, capacity);
        }
        if pool.idle > pool.held / 2 && pool.idle > 64 << 20 {
            // Sizes have changed: what lies idle is given back.
            pool.held -= pool.idle;
            pool.idle = 0;
            pool.free.clear();
        }
        pool.held += capacity;
        pool.peak = pool.peak.max(pool.held);
        drop(pool);
        let usage = if staging {
            wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST
        } else {
            wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST | wgpu::BufferUsages::COPY_SRC
        };
        let descriptor =
            wgpu::BufferDescriptor { label: None, size: capacity, usage, mapped_at_creation: false };
        (self.device.create_buffer(&descriptor), capacity)
    }

    /// Room for `count` numbers.
    pub fn reals(&self, count: usize) -> Slab {
        self.slab((count * self.real.bytes()) as u64, false)
    }

    /// Room for `count` indices.
    pub fn indices(&self, count: usize) -> Slab {
        self.slab(4 * count as u64, false)
    }

    /// So many zeros, made there.
    pub fn blank(&self, count: usize) -> Slab {
        let slab = self.slab((count * self.real.bytes()) as u64, true);
        let mut encoder = self.device.create_command_encoder(&Default::default());
        encoder.clear_buffer(&slab.buffer, 0, None);
        self.queue.submit([encoder.finish()]);
        lock(&self.recorder).counts.submissions += 1;
        slab
    }

    fn slab(&self, bytes: u64, fresh: bool) -> Slab {
        let (buffer, capacity) = self.buffer(false, fresh, bytes);
        Slab { buffer, capacity, pool: self.pool.clone() }
    }

    /// Numbers of the device, already rounded by the caller.
    pub fn upload(&self, values: &[f64]) -> Slab {
        self.write(&self.encode(values))
    }

    pub fn upload_indices(&self, values: &[u32]) -> Slab {
        self.write(bytemuck::cast_slice(values))
    }

    fn encode(&self, values: &[f64]) -> Vec<u8> {
        match self.real {
            Real::F32 => values.iter().flat_map(|v| (*v as f32).to_le_bytes()).collect(),
            Real::F64 => values.iter().flat_map(|v| v.to_le_bytes()).collect(),
        }
    }

    fn write(&self, bytes: &[u8]) -> Slab {
        // Writes overtake recorded commands, which may still use a pooled buffer: nobody records in between.
        let mut recorder = lock(&self.recorder);
        recorder.counts.sent += bytes.len() as u64;
        let slab = self.slab(bytes.len() as u64, !recorder.commands.is_empty());
        if !bytes.is_empty() {
            self.queue.write_buffer(&slab.buffer, 0, bytes);
        }
        slab
    }

    fn pipeline(&self, kernel: &Kernel) -> (wgpu::ComputePipeline, wgpu::BindGroupLayout) {
        let mut pipelines = lock(&self.pipelines);
        if let Some(known) = pipelines.get(kernel.name.as_ref()) {
            return known.clone();
        }
        let built = self.compile(kernel);
        pipelines.insert(kernel.name.to_string(), built.clone());
        built
    }

    fn compile(&self, kernel: &Kernel) -> (wgpu::ComputePipeline, wgpu::BindGroupLayout) {
        let label = Some(kernel.name.as_ref());
        let text = (self.rewrite)(kernel.text(self.real));
        let module = self.device.create_shader_module(wgpu::ShaderModuleDescriptor {
            label,
            source: wgpu::ShaderSource::Wgsl(text.into()),
        });
        let entries: Vec<wgpu::BindGroupLayoutEntry> = (0..2 + kernel.reads + kernel.writes)
            .map(|k| wgpu::BindGroupLayoutEntry {
                binding: k as u32,
                visibility: wgpu::ShaderStages::COMPUTE,
                ty: wgpu::BindingType::Buffer {
                    ty: wgpu::BufferBindingType::Storage { read_only: k < 2 + kernel.reads },
                    has_dynamic_offset: false,
                    min_binding_size: None,
                },
                count: None,
            })
            .collect();
        let layout = self
            .device
            .create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor { label, entries: &entries });
        let pipeline_layout = self.device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
            label,
            bind_group_layouts: &[Some(&layout)],
            immediate_size: 0,
        });
        let pipeline = self.device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
            label,
            layout: Some(&pipeline_layout),
            module: &module,
            entry_point: Some("main"),
            compilation_options: wgpu::PipelineCompilationOptions::default(),
            cache: None,
        });
        (pipeline, layout)
    }

    /// Records one dispatch over a grid of workgroups.
    pub fn launch(&self, kernel: &Kernel, sizes: &[u32], consts: &[f64], data: &[View], grid: [u32; 3]) {
        assert_eq!(data.len(), kernel.reads + kernel.writes, "{}: buffers", kernel.name);
        assert!(grid.iter().all(|g| u64::from(*g) <= GROUPS), "{}: grid", kernel.name);
        if grid.contains(&0) {
            return;
        }
        let (pipeline, layout) = self.pipeline(kernel);
        let full = {
            let mut recorder = lock(&self.recorder);
            let sizes = recorder.keep(bytemuck::cast_slice(sizes));
            let consts = recorder.keep(&self.encode(consts));
            let data = data
                .iter()
                .map(|v| (v.slab.buffer.clone(), v.offset, v.bytes.next_multiple_of(4).max(16)))
                .collect();
            recorder.commands.push(Command { pipeline, layout, data, sizes, consts, grid });
            recorder.counts.dispatches += 1;
            recorder.commands.len() >= COMMANDS
        };
        if full {
            self.flush();
        }
    }

    /// Submits what was recorded.
    pub fn flush(&self) {
        self.submit(&[], None);
    }

    fn submit(&self, copies: &[(View, u64)], staging: Option<&wgpu::Buffer>) {
        let mut recorder = lock(&self.recorder);
        if recorder.commands.is_empty() && copies.is_empty() {
            return;
        }
        let commands = std::mem::take(&mut recorder.commands);
        let arena = std::mem::take(&mut recorder.arena);
        let mut encoder = self.device.create_command_encoder(&Default::default());
        if !commands.is_empty() {
            let shared = self.device.create_buffer(&wgpu::BufferDescriptor {
                label: Some("sizes and constants"),
                size: arena.len() as u64,
                usage: wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST,
                mapped_at_creation: false,
            });
            self.queue.write_buffer(&shared, 0, &arena);
            let mut pass = encoder.begin_compute_pass(&Default::default());
            for command in &commands {
                let small = [(&shared, command.sizes), (&shared, command.consts)];
                let all = small
                    .into_iter()
                    .map(|(b, (offset, bytes))| (b, offset, bytes))
                    .chain(command.data.iter().map(|(b, offset, bytes)| (b, *offset, *bytes)));
                let entries: Vec<wgpu::BindGroupEntry> = all
                    .enumerate()
                    .map(|(k, (buffer, offset, bytes))| wgpu::BindGroupEntry {
                        binding: k as u32,
                        resource: wgpu::BindingResource::Buffer(wgpu::BufferBinding {
                            buffer,
                            offset,
                            size: std::num::NonZeroU64::new(bytes),
                        }),
                    })
                    .collect();
                let group = self.device.create_bind_group(&wgpu::BindGroupDescriptor {
                    label: None,
                    layout: &command.layout,
                    entries: &entries,
                });
                pass.set_pipeline(&command.pipeline);
                pass.set_bind_group(0, &group, &[]);
                pass.dispatch_workgroups(command.grid[0], command.grid[1], command.grid[2]);
            }
        }
        if let Some(staging) = staging {
            for (view, to) in copies {
                encoder.copy_buffer_to_buffer(&view.slab.buffer, view.offset, staging, *to, view.bytes);
            }
        }
        self.queue.submit([encoder.finish()]);
        recorder.counts.submissions += 1;
        recorder.counts.sent += arena.len() as u64;
        recorder.counts.received += copies.iter().map(|(view, _)| view.bytes).sum::<u64>();
    }

    /// Reads `count` numbers of each buffer; None after a failure.
    pub fn read(&self, wanted: &[(&Slab, usize)]) -> Option<Vec<Vec<f64>>> {
        let mut total = 0;
        let copies: Vec<(View, u64)> = wanted
            .iter()
            .map(|&(slab, count)| {
                let bytes = (count * self.real.bytes()) as u64;
                let at = total;
                total += bytes.next_multiple_of(8);
                (View { slab, offset: 0, bytes }, at)
            })
            .collect();
        let (staging, capacity) = self.buffer(true, false, total.max(8));
        self.submit(&copies, Some(&staging));
        let done: Shared<Option<bool>> = Arc::default();
        let flag = done.clone();
        staging.slice(0..total.max(8)).map_async(wgpu::MapMode::Read, move |r| {
            *lock(&flag) = Some(r.is_ok());
        });
        let wait = wgpu::PollType::Wait { submission_index: None, timeout: Some(PATIENCE) };
        if let Err(e) = self.device.poll(wait) {
            lock(&self.failure).get_or_insert(format!("waiting for the device failed: {e}"));
        }
        if *lock(&done) != Some(true) {
            lock(&self.failure).get_or_insert("results cannot be read back".into());
        }
        if self.failure().is_some() {
            return None;
        }
        let result = {
            let Ok(bytes) = staging.get_mapped_range(0..total.max(8)) else {
                lock(&self.failure).get_or_insert("results cannot be read back".into());
                return None;
            };
            let decode = |(view, at): &(View, u64)| {
                let part = &bytes[*at as usize..(*at + view.bytes) as usize];
                match self.real {
                    Real::F32 => part
                        .chunks_exact(4)
                        .map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]) as f64)
                        .collect(),
                    Real::F64 => part
                        .chunks_exact(8)
                        .map(|b| f64::from_le_bytes(b.try_into().expect("eight bytes")))
                        .collect(),
                }
            };
            copies.iter().map(decode).collect()
        };
        staging.unmap();
        let mut pool = lock(&self.pool);
        pool.idle += capacity;
        pool.free.entry((true, capacity)).or_default().push(staging);
        Some(result)
    }

    /// A grid of workgroups that covers this many, folded into two axes.
    pub fn fold(groups: u64) -> [u32; 3] {
        let y = groups.div_ceil(GROUPS).max(1);
        [groups.div_ceil(y) as u32, y as u32, 1]
    }
}

impl Slab {
    /// The first numbers of the buffer.
    pub fn view(&self, real: Real, from: usize, count: usize) -> View<'_> {
        let size = real.bytes() as u64;
        View { slab: self, offset: from as u64 * size, bytes: count as u64 * size }
    }

    pub fn indices(&self, from: usize, count: usize) -> View<'_> {
        View { slab: self, offset: 4 * from as u64, bytes: 4 * count as u64 }
    }
}
