#![no_main]

//! Text from outside comes out visible, bounded, and the same when it is cleaned again.

use libfuzzer_sys::fuzz_target;
use policy::display;
use split_ssh_fuzz::assert_visible;

fuzz_target!(|bytes: &[u8]| {
    let Some((max, text)) = bytes.split_first() else {
        return;
    };
    let max = usize::from(*max);
    for (clean, is_ascii) in [
        (display::text as fn(&[u8], usize) -> String, false),
        (display::prose, true),
        (display::ascii, true),
    ] {
        let shown = clean(text, max);
        assert!(shown.len() <= max.max(display::MIN_WIDTH));
        assert!(shown.is_ascii() || !is_ascii);
        assert_visible(&shown);
        assert_eq!(clean(shown.as_bytes(), max), shown);
    }
});
