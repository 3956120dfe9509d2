//! `CacheKey` for the standard library's network addresses.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

use super::{CacheKey, KeyWriter};

impl CacheKey for Ipv4Addr {
    #[inline]
    fn write_key(&self, key: &mut KeyWriter) {
        key.u32(self.to_bits());
    }
}

impl CacheKey for Ipv6Addr {
    #[inline]
    fn write_key(&self, key: &mut KeyWriter) {
        key.u128(self.to_bits());
    }
}

impl CacheKey for IpAddr {
    #[inline]
    fn write_key(&self, key: &mut KeyWriter) {
        match self {
            Self::V4(address) => (0_u8, address).write_key(key),
            Self::V6(address) => (1_u8, address).write_key(key),
        }
    }
}

impl CacheKey for SocketAddrV4 {
    #[inline]
    fn write_key(&self, key: &mut KeyWriter) {
        (self.ip(), self.port()).write_key(key);
    }
}

impl CacheKey for SocketAddrV6 {
    #[inline]
    fn write_key(&self, key: &mut KeyWriter) {
        (self.ip(), self.port(), self.flowinfo(), self.scope_id()).write_key(key);
    }
}

impl CacheKey for SocketAddr {
    #[inline]
    fn write_key(&self, key: &mut KeyWriter) {
        match self {
            Self::V4(address) => (0_u8, address).write_key(key),
            Self::V6(address) => (1_u8, address).write_key(key),
        }
    }
}
