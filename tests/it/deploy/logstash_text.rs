//! Logstash's configuration language: enough of its grammar to refuse what Logstash would refuse.

/// A plugin with its settings, and the section that it stands in.
#[derive(Debug)]
pub struct Plugin {
    pub section: String,
    pub name: String,
    pub settings: Vec<(String, Value)>,
}

/// A setting's value.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    Text(String),
    Word(String),
    Number(f64),
    List(Vec<Value>),
    Hash(Vec<(String, Value)>),
    Plugin(String),
}

impl Plugin {
    /// The texts of a setting, whether it is one or a list of them.
    pub fn texts(&self, name: &str) -> Vec<String> {
        let values = self.settings.iter().filter(|(setting, _)| setting == name).map(|(_, value)| value);
        let values =
            values.flat_map(|value| if let Value::List(list) = value { list.clone() } else { vec![value.clone()] });
        values.map(|value| if let Value::Text(text) = value { text } else { panic!("{name}: {value:?}") }).collect()
    }
}

/// All plugins of a configuration, those within conditions too; or what is wrong with it, and where.
pub fn read(text: &str) -> Result<Vec<Plugin>, String> {
    let mut reader = Reader { rest: text, text, plugins: Vec::new() };
    while !reader.at_end() {
        let section = reader.word()?;
        if !["input", "filter", "output"].contains(&section.as_str()) {
            return Err(reader.fault(&format!("no section is called {section}")));
        }
        reader.block(&section)?;
    }
    Ok(reader.plugins)
}

struct Reader<'a> {
    text: &'a str,
    rest: &'a str,
    plugins: Vec<Plugin>,
}

impl Reader<'_> {
    fn block(&mut self, section: &str) -> Result<(), String> {
        self.mark("{")?;
        while !self.take("}") {
            let name = self.word()?;
            match name.as_str() {
                "if" => self.condition(section)?,
                "else" => {
                    // nothing can stand before it but the block of an `if`; a lonely one is caught by Logstash
                    if self.take("if") {
                        self.condition(section)?;
                    } else {
                        self.block(section)?;
                    }
                }
                _ => {
                    let settings = self.settings()?;
                    self.plugins.push(Plugin { section: section.to_owned(), name, settings });
                }
            }
        }
        Ok(())
    }

    /// An expression up to its block: fields, values, operators and brackets that close.
    fn condition(&mut self, section: &str) -> Result<(), String> {
        let mut operands = 0;
        loop {
            self.space();
            match self.rest.chars().next() {
                Some('{') => break,
                Some('[') => {
                    // a field such as [a][b], or a list of values
                    let field = self.rest[1..].chars().next().is_some_and(|c| c.is_alphanumeric() || "_@".contains(c));
                    if field {
                        self.field()?
                    } else {
                        self.value().map(drop)?
                    }
                    operands += 1;
                }
                Some('"' | '\'') => {
                    self.quoted()?;
                    operands += 1;
                }
                Some('/') => {
                    let end = self.rest[1..].find('/').ok_or_else(|| self.fault("a pattern does not end"))?;
                    self.rest = &self.rest[end + 2..];
                    operands += 1;
                }
                Some('(' | ')' | '!' | '=' | '<' | '>' | '~') => self.rest = &self.rest[1..],
                Some(_) => {
                    let word = self.word()?;
                    if !["and", "or", "nand", "xor", "not", "in"].contains(&word.as_str()) {
                        word.parse::<f64>().map_err(|_| self.fault(&format!("{word} is no operator and no value")))?;
                    }
                }
                None => return Err(self.fault("a condition has no block")),
            }
        }
        if operands == 0 {
            return Err(self.fault("a condition asks nothing"));
        }
        self.block(section)
    }

    fn field(&mut self) -> Result<(), String> {
        while self.rest.starts_with('[') {
            let end = self.rest.find(']').ok_or_else(|| self.fault("a field does not end"))?;
            self.rest = &self.rest[end + 1..];
        }
        Ok(())
    }

    fn settings(&mut self) -> Result<Vec<(String, Value)>, String> {
        self.mark("{")?;
        let mut settings = Vec::new();
        while !self.take("}") {
            let name = if self.rest.starts_with(['"', '\'']) { self.quoted()? } else { self.word()? };
            self.mark("=>")?;
            let value = self.value()?;
            if settings.iter().any(|(known, _)| *known == name) {
                return Err(self.fault(&format!("{name} is given twice")));
            }
            settings.push((name, value));
        }
        Ok(settings)
    }

    fn value(&mut self) -> Result<Value, String> {
        self.space();
        match self.rest.chars().next() {
            Some('"' | '\'') => self.quoted().map(Value::Text),
            Some('[') => {
                self.mark("[")?;
                let mut list = Vec::new();
                while !self.take("]") {
                    list.push(self.value()?);
                    if !self.take(",") {
                        self.mark("]")?;
                        break;
                    }
                }
                Ok(Value::List(list))
            }
            Some('{') => self.settings().map(Value::Hash),
            _ => {
                let word = self.word()?;
                self.space();
                if self.rest.starts_with('{') {
                    // a codec with settings
                    self.settings()?;
                    return Ok(Value::Plugin(word));
                }
                Ok(word.parse().map_or(Value::Word(word), Value::Number))
            }
        }
    }

    fn quoted(&mut self) -> Result<String, String> {
        self.space();
        let quote = self.rest.chars().next().ok_or_else(|| self.fault("a text is missing"))?;
        let mut escaped = false;
        for (at, c) in self.rest.char_indices().skip(1) {
            match c {
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                _ if c == quote => {
                    let text = self.rest[1..at].to_owned();
                    self.rest = &self.rest[at + 1..];
                    return Ok(text);
                }
                _ => {}
            }
        }
        Err(self.fault("a text does not end"))
    }

    fn word(&mut self) -> Result<String, String> {
        self.space();
        let end = self.rest.find(|c: char| !(c.is_alphanumeric() || "_-.".contains(c))).unwrap_or(self.rest.len());
        if end == 0 {
            return Err(self.fault("a name or a value is missing"));
        }
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        Ok(word.to_owned())
    }

    fn mark(&mut self, mark: &str) -> Result<(), String> {
        if self.take(mark) { Ok(()) } else { Err(self.fault(&format!("{mark} is missing"))) }
    }

    fn take(&mut self, mark: &str) -> bool {
        self.space();
        let found = self.rest.strip_prefix(mark);
        // `if` is no beginning of `iffy`
        let whole = |rest: &str| {
            !mark.chars().all(char::is_alphabetic) || !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_')
        };
        match found.filter(|rest| whole(rest)) {
            Some(rest) => {
                self.rest = rest;
                self.space();
                true
            }
            None => false,
        }
    }

    fn at_end(&mut self) -> bool {
        self.space();
        self.rest.is_empty()
    }

    fn space(&mut self) {
        self.rest = self.rest.trim_start();
        while let Some(comment) = self.rest.strip_prefix('#') {
            self.rest = comment.find('\n').map_or("", |end| &comment[end..]).trim_start();
        }
    }

    fn fault(&self, problem: &str) -> String {
        let line = self.text[..self.text.len() - self.rest.len()].lines().count();
        format!("line {line}: {problem}")
    }
}

#[test]
fn what_logstash_would_refuse_is_refused() {
    let good = "input { udp { port => 1 codec => netflow { versions => [5, 9] } } } # x\nfilter { if [a][b] in [\"x\"] and !([c] =~ /y/) { drop { } } else if [d] == 1 { mutate { add_field => { \"e\" => \"f\" } } } }";
    assert_eq!(read(good).map(|plugins| plugins.len()), Ok(3));
    for bad in [
        "inputs { }",
        "input { udp { port = 1 } }",
        "input { udp { port => 1 }",
        "input { udp { port => \"1 } }",
        "output { if { stdout { } } }",
        "input { udp { port => 1 port => 2 } }",
        "filter { if [a] is 2 { drop { } } }",
    ] {
        assert!(read(bad).is_err(), "{bad}");
    }
}
