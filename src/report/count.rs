//! Counts as people read them.

/// "2 184".
pub fn thousands(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (k, c) in digits.chars().enumerate() {
        if k > 0 && (digits.len() - k).is_multiple_of(3) {
            out.push(' ');
        }
        out.push(c);
    }
    out
}

/// "8.6 k", "16 M".
pub fn magnitude(n: usize) -> String {
    let scaled = |unit: f64, name: &str| {
        let x = n as f64 / unit;
        if x < 9.95 { format!("{x:.1} {name}") } else { format!("{x:.0} {name}") }
    };
    match n {
        0..1_000 => n.to_string(),
        1_000..999_500 => scaled(1e3, "k"),
        999_500..999_500_000 => scaled(1e6, "M"),
        _ => scaled(1e9, "G"),
    }
}
