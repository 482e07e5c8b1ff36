//! A network with the bytes that it came from, read once.

use super::{Device, Placed};
use crate::certificate::file::{EMBEDDED, External, Source};
use crate::data::base64;
use crate::error::{Error, Result};
use crate::layer::Affine;
use crate::method::layer;
use crate::net::{self, Net, Node, Op, Options as Import, SourceFile};
use crate::num::round::sub_down;
use crate::num::{Norm, Written};
use crate::sweep::values::values;
use std::path::Path;
use std::sync::Arc;

/// A network, and how it came from its files.
#[derive(Clone, Debug)]
pub struct Model {
    net: Arc<Net>,
    source: Arc<Source>,
}

impl Model {
    /// From a file of any of the formats.
    pub fn open(path: impl AsRef<Path>) -> Result<Model> {
        Model::import(path, &Import::default())
    }

    /// The same with wishes about the import.
    pub fn import(path: impl AsRef<Path>, import: &Import) -> Result<Model> {
        Model::of(net::Source::read(path.as_ref())?, import)
    }

    /// The same of a file in memory, by its name.
    pub fn held(name: &str, bytes: Vec<u8>, import: &Import) -> Result<Model> {
        Model::of(net::Source::held(SourceFile::new(name, bytes), vec![]), import)
    }

    fn of(mut from: net::Source, import: &Import) -> Result<Model> {
        let net = Arc::new(from.import(import)?);
        Ok(Model { net, source: Arc::new(source(&from, import)) })
    }

    /// (x − mean) / std per channel in front of the network.
    pub fn normalised(self, mean: Option<&[Written]>, std: Option<&[Written]>) -> Result<Model> {
        let listed = |list: Option<&[Written]>| list.map(<[Written]>::to_vec);
        let source = Source { mean: listed(mean), std: listed(std), ..(*self.source).clone() };
        let net = Arc::unwrap_or_clone(self.net).normalised(mean, std)?;
        Ok(Model { net: Arc::new(net), source: Arc::new(source) })
    }

    /// The network that a certificate or a dumped problem names, from that file itself or from others with the
    /// same digest.
    #[doc(hidden)]
    pub fn named(from: &Source, outside: Option<&Path>) -> Result<Model> {
        let mut files = match outside {
            Some(path) => net::Source::read(path)?,
            None => held(from)?,
        };
        let import = Import {
            keep_softmax: from.keep_softmax,
            input_shape: from.input_shape.clone(),
            output: from.output_name.clone(),
        };
        let net = files.import(&import)?;
        if files.sha256() != from.sha256 {
            let named = from.external.iter().map(|f| format!("; {}: {}", f.name, f.sha256));
            return Err(Error::input("the network is not the one that the file names").next(format!(
                "its SHA-256 must be {}{}",
                from.sha256,
                named.collect::<String>()
            )));
        }
        let net = net.normalised(from.mean.as_deref(), from.std.as_deref())?;
        Ok(Model { net: Arc::new(net), source: Arc::new(from.clone()) })
    }

    #[doc(hidden)]
    pub fn net(&self) -> &Arc<Net> {
        &self.net
    }

    /// Numbers of a sample.
    pub fn inputs(&self) -> usize {
        self.net.inputs()
    }

    /// Their axes.
    pub fn input_shape(&self) -> &[usize] {
        &self.net.nodes[0].shape
    }

    /// Numbers that it gives.
    pub fn outputs(&self) -> usize {
        self.net.outputs()
    }

    /// What it gives for a sample, enclosed.
    pub fn output(&self, sample: &[Written]) -> Enclosed {
        let x: Vec<_> = sample.iter().map(Written::coefficient).collect();
        let y = values(&self.net, &x);
        Enclosed { lower: y.lo().iter().copied().collect(), upper: y.hi().iter().copied().collect() }
    }

    /// Both ends of the norm of every linear layer, in the order of the network.
    pub fn layer_norms(&self, from: Norm, to: Norm) -> Vec<LayerBounds> {
        let layers = self.net.nodes.iter().filter_map(|node| match &node.op {
            Op::Affine(a) => Some((node, a)),
            _ => None,
        });
        let bounds = |(node, a): (&Node, &Affine)| {
            let found = layer::norm(&a.map, from, to, layer::Effort::FULL);
            LayerBounds { name: node.name.clone(), lower: found.lower.get(), upper: found.upper.get() }
        };
        layers.map(bounds).collect()
    }

    /// Of the bytes that the network was read from.
    pub fn sha256(&self) -> &str {
        &self.source.sha256
    }

    /// What a certificate says of the network's files.
    #[doc(hidden)]
    pub fn source(&self) -> &Arc<Source> {
        &self.source
    }

    /// Its weights on a device, once.
    pub fn on(&self, device: Device) -> Result<Placed> {
        self.on_for(device, self.net.outputs())
    }

    /// The same where only questions about so many outputs are to come.
    pub fn on_for(&self, device: Device, rows: usize) -> Result<Placed> {
        Placed::of(self.net.clone(), device, rows, Some(self.source.clone()))
    }
}

/// What a network gives for one sample: every number lies between its ends.
#[derive(Clone, Debug, PartialEq)]
pub struct Enclosed {
    /// Lower ends.
    pub lower: Vec<f64>,
    /// Upper ends.
    pub upper: Vec<f64>,
}

impl Enclosed {
    /// The output that is proven to be the largest.
    pub fn class(&self) -> Option<usize> {
        (0..self.lower.len()).find(|&i| self.leads(i).iter().all(|lead| *lead > 0.0))
    }

    /// How far a class is ahead of every other one at least, in the order of the others.
    pub fn leads(&self, class: usize) -> Vec<f64> {
        let others = (0..self.upper.len()).filter(|&j| j != class);
        others.map(|j| sub_down(self.lower[class], self.upper[j])).collect()
    }
}

/// Both ends of a linear layer's norm.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerBounds {
    /// The layer's name in the file.
    pub name: String,
    /// Proven lower end.
    pub lower: f64,
    /// Proven upper end.
    pub upper: f64,
}

/// All that is kept of the files, and small ones whole.
fn source(from: &net::Source, import: &Import) -> Source {
    let whole = from.size() <= EMBEDDED;
    let text = |file: &SourceFile| whole.then(|| base64::encode(&file.bytes));
    let external = |f: &SourceFile| External { name: f.name.clone(), sha256: f.sha256(), bytes: text(f) };
    Source {
        name: from.file.name.clone(),
        sha256: from.sha256(),
        bytes: text(&from.file),
        external: from.external().iter().map(external).collect(),
        input_shape: import.input_shape.clone(),
        output_name: import.output.clone(),
        keep_softmax: import.keep_softmax,
        mean: None,
        std: None,
    }
}

/// The files that travel with the certificate.
fn held(from: &Source) -> Result<net::Source> {
    let file = |name: &str, text: &Option<String>| {
        let text = text.as_ref().ok_or_else(|| {
            Error::input("the file does not hold its network")
                .next(format!("give it with --net: {}", from.name))
        })?;
        let bytes = base64::decode(text).ok_or_else(|| Error::input("its network is damaged"))?;
        Ok(SourceFile::new(name, bytes))
    };
    let external = from.external.iter().map(|f| file(&f.name, &f.bytes)).collect::<Result<_>>()?;
    Ok(net::Source::held(file(&from.name, &from.bytes)?, external))
}
