"""Models as notebooks show them."""

from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from factord._native import Model

MOST = 20
"""Features that are shown."""


def model(model: "Model") -> str:
    """A table of weights under one line of facts."""
    facts = [model.kind]
    if model.target:
        facts.append(f"target {model.target}")
    if model.horizon is not None:
        facts.append(f"horizon {model.horizon}")
    if model.threshold is not None:
        facts.append(f"label above {model.threshold:.6g}")
    facts += [f"{name} {value}" for name, value in model.settings.items() if name == "window"]
    if model.data is not None:
        facts.append(f"{model.data} data")
    facts.append(f"sha256 {model.sha256[:8]}")
    head = f"<p><b>{escape(model.name)}</b>: {escape(', '.join(facts))}</p>"
    stats = model.feature_stats
    rows = []
    for at, name in enumerate(model.feature_names[:MOST]):
        weight = "" if model.weights is None else f"{model.weights[at]:.6g}"
        seen = stats.get(name)
        mean, std = (f"{seen['mean']:.6g}", f"{seen['std']:.6g}") if seen else ("", "")
        rows.append(
            f"<tr><td>{escape(name)}</td><td>{weight}</td><td>{mean}</td><td>{std}</td></tr>"
        )
    if model.intercept is not None:
        rows.append(f"<tr><td>intercept</td><td>{model.intercept:.6g}</td><td></td><td></td></tr>")
    if len(model.feature_names) > MOST:
        rows.append(f"<tr><td>and {len(model.feature_names) - MOST} more</td></tr>")
    titles = "".join(f"<th>{title}</th>" for title in ("feature", "weight", "mean", "deviation"))
    return f"{head}<table><tr>{titles}</tr>{''.join(rows)}</table>"
