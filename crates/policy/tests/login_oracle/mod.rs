//! Whether any server could take data for a login: a second opinion that shares no code with the
//! classification. It is as naive as the most careless server that we could think of, and slow.
//!
//! The property tests here and the fuzz target `raw_oracle` use it.

/// Before the request may stand anything: nothing, a session id with its length, one without.
pub fn could_be_login(data: &[u8]) -> bool {
    (0..data.len()).any(|at| data[at] == 50 && is_request(&data[at + 1..]))
}

/// RFC 4252 §5, then §7 (`publickey`, and OpenSSH's form that names a host key) or §9 (`hostbased`), with
/// any user, any service and whatever comes after.
fn is_request(mut rest: &[u8]) -> bool {
    let (Some(_user), Some(_service)) = (string(&mut rest), string(&mut rest)) else {
        return false;
    };
    let Some(method) = string(&mut rest) else {
        return false;
    };
    publickey(rest) || (is_name(method) && hostbased(rest)) || is_name(method)
}

fn publickey(rest: &[u8]) -> bool {
    let Some((_has_signature, mut rest)) = rest.split_first() else {
        return false;
    };
    let algorithm = string(&mut rest);
    algorithm.is_some_and(is_name) && string(&mut rest).is_some()
}

fn hostbased(mut rest: &[u8]) -> bool {
    (0..4).all(|_| string(&mut rest).is_some())
}

fn is_name(text: &[u8]) -> bool {
    (1..=64).contains(&text.len()) && text.iter().all(|byte| (b'!'..=b'~').contains(byte))
}

fn string<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = u32::from_be_bytes(rest.get(..4)?.try_into().ok()?) as usize;
    let string = rest.get(4..)?.get(..length)?;
    *rest = &rest[4 + length..];
    Some(string)
}
