//! Pages with drawings: one style sheet, charts as inline SVG, no script, nothing from elsewhere.
//!
//! Used for the reports of `factord bench` and `factord train`. Writes text only, never a file.

mod svg;

pub use svg::{Axis, Chart, label, long};

const STYLE: &str = r#"
:root{color-scheme:light dark;--ink:#1f2937;--soft:#6b7280;--grid:#e5e7eb;--page:#ffffff;
--card:#f8fafc;--floor:#64748b;--linear:#1d4ed8;--logistic:#c2410c;--open:#15803d}
@media (prefers-color-scheme:dark){:root{--ink:#e5e7eb;--soft:#9ca3af;--grid:#374151;
--page:#111827;--card:#1f2937;--floor:#94a3b8;--linear:#60a5fa;--logistic:#fb923c;--open:#4ade80}}
body{margin:2rem auto;max-width:56rem;padding:0 1rem;background:var(--page);color:var(--ink);
font:16px/1.5 system-ui,sans-serif}
h1{font-size:1.5rem;margin:0}h2{font-size:1.1rem;margin:2rem 0 .2rem}
p{color:var(--soft);margin:.3rem 0}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(10.5rem,1fr));gap:.7rem;
margin:1.2rem 0}
.tile{background:var(--card);border:1px solid var(--grid);border-radius:.5rem;padding:.7rem .9rem}
.tile b{display:block;font-size:1.5rem;line-height:1.3;font-variant-numeric:tabular-nums}
.tile span{color:var(--soft);font-size:.85rem}
.note{border-left:3px solid var(--logistic);padding-left:.7rem}
svg{width:100%;height:auto;margin-top:.3rem}
text{fill:var(--soft);font:12.5px system-ui,sans-serif}.value{fill:var(--ink);font-weight:600}
.grid{stroke:var(--grid)}
.line{fill:none;stroke-width:2.2;stroke-linejoin:round}
.dots{fill:none;stroke-width:3.4;stroke-linecap:round;stroke-opacity:.75}
.floor{stroke:var(--floor)}.linear{stroke:var(--linear)}.logistic{stroke:var(--logistic)}
.open{stroke:var(--open)}.bar{stroke:none}rect.linear{fill:var(--linear)}
.cell{stroke:none}rect.cell.linear{fill:var(--linear)}rect.cell.logistic{fill:var(--logistic)}
.key{margin-right:1.1rem;white-space:nowrap}.key::before{content:"";display:inline-block;
width:1rem;height:.2rem;margin-right:.4rem;vertical-align:middle;background:var(--hue)}
table{border-collapse:collapse;margin:.5rem 0;width:100%}
td,th{padding:.2rem .5rem;text-align:right;white-space:nowrap;border-bottom:1px solid var(--grid);
font-variant-numeric:tabular-nums}
th:first-child,td:first-child{text-align:left}.host td{text-align:left;white-space:normal}
.warn{border:1px solid var(--logistic);border-left-width:6px;border-radius:.5rem;padding:.7rem 1rem;
margin:1rem 0;color:var(--ink)}.warn b{color:var(--logistic)}
.dash{stroke-dasharray:5 4;stroke-width:1.4}.thin{stroke-width:1.4}
.big{stroke-width:9;stroke-opacity:1}
.wide{max-width:72rem}.wide td,.wide th{padding:.15rem .45rem;font-size:.88rem}
.pair text{font-size:16px}.scroll{overflow-x:auto}
.pair{display:grid;grid-template-columns:repeat(auto-fit,minmax(22rem,1fr));gap:1rem}
td.best{font-weight:600}tr.total td{border-top:2px solid var(--soft);font-weight:600}
"#;

/// The start of a page, up to and with `<body>`, which may be of the class `wide`.
pub fn page_head(title: &str, class: &str) -> String {
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{}</title>\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <style>\n{STYLE}</style></head><body class=\"{class}\">\n",
        escaped(title)
    )
}

/// Text as it may stand in a page, also inside of quotes.
pub fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
