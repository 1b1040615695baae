//! The CSV reader: lines, quotes, bounds, and indifference to how the bytes arrive.

use proptest::prelude::*;
use stoa_import::csv::{CsvError, CsvParser, FIELDS_MAX, RECORD_BYTES_MAX, Step};

/// One step with all it gave out.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Seen {
    Row(u64, Vec<String>),
    Broken(CsvError, Option<String>),
}

fn take(parser: &CsvParser, step: Step) -> Seen {
    match step {
        Step::Header | Step::Record => {
            let record = parser.record();
            Seen::Row(record.line(), record.fields().map(str::to_owned).collect())
        }
        Step::Broken(error) => Seen::Broken(
            error,
            parser.broken_field(0).map(|field| field.into_owned()),
        ),
        Step::NeedInput | Step::End => unreachable!("these hold nothing"),
    }
}

fn read(pieces: &[&[u8]]) -> Vec<Seen> {
    let mut parser = CsvParser::new();
    let mut seen = Vec::new();
    for piece in pieces {
        let mut input = *piece;
        loop {
            match parser.step(&mut input) {
                Step::NeedInput | Step::End => break,
                step => seen.push(take(&parser, step)),
            }
        }
    }
    loop {
        match parser.finish() {
            Step::End => return seen,
            step => seen.push(take(&parser, step)),
        }
    }
}

fn row(line: u64, fields: &[&str]) -> Seen {
    Seen::Row(
        line,
        fields.iter().map(|field| (*field).to_owned()).collect(),
    )
}

fn broken(error: CsvError, first: Option<&str>) -> Seen {
    Seen::Broken(error, first.map(str::to_owned))
}

#[test]
fn records_know_the_line_they_start_on() {
    let file = b"a,b\r\n\"1\r\n2\",\"say \"\"x\"\"\"\n\n\r\n3,\n,4";
    assert_eq!(
        read(&[file]),
        [
            row(1, &["a", "b"]),
            row(2, &["1\r\n2", "say \"x\""]),
            row(6, &["3", ""]),
            row(7, &["", "4"]),
        ]
    );
    assert_eq!(
        read(&[b"a\r1\r\"2\r3\"\r4"]),
        [
            row(1, &["a"]),
            row(2, &["1"]),
            row(3, &["2\r3"]),
            row(5, &["4"])
        ]
    );
}

#[test]
fn one_bom_is_taken_off_and_no_more() {
    assert_eq!(
        read(&[b"\xef\xbb\xbfa\n1\n"]),
        [row(1, &["a"]), row(2, &["1"])]
    );
    assert_eq!(read(&[b"\xef", b"\xbb", b"\xbf", b"a\n"]), [row(1, &["a"])]);
    assert_eq!(
        read(&[b"\xef\xbb\xbf\xef\xbb\xbfa\n"]),
        [row(1, &["\u{feff}a"])]
    );
    assert_eq!(read(&[b"\xef\xbb\xbf"]), []);
    let not_text = CsvError::NotUtf8 {
        line: 1,
        column: "column 1".to_owned(),
    };
    assert_eq!(
        read(&[b"\xef\xbbx\n"]),
        [broken(not_text, Some("\u{fffd}x"))]
    );
    assert_eq!(read(&[b""]), []);
}

#[test]
fn an_unclosed_quote_is_told_by_the_line_where_it_opens() {
    assert_eq!(
        read(&[b"a,b\nx,\"two\nlines\"\n\"1\n2\",\"open\nto the\nend"]),
        [
            row(1, &["a", "b"]),
            row(2, &["x", "two\nlines"]),
            broken(CsvError::UnclosedQuote { line: 5 }, Some("1\n2")),
        ]
    );
    // A quote inside an unquoted field is a character like others.
    assert_eq!(
        read(&[b"a\n5\" pipe"]),
        [row(1, &["a"]), row(2, &["5\" pipe"])]
    );
    assert_eq!(read(&[b"a\n\"x\""]), [row(1, &["a"]), row(2, &["x"])]);
}

#[test]
fn rows_of_another_width_are_broken_and_reading_goes_on() {
    let error = |line, found| CsvError::FieldCount {
        line,
        expected: 2,
        found,
    };
    assert_eq!(
        read(&[b"a,b\n1\n1,2,3\n1,2\n"]),
        [
            row(1, &["a", "b"]),
            broken(error(2, 1), Some("1")),
            broken(error(3, 3), Some("1")),
            row(4, &["1", "2"]),
        ]
    );
}

#[test]
fn text_that_is_not_utf8_names_its_column() {
    let error = |line| CsvError::NotUtf8 {
        line,
        column: "b".to_owned(),
    };
    assert_eq!(
        read(&[b"a,b\nx,caf\xe9\nx,ok\n"]),
        [
            row(1, &["a", "b"]),
            broken(error(2), Some("x")),
            row(3, &["x", "ok"])
        ]
    );
    // Halves of one character in two fields are no text, though they are side by side in memory.
    let error = CsvError::NotUtf8 {
        line: 2,
        column: "a".to_owned(),
    };
    assert_eq!(
        read(&[b"a,b\n\xc3,\xa9\n"]),
        [row(1, &["a", "b"]), broken(error, Some("\u{fffd}"))]
    );
}

#[test]
fn records_and_columns_are_bounded_and_the_next_record_is_read() {
    let exact = "y".repeat(RECORD_BYTES_MAX - 1);
    let file = format!("a,b\nx,{exact}\nx,{exact}y\n1,2\n");
    let too_long = CsvError::TooLong {
        line: 3,
        bytes_max: RECORD_BYTES_MAX,
    };
    let seen = read(&[file.as_bytes()]);
    assert_eq!(seen[1], row(2, &["x", &exact]));
    assert_eq!(
        seen[2..],
        [broken(too_long, Some("x")), row(4, &["1", "2"])]
    );

    let wide = ",".repeat(FIELDS_MAX);
    let wider = ",".repeat(FIELDS_MAX * 3);
    let file = format!("a,b\n{wide}\n{wider}\n1,2\n");
    let error = |line| CsvError::TooManyFields {
        line,
        fields_max: FIELDS_MAX,
    };
    assert_eq!(
        read(&[file.as_bytes()])[1..],
        [
            broken(error(2), Some("")),
            broken(error(3), Some("")),
            row(4, &["1", "2"])
        ]
    );
}

/// Bytes that matter to CSV, often.
fn csv_like() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        4 => prop::sample::select(vec!["\"", ",", "\n", "\r\n", "\r", "\"\"", "\u{feff}"])
            .prop_map(|text| text.as_bytes().to_vec()),
        3 => "[a-zé日]{0,4}".prop_map(String::into_bytes),
        1 => prop::collection::vec(any::<u8>(), 0..3),
    ];
    prop::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
}

/// Records in the plainest way, one byte at a time, for files that are well formed.
fn write(records: &[Vec<String>]) -> Vec<u8> {
    let quoted = |field: &String| format!("\"{}\"", field.replace('"', "\"\""));
    let lines = records
        .iter()
        .map(|fields| fields.iter().map(quoted).collect::<Vec<_>>().join(","));
    lines.collect::<Vec<_>>().join("\r\n").into_bytes()
}

proptest! {
    #[test]
    fn any_split_of_the_bytes_gives_the_same_records(
        bytes in csv_like(),
        sizes in prop::collection::vec(1_usize..9, 1..20),
    ) {
        let whole = read(&[&bytes]);
        let mut pieces = Vec::new();
        let mut rest = &bytes[..];
        for size in sizes.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (piece, after) = rest.split_at((*size).min(rest.len()));
            pieces.push(piece);
            rest = after;
        }
        prop_assert_eq!(&read(&pieces), &whole);
        let single: Vec<&[u8]> = bytes.chunks(1).collect();
        prop_assert_eq!(read(&single), whole);
    }

    #[test]
    fn arbitrary_bytes_never_panic_and_lines_lie_in_the_file(bytes in csv_like()) {
        let lines = 1 + bytes.iter().filter(|byte| matches!(byte, b'\n' | b'\r')).count() as u64;
        let mut last = 0;
        for seen in read(&[&bytes]) {
            let line = match seen {
                Seen::Row(line, _) => line,
                Seen::Broken(error, _) => error.line(),
            };
            prop_assert!(line > last && line <= lines);
            last = line;
        }
    }

    #[test]
    fn what_was_written_is_read(
        records in (1_usize..5).prop_flat_map(|width| {
            prop::collection::vec(prop::collection::vec("[a-z\",\r\né]{0,6}", width), 1..8)
        }),
    ) {
        let read: Vec<_> = read(&[&write(&records)])
            .into_iter()
            .map(|seen| match seen {
                Seen::Row(_, fields) => fields,
                Seen::Broken(error, _) => panic!("{error}"),
            })
            .collect();
        prop_assert_eq!(read, records);
    }
}
