//! Adapters: which there are, what they can do, which one is meant.

/// An adapter as `--device gpu:N` and `clarke devices` see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Info {
    pub name: String,
    pub api: String,
    pub driver: String,
    /// A driver that computes on the CPU.
    pub software: bool,
    pub f64: bool,
    /// Can it unpack f16?
    pub f16: bool,
    pub binding: u64,
    /// Bytes of memory and invocations that a workgroup may have.
    pub shared: usize,
    pub lanes: usize,
    /// On the bus, as `0000:01:00.0`; empty where that is not known.
    pub place: String,
}

/// Which adapter to use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// The first real one; never a software driver.
    Real,
    /// Real ones first, else a software driver.
    Any,
    /// The N-th of the list.
    Index(usize),
}

/// Files that Linux shows where there is a GPU: of DRM, NVIDIA, AMD, WSL, Mali and Adreno.
const NODES: [&str; 6] =
    ["/dev/dri", "/dev/nvidiactl", "/dev/kfd", "/dev/dxg", "/dev/mali0", "/dev/kgsl-3d0"];

/// Can there be a real one? Drivers are not even loaded where not: some of them write to stderr.
pub fn may_be_real() -> bool {
    !cfg!(target_os = "linux") || NODES.iter().any(|node| std::path::Path::new(node).exists())
}

pub fn adapters() -> Vec<wgpu::Adapter> {
    let backends = wgpu::Backends::VULKAN | wgpu::Backends::METAL | wgpu::Backends::DX12;
    let mut descriptor = wgpu::InstanceDescriptor::new_without_display_handle();
    descriptor.backends = backends;
    descriptor.flags = wgpu::InstanceFlags::empty();
    let instance = wgpu::Instance::new(descriptor);
    let mut list = pollster::block_on(instance.enumerate_adapters(backends));
    // Real devices first; discrete before integrated before virtual.
    list.sort_by_key(|a| match a.get_info().device_type {
        wgpu::DeviceType::DiscreteGpu => 0,
        wgpu::DeviceType::IntegratedGpu => 1,
        wgpu::DeviceType::VirtualGpu => 2,
        wgpu::DeviceType::Other => 3,
        wgpu::DeviceType::Cpu => 4,
    });
    list
}

pub fn describe(adapter: &wgpu::Adapter) -> Info {
    let info = adapter.get_info();
    Info {
        place: info.device_pci_bus_id.to_lowercase(),
        name: info.name,
        api: info.backend.to_string(),
        driver: format!("{} {}", info.driver, info.driver_info).trim().into(),
        software: info.device_type == wgpu::DeviceType::Cpu,
        f16: adapter.get_downlevel_capabilities().flags.contains(wgpu::DownlevelFlags::SHADER_F16_IN_F32),
        f64: adapter.features().contains(wgpu::Features::SHADER_F64),
        shared: adapter.limits().max_compute_workgroup_storage_size as usize,
        lanes: adapter.limits().max_compute_invocations_per_workgroup as usize,
        binding: adapter.limits().max_storage_buffer_binding_size,
    }
}

/// All adapters, in the order of `Choice::Index`.
pub fn list() -> Vec<Info> {
    adapters().iter().map(describe).collect()
}
