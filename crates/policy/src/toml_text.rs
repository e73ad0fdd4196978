//! Strings and lists of strings as TOML 1.0, in printable ASCII.

/// A basic string. Whatever stands in `text`, the string ends at its own quote.
pub fn string(text: &str) -> String {
    let mut toml = String::with_capacity(text.len() + 2);
    toml.push('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => {
                toml.push('\\');
                toml.push(character);
            }
            ' '..='~' => toml.push(character),
            _ if u32::from(character) <= 0xffff => {
                toml.push_str(&format!("\\u{:04x}", u32::from(character)));
            }
            _ => toml.push_str(&format!("\\U{:08x}", u32::from(character))),
        }
    }
    toml.push('"');
    toml
}

/// One string, or a list of them.
pub fn strings(texts: &[String]) -> String {
    match texts {
        [only] => string(only),
        texts => {
            let texts: Vec<String> = texts.iter().map(|text| string(text)).collect();
            format!("[{}]", texts.join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_text_comes_back_from_the_real_parser() {
        let mut texts: Vec<String> = [
            "",
            "plain",
            "\"",
            "\\",
            "\"\"\"",
            "'''",
            "\r\n",
            "# x",
            "]]\n[[rule]]",
        ]
        .map(String::from)
        .to_vec();
        texts.extend(
            (0..0x300)
                .filter_map(char::from_u32)
                .map(|c| format!("a{c}b")),
        );
        texts.extend(
            [
                "\u{202e}",
                "\u{fffd}",
                "\u{ffff}",
                "\u{10000}",
                "\u{10ffff}",
            ]
            .map(String::from),
        );
        for text in &texts {
            let toml = format!("x = {}", string(text));
            assert!(
                toml.bytes().all(|byte| (b' '..=b'~').contains(&byte)),
                "{toml:?}"
            );
            let table: toml::Table = toml::from_str(&toml).unwrap();
            assert_eq!(table["x"].as_str(), Some(text.as_str()));
            assert_eq!(table.len(), 1);
        }
        let table: toml::Table = toml::from_str(&format!("x = {}", strings(&texts))).unwrap();
        assert_eq!(table["x"].as_array().unwrap().len(), texts.len());
    }
}
