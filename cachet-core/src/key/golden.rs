//! The keys of one or more values of every type, as they were when the type got its implementation.
//!
//! Nodes of different releases share entries by these bytes. Lines are added to `golden.txt` freely; a change of one
//! is a breaking change of shared keys.

use std::{
    borrow::Cow,
    cmp::{Ordering, Reverse},
    collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap, HashSet, LinkedList, VecDeque},
    marker::PhantomData,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6},
    num::{NonZero, Saturating, Wrapping},
    ops::Bound,
    rc::Rc,
    sync::Arc,
    time::{Duration, SystemTime},
};

use crate::key::{CacheKey, KeyBuf};

const GOLDEN: &str = include_str!("golden.txt");

/// Lines as they stand in the file.
#[derive(Default)]
struct Lines(Vec<String>);

impl Lines {
    fn add(&mut self, description: &str, value: &(impl CacheKey + ?Sized)) {
        let bytes = KeyBuf::bytes().written(|key| value.write_key(key));
        let text = KeyBuf::text().written(|key| value.write_key(key));
        let bytes = bytes.as_bytes().iter().fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"));
        let text = str::from_utf8(text.as_bytes()).expect("the text form is ASCII");
        self.0.push(format!("{description} = {bytes} = \"{text}\""));
    }
}

#[test]
fn keys_are_the_same_on_every_release() {
    let mut lines = Lines::default();
    numbers(&mut lines);
    texts(&mut lines);
    wrappers(&mut lines);
    collections(&mut lines);
    compounds(&mut lines);
    ranges(&mut lines);
    addresses(&mut lines);
    std_times(&mut lines);
    with_chrono(&mut lines);
    with_time(&mut lines);
    with_http(&mut lines);
    others(&mut lines);
    let golden: Vec<&str> = GOLDEN.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
    for (written, golden) in lines.0.iter().zip(&golden) {
        assert_eq!(written, golden, "a change of golden.txt is a breaking change of shared keys");
    }
    assert_eq!(golden.len(), lines.0.len(), "golden.txt has a line for each value:\n{}", lines.0.join("\n"));
}

fn numbers(lines: &mut Lines) {
    lines.add("bool false", &false);
    lines.add("bool true", &true);
    lines.add("u8 42", &42_u8);
    lines.add("u16 300", &300_u16);
    lines.add("u32 70000", &70_000_u32);
    lines.add("u64 max", &u64::MAX);
    lines.add("u128 max", &u128::MAX);
    lines.add("usize 42", &42_usize);
    lines.add("i8 -1", &-1_i8);
    lines.add("i16 -300", &-300_i16);
    lines.add("i32 min", &i32::MIN);
    lines.add("i64 min", &i64::MIN);
    lines.add("i128 -1", &-1_i128);
    lines.add("isize -42", &-42_isize);
    lines.add("NonZero<u16> 300", &NonZero::<u16>::MIN.saturating_add(299));
    lines.add("NonZero<i64> min", &NonZero::<i64>::MIN);
    lines.add("Wrapping<u8> 7", &Wrapping(7_u8));
    lines.add("Saturating<u8> 7", &Saturating(7_u8));
    lines.add("Ordering Less", &Ordering::Less);
    lines.add("Ordering Equal", &Ordering::Equal);
    lines.add("Ordering Greater", &Ordering::Greater);
}

fn texts(lines: &mut Lines) {
    lines.add("char a", &'a');
    lines.add("char ü", &'ü');
    lines.add("str empty", "");
    lines.add("str a:b/ü", "a:b/ü");
    lines.add("str longer than the buffer", &*"0123456789".repeat(8));
    lines.add("String Az09-._~", &String::from("Az09-._~"));
    lines.add("CStr a b", c"a b");
    lines.add("CString a b", &c"a b".to_owned());
    lines.add("Bytes 0 255", &bytes::Bytes::from_static(&[0, 255]));
    lines.add("BytesMut 0 255", &bytes::BytesMut::from(&[0, 255][..]));
}

fn wrappers(lines: &mut Lines) {
    lines.add("&u8 1", &&1_u8);
    lines.add("&mut u8 1", &&mut 1_u8);
    lines.add("Box<str> a", &Box::<str>::from("a"));
    lines.add("Rc<u8> 1", &Rc::new(1_u8));
    lines.add("Arc<[u8]> 1 2", &Arc::<[u8]>::from([1, 2]));
    lines.add("Cow<str> a", &Cow::Borrowed("a"));
    lines.add("Reverse<u8> 1", &Reverse(1_u8));
    lines.add("PhantomData", &PhantomData::<f64>);
}

fn collections(lines: &mut Lines) {
    lines.add("[u8] 1 2", &[1_u8, 2][..]);
    lines.add("[u8; 2] 1 2", &[1_u8, 2]);
    lines.add("Vec<str> empty", &Vec::<&str>::new());
    lines.add("Vec<str> of one empty", &vec![""]);
    lines.add("Vec<u16> 1 2", &vec![1_u16, 2]);
    lines.add("VecDeque<u8> 1 2", &VecDeque::from([1_u8, 2]));
    lines.add("LinkedList<u8> 1 2", &LinkedList::from([1_u8, 2]));
    lines.add("BinaryHeap<u8> 1 2 2", &BinaryHeap::from([2_u8, 1, 2]));
    lines.add("BTreeSet<u8> 1 2", &BTreeSet::from([2_u8, 1]));
    lines.add("BTreeMap<str, u8> a 1 b 2", &BTreeMap::from([("b", 2_u8), ("a", 1)]));
    lines.add("HashSet<str> a b", &HashSet::from(["b", "a"]));
    lines.add("HashMap<str, u8> a 1 b 2", &HashMap::from([("b", 2_u8), ("a", 1)]));
    lines.add("HashMap<u8, HashSet<u8>> 1 (2 3)", &HashMap::from([(1_u8, HashSet::from([3_u8, 2]))]));
}

fn compounds(lines: &mut Lines) {
    lines.add("()", &());
    lines.add("(u8, str, bool) 1 a true", &(1_u8, "a", true));
    let twelve = (1_u8, 2_u8, 3_u8, 4_u8, 5_u8, 6_u8, 7_u8, 8_u8, 9_u8, 10_u8, 11_u8, 12_u8);
    lines.add("(u8, …) of twelve", &twelve);
    lines.add("Option<u8> None", &None::<u8>);
    lines.add("Option<u8> Some 7", &Some(7_u8));
    lines.add("Result<u8, str> Ok 7", &Ok::<_, &str>(7_u8));
    lines.add("Result<u8, str> Err no", &Err::<u8, _>("no"));
    lines.add("derived Unit", &Derived::Unit);
    lines.add("derived Two", &Derived::Two(1, String::from("a")));
    lines.add("derived Named", &Derived::Named { id: 3 });
    lines.add("derived Function 0.5", &Derived::Function(0.5));
}

/// Stands for what users derive.
#[derive(crate::CacheKey)]
#[cache_key(crate = crate)]
enum Derived {
    Unit,
    Two(u8, String),
    #[cache_key(rename = "by id")]
    Named {
        id: u64,
    },
    Function(#[cache_key(with = bits)] f64),
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "what `with` calls takes a reference")]
fn bits(value: &f64, key: &mut crate::KeyWriter) {
    key.u64(value.to_bits());
}

fn ranges(lines: &mut Lines) {
    lines.add("Range<u8> 1..3", &(1_u8..3));
    lines.add("RangeInclusive<u8> 1..=3", &(1_u8..=3));
    let mut exhausted = 1_u8..=1;
    exhausted.next();
    lines.add("RangeInclusive<u8> 1..=1 exhausted", &exhausted);
    lines.add("RangeFrom<u8> 1..", &(1_u8..));
    lines.add("RangeTo<u8> ..3", &(..3_u8));
    lines.add("RangeToInclusive<u8> ..=3", &(..=3_u8));
    lines.add("RangeFull", &(..));
    lines.add("Bound<u8> Included 1", &Bound::Included(1_u8));
    lines.add("Bound<u8> Excluded 1", &Bound::Excluded(1_u8));
    lines.add("Bound<u8> Unbounded", &Bound::<u8>::Unbounded);
}

fn addresses(lines: &mut Lines) {
    let (v4, v6) = (Ipv4Addr::new(10, 0, 0, 1), Ipv6Addr::LOCALHOST);
    lines.add("Ipv4Addr 10.0.0.1", &v4);
    lines.add("Ipv6Addr ::1", &v6);
    lines.add("IpAddr 10.0.0.1", &IpAddr::V4(v4));
    lines.add("IpAddr ::1", &IpAddr::V6(v6));
    lines.add("SocketAddr 10.0.0.1:80", &SocketAddr::from((v4, 80)));
    lines.add("SocketAddr [::1]:80", &SocketAddr::from((v6, 80)));
    lines.add("SocketAddrV6 [::1]:80 flow 2 scope 3", &SocketAddrV6::new(v6, 80, 2, 3));
}

fn std_times(lines: &mut Lines) {
    let time = Duration::new(90, 5);
    lines.add("Duration 90.000000005", &time);
    lines.add("SystemTime 90.000000005 after the epoch", &(SystemTime::UNIX_EPOCH + time));
    lines.add("SystemTime 90.000000005 before the epoch", &(SystemTime::UNIX_EPOCH - time));
}

fn with_chrono(lines: &mut Lines) {
    use chrono::{DateTime, FixedOffset, Month, NaiveDate, NaiveTime, Weekday};

    let date = NaiveDate::from_ymd_opt(2024, 2, 29).expect("a leap day");
    let leap = NaiveTime::from_hms_nano_opt(23, 59, 59, 1_500_000_000).expect("a leap second");
    let zone = FixedOffset::east_opt(3600).expect("one hour");
    let utc = date.and_time(leap).and_utc();
    lines.add("chrono NaiveDate 2024-02-29", &date);
    lines.add("chrono NaiveTime 23:59:60.5", &leap);
    lines.add("chrono NaiveDateTime 2024-02-29T23:59:60.5", &date.and_time(leap));
    lines.add("chrono DateTime<Utc> 2024-02-29T23:59:60.5Z", &utc);
    lines.add("chrono DateTime<FixedOffset> 2024-03-01T00:59:60.5+01:00", &utc.with_timezone(&zone));
    lines.add("chrono DateTime<Utc> before the epoch", &DateTime::from_timestamp_nanos(-1));
    lines.add("chrono Weekday Monday", &Weekday::Mon);
    lines.add("chrono Month December", &Month::December);
}

fn with_time(lines: &mut Lines) {
    use time::{Date, Duration, Month, OffsetDateTime, Time, UtcOffset, Weekday};

    let date = Date::from_calendar_date(2024, Month::February, 29).expect("a leap day");
    let time = Time::from_hms_nano(23, 59, 58, 5).expect("a time of day");
    let offset = UtcOffset::from_hms(-1, -30, 0).expect("an offset");
    let instant = OffsetDateTime::UNIX_EPOCH - Duration::nanoseconds(1);
    lines.add("time Date 2024-02-29", &date);
    lines.add("time Time 23:59:58.000000005", &time);
    lines.add("time PrimitiveDateTime 2024-02-29T23:59:58.000000005", &date.with_time(time));
    lines.add("time UtcOffset -01:30", &offset);
    lines.add("time OffsetDateTime before the epoch", &instant);
    lines.add("time OffsetDateTime before the epoch at -01:30", &instant.to_offset(offset));
    lines.add("time Duration -1.5", &Duration::milliseconds(-1500));
    lines.add("time Weekday Monday", &Weekday::Monday);
    lines.add("time Month December", &Month::December);
}

fn with_http(lines: &mut Lines) {
    use http::{HeaderName, HeaderValue, Method, StatusCode, Uri};

    lines.add("http Method GET", &Method::GET);
    lines.add("http Uri HTTPS://Example.org/A?b=c", &Uri::from_static("HTTPS://Example.org/A?b=c"));
    lines.add("http Uri /a", &Uri::from_static("/a"));
    lines.add("http StatusCode 404", &StatusCode::NOT_FOUND);
    lines.add("http HeaderName Accept", &HeaderName::from_static("accept"));
    lines.add("http HeaderValue text/html", &HeaderValue::from_static("text/html"));
}

fn others(lines: &mut Lines) {
    let uuid = uuid::Uuid::from_u128(0x0123_4567_89ab_cdef_0123_4567_89ab_cdef);
    lines.add("uuid Uuid 01234567-89ab-cdef-0123-456789abcdef", &uuid);
    lines.add("url Url https://example.org/", &url::Url::parse("HTTPS://Example.org").expect("a URL"));
    lines.add("rust_decimal Decimal -1.50", &rust_decimal::Decimal::new(-150, 2));
    lines.add("rust_decimal Decimal -0.0", &-rust_decimal::Decimal::new(0, 1));
}
