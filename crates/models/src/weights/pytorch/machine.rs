//! Reader of Python's pickles, protocols 0 to 5. Nothing is imported or called: what a class or a function would make
//! stays a note of its name and arguments.

use std::{collections::HashMap, io::BufRead};

use super::{
    bytes::{array, byte, bytes, decimal, length, line, skip},
    value::{Call, Object, Pickle, Value},
};

/// Reads a pickle up to its end, and nothing behind it.
///
/// # Errors
/// What is wrong with it, in words.
pub(super) fn read(reader: &mut impl BufRead) -> Result<Pickle, String> {
    let mut machine = Machine::default();
    loop {
        let operation = byte(reader)?;
        if operation == b'.' {
            return Ok(Pickle { root: machine.pop()?, objects: machine.objects });
        }
        machine.step(operation, reader)?;
    }
}

#[derive(Default)]
struct Machine {
    objects: Vec<Object>,
    stack: Vec<Value>,
    marks: Vec<usize>,
    memo: HashMap<u64, Value>,
}

impl Machine {
    /// Takes one operation, named as Python's `pickletools` names them.
    fn step(&mut self, operation: u8, reader: &mut impl BufRead) -> Result<(), String> {
        match operation {
            // PROTO, FRAME, READONLY_BUFFER
            0x80 => skip(reader, 1)?,
            0x95 => skip(reader, 8)?,
            0x98 => (),
            // MARK, POP, POP_MARK, DUP
            b'(' => self.marks.push(self.stack.len()),
            b'0' => {
                if self.marks.last() == Some(&self.stack.len()) {
                    self.marks.pop();
                } else {
                    self.pop()?;
                }
            }
            b'1' => drop(self.marked()?),
            b'2' => {
                let top = self.top()?.clone();
                self.stack.push(top);
            }
            // NONE, NEXT_BUFFER; NEWTRUE, NEWFALSE
            b'N' | 0x97 => self.stack.push(Value::Other),
            0x88 => self.stack.push(Value::Int(1)),
            0x89 => self.stack.push(Value::Int(0)),
            b'I' | b'L' => self.number(reader)?,
            b'J' => {
                let value = i32::from_le_bytes(array(reader)?);
                self.stack.push(Value::Int(value.into()));
            }
            b'K' => self.integer(length(reader, 1)?),
            b'M' => self.integer(length(reader, 2)?),
            // LONG1, LONG4
            0x8a => self.long(reader, 1)?,
            0x8b => self.long(reader, 4)?,
            b'F' => {
                line(reader)?;
                self.stack.push(Value::Other);
            }
            b'G' => self.other(8, reader)?,
            // STRING, UNICODE
            b'S' => self.quoted(reader)?,
            b'V' => {
                let text = line(reader)?;
                self.text(text);
            }
            // BINSTRING, BINUNICODE; those of one byte of length, and of eight
            b'T' | b'X' => self.string(reader, 4)?,
            b'U' | 0x8c => self.string(reader, 1)?,
            0x8d => self.string(reader, 8)?,
            // BINBYTES of all lengths, BYTEARRAY8
            b'B' | b'C' | 0x8e | 0x96 => {
                let width = match operation {
                    b'B' => 4,
                    b'C' => 1,
                    _ => 8,
                };
                let len = length(reader, width)?;
                self.other(len, reader)?;
            }
            // EXT1, EXT2, EXT4: classes of a registry that is not in the file
            0x82..=0x84 => self.other(1 << (operation - 0x82), reader)?,
            b')' | b']' | 0x8f => self.object(Object::Sequence(Vec::new())),
            b'}' => self.object(Object::Dict(Vec::new())),
            // TUPLE, LIST, FROZENSET; TUPLE1, TUPLE2, TUPLE3
            b't' | b'l' | 0x91 => {
                let values = self.marked()?;
                self.object(Object::Sequence(values));
            }
            0x85..=0x87 => {
                let values = self.last(usize::from(operation - 0x84))?;
                self.object(Object::Sequence(values));
            }
            b'd' => {
                let values = self.marked()?;
                self.object(Object::Dict(pairs(values)?));
            }
            // APPEND, APPENDS, ADDITEMS; SETITEM, SETITEMS
            b'a' => {
                let values = self.last(1)?;
                self.extend(values)?;
            }
            b'e' | 0x90 => {
                let values = self.marked()?;
                self.extend(values)?;
            }
            b's' => {
                let values = self.last(2)?;
                self.set(values)?;
            }
            b'u' => {
                let values = self.marked()?;
                self.set(values)?;
            }
            b'c' => {
                let name = format!("{}.{}", line(reader)?, line(reader)?);
                self.object(Object::Global(name.into()));
            }
            // STACK_GLOBAL
            0x93 => {
                let names = self.last(2)?;
                let [Value::Text(module), Value::Text(name)] = &names[..] else {
                    return Err("a class without a name".to_owned());
                };
                let name = format!("{module}.{name}");
                self.object(Object::Global(name.into()));
            }
            // REDUCE, NEWOBJ; NEWOBJ_EX
            b'R' | 0x81 => {
                let (arguments, callable) = (self.pop()?, self.pop()?);
                self.call(callable, arguments);
            }
            0x92 => {
                let (_, arguments, callable) = (self.pop()?, self.pop()?, self.pop()?);
                self.call(callable, arguments);
            }
            b'i' => {
                let name = format!("{}.{}", line(reader)?, line(reader)?);
                let arguments = self.marked()?;
                let callable = self.keep(Object::Global(name.into()));
                let arguments = self.keep(Object::Sequence(arguments));
                self.call(callable, arguments);
            }
            b'o' => {
                let mut values = self.marked()?.into_iter();
                let callable = values.next().ok_or("an object without a class")?;
                let arguments = self.keep(Object::Sequence(values.collect()));
                self.call(callable, arguments);
            }
            b'b' => {
                let state = self.pop()?;
                if let Value::Object(at) = *self.top()?
                    && let Object::Call(call) = &mut self.objects[at]
                {
                    call.state = Some(state);
                }
            }
            // PUT, BINPUT, LONG_BINPUT, MEMOIZE; GET, BINGET, LONG_BINGET
            b'p' => self.put(decimal(reader)?)?,
            b'q' => self.put(length(reader, 1)?)?,
            b'r' => self.put(length(reader, 4)?)?,
            0x94 => self.put(self.memo.len() as u64)?,
            b'g' => self.get(decimal(reader)?)?,
            b'h' => self.get(length(reader, 1)?)?,
            b'j' => self.get(length(reader, 4)?)?,
            b'P' => {
                let identity = Value::Text(line(reader)?.into());
                self.object(Object::Persistent(identity));
            }
            b'Q' => {
                let identity = self.pop()?;
                self.object(Object::Persistent(identity));
            }
            other => return Err(format!("{other:#04x} is no operation of a pickle")),
        }
        Ok(())
    }

    fn pop(&mut self) -> Result<Value, String> {
        self.stack.pop().ok_or_else(short)
    }

    fn top(&self) -> Result<&Value, String> {
        self.stack.last().ok_or_else(short)
    }

    fn last(&mut self, count: usize) -> Result<Vec<Value>, String> {
        let at = self.stack.len().checked_sub(count).ok_or_else(short)?;
        Ok(self.stack.split_off(at))
    }

    /// What stands behind the last mark.
    fn marked(&mut self) -> Result<Vec<Value>, String> {
        let at = self.marks.pop().ok_or_else(short)?;
        let count = self.stack.len().checked_sub(at).ok_or_else(short)?;
        self.last(count)
    }

    fn keep(&mut self, object: Object) -> Value {
        self.objects.push(object);
        Value::Object(self.objects.len() - 1)
    }

    fn object(&mut self, object: Object) {
        let value = self.keep(object);
        self.stack.push(value);
    }

    fn call(&mut self, callable: Value, arguments: Value) {
        let (pairs, elements) = (Vec::new(), Vec::new());
        let call = Call { callable, arguments, pairs, elements, state: None };
        self.object(Object::Call(Box::new(call)));
    }

    fn extend(&mut self, values: Vec<Value>) -> Result<(), String> {
        if let Value::Object(at) = *self.top()? {
            match &mut self.objects[at] {
                Object::Sequence(held) => held.extend(values),
                Object::Call(call) => call.elements.extend(values),
                _ => (),
            }
        }
        Ok(())
    }

    fn set(&mut self, values: Vec<Value>) -> Result<(), String> {
        if let Value::Object(at) = *self.top()? {
            match &mut self.objects[at] {
                Object::Dict(held) => held.extend(pairs(values)?),
                Object::Call(call) => call.pairs.extend(pairs(values)?),
                _ => (),
            }
        }
        Ok(())
    }

    fn put(&mut self, at: u64) -> Result<(), String> {
        let value = self.top()?.clone();
        self.memo.insert(at, value);
        Ok(())
    }

    fn get(&mut self, at: u64) -> Result<(), String> {
        let value = self.memo.get(&at).ok_or_else(|| format!("nothing stands under {at}"))?;
        self.stack.push(value.clone());
        Ok(())
    }

    fn integer(&mut self, value: u64) {
        self.stack.push(Value::Int(value as i64));
    }

    /// A decimal number on a line: `12`, `12L`, `01` for true.
    fn number(&mut self, reader: &mut impl BufRead) -> Result<(), String> {
        let text = line(reader)?;
        let value = text.trim_end_matches('L').parse();
        self.stack.push(value.map_or(Value::Other, Value::Int));
        Ok(())
    }

    /// A number of any length, least byte first, in two's complement.
    fn long(&mut self, reader: &mut impl BufRead, width: usize) -> Result<(), String> {
        let len = length(reader, width)?;
        if len > 8 {
            return self.other(len, reader);
        }
        let read = bytes(reader, len)?;
        let fill = if read.last().is_some_and(|last| last & 0x80 != 0) { 0xff } else { 0 };
        let mut value = [fill; 8];
        value[..read.len()].copy_from_slice(&read);
        self.stack.push(Value::Int(i64::from_le_bytes(value)));
        Ok(())
    }

    fn string(&mut self, reader: &mut impl BufRead, width: usize) -> Result<(), String> {
        let len = length(reader, width)?;
        let value = String::from_utf8(bytes(reader, len)?);
        // Python 2 has strings of bytes.
        self.stack.push(value.map_or(Value::Other, |text| Value::Text(text.into())));
        Ok(())
    }

    /// A string as Python writes it, in quotes.
    fn quoted(&mut self, reader: &mut impl BufRead) -> Result<(), String> {
        let text = line(reader)?;
        let inner = text.get(1..text.len().saturating_sub(1)).unwrap_or_default();
        self.text(inner.to_owned());
        Ok(())
    }

    fn text(&mut self, text: String) {
        self.stack.push(Value::Text(text.into()));
    }

    /// A value of no interest, `len` bytes long.
    fn other(&mut self, len: u64, reader: &mut impl BufRead) -> Result<(), String> {
        skip(reader, len)?;
        self.stack.push(Value::Other);
        Ok(())
    }
}

fn pairs(values: Vec<Value>) -> Result<Vec<(Value, Value)>, String> {
    if !values.len().is_multiple_of(2) {
        return Err("a key without a value".to_owned());
    }
    let mut values = values.into_iter();
    Ok(std::iter::from_fn(|| Some((values.next()?, values.next()?))).collect())
}

fn short() -> String {
    "a pickle that takes more values than it has".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_and_new_protocols_hold_the_same_dictionary() {
        // `{"a": [1, -2], "b": True}`
        let protocols: [&[u8]; 3] = [
            b"(dp0\nS'a'\np1\n(lp2\nI1\naI-2\nasS'b'\np3\nI01\ns.",
            b"\x80\x02}q\x00(X\x01\x00\x00\x00aq\x01]q\x02(K\x01J\xfe\xff\xff\xffeX\x01\x00\x00\x00bq\x03\x88u.",
            b"\x80\x04\x95\x18\x00\x00\x00\x00\x00\x00\x00}\x94(\x8c\x01a\x94]\x94(K\x01\x8a\x01\xfee\x8c\x01b\x94\x88u.",
        ];
        for bytes in protocols {
            let pickle = read(&mut &bytes[..]).expect("a pickle");
            let Some(Object::Dict(pairs)) = pickle.object(&pickle.root) else {
                panic!("a dictionary")
            };
            assert!(matches!(&pairs[0].0, Value::Text(key) if &**key == "a"), "{bytes:?}");
            let list = pickle.sequence(&pairs[0].1).expect("a list");
            assert!(matches!(list, [Value::Int(1), Value::Int(-2)]), "{bytes:?}");
            assert!(matches!(pairs[1].1, Value::Int(1)), "{bytes:?}");
        }
    }

    #[test]
    fn calls_are_notes_of_themselves() {
        let bytes = b"\x80\x02cposix\nsystem\nX\x05\x00\x00\x00touch\x85R}K\x01K\x02sb.";
        let pickle = read(&mut &bytes[..]).expect("data");
        let Some(Object::Call(call)) = pickle.object(&pickle.root) else { panic!("a call") };
        assert_eq!(pickle.global(&call.callable), Some("posix.system"));
        assert_eq!(pickle.sequence(&call.arguments).map(<[Value]>::len), Some(1));
        assert!(call.state.is_some());
    }

    #[test]
    fn what_is_no_pickle_is_refused() {
        for (bytes, problem) in [
            (&b""[..], "cut off"),
            (b"\x80\x02X\xff\xff\xff\xff", "cut off"),
            (b"\x80\x02R.", "more values than it has"),
            (b"\x80\x02(K\x01d.", "a key without a value"),
            (b"\x80\x02h\x07.", "nothing stands under 7"),
            (b"<html>", "0x3c is no operation"),
        ] {
            let error = read(&mut &bytes[..]).expect_err("refused");
            assert!(error.contains(problem), "{error}");
        }
    }
}
