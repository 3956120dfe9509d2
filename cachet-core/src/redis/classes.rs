//! What kind of failure an error of Redis is, by what the server said.

use deadpool_redis::redis::{ErrorKind, RedisError};

use crate::tier::Fault;

/// How Redis 7 and Valkey 9 begin to say that a right is missing for a command inside a script; the code is that of any
/// other error.
const DENIED_IN_SCRIPT: [&str; 2] = ["The user executing the script", "ACL failure in script"];

/// How it begins to say that it takes no more connections. In a Cluster there is more between the two words.
const CROWDED: &str = "max number of clients";

pub(super) fn class_of(error: &RedisError) -> Fault {
    if error.is_io_error() || error.is_timeout() || error.is_connection_dropped() {
        return Fault::Outage;
    }
    let says = |beginning| error.detail().is_some_and(|detail| detail.starts_with(beginning));
    match error.code() {
        _ if error.kind() == ErrorKind::AuthenticationFailed || DENIED_IN_SCRIPT.into_iter().any(says) => Fault::Denied,
        _ if says(CROWDED) => Fault::Overload,
        Some("NOAUTH" | "WRONGPASS" | "NOPERM") => Fault::Denied,
        Some("BUSY" | "LOADING" | "TRYAGAIN") => Fault::Overload,
        Some("READONLY" | "MASTERDOWN" | "CLUSTERDOWN") => Fault::Outage,
        Some("OOM" | "MISCONF" | "NOREPLICAS") => Fault::Full,
        Some("WRONGTYPE") => Fault::WrongType,
        // In a Cluster the lanes follow them; this one has been followed too often, or was no Cluster by its configuration.
        Some("MOVED" | "ASK") => Fault::Moved,
        _ => Fault::Reply,
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use deadpool_redis::redis::{Value, parse_redis_value};

    use super::*;

    /// What Redis 7 says, and Valkey 9 where it has other words, letter by letter.
    #[rustfmt::skip]
    const SAID: [(Fault, &str); 25] = [
        (Fault::Overload, "LOADING Redis is loading the dataset in memory"),
        (Fault::Overload, "BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE."),
        (Fault::Overload, "TRYAGAIN Multiple keys request during rehashing of slot"),
        (Fault::Overload, "ERR max number of clients reached"),
        (Fault::Overload, "ERR max number of clients + cluster connections reached"),
        (Fault::Outage, "CLUSTERDOWN The cluster is down"),
        (Fault::Outage, "CLUSTERDOWN Hash slot not served"),
        (Fault::Outage, "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'."),
        (Fault::Outage, "READONLY You can't write against a read only replica."),
        (Fault::Full, "OOM command not allowed when used memory > 'maxmemory'."),
        (Fault::Full, "OOM too many writers hold the fence"),
        (Fault::Full, "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk."),
        (Fault::Full, "NOREPLICAS Not enough good replicas to write."),
        (Fault::Denied, "NOAUTH Authentication required."),
        (Fault::Denied, "WRONGPASS invalid username-password pair or user is disabled."),
        (Fault::Denied, "NOPERM User ann has no permissions to run the 'get' command"),
        (Fault::Denied, "ERR The user executing the script can't run this command or subcommand"),
        (Fault::Denied, "ERR ACL failure in script: User ann has no permissions to run the 'get' command script: 9f2"),
        (Fault::WrongType, "WRONGTYPE Operation against a key holding the wrong kind of value"),
        (Fault::WrongType, "WRONGTYPE Operation against a key holding the wrong kind of value script: 9f2, on @user_script:4."),
        (Fault::Moved, "MOVED 3999 127.0.0.1:6381"),
        (Fault::Moved, "ASK 3999 127.0.0.1:6381"),
        (Fault::Reply, "CROSSSLOT Keys in request don't hash to the same slot"),
        (Fault::Reply, "ERR unknown command 'EVALSHA'"),
        (Fault::Reply, "ERR"),
    ];

    #[test]
    fn what_a_server_says_tells_the_class() {
        for (class, said) in SAID {
            let reply = parse_redis_value(format!("-{said}\r\n").as_bytes());
            let Ok(Value::ServerError(error)) = reply else { panic!("{said} is an error, not {reply:?}") };
            assert_eq!(class_of(&error.into()), class, "{said}");
        }
    }

    #[test]
    fn a_lost_connection_is_an_outage_and_nonsense_is_not() {
        for kind in [io::ErrorKind::ConnectionRefused, io::ErrorKind::UnexpectedEof, io::ErrorKind::TimedOut] {
            assert_eq!(class_of(&io::Error::from(kind).into()), Fault::Outage, "{kind:?}");
        }
        let refused = RedisError::from((ErrorKind::AuthenticationFailed, "Password authentication failed"));
        assert_eq!(class_of(&refused), Fault::Denied);
        let nonsense = parse_redis_value(b"!nonsense\r\n").expect_err("it is none of the protocol's");
        assert_eq!(class_of(&nonsense), Fault::Reply);
    }
}
