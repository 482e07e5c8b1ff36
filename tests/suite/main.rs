//! All tests that need nothing but this repository, in one program: what is generic in the engine is
//! compiled once for all of them.

mod adversarial;
mod architecture;
mod certificates;
mod cli;
mod common;
mod convolution_norms;
mod data_files;
mod degenerate;
mod evidence;
mod formats;
mod global;
mod goals;
mod hostile;
mod hostile_onnx;
mod kernels;
mod laws;
mod layer_norms;
mod limits;
mod matrix_norms;
mod numbers;
mod onnx_builder;
mod operators;
mod order;
mod pairs;
mod product_shapes;
mod readme;
mod regions;
mod report;
mod search;
mod spectral;
mod truth;
