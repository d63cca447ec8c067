//! Bytes of a snapshot: little-endian numbers, texts with their length in front. Reading never panics and never
//! allocates more than the bytes at hand can fill.

/// A snapshot ends too early or holds what cannot be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Damaged;

/// Writes.
#[derive(Debug, Default)]
pub struct Writer(Vec<u8>);

impl Writer {
    /// What has been written.
    pub fn finish(self) -> Vec<u8> {
        self.0
    }

    /// One byte.
    pub fn u8(&mut self, value: u8) {
        self.0.push(value);
    }

    /// Two bytes.
    pub fn u16(&mut self, value: u16) {
        self.bytes(&value.to_le_bytes());
    }

    /// Four bytes.
    pub fn u32(&mut self, value: u32) {
        self.bytes(&value.to_le_bytes());
    }

    /// Eight bytes.
    pub fn u64(&mut self, value: u64) {
        self.bytes(&value.to_le_bytes());
    }

    /// Eight bytes.
    pub fn i64(&mut self, value: i64) {
        self.bytes(&value.to_le_bytes());
    }

    /// The four bytes of the number, exactly.
    pub fn f32(&mut self, value: f32) {
        self.bytes(&value.to_le_bytes());
    }

    /// The eight bytes of the number, exactly.
    pub fn f64(&mut self, value: f64) {
        self.bytes(&value.to_le_bytes());
    }

    /// A text of less than 4 GiB.
    pub fn text(&mut self, text: &str) {
        self.u32(u32::try_from(text.len()).expect("texts in snapshots are short"));
        self.bytes(text.as_bytes());
    }

    /// Bytes as they are.
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }
}

/// Reads what [`Writer`] wrote.
#[derive(Debug)]
pub struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// From the first byte on.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// Whether all has been read.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The next `count` bytes.
    ///
    /// # Errors
    /// As all methods here, when there are too few.
    pub fn take(&mut self, count: usize) -> Result<&'a [u8], Damaged> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(Damaged)?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Damaged> {
        Ok(self.take(N)?.try_into().expect("as many bytes as asked for"))
    }

    /// One byte.
    ///
    /// # Errors
    /// At the end.
    pub fn u8(&mut self) -> Result<u8, Damaged> {
        Ok(u8::from_le_bytes(self.array()?))
    }

    /// Two bytes.
    ///
    /// # Errors
    /// At the end.
    pub fn u16(&mut self) -> Result<u16, Damaged> {
        Ok(u16::from_le_bytes(self.array()?))
    }

    /// Four bytes.
    ///
    /// # Errors
    /// At the end.
    pub fn u32(&mut self) -> Result<u32, Damaged> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    /// Eight bytes.
    ///
    /// # Errors
    /// At the end.
    pub fn u64(&mut self) -> Result<u64, Damaged> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    /// Eight bytes.
    ///
    /// # Errors
    /// At the end.
    pub fn i64(&mut self) -> Result<i64, Damaged> {
        Ok(i64::from_le_bytes(self.array()?))
    }

    /// Four bytes.
    ///
    /// # Errors
    /// At the end.
    pub fn f32(&mut self) -> Result<f32, Damaged> {
        Ok(f32::from_le_bytes(self.array()?))
    }

    /// Eight bytes.
    ///
    /// # Errors
    /// At the end.
    pub fn f64(&mut self) -> Result<f64, Damaged> {
        Ok(f64::from_le_bytes(self.array()?))
    }

    /// A text.
    ///
    /// # Errors
    /// At the end, or when it is not UTF-8.
    pub fn text(&mut self) -> Result<&'a str, Damaged> {
        let length = self.count(1)?;
        str::from_utf8(self.take(length)?).map_err(|_| Damaged)
    }

    /// A number of things of at least `size` bytes each, which therefore can only be so many.
    ///
    /// # Errors
    /// At the end, or when the bytes that are left cannot hold so many.
    pub fn count(&mut self, size: usize) -> Result<usize, Damaged> {
        let count = self.u32()? as usize;
        if count.saturating_mul(size) > self.0.len() { Err(Damaged) } else { Ok(count) }
    }
}
