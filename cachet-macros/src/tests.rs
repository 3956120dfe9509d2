//! The attribute as a whole, from tokens to tokens.
