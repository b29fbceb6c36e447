# SPDX-License-Identifier: Apache-2.0
"""The result of a comparison as text and as panels of bars. It is what compare writes as JSON:

    {"machine", "versions", "rounds", "seconds", "threads", "peak": [{"isa", "threads", "gflops"}],
     "works": [{"title", ..., "settings": [SETTING, ...], "best": {program: SETTING}, "ratios",
                "peak_memory_bytes"}]}

A SETTING is a program, a variant of it and a number of threads, with "blocks" (images per second of
each round), their median, lowest and highest; or with "missing", the reason why there are none.
"""
import statistics

WIDTH = 100
PROGRAMS = {"pytorch": "PyTorch", "jax": "JAX", "lanewise": "Lanewise"}
ISAS = {"avx512": "AVX-512", "avx2": "AVX2", "neon": "NEON"}


def make_setting(program, variant, threads):
    return {"program": program, "variant": variant, "threads": threads, "blocks": []}


def name_setting(setting):
    """"PyTorch channels_last"; without the threads."""
    variant = setting["variant"]
    return f"{PROGRAMS[setting['program']]} {ISAS.get(variant, variant)}".rstrip()


def finish_work(work):
    """Adds to every setting its median and range, to the work the best setting of each program and
    how many times faster than that Lanewise is."""
    for setting in work["settings"]:
        blocks = setting["blocks"]
        if blocks:
            setting.update(images_per_second=statistics.median(blocks), lowest=min(blocks),
                           highest=max(blocks))
    work["best"] = {}
    for program in PROGRAMS:
        measured = [setting for setting in work["settings"]
                    if setting["program"] == program and setting["blocks"]]
        if measured:
            work["best"][program] = max(measured, key=rate)
    work["ratios"] = {program: rate(work["best"]["lanewise"]) / rate(best)
                      for program, best in work["best"].items()
                      if program != "lanewise" and "lanewise" in work["best"]}
    return work


def rate(setting):
    return setting["images_per_second"]


def _find(work, program, variant, threads):
    """The rate of a setting, or None."""
    for setting in work["settings"]:
        if (setting["program"], setting["variant"], setting["threads"]) == (program, variant,
                                                                           threads):
            return setting.get("images_per_second")
    return None


def _format_times(number):
    """"1.08x", "17.3x", "120x"."""
    digits = 2 if number < 2 else 1 if number < 100 else 0
    return f"{number:.{digits}f}x"


def rows_of(work):
    """The settings in groups of the same program and variant, one of each number of threads."""
    rows = {}
    for setting in work["settings"]:
        rows.setdefault((setting["program"], setting["variant"]), []).append(setting)
    return list(rows.values())


def describe_rounds(result):
    count = result["rounds"]
    return f"{count} round{'s' if count > 1 else ''} of {result['seconds']:g} s"


def _head_lines(result):
    machine = result["machine"]
    lines = [f"{machine['cpu']}, {machine['cpus']} CPUs, {machine['system']}; "
             + "; ".join(f"{PROGRAMS[program]} {version}"
                         for program, version in result["versions"].items()),
             "Training, images/s: the median (lowest to highest) of "
             f"{describe_rounds(result)}, taken in turn"]
    if result["peak"]:
        lines.append("Multiply-add peak in the same run: " + ", ".join(
            f"{peak['gflops']:.0f} GFLOP/s ({ISAS.get(peak['isa'], peak['isa'])}, "
            + format_threads(peak["threads"]) + ")" for peak in result["peak"]))
    return lines


def format_threads(threads):
    return f"{threads} thread" + ("s" if threads > 1 else "")


def _setting_cell(setting, with_range):
    if setting.get("missing"):
        text = setting["missing"] if with_range else "-"
        return f"{text[:25]:>26}" if with_range else f"{text:>9}"
    if not with_range:
        return f"{rate(setting):9,.0f}"
    spread = f"({setting['lowest']:,.0f}-{setting['highest']:,.0f})"
    return f"{rate(setting):8,.0f} {spread:<17}"


def _work_lines(work, with_range):
    lines = [work["title"]]
    for row in rows_of(work):
        line = f"  {name_setting(row[0]):22}" + "".join(_setting_cell(setting, with_range)
                                                        for setting in row)
        measured = [rate(setting) for setting in row if setting["blocks"]]
        if measured and "lanewise" in work["best"]:
            times = rate(work["best"]["lanewise"]) / max(measured)
            line = f"{line:{WIDTH - 8}}{_format_times(times):>8}"
        lines.append(line.rstrip())
    return lines


def detail_lines(result):
    """Every setting. The ranges have room beside up to two numbers of threads."""
    with_range = len(result["threads"]) <= 2
    width = 26 if with_range else 9
    head = " " * 24 + "".join(
        f"{format_threads(threads):^{width}}" if with_range else f"{f'{threads} thr':>{width}}"
        for threads in result["threads"])
    lines = [f"{head:{WIDTH - 8}}{'slower':>8}"]
    for work in result["works"]:
        lines += _work_lines(work, with_range)
    return lines


def _summary_row(work, threads, isas):
    """The cells behind the title."""
    def show(number, form):
        return form.format(number) if number is not None else "-"

    best, ratios = work["best"], work["ratios"]
    rates = [rate(best[program]) if program in best else None for program in PROGRAMS]
    one, most = (_find(work, "lanewise", isas[0], count) for count in (threads[0], threads[-1]))
    low = _find(work, "lanewise", isas[1], threads[-1]) if len(isas) > 1 else None
    memory = work.get("peak_memory_bytes")
    return [*(show(number, "{:,.0f}") for number in rates),
            *(_format_times(ratios[peer]) if peer in ratios else "-"
              for peer in ("pytorch", "jax")),
            show(most / one if one and most and len(threads) > 1 else None, "{:.2f}x"),
            show(100 * low / most if low and most else None, "{:.0f} %"),
            show(memory / 2**20 if memory else None, "{:.0f}")]


def summary_lines(result):
    """Best against best, a line for each work."""
    threads = sorted(result["threads"])
    heads = ("PyTorch", "JAX", "Lanewise", "PyTorch", "JAX", "scaling", "AVX2",
             "MiB")
    widths = (9, 9, 9, 9, 8, 8, 7, 6)
    lines = [f"{'':34}{'best, images/s':^27}{'Lanewise over':^17}{'Lanewise':^21}",
             f"{'':34}" + "".join(f"{head:>{width}}" for head, width in zip(heads, widths))]
    for work in result["works"]:
        cells = _summary_row(work, threads, result["isas"])
        lines.append(f"{work['title'][:34]:34}"
                     + "".join(f"{cell:>{width}}" for cell, width in zip(cells, widths)))
    return [line.rstrip() for line in lines]


def _missing_lines(result):
    """Why rows are empty, once for each program and reason."""
    reasons = {}
    for work in result["works"]:
        for setting in work["settings"]:
            if setting.get("missing"):
                names = reasons.setdefault((setting["program"], setting["missing"]), [])
                if name_setting(setting) not in names:
                    names.append(name_setting(setting))
    lines = []
    for (program, reason), names in reasons.items():
        whole = reason == "not installed"
        lines.append(f"{PROGRAMS[program] if whole else ', '.join(names)}: {reason}")
    return lines


def lines(result):
    """The whole report, within WIDTH columns but for the sentences on what is missing."""
    return [*_head_lines(result), "", *detail_lines(result), "", *summary_lines(result),
            *_missing_lines(result)]


def panels(result):
    """The same for bars.write_panels: a panel for each work, a row for each variant of a program,
    a bar for each number of threads."""
    pictures = []
    for work in result["works"]:
        rows = [(name_setting(row[0]), row[0]["program"],
                 [(rate(setting), setting["lowest"], setting["highest"]) if setting["blocks"]
                  else None for setting in row], row[0].get("missing")) for row in rows_of(work)]
        note = ", ".join(f"{_format_times(ratio)} {PROGRAMS[program]}"
                         for program, ratio in work["ratios"].items())
        pictures.append((work["title"], note, rows))
    return pictures
