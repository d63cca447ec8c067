//! The one integration binary: a sentence per module.

#[test]
fn placeholder() {}
