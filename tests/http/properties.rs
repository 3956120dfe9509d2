//! Preconditions and ranges of any kind, against a plain reading of RFC 9110 that shares nothing with the crate.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use actix_web::{
    FromRequest, HttpRequest, Responder,
    body::MessageBody,
    dev::Payload,
    http::{
        Method,
        header::{HeaderName, HeaderValue},
    },
    test::TestRequest,
};
use cachet_actix::{EntityTag, PreconditionError, Preconditions, Validated, Validators};
use proptest::{collection::vec, option, prelude::*, sample::select};

/// What the tags are made of: few enough to meet.
const TAGS: [&str; 3] = ["a", "b", "c"];

/// Sun, 06 Nov 1994 08:49:37 GMT
const MODIFIED: u64 = 784_111_777;

#[derive(Clone, Debug)]
enum List {
    Any,
    Of(Vec<(bool, &'static str)>),
}

/// The second that a date names, or `None` for one that is none.
type Date = Option<u64>;

#[derive(Clone, Debug)]
struct Case {
    method: Method,
    tag: Option<(bool, &'static str)>,
    modified: Option<u64>,
    absent: bool,
    if_match: Option<List>,
    if_none_match: Option<List>,
    /// As many lines as there are dates.
    if_modified_since: Vec<Date>,
    if_unmodified_since: Vec<Date>,
}

fn list() -> impl Strategy<Value = List> {
    prop_oneof![1 => Just(List::Any), 4 => vec((any::<bool>(), select(&TAGS[..])), 0..4).prop_map(List::Of)]
}

fn dates() -> impl Strategy<Value = Vec<Date>> {
    vec(option::weighted(0.8, MODIFIED - 1..=MODIFIED + 1), 0..=2)
}

fn case() -> impl Strategy<Value = Case> {
    let methods =
        [Method::GET, Method::HEAD, Method::PUT, Method::POST, Method::DELETE, Method::OPTIONS, Method::TRACE];
    (
        select(methods.to_vec()),
        option::of((any::<bool>(), select(&TAGS[..]))),
        option::of(MODIFIED - 1..=MODIFIED + 1),
        prop::bool::weighted(0.1),
        option::weighted(0.4, list()),
        option::weighted(0.4, list()),
        dates(),
        dates(),
    )
        .prop_map(
            |(method, tag, modified, absent, if_match, if_none_match, if_modified_since, if_unmodified_since)| Case {
                method,
                tag,
                modified,
                absent,
                if_match,
                if_none_match,
                if_modified_since,
                if_unmodified_since,
            },
        )
}

impl Case {
    fn request(&self) -> HttpRequest {
        let mut request = TestRequest::default().method(self.method.clone());
        for (name, list) in [("if-match", &self.if_match), ("if-none-match", &self.if_none_match)] {
            if let Some(list) = list {
                request = request.append_header((name, written(list)));
            }
        }
        for (name, dates) in
            [("if-modified-since", &self.if_modified_since), ("if-unmodified-since", &self.if_unmodified_since)]
        {
            for date in dates {
                let text = date.map_or_else(|| "today".to_owned(), |date| httpdate::fmt_http_date(time(date)));
                request = request.append_header((name, text));
            }
        }
        request.to_http_request()
    }

    fn validators(&self) -> Validators {
        if self.absent {
            return Validators::absent();
        }
        let tag = |(weak, text)| if weak { EntityTag::weak(text) } else { EntityTag::strong(text) };
        let validators = self.tag.map_or_else(Validators::new, |parts| Validators::from(tag(parts)));
        self.modified.map_or(validators.clone(), |modified| validators.modified(time(modified)))
    }

    /// The steps of RFC 9110 §13.2.2, one after the other.
    fn expected(&self) -> u16 {
        if self.method == Method::OPTIONS || self.method == Method::TRACE {
            return 200;
        }
        let reads = self.method == Method::GET || self.method == Method::HEAD;
        let modified = if self.absent { None } else { self.modified };
        // Step 1.
        if let Some(list) = &self.if_match {
            if !self.matches(list, true) {
                return 412;
            }
        // Step 2.
        } else if let ([Some(date)], Some(modified)) = (&self.if_unmodified_since[..], modified)
            && modified > *date
        {
            return 412;
        }
        // Step 3.
        if let Some(list) = &self.if_none_match {
            if self.matches(list, false) {
                return if reads { 304 } else { 412 };
            }
        // Step 4.
        } else if let ([Some(date)], Some(modified), true) = (&self.if_modified_since[..], modified, reads)
            && modified <= *date
        {
            return 304;
        }
        200
    }

    fn matches(&self, list: &List, strongly: bool) -> bool {
        match (list, self.tag) {
            _ if self.absent => false,
            (List::Any, _) => true,
            (List::Of(_), None) => false,
            (List::Of(tags), Some((weak, text))) => {
                tags.iter().any(|(listed_weak, listed)| *listed == text && !(strongly && (weak || *listed_weak)))
            }
        }
    }
}

fn time(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds)
}

fn written(list: &List) -> String {
    match list {
        List::Any => "*".to_owned(),
        List::Of(tags) => {
            let tags: Vec<_> =
                tags.iter().map(|(weak, tag)| format!("{}\"{tag}\"", if *weak { "W/" } else { "" })).collect();
            tags.join(" ,\t, ")
        }
    }
}

fn check(request: &HttpRequest, current: &Validators) -> u16 {
    let Ok(preconditions) = Preconditions::from_request(request, &mut Payload::None).into_inner();
    match preconditions.check(current) {
        Ok(()) => 200,
        Err(PreconditionError::NotModified(_)) => 304,
        Err(PreconditionError::Failed) => 412,
        Err(other) => panic!("nobody required anything: {other}"),
    }
}

#[derive(Clone, Debug)]
enum Wanted {
    From(u64),
    Within(u64, u64),
    Suffix(u64),
}

impl Wanted {
    fn written(&self) -> String {
        match self {
            Self::From(first) => format!("{first}-"),
            Self::Within(first, last) => format!("{first}-{last}"),
            Self::Suffix(length) => format!("-{length}"),
        }
    }

    fn holds(&self, position: u64, length: u64) -> bool {
        match self {
            Self::From(first) => position >= *first,
            Self::Within(first, last) => (*first..=*last).contains(&position),
            Self::Suffix(suffix) => position + suffix >= length,
        }
    }
}

fn wanted() -> impl Strategy<Value = Wanted> {
    let position = || prop_oneof![9 => 0_u64..40, 1 => (u64::MAX - 2)..=u64::MAX];
    prop_oneof![
        position().prop_map(Wanted::From),
        (position(), position()).prop_map(|(first, last)| Wanted::Within(first, last)),
        (0_u64..40).prop_map(Wanted::Suffix),
    ]
}

/// The status and the octets that RFC 9110 §14.2 and the choices of the documentation ask for, found octet by octet.
fn expected_part(ranges: &[Wanted], body: &[u8]) -> (u16, Vec<u8>) {
    let is_invalid = |range: &Wanted| matches!(range, Wanted::Within(first, last) if first > last);
    if ranges.len() > 16 || ranges.iter().any(is_invalid) {
        return (200, body.to_vec());
    }
    let length = body.len() as u64;
    let positions: Vec<u64> =
        (0..length).filter(|&position| ranges.iter().any(|range| range.holds(position, length))).collect();
    match (positions.first(), positions.last()) {
        (Some(&first), Some(&last)) if last - first + 1 == positions.len() as u64 => {
            let position = |position| usize::try_from(position).expect("a small number");
            (206, body[position(first)..=position(last)].to_vec())
        }
        (Some(_), _) => (200, body.to_vec()),
        (None, _) if ranges.iter().any(|range| matches!(range, Wanted::Suffix(suffix) if *suffix > 0)) => {
            (200, body.to_vec())
        }
        (None, _) => (416, Vec::new()),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn preconditions_are_evaluated_as_a_plain_reading_says(case in case()) {
        prop_assert_eq!(check(&case.request(), &case.validators()), case.expected());
    }

    #[test]
    fn ranges_are_selected_as_a_plain_reading_says(ranges in vec(wanted(), 1..20), length in 0_usize..40) {
        let body: Vec<u8> = (0_u8..40).take(length).collect();
        let written: Vec<_> = ranges.iter().map(Wanted::written).collect();
        let request = TestRequest::get().append_header(("range", format!("bytes={}", written.join(", "))));
        let response = Validated::new(body.clone(), Validators::etag("x")).respond_to(&request.to_http_request());
        let status = response.status().as_u16();
        let Ok(found) = response.into_body().try_into_bytes() else { panic!("it is in memory") };
        prop_assert_eq!((status, found.to_vec()), expected_part(&ranges, &body));
    }

    #[test]
    fn malformed_fields_do_no_harm(
        name in select(&["if-match", "if-none-match", "if-modified-since", "if-unmodified-since", "if-range", "range"][..]),
        start in select(&["", "*", "\"", "W/\"", "bytes=", "bytes=0-", "Sun, 06 Nov 1994 ", "Sun Nov  ", "Sunday, 06-Nov-"][..]),
        noise in vec(any::<u8>(), 0..40),
    ) {
        let bytes = [start.as_bytes(), &noise].concat();
        let Ok(value) = HeaderValue::from_bytes(&bytes) else { return Ok(()) };
        let request = TestRequest::get()
            .append_header(("range", "bytes=0-1"))
            .append_header((HeaderName::from_static(name), value))
            .to_http_request();
        let current = Validators::etag("x").modified(time(MODIFIED));
        check(&request, &current);
        let status = Validated::new("body", current).respond_to(&request).status().as_u16();
        prop_assert!([200, 206, 304, 412, 416].contains(&status), "{}", status);
    }
}
