# SPDX-License-Identifier: Apache-2.0
"""Finds the built program and runs it."""
import json
import os
import subprocess
import sys

REPOSITORY = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def add_option(parser):
    parser.add_argument("--lanewise", metavar="PROGRAM",
                        default=os.path.join(REPOSITORY, "build", "release", "lanewise"),
                        help="the program to compare (default: build/release/lanewise)")


def network_path(argument):
    """The network file for a path or for the name of a shipped network."""
    shipped = os.path.join(REPOSITORY, "networks", argument + ".net")
    if not os.path.exists(argument) and os.path.exists(shipped):
        return shipped
    if not os.path.isfile(argument):
        sys.exit(f"{argument}: no such network file, and no shipped network of that name")
    return argument


def network_name(argument):
    """The name of a network file: its own without the folder and ".net"."""
    name = os.path.basename(argument)
    return name[:-4] if name.endswith(".net") else name


def run(program, arguments, environment=None):
    """Runs the program and returns its standard output; ends this one when it fails. What
    `environment` has is added to the variables of this process."""
    command = [program, *arguments]
    try:
        result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                check=False, env={**os.environ, **(environment or {})})
    except OSError as error:
        sys.exit(f"{program}: cannot be run: {error.strerror}; build it with ./run build, or name "
                 "another one with --lanewise")
    if result.returncode != 0:
        sys.exit(f"failed with exit status {result.returncode}: {' '.join(command)}\n"
                 f"{result.stderr.strip()}")
    return result.stdout


def run_json(program, arguments, environment=None):
    """The same for a command that prints one JSON object."""
    output = run(program, arguments, environment)
    try:
        return json.loads(output)
    except ValueError:
        sys.exit(f"{program} {' '.join(arguments)}: expected a JSON object, got: {output[:200]}")
