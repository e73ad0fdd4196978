//! As much of Markdown as `docs/` uses, to roff's man macros (groff_man(7)): headings, paragraphs, lists,
//! tables, blocks of code, bold, code and links.

/// A document without its title.
pub fn to_roff(text: &str) -> String {
    let mut roff = String::new();
    let mut lines = text.lines().peekable();
    let mut is_new = true;
    while let Some(line) = lines.next() {
        if line.starts_with("# ") {
            // The page has a name already.
            roff += ".SH DESCRIPTION\n";
            is_new = false;
        } else if let Some(heading) = line.strip_prefix("## ") {
            roff += &format!(".SH {}\n", inline(&heading.to_uppercase()));
            is_new = false;
        } else if let Some(heading) = line.strip_prefix("### ") {
            roff += &format!(".SS {}\n", inline(heading));
            is_new = false;
        } else if line.starts_with("```") {
            roff += ".PP\n.nf\n.RS 4\n";
            for code in lines.by_ref().take_while(|line| !line.starts_with("```")) {
                roff += &format!("{}\n", guarded(&escaped(code)));
            }
            roff += ".RE\n.fi\n";
            is_new = true;
        } else if line.starts_with('|') {
            let mut rows = vec![cells(line)];
            while let Some(row) = lines.next_if(|line| line.starts_with('|')) {
                rows.push(cells(row));
            }
            roff += &table(&rows);
            is_new = true;
        } else if let Some(item) = line.strip_prefix("- ").or_else(|| line.strip_prefix("* ")) {
            roff += &format!(".IP \\(bu 2\n{}\n", guarded(&inline(item)));
            is_new = false;
        } else if let Some((number, item)) = numbered(line) {
            roff += &format!(".IP {number}. 4\n{}\n", guarded(&inline(item)));
            is_new = false;
        } else if line.trim().is_empty() {
            is_new = true;
        } else {
            if is_new {
                roff += ".PP\n";
            }
            roff += &format!("{}\n", guarded(&inline(line.trim_start())));
            is_new = false;
        }
    }
    roff
}

/// Text that roff prints as it is.
pub fn escaped(text: &str) -> String {
    text.chars().map(escape).collect()
}

/// The same page in ASCII, which every roff reads: other characters by their number.
pub fn ascii(roff: &str) -> String {
    let by_number = |c: char| match c {
        c if c.is_ascii() => c.to_string(),
        c => format!("\\[u{:04X}]", u32::from(c)),
    };
    roff.chars().map(by_number).collect()
}

fn escape(c: char) -> String {
    match c {
        '\\' => "\\e".to_owned(),
        '-' => "\\-".to_owned(),
        '\'' => "\\(aq".to_owned(),
        '"' => "\\(dq".to_owned(),
        '`' => "\\(ga".to_owned(),
        '^' => "\\(ha".to_owned(),
        '~' => "\\(ti".to_owned(),
        '…' => "...".to_owned(),
        other => other.to_string(),
    }
}

/// A line that starts with a dot would be a command.
fn guarded(line: &str) -> String {
    if line.starts_with('.') {
        format!("\\&{line}")
    } else {
        line.to_owned()
    }
}

fn numbered(line: &str) -> Option<(&str, &str)> {
    let (number, item) = line.split_once(". ")?;
    let is_number = !number.is_empty() && number.chars().all(|c| c.is_ascii_digit());
    is_number.then_some((number, item))
}

/// Bold for `**…**`, for code and for the words of links; links of documents lead nowhere in a page.
fn inline(text: &str) -> String {
    let mut roff = String::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let after = rest.get(c.len_utf8()..).unwrap_or_default();
        let found = match c {
            '`' => after.split_once('`'),
            '*' => after
                .strip_prefix('*')
                .and_then(|after| after.split_once("**")),
            _ => None,
        };
        let link = after
            .split_once("](")
            .filter(|(words, _)| c == '[' && !words.contains('['))
            .and_then(|(words, target)| Some((words, target.split_once(')')?.1)));
        if let Some((inside, left)) = found {
            let inside = if c == '`' {
                escaped(inside)
            } else {
                inline(inside)
            };
            roff += &format!("\\fB{inside}\\fR");
            rest = left;
        } else if let Some((words, left)) = link {
            roff += &inline(words);
            rest = left;
        } else if c == '*' && after.contains('*') {
            let (inside, left) = after.split_once('*').unwrap_or((after, ""));
            roff += &format!("\\fI{}\\fR", inline(inside));
            rest = left;
        } else {
            roff += &escape(c);
            rest = after;
        }
    }
    roff
}

/// The cells of a row; a `|` inside code is one.
fn cells(row: &str) -> Vec<String> {
    let mut cells = vec![String::new()];
    let mut in_code = false;
    for c in row.trim().trim_matches('|').chars() {
        in_code ^= c == '`';
        match (c, cells.last_mut()) {
            ('|', _) if !in_code => cells.push(String::new()),
            (c, Some(cell)) => cell.push(c),
            (_, None) => {}
        }
    }
    cells.iter().map(|cell| cell.trim().to_owned()).collect()
}

/// A term and its meaning for each row: tables do not fit into terminals.
fn table(rows: &[Vec<String>]) -> String {
    let is_rule = |row: &&Vec<String>| {
        row.iter()
            .all(|cell| cell.chars().all(|c| "-: ".contains(c)))
    };
    let mut roff = String::new();
    // The first row names the columns.
    for row in rows.iter().skip(1).filter(|row| !is_rule(row)) {
        let mut cells = row.iter();
        let term = cells.next().map(|cell| inline(cell)).unwrap_or_default();
        let meaning: Vec<String> = cells
            .filter(|cell| !cell.is_empty())
            .map(|cell| inline(cell))
            .collect();
        roff += &format!(
            ".TP\n{}\n{}\n",
            guarded(&term),
            guarded(&meaning.join("; "))
        );
    }
    roff
}
