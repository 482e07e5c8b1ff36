//! Small ONNX models, written by hand.
#![allow(dead_code)]

use clarke::error::Result;
use clarke::net::Net;
use clarke::net::onnx::{self, Options, proto::*};
use prost::Message;

pub fn tensor(name: &str, dims: &[i64], values: &[f32]) -> TensorProto {
    let raw: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
    TensorProto {
        name: name.into(),
        dims: dims.to_vec(),
        data_type: data_type::FLOAT,
        raw_data: Some(raw.into()),
        ..Default::default()
    }
}

pub fn integers(name: &str, values: &[i64]) -> TensorProto {
    TensorProto {
        name: name.into(),
        dims: vec![values.len() as i64],
        data_type: data_type::INT64,
        int64_data: values.to_vec(),
        ..Default::default()
    }
}

pub fn node(op: &str, inputs: &[&str], output: &str, attribute: Vec<AttributeProto>) -> NodeProto {
    NodeProto {
        op_type: op.into(),
        input: inputs.iter().map(|&s| s.into()).collect(),
        output: output.split(',').map(Into::into).collect(),
        attribute,
        ..Default::default()
    }
}

pub fn int(name: &str, i: i64) -> AttributeProto {
    AttributeProto { name: name.into(), i: Some(i), r#type: attribute_type::INT, ..Default::default() }
}

pub fn ints(name: &str, list: &[i64]) -> AttributeProto {
    AttributeProto {
        name: name.into(),
        ints: list.to_vec(),
        r#type: attribute_type::INTS,
        ..Default::default()
    }
}

pub fn float(name: &str, f: f32) -> AttributeProto {
    AttributeProto { name: name.into(), f: Some(f), r#type: attribute_type::FLOAT, ..Default::default() }
}

pub fn text(name: &str, s: &str) -> AttributeProto {
    AttributeProto {
        name: name.into(),
        s: Some(s.into()),
        r#type: attribute_type::STRING,
        ..Default::default()
    }
}

pub fn value(name: &str, shape: &[i64]) -> ValueInfoProto {
    let dim = shape.iter().map(|&d| Dimension { dim_value: Some(d), dim_param: None }).collect();
    let tensor_type = Some(TensorType { elem_type: data_type::FLOAT, shape: Some(ShapeProto { dim }) });
    ValueInfoProto { name: name.into(), r#type: Some(TypeProto { tensor_type }) }
}

/// From `x` of the given shape to `y`.
pub fn model(opset: i64, shape: &[i64], node: Vec<NodeProto>, initializer: Vec<TensorProto>) -> ModelProto {
    ModelProto {
        ir_version: 8,
        opset_import: vec![OperatorSetIdProto { domain: String::new(), version: opset }],
        graph: Some(GraphProto {
            node,
            initializer,
            input: vec![value("x", shape)],
            output: vec![value("y", &[])],
        }),
    }
}

pub fn import(model: &ModelProto) -> Result<Net> {
    onnx::load(&model.encode_to_vec(), &Options { keep_softmax: true, ..Options::default() })
}
