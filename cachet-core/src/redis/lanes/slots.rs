//! Which slot of a Cluster a key is in, and who has it.

use deadpool_redis::redis::{Arg, Cmd};

/// So many slots a Cluster has.
pub(super) const SLOTS: u16 = 16384;

/// The slot of a key, by the Cluster specification: of what stands between its first braces, if anything does.
fn slot_of(key: &[u8]) -> u16 {
    let tagged = key.iter().position(|byte| *byte == b'{').map(|open| &key[open + 1..]);
    let tag = tagged.and_then(|rest| Some(&rest[..rest.iter().position(|byte| *byte == b'}')?]));
    crc16(tag.filter(|tag| !tag.is_empty()).unwrap_or(key)) % SLOTS
}

/// The slot of the first key that a command names: a script's comes after its text and the number of its keys.
pub(super) fn slot_of_command(command: &Cmd) -> u16 {
    let mut arguments = command.args_iter().filter_map(|argument| match argument {
        Arg::Simple(bytes) => Some(bytes),
        _ => None,
    });
    let is_script = arguments.next().is_some_and(|name| name.starts_with(b"EVAL"));
    let key = arguments.nth(if is_script { 2 } else { 0 });
    slot_of(key.unwrap_or_default())
}

/// CRC-16/XMODEM.
fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |crc, byte| {
        (0..8).fold(
            crc ^ (u16::from(*byte) << 8),
            |crc, _| {
                if crc & 0x8000 == 0 { crc << 1 } else { (crc << 1) ^ 0x1021 }
            },
        )
    })
}

/// An address as a Cluster writes it, with the host that said so for one that it leaves out.
pub(super) fn address_of(text: &str, asked: &str) -> Option<(String, u16)> {
    let (host, port) = text.rsplit_once(':')?;
    let host = if host.is_empty() || host == "?" { asked } else { host };
    Some((host.to_owned(), port.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use deadpool_redis::redis;

    use super::*;

    #[test]
    fn slots_are_those_of_the_specification() {
        assert_eq!(crc16(b"123456789"), 0x31C3);
        assert_eq!(slot_of(b"foo"), 12182);
        assert_eq!(slot_of(b"{user1000}.following"), slot_of(b"user1000"));
        assert_eq!(slot_of(b"foo{{bar}}zap"), slot_of(b"{bar"));
        assert_eq!(slot_of(b"foo{bar}{zap}"), slot_of(b"bar"));
        assert_eq!(slot_of(b"foo{}{bar}"), crc16(b"foo{}{bar}") % SLOTS);
        assert_eq!(slot_of(b"foo{bar"), crc16(b"foo{bar") % SLOTS);
    }

    #[test]
    fn a_command_goes_by_its_first_key() {
        let mut script = redis::cmd("EVALSHA");
        script.arg("digest").arg(1).arg("foo").arg("argument");
        assert_eq!(slot_of_command(&script), slot_of(b"foo"));
        assert_eq!(slot_of_command(redis::cmd("MGET").arg("foo").arg("foo")), slot_of(b"foo"));
    }

    #[test]
    fn an_address_may_leave_its_host_out() {
        assert_eq!(address_of("10.0.0.1:6379", "asked"), Some(("10.0.0.1".into(), 6379)));
        assert_eq!(address_of("::1:6379", "asked"), Some(("::1".into(), 6379)));
        assert_eq!(address_of(":6379", "asked"), Some(("asked".into(), 6379)));
        assert_eq!(address_of("6379", "asked"), None);
    }
}
