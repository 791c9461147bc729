//! Fields and their values, and every combination of them.

use anyhow::ensure;
use distill_driver::DriverError;

/// A field of a recipe with the values that it takes, as `--set` takes them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Field {
    pub(super) name: String,
    pub(super) values: Vec<String>,
}

/// A combination of values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    /// Short, and good as the name of a folder.
    pub(super) name: String,
    /// A value for each field.
    pub(super) values: Vec<String>,
    /// The same as settings of a recipe.
    pub(super) settings: Vec<String>,
}

/// More runs than this are a slip.
const MOST: usize = 1000;
/// Letters of a value in the name of a folder. Longer ones are cut.
const LETTERS: usize = 40;
/// Letters of a folder's name, of which file systems take 255 bytes.
const NAME: usize = 200;
/// Fields that are no part of what is tried, and how they are set.
const OTHER: [(&str, &str); 4] = [
    ("seed", "`--seed` or `--seeds`, which run each point with each seed"),
    ("seeds", "`--seeds`, which runs each point with each seed"),
    ("name", "a field that changes what is trained"),
    ("description", "a field that changes what is trained"),
];

impl Field {
    pub(super) fn parse(text: &str) -> Result<Self, DriverError> {
        let refuse = |expected: &str| DriverError::Recipe {
            file: format!("--over {text}"),
            problem: format!("expected {expected}"),
        };
        let (name, values) = text
            .split_once('=')
            .ok_or_else(|| refuse("a field and its values, `optimizer.batch=32,64`"))?;
        let values: Vec<String> = split(values).into_iter().map(str::to_owned).collect();
        if name.trim().is_empty() || values.iter().any(String::is_empty) {
            return Err(refuse("a field and its values, none of them empty"));
        }
        if let Some((_, expected)) = OTHER.iter().find(|(other, _)| *other == name.trim()) {
            return Err(refuse(expected));
        }
        if let Some(twice) =
            values.iter().enumerate().find(|(at, value)| values[..*at].contains(value))
        {
            return Err(refuse(&format!("each value once, `{}` is there twice", twice.1)));
        }
        Ok(Self { name: name.trim().to_owned(), values })
    }
}

/// Every combination, the values of the last field first.
pub(super) fn places(fields: &[Field]) -> anyhow::Result<Vec<Place>> {
    for (at, field) in fields.iter().enumerate() {
        let is_new = fields[..at].iter().all(|other| other.name != field.name);
        ensure!(
            is_new,
            refused(format!("`{}` is named twice, expected each field once", field.name))
        );
    }
    let count =
        fields.iter().try_fold(1_usize, |count, field| count.checked_mul(field.values.len()));
    let count = count.filter(|count| *count <= MOST);
    ensure!(
        count.is_some(),
        refused(format!("there are more than {MOST} combinations of these values"))
    );
    let mut all = vec![Vec::new()];
    for field in fields {
        let mut longer = Vec::with_capacity(all.len() * field.values.len());
        for values in &all {
            for value in &field.values {
                longer.push([&values[..], std::slice::from_ref(value)].concat());
            }
        }
        all = longer;
    }
    let mut places: Vec<Place> = Vec::new();
    for values in all {
        let place = Place::new(fields, values);
        if let Some(other) = places.iter().find(|other| other.name == place.name) {
            let (this, other) = (place.values.join(" and "), other.values.join(" and "));
            let name = &place.name;
            return Err(
                refused(format!("`{this}` and `{other}` would have one folder, `{name}`")).into()
            );
        }
        places.push(place);
    }
    Ok(places)
}

impl Place {
    /// The place of values, one for each field.
    pub(super) fn new(fields: &[Field], values: Vec<String>) -> Self {
        let pairs = || fields.iter().zip(&values);
        let parts = pairs()
            .map(|(field, value)| format!("{}={}", safe(&label(fields, field)), safe(value)));
        let whole = parts.collect::<Vec<_>>().join(",");
        // Long names of many fields say less and less.
        let name = match whole.len() {
            ..=NAME => whole,
            _ => format!("{}~{}", &whole[..NAME - 9], mark(&values.join("\n"))),
        };
        let settings = pairs().map(|(field, value)| format!("{}={value}", field.name)).collect();
        Self { name, settings, values }
    }
}

fn refused(problem: String) -> DriverError {
    DriverError::Recipe { file: "--over".to_owned(), problem }
}

/// The last part of a field's name where that tells it from the others.
fn label(fields: &[Field], field: &Field) -> String {
    let last = |field: &Field| field.name.rsplit('.').next().unwrap_or_default().to_owned();
    let own = last(field);
    let is_alone = fields.iter().filter(|other| last(other) == own).count() == 1;
    if is_alone { own } else { field.name.clone() }
}

/// Letters that every system takes in the name of a folder. What is cut is told apart by a mark.
fn safe(value: &str) -> String {
    let parted = value.replace("],", "-").replace([' ', '[', ']', '"', '\''], "").replace(',', "_");
    let text = parted.replace(|c: char| !c.is_ascii_alphanumeric() && !"-_.+".contains(c), "-");
    match text.len() {
        ..=LETTERS => text,
        _ => format!("{}~{}", &text[..LETTERS - 9], mark(value)),
    }
}

/// Eight letters that stay a text's own in every version: folders are found again by them (FNV-1a).
fn mark(text: &str) -> String {
    let mut hash = 2_166_136_261_u32;
    for byte in text.bytes() {
        hash = (hash ^ u32::from(byte)).wrapping_mul(16_777_619);
    }
    format!("{hash:08x}")
}

/// At commas that are in no bracket and no quotes.
fn split(text: &str) -> Vec<&str> {
    let (mut parts, mut from, mut depth, mut quote) = (Vec::new(), 0, 0_i32, None);
    for (at, letter) in text.char_indices() {
        match letter {
            _ if quote == Some(letter) => quote = None,
            _ if quote.is_some() => {}
            '"' | '\'' => quote = Some(letter),
            '[' | '{' => depth += 1,
            ']' | '}' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(text[from..at].trim());
                from = at + 1;
            }
            _ => {}
        }
    }
    parts.push(text[from..].trim());
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(over: &[&str]) -> Vec<Field> {
        over.iter().map(|text| Field::parse(text).unwrap()).collect()
    }

    #[test]
    fn a_grid_has_every_combination() {
        let fields =
            fields(&["objective.0.temperature=1, 4", "student.blocks=[[4],[4]],[[8, 8],[16]]"]);
        let places = places(&fields).unwrap();
        let names: Vec<&str> = places.iter().map(|place| &place.name[..]).collect();
        assert_eq!(
            names,
            [
                "temperature=1,blocks=4-4",
                "temperature=1,blocks=8_8-16",
                "temperature=4,blocks=4-4",
                "temperature=4,blocks=8_8-16"
            ]
        );
        assert_eq!(
            places[3].settings,
            ["objective.0.temperature=4", "student.blocks=[[8, 8],[16]]"]
        );
        assert_eq!(places[3].values, ["4", "[[8, 8],[16]]"]);
    }

    #[test]
    fn names_tell_fields_apart() {
        let fields = fields(&["objective.0.weight=0.5", "objective.1.weight=0.1"]);
        assert_eq!(
            places(&fields).unwrap()[0].name,
            "objective.0.weight=0.5,objective.1.weight=0.1"
        );
    }

    #[test]
    fn slips_are_refused() {
        for (over, expected) in [
            ("temperature", "a field and its values"),
            ("=1", "none of them empty"),
            ("a=1,,2", "none of them empty"),
            ("a=1,2,1", "`1` is there twice"),
            ("seed=1,2", "expected `--seed` or `--seeds`"),
            ("name=a,b", "a field that changes what is trained"),
        ] {
            let error = Field::parse(over).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
        let clash = places(&fields(&["a=[1],1"])).unwrap_err().to_string();
        assert!(clash.contains("would have one folder, `a=1`"), "{clash}");
        assert!(places(&fields(&["a=1", "a=2"])).unwrap_err().to_string().contains("named twice"));
        let many: Vec<String> = (0..1001).map(|value| value.to_string()).collect();
        let many = Field::parse(&format!("a={}", many.join(","))).unwrap();
        assert!(places(&[many]).unwrap_err().to_string().contains("more than 1000"));
    }

    #[test]
    fn long_values_are_cut_and_told_apart() {
        let [one, two] = ["0.4", "0.5"].map(|weight| {
            let term = format!("{{term = \"soft-targets\", temperature = 2.5, weight = {weight}}}");
            places(&fields(&[&format!("objective=[{term}]")])).unwrap().remove(0).name
        });
        let foreign = places(&fields(&["networks.größe/../x.epochs=ä"])).unwrap().remove(0);
        assert_eq!((foreign.name.as_str(), foreign.settings.len()), ("epochs=-", 1));
        assert!(one != two && one.len() == "objective=".len() + LETTERS, "{one} {two}");
        assert!(
            one.starts_with("objective=-term-----soft-targets") || one.contains("soft-targets")
        );
        // As they were in the version before.
        assert_eq!(mark("a"), "e40c292c");
        let many: Vec<String> =
            (0..9).map(|at| format!("table.field{at}={}", "9".repeat(40))).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert_eq!(places(&fields(&many)).unwrap()[0].name.len(), NAME);
    }
}
