//! Answers to one URI, told apart by `Vary`.

use crate::server::Server;

const BY_LANGUAGE: &str = "/?cache-control=max-age=60&vary=accept-language";

fn in_language(server: &Server, language: &str) -> crate::server::Reply {
    server.get_with(BY_LANGUAGE, &[("accept-language", language)])
}

#[test]
fn a_client_gets_the_answer_to_what_it_asked() {
    let server = Server::start();
    let english = in_language(&server, "en, de;q=0.5");
    let german = in_language(&server, "de");
    assert!(german.cache_status().starts_with("cachet; fwd=vary-miss"), "{}", german.cache_status());
    assert_ne!(english.body, german.body);
    assert_eq!(in_language(&server, "DE").body, german.body);
    assert_eq!(in_language(&server, "de;q=0.5,en").body, english.body);
    assert!(!server.get(BY_LANGUAGE).is_hit(), "a field that is absent is no value");
}

#[test]
fn two_words_are_not_the_one_that_they_make_together() {
    for (name, attack, victim) in
        [("accept-language", "d e", "de"), ("accept", "text/h tml", "text/html"), ("accept-charset", "utf -8", "utf-8")]
    {
        let server = Server::start();
        let target = format!("/?cache-control=max-age=60&vary={name}");
        server.get_with(&target, &[(name, attack)]);
        assert!(!server.get_with(&target, &[(name, victim)]).is_hit(), "{name}: {attack}");
    }
}

#[test]
fn an_answer_that_varies_on_everything_is_given_to_nobody_else() {
    let server = Server::start();
    for target in ["/?cache-control=max-age=60&vary=*", "/?cache-control=max-age=60&vary=a,*&etag=%22a%22"] {
        server.get(target);
        let again = server.get(target);
        assert!(!again.is_hit(), "{target}");
    }
    // The origin may still say that it holds.
    assert!(server.get("/?cache-control=max-age=60&vary=a,*&etag=%22a%22").cache_status().contains("fwd-status=304"));
}

#[test]
fn of_endless_variants_the_oldest_give_way() {
    let server = Server::with(|cache| cache.max_variants(4));
    in_language(&server, "en");
    for number in 0..20 {
        in_language(&server, &format!("x-{number}"));
    }
    assert!(in_language(&server, "x-19").is_hit());
    assert!(!in_language(&server, "en").is_hit());
    // No more answers than that are of any use, and other resources keep theirs.
    let hits = (0..20).filter(|number| in_language(&server, &format!("x-{number}")).is_hit()).count();
    assert!(hits <= 4, "{hits}");
}

#[test]
fn an_answer_that_varies_on_too_many_fields_is_given_to_nobody_else() {
    let server = Server::start();
    let fields: Vec<_> = (0..20).map(|number| format!("x-{number}")).collect();
    let target = format!("/?cache-control=max-age=60&vary={}", fields.join(","));
    server.get(&target);
    assert!(!server.get(&target).is_hit());
}
