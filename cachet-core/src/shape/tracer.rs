//! The deserializer that has no data.

use std::cell::{Ref, RefCell, RefMut};

use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, Expected, MapAccess, SeqAccess, VariantAccess, Visitor,
    value::{StringDeserializer, U32Deserializer},
};

use crate::shape::{
    Untraceable, Wire,
    complaint::Rejected,
    dialogue::Said,
    made_up::{BYTES, CHARS, FLOATS, LENGTHS, NUMBERS, TEXTS},
    trace::{Form, Id, Met, Trace},
};

/// Longer tuples are taken to go on as they began.
const MAX_TUPLE: usize = 64;

/// One place of the type.
#[derive(Clone, Copy)]
pub(super) struct Tracer<'t> {
    pub(super) trace: &'t RefCell<Trace>,
    pub(super) node: Id,
}

impl<'t> Tracer<'t> {
    fn read(&self) -> Ref<'t, Trace> {
        self.trace.borrow()
    }

    fn write(&self) -> RefMut<'t, Trace> {
        self.trace.borrow_mut()
    }

    fn at(self, node: Id) -> Self {
        Self { node, ..self }
    }

    fn is_positional(&self) -> bool {
        self.read().wire != Wire::Named
    }

    /// A part without parts: its kind, what the visitor says of itself, and which made-up value it gets.
    fn leaf<'de, V: Visitor<'de>>(&self, kind: &'static str, visitor: &V, attempts: usize) -> Result<usize, Rejected> {
        let form = Form::Leaf(kind, (visitor as &dyn Expected).to_string());
        let mut trace = self.write();
        let met = trace.meet::<V>(self.node, form, 0, attempts)?;
        trace.leave(met);
        Ok(trace.use_attempt(met.id))
    }

    /// A part with parts.
    fn composite<'de, V: Visitor<'de>>(
        self,
        form: Form,
        children: usize,
        attempts: usize,
        answer: impl FnOnce(Self, Met) -> Result<V::Value, Rejected>,
    ) -> Result<V::Value, Rejected> {
        let met = self.write().meet::<V>(self.node, form, children, attempts)?;
        let result = answer(self.at(met.id), met);
        self.write().leave(met);
        result
    }

    /// Asks a part for its value.
    fn part<'de, S: DeserializeSeed<'de>>(&self, node: Id, seed: S) -> Result<S::Value, Rejected> {
        let (node, opened) = self.write().open(node);
        let result = seed.deserialize(self.at(node));
        self.write().close(node, &opened, result.is_ok());
        result
    }

    fn child(&self, at: usize) -> Id {
        let trace = self.read();
        let children = &trace.nodes[self.node].children;
        children[at.min(children.len() - 1)]
    }

    /// How many elements a sequence or map gives: one while there is something to find out about them.
    fn elements(&self, met: Met) -> usize {
        let length = LENGTHS[self.write().use_attempt(met.id).min(LENGTHS.len() - 1)];
        if met.explore { length.max(1) } else { length }
    }

    fn tuple<'de, V: Visitor<'de>>(self, form: Form, len: usize, visitor: V) -> Result<V::Value, Rejected> {
        self.composite::<V>(form, len.min(MAX_TUPLE), 1, |tracer, _| {
            let value = visitor.visit_seq(Elements { tracer, at: 0, len })?;
            tracer.write().rest_is_absent(tracer.node);
            Ok(value)
        })
    }

    fn fields<'de, V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Rejected> {
        self.composite::<V>(Form::Struct(name, fields), fields.len(), 1, |tracer, _| {
            let order = tracer.write().order(tracer.node);
            let by_name = tracer.read().nodes[tracer.node].by_name;
            let value = if by_name {
                visitor.visit_map(Fields { tracer, names: fields, order: &order, at: 0, pending: None })
            } else {
                visitor.visit_seq(Elements { tracer, at: 0, len: fields.len() })
            }?;
            tracer.write().rest_is_absent(tracer.node);
            Ok(value)
        })
    }

    /// A part that asks what there is.
    fn untyped<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Rejected> {
        if self.is_positional() {
            return Err(self.write().give_up(Untraceable::NotPositional));
        }
        self.composite::<V>(Form::Untyped, 0, 1, |tracer, met| tracer.say(met.id, visitor))
    }

    fn say<'de, V: Visitor<'de>>(self, id: Id, visitor: V) -> Result<V::Value, Rejected> {
        self.write().converse(id);
        let (said, names, children) = {
            let trace = self.read();
            let node = &trace.nodes[id];
            (node.untyped.said(), node.untyped.names.clone(), node.children.clone())
        };
        match said {
            Said::Bytes => visitor.visit_bytes(&[0xff]),
            Said::Null => visitor.visit_unit(),
            Said::Bool => visitor.visit_bool(true),
            Said::Number(number) => visitor.visit_u64(number),
            Said::Negative => visitor.visit_i64(-1),
            Said::Float => visitor.visit_f64(0.5),
            Said::Text(text) => visitor.visit_str(&text),
            Said::Seq => visitor.visit_seq(Elements { tracer: self, at: 0, len: children.len() }),
            Said::Map => visitor.visit_map(Entries { tracer: self, names: &names, children: &children, at: 0 }),
        }
    }
}

macro_rules! numbers {
    ($($method:ident $visit:ident $kind:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Rejected> {
            let attempt = self.leaf(stringify!($kind), &visitor, NUMBERS.len())?;
            visitor.$visit($kind::try_from(NUMBERS[attempt]).unwrap_or(1))
        }
    )*};
}

impl<'de> Deserializer<'de> for Tracer<'_> {
    type Error = Rejected;

    numbers! {
        deserialize_i8 visit_i8 i8
        deserialize_i16 visit_i16 i16
        deserialize_i32 visit_i32 i32
        deserialize_i64 visit_i64 i64
        deserialize_i128 visit_i128 i128
        deserialize_u8 visit_u8 u8
        deserialize_u16 visit_u16 u16
        deserialize_u32 visit_u32 u32
        deserialize_u64 visit_u64 u64
        deserialize_u128 visit_u128 u128
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Rejected> {
        self.untyped(visitor)
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Rejected> {
        let attempt = self.leaf("bool", &visitor, 2)?;
        visitor.visit_bool(attempt == 1)
    }

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Rejected> {
        let attempt = self.leaf("f32", &visitor, FLOATS.len())?;
        visitor.visit_f32(FLOATS[attempt])
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Rejected> {
        let attempt = self.leaf("f64", &visitor, FLOATS.len())?;
        visitor.visit_f64(FLOATS[attempt].into())
    }

    fn deserialize_char<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Rejected> {
        let attempt = self.leaf("char", &visitor, CHARS.len())?;
        visitor.visit_char(CHARS[attempt])
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Rejected> {
        let attempt = self.leaf("str", &visitor, TEXTS.len())?;
        visitor.visit_borrowed_str(TEXTS[attempt])
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Rejected> {
        self.deserialize_str(visitor)
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Rejected> {
        let attempt = self.leaf("bytes", &visitor, BYTES.len())?;
        visitor.visit_borrowed_bytes(BYTES[attempt])
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Rejected> {
        self.deserialize_bytes(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Rejected> {
        self.composite::<V>(Form::Option, 1, 2, |tracer, met| {
            if met.explore || tracer.write().use_attempt(met.id) == 1 {
                visitor.visit_some(tracer.at(tracer.child(0)))
            } else {
                visitor.visit_none()
            }
        })
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Rejected> {
        self.leaf("unit", &visitor, 1)?;
        visitor.visit_unit()
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Rejected> {
        self.deserialize_unit(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, name: &'static str, visitor: V) -> Result<V::Value, Rejected> {
        self.composite::<V>(Form::Newtype(name), 1, 1, |tracer, _| {
            visitor.visit_newtype_struct(tracer.at(tracer.child(0)))
        })
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Rejected> {
        self.composite::<V>(Form::Seq, 1, LENGTHS.len(), |tracer, met| {
            visitor.visit_seq(Elements { tracer, at: 0, len: tracer.elements(met) })
        })
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Rejected> {
        self.tuple(Form::Tuple(len), len, visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, Rejected> {
        self.tuple(Form::TupleStruct(name, len), len, visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Rejected> {
        self.composite::<V>(Form::Map, 2, LENGTHS.len(), |tracer, met| {
            if tracer.read().nodes[met.id].untyped.open {
                return tracer.say(met.id, visitor);
            }
            let left = tracer.elements(met);
            visitor.visit_map(Pairs { tracer, left })
        })
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Rejected> {
        self.fields(name, fields, visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Rejected> {
        // The tag of an adjacently tagged enum is read as an enum of units; what is beside it depends on it.
        let is_tag = std::any::type_name::<V>().contains("AdjacentlyTaggedEnumVariant");
        self.composite::<V>(Form::Enum(name, variants), variants.len(), 1, |tracer, met| {
            let variant = tracer.write().variant(met, is_tag)?;
            let value = visitor.visit_enum(Variant { tracer, index: variant, name: variants[variant] })?;
            tracer.write().variant_was_made(met.id, variant);
            Ok(value)
        })
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Rejected> {
        self.leaf("identifier", &visitor, 1)?;
        let text = self.read().nodes[self.node].untyped.text.clone();
        visitor.visit_str(text.as_deref().unwrap_or(TEXTS[0]))
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Rejected> {
        self.leaf("ignored", &visitor, 1)?;
        visitor.visit_unit()
    }

    fn is_human_readable(&self) -> bool {
        !self.is_positional()
    }
}

/// The elements of a sequence, tuple or struct: each its own place, as far as there are places.
struct Elements<'t> {
    tracer: Tracer<'t>,
    at: usize,
    len: usize,
}

impl<'de> SeqAccess<'de> for Elements<'_> {
    type Error = Rejected;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Rejected> {
        self.tracer.write().ask()?;
        if self.at == self.len {
            return Ok(None);
        }
        self.at += 1;
        self.tracer.part(self.tracer.child(self.at - 1), seed).map(Some)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.len - self.at)
    }
}

/// The entries of a map.
struct Pairs<'t> {
    tracer: Tracer<'t>,
    left: usize,
}

impl<'de> MapAccess<'de> for Pairs<'_> {
    type Error = Rejected;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Rejected> {
        self.tracer.write().ask()?;
        if self.left == 0 {
            return Ok(None);
        }
        self.left -= 1;
        let place = self.tracer.child(0);
        let key = self.tracer.part(place, seed);
        let mut trace = self.tracer.write();
        if matches!(trace.nodes[place].form, Form::Leaf("identifier", _)) {
            // A struct with flattened parts: the fields are unknown, and those of the parts are not asked for.
            return Err(trace.open_map(self.tracer.node));
        }
        key.map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Rejected> {
        self.tracer.write().ask()?;
        self.tracer.part(self.tracer.child(1), seed)
    }
}

/// The fields of a struct by their names.
struct Fields<'t, 'o> {
    tracer: Tracer<'t>,
    names: &'static [&'static str],
    order: &'o [usize],
    at: usize,
    /// A name that was given, and whose value was not asked for.
    pending: Option<usize>,
}

impl<'de> MapAccess<'de> for Fields<'_, '_> {
    type Error = Rejected;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Rejected> {
        self.tracer.write().ask()?;
        loop {
            let Some(&field) = self.order.get(self.at) else { return Ok(None) };
            self.at += 1;
            let absent = self.tracer.read().nodes[self.tracer.child(field)].form == Form::Absent;
            if absent {
                continue;
            }
            self.pending = Some(field);
            return seed.deserialize(StringDeserializer::new(self.names[field].to_owned())).map(Some);
        }
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Rejected> {
        let Some(field) = self.pending.take() else { return Err(self.tracer.write().cut()) };
        self.tracer.part(self.tracer.child(field), seed)
    }
}

impl Drop for Fields<'_, '_> {
    /// A name whose value was not asked for is another name of a field that was there already.
    fn drop(&mut self) {
        if let Some(field) = self.pending {
            let child = self.tracer.child(field);
            let mut trace = self.tracer.write();
            trace.set_absent(child);
            trace.cut();
        }
    }
}

/// The entries of a map that a dialogue made up.
struct Entries<'t, 'n> {
    tracer: Tracer<'t>,
    names: &'n [String],
    children: &'n [Id],
    at: usize,
}

impl<'de> MapAccess<'de> for Entries<'_, '_> {
    type Error = Rejected;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Rejected> {
        self.tracer.write().ask()?;
        let Some(name) = self.names.get(self.at) else { return Ok(None) };
        self.at += 1;
        seed.deserialize(StringDeserializer::new(name.clone())).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Rejected> {
        let Some(&child) = self.children.get(self.at.saturating_sub(1)) else {
            return Err(self.tracer.write().cut());
        };
        self.tracer.part(child, seed)
    }
}

/// A variant of an enum.
struct Variant<'t> {
    tracer: Tracer<'t>,
    index: usize,
    name: &'static str,
}

impl<'de, 't> EnumAccess<'de> for Variant<'t> {
    type Error = Rejected;
    type Variant = Tracer<'t>;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Tracer<'t>), Rejected> {
        let payload = self.tracer.child(self.index);
        let index = u32::try_from(self.index).unwrap_or(u32::MAX);
        let value = if self.tracer.is_positional() {
            seed.deserialize(U32Deserializer::<Rejected>::new(index))
        } else {
            seed.deserialize(StringDeserializer::<Rejected>::new(self.name.to_owned()))
        };
        match value {
            Ok(value) => Ok((value, self.tracer.at(payload))),
            Err(rejected) => {
                // The names of an enum's variants include other names of theirs, its indices do not.
                let mut trace = self.tracer.write();
                trace.set_absent(payload);
                trace.cut();
                Err(rejected)
            }
        }
    }
}

/// A value without parts, for a variant that has none.
struct Nothing;

impl Visitor<'_> for Nothing {
    type Value = ();

    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("a unit variant")
    }
}

impl<'de> VariantAccess<'de> for Tracer<'_> {
    type Error = Rejected;

    fn unit_variant(self) -> Result<(), Rejected> {
        self.leaf("unit variant", &Nothing, 1).map(drop)
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, Rejected> {
        let met = self.write().meet::<Nothing>(self.node, Form::Payload, 1, 1)?;
        let result = self.part(self.at(met.id).child(0), seed);
        self.write().leave(met);
        result
    }

    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Rejected> {
        self.tuple(Form::Tuple(len), len, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Rejected> {
        self.fields("", fields, visitor)
    }
}
