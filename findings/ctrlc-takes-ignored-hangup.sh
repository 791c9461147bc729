#!/usr/bin/env bash
# What:    with its feature `termination`, set_handler takes SIGHUP even where the process was started with SIGHUP ignored,
#          as nohup starts it: the handler runs when the terminal goes away.
# Version: ctrlc==3.5.2 (beside signal-hook 0.3.18, which takes the signals that it is told to, and no others).
# Matters: a training of days under nohup saves and stops at the end of the login, and nobody asked it to.
# Here:    signal-hook takes SIGINT and SIGTERM, and SIGHUP unless it was ignored at the start.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
export CARGO_TARGET_DIR=target CARGO_PROFILE_DEV_DEBUG=0
cargo init --quiet --vcs none --name waits
cargo add --quiet ctrlc@=3.5.2 --features termination
cat > src/main.rs <<'RUST'
use std::{thread::sleep, time::Duration};
fn main() {
    if std::env::args().any(|argument| argument == "handled") {
        ctrlc::set_handler(|| {
            println!("the handler ran");
            std::process::exit(3);
        })
        .unwrap();
    }
    println!("ready");
    sleep(Duration::from_secs(3));
    println!("it went on");
}
RUST
cargo build --quiet
seen() {
    (trap '' HUP; exec target/debug/waits "$1") > "$1.txt" &
    until grep -q ready "$1.txt" 2> /dev/null; do sleep 0.1; done
    kill -HUP $!
    wait $! || true
    tail -1 "$1.txt"
}
plain=$(seen plain) handled=$(seen handled)
echo "ctrlc 3.5.2, SIGHUP ignored at the start and sent: without a handler \"$plain\", with one \"$handled\""
if [ "$plain" != "it went on" ] || [ "$handled" != "the handler ran" ]; then
    echo "changed: not what is described"
    exit 1
fi
