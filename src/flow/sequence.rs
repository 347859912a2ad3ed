//! Sequences of tokens and pictures, and the slots between them.

/// One place of a sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Element {
    /// A token of the vocabulary.
    Token(u32),
    /// A picture: an index into the pictures that go with the sequence.
    Image(usize),
}

/// A prompt and the response after it.
///
/// Slot `s`, counted from 0, is the gap right after element `n_prompt - 1 + s`: the last element
/// of the prompt has the first slot, and every element of the response has one. The prompt has
/// no slots inside. So an element inserted in slot `s` becomes element `s` of the response, and a
/// sequence keeps its slots when its prompt is replaced.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Sequence {
    /// Prompt and response, in reading order.
    pub elements: Vec<Element>,
    /// How many of them are the prompt; at least 1.
    pub n_prompt: usize,
}

impl Sequence {
    /// A prompt without a response.
    pub fn from_prompt(tokens: &[u32]) -> Self {
        Self { elements: tokens.iter().map(|&token| Element::Token(token)).collect(), n_prompt: tokens.len() }
    }

    /// The elements after the prompt.
    pub fn response(&self) -> &[Element] {
        &self.elements[self.n_prompt..]
    }

    /// The number of slots: one more than the response has elements.
    pub fn n_slots(&self) -> usize {
        self.elements.len() - self.n_prompt + 1
    }

    /// Puts an element into a slot, where it becomes element `slot` of the response.
    ///
    /// # Panics
    ///
    /// If there is no such slot.
    pub fn insert(&mut self, slot: usize, element: Element) {
        self.elements.insert(self.n_prompt + slot, element);
    }

    /// Takes out element `position` of the response, counted from 0.
    pub fn remove(&mut self, position: usize) {
        self.elements.remove(self.n_prompt + position);
    }

    /// The same response after another prompt; the slots stay what they are.
    pub fn with_prompt(&self, tokens: &[u32]) -> Self {
        let mut sequence = Self::from_prompt(tokens);
        sequence.elements.extend_from_slice(self.response());
        sequence
    }
}
