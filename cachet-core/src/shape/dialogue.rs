//! Finding out what a type takes that does not say what it wants.
//!
//! `#[serde(flatten)]`, `#[serde(tag = "…")]` and `#[serde(untagged)]` read whatever is there into a buffer, and then
//! look at it. All that is heard of the types behind the buffer is what they complain of. So the dialogue puts one
//! thing at a time into a made-up value: something of no use, to hear what is expected; one kind of value after the
//! other until one is taken; a field when one is missing; a variant when the variants are named. What was heard is the
//! shape.

use std::fmt::Write as _;

use crate::shape::{
    complaint::{Complaint, Rejected},
    made_up::TEXTS,
    trace::{Form, Id, Trace},
};

/// A dialogue that takes longer leads nowhere.
const MAX_STEPS: usize = 2048;

/// A name that no field has: a map with names of any kind takes it, a struct passes over it.
const STRANGER: &str = "\u{1}cachet";

/// What is said at an untyped place.
pub(super) enum Said {
    Bytes,
    Null,
    Bool,
    Number(u64),
    Negative,
    Float,
    Text(String),
    Seq,
    Map,
}

/// Kinds in the order in which they are tried, before the rest of the texts.
const BYTES: usize = 0;
const NULL: usize = 1;
const MAP: usize = 6;
const SEQ: usize = 7;
const KINDS: usize = 10;

/// The made-up value of an untyped place.
#[derive(Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "they are independent")]
pub(super) struct Probe {
    /// Part of a larger untyped value.
    pub(super) held: bool,
    /// A struct with flattened parts: always a map.
    pub(super) open: bool,
    /// The variant that is said, as text or as the one name of a map.
    pub(super) text: Option<String>,
    /// The names of a map's entries.
    pub(super) names: Vec<String>,
    kind: usize,
    nullable: bool,
    with_payload: bool,
}

impl Probe {
    pub(super) fn said(&self) -> Said {
        match (&self.text, self.kind) {
            _ if self.open || self.with_payload => Said::Map,
            (Some(text), _) => Said::Text(text.clone()),
            (None, BYTES) => Said::Bytes,
            (None, NULL) => Said::Null,
            (None, 2) => Said::Number(1),
            (None, 3) => Said::Text(TEXTS[0].to_owned()),
            (None, 4) => Said::Bool,
            (None, 5) => Said::Float,
            (None, MAP) => Said::Map,
            (None, SEQ) => Said::Seq,
            (None, 8) => Said::Number(0),
            (None, 9) => Said::Negative,
            (None, other) => Said::Text(TEXTS.get(other + 1 - KINDS).copied().unwrap_or_default().to_owned()),
        }
    }

    /// The next kind; `None` after the last.
    fn advance(&mut self) -> Option<()> {
        self.kind += 1;
        (self.kind < KINDS + TEXTS.len() - 1).then_some(())
    }
}

/// An enum whose variants are said in turn.
#[derive(Debug)]
struct Choice {
    at: Id,
    variants: &'static [&'static str],
    next: usize,
    /// What was open, with how many entries, when the variants were heard.
    open: Vec<(Id, usize)>,
}

#[derive(Debug)]
pub(super) struct Dialogue {
    about: Id,
    /// Which complaint of a pass is followed: an untagged enum has one for each of its variants.
    lane: usize,
    lanes: usize,
    /// Maps and sequences that may want more, the innermost last.
    open: Vec<Id>,
    /// The place that was put in last.
    focus: Id,
    choices: Vec<Choice>,
    log: String,
    steps: usize,
    finished: bool,
}

impl Dialogue {
    pub(super) fn about(about: Id) -> Self {
        Self {
            about,
            lane: 0,
            lanes: 0,
            open: Vec::new(),
            focus: about,
            choices: Vec::new(),
            log: String::new(),
            steps: 0,
            finished: false,
        }
    }

    pub(super) fn is_finished(&self) -> bool {
        self.finished
    }

    /// All that was heard.
    pub(super) fn log(&self) -> &str {
        &self.log
    }

    /// Takes in what was complained of in a pass, and changes the made-up value; `None` if there is no way on.
    pub(super) fn step(&mut self, trace: &mut Trace, complaints: &[Complaint]) -> Option<()> {
        self.steps += 1;
        if self.steps > MAX_STEPS {
            return None;
        }
        if self.steps == 1 {
            self.lanes = complaints.len().saturating_sub(1);
            if trace.nodes[self.about].untyped.open {
                self.open.push(self.about);
            }
        }
        match complaints.get(self.lane) {
            None => self.taken(trace),
            Some(Complaint::Missing(name)) => self.missing(trace, name),
            Some(Complaint::Variants(variants)) => self.variants(trace, variants),
            Some(Complaint::Fields(names)) => self.unknown(trace, names),
            Some(Complaint::Length) => self.too_short(trace),
            Some(Complaint::Expected(text)) => self.refused(trace, text),
            Some(Complaint::Duplicate | Complaint::Other) => self.refused(trace, ""),
        }
    }

    fn note(&mut self, what: &str, name: &str) {
        let _ = write!(self.log, "{what}{}:{name} ", name.len());
    }

    /// Puts a place that says nothing yet into a map or sequence.
    fn put(&mut self, trace: &mut Trace, into: Id, name: &str) {
        let hole = trace.node();
        trace.nodes[hole].untyped.held = true;
        trace.nodes[into].children.push(hole);
        trace.nodes[into].untyped.names.push(name.to_owned());
        self.focus = hole;
    }

    fn truncate(trace: &mut Trace, id: Id, len: usize) {
        trace.nodes[id].children.truncate(len);
        trace.nodes[id].untyped.names.truncate(len);
    }

    fn remove(trace: &mut Trace, id: Id, name: &str) {
        if let Some(at) = trace.nodes[id].untyped.names.iter().position(|known| known == name) {
            trace.nodes[id].untyped.names.remove(at);
            trace.nodes[id].children.remove(at);
        }
    }

    /// Notes the kind that was taken; `false` if there is more to hear about it first.
    fn settle(&mut self, trace: &mut Trace) -> bool {
        let probe = &mut trace.nodes[self.focus].untyped;
        let kind = probe.kind;
        if kind == NULL && !probe.nullable && probe.text.is_none() {
            // Nothing at all is taken: what else would be?
            probe.nullable = true;
            probe.kind += 1;
            self.note("nullable", "");
            return false;
        }
        if kind == SEQ && trace.nodes[self.focus].children.is_empty() && trace.nodes[self.focus].form == Form::Untyped {
            self.open.push(self.focus);
            self.put(trace, self.focus, "");
            return false;
        }
        self.note("takes", &kind.to_string());
        true
    }

    /// No complaint is left, so what is open may be closed once a stranger was tried.
    fn taken(&mut self, trace: &mut Trace) -> Option<()> {
        if !self.settle(trace) {
            return Some(());
        }
        while let Some(&innermost) = self.open.last() {
            let probe = &trace.nodes[innermost].untyped;
            let is_map = probe.open || probe.kind == MAP;
            if is_map && !probe.names.iter().any(|name| name == STRANGER) {
                self.note("stranger", "");
                self.put(trace, innermost, STRANGER);
                return Some(());
            }
            self.open.pop();
        }
        self.next_variant(trace).or_else(|| self.next_lane(trace)).or_else(|| {
            self.finished = true;
            Some(())
        })
    }

    fn next_variant(&mut self, trace: &mut Trace) -> Option<()> {
        loop {
            let choice = self.choices.last_mut()?;
            let Some(&variant) = choice.variants.get(choice.next) else {
                self.choices.pop();
                continue;
            };
            choice.next += 1;
            self.open = choice.open.iter().map(|&(id, _)| id).collect();
            self.focus = choice.at;
            for &(id, len) in &choice.open {
                Self::truncate(trace, id, len);
            }
            Self::truncate(trace, choice.at, 0);
            let probe = &mut trace.nodes[self.focus].untyped;
            (probe.text, probe.with_payload) = (Some(variant.to_owned()), false);
            self.note("variant", variant);
            return Some(());
        }
    }

    /// The next variant of an untagged enum, from the beginning.
    fn next_lane(&mut self, trace: &mut Trace) -> Option<()> {
        self.lane += 1;
        if self.lane >= self.lanes {
            return None;
        }
        self.focus = self.about;
        Self::truncate(trace, self.about, 0);
        let open = trace.nodes[self.about].untyped.open;
        trace.nodes[self.about].untyped = Probe { open, ..Probe::default() };
        self.open.extend(open.then_some(self.about));
        self.note("or", "");
        Some(())
    }

    fn missing(&mut self, trace: &mut Trace, name: &str) -> Option<()> {
        if self.focus != self.about && self.open.last() != Some(&self.focus) && !self.settle(trace) {
            return Some(());
        }
        loop {
            let &innermost = self.open.last()?;
            if trace.nodes[innermost].untyped.names.iter().any(|known| known == name) {
                // It was put in here, and is still missing: what is further out complains of it.
                Self::remove(trace, innermost, name);
                self.open.pop();
                continue;
            }
            Self::remove(trace, innermost, STRANGER);
            self.note("field", name);
            self.put(trace, innermost, name);
            return Some(());
        }
    }

    fn variants(&mut self, trace: &mut Trace, variants: &'static [&'static str]) -> Option<()> {
        if self.choices.iter().any(|choice| choice.at == self.focus) {
            return None;
        }
        for name in variants {
            self.note("of", name);
        }
        let open = self.open.iter().map(|&id| (id, trace.nodes[id].children.len())).collect();
        self.choices.push(Choice { at: self.focus, variants, next: 0, open });
        self.next_variant(trace)
    }

    /// Only a struct that takes no strangers says which fields it has.
    fn unknown(&mut self, trace: &mut Trace, names: &[&str]) -> Option<()> {
        let innermost = self.open.pop()?;
        for name in names {
            self.note("only", name);
        }
        let last = trace.nodes[innermost].children.len().checked_sub(1)?;
        Self::truncate(trace, innermost, last);
        self.focus = innermost;
        Some(())
    }

    fn too_short(&mut self, trace: &mut Trace) -> Option<()> {
        let probe = &trace.nodes[self.focus].untyped;
        if probe.kind == SEQ && trace.nodes[self.focus].children.is_empty() {
            self.open.push(self.focus);
        } else {
            let _ = self.settle(trace);
        }
        let innermost = self.open.iter().rev().copied().find(|&id| trace.nodes[id].untyped.kind == SEQ)?;
        self.note("element", "");
        self.put(trace, innermost, "");
        Some(())
    }

    fn refused(&mut self, trace: &mut Trace, expected: &str) -> Option<()> {
        let focus = self.focus;
        let probe = &mut trace.nodes[focus].untyped;
        if probe.text.is_some() {
            if probe.with_payload {
                return None;
            }
            probe.with_payload = true;
            let variant = probe.text.clone().unwrap_or_default();
            self.note("payload", expected);
            self.put(trace, focus, &variant);
            return Some(());
        }
        if probe.kind == BYTES {
            self.note("wants", expected);
        }
        if self.open.last() == Some(&focus) && !probe.open {
            self.open.pop();
        }
        let probe = &mut trace.nodes[focus].untyped;
        if probe.advance().is_none() {
            if !probe.nullable {
                return None;
            }
            probe.kind = NULL;
        }
        if probe.kind == MAP {
            self.open.push(focus);
        }
        Some(())
    }
}

impl Trace {
    /// A map turns out to be a struct whose fields nobody names.
    pub(super) fn open_map(&mut self, id: Id) -> Rejected {
        if self.wire != crate::shape::Wire::Named {
            return self.give_up(crate::shape::Untraceable::NotPositional);
        }
        self.progress = true;
        self.nodes[id].form = Form::Untyped;
        self.nodes[id].children.clear();
        self.nodes[id].untyped.open = true;
        self.cut()
    }
}
