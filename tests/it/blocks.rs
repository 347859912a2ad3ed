//! Matrices in blocks of whole numbers: the error is bounded, files come back, and what is damaged
//! is refused by name.

use std::collections::BTreeMap;

use oneflow_web::checkpoint::blocks::{BLOCKS, BlockFormat, BlockSpec, Blocks, SCALES};
use oneflow_web::checkpoint::{Dtype, StoredTensor, Weights, safetensors_from_tensors};
use oneflow_web::flow::rng::Rng;
use serde_json::{Value, json};

const FORMATS: [(BlockFormat, f32); 2] = [(BlockFormat::Q8, 127.0), (BlockFormat::Q4, 7.0)];

fn normals(n: usize, std: f32, seed: u64) -> Vec<f32> {
    let mut rng = Rng::new(seed);
    (0..n).map(|_| std * rng.normal()).collect()
}

fn specs() -> Vec<BlockSpec> {
    let mut specs = Vec::new();
    for (format, _) in FORMATS {
        for (block, axis, shape) in [(32, 0, [64, 5]), (64, 0, [192, 3]), (32, 1, [7, 96]), (128, 1, [2, 256])] {
            specs.push(BlockSpec { format, block, axis, shape });
        }
    }
    specs
}

/// The numbers of each block, by where they stand in the matrix.
fn lines(spec: &BlockSpec) -> Vec<Vec<usize>> {
    let [rows, cols] = spec.shape;
    let (k, n) = if spec.axis == 0 { (rows, cols) } else { (cols, rows) };
    let place = |line: usize, i: usize| if spec.axis == 0 { i * cols + line } else { line * cols + i };
    (0..n)
        .flat_map(|line| (0..k / spec.block).map(move |b| (line, b)))
        .map(|(line, b)| (b * spec.block..(b + 1) * spec.block).map(|i| place(line, i)).collect())
        .collect()
}

fn squared_error(a: &[f32], b: &[f32], places: &[usize]) -> f64 {
    places.iter().map(|&i| (f64::from(a[i]) - f64::from(b[i])).powi(2)).sum()
}

/// Rounding to the grid that reaches from minus to plus the largest value is one of the choices, or
/// nearly: the fit is no worse, up to the rounding of the scale to half precision.
#[test]
fn no_block_is_worse_than_rounding_to_its_largest_value() {
    for (seed, spec) in specs().into_iter().enumerate() {
        let high = FORMATS.iter().find(|(format, _)| *format == spec.format).unwrap().1;
        for std in [0.01, 0.05, 3.0] {
            let values = normals(spec.shape[0] * spec.shape[1], std, seed as u64);
            let found = Blocks::fit(spec, &values).unwrap().to_f32();
            for places in lines(&spec) {
                let largest = places.iter().map(|&i| values[i].abs()).fold(0.0, f32::max);
                let scale = largest / high;
                let plain: Vec<f32> = values.iter().map(|value| (value / scale).round() * scale).collect();
                let (ours, bound) = (squared_error(&found, &values, &places), squared_error(&plain, &values, &places));
                assert!(ours <= 1.02 * bound, "{spec:?} {std}: {ours} {bound}");
                // The largest may be cut off, by no more than the choices allow.
                assert!(places.iter().all(|&i| (found[i] - values[i]).abs() <= 0.4 * largest), "{spec:?}");
            }
        }
    }
}

/// Relative errors of normal numbers. A uniform step Δ has Δ²/12; the largest of 32 to 128 normal
/// numbers is about 2.1 to 2.7 σ, so √(1/12)·2.7/127 = 0.6 % and √(1/12)·2.7/7.5 = 10 % at most.
#[test]
fn normal_numbers_lose_as_much_as_their_bits_say() {
    for spec in specs() {
        let values = normals(spec.shape[0] * spec.shape[1], 0.1, 9);
        let found = Blocks::fit(spec, &values).unwrap().to_f32();
        let all: Vec<usize> = (0..values.len()).collect();
        let share =
            (squared_error(&found, &values, &all) / squared_error(&vec![0.0; values.len()], &values, &all)).sqrt();
        let (low, high) = if spec.format == BlockFormat::Q8 { (0.002, 0.007) } else { (0.04, 0.11) };
        assert!((low..high).contains(&share), "{spec:?}: {share}");
    }
}

#[test]
fn what_blocks_can_hold_comes_back_exactly() {
    for spec in specs() {
        let values = normals(spec.shape[0] * spec.shape[1], 0.1, 10);
        let once = Blocks::fit(spec, &values).unwrap();
        let (packed, scales) = once.to_tensors().unwrap();
        let mut weights = parse(&spec, packed, scales, None).unwrap();
        let read = weights.take_f32("w", &spec.shape).unwrap();
        weights.finish().unwrap();
        assert_eq!(read, once.to_f32());
    }
    let spec = BlockSpec { format: BlockFormat::Q4, block: 32, axis: 1, shape: [2, 32] };
    // Nothing, and numbers too small for any scale.
    assert_eq!(Blocks::fit(spec, &[0.0; 64]).unwrap().to_f32(), [0.0; 64]);
    assert_eq!(Blocks::fit(spec, &[1e-30; 64]).unwrap().to_f32(), [0.0; 64]);
    // A grid of sixteenths, from -8 to 7.
    let grid: Vec<f32> = (0..64).map(|i| (i % 16 - 8) as f32 / 16.0).collect();
    assert_eq!(Blocks::fit(spec, &grid).unwrap().to_f32(), grid);
    let spec = BlockSpec { format: BlockFormat::Q8, block: 128, axis: 1, shape: [1, 256] };
    let grid: Vec<f32> = (0..256).map(|i| (i % 128 * 2 - 128) as f32 / 4.0).collect();
    assert_eq!(Blocks::fit(spec, &grid).unwrap().to_f32(), grid);
}

#[test]
fn what_cannot_be_stored_is_not() {
    let spec = BlockSpec { format: BlockFormat::Q4, block: 32, axis: 0, shape: [64, 2] };
    let values = vec![1.0; 128];
    assert!(Blocks::fit(spec, &values).is_some());
    assert!(Blocks::fit(spec, &values[1..]).is_none());
    assert!(Blocks::fit(BlockSpec { axis: 1, ..spec }, &values).is_none());
    assert!(Blocks::fit(BlockSpec { axis: 2, ..spec }, &values).is_none());
    assert!(Blocks::fit(BlockSpec { block: 16, ..spec }, &values).is_none());
    assert!(Blocks::fit(BlockSpec { block: 128, ..spec }, &values).is_none());
    assert!(Blocks::fit(spec, &vec![1e9; 128]).is_none());
}

fn parse(
    spec: &BlockSpec,
    packed: StoredTensor,
    scales: StoredTensor,
    described: Option<Value>,
) -> oneflow_web::Result<Weights> {
    let tensors = BTreeMap::from([("w".to_string(), packed), (format!("w{SCALES}"), scales)]);
    let described = described.unwrap_or_else(|| json!({ "w": spec }));
    let metadata = BTreeMap::from([(BLOCKS.to_string(), described.to_string())]);
    Weights::parse("model.safetensors", safetensors_from_tensors(&tensors, &metadata))
}

#[test]
fn every_damage_is_named() {
    let spec = BlockSpec { format: BlockFormat::Q4, block: 32, axis: 1, shape: [2, 64] };
    let (packed, scales) = Blocks::fit(spec, &normals(128, 1.0, 1)).unwrap().to_tensors().unwrap();
    let described = |change: &dyn Fn(&mut Value)| {
        let mut value = json!({ "w": spec });
        change(&mut value["w"]);
        parse(&spec, packed.clone(), scales.clone(), Some(value))
    };
    let refused = |found: oneflow_web::Result<Weights>, expected: &str| {
        let error = found.unwrap_err();
        assert_eq!(error.code(), "invalid-model");
        let message = error.to_string();
        assert!(message.starts_with("model.safetensors cannot be used: ") && message.contains(expected), "{message}");
    };
    assert!(described(&|_| {}).is_ok());
    refused(
        described(&|w| w["format"] = "q5".into()),
        "is not a description of blocks: unknown variant `q5`, expected `q8` or `q4`",
    );
    refused(described(&|w| w["block"] = 48.into()), "tensor `w` has blocks of 48; expected 32, 64 or 128");
    refused(described(&|w| w["block"] = 0.into()), "tensor `w` has blocks of 0; expected");
    refused(described(&|w| w["axis"] = 2.into()), "tensor `w` has blocks along axis 2; expected 0 or 1");
    refused(
        described(&|w| w["axis"] = 0.into()),
        "tensor `w` has 2 numbers along axis 0 in blocks of 32; expected a multiple",
    );
    refused(
        described(&|w| w["shape"] = json!([2, 96])),
        "tensor `w` has packed numbers of U32 [2, 8]; expected U32 [2, 12]",
    );
    refused(described(&|w| w["shape"] = json!([1u64 << 40, 1u64 << 40])), "which is too large");
    refused(described(&|w| w["shape"] = json!([2])), "is not a description of blocks: invalid length 1");
    refused(
        described(&|w| w["format"] = "q8".into()),
        "tensor `w` has packed numbers of U32 [2, 8]; expected U32 [2, 16]",
    );
    refused(described(&|w| w["block"] = 64.into()), "tensor `w` has scales of F16 [2, 2]; expected F16 [2, 1]");
    refused(described(&|w| w["zero"] = 1.into()), "is not a description of blocks: unknown field `zero`");
    refused(parse(&spec, packed.clone(), scales.clone(), Some(json!("w"))), "is not a description of blocks");
    refused(parse(&spec, packed.clone(), scales.clone(), Some(json!({ "v": spec }))), "tensor `v` is missing");
    let single = StoredTensor::f32(&[2, 2], &[1.0; 4]).unwrap();
    refused(parse(&spec, packed.clone(), single, None), "tensor `w` has scales of F32 [2, 2]; expected F16 [2, 2]");
    let bytes = StoredTensor::new(Dtype::U8, &[2, 8], vec![0; 16]).unwrap();
    refused(
        parse(&spec, bytes, scales.clone(), None),
        "tensor `w` has packed numbers of U8 [2, 8]; expected U32 [2, 8]",
    );
    let alone = BTreeMap::from([("w".to_string(), packed.clone())]);
    let metadata = BTreeMap::from([(BLOCKS.to_string(), json!({ "w": spec }).to_string())]);
    let file = safetensors_from_tensors(&alone, &metadata);
    refused(Weights::parse("model.safetensors", file), "tensor `w.scales` is missing");

    for (bits, shown) in [(0x7e00u16, "NaN"), (0x7c00, "inf"), (0xfc00, "-inf")] {
        let halves = [0x3c00, bits, 0x3c00, 0x3c00].iter().flat_map(|half: &u16| half.to_le_bytes()).collect();
        let scales = StoredTensor::new(Dtype::F16, &[2, 2], halves).unwrap();
        let error = parse(&spec, packed.clone(), scales, None).unwrap().take_f32("w", &[2, 64]).unwrap_err();
        assert!(error.to_string().contains(&format!("tensor `w` has a scale of {shown} at place 1")), "{error}");
    }
    let error = described(&|_| {}).unwrap().take_f32("w", &[64, 2]).unwrap_err();
    assert!(error.to_string().contains("tensor `w` has shape [2, 64]; expected [64, 2]"), "{error}");
    let error = described(&|_| {}).unwrap().take_blocks("v").unwrap_err();
    assert!(error.to_string().contains("tensor `v` is missing, or not in blocks"), "{error}");
    // Who does not know of blocks has them left over.
    refused_leftover(described(&|_| {}).unwrap());
}

#[track_caller]
fn refused_leftover(weights: Weights) {
    let error = weights.finish().unwrap_err();
    assert!(error.to_string().contains("2 of its tensors have no place in this model, such as `w`"), "{error}");
}

/// Any byte of a file may be another: it is read or refused, and nothing panics.
#[test]
fn a_changed_byte_is_read_or_refused() {
    let spec = BlockSpec { format: BlockFormat::Q8, block: 32, axis: 0, shape: [32, 2] };
    let (packed, scales) = Blocks::fit(spec, &normals(64, 1.0, 2)).unwrap().to_tensors().unwrap();
    let tensors = BTreeMap::from([("w".to_string(), packed), (format!("w{SCALES}"), scales)]);
    let metadata = BTreeMap::from([(BLOCKS.to_string(), json!({ "w": spec }).to_string())]);
    let file = safetensors_from_tensors(&tensors, &metadata);
    let (mut n_read, mut n_refused) = (0, 0);
    for place in 0..file.len() {
        for flipped in [1u8, 0x80, 0xff] {
            let mut file = file.clone();
            file[place] ^= flipped;
            match Weights::parse("w", file).and_then(|mut weights| weights.take_f32("w", &[32, 2])) {
                Ok(values) => {
                    assert!(values.len() == 64 && values.iter().all(|value| value.is_finite()));
                    n_read += 1;
                }
                Err(error) => {
                    assert_eq!(error.code(), "invalid-model");
                    n_refused += 1;
                }
            }
        }
    }
    assert!(n_read > 150 && n_refused > 150, "{n_read} {n_refused}");
}
