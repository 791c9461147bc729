//! Classes of a network and of data, matched by name.

/// For each class of the data the place of its logit among a network's; `None` where both have the same classes in
/// the same order.
///
/// # Errors
/// Which classes the network does not know, in words.
pub fn match_classes(data: &[String], network: &[String]) -> Result<Option<Vec<usize>>, String> {
    if data == network {
        return Ok(None);
    }
    let places: Vec<Option<usize>> =
        data.iter().map(|class| network.iter().position(|own| own == class)).collect();
    for class in data {
        if network.iter().filter(|own| *own == class).count() > 1 {
            return Err(format!("the network has `{class}` twice, expected each class once"));
        }
    }
    if let Some(places) = places.iter().copied().collect::<Option<Vec<usize>>>() {
        return Ok(Some(places));
    }
    let unknown = data.iter().zip(&places).filter(|(_, place)| place.is_none());
    let unknown: Vec<&str> = unknown.map(|(class, _)| class.as_str()).collect();
    Err(format!(
        "the network does not know {} of the data's {} classes ({}), expected some of its {}: {}",
        unknown.len(),
        data.len(),
        shown(&unknown),
        network.len(),
        shown(&network.iter().map(String::as_str).collect::<Vec<_>>()),
    ))
}

fn shown(names: &[&str]) -> String {
    let first = names.iter().take(12).copied().collect::<Vec<_>>().join(", ");
    if names.len() > 12 { format!("{first}, ...") } else { first }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &str) -> Vec<String> {
        names.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn classes_are_matched_by_name_in_any_order_and_number() {
        let network = names("cat dog ship");
        assert_eq!(match_classes(&network, &network), Ok(None));
        assert_eq!(match_classes(&names("ship cat"), &network), Ok(Some(vec![2, 0])));
        let doubled = match_classes(&names("cat dog"), &names("cat cat dog")).unwrap_err();
        assert!(doubled.contains("`cat` twice"), "{doubled}");
        let error = match_classes(&names("boat cat dog"), &network).unwrap_err();
        assert!(error.contains("1 of the data's 3 classes (boat)"), "{error}");
    }
}
