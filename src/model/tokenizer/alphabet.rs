//! The characters that stand for bytes in `tokenizer.json`.
//!
//! Tokens are bytes, JSON strings are characters. GPT-2's `bytes_to_unicode` (openai/gpt-2,
//! `src/encoder.py`) writes the 188 bytes that are printable in Latin-1 as themselves, and the
//! other 68, in order, as U+0100 to U+0143. A space is `Ġ`.

/// The bytes by the character that stands for them.
pub struct Alphabet {
    bytes: [Option<u8>; 0x144],
}

impl Alphabet {
    pub fn new() -> Self {
        let mut bytes = [None; 0x144];
        let mut beyond_latin = 0x100;
        for byte in 0..=255u8 {
            if matches!(byte, b'!'..=b'~' | 0xA1..=0xAC | 0xAE..=0xFF) {
                bytes[usize::from(byte)] = Some(byte);
            } else {
                bytes[beyond_latin] = Some(byte);
                beyond_latin += 1;
            }
        }
        Alphabet { bytes }
    }

    /// The byte that a character stands for.
    pub fn byte(&self, c: char) -> Option<u8> {
        self.bytes.get(c as usize).copied().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_has_one_character() {
        let alphabet = Alphabet::new();
        let mut found: Vec<u8> = ('\0'..='\u{FFFF}').filter_map(|c| alphabet.byte(c)).collect();
        found.sort_unstable();
        assert_eq!(found, (0..=255).collect::<Vec<u8>>());
        assert_eq!(alphabet.byte('Ġ'), Some(b' '));
        assert_eq!(alphabet.byte('Ċ'), Some(b'\n'));
        assert_eq!(alphabet.byte(' '), None);
    }
}
