//! Rows of feature values, one behind the other in two flat lists, so that a worker fills them again for each batch
//! without an allocation.
//!
//! A number that is not finite is missing, as is [`Symbol::MISSING`].

use std::ops::Range;

use super::symbols::{Symbol, Symbols};
use super::{FeatureVector, NUMERIC};

/// How many numbers and symbols a row has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// Numbers.
    pub numbers: usize,
    /// Symbols.
    pub symbols: usize,
}

/// The shape of the measured features.
pub const MEASURED: Shape = Shape { numbers: NUMERIC, symbols: 3 };

/// The values of one event's features.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Row<'a> {
    /// The numbers, in the order and units of their space.
    pub numeric: &'a [f32],
    /// The symbols in the order of their space.
    pub symbols: &'a [Symbol],
}

/// A row on its own, for those who keep single ones.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// The numbers, in the order and units of their space.
    pub numeric: Box<[f32]>,
    /// The symbols in the order of their space.
    pub symbols: Box<[Symbol]>,
}

/// Rows of one shape.
#[derive(Debug, Clone, PartialEq)]
pub struct Matrix {
    shape: Shape,
    numeric: Vec<f32>,
    symbols: Vec<Symbol>,
    rows: usize,
}

/// Some rows of a matrix, one behind the other.
#[derive(Debug, Clone, Copy)]
pub struct Rows<'a> {
    shape: Shape,
    numeric: &'a [f32],
    symbols: &'a [Symbol],
    rows: usize,
}

impl Row<'_> {
    /// It as measured features; none where it has not their shape.
    pub fn as_measured(&self) -> Option<FeatureVector> {
        let &[protocol, service, flag] = self.symbols else { return None };
        Some(FeatureVector { numeric: self.numeric.try_into().ok()?, symbols: Symbols { protocol, service, flag } })
    }

    /// How many of its features are known.
    pub fn known(&self) -> usize {
        // without a branch or a check for overflow, so that it becomes vector instructions
        let known = |sum: u32, value: &f32| sum.wrapping_add(u32::from(value.is_finite()));
        let numbers = self.numeric.iter().fold(0, known);
        numbers as usize + self.symbols.iter().filter(|symbol| **symbol != Symbol::MISSING).count()
    }
}

impl Sample {
    /// A row of which nothing is known.
    pub fn missing(shape: Shape) -> Self {
        Self {
            numeric: vec![f32::NAN; shape.numbers].into_boxed_slice(),
            symbols: vec![Symbol::MISSING; shape.symbols].into_boxed_slice(),
        }
    }

    /// It as a row.
    pub fn row(&self) -> Row<'_> {
        Row { numeric: &self.numeric, symbols: &self.symbols }
    }
}

impl From<Row<'_>> for Sample {
    fn from(row: Row<'_>) -> Self {
        Self { numeric: row.numeric.into(), symbols: row.symbols.into() }
    }
}

impl From<FeatureVector> for Sample {
    fn from(features: FeatureVector) -> Self {
        Self { numeric: features.numeric.into(), symbols: features.symbols.in_order().into() }
    }
}

impl Matrix {
    /// Without rows.
    pub fn new(shape: Shape) -> Self {
        Self { shape, numeric: Vec::new(), symbols: Vec::new(), rows: 0 }
    }

    /// How many numbers and symbols its rows have.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.rows
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// Forgets the rows and keeps their room.
    pub fn clear(&mut self) {
        self.numeric.clear();
        self.symbols.clear();
        self.rows = 0;
    }

    /// Appends a row.
    ///
    /// # Panics
    /// When it is of another shape.
    pub fn push(&mut self, row: Row<'_>) {
        let shape = Shape { numbers: row.numeric.len(), symbols: row.symbols.len() };
        assert_eq!(shape, self.shape, "a row of another feature space");
        self.numeric.extend_from_slice(row.numeric);
        self.symbols.extend_from_slice(row.symbols);
        self.rows += 1;
    }

    /// Appends a row of measured features, which must be this matrix's shape.
    pub fn push_measured(&mut self, features: &FeatureVector) {
        self.push(Row { numeric: &features.numeric, symbols: &features.symbols.in_order() });
    }

    /// Takes the last row away.
    pub fn pop(&mut self) {
        self.rows = self.rows.saturating_sub(1);
        self.numeric.truncate(self.rows * self.shape.numbers);
        self.symbols.truncate(self.rows * self.shape.symbols);
    }

    /// The row at `place`.
    ///
    /// # Panics
    /// When there are not so many.
    pub fn row(&self, place: usize) -> Row<'_> {
        self.rows(0..self.rows).row(place)
    }

    /// The rows in this range.
    ///
    /// # Panics
    /// When there are not so many.
    pub fn rows(&self, range: Range<usize>) -> Rows<'_> {
        let Shape { numbers, symbols } = self.shape;
        Rows {
            shape: self.shape,
            numeric: &self.numeric[range.start * numbers..range.end * numbers],
            symbols: &self.symbols[range.start * symbols..range.end * symbols],
            rows: range.len(),
        }
    }
}

impl<'a> Rows<'a> {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.rows
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// The row at `place`, counted from the first of these.
    ///
    /// # Panics
    /// When there are not so many.
    pub fn row(&self, place: usize) -> Row<'a> {
        let Shape { numbers, symbols } = self.shape;
        Row {
            numeric: &self.numeric[place * numbers..(place + 1) * numbers],
            symbols: &self.symbols[place * symbols..(place + 1) * symbols],
        }
    }

    /// One after the other.
    pub fn iter(&self) -> impl Iterator<Item = Row<'a>> + use<'a> {
        let rows = *self;
        (0..rows.rows).map(move |place| rows.row(place))
    }
}

impl FromIterator<FeatureVector> for Matrix {
    fn from_iter<I: IntoIterator<Item = FeatureVector>>(vectors: I) -> Self {
        let mut matrix = Self::new(MEASURED);
        vectors.into_iter().for_each(|features| matrix.push_measured(&features));
        matrix
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPE: Shape = Shape { numbers: 2, symbols: 1 };

    fn row(numeric: &[f32]) -> Row<'_> {
        Row { numeric, symbols: &[Symbol::UNKNOWN] }
    }

    #[test]
    fn rows_come_back_by_place_and_by_range() {
        let mut matrix = Matrix::new(SHAPE);
        for first in 0..5u8 {
            matrix.push(row(&[f32::from(first), 1.0]));
        }
        assert_eq!((matrix.len(), matrix.row(3).numeric), (5, &[3.0, 1.0][..]));
        let some = matrix.rows(2..4);
        assert_eq!(some.iter().map(|row| row.numeric[0]).collect::<Vec<_>>(), [2.0, 3.0]);
        matrix.pop();
        assert_eq!(matrix.len(), 4);
        matrix.clear();
        assert!(matrix.is_empty());
    }

    #[test]
    fn a_space_without_numbers_has_rows_too() {
        let mut matrix = Matrix::new(Shape { numbers: 0, symbols: 1 });
        matrix.push(row(&[]));
        assert_eq!((matrix.len(), matrix.row(0).known()), (1, 1));
    }

    #[test]
    fn known_is_what_is_finite_and_not_missing() {
        assert_eq!(row(&[f32::NAN, 0.0]).known(), 2, "an unknown word is known to be one");
        assert_eq!(Sample::missing(SHAPE).row().known(), 0);
        assert_eq!(Sample::from(FeatureVector::MISSING).row().known(), 0);
        assert_eq!(row(&[1.0]).as_measured(), None);
        let vector = FeatureVector { numeric: [1.5; NUMERIC], ..FeatureVector::MISSING };
        assert_eq!(Sample::from(vector).row().as_measured(), Some(vector));
    }

    #[test]
    #[should_panic(expected = "another feature space")]
    fn a_row_of_another_shape_is_a_mistake() {
        Matrix::new(SHAPE).push(row(&[1.0]));
    }
}
