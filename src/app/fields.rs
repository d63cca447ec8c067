//! Lets the metrics read an event's fields.

use crate::anomaly::patterns::Call;
use crate::anomaly::{Fields, Value};
use crate::normalise::{FieldId, Record, Scalar, Sides, View};

/// The fields of one event, as the metrics ask for them.
pub struct MetricFields<'v, 'a>(pub &'v View<'a>);

impl Fields for MetricFields<'_, '_> {
    fn field(&self, id: usize) -> Option<Value<'_>> {
        Some(value(self.0.field(FieldId(u32::try_from(id).ok()?))?))
    }

    fn each(&self, id: usize, take: &mut dyn FnMut(Value<'_>)) {
        if let Ok(id) = u32::try_from(id) {
            self.0.values(FieldId(id)).for_each(|scalar| take(value(scalar)));
        }
    }

    fn list(&self, id: usize) -> Option<&str> {
        self.0.list(FieldId(u32::try_from(id).ok()?))
    }

    fn call(&self) -> Option<Call<'_>> {
        let Record::Connection(connection) = &self.0.record else { return None };
        Some(Call {
            source: connection.source.address,
            destination: connection.destination.address,
            port: connection.destination.port.unwrap_or(0),
            transport: connection.transport,
            sent: connection.source.bytes,
            duration: connection.duration,
            started: connection.start,
            name: self.0.related.asked(),
            is_again: connection.sides == Sides::Second,
        })
    }
}

fn value(scalar: Scalar<'_>) -> Value<'_> {
    match scalar {
        Scalar::Str(text) => Value::Text(text),
        Scalar::Number(number) => Value::Number(number),
        Scalar::Bool(flag) => Value::Flag(flag),
    }
}
