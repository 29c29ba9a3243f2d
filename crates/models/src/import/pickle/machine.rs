//! The reader itself: one loop over opcodes, with a stack, marks and a memo.

mod joblib;

use super::class::Class;
use super::input::Input;
use super::opcode;
use super::{
    BYTES_MAX, NODE_COUNT_MAX, Node, NodeId, OPCODE_COUNT_MAX, PickleError, Tree, shortened,
};
use std::collections::HashMap;

/// Runs a pickle to its end.
pub(super) fn run(bytes: &[u8]) -> Result<Tree<'_>, PickleError> {
    if bytes.len() > BYTES_MAX {
        return Err(PickleError::TooLong { found: bytes.len() });
    }
    match bytes {
        [0x80, 2..=5, ..] => {}
        [] | [0x80] => return Err(PickleError::Truncated { offset: bytes.len() }),
        _ => return Err(PickleError::Protocol),
    }
    let mut machine = Machine {
        input: Input::after(bytes, 2),
        opcode_offset: 0,
        nodes: Vec::new(),
        stack: Vec::new(),
        marks: Vec::new(),
        memo: HashMap::new(),
        step_count: 0,
        is_inside: false,
    };
    let root = machine.root()?;
    match machine.input.rest_len() {
        0 => Ok(Tree { nodes: machine.nodes, root }),
        count => Err(PickleError::Trailing { count }),
    }
}

struct Machine<'a> {
    input: Input<'a>,
    /// Where the opcode in hand began, for messages.
    opcode_offset: usize,
    nodes: Vec<Node<'a>>,
    stack: Vec<NodeId>,
    /// Heights of the stack at each open mark; nothing below the last one may be popped.
    marks: Vec<usize>,
    memo: HashMap<u32, NodeId>,
    /// Steps so far, those of pickles inside included.
    step_count: usize,
    /// Whether this is a pickle inside of another.
    is_inside: bool,
}

impl<'a> Machine<'a> {
    /// Runs to the end of a pickle.
    fn root(&mut self) -> Result<NodeId, PickleError> {
        while self.step_count < OPCODE_COUNT_MAX {
            self.step_count += 1;
            if let Some(root) = self.step()? {
                return Ok(root);
            }
        }
        Err(self.beyond("opcodes", OPCODE_COUNT_MAX))
    }

    /// Carries out one opcode; gives the root at the end.
    fn step(&mut self) -> Result<Option<NodeId>, PickleError> {
        self.opcode_offset = self.input.offset();
        let opcode = self.input.byte()?;
        match opcode {
            b'.' => return self.stop().map(Some),
            b'(' => self.mark()?,
            0x95 => self.frame()?,
            // Plain values.
            b'N' => self.push(Node::None)?,
            0x88 => self.push(Node::Bool(true))?,
            0x89 => self.push(Node::Bool(false))?,
            b'J' | b'K' | b'M' | 0x8a | 0x8b => self.integer(opcode)?,
            b'G' => {
                let value = f64::from_be_bytes(self.input.array()?);
                self.push(Node::Float(value))?;
            }
            0x8c | b'X' | 0x8d => self.string(opcode)?,
            b'C' | b'B' | 0x8e | 0x96 => self.bytes(opcode)?,
            // Containers.
            b']' => self.push(Node::List(Vec::new()))?,
            b'}' => self.push(Node::Dict(Vec::new()))?,
            b')' => self.push(Node::Tuple(Vec::new()))?,
            0x85..=0x87 => self.short_tuple(usize::from(opcode - 0x84))?,
            b't' => {
                let items = self.pop_to_mark()?;
                self.push(Node::Tuple(items))?;
            }
            b'a' => {
                let item = self.pop()?;
                self.append(vec![item])?;
            }
            b'e' => {
                let items = self.pop_to_mark()?;
                self.append(items)?;
            }
            b's' => {
                let value = self.pop()?;
                let key = self.pop()?;
                self.set_items(&[key, value])?;
            }
            b'u' => {
                let items = self.pop_to_mark()?;
                self.set_items(&items)?;
            }
            // The memo.
            b'q' | b'r' | 0x94 => self.memoize(opcode)?,
            b'h' | b'j' => self.recall(opcode)?,
            // Classes and objects.
            b'c' | 0x93 => self.class(opcode)?,
            b'R' => self.reduce()?,
            0x81 => self.new_object()?,
            b'b' => self.build()?,
            other => return Err(self.refuse_opcode(other)),
        }
        Ok(None)
    }

    fn stop(&mut self) -> Result<NodeId, PickleError> {
        match (self.stack.as_slice(), self.marks.as_slice()) {
            ([root], []) => Ok(*root),
            _ => Err(self.malformed("the pickle does not end with exactly one value")),
        }
    }

    fn mark(&mut self) -> Result<(), PickleError> {
        if self.marks.len() == NODE_COUNT_MAX {
            return Err(self.beyond("open marks", NODE_COUNT_MAX));
        }
        self.marks.push(self.stack.len());
        Ok(())
    }

    fn frame(&mut self) -> Result<(), PickleError> {
        let length = u64::from_le_bytes(self.input.array()?);
        self.input.holds(length)
    }

    fn integer(&mut self, opcode: u8) -> Result<(), PickleError> {
        let value = match opcode {
            b'J' => i64::from(i32::from_le_bytes(self.input.array()?)),
            b'K' => i64::from(self.input.byte()?),
            b'M' => i64::from(u16::from_le_bytes(self.input.array()?)),
            _ => {
                let length = self.input.length(if opcode == 0x8a { 1 } else { 4 })?;
                self.long(length)?
            }
        };
        self.push(Node::Int(value))
    }

    /// Two's complement, little-endian, of up to eight bytes.
    fn long(&mut self, length: usize) -> Result<i64, PickleError> {
        let bytes = self.input.take(length)?;
        if bytes.len() > 8 {
            return Err(self.malformed("an integer has more than 64 bits"));
        }
        let negative = bytes.last().is_some_and(|&byte| byte >= 0x80);
        let mut wide = [if negative { 0xff } else { 0 }; 8];
        wide[..bytes.len()].copy_from_slice(bytes);
        Ok(i64::from_le_bytes(wide))
    }

    fn string(&mut self, opcode: u8) -> Result<(), PickleError> {
        let length = self.input.length(match opcode {
            0x8c => 1,
            b'X' => 4,
            _ => 8,
        })?;
        let bytes = self.input.take(length)?;
        let text =
            std::str::from_utf8(bytes).map_err(|_| self.malformed("a string is not UTF-8"))?;
        self.push(Node::Str(text))
    }

    fn bytes(&mut self, opcode: u8) -> Result<(), PickleError> {
        let length = self.input.length(match opcode {
            b'C' => 1,
            b'B' => 4,
            _ => 8,
        })?;
        let bytes = self.input.take(length)?;
        self.push(Node::Bytes(bytes))
    }

    fn short_tuple(&mut self, count: usize) -> Result<(), PickleError> {
        let floor = self.marks.last().copied().unwrap_or(0);
        if self.stack.len() - floor < count {
            return Err(self.malformed("the stack is empty"));
        }
        let items = self.stack.split_off(self.stack.len() - count);
        self.push(Node::Tuple(items))
    }

    fn append(&mut self, items: Vec<NodeId>) -> Result<(), PickleError> {
        let list = self.top()?;
        match &mut self.nodes[list.0 as usize] {
            Node::List(list) => list.extend(items),
            _ => return Err(self.malformed("items are appended to something that is not a list")),
        }
        Ok(())
    }

    fn set_items(&mut self, items: &[NodeId]) -> Result<(), PickleError> {
        let (pairs, rest) = items.as_chunks::<2>();
        if !rest.is_empty() {
            return Err(self.malformed("a key has no value"));
        }
        let dict = self.top()?;
        match &mut self.nodes[dict.0 as usize] {
            Node::Dict(dict) => dict.extend(pairs.iter().map(|&[key, value]| (key, value))),
            _ => return Err(self.malformed("items are set in something that is not a dictionary")),
        }
        Ok(())
    }

    fn memoize(&mut self, opcode: u8) -> Result<(), PickleError> {
        let index = match opcode {
            b'q' => u32::from(self.input.byte()?),
            b'r' => u32::from_le_bytes(self.input.array()?),
            // NODE_COUNT_MAX bounds the memo, so its length fits.
            _ => self.memo.len() as u32,
        };
        if self.memo.len() == NODE_COUNT_MAX {
            return Err(self.beyond("memo entries", NODE_COUNT_MAX));
        }
        let top = self.top()?;
        self.memo.insert(index, top);
        Ok(())
    }

    fn recall(&mut self, opcode: u8) -> Result<(), PickleError> {
        let index = match opcode {
            b'h' => u32::from(self.input.byte()?),
            _ => u32::from_le_bytes(self.input.array()?),
        };
        let Some(&node) = self.memo.get(&index) else {
            return Err(self.malformed("the memo has no such entry"));
        };
        self.push_id(node)
    }

    fn class(&mut self, opcode: u8) -> Result<(), PickleError> {
        let (module, name) = if opcode == b'c' {
            (self.input.line()?, self.input.line()?)
        } else {
            let name = self.pop()?;
            let module = self.pop()?;
            match (&self.nodes[module.0 as usize], &self.nodes[name.0 as usize]) {
                (&Node::Str(module), &Node::Str(name)) => (module, name),
                _ => return Err(self.malformed("the name of a class is not a string")),
            }
        };
        let Some(class) = Class::find(module, name) else {
            return Err(self.refuse(module, name));
        };
        self.push(Node::Class(class))
    }

    fn reduce(&mut self) -> Result<(), PickleError> {
        let args = self.pop()?;
        let class = self.pop_class()?;
        if !class.is_called() {
            return Err(self.malformed("the pickle calls a class that must not be called"));
        }
        if !matches!(self.nodes[args.0 as usize], Node::Tuple(_)) {
            return Err(self.malformed("arguments are not a tuple"));
        }
        self.push(Node::Object { class, args, state: None })
    }

    fn new_object(&mut self) -> Result<(), PickleError> {
        let args = self.pop()?;
        let class = self.pop_class()?;
        if class.is_called() || !class.has_state() {
            return Err(self.malformed(
                "the pickle builds an object from a class that cannot be \
                instantiated",
            ));
        }
        match &self.nodes[args.0 as usize] {
            Node::Tuple(items) if items.is_empty() => {}
            _ => return Err(self.malformed("an object is built with arguments")),
        }
        self.push(Node::Object { class, args, state: None })
    }

    fn build(&mut self) -> Result<(), PickleError> {
        let new_state = self.pop()?;
        let object = self.top()?;
        match &mut self.nodes[object.0 as usize] {
            Node::Object { class, state, .. } if class.has_state() && state.is_none() => {
                *state = Some(new_state);
                if *class == Class::ArrayWrapper { self.wrapped(object, new_state) } else { Ok(()) }
            }
            _ => Err(self.malformed("a state is set on something that takes none")),
        }
    }

    // The stack.

    fn push(&mut self, node: Node<'a>) -> Result<(), PickleError> {
        if self.nodes.len() == NODE_COUNT_MAX {
            return Err(self.beyond("values", NODE_COUNT_MAX));
        }
        let id = NodeId(self.nodes.len() as u32);
        self.nodes.push(node);
        self.push_id(id)
    }

    fn push_id(&mut self, id: NodeId) -> Result<(), PickleError> {
        if self.stack.len() == NODE_COUNT_MAX {
            return Err(self.beyond("stack entries", NODE_COUNT_MAX));
        }
        self.stack.push(id);
        Ok(())
    }

    fn top(&self) -> Result<NodeId, PickleError> {
        let floor = self.marks.last().copied().unwrap_or(0);
        match self.stack.get(floor..).and_then(<[NodeId]>::last) {
            Some(top) => Ok(*top),
            None => Err(self.malformed("the stack is empty")),
        }
    }

    fn pop(&mut self) -> Result<NodeId, PickleError> {
        let top = self.top()?;
        self.stack.pop();
        Ok(top)
    }

    fn pop_class(&mut self) -> Result<Class, PickleError> {
        let node = self.pop()?;
        match self.nodes[node.0 as usize] {
            Node::Class(class) => Ok(class),
            _ => Err(self.malformed("something that is not a class is used as one")),
        }
    }

    fn pop_to_mark(&mut self) -> Result<Vec<NodeId>, PickleError> {
        match self.marks.pop() {
            Some(height) => Ok(self.stack.split_off(height)),
            None => Err(self.malformed("no mark is open")),
        }
    }

    // Errors.

    fn malformed(&self, problem: &'static str) -> PickleError {
        PickleError::Malformed { problem, offset: self.opcode_offset }
    }

    fn beyond(&self, what: &'static str, limit: usize) -> PickleError {
        PickleError::Limit { what, limit, offset: self.opcode_offset }
    }

    fn refuse(&self, module: &str, name: &str) -> PickleError {
        let name = format!("{}.{}", shortened(module), shortened(name));
        // The name goes to a terminal.
        let name = name.escape_debug().to_string();
        PickleError::Refused { name, offset: self.opcode_offset }
    }

    fn refuse_opcode(&mut self, opcode: u8) -> PickleError {
        if opcode == b'i' {
            // INST names what it would call: say so.
            let names = self.input.line().and_then(|module| Ok((module, self.input.line()?)));
            match names {
                Ok((module, name)) if Class::find(module, name).is_none() => {
                    return self.refuse(module, name);
                }
                Ok(_) => {}
                Err(error) => return error,
            }
        }
        let name = opcode::name(opcode).map_or_else(|| format!("{opcode:#04x}"), str::to_owned);
        PickleError::Opcode { name, offset: self.opcode_offset }
    }
}
