//! A tensor as it lies in a file.

use half::f16;

/// How the numbers of a stored tensor are written, little-endian.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dtype {
    /// 32-bit float.
    F32,
    /// 16-bit float, IEEE 754 half precision.
    F16,
    /// 32 packed bits.
    U32,
    /// 8 packed bits.
    U8,
}

impl Dtype {
    /// The name in a safetensors header.
    pub fn name(self) -> &'static str {
        match self {
            Dtype::F32 => "F32",
            Dtype::F16 => "F16",
            Dtype::U32 => "U32",
            Dtype::U8 => "U8",
        }
    }

    /// The dtype of a name, if it is one that we know.
    pub fn from_name(name: &str) -> Option<Dtype> {
        [Dtype::F32, Dtype::F16, Dtype::U32, Dtype::U8].into_iter().find(|dtype| dtype.name() == name)
    }

    /// How long one number is.
    pub fn size_bytes(self) -> usize {
        match self {
            Dtype::F32 | Dtype::U32 => 4,
            Dtype::F16 => 2,
            Dtype::U8 => 1,
        }
    }
}

/// A tensor in the storage that it has in the file: row-major, the last axis fastest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredTensor {
    dtype: Dtype,
    shape: Vec<usize>,
    bytes: Vec<u8>,
}

impl StoredTensor {
    /// A tensor from its bytes; nothing if there are not as many as shape and dtype ask for.
    pub fn new(dtype: Dtype, shape: &[usize], bytes: Vec<u8>) -> Option<StoredTensor> {
        (size_bytes(dtype, shape)? == bytes.len()).then(|| StoredTensor { dtype, shape: shape.into(), bytes })
    }

    /// Stores numbers as they are; nothing if the shape is of another length.
    pub fn f32(shape: &[usize], values: &[f32]) -> Option<StoredTensor> {
        StoredTensor::new(Dtype::F32, shape, values.iter().flat_map(|value| value.to_le_bytes()).collect())
    }

    /// Stores numbers in half the space, rounded to the nearest; nothing if the shape is of another
    /// length or if a number is too large (65520 and more) and would become infinite.
    pub fn f16(shape: &[usize], values: &[f32]) -> Option<StoredTensor> {
        let halves: Vec<f16> = values.iter().map(|&value| f16::from_f32(value)).collect();
        if halves.iter().zip(values).any(|(half, value)| half.is_finite() != value.is_finite()) {
            return None;
        }
        StoredTensor::new(Dtype::F16, shape, halves.iter().flat_map(|half| half.to_le_bytes()).collect())
    }

    /// How the numbers are stored.
    pub fn dtype(&self) -> Dtype {
        self.dtype
    }

    /// The lengths of the axes.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The numbers as they are stored.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The numbers of a tensor of `F16`.
    pub(super) fn to_f16(&self) -> Vec<f16> {
        let (halves, _) = self.bytes.as_chunks();
        halves.iter().map(|&bytes| f16::from_le_bytes(bytes)).collect()
    }

    /// The numbers, if they are floats.
    pub fn to_f32(&self) -> Option<Vec<f32>> {
        match self.dtype {
            Dtype::F32 => {
                let (values, _) = self.bytes.as_chunks();
                Some(values.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect())
            }
            Dtype::F16 => Some(self.to_f16().into_iter().map(f16::to_f32).collect()),
            Dtype::U32 | Dtype::U8 => None,
        }
    }
}

/// The length of a tensor; nothing if it is too large for this machine to count.
pub(super) fn size_bytes(dtype: Dtype, shape: &[usize]) -> Option<usize> {
    shape.iter().try_fold(dtype.size_bytes(), |size, &axis| size.checked_mul(axis))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_finite_half_comes_back_from_f16() {
        let values: Vec<f32> =
            (0..=u16::MAX).map(|bits| f16::from_bits(bits).to_f32()).filter(|v| v.is_finite()).collect();
        let stored = StoredTensor::f16(&[values.len()], &values).unwrap();
        assert_eq!(stored.bytes().len(), 2 * values.len());
        let back = stored.to_f32().unwrap();
        assert!(back.iter().zip(&values).all(|(a, b)| a.to_bits() == b.to_bits()));
    }

    #[test]
    fn f16_rounds_by_at_most_half_a_unit_and_refuses_what_overflows() {
        // 11 bits of significand: a relative error of at most 2^-11 for normal numbers.
        let values: Vec<f32> = (1..5000).map(|i| i as f32 * 1.2345e-2).collect();
        let back = StoredTensor::f16(&[4999], &values).unwrap().to_f32().unwrap();
        assert!(back.iter().zip(&values).all(|(a, b)| (a - b).abs() <= b * 2f32.powi(-11)));
        assert_eq!(StoredTensor::f16(&[1], &[65519.0]).unwrap().to_f32().unwrap(), [65504.0]);
        assert_eq!(StoredTensor::f16(&[1], &[65520.0]), None);
    }

    #[test]
    fn shape_and_length_agree() {
        assert!(StoredTensor::f32(&[2, 3], &[0.0; 6]).is_some());
        assert!(StoredTensor::f32(&[], &[1.0]).is_some());
        assert!(StoredTensor::f32(&[0, 3], &[]).is_some());
        assert_eq!(StoredTensor::f32(&[2, 3], &[0.0; 5]), None);
        assert_eq!(StoredTensor::new(Dtype::U8, &[usize::MAX, 2], vec![]), None);
    }
}
