//! What is known of a type so far, and the passes that find out the rest.

use std::{any::type_name, cell::RefCell, collections::HashMap};

use serde::{Serialize, de::Visitor};

use crate::shape::{
    Untraceable, Wire,
    complaint::{self, Complaint, Rejected},
    dialogue::{Dialogue, Probe},
    tracer::Tracer,
};

const MAX_NODES: usize = 8192;
const MAX_PASSES: usize = 8192;
/// Questions in one pass; a `Deserialize` that asks for elements for ever ends here.
const MAX_QUESTIONS: usize = 1 << 16;
/// Levels within levels: each takes some stack.
const MAX_DEPTH: usize = 64;

pub(super) type Id = usize;

/// What a type asked for at one place.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Form {
    /// Not met yet.
    Unknown,
    /// Never asked for: another name of a field or variant that was.
    Absent,
    /// The one child, which several places share and which may contain itself.
    Shared,
    /// Different types under one name, in the order in which they were met.
    Either,
    /// One type for each variant of the tag beside it.
    ByTag,
    Leaf(&'static str, String),
    Option,
    Seq,
    Map,
    Tuple(usize),
    /// The one value of a variant.
    Payload,
    Newtype(&'static str),
    TupleStruct(&'static str, usize),
    Struct(&'static str, &'static [&'static str]),
    Enum(&'static str, &'static [&'static str]),
    /// Asked what there is; a dialogue finds out what it takes.
    Untyped,
}

#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "they are independent")]
pub(super) struct Node {
    pub(super) form: Form,
    pub(super) children: Vec<Id>,
    /// Which made-up value comes next, and how many there are.
    pub(super) attempt: usize,
    attempts: usize,
    /// No made-up value of this part leads past it.
    pub(super) stuck: bool,
    /// Nothing is left to be met below.
    pub(super) complete: bool,
    /// Being asked at this moment, so that a value of it must not contain another at any length.
    busy: bool,
    /// Of an enum: how often each variant was tried, which could be made, and the first that could.
    tries: Vec<u32>,
    good: Vec<bool>,
    first_good: Option<usize>,
    /// Of a struct: fields are given by name, so that one that is stuck can come last.
    pub(super) by_name: bool,
    /// Of what a dialogue made up.
    pub(super) untyped: Probe,
}

impl Node {
    fn new() -> Self {
        Self {
            form: Form::Unknown,
            children: Vec::new(),
            attempt: 0,
            attempts: 1,
            stuck: false,
            complete: false,
            busy: false,
            tries: Vec::new(),
            good: Vec::new(),
            first_good: None,
            by_name: false,
            untyped: Probe::default(),
        }
    }
}

/// Which visitor asked, what it makes, and what it asked for: one definition, wherever it is met.
type Definition = (&'static str, &'static str, Form);

/// A place that was met, and whether there is more to find out there.
#[derive(Clone, Copy)]
pub(super) struct Met {
    pub(super) id: Id,
    pub(super) explore: bool,
    was_busy: bool,
}

/// What a frame knew when it was opened.
pub(super) struct Opened {
    leaves: usize,
    in_dialogue: bool,
}

pub(super) struct Trace {
    pub(super) wire: Wire,
    pub(super) nodes: Vec<Node>,
    definitions: HashMap<Definition, Id>,
    pub(super) dialogues: HashMap<Id, Dialogue>,
    /// The names in made-up values as they are written, where reading does not tell them all.
    pub(super) written: Vec<String>,
    /// Something new was found out in this pass.
    pub(super) progress: bool,
    pass: Pass,
    untraceable: Option<Untraceable>,
}

#[derive(Default)]
struct Pass {
    questions: usize,
    depth: usize,
    /// Places whose made-up value was used, in order.
    leaves: Vec<Id>,
    /// The tracer itself gave up, so no value is to blame.
    cut: bool,
    blamed: bool,
    /// No other made-up value is left to try.
    hopeless: bool,
    /// The variant that a tag just had.
    tag: Option<usize>,
    /// The place that a dialogue is about in this pass, and how it went.
    dialogue: Option<Id>,
    outcome: Option<Vec<Complaint>>,
}

impl Trace {
    /// The shape as text.
    pub(super) fn of<S: Serialize + serde::de::DeserializeOwned>(wire: Wire) -> Result<String, Untraceable> {
        let trace = RefCell::new(Self::new(wire));
        let root = trace.borrow_mut().node();
        let mut idle = 0;
        for _ in 0..MAX_PASSES {
            let opened = trace.borrow_mut().begin();
            let value = S::deserialize(Tracer { trace: &trace, node: root });
            let mut trace = trace.borrow_mut();
            trace.close(root, &opened, value.is_ok());
            if let Ok(value) = value {
                trace.note_names(&value);
            }
            trace.learn();
            if let Some(reason) = trace.untraceable {
                return Err(reason);
            }
            if trace.nodes[root].complete {
                return Ok(trace.text(root));
            }
            idle = if trace.progress { 0 } else { idle + 1 };
            if idle > trace.patience() {
                break;
            }
        }
        Err(Untraceable::Unanswered)
    }

    fn new(wire: Wire) -> Self {
        Self {
            wire,
            nodes: Vec::new(),
            definitions: HashMap::new(),
            dialogues: HashMap::new(),
            written: Vec::new(),
            progress: false,
            pass: Pass::default(),
            untraceable: None,
        }
    }

    /// As many passes without news as it takes to meet every variant of the largest enum twice.
    fn patience(&self) -> usize {
        4 + 2 * self.nodes.iter().map(|node| node.tries.len()).max().unwrap_or(0)
    }

    fn begin(&mut self) -> Opened {
        self.progress = false;
        self.pass = Pass::default();
        for node in &mut self.nodes {
            node.busy = false;
        }
        complaint::heard();
        Opened { leaves: 0, in_dialogue: false }
    }

    pub(super) fn node(&mut self) -> Id {
        self.nodes.push(Node::new());
        self.nodes.len() - 1
    }

    pub(super) fn give_up(&mut self, reason: Untraceable) -> Rejected {
        self.untraceable.get_or_insert(reason);
        self.cut()
    }

    pub(super) fn cut(&mut self) -> Rejected {
        self.pass.cut = true;
        Rejected
    }

    /// Counts a question, so that every pass ends.
    pub(super) fn ask(&mut self) -> Result<(), Rejected> {
        self.pass.questions += 1;
        if self.pass.questions > MAX_QUESTIONS || self.pass.depth > MAX_DEPTH {
            return Err(self.cut());
        }
        if self.nodes.len() > MAX_NODES {
            return Err(self.give_up(Untraceable::TooLarge));
        }
        Ok(())
    }

    /// A visitor asks for a form with that many children at a place.
    pub(super) fn meet<'de, V: Visitor<'de>>(
        &mut self,
        place: Id,
        form: Form,
        children: usize,
        attempts: usize,
    ) -> Result<Met, Rejected> {
        self.ask()?;
        let shared = matches!(
            form,
            Form::Seq | Form::Map | Form::Newtype(_) | Form::TupleStruct(..) | Form::Struct(..) | Form::Enum(..)
        );
        let definition = shared.then(|| (type_name::<V>(), type_name::<V::Value>(), form.clone()));
        let id = self.place(place, form, definition, children);
        let node = &mut self.nodes[id];
        node.attempts = attempts;
        let met = Met { id, explore: !node.complete && !node.busy, was_busy: node.busy };
        node.busy = true;
        self.pass.depth += 1;
        Ok(met)
    }

    pub(super) fn leave(&mut self, met: Met) {
        self.nodes[met.id].busy = met.was_busy;
        self.pass.depth -= 1;
    }

    /// Finds the node of a question, or makes it.
    fn place(&mut self, place: Id, form: Form, definition: Option<Definition>, children: usize) -> Id {
        if matches!(self.nodes[place].form, Form::Unknown | Form::Absent) {
            self.progress = true;
            let Some(definition) = definition else {
                self.define(place, form, children);
                return place;
            };
            let id = self.definition(definition, form, children);
            self.nodes[place].form = Form::Shared;
            self.nodes[place].children = vec![id];
            return id;
        }
        if self.answers(place, &form, definition.as_ref()) {
            return if self.nodes[place].form == Form::Shared { self.nodes[place].children[0] } else { place };
        }
        if self.nodes[place].form != Form::Either {
            let moved = std::mem::replace(&mut self.nodes[place], Node::new());
            let id = self.node();
            self.nodes[id] = moved;
            self.nodes[place].form = Form::Either;
            self.nodes[place].children = vec![id];
        }
        let known = self.nodes[place].children.clone();
        let known = known.into_iter().find(|&child| self.answers(child, &form, definition.as_ref()));
        let child = known.unwrap_or_else(|| {
            let id = self.node();
            self.nodes[place].children.push(id);
            id
        });
        self.place(child, form, definition, children)
    }

    fn answers(&self, place: Id, form: &Form, definition: Option<&Definition>) -> bool {
        let node = &self.nodes[place];
        match (&node.form, definition) {
            (Form::Shared, Some(definition)) => self.definitions.get(definition) == Some(&node.children[0]),
            (known, _) => known == form,
        }
    }

    fn definition(&mut self, definition: Definition, form: Form, children: usize) -> Id {
        if let Some(&id) = self.definitions.get(&definition) {
            return id;
        }
        let id = self.node();
        self.definitions.insert(definition, id);
        self.define(id, form, children);
        id
    }

    fn define(&mut self, id: Id, form: Form, children: usize) {
        let first = self.nodes.len();
        self.nodes.extend((0..children).map(|_| Node::new()));
        let node = &mut self.nodes[id];
        if let Form::Enum(..) = form {
            (node.tries, node.good) = (vec![0; children], vec![false; children]);
        }
        node.by_name = self.wire == Wire::Named;
        node.form = form;
        node.children = (first..first + children).collect();
    }

    /// A place uses its made-up value.
    pub(super) fn use_attempt(&mut self, id: Id) -> usize {
        self.pass.leaves.push(id);
        self.nodes[id].attempt
    }

    /// The variant to go on with: one that has more to find out, else one that can be made, each in its turn. Within a
    /// value of the same enum it is the first that could be made, so that the value ends.
    pub(super) fn variant(&mut self, met: Met, is_tag: bool) -> Result<usize, Rejected> {
        let node = &self.nodes[met.id];
        let choice = if met.was_busy {
            node.first_good
        } else {
            let open = |&at: &usize| !self.nodes[node.children[at]].complete;
            let all = 0..node.children.len();
            let least_tried = |&at: &usize| node.tries[at];
            let unfinished = all.clone().filter(open).min_by_key(least_tried);
            unfinished.or_else(|| all.filter(|&at| node.good[at]).min_by_key(least_tried))
        };
        let Some(choice) = choice else { return Err(self.cut()) };
        if !met.was_busy {
            self.nodes[met.id].tries[choice] += 1;
        }
        if is_tag {
            self.pass.tag = Some(choice);
        }
        Ok(choice)
    }

    pub(super) fn variant_was_made(&mut self, id: Id, variant: usize) {
        let node = &mut self.nodes[id];
        self.progress |= !node.good[variant];
        node.good[variant] = true;
        node.first_good.get_or_insert(variant);
    }

    pub(super) fn set_absent(&mut self, id: Id) {
        if self.nodes[id].form == Form::Unknown {
            self.nodes[id].form = Form::Absent;
            self.progress = true;
        }
    }

    /// A visitor was content without these.
    pub(super) fn rest_is_absent(&mut self, id: Id) {
        for child in self.nodes[id].children.clone() {
            self.set_absent(child);
        }
    }

    /// The fields of a struct, those that nothing leads past at the end; an order is only free by name.
    pub(super) fn order(&mut self, id: Id) -> Vec<usize> {
        let stuck = |trace: &Self, at: usize| trace.nodes[trace.nodes[id].children[at]].stuck;
        let mut order: Vec<usize> = (0..self.nodes[id].children.len()).collect();
        if !self.nodes[id].by_name && order.iter().any(|&at| stuck(self, at)) {
            let children = (0..order.len()).map(|_| self.node()).collect();
            self.nodes[id].children = children;
            self.nodes[id].by_name = true;
            self.progress = true;
        }
        order.sort_by_key(|&at| stuck(self, at));
        order
    }

    /// A part of a value begins; beside a tag, the part is another one for each variant.
    pub(super) fn open(&mut self, place: Id) -> (Id, Opened) {
        let opened = Opened { leaves: self.pass.leaves.len(), in_dialogue: self.pass.dialogue.is_some() };
        let Some(tag) = self.pass.tag.take() else { return (place, opened) };
        self.nodes[place].form = Form::ByTag;
        while self.nodes[place].children.len() <= tag {
            let id = self.node();
            self.nodes[place].children.push(id);
        }
        (self.nodes[place].children[tag], opened)
    }

    /// A part of a value ends. The innermost that was rejected tells which made-up value is to blame.
    pub(super) fn close(&mut self, place: Id, opened: &Opened, accepted: bool) {
        let in_dialogue = self.pass.dialogue.is_some() && self.pass.outcome.is_none();
        let is_answer = matches!(self.nodes[place].form, Form::Untyped | Form::Leaf("identifier", _));
        let ends_dialogue = !opened.in_dialogue || (!accepted && !self.pass.blamed && is_answer);
        if in_dialogue && ends_dialogue && !self.pass.cut {
            let heard = complaint::heard();
            // Complaints that did not end in a rejection were swallowed: an untagged enum took a later variant.
            self.pass.outcome = Some(heard);
            self.pass.blamed |= !accepted;
            return;
        }
        if accepted {
            return;
        }
        if !self.pass.blamed {
            self.pass.blamed = true;
            self.pass.hopeless = !self.pass.cut && !self.blame(opened.leaves);
        }
        if self.pass.hopeless && !self.nodes[place].stuck {
            self.nodes[place].stuck = true;
            self.progress = true;
        }
    }

    /// The last value that has an alternative gives way to it.
    fn blame(&mut self, from: usize) -> bool {
        let last = self.pass.leaves[from..].iter().rev().copied();
        let Some(id) = last.into_iter().find(|&id| self.nodes[id].attempt + 1 < self.nodes[id].attempts) else {
            return false;
        };
        self.nodes[id].attempt += 1;
        self.progress = true;
        true
    }

    /// An untyped place is met: the first that is not finished is what this pass is about.
    pub(super) fn converse(&mut self, id: Id) {
        let held = self.nodes[id].untyped.held;
        let finished = self.dialogues.get(&id).is_some_and(Dialogue::is_finished);
        if self.pass.dialogue.is_none() && !held && !finished {
            self.pass.dialogue = Some(id);
            complaint::heard();
        }
    }

    /// After a pass.
    fn learn(&mut self) {
        if let (Some(id), Some(complaints)) = (self.pass.dialogue, self.pass.outcome.take()) {
            let mut dialogue = self.dialogues.remove(&id).unwrap_or_else(|| Dialogue::about(id));
            if dialogue.step(self, &complaints).is_none() {
                self.untraceable.get_or_insert(Untraceable::Unanswered);
            }
            self.dialogues.insert(id, dialogue);
            self.progress = true;
        }
        self.find_complete();
    }

    /// Everything is complete but what was not met, and what contains such.
    fn find_complete(&mut self) {
        let mut complete: Vec<bool> = (0..self.nodes.len()).map(|id| self.is_met(id)).collect();
        loop {
            let mut changed = false;
            for id in 0..complete.len() {
                if complete[id] && !self.has_met_children(id, &complete) {
                    (complete[id], changed) = (false, true);
                }
            }
            if !changed {
                break;
            }
        }
        for (node, complete) in self.nodes.iter_mut().zip(complete) {
            self.progress |= complete && !node.complete;
            node.complete = complete;
        }
    }

    fn is_met(&self, id: Id) -> bool {
        let node = &self.nodes[id];
        match node.form {
            Form::Unknown => node.untyped.held,
            Form::Untyped => node.untyped.held || self.dialogues.get(&id).is_some_and(Dialogue::is_finished),
            _ => true,
        }
    }

    fn has_met_children(&self, id: Id, complete: &[bool]) -> bool {
        let node = &self.nodes[id];
        // A variant without a value has no part beside its tag.
        let may_miss = |child: Id| node.form == Form::ByTag && self.nodes[child].form == Form::Unknown;
        node.children.iter().all(|&child| complete[child] || may_miss(child))
    }
}
