# SPDX-License-Identifier: Apache-2.0
"""What compare trains: networks, each with a batch size, an optimizer and a size of the images."""
import collections

import lanewise_program
import pytorch_networks

Work = collections.namedtuple("Work", "name network batch optimizer side")

WORKS = {work.name: work for work in (
    Work("fixed", "fixed", 16, "adam", 28),
    Work("fixed128", "fixed", 128, "adam", 28),
    Work("lab", "lab", 32, "sgd", 28),
    Work("lab_small", "lab_small", 32, "sgd", 28),
    Work("varres32", "varres", 16, "adam", 32),
    Work("varres48", "varres", 16, "adam", 48),
    Work("varres64", "varres", 16, "adam", 64),
    Work("vgg", "vgg", 128, "adam", 32),
    Work("allconv32", "allconv", 128, "adam", 32),
    Work("allconv64", "allconv", 128, "adam", 64),
)}
COLOUR = ("vgg", "allconv32", "allconv64")
GREY = tuple(name for name in WORKS if name not in COLOUR)
GROUPS = {"varres": ("varres32", "varres48", "varres64"), "allconv": ("allconv32", "allconv64"),
          "grey": GREY, "colour": COLOUR, "all": tuple(WORKS)}


def choose(words, batch=None, optimizer=None, side=None):
    """The works of a command line, each once: names of works or groups, network files or shipped
    networks. What else is given holds for all of them."""
    works = []
    for word in words:
        if word in GROUPS or word in WORKS:
            named = [WORKS[name] for name in GROUPS.get(word, (word,))]
        else:
            path = lanewise_program.network_path(word)
            named = [Work(pytorch_networks.parse_network(path).name, path, 32, "adam", 32)]
        for work in named:
            work = work._replace(batch=batch or work.batch, optimizer=optimizer or work.optimizer,
                                 side=side or work.side)
            if work not in works:
                works.append(work)
    return works


def load(work):
    """Returns (path of the network file, (channels, height, width) of its images). Where the file
    leaves a side open it is the work's."""
    path = lanewise_program.network_path(work.network)
    channels, height, width = pytorch_networks.parse_network(path).input
    return path, (channels, height or work.side, width or work.side)


def title(work, shape):
    """"fixed, batch 16, Adam, 28 px"."""
    optimizer = {"adam": "Adam", "sgd": "SGD"}[work.optimizer]
    _, height, width = shape
    size = f"{height}" if height == width else f"{height}x{width}"
    name = lanewise_program.network_name(work.network)
    return f"{name}, batch {work.batch}, {optimizer}, {size} px"
