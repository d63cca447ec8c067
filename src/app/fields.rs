//! Lets the metrics read an event's fields.

use crate::anomaly::{Fields, Value};
use crate::normalise::{FieldId, Scalar, View};

/// The fields of one event, as the metrics ask for them.
pub struct MetricFields<'v, 'a>(pub &'v View<'a>);

impl Fields for MetricFields<'_, '_> {
    fn field(&self, id: usize) -> Option<Value<'_>> {
        Some(match self.0.field(FieldId(u32::try_from(id).ok()?))? {
            Scalar::Str(text) => Value::Text(text),
            Scalar::Number(number) => Value::Number(number),
            Scalar::Bool(flag) => Value::Flag(flag),
        })
    }
}
