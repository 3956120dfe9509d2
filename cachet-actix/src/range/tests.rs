//! RFC 9110 §14.1 and §14.2 on a body of ten octets.

use std::time::Duration;

use super::{Selection::*, *};

fn selected(range: &str, length: u64) -> Selection {
    let mut headers = HeaderMap::new();
    headers.insert(RANGE, HeaderValue::from_str(range).expect("a field value"));
    let request = RangeRequest::read(&Method::GET, &headers).expect("a GET with a range");
    request.select(&Validators::etag("x"), length, SystemTime::now())
}

#[test]
fn ranges_are_read_as_section_14_1_says() {
    for (range, expected) in [
        ("bytes=0-4", Part(0..5)),
        ("bytes=9-", Part(9..10)),
        ("bytes=-3", Part(7..10)),
        ("bytes=-30", Part(0..10)),
        ("BYTES=0-99999999999999999999999", Part(0..10)),
        ("bytes=10-", NotSatisfiable),
        ("bytes=99999999999999999999999-", NotSatisfiable),
        ("bytes=-0", NotSatisfiable),
        ("bytes=5-4", Whole),
        ("bytes=a-b", Whole),
        ("bytes=+1-2", Whole),
        ("bytes=1", Whole),
        ("bytes=-", Whole),
        ("bytes=", Whole),
        ("bytes", Whole),
        ("bytes =0-1", Whole),
        ("lines=0-1", Whole),
    ] {
        assert_eq!(selected(range, 10), expected, "{range}");
    }
}

#[test]
fn several_ranges_are_one_or_the_whole() {
    let many = |member: &str, times: usize| format!("bytes={}", vec![member; times].join(","));
    for (range, expected) in [
        ("bytes=0-1,2-3", Part(0..4)),
        ("bytes=5-6 ,\t,0-5", Part(0..7)),
        ("bytes=0-1,20-", Part(0..2)),
        ("bytes=0-1,-2", Whole),
        ("bytes=20-,30-", NotSatisfiable),
        ("bytes=0-1,5-4", Whole),
        (&many("0-", MOST_RANGES), Part(0..10)),
        (&many("0-", MOST_RANGES + 1), Whole),
    ] {
        assert_eq!(selected(range, 10), expected, "{range}");
    }
}

#[test]
fn of_an_empty_body_there_is_no_part() {
    for (range, expected) in [("bytes=0-", NotSatisfiable), ("bytes=-1", Whole), ("bytes=-0", NotSatisfiable)] {
        assert_eq!(selected(range, 0), expected, "{range}");
    }
}

#[test]
fn a_date_of_this_very_second_selects_no_part() {
    let modified = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
    let mut headers = HeaderMap::new();
    headers.insert(RANGE, HeaderValue::from_static("bytes=0-0"));
    headers.insert(IF_RANGE, HeaderValue::from_static("Sun, 06 Nov 1994 08:49:37 GMT"));
    let request = RangeRequest::read(&Method::GET, &headers).expect("a GET with a range");
    let current = Validators::etag("x").modified(modified);
    assert_eq!(request.select(&current, 10, modified), Whole);
    assert_eq!(request.select(&current, 10, modified + Duration::from_secs(1)), Part(0..1));
}

#[test]
fn codings_are_accepted_unless_their_weight_is_zero() {
    for (field, expected) in [
        ("gzip", true),
        ("identity", false),
        ("identity, gzip;q=0", false),
        ("identity;q=1, *;q=0.000", false),
        ("*", true),
        ("br;q=0.1", true),
        ("", false),
    ] {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static(field));
        assert_eq!(accepts_codings(&headers), expected, "{field}");
    }
}
