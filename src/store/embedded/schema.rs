//! The fields of a day's index.
//!
//! What a document says is in it three times at most: as it came (`_source`), as typed columns by path (`doc`, and
//! `_time`, `_source_ip`, `_destination_ip`), and as words (`_message`, `_words`). There is no inverted index of
//! values: a term on a path is a scan of its column, which costs about a nanosecond a document and nothing to write.

use tantivy::schema::{
    DateOptions, DateTimePrecision, FAST, Field, IndexRecordOption, IpAddrOptions, JsonObjectOptions, STORED, Schema,
    TextFieldIndexing, TextOptions,
};
use tantivy::store::Compressor;
use tantivy::tokenizer::{TextAnalyzer, TokenizerManager};
use tantivy::{Index, IndexSettings};

use super::words::Words;

/// Version of the folder's layout and of this schema; a higher one in a folder is refused.
pub(super) const FORMAT: u32 = 1;

/// The name under which the index knows our tokenizer.
const WORDS: &str = "oversight_words";

/// Name of the column of `@timestamp`.
pub(super) const TIME: &str = "_time";
/// Name of the column of `source.ip`.
pub(super) const SOURCE_IP: &str = "_source_ip";
/// Name of the column of `destination.ip`.
pub(super) const DESTINATION_IP: &str = "_destination_ip";
/// Name of the JSON field that holds the columns of all other paths.
pub(super) const DOC: &str = "doc";

/// The fields, by their handles.
#[derive(Debug, Clone)]
pub(super) struct Fields {
    pub(super) id: Field,
    pub(super) source: Field,
    pub(super) time: Field,
    pub(super) sequence: Field,
    pub(super) source_ip: Field,
    pub(super) destination_ip: Field,
    pub(super) doc: Field,
    pub(super) message: Field,
    pub(super) words: Field,
    pub(super) present: Field,
}

/// The schema of every day, and its fields.
pub(super) fn schema() -> (Schema, Fields) {
    let mut builder = Schema::builder();
    let fields = Fields {
        id: builder.add_text_field("_id", raw() | STORED),
        // text, because the index library writes bytes one by one
        source: builder.add_text_field("_source", STORED),
        time: builder
            .add_date_field(TIME, DateOptions::default().set_fast().set_precision(DateTimePrecision::Microseconds)),
        sequence: builder.add_u64_field("_seq", FAST),
        source_ip: builder.add_ip_addr_field(SOURCE_IP, IpAddrOptions::default().set_fast()),
        destination_ip: builder.add_ip_addr_field(DESTINATION_IP, IpAddrOptions::default().set_fast()),
        doc: builder.add_json_field(DOC, JsonObjectOptions::default().set_fast("raw").set_expand_dots_enabled()),
        message: builder.add_text_field("_message", words(true)),
        words: builder.add_text_field("_words", words(false)),
        present: builder.add_text_field("_present", raw()),
    };
    (builder.build(), fields)
}

/// How the files of a day are written.
pub(super) fn settings() -> IndexSettings {
    IndexSettings {
        docstore_compression: Compressor::Lz4,
        docstore_blocksize: 65_536,
        docstore_compress_dedicated_thread: false,
        ..IndexSettings::default()
    }
}

/// Makes the tokenizer of the schema known to an index that was made or opened.
pub(super) fn register(index: &mut Index) {
    let tokenizers = TokenizerManager::default();
    tokenizers.register(WORDS, TextAnalyzer::from(Words::default()));
    index.set_tokenizers(tokenizers);
}

fn raw() -> TextOptions {
    let indexing = TextFieldIndexing::default()
        .set_tokenizer("raw")
        .set_fieldnorms(false)
        .set_index_option(IndexRecordOption::Basic);
    TextOptions::default().set_indexing_options(indexing)
}

/// Words with their places; with the lengths of texts where hits are to be ranked by them. Where there are many
/// rare words, as in `_words`, lengths would cost a table of scores for each of them in every segment.
fn words(lengths: bool) -> TextOptions {
    let indexing = TextFieldIndexing::default()
        .set_tokenizer(WORDS)
        .set_fieldnorms(lengths)
        .set_index_option(IndexRecordOption::WithFreqsAndPositions);
    TextOptions::default().set_indexing_options(indexing)
}
