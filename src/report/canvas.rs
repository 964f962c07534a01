//! Drawing: plotters' SVG backend behind coordinates in CSS pixels, and colours that follow the reader's theme.
//!
//! plotters draws on whole pixels, so everything is drawn at [`SCALE`] times its size and shrunk by the `viewBox`. It also
//! writes fixed colours; each [`Paint`] is drawn in a code colour of its own, which [`Drawing::inline`] replaces with a CSS
//! variable (so that dark mode and print work) and [`Drawing::standalone`] with the light theme's colour.

use plotters::backend::SVGBackend;
use plotters::coord::Shift;
use plotters::drawing::{DrawingArea, IntoDrawingArea};
use plotters::element::{PathElement, Polygon, Rectangle, Text};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color, FontStyle, IntoFont, RGBColor, ShapeStyle, TextStyle};

/// Device pixels in one CSS pixel.
const SCALE: f64 = 4.0;
/// First two bytes of the code colours; the third is the paint.
const CODE: (u8, u8) = (0x11, 0x21);

/// What something is drawn in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Paint {
    /// Text and limits.
    Ink,
    /// Secondary text.
    Muted,
    /// Grid lines.
    Grid,
    /// The page behind the chart.
    Paper,
    /// A colour of the colour-blind-safe palette (Okabe and Ito 2008), counted round.
    Series(usize),
}

/// How a line is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stroke {
    /// Unbroken.
    Solid,
    /// Long dashes.
    Dashed,
    /// Dots.
    Dotted,
}

/// Colours in the palette.
pub(super) const SERIES: usize = 8;

/// (CSS variable, light colour), in the order of the codes.
const THEME: [(&str, &str); 12] = [
    ("--ink", "#1B1F24"),
    ("--muted", "#57606A"),
    ("--grid", "#D8DEE4"),
    ("--paper", "#FFFFFF"),
    ("--s0", "#0072B2"),
    ("--s1", "#E69F00"),
    ("--s2", "#009E73"),
    ("--s3", "#CC79A7"),
    ("--s4", "#D55E00"),
    ("--s5", "#56B4E9"),
    ("--s6", "#5F6670"),
    ("--s7", "#F0E442"),
];

impl Paint {
    fn code(self) -> u8 {
        match self {
            Self::Ink => 0,
            Self::Muted => 1,
            Self::Grid => 2,
            Self::Paper => 3,
            Self::Series(i) => 4 + (i % SERIES) as u8,
        }
    }
}

fn color(paint: Paint, stroke: Stroke) -> RGBColor {
    let dash = match stroke {
        Stroke::Solid => 0,
        Stroke::Dashed => 1,
        Stroke::Dotted => 2,
    };
    RGBColor(CODE.0, CODE.1 + dash, paint.code())
}

/// Where a text stands relative to its point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Anchor {
    /// To the right of the point.
    Start,
    /// Around it.
    Middle,
    /// To its left.
    End,
}

/// A surface in CSS pixels, origin top left.
pub(super) struct Canvas<'a> {
    area: DrawingArea<SVGBackend<'a>, Shift>,
}

/// CSS pixels to device pixels, kept within what no chart exceeds: plotters computes with `i32`.
fn device(value: f64) -> i32 {
    if value.is_finite() { (value * SCALE).round().clamp(-1e6, 1e6) as i32 } else { 0 }
}

fn point((x, y): (f64, f64)) -> (i32, i32) {
    (device(x), device(y))
}

impl Canvas<'_> {
    // The backend writes to a string in memory: drawing cannot fail, so the results below carry nothing.

    /// A line through the points.
    pub(super) fn path(&self, points: &[(f64, f64)], paint: Paint, stroke: Stroke, width: f64) {
        let style = ShapeStyle {
            color: color(paint, stroke).to_rgba(),
            filled: false,
            stroke_width: device(width).max(1).unsigned_abs(),
        };
        let mut pixels: Vec<(i32, i32)> = Vec::with_capacity(points.len());
        for next in points.iter().copied().map(point) {
            // A point on the way between its neighbours of the same height (or the same place) adds nothing.
            if let [.., a, b] = pixels[..]
                && (a.1 == b.1 && b.1 == next.1 || a.0 == b.0 && b.0 == next.0 && (a.1 <= b.1) == (b.1 <= next.1))
            {
                pixels.pop();
            }
            if pixels.last() != Some(&next) {
                pixels.push(next);
            }
        }
        if pixels.len() > 1 {
            self.area.draw(&PathElement::new(pixels, style)).ok();
        }
    }

    /// A straight line.
    pub(super) fn line(&self, from: (f64, f64), to: (f64, f64), paint: Paint, stroke: Stroke, width: f64) {
        self.path(&[from, to], paint, stroke, width);
    }

    /// A filled polygon; `opacity` 0..=1.
    pub(super) fn fill(&self, points: &[(f64, f64)], paint: Paint, opacity: f64) {
        if points.len() > 2 {
            let pixels: Vec<_> = points.iter().copied().map(point).collect();
            self.area.draw(&Polygon::new(pixels, color(paint, Stroke::Solid).mix(opacity).filled())).ok();
        }
    }

    /// A filled rectangle; `opacity` 0..=1.
    pub(super) fn rect(&self, from: (f64, f64), to: (f64, f64), paint: Paint, opacity: f64) {
        let style = color(paint, Stroke::Solid).mix(opacity).filled();
        self.area.draw(&Rectangle::new([point(from), point(to)], style)).ok();
    }

    /// A line of text, centred vertically on the point; `size` in CSS pixels.
    pub(super) fn text(&self, at: (f64, f64), text: &str, size: f64, paint: Paint, anchor: Anchor, bold: bool) {
        let h_pos = match anchor {
            Anchor::Start => HPos::Left,
            Anchor::Middle => HPos::Center,
            Anchor::End => HPos::Right,
        };
        // The backend divides sizes by 1.24.
        let font = ("sans-serif", size * SCALE * 1.24).into_font();
        let font = if bold { font.style(FontStyle::Bold) } else { font };
        let color = color(paint, Stroke::Solid);
        let style = TextStyle::from(font).color(&color).pos(Pos::new(h_pos, VPos::Center));
        self.area.draw(&Text::new(text.to_owned(), point(at), style)).ok();
    }
}

/// Width of a text in CSS pixels, generously estimated: there is no font at hand when a report is written.
pub(super) fn text_width(text: &str, size: f64) -> f64 {
    text.chars()
        .map(|c| match c {
            'i' | 'l' | 'j' | '.' | ',' | ':' | ';' | '\'' | '|' | '!' | ' ' => 0.34,
            'm' | 'w' | 'M' | 'W' | '%' | '@' => 0.92,
            c if c.is_ascii_uppercase() => 0.7,
            c if super::format::char_width(c) == 2 => 1.05,
            c if c.is_ascii_digit() || c == '$' => 0.64,
            _ => 0.6,
        })
        .sum::<f64>()
        * size
}

/// The text, or its beginning and an ellipsis, within `width` CSS pixels.
pub(super) fn fit(text: &str, size: f64, width: f64) -> String {
    if text_width(text, size) <= width {
        return text.to_owned();
    }
    let mut out = String::new();
    let mut taken = text_width("…", size);
    for c in text.chars() {
        taken += text_width(c.encode_utf8(&mut [0; 4]), size);
        if taken > width {
            break;
        }
        out.push(c);
    }
    out.push('…');
    out
}

/// A finished drawing, its colours still in code.
#[derive(Debug, Clone)]
pub(super) struct Drawing {
    width: u32,
    height: u32,
    /// What stands between `<svg …>` and `</svg>`.
    body: String,
}

impl Drawing {
    /// Draws on a surface of this many CSS pixels.
    pub(super) fn new(width: u32, height: u32, draw: impl FnOnce(&Canvas<'_>)) -> Self {
        let mut svg = String::new();
        {
            let scale = SCALE as u32;
            let canvas =
                Canvas { area: SVGBackend::with_string(&mut svg, (width * scale, height * scale)).into_drawing_area() };
            draw(&canvas);
            canvas.area.present().ok();
        }
        let body = svg
            .split_once(">\n")
            .and_then(|(_, rest)| rest.rsplit_once("</svg>"))
            .map_or_else(String::new, |(body, _)| body.to_owned());
        Self { width, height, body }
    }

    /// The body with every code colour replaced, and without what the default is anyway.
    fn painted(&self, of: impl Fn(usize) -> String) -> String {
        let body = self.body.replace(" opacity=\"1\"", "").replace(" stroke=\"none\"", "").replace(" \"/>", "\"/>");
        let body = body.replace(" font-family=\"sans-serif\"", "");
        let mut out = String::with_capacity(body.len());
        let mut rest = body.as_str();
        // Only the backend writes `="#` (it escapes the quotes of texts).
        while let Some(at) = rest.find("=\"#") {
            let (before, after) = rest.split_at(at);
            out.push_str(before);
            let code = after.get(3..9).and_then(|hex| u32::from_str_radix(hex, 16).ok()).unwrap_or(0);
            let [_, high, dash, paint] = code.to_be_bytes();
            let known = high == CODE.0 && (CODE.1..=CODE.1 + 2).contains(&dash) && usize::from(paint) < THEME.len();
            if known {
                out.push_str("=\"");
                out.push_str(&of(usize::from(paint)));
                out.push('"');
                match dash - CODE.1 {
                    1 => out.push_str(" stroke-dasharray=\"24 16\""),
                    2 => out.push_str(" stroke-dasharray=\"4 14\" stroke-linecap=\"round\""),
                    _ => {}
                }
                rest = &after[10..];
            } else {
                out.push_str(&after[..3]);
                rest = &after[3..];
            }
        }
        out.push_str(rest);
        out
    }

    fn view_box(&self, above: u32) -> String {
        let scale = SCALE as u32;
        let (w, h) = (self.width * scale, (self.height + above) * scale);
        if above == 0 { format!("0 0 {w} {h}") } else { format!("0 -{} {w} {h}", above * scale) }
    }

    /// For an HTML page that defines the theme's variables. `id` must be unique on the page.
    pub(super) fn inline(&self, id: &str, title: &str, desc: &str) -> String {
        format!(
            "<svg role=\"img\" aria-labelledby=\"{id}-t\" aria-describedby=\"{id}-d\" viewBox=\"{}\" width=\"{}\" height=\"{}\" \
             stroke-linejoin=\"round\">\n<title id=\"{id}-t\">{}</title>\n<desc id=\"{id}-d\">{}</desc>\n{}</svg>",
            self.view_box(0),
            self.width,
            self.height,
            escape(title),
            escape(desc),
            self.painted(|paint| format!("var({})", THEME[paint].0)),
        )
    }

    /// A file of its own, with its title in the picture and the light theme's colours.
    pub(super) fn standalone(&self, title: &str, desc: &str) -> String {
        const ABOVE: u32 = 32;
        let heading = fit(title, 15.0, f64::from(self.width) - 16.0);
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<svg xmlns=\"http://www.w3.org/2000/svg\" role=\"img\" viewBox=\"{}\" \
             width=\"{}\" height=\"{}\" font-family=\"sans-serif\" stroke-linejoin=\"round\">\n<title>{}</title>\n<desc>{}</desc>\n\
             <rect x=\"0\" y=\"-{}\" width=\"100%\" height=\"100%\" fill=\"{}\"/>\n\
             <text x=\"32\" y=\"-48\" font-size=\"60\" font-weight=\"bold\" fill=\"{}\">{}</text>\n{}</svg>\n",
            self.view_box(ABOVE),
            self.width,
            self.height + ABOVE,
            escape(title),
            escape(desc),
            ABOVE * SCALE as u32,
            THEME[usize::from(Paint::Paper.code())].1,
            THEME[usize::from(Paint::Ink.code())].1,
            escape(&heading),
            self.painted(|paint| THEME[paint].1.to_owned()),
        )
    }
}

/// Text for XML and HTML, in content and in quoted attributes.
pub(super) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Drawing {
        Drawing::new(100, 50, |canvas| {
            canvas.line((0.0, 10.0), (100.0, 10.0), Paint::Ink, Stroke::Dashed, 1.0);
            canvas.rect((0.0, 0.0), (10.0, 10.0), Paint::Series(1), 0.5);
            canvas.text((5.0, 5.0), "a <b> =\"#112104\"", 13.0, Paint::Muted, Anchor::Start, true);
            canvas.path(&[(f64::NAN, 1e300), (f64::INFINITY, -1e300)], Paint::Grid, Stroke::Solid, 1.0);
        })
    }

    #[test]
    fn colours_follow_the_theme() {
        let inline = sample().inline("x", "T & t", "<d>");
        assert!(inline.contains("stroke=\"var(--ink)\" stroke-dasharray"), "{inline}");
        assert!(inline.contains("fill=\"var(--s1)\""), "{inline}");
        assert!(inline.contains("<title id=\"x-t\">T &amp; t</title>"), "{inline}");
        // A text that looks like a colour stays what it is.
        assert!(inline.contains("a &lt;b&gt; =&quot;#112104&quot;"), "{inline}");
        assert!(!inline.contains("=\"#"), "{inline}");
    }

    #[test]
    fn a_file_of_its_own_needs_nothing_else() {
        let file = sample().standalone("Title", "d");
        assert!(file.starts_with("<?xml"), "{file}");
        assert!(!file.contains("var("), "{file}");
        assert!(file.contains("#E69F00"), "{file}");
    }

    #[test]
    fn long_labels_end_in_an_ellipsis() {
        let label = fit("a-very-long-architecture-name-that-nobody-can-read", 12.0, 120.0);
        assert!(label.ends_with('…') && text_width(&label, 12.0) <= 120.0, "{label}");
    }
}
