//! How configurations are written and read: fingerprints of stages and messages to people are made of it.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use distill_objective::TermConfig;

/// For each term its defaults, and what is said of a field that it does not have.
#[test]
fn defaults_and_fields_of_each_term_are_as_ever() {
    let lines: Vec<&str> = include_str!("written.txt").lines().collect();
    for line in lines.chunks(2) {
        let [defaults, message] = line else { panic!("two lines a term") };
        let name: serde_json::Value = serde_json::from_str(defaults).unwrap();
        let text = format!("term = {}", name["term"]);
        let read: TermConfig = toml::from_str(&text).unwrap();
        assert_eq!(serde_json::to_string(&read).unwrap(), *defaults);
        assert_eq!(serde_json::from_str::<TermConfig>(defaults).unwrap(), read);
        let error = toml::from_str::<TermConfig>(&format!("{text}\ncolour = 1")).unwrap_err();
        assert_eq!(error.message(), *message);
    }
}
