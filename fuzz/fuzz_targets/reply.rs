#![no_main]

use libfuzzer_sys::fuzz_target;
use wire::reply::Reply;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(reply) = Reply::parse(bytes) {
        assert_eq!(reply.rebuild(), bytes);
        assert_eq!(Some(&reply.number()), bytes.first());
    }
});
