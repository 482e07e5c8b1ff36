//! All tests that need nothing but this repository, in one program: what is generic in the engine is
//! compiled once for all of them.

mod adversarial;
mod api;
mod architecture;
mod around;
mod balls;
mod certificates;
#[cfg(feature = "cli")]
mod cli;
mod climbs;
mod common;
mod convolution_norms;
#[cfg(feature = "cli")]
mod data_files;
mod degenerate;
#[cfg(feature = "cli")]
mod dumps;
mod evidence;
mod examples;
mod exports;
#[cfg(feature = "cli")]
mod external;
#[cfg(feature = "cli")]
mod forgeries;
mod formats;
mod global;
mod goals;
mod groups;
#[cfg(feature = "cli")]
mod hostile;
#[cfg(feature = "cli")]
mod hostile_onnx;
#[cfg(feature = "cli")]
mod jobs;
mod kernels;
mod laws;
mod layer_norms;
mod leads;
#[cfg(feature = "cli")]
mod limits;
mod lipopt;
mod lives;
mod margins;
mod matrix_norms;
#[cfg(feature = "cli")]
mod mistakes;
mod mutants;
mod norm_certificates;
mod numbers;
mod onnx_builder;
mod operators;
mod order;
mod pairs;
#[cfg(feature = "cli")]
mod pictures;
mod product_shapes;
mod propagation;
mod properties;
#[cfg(feature = "cli")]
mod property_files;
mod published;
#[cfg(feature = "cli")]
mod rates;
#[cfg(feature = "cli")]
mod readme;
mod regions;
mod report;
#[cfg(all(feature = "gpu", feature = "cli"))]
mod roofline;
mod search;
#[cfg(feature = "cli")]
mod sources;
mod spectral;
mod truth;
mod written_out;
