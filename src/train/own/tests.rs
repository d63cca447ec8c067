//! Files and specs of one's own, good and bad.

use std::fmt::Write as _;
use std::io::Write;

use super::*;
use crate::train::dataset::FREQUENT_FROM;

const SPEC: &str = "name: web\ndescription: tells attacks on a web server\nlabel: label\nnormal: [benign]\nmissing: ['-']\n\
    features:\n\
    \x20 - {name: bytes, field: http.bytes, column: bytes, kind: number, curve: log1p}\n\
    \x20 - {name: status, field: http.status, column: status, kind: symbol}\n\
    \x20 - {name: agent, field: agent, kind: symbol}\n";

/// `rows` rows of each of two classes that the bytes tell apart.
fn csv(rows: usize) -> String {
    let mut text = "time,label,bytes,status,agent,host\n".to_owned();
    for row in 0..rows {
        let agent = ["curl", "firefox", "-"][row % 3];
        writeln!(text, "{row},benign,{},200,{agent},h{}", 100 + row, row % 20).expect("a string");
        writeln!(text, "{row},sqli,{},404,{agent},h{}", 900_000 + row, row % 20).expect("a string");
    }
    text
}

fn file(content: &[u8]) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().expect("a file");
    file.write_all(content).expect("written");
    file
}

fn read_with(spec: &str, content: &[u8], sample: f64, memory: Option<u64>) -> Result<Dataset, String> {
    let (spec, data) = (file(spec.as_bytes()), file(content));
    let own = Own { spec: Spec::load(spec.path()).map_err(|fault| fault.to_string())?, sample, memory };
    read(&own, &Settings::new(data.path().to_owned(), "none".into())).map_err(|fault| fault.to_string())
}

fn read_text(spec: &str, content: &str) -> Result<Dataset, String> {
    read_with(spec, content.as_bytes(), 1.0, None)
}

/// Distinct rows by part.
fn sizes(dataset: &Dataset) -> [usize; 3] {
    [Part::Training, Part::Validation, Part::Test].map(|part| dataset.part(part).count())
}

#[test]
fn a_csv_file_becomes_rows_whose_words_are_those_of_the_training_part() {
    let text = csv(60) + "1,benign,100,200,curl,h1\n7,benign,100,200,lynx,h1\n";
    let dataset = read_text(SPEC, &text).expect("sound");
    assert_eq!((dataset.records, dataset.labels.as_slice()), (122, &["normal".to_owned(), "sqli".to_owned()][..]));
    let words: Vec<&str> = dataset.space.words(1).iter().map(|word| &**word).collect();
    assert_eq!(words, ["curl", "firefox"], "lynx occurs once, and '-' is nothing");
    let lynx = dataset.rows.last().expect("rows");
    assert_eq!(lynx.features.symbols[1], Symbol::UNKNOWN);
    assert_eq!(dataset.rows[4].features.symbols[1], Symbol::MISSING);
    assert_eq!(dataset.rows.iter().filter(|row| row.count == 2).count(), 1, "the row that comes twice is one");
    assert_eq!((dataset.space.least_known(), dataset.space.missing()), (2, &["-".to_owned()][..]));
    assert_eq!(dataset.about.decision.categories, ["normal", "attack"]);
    assert!(dataset.frequent().len() == 2 && FREQUENT_FROM < 60);
    let [training, validation, test] = sizes(&dataset);
    assert!(training > 70 && validation > 15 && test > 20, "{training}, {validation}, {test}");
}

#[test]
fn events_as_ndjson_packed_or_not_are_the_same_rows_as_csv() {
    let mut events = String::new();
    for line in csv(40).lines().skip(1) {
        let cells: Vec<&str> = line.split(',').collect();
        let [_, label, bytes, status, agent, _] = cells[..] else { panic!("six columns") };
        writeln!(
            events,
            r#"{{"label":"{label}","http":{{"bytes":{bytes}}},"http.status":{status},"agent":"{agent}"}}"#
        )
        .expect("a string");
    }
    let of_csv = read_text(SPEC, &csv(40)).expect("sound");
    let of_events = read_text(SPEC, &events).expect("sound");
    assert_eq!(of_events.rows, of_csv.rows);
    assert_eq!(of_events.space, of_csv.space);
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packer.write_all(events.as_bytes()).expect("in memory");
    let packed = read_with(SPEC, &packer.finish().expect("in memory"), 1.0, None).expect("sound");
    assert_eq!((&packed.rows, &packed.blake3), (&of_events.rows, &of_events.blake3));
}

#[test]
fn a_split_by_time_learns_from_what_came_before() {
    let dataset = read_text(&format!("{SPEC}split: {{by: time, column: time}}\n"), &csv(100)).expect("sound");
    let bytes = |part| dataset.part(part).filter(|row| row.label == 0).map(|row| row.features.numeric[0] as u32);
    let latest = bytes(Part::Training).max().expect("rows");
    assert!(bytes(Part::Validation).all(|bytes| bytes > latest));
    assert!(bytes(Part::Test).min().expect("rows") > bytes(Part::Validation).max().expect("rows"));
    assert_eq!(sizes(&dataset).iter().sum::<usize>(), 200);
}

#[test]
fn a_split_by_group_keeps_a_group_in_one_part() {
    let dataset = read_text(&format!("{SPEC}split: {{by: group, column: host}}\n"), &csv(100)).expect("sound");
    let mut parts = HashMap::new();
    for row in dataset.rows.iter().filter(|row| row.label == 0) {
        let host = (row.features.numeric[0] as u32 - 100) % 20;
        assert_eq!(*parts.entry(host).or_insert(row.part), row.part, "host {host}");
    }
}

#[test]
fn a_share_of_the_rows_is_the_same_share_again() {
    let some = |sample| read_with(SPEC, csv(400).as_bytes(), sample, None).expect("sound");
    let (half, again) = (some(0.5), some(0.5));
    assert_eq!(half.rows, again.rows);
    assert!((300..500).contains(&half.rows.len()), "{}", half.rows.len());
    assert!(half.about.split.contains("of a share of 0.5"), "{}", half.about.split);
}

#[test]
fn whatever_cannot_be_learned_from_is_told_by_line_and_name() {
    let good = csv(30);
    let with = |line: &str| format!("{good}{line}\n");
    let cases: [(&str, String, &str); 16] = [
        (SPEC, String::new(), "holds no row"),
        (SPEC, "time,label,bytes,status,agent,host\n".to_owned(), "holds no row"),
        (
            SPEC,
            good.replace("agent", "agents"),
            "has no column 'agent' (did you mean 'agents'?); its columns are time, label",
        ),
        (SPEC, good.replacen("label", "class", 1), "has no column 'label'"),
        (SPEC, with("1,benign,5,200"), "line 62: 4 columns, the header has 6"),
        (SPEC, with("1,,5,200,curl,h1"), "line 62: has no label in 'label'"),
        (SPEC, with("1,benign,NaN,200,curl,h1"), "line 62: 'NaN' is no number for 'bytes'"),
        (SPEC, with("1,benign,1e99,200,curl,h1"), "line 62: '1e99' is no number for 'bytes'"),
        (SPEC, with("1,benign,many,200,curl,h1"), "line 62: 'many' is no number for 'bytes'"),
        (SPEC, with("1,xss,5,200,curl,h1"), "class 'xss' has 1 distinct row, at least 3 are needed"),
        (
            SPEC,
            good.replace("404", "200"),
            "in the training part 'status' is always '200'; a feature that never changes",
        ),
        (SPEC, good.replace("curl", "-").replace("firefox", ""), "'agent' is always missing"),
        (SPEC, "{\"label\":1}\n{\"label\":2}\n".to_owned(), "none of its 2 events has the field 'http.bytes'"),
        (SPEC, "{\"label\":1}\n{\"label\"\n".to_owned(), "line 2: "),
        (
            &format!("{SPEC}split: {{by: time, column: agent}}\n"),
            good.clone(),
            "'agent', which the split goes by, is neither",
        ),
        (&format!("{SPEC}split: {{by: group, column: site}}\n"), good.clone(), "has no column 'site'"),
    ];
    for (spec, content, words) in cases {
        let fault = read_text(spec, &content).expect_err(words);
        assert!(fault.contains(words), "'{fault}' lacks '{words}'");
    }
    let late = csv(60) + &(0..9).map(|row| format!("{},dos,{row},200,curl,h1\n", 900 + row)).collect::<String>();
    let fault = read_text(&format!("{SPEC}split: {{by: time, column: time}}\n"), &late).expect_err("refused");
    assert!(fault.contains("no row of class 'dos' falls into the training part"), "{fault}");
    let fault =
        read_with(SPEC, b"time,label,bytes,status,agent,host\n1,a\xff,1,1,1,1\n", 1.0, None).expect_err("refused");
    assert!(fault.contains("line 2: column 2 is not UTF-8"), "{fault}");
    let ignored = read_text(&format!("{SPEC}ignore: [xss]\n"), &with("1,xss,5,200,curl,h1")).expect("passed over");
    assert_eq!(ignored.labels.len(), 2);
}

#[test]
fn rows_that_would_not_fit_are_refused_before_they_are_read() {
    let fault = read_with(SPEC, csv(3000).as_bytes(), 1.0, Some(1 << 20)).expect_err("refused");
    assert!(fault.contains("rows would take about") && fault.contains("1MiB may be used; raise --memory"), "{fault}");
    let share = fault.rsplit("--sample ").next().and_then(|share| share.parse::<f64>().ok()).expect("a share");
    assert!((0.3..0.9).contains(&share), "{fault}");
    read_with(SPEC, csv(3000).as_bytes(), share, Some(1 << 20)).expect("that share fits");
}

/// Connections of a client that asks and of one that scans, as Zeek's log; with labels where `labelled`.
fn conn_log(labelled: bool) -> String {
    let mut text = "#separator \\x09\n#path\tconn\n#fields\tts\tuid\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_p\tproto\tduration\torig_bytes\tresp_bytes\tconn_state".to_owned();
    text += if labelled { "\tlabel\n" } else { "\n" };
    for row in 0..120 {
        let (second, port) = (1_600_000_000 + row, 2000 + row);
        let mut line = |uid: &str, rest: String, label: &str| {
            write!(text, "{second}.5\t{uid}{row}\t{rest}").expect("a string");
            text += &if labelled { format!("\t{label}\n") } else { "\n".to_owned() };
        };
        line("A", format!("10.0.0.1\t{port}\t10.0.0.2\t80\ttcp\t0.{row}\t{}\t900\tSF", 100 + row % 7), "fine");
        line("B", format!("10.0.0.9\t{port}\t10.0.1.{row}\t{row}\ttcp\t-\t-\t-\tS0"), "scan");
    }
    text
}

const MEASURED: &str = "name: flows\nlabel: label\nnormal: [fine]\nmeasured: [flow, kdd99]\nsplit: {by: time}\n";

#[test]
fn connections_are_measured_as_they_are_when_they_come_in() {
    let dataset = read_text(MEASURED, &conn_log(true)).expect("sound");
    assert_eq!((dataset.records, dataset.labels.as_slice()), (240, &["normal".to_owned(), "scan".to_owned()][..]));
    let names: Vec<&str> = dataset.space.features().iter().map(|feature| feature.name.as_str()).collect();
    assert!(names.contains(&"flow_originator_hosts_2m") && names.contains(&"flag"), "{names:?}");
    assert!(!names.contains(&"flow_name_length"), "nobody asked for a name: {names:?}");
    assert!(dataset.space.features().iter().all(|feature| feature.field.is_none()));
    let place = names.iter().position(|name| *name == "flow_originator_hosts_2m").expect("there");
    let place = dataset.space.numbers().iter().position(|number| *number == place).expect("a number");
    let hosts =
        |label| dataset.rows.iter().filter(move |row| row.label == label).map(|row| row.features.numeric[place]);
    assert_eq!((hosts(0).fold(0.0, f32::max), hosts(1).fold(0.0, f32::max) > 80.0), (1.0, true));
    assert!(sizes(&dataset).iter().all(|size| *size > 20), "{:?}", sizes(&dataset));
}

#[test]
fn labels_of_a_table_are_found_by_a_field_or_by_who_talked_to_whom_and_when() {
    let log = conn_log(true);
    let expected = read_text(MEASURED, &log).expect("sound");
    let (mut by_uid, mut by_flow) = (
        "label,uid\n".to_owned(),
        "source_ip,source_port,destination_ip,destination_port,transport,start,label\n".to_owned(),
    );
    for line in log.lines().filter(|line| !line.starts_with('#')) {
        let cells: Vec<&str> = line.split('\t').collect();
        writeln!(by_uid, "{},{}", cells[11], cells[1]).expect("a string");
        // another label for the same hosts and ports at another time, and the sides the other way round
        let tuple = format!("{},{},{},{},{}", cells[4], cells[5], cells[2], cells[3], cells[6]);
        writeln!(by_flow, "{tuple},{},{}\n{tuple},1500000000,wrong", cells[0], cells[11]).expect("a string");
    }
    for (table, by) in [(by_uid, "uid"), (by_flow, "flow")] {
        let table = file(table.as_bytes());
        let spec = format!("{MEASURED}truth: {{file: {}, by: {by}}}\n", table.path().display());
        let found = read_text(&spec, &conn_log(false)).expect("sound");
        // as texts, since missing values are equal there
        let told = |found: &Dataset| format!("{:?} {:?}", found.rows, found.labels);
        assert_eq!(told(&found), told(&expected), "{by}");
    }
}

#[test]
fn what_cannot_be_learned_from_connections_is_told() {
    let table = file(b"uid,label\nA0,fine\nA1,fine\n");
    let truth = |more: &str| format!("{MEASURED}truth: {{file: {}, by: uid{more}}}\n", table.path().display());
    let cases: [(String, String, &str); 6] = [
        (MEASURED.to_owned(), conn_log(false), "line 4: this connection has no label 'label'"),
        (truth(""), conn_log(false), "line 5: this connection has no label"),
        (
            truth(", otherwise: odd"),
            conn_log(true).replace("\tA", "\tX").replace("\tB", "\tY"),
            "is it the right table",
        ),
        (MEASURED.to_owned(), "{\"message\":\"x\"}\n".to_owned(), "holds no connection"),
        (MEASURED.to_owned(), conn_log(true) + "torn\n", "line 244: 1 values, where the header names 12 fields"),
        (truth("").replace("by: uid", "by: flow"), conn_log(false), "has no column 'source_ip'"),
    ];
    for (spec, content, words) in cases {
        let fault = read_text(&spec, &content).expect_err(words);
        assert!(fault.contains(words), "'{fault}' lacks '{words}'");
    }
}
