//! Free text within its limit, and the closed vocabularies of a proposal: one byte each on the wire, one
//! phrase each for officers. May not know what a person or a leg is.

use bincode::de::Decoder;
use bincode::enc::Encoder;
use bincode::enc::write::Writer;
use bincode::error::{DecodeError, EncodeError};
use bincode::{Decode, Encode};

/// Characters (Unicode scalar values) of one text, at most.
pub const TEXT_CHARS_MAX: usize = 4_000;

/// A text that is not allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// No character but blanks.
    #[error("the text is empty: write something, or leave it out")]
    Empty,
    /// More than [`TEXT_CHARS_MAX`] characters.
    #[error("the text has {0} characters; at most {TEXT_CHARS_MAX} are allowed: shorten it")]
    TooLong(usize),
}

/// Text of 1 to [`TEXT_CHARS_MAX`] characters in any script, kept byte for byte: never trimmed, never normalised.
/// At least one is no blank (`White_Space` of Unicode): a blank name would name nobody.
///
/// On the wire: `length in bytes u16 ‖ UTF-8`; 4,000 characters take at most 16,000 bytes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Text(String);

impl Text {
    /// `text` as it is.
    ///
    /// # Errors
    /// [`TextError`] when it is empty, blank or too long.
    pub fn new(text: &str) -> Result<Self, TextError> {
        match text.chars().count() {
            _ if text.trim().is_empty() => Err(TextError::Empty),
            count if count > TEXT_CHARS_MAX => Err(TextError::TooLong(count)),
            _ => Ok(Self(text.to_owned())),
        }
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for Text {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl Encode for Text {
    fn encode<E: Encoder>(&self, encoder: &mut E) -> Result<(), EncodeError> {
        let length = u16::try_from(self.0.len()).map_err(|_| EncodeError::Other("a text is too long"))?;
        length.encode(encoder)?;
        encoder.writer().write(self.0.as_bytes())
    }
}

impl<C> Decode<C> for Text {
    fn decode<D: Decoder<Context = C>>(decoder: &mut D) -> Result<Self, DecodeError> {
        use bincode::de::read::Reader;
        let length = usize::from(u16::decode(decoder)?);
        decoder.claim_bytes_read(length)?;
        let mut bytes = vec![0; length];
        decoder.reader().read(&mut bytes)?;
        let text = String::from_utf8(bytes).map_err(|_| DecodeError::Other("a text is UTF-8"))?;
        Self::new(&text)
            .map_err(|_| DecodeError::Other("a text has 1 to 4,000 characters, one of them no blank"))
    }
}

bincode::impl_borrow_decode!(Text);

/// A closed vocabulary: `Variant = number "phrase"`. One byte on the wire; any other byte is refused.
macro_rules! words {
    ($(#[$meta:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $number:literal $text:literal;)* }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum $name { $($(#[$doc])* $variant = $number),* }

        impl $name {
            /// All of them, in the order of their numbers.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The byte on the wire.
            #[must_use]
            pub const fn number(self) -> u8 {
                self as u8
            }

            /// The phrase officers read.
            #[must_use]
            pub const fn text(self) -> &'static str {
                match self { $(Self::$variant => $text),* }
            }

            /// The one with this phrase; hyphens, underscores and capitals make no difference.
            #[must_use]
            pub fn from_text(text: &str) -> Option<Self> {
                let phrase = text.trim().to_lowercase().replace(['-', '_'], " ");
                Self::ALL.iter().copied().find(|word| word.text().to_lowercase().replace('-', " ") == phrase)
            }

            /// The same, or what is wrong and what can be written.
            ///
            /// # Errors
            /// A sentence that ends with its remedy.
            pub fn read(text: &str) -> Result<Self, String> {
                Self::from_text(text).ok_or_else(|| {
                    let known: Vec<_> = Self::ALL.iter().map(|word| word.text()).collect();
                    format!("{text:?} is not known: write one of {}", known.join(", "))
                })
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.text())
            }
        }

        impl bincode::Encode for $name {
            fn encode<E: bincode::enc::Encoder>(
                &self,
                encoder: &mut E,
            ) -> Result<(), bincode::error::EncodeError> {
                self.number().encode(encoder)
            }
        }

        impl<C> bincode::Decode<C> for $name {
            fn decode<D: bincode::de::Decoder<Context = C>>(
                decoder: &mut D,
            ) -> Result<Self, bincode::error::DecodeError> {
                let number = u8::decode(decoder)?;
                Self::ALL
                    .iter()
                    .copied()
                    .find(|word| word.number() == number)
                    .ok_or(bincode::error::DecodeError::Other("not a number of this vocabulary"))
            }
        }

        bincode::impl_borrow_decode!($name);
    };
}
pub(crate) use words;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::{decode, encode};

    #[test]
    fn a_text_is_counted_in_characters_and_kept_to_the_byte() {
        let longest = "ў".repeat(TEXT_CHARS_MAX);
        let text = Text::new(&longest).unwrap();
        let bytes = encode(&text, 1 << 16).unwrap();
        assert_eq!(bytes.len(), 2 + 2 * TEXT_CHARS_MAX);
        assert_eq!(decode::<Text>(&bytes, 1 << 16).unwrap().as_str(), longest);
        assert_eq!(Text::new(&format!("{longest}a")), Err(TextError::TooLong(4_001)));
        assert_eq!(Text::new(""), Err(TextError::Empty));
        assert_eq!(Text::new(" \u{2003}\n"), Err(TextError::Empty));
        assert_eq!(Text::new(" a\n").unwrap().as_str(), " a\n");
        // The same letter composed and decomposed stays what it was.
        assert_ne!(Text::new("й").unwrap(), Text::new("и\u{306}").unwrap());
    }

    #[test]
    fn a_text_that_lies_about_its_length_is_refused() {
        assert!(decode::<Text>(&[5, 0, b'a'], 64).is_err());
        assert!(decode::<Text>(&[0, 0], 64).is_err());
        assert!(decode::<Text>(&[1, 0, b' '], 64).is_err());
        assert!(decode::<Text>(&[2, 0, 0xff, 0xfe], 64).is_err());
        let mut long = vec![0xa1, 0x0f];
        long.extend([b'a'; 4_001]);
        assert!(decode::<Text>(&long, 1 << 16).is_err());
    }
}
