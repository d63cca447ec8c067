//! Why a body is no event.

/// A body that is not one JSON object: where it goes wrong, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("byte {place}: {reason}")]
pub struct Unreadable {
    /// Bytes from the start of the body.
    pub place: usize,
    /// What is wrong there.
    pub reason: Reason,
}

/// What can be wrong with a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// Bytes that are no UTF-8.
    #[error("not UTF-8")]
    Encoding,
    /// 4 GiB or more.
    #[error("the body is 4 GiB or longer")]
    TooLong,
    /// The body starts with something else.
    #[error("a JSON object was expected")]
    NoObject,
    /// Something else stands where a key should.
    #[error("a key in quotes was expected")]
    NoKey,
    /// A key without its colon.
    #[error("a colon was expected")]
    NoColon,
    /// A member that is followed by neither.
    #[error("a comma or the closing bracket was expected")]
    NoComma,
    /// Something that starts no value.
    #[error("a value was expected")]
    NoValue,
    /// A number that JSON does not know, such as `1.` or `-`.
    #[error("not a number as JSON writes them")]
    Number,
    /// A backslash before something that JSON does not escape.
    #[error("unknown escape")]
    Escape,
    /// A line break, a tab or the like within quotes.
    #[error("a control character within a string, which JSON wants escaped")]
    ControlCharacter,
    /// The body ends too early.
    #[error("the body ends within a value")]
    Ends,
    /// More than one value.
    #[error("something follows behind the object")]
    Behind,
    /// Objects and arrays within each other, too many.
    #[error("nested deeper than {} levels", super::json::DEEPEST)]
    Nested,
}
