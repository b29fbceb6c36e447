# SPDX-License-Identifier: Apache-2.0
"""Writes horizontal bars as SVG."""
from xml.sax.saxutils import escape

COLOURS = {"lanewise": "#1f77b4", "pytorch": "#d55e00", "jax": "#009e73", "onednn": "#7f7f7f"}


def write(path, title, unit, bars):
    """`bars`: (name, value); the first word of a name chooses the colour."""
    row, left, width = 22, 260, 420
    most = max(value for _, value in bars) or 1
    height = 50 + row * len(bars)
    lines = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + width + 90}" '
             f'height="{height}" font-family="sans-serif" font-size="13">',
             '<rect width="100%" height="100%" fill="white"/>',
             f'<text x="10" y="24" font-size="15">{escape(title)}, {escape(unit)}</text>']
    for index, (name, value) in enumerate(bars):
        y, colour = 40 + row * index, COLOURS.get(name.replace(",", " ").split()[0], "#999999")
        length = width * value / most
        lines += [f'<text x="{left - 8}" y="{y + 14}" text-anchor="end">{escape(name)}</text>',
                  f'<rect x="{left}" y="{y}" width="{length:.1f}" height="{row - 5}" '
                  f'fill="{colour}"/>',
                  f'<text x="{left + length + 6:.1f}" y="{y + 14}">{value:,.0f}</text>']
    with open(path, "w", encoding="utf-8") as file:
        file.write("\n".join(lines + ["</svg>", ""]))
