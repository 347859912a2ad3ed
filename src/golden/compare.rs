//! Numbers of a golden file, and how far ours are from them.

use serde_json::Value;

use crate::error::{Error, Result};

/// What was compared, in the order in which it was first met.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    /// One for each name in the file.
    pub quantities: Vec<Quantity>,
}

/// All numbers of one name in a golden file.
#[derive(Clone, Debug, PartialEq)]
pub struct Quantity {
    /// The name.
    pub name: &'static str,
    /// Numbers compared.
    pub n_values: usize,
    /// The largest deviation.
    pub deviation: f64,
    /// The largest that the file allows.
    pub tolerance: f64,
}

/// The comparison of one file.
pub struct Check<'a> {
    tolerances: &'a [Value],
    /// What was compared so far.
    pub report: Report,
}

impl<'a> Check<'a> {
    /// One that goes by the tolerances of a file.
    pub fn new(tolerances: &'a [Value]) -> Self {
        Self { tolerances, report: Report::default() }
    }

    /// [`Check::numbers`] of single precision.
    pub fn singles(&mut self, case: &Value, name: &'static str, found: Vec<f32>) -> Result<()> {
        self.numbers(case, name, found.into_iter().map(f64::from).collect())
    }

    /// Compares with the numbers of the field `name`, nested or not.
    pub fn numbers(&mut self, case: &Value, name: &'static str, found: Vec<f64>) -> Result<()> {
        let expected = reals(case, name)?;
        if found.len() != expected.len() {
            return Err(broken(format!("`{name}` has {} numbers, expected {}", found.len(), expected.len())));
        }
        let tolerance = self.tolerance(name)?;
        let mut largest: f64 = 0.0;
        for (i, (&found, &expected)) in found.iter().zip(&expected).enumerate() {
            let deviation = (found - expected).abs() / expected.abs().max(1.0);
            if deviation.is_nan() || deviation > tolerance {
                let reason = format!("`{name}`, number {i}, is {found}, expected {expected} within {tolerance}");
                return Err(broken(reason));
            }
            largest = largest.max(deviation);
        }
        let quantities = &mut self.report.quantities;
        match quantities.iter_mut().find(|quantity| quantity.name == name) {
            Some(quantity) => {
                quantity.n_values += found.len();
                quantity.deviation = quantity.deviation.max(largest);
            }
            None => quantities.push(Quantity { name, n_values: found.len(), deviation: largest, tolerance }),
        }
        Ok(())
    }

    fn tolerance(&self, name: &str) -> Result<f64> {
        for group in self.tolerances {
            if list(group, "quantities")?.iter().any(|quantity| quantity.as_str() == Some(name)) {
                return real(group, "value");
            }
        }
        Err(broken(format!("it has no tolerance for `{name}`")))
    }
}

pub fn field<'a>(value: &'a Value, name: &str) -> Result<&'a Value> {
    value.get(name).ok_or_else(|| broken(format!("`{name}` is missing")))
}

pub fn list<'a>(value: &'a Value, name: &str) -> Result<&'a [Value]> {
    field(value, name)?.as_array().map(Vec::as_slice).ok_or_else(|| broken(format!("`{name}` is no list")))
}

pub fn real(value: &Value, name: &str) -> Result<f64> {
    field(value, name)?.as_f64().ok_or_else(|| broken(format!("`{name}` is no number")))
}

/// The numbers of a field, one number or a list of such fields, in reading order.
pub fn reals(value: &Value, name: &str) -> Result<Vec<f64>> {
    let mut numbers = Vec::new();
    let mut left = vec![field(value, name)?];
    while let Some(value) = left.pop() {
        match value {
            Value::Array(values) => left.extend(values.iter().rev()),
            other => numbers.push(other.as_f64().ok_or_else(|| broken(format!("`{name}` holds {other}")))?),
        }
    }
    Ok(numbers)
}

pub fn singles(value: &Value, name: &str) -> Result<Vec<f32>> {
    Ok(reals(value, name)?.into_iter().map(|number| number as f32).collect())
}

/// The lists in a list.
pub fn rows(value: &Value, name: &str) -> Result<Vec<Vec<f32>>> {
    let row = |row: &Value| {
        let numbers = row.as_array().into_iter().flatten().map(|number| number.as_f64().map(|number| number as f32));
        numbers.collect::<Option<Vec<f32>>>().ok_or_else(|| broken(format!("`{name}` holds {row}")))
    };
    list(value, name)?.iter().map(row).collect()
}

pub fn broken(reason: String) -> Error {
    Error::Internal { reason }
}
