//! Numbers as a person reads them.

use std::cmp::Ordering;

use distill_driver::Figure;

/// A fraction: `87.31 %`.
pub(crate) fn percent(value: f64) -> String {
    format!("{:.2} %", 100.0 * value)
}

/// A difference of fractions: `+0.82`, with a minus sign and not a hyphen; one that rounds to nothing has a plus.
pub(crate) fn points(value: f64) -> String {
    match format!("{:+.2}", 100.0 * value).as_str() {
        "-0.00" => "+0.00".to_owned(),
        text => text.replace('-', "−"),
    }
}

/// A loss of fractions, without its sign: `0.51`.
pub(crate) fn points_lost(value: f64) -> String {
    format!("{:.2}", 100.0 * value.abs())
}

/// A fraction over the seeds: `87.31 ± 0.12 %`, without a deviation where there is one seed.
pub(crate) fn over_seeds(figure: &Figure) -> String {
    match figure.deviation {
        Some(deviation) => format!("{:.2} ± {:.2} %", 100.0 * figure.mean, 100.0 * deviation),
        None => percent(figure.mean),
    }
}

/// A mean over runs: `0.4210 ± 0.0031`, without a deviation where there is one run.
pub(crate) fn mean(figure: &Figure, digits: usize) -> String {
    let deviation = figure.deviation.map_or(String::new(), |d| format!(" ± {d:.digits$}"));
    format!("{:.digits$}{deviation}", figure.mean)
}

/// A whole number in groups of three.
pub(crate) fn thousands(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

pub(crate) fn mebibytes(bytes: u64) -> String {
    format!("{:.2} MiB", bytes as f64 / f64::from(1 << 20))
}

/// `0.42 ms`, `1.3 s`, `4 min 12 s`, `2 h 1 min`.
pub(crate) fn duration(seconds: f64) -> String {
    match seconds {
        ..0.001 => format!("{:.0} µs", 1e6 * seconds),
        ..1.0 => format!("{:.2} ms", 1e3 * seconds),
        ..60.0 => format!("{seconds:.1} s"),
        ..3600.0 => format!("{:.0} min {:.0} s", (seconds / 60.0).floor(), seconds % 60.0),
        _ => format!("{:.0} h {:.0} min", (seconds / 3600.0).floor(), seconds % 3600.0 / 60.0),
    }
}

/// How many times larger: `33.7×`, and `1.0×` for the same.
pub(crate) fn times(larger: f64, smaller: f64) -> String {
    let ratio = larger / smaller;
    if ratio >= 100.0 { format!("{ratio:.0}×") } else { format!("{ratio:.1}×") }
}

/// `[parameters, multiply–accumulates]` of student and teacher as a sentence without its full stop, the larger one in front.
pub(crate) fn sizes(student: [u64; 2], teacher: [u64; 2]) -> String {
    let [parameters, macs] = [0, 1].map(|at| student[at].cmp(&teacher[at]));
    let ratio = |at: usize| {
        let (one, other) = (student[at], teacher[at]);
        times(one.max(other) as f64, one.min(other) as f64)
    };
    let clause = |at: usize, order: Ordering, of: &str| match order {
        Ordering::Less => format!("the teacher has {} the student's {of}", ratio(at)),
        Ordering::Equal => format!("both have as many {of}"),
        Ordering::Greater => format!("the student has {} the teacher's {of}", ratio(at)),
    };
    let first = clause(0, parameters, "parameters");
    let mut text = match macs {
        _ if macs != parameters => format!("{first}, {}", clause(1, macs, "multiply–accumulates")),
        Ordering::Equal => format!("{first} and multiply–accumulates"),
        _ => format!("{first} and {} its multiply–accumulates", ratio(1)),
    };
    text[..1].make_ascii_uppercase();
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!(percent(0.87314), "87.31 %");
        assert_eq!([0.0082, -0.0051, -1e-9].map(points), ["+0.82", "−0.51", "+0.00"]);
        assert_eq!([7, 437_034, 14_728_266].map(thousands), ["7", "437,034", "14,728,266"]);
        let durations = [5e-5, 0.0042, 1.25, 61.0, 7260.0].map(duration);
        assert_eq!(durations, ["50 µs", "4.20 ms", "1.2 s", "1 min 1 s", "2 h 1 min"]);
        assert_eq!(points_lost(-0.0051), "0.51");
        let macs = "multiply–accumulates";
        for (student, teacher, words) in [
            (
                [10, 20],
                [337, 50],
                format!("The teacher has 33.7× the student's parameters and 2.5× its {macs}"),
            ),
            (
                [98, 40],
                [10, 20],
                format!("The student has 9.8× the teacher's parameters and 2.0× its {macs}"),
            ),
            ([5, 5], [5, 5], format!("Both have as many parameters and {macs}")),
            (
                [5, 20],
                [5, 40],
                format!("Both have as many parameters, the teacher has 2.0× the student's {macs}"),
            ),
            (
                [20, 20],
                [5, 40],
                format!(
                    "The student has 4.0× the teacher's parameters, the teacher has 2.0× the student's {macs}"
                ),
            ),
        ] {
            assert_eq!(sizes(student, teacher), words);
        }
        assert_eq!([times(337.0, 10.0), times(1e6, 10.0)], ["33.7×", "100000×"]);
    }
}
