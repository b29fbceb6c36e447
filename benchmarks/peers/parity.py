#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Trains the same steps with Lanewise and PyTorch and compares the loss of every step.

Both start from the same weights (drawn by PyTorch), see the first MNIST training images in the
order of the file, in the same batches, and take Adam steps. Ends with status 1 when a loss differs
by more than the tolerance.

PyTorch also trains in double precision and in its channels_last layout: how far these are from each
other says what rounding alone does. It can do much: the flat background of the images makes values
in a pool window equal but for rounding, rounding decides which of them wins, and the gradient takes
another way. Where PyTorch's layouts differ by more than the tolerance, a seed says nothing.
"""
import argparse
import json
import math
import os
import sys
import tempfile

import lanewise_program
import mnist_idx
import pytorch_networks


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    lanewise_program.add_option(parser)
    parser.add_argument("--network", default="fixed", help="network file or shipped name (fixed)")
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--lr", type=float, default=1e-3, help="of Adam (0.001)")
    parser.add_argument("--seed", type=int, default=1, help="of the initial weights (1)")
    parser.add_argument("--threads", type=int, help="of Lanewise (all it may use)")
    parser.add_argument("--exact", action="store_true",
                        help="let Lanewise round no more than sums do (no Winograd)")
    parser.add_argument("--tolerance", type=float, default=1e-4,
                        help="largest relative difference of a loss (0.0001)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    arguments = parser.parse_args()
    if arguments.steps < 1 or arguments.batch < 1:
        parser.error("--steps and --batch must be at least 1")
    return arguments


def need_safetensors():
    try:
        import safetensors.torch
    except ImportError as error:
        sys.exit(f"{os.path.basename(sys.argv[0])}: weights are exchanged as safetensors, but the "
                 f"Python package safetensors cannot be imported ({error})")
    return safetensors


def train_lanewise(arguments, network, initial_weights, run_directory):
    """Returns the loss of every step."""
    lanewise_program.run(arguments.lanewise, [
        "train", network, "--data", "mnist", "--epochs", "1",
        "--train-limit", str(arguments.steps * arguments.batch), "--validation", "0",
        "--batch", str(arguments.batch), "--optimizer", "adam", "--lr", repr(arguments.lr),
        "--steps", str(arguments.steps), "--init", initial_weights, "--no-shuffle", "--log-steps",
        "--out", run_directory, "--quiet",
        *(["--threads", str(arguments.threads)] if arguments.threads else []),
        *(["--exact"] if arguments.exact else [])])
    path = os.path.join(run_directory, "log.jsonl")
    with open(path, encoding="utf-8") as file:
        records = [json.loads(line) for line in file]
    steps = [record for record in records if record["event"] == "step"]
    if [record["step"] for record in steps] != list(range(1, arguments.steps + 1)):
        sys.exit(f"{path}: expected the steps 1 to {arguments.steps}, got {len(steps)} steps")
    return [record["loss"] for record in steps]


def read_normalization(safetensors, model_path):
    """What Lanewise did to the pixels, as its model says."""
    with safetensors.safe_open(model_path, framework="pt") as file:
        metadata = file.metadata()
    return json.loads(metadata["mean"])[0], json.loads(metadata["stddev"])[0]


def train_torch(torch, module, images, labels, arguments):
    """Returns the loss of every step; trains the module in place."""
    optimizer = torch.optim.Adam(module.parameters(), lr=arguments.lr)
    losses = []
    for step in range(arguments.steps):
        batch = slice(step * arguments.batch, (step + 1) * arguments.batch)
        optimizer.zero_grad(set_to_none=True)
        loss = torch.nn.functional.cross_entropy(module(images[batch]), labels[batch])
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def relative_differences(losses, reference):
    differences = [abs(a - b) / abs(b) if b else abs(a) for a, b in zip(losses, reference)]
    # max() would pass over a NaN.
    return [math.inf if math.isnan(difference) else difference for difference in differences]


def compare(arguments, folder):
    torch, safetensors = pytorch_networks.need_torch(), need_safetensors()
    path = lanewise_program.network_path(arguments.network)
    network = pytorch_networks.parse_network(path)
    if any(layer.kind == "dropout" for layer in network.layers):
        sys.exit(f"{path}: a network with dropout draws its own random numbers and cannot be "
                 "compared step by step")
    pixels, labels, height, width = mnist_idx.read_training_images(
        mnist_idx.need_folder(), arguments.steps * arguments.batch)

    torch.manual_seed(arguments.seed)
    module = pytorch_networks.build_module(network, (1, height, width))
    initial_path = os.path.join(folder, "initial.safetensors")
    safetensors.torch.save_file(module.state_dict(), initial_path)
    run_directory = os.path.join(folder, "run")
    lanewise_losses = train_lanewise(arguments, path, initial_path, run_directory)

    model_path = os.path.join(run_directory, "model.safetensors")
    mean, stddev = read_normalization(safetensors, model_path)
    images = torch.frombuffer(bytearray(pixels), dtype=torch.uint8).view(-1, 1, height, width)
    images = (images.double() / 255 - mean) / stddev
    labels = torch.frombuffer(bytearray(labels), dtype=torch.uint8).long()
    torch_losses = train_torch(torch, module, images.float(), labels, arguments)
    exact = pytorch_networks.build_module(network, (1, height, width)).double()
    exact.load_state_dict(safetensors.torch.load_file(initial_path))
    exact_losses = train_torch(torch, exact, images, labels, arguments)
    other = pytorch_networks.build_module(network, (1, height, width))
    other.load_state_dict(safetensors.torch.load_file(initial_path))
    other_losses = train_torch(
        torch, other.to(memory_format=torch.channels_last),
        images.float().contiguous(memory_format=torch.channels_last), labels, arguments)

    final = safetensors.torch.load_file(model_path)
    weights = {name: (tensor - final[name]).abs().max().item()
               for name, tensor in module.state_dict().items()}
    return {
        "network": network.name, "steps": arguments.steps, "batch": arguments.batch,
        "lr": arguments.lr, "seed": arguments.seed, "tolerance": arguments.tolerance,
        "torch_version": torch.__version__,
        "lanewise_losses": lanewise_losses, "torch_losses": torch_losses,
        "largest_difference": max(relative_differences(lanewise_losses, torch_losses)),
        "lanewise_to_double": max(relative_differences(lanewise_losses, exact_losses)),
        "torch_to_double": max(relative_differences(torch_losses, exact_losses)),
        "torch_layouts": max(relative_differences(other_losses, torch_losses)),
        "largest_weight_difference": max(weights.values()),
    }


def print_table(result):
    print(f"{result['network']}: {result['steps']} Adam steps of {result['batch']} images, "
          f"PyTorch {result['torch_version']}")
    print(f"{'step':>6} {'lanewise':>12} {'pytorch':>12} {'difference':>12}")
    differences = relative_differences(result["lanewise_losses"], result["torch_losses"])
    for step in sorted({1, 2, 3, *range(10, result["steps"], 10), result["steps"]}):
        if step <= result["steps"]:
            print(f"{step:6d} {result['lanewise_losses'][step - 1]:12.6f} "
                  f"{result['torch_losses'][step - 1]:12.6f} {differences[step - 1]:12.2e}")
    print(f"largest relative difference of a loss: {result['largest_difference']:.2e} "
          f"(tolerance {result['tolerance']:.0e})")
    print(f"to PyTorch in double precision: lanewise {result['lanewise_to_double']:.2e}, "
          f"pytorch {result['torch_to_double']:.2e}")
    print(f"between PyTorch's layouts: {result['torch_layouts']:.2e}")
    if max(result["torch_to_double"], result["torch_layouts"]) > result["tolerance"]:
        print("rounding alone makes that much of a difference here: choose another --seed")
    print(f"largest difference of a final weight: {result['largest_weight_difference']:.2e}")


def main():
    arguments = parse_arguments()
    with tempfile.TemporaryDirectory(prefix="lanewise-parity-") as folder:
        result = compare(arguments, folder)
    result["passed"] = result["largest_difference"] <= arguments.tolerance
    if arguments.json:
        print(json.dumps(result))
    else:
        print_table(result)
        print("passed" if result["passed"] else "FAILED")
    sys.exit(0 if result["passed"] else 1)


if __name__ == "__main__":
    main()
