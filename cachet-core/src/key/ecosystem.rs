//! `CacheKey` for common types of other crates, each behind the feature of that crate's name; `times` has those of
//! dates.

use bytes::{Bytes, BytesMut};

use super::{CacheKey, KeyWriter};

impl CacheKey for Bytes {
    #[inline]
    fn write_key(&self, key: &mut KeyWriter) {
        key.bytes(self);
    }
}

impl CacheKey for BytesMut {
    #[inline]
    fn write_key(&self, key: &mut KeyWriter) {
        key.bytes(self);
    }
}

#[cfg(feature = "uuid")]
impl CacheKey for uuid::Uuid {
    /// As text it is hyphenated and in lower case.
    #[inline]
    fn write_key(&self, key: &mut KeyWriter) {
        if key.text {
            key.str(self.as_hyphenated().encode_lower(&mut Self::encode_buffer()));
        } else {
            key.u128(self.as_u128());
        }
    }
}

#[cfg(feature = "url")]
impl CacheKey for url::Url {
    #[inline]
    fn write_key(&self, key: &mut KeyWriter) {
        key.str(self.as_str());
    }
}

#[cfg(feature = "rust_decimal")]
impl CacheKey for rust_decimal::Decimal {
    /// Equal numbers have one form: zeros at the end of the fraction and the sign of zero are not written.
    fn write_key(&self, key: &mut KeyWriter) {
        let number = self.normalize();
        if key.text {
            key.str(&number.to_string());
        } else {
            key.i128(number.mantissa());
            key.u32(number.scale());
        }
    }
}

#[cfg(feature = "http")]
mod with_http {
    use http::{HeaderName, HeaderValue, Method, StatusCode, Uri};

    use super::{CacheKey, KeyWriter};

    impl CacheKey for Method {
        #[inline]
        fn write_key(&self, key: &mut KeyWriter) {
            key.str(self.as_str());
        }
    }

    impl CacheKey for Uri {
        /// Scheme and authority are equal in upper and in lower case (RFC 3986 §6.2.2.1); path and query are not.
        fn write_key(&self, key: &mut KeyWriter) {
            self.scheme_str().map(str::to_ascii_lowercase).write_key(key);
            self.authority().map(|authority| authority.as_str().to_ascii_lowercase()).write_key(key);
            self.path().write_key(key);
            self.query().write_key(key);
        }
    }

    impl CacheKey for StatusCode {
        #[inline]
        fn write_key(&self, key: &mut KeyWriter) {
            key.u16(self.as_u16());
        }
    }

    impl CacheKey for HeaderName {
        /// Names are kept in lower case.
        #[inline]
        fn write_key(&self, key: &mut KeyWriter) {
            key.str(self.as_str());
        }
    }

    impl CacheKey for HeaderValue {
        #[inline]
        fn write_key(&self, key: &mut KeyWriter) {
            key.bytes(self.as_bytes());
        }
    }
}
