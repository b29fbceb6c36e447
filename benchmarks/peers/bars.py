# SPDX-License-Identifier: Apache-2.0
"""Writes horizontal bars as SVG."""
import math
import os
from xml.sax.saxutils import escape

COLOURS = {"lanewise": "#1f77b4", "pytorch": "#d55e00", "jax": "#009e73", "onednn": "#7f7f7f"}
GREY = "#999999"


def _save(path, width, height, elements):
    """The file is whole or not there."""
    content = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
               f'viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="13">',
               '<rect width="100%" height="100%" fill="white"/>', *elements, "</svg>", ""]
    with open(path + ".partial", "w", encoding="utf-8") as file:
        file.write("\n".join(content))
    os.replace(path + ".partial", path)


def _text(x, y, text, **attributes):
    more = "".join(f' {name.replace("_", "-")}="{value}"' for name, value in attributes.items())
    return f'<text x="{x:.1f}" y="{y:.1f}"{more}>{escape(text)}</text>'


def _bar(x, y, length, thickness, colour, opacity=1.0):
    return (f'<rect x="{x:.1f}" y="{y:.1f}" width="{length:.1f}" height="{thickness}" '
            f'fill="{colour}" fill-opacity="{opacity:.2f}"/>')


def write(path, title, unit, bars):
    """`bars`: (name, value); the first word of a name chooses the colour."""
    row, left, width = 22, 260, 420
    most = max(value for _, value in bars) or 1
    elements = [_text(10, 24, f"{title}, {unit}", font_size=15)]
    for index, (name, value) in enumerate(bars):
        y, colour = 40 + row * index, COLOURS.get(name.replace(",", " ").split()[0], GREY)
        length = width * value / most
        elements += [_text(left - 8, y + 14, name, text_anchor="end"),
                     _bar(left, y, length, row - 5, colour),
                     _text(left + length + 6, y + 14, f"{value:,.0f}")]
    _save(path, left + width + 90, 50 + row * len(bars), elements)


# Of write_panels, in pixels. Two panels stand side by side.
PANEL = 560
NAMES = 150
PLOT = 330
BAR = 9
ROW_GAP = 7
HEAD = 84
PANEL_HEAD = 36
PANEL_GAP = 22


def _panel_height(rows, n_bars):
    return PANEL_HEAD + rows * (n_bars * BAR + ROW_GAP) + PANEL_GAP


def _whisker(x, y, low, high):
    return (f'<path d="M{x + low:.1f} {y:.1f}H{x + high:.1f}M{x + low:.1f} {y - 2:.1f}v4'
            f'M{x + high:.1f} {y - 2:.1f}v4" stroke="#222" stroke-width="1" fill="none"/>')


def _opacity(index, n_bars):
    """The last bar of a row, the one with the most threads, is in full colour."""
    return 0.25 + 0.75 * (index + 1) / n_bars if n_bars > 1 else 1.0


def _draw_row(x, y, row, n_bars, scale):
    name, program, values, missing = row
    middle = y + n_bars * BAR / 2 + 4
    elements = [_text(x + NAMES - 8, middle, name, text_anchor="end", font_size=12)]
    left = x + NAMES
    if missing:
        return elements + [_text(left + 4, middle, missing[:60], font_size=11, fill="#777")]
    for index, value in enumerate(values):
        if value is None:
            continue
        median, low, high = value
        top = y + index * BAR
        elements += [_bar(left, top, median * scale, BAR - 1, COLOURS.get(program, GREY),
                          _opacity(index, n_bars)),
                     _whisker(left, top + (BAR - 1) / 2, low * scale, high * scale),
                     _text(left + high * scale + 6, top + BAR - 1, f"{median:,.0f}",
                           font_size=10)]
    return elements


def _draw_panel(x, y, panel, n_bars):
    """Each panel has a scale of its own: the networks differ by a factor of a hundred."""
    title, note, rows = panel
    most = max((value[2] for row in rows for value in row[2] if value), default=1) or 1
    elements = [_text(x, y + 18, title, font_size=14, font_weight="bold"),
                _text(x + NAMES + PLOT + 55, y + 18, note, font_size=13, text_anchor="end",
                      fill=COLOURS["lanewise"], font_weight="bold"),
                f'<path d="M{x + NAMES - 0.5} {y + PANEL_HEAD - 8}v'
                f'{_panel_height(len(rows), n_bars) - PANEL_HEAD - PANEL_GAP + 10}" '
                'stroke="#bbb"/>']
    for index, row in enumerate(rows):
        elements += _draw_row(x, y + PANEL_HEAD - 4 + index * (n_bars * BAR + ROW_GAP), row,
                              n_bars, PLOT / most)
    return elements


def write_panels(path, title, subtitle, bar_names, panels):
    """`panels`: (title, note, rows); a row is (name, program, values, missing) with a value (median,
    lowest, highest) or None for each of `bar_names`, or with the reason why it has none."""
    n_bars, x = len(bar_names), 24
    elements = [_text(x, 30, title, font_size=18, font_weight="bold"),
                _text(x, 50, subtitle, fill="#555", font_size=12)]
    for index, name in enumerate(bar_names if n_bars > 1 else []):
        elements += [_bar(x + 90 * index, 62, 14, 10, "#444", _opacity(index, n_bars)),
                     _text(x + 90 * index + 19, 71, name, font_size=12)]
    y = HEAD
    for start in range(0, len(panels), 2):
        pair = panels[start:start + 2]
        for column, panel in enumerate(pair):
            elements += _draw_panel(x + column * PANEL, y, panel, n_bars)
        y += _panel_height(max(len(panel[2]) for panel in pair), n_bars)
    _save(path, x + PANEL * min(2, max(1, len(panels))), math.ceil(y), elements)
