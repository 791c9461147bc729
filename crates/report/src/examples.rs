//! Images with what the three networks say of them.

use distill_driver::evidence::{Evidence, Example, Kind};
use maud::{Markup, html};

pub(crate) fn section(evidence: &Evidence, kind: Kind, title: &str) -> Markup {
    let examples: Vec<&Example> = evidence.examples.iter().filter(|one| one.kind == kind).collect();
    html! {
        @if !examples.is_empty() {
            h3 { (title) }
            div.examples { @for one in examples { (example(&evidence.classes, evidence.temperature, one)) } }
        }
    }
}

fn example(classes: &[String], temperature: f64, one: &Example) -> Markup {
    let name = |class: usize| classes.get(class).map_or("?", String::as_str);
    let softened = format!("at T={temperature}");
    let columns = [
        ("teacher", "Teacher", &one.teacher),
        ("teacher", &softened, &one.softened),
        ("baseline", "Baseline", &one.baseline),
        ("student", "Student", &one.student),
    ];
    let what = match &one.file {
        Some(file) => file.clone(),
        None => format!("test image {}", one.index),
    };
    html! {
        article.example {
            img src=(format!("data:image/png;base64,{}", one.png))
                alt=(format!("{what}, of the class {}", name(one.label)));
            div.wide tabindex="0" role="region"
                aria-label=(format!("What the networks say of {what}"))
            {
                table {
                    caption { strong { (name(one.label)) } ", " span.file { (what) } }
                    thead { tr {
                        td {}
                        @for (_, title, _) in columns { th scope="col" { (title) } }
                    } }
                    tbody { @for (at, class) in one.classes.iter().enumerate() { tr {
                        th scope="row" {
                            @if *class == one.label { strong { (name(*class)) } } @else { (name(*class)) }
                        }
                        @for (ink, _, said) in columns {
                            @let p = said.get(at).copied().unwrap_or(0.0);
                            td class={ "bar " (ink) } style=(format!("--p:{:.1}%", 100.0 * p)) {
                                (format!("{p:.3}"))
                            }
                        }
                    } } }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_is_named_by_its_file_where_it_has_one() {
        let of = |file: Option<&str>| Example {
            kind: Kind::Gained,
            index: 687,
            file: file.map(str::to_owned),
            label: 0,
            png: String::new(),
            classes: vec![0],
            teacher: vec![1.0],
            softened: vec![1.0],
            baseline: vec![1.0],
            student: vec![1.0],
        };
        let page = |one: &Example| example(&["cat".to_owned()], 4.0, one).into_string();
        let of_file = page(&of(Some("test/cat/<b>.png")));
        assert!(
            of_file.contains("test/cat/&lt;b&gt;.png") && !of_file.contains("test image"),
            "{of_file}"
        );
        assert!(page(&of(None)).contains("test image 687"));
    }
}
