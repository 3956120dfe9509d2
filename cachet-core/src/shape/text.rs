//! A shape as text: what is hashed.

use std::{collections::HashMap, fmt::Write as _};

use serde::Serialize;

use crate::shape::{
    Wire,
    trace::{Form, Id, Trace},
};

impl Trace {
    /// Optional parts of what was flattened are never asked for, but a value shows them when it is written.
    pub(super) fn note_names<S: Serialize>(&mut self, value: &S) {
        if self.wire == Wire::Named
            && !self.dialogues.is_empty()
            && let Ok(value) = serde_json::to_value(value)
        {
            collect_names(&value, &mut self.written);
        }
    }

    pub(super) fn text(&mut self, root: Id) -> String {
        let mut text = String::new();
        self.write(root, &mut HashMap::new(), &mut text);
        self.written.sort_unstable();
        self.written.dedup();
        for name in &self.written {
            write_text(name, &mut text);
        }
        text
    }

    /// Names are written with their lengths, so no two shapes have one text; a shared part is written once, then by its
    /// number.
    fn write(&self, id: Id, numbers: &mut HashMap<Id, usize>, text: &mut String) {
        let node = &self.nodes[id];
        let next = numbers.len();
        let mut composite = |kind: &str, name: &str| {
            text.push_str(kind);
            write_text(name, text);
        };
        match &node.form {
            Form::Unknown | Form::Absent => text.push('-'),
            Form::Shared => {
                let child = node.children[0];
                if let Some(number) = numbers.get(&child) {
                    let _ = write!(text, "#{number}");
                    return;
                }
                numbers.insert(child, next);
                return self.write(child, numbers, text);
            }
            Form::Leaf(kind, expecting) => composite(kind, expecting),
            Form::Option => text.push_str("option"),
            Form::Seq => text.push_str("seq"),
            Form::Map => text.push_str("map"),
            Form::Either => text.push_str("either"),
            Form::ByTag => text.push_str("content"),
            Form::Payload => text.push_str("payload"),
            Form::Tuple(len) => {
                let _ = write!(text, "tuple {len}");
            }
            Form::Newtype(name) => composite("newtype ", name),
            Form::TupleStruct(name, len) => {
                composite("tuple struct ", name);
                let _ = write!(text, " {len}");
            }
            Form::Struct(name, _) => composite("struct ", name),
            Form::Enum(name, _) => composite("enum ", name),
            Form::Untyped => {
                text.push_str("untyped ");
                if let Some(dialogue) = self.dialogues.get(&id) {
                    write_text(dialogue.log(), text);
                }
            }
        }
        if node.children.is_empty() {
            return;
        }
        text.push('(');
        for (at, &child) in node.children.iter().enumerate() {
            match node.form {
                Form::Struct(_, names) | Form::Enum(_, names) => write_text(names[at], text),
                Form::Untyped => write_text(&node.untyped.names.get(at).cloned().unwrap_or_default(), text),
                _ => {}
            }
            self.write(child, numbers, text);
            text.push(',');
        }
        text.push(')');
    }
}

fn write_text(name: &str, text: &mut String) {
    let _ = write!(text, "{}:{name}", name.len());
}

fn collect_names(value: &serde_json::Value, names: &mut Vec<String>) {
    match value {
        serde_json::Value::Array(items) => items.iter().for_each(|item| collect_names(item, names)),
        serde_json::Value::Object(entries) => {
            for (name, value) in entries {
                if !names.contains(name) {
                    names.push(name.clone());
                }
                collect_names(value, names);
            }
        }
        _ => {}
    }
}
