#![no_main]

use libfuzzer_sys::fuzz_target;
use wire::request::{Request, name_of_number};

fuzz_target!(|bytes: &[u8]| {
    match Request::parse(bytes) {
        Ok(request) => {
            assert_eq!(request.rebuild(), bytes);
            assert_eq!(Some(&request.number()), bytes.first());
            assert!(name_of_number(request.number()).is_some());
        }
        Err(bad) => {
            let known = name_of_number(bad.number).is_some() || bytes.is_empty();
            assert_eq!(known, bad.problem != wire::Problem::Unknown);
        }
    }
});
