//! Charts, drawn on the server.

use maud::{Markup, html};

const WIDTH: f64 = 560.0;
const HEIGHT: f64 = 120.0;
const TOP: f64 = 8.0;

/// A chart of bars: what it shows, and a value for each of its times, oldest first.
pub(super) fn bars(title: &str, unit: &str, values: &[f64]) -> Markup {
    let most = values.iter().copied().fold(0.0, f64::max);
    let latest = values.last().copied().unwrap_or_default();
    let width = WIDTH / f64::from(u32::try_from(values.len().max(1)).unwrap_or(u32::MAX));
    let words = format!("{title}: {} {unit} at most, {} now", number(most), number(latest));
    let left = |place: usize| width * f64::from(u32::try_from(place).unwrap_or(u32::MAX));
    html! {
        figure {
            figcaption { (title) ", " (unit) }
            svg viewBox=(format!("0 0 {WIDTH} {}", HEIGHT + TOP + 2.0)) role="img" aria-label=(words) {
                path.axis d=(format!("M 0 {} H {WIDTH}", TOP + HEIGHT)) {}
                @for (place, value) in values.iter().enumerate() {
                    @let height = if most > 0.0 { HEIGHT * value / most } else { 0.0 };
                    rect.bar x=(number(left(place))) y=(number(TOP + HEIGHT - height))
                        width=(number((width - 1.0).max(0.5))) height=(number(height)) {}
                }
            }
            p.faint { "most " (number(most)) ", latest " (number(latest)) }
        }
    }
}

/// A number with at most one digit after its point.
pub(super) fn number(value: f64) -> String {
    let text = format!("{value:.1}");
    text.strip_suffix(".0").map_or(text.clone(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_bar_fills_the_chart_and_a_chart_of_nothing_is_flat() {
        let chart = bars("Requests", "a minute", &[1.0, 2.0]).into_string();
        assert!(chart.contains("height=\"120\"") && chart.contains("height=\"60\""), "{chart}");
        assert!(chart.contains("Requests: 2 a minute at most, 2 now"));
        let flat = bars("Requests", "a minute", &[0.0]).into_string();
        assert!(flat.contains("height=\"0\""), "{flat}");
        assert!(bars("Requests", "a minute", &[]).into_string().contains("0 now"));
    }
}
