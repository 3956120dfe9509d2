//! What a node did and when, as lines of a file that outlives the node.
//!
//! Times are nanoseconds of `CLOCK_MONOTONIC`, which is one clock for all processes of a machine.

use std::{
    fmt,
    fs::File,
    io::{BufWriter, Write},
    path::Path,
    sync::{Mutex, PoisonError},
};

use cachet_core::Origin;
use rustix::time::{ClockId, clock_gettime};

/// Nanoseconds of the machine's clock.
pub(crate) type Time = u64;

pub(crate) fn now() -> Time {
    let time = clock_gettime(ClockId::Monotonic);
    u64::try_from(time.tv_sec).unwrap_or_default() * 1_000_000_000 + u64::try_from(time.tv_nsec).unwrap_or_default()
}

/// A cached function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Function {
    /// Kept for seconds.
    Kept,
    /// Kept for a moment, and served stale for longer.
    Brief,
    /// Kept for longer than any scenario takes.
    Lasting,
}

/// One cached entry: a row of the database under a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Item {
    pub(crate) row: u64,
    pub(crate) function: Function,
}

/// How a writer tells the cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Means {
    /// By key, after the commit.
    Keys,
    /// By the row's tag, after the commit.
    Tag,
    /// By the tag that every entry has, after the commit.
    Everything,
    /// By a fence, if one can be set.
    Fence,
    /// By a fence, without which nothing is written.
    Strictly,
}

/// What a writer was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Done,
    Queued,
    /// A fenced writer is not told whether its invalidation was sent.
    Untold,
    /// Nothing was written.
    Refused,
}

/// One line of a history. Writes are numbered in each process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// The process begins.
    Started { at: Time },
    /// A call and its value.
    Read { item: Item, begun: Time, ended: Time, version: u64, origin: Origin },
    /// A call that ended in an error.
    Failed { item: Item, begun: Time, ended: Time },
    /// A call was not answered at once.
    Waiting { item: Item, at: Time },
    /// A load has read the row, and takes its time.
    Loading { item: Item, version: u64, at: Time },
    /// A load that came to its end.
    Loaded { item: Item, begun: Time, ended: Time, version: u64 },
    /// A writer is called.
    Write { number: u64, row: u64, means: Means, at: Time },
    /// The row has a new version from some moment between the two on.
    Committed { number: u64, version: u64, begun: Time, ended: Time },
    /// The writer returns.
    Returned { number: u64, outcome: Outcome, at: Time },
    /// Nothing that the writer invalidated is waiting to be sent any more.
    Sent { number: u64, at: Time },
    /// The node believes the server again, which it did not for a while.
    Back { at: Time },
}

/// What a node is told to do, one line each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    Read(Item),
    Write(u64, Means),
    /// Loads and commits are held up from now on.
    Hold,
    /// They may go on.
    GoOn,
}

const FUNCTIONS: [(char, Function); 3] = [('k', Function::Kept), ('b', Function::Brief), ('l', Function::Lasting)];
const ORIGINS: [(char, Origin); 4] =
    [('m', Origin::Memory), ('s', Origin::Shared), ('f', Origin::Flight), ('l', Origin::Loaded)];
const MEANS: [(char, Means); 5] =
    [('k', Means::Keys), ('t', Means::Tag), ('e', Means::Everything), ('f', Means::Fence), ('s', Means::Strictly)];
const OUTCOMES: [(char, Outcome); 4] =
    [('d', Outcome::Done), ('q', Outcome::Queued), ('u', Outcome::Untold), ('r', Outcome::Refused)];

/// The letter of a value.
fn letter<T: PartialEq>(letters: &[(char, T)], value: &T) -> char {
    letters.iter().find(|(_, known)| known == value).map_or('?', |(letter, _)| *letter)
}

/// The next word's value.
fn value<T: Copy>(letters: &[(char, T)], word: Option<&str>) -> Option<T> {
    let letter = word?.chars().next()?;
    letters.iter().find(|(known, _)| *known == letter).map(|(_, value)| *value)
}

impl fmt::Display for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", letter(&FUNCTIONS, &self.function), self.row)
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Started { at } => write!(f, "P {at}"),
            Self::Read { item, begun, ended, version, origin } => {
                write!(f, "R {item} {begun} {ended} {version} {}", letter(&ORIGINS, origin))
            }
            Self::Failed { item, begun, ended } => write!(f, "E {item} {begun} {ended}"),
            Self::Waiting { item, at } => write!(f, "B {item} {at}"),
            Self::Loading { item, version, at } => write!(f, "O {item} {version} {at}"),
            Self::Loaded { item, begun, ended, version } => write!(f, "L {item} {begun} {ended} {version}"),
            Self::Write { number, row, means, at } => write!(f, "W {number} {row} {} {at}", letter(&MEANS, means)),
            Self::Committed { number, version, begun, ended } => write!(f, "C {number} {version} {begun} {ended}"),
            Self::Returned { number, outcome, at } => write!(f, "A {number} {} {at}", letter(&OUTCOMES, outcome)),
            Self::Sent { number, at } => write!(f, "S {number} {at}"),
            Self::Back { at } => write!(f, "T {at}"),
        }
    }
}

impl fmt::Display for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read(item) => write!(f, "R {item}"),
            Self::Write(row, means) => write!(f, "W {row} {}", letter(&MEANS, means)),
            Self::Hold => write!(f, "H"),
            Self::GoOn => write!(f, "G"),
        }
    }
}

impl Order {
    pub(crate) fn parse(line: &str) -> Option<Self> {
        let words = &mut line.split(' ');
        Some(match words.next()? {
            "R" => Self::Read(item(words)?),
            "W" => Self::Write(number(words)?, value(&MEANS, words.next())?),
            "H" => Self::Hold,
            "G" => Self::GoOn,
            _ => return None,
        })
    }
}

impl Event {
    /// Reads a line; `None` for one that was cut off when its process was killed.
    pub(crate) fn parse(line: &str) -> Option<Self> {
        let words = &mut line.split(' ');
        let event = match words.next()? {
            "P" => Self::Started { at: number(words)? },
            "R" => Self::Read {
                item: item(words)?,
                begun: number(words)?,
                ended: number(words)?,
                version: number(words)?,
                origin: value(&ORIGINS, words.next())?,
            },
            "E" => Self::Failed { item: item(words)?, begun: number(words)?, ended: number(words)? },
            "B" => Self::Waiting { item: item(words)?, at: number(words)? },
            "O" => Self::Loading { item: item(words)?, version: number(words)?, at: number(words)? },
            "L" => Self::Loaded {
                item: item(words)?,
                begun: number(words)?,
                ended: number(words)?,
                version: number(words)?,
            },
            "W" => Self::Write {
                number: number(words)?,
                row: number(words)?,
                means: value(&MEANS, words.next())?,
                at: number(words)?,
            },
            "C" => Self::Committed {
                number: number(words)?,
                version: number(words)?,
                begun: number(words)?,
                ended: number(words)?,
            },
            "A" => {
                Self::Returned { number: number(words)?, outcome: value(&OUTCOMES, words.next())?, at: number(words)? }
            }
            "S" => Self::Sent { number: number(words)?, at: number(words)? },
            "T" => Self::Back { at: number(words)? },
            _ => return None,
        };
        Some(event)
    }

    /// Whether the checker cannot do without it, so that it is written before anything else happens.
    fn is_a_writers(&self) -> bool {
        !matches!(self, Self::Read { .. } | Self::Waiting { .. } | Self::Loading { .. } | Self::Loaded { .. })
    }
}

fn number<'a>(words: &mut impl Iterator<Item = &'a str>) -> Option<u64> {
    words.next()?.parse().ok()
}

fn item<'a>(words: &mut impl Iterator<Item = &'a str>) -> Option<Item> {
    let function = value(&FUNCTIONS, words.next())?;
    Some(Item { row: number(words)?, function })
}

/// Where a process notes what it does.
pub(crate) struct Log {
    file: Mutex<BufWriter<File>>,
    /// Whether somebody waits for every line.
    is_followed: bool,
}

impl Log {
    pub(crate) fn create(path: &Path, is_followed: bool) -> Self {
        let file = File::create(path).expect("the directory is the test's own");
        Self { file: Mutex::new(BufWriter::new(file)), is_followed }
    }

    pub(crate) fn note(&self, event: Event) {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        writeln!(file, "{event} .").expect("the disk has room");
        if self.is_followed || event.is_a_writers() {
            file.flush().expect("the disk has room");
        }
    }

    pub(crate) fn flush(&self) {
        self.file.lock().unwrap_or_else(PoisonError::into_inner).flush().expect("the disk has room");
    }
}

/// What one process noted, in the order of the ends.
pub(crate) fn read(path: &Path) -> Vec<Event> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    // The full stop says that the line is whole.
    text.lines().filter_map(|line| Event::parse(line.strip_suffix(" .")?)).collect()
}
