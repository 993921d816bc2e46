//! Which of a channel's two parties.

use bincode::{Decode, Encode};

/// One of the two parties of a channel. One byte on the wire: 0 or 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Who made the invite.
    Inviter,
    /// Who joined by it.
    Joiner,
}

impl Role {
    /// Both, in the order of their numbers.
    pub const BOTH: [Self; 2] = [Self::Inviter, Self::Joiner];

    /// The counterpart.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Inviter => Self::Joiner,
            Self::Joiner => Self::Inviter,
        }
    }

    /// 0 for the inviter, 1 for the joiner.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::Inviter => 0,
            Self::Joiner => 1,
        }
    }

    /// The role with this number.
    #[must_use]
    pub const fn from_number(number: u8) -> Option<Self> {
        match number {
            0 => Some(Self::Inviter),
            1 => Some(Self::Joiner),
            _ => None,
        }
    }
}

impl std::fmt::Display for Role {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(match self {
            Self::Inviter => "inviter",
            Self::Joiner => "joiner",
        })
    }
}

impl Encode for Role {
    fn encode<E: bincode::enc::Encoder>(&self, encoder: &mut E) -> Result<(), bincode::error::EncodeError> {
        self.number().encode(encoder)
    }
}

impl<C> Decode<C> for Role {
    fn decode<D: bincode::de::Decoder<Context = C>>(
        decoder: &mut D,
    ) -> Result<Self, bincode::error::DecodeError> {
        Self::from_number(u8::decode(decoder)?).ok_or(bincode::error::DecodeError::Other("a role is 0 or 1"))
    }
}

impl<'de, C> bincode::BorrowDecode<'de, C> for Role {
    fn borrow_decode<D: bincode::de::BorrowDecoder<'de, Context = C>>(
        decoder: &mut D,
    ) -> Result<Self, bincode::error::DecodeError> {
        Self::decode(decoder)
    }
}
