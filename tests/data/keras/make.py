"""Makes the files of this folder: a network of the shape 41-45-45-23 as Keras writes it, once by Keras 3 itself
(`network.h5`) and once in the layout of Keras 2 (`network-keras2.h5`), and what Keras says of 8 rows (`expected.ndjson`).

    python3 -m venv venv && venv/bin/pip install keras h5py numpy scipy && KERAS_BACKEND=numpy venv/bin/python make.py

The weights are made up; only the shape and the way of encoding are those of the network that this stands for: words become
the place in a sorted list, everything is scaled from its range in training to 0 .. 1.
"""

import json
import os

os.environ.setdefault("KERAS_BACKEND", "numpy")

import h5py
import keras
import numpy as np

RECIPE = "recipe.yml"


def features():
    """Name, words or nothing, least and greatest value of each feature, from the recipe, which is read line by line."""
    found = []
    for line in open(RECIPE):
        line = line.strip()
        if not line.startswith("- {name: ") or "kind:" not in line:
            continue
        inside = line[3:-1]
        name = inside.split("name: ")[1].split(",")[0]
        words = inside.split("words: [")[1].split("]")[0].split(", ") if "words: [" in inside else None
        least = float(inside.split("least: ")[1].split(",")[0])
        greatest = float(inside.split("greatest: ")[1].split("}")[0])
        found.append((name, words, least, greatest))
    return found


def labels():
    return [line.strip()[9:-1].split(",")[0] for line in open(RECIPE) if line.startswith("  - {name: ") and "kind:" not in line]


def main():
    keras.utils.set_random_seed(41)
    table, names = features(), labels()
    assert (len(table), len(names)) == (41, 23), (len(table), len(names))
    model = keras.Sequential(
        [
            keras.Input((41,)),
            keras.layers.Dense(45, activation="relu", name="dense_1"),
            keras.layers.Dense(45, activation="relu", name="dense_2"),
            keras.layers.Dropout(0.2, name="dropout"),
            keras.layers.Dense(23, activation="softmax", name="dense_3"),
        ],
        name="prototype",
    )
    random = np.random.default_rng(41)
    for layer in model.layers:
        shapes = [weight.shape for weight in layer.get_weights()]
        layer.set_weights([random.normal(0, 0.45, shape).astype("float32") for shape in shapes])
    model.save("network.h5")
    keras2("network-keras2.h5", model)
    with open("expected.ndjson", "w") as out:
        for _ in range(8):
            row, inputs = {}, []
            for name, words, least, greatest in table:
                if words:
                    code = int(random.integers(len(words)))
                    row[name], value = words[code], code
                else:
                    value = float(np.float32(round(random.uniform(least, greatest), 3)))
                    row[name] = value
                inputs.append((value - least) / (greatest - least))
            probabilities = model.predict(np.array([inputs], dtype="float32"), verbose=0)[0]
            said = [round(float(one), 7) for one in probabilities]
            out.write(json.dumps({"row": row, "probabilities": said}) + "\n")


def keras2(path, model):
    """The same network as Keras 2 lays it out."""
    layers = [
        {"class_name": "InputLayer", "config": {"batch_input_shape": [None, 41], "name": "dense_1_input"}},
        *({"class_name": type(layer).__name__, "config": config_of(layer)} for layer in model.layers),
    ]
    with h5py.File(path, "w") as file:
        file.attrs["keras_version"] = b"2.9.0"
        file.attrs["backend"] = b"tensorflow"
        config = {"class_name": "Sequential", "config": {"name": "prototype", "layers": layers}}
        file.attrs["model_config"] = json.dumps(config).encode()
        weights = file.create_group("model_weights")
        weights.attrs["layer_names"] = [layer.name.encode() for layer in model.layers]
        for layer in model.layers:
            group = weights.create_group(layer.name)
            values = dict(zip(("kernel:0", "bias:0"), layer.get_weights()))
            group.attrs["weight_names"] = [f"{layer.name}/{name}".encode() for name in values]
            for name, value in values.items():
                group.create_dataset(f"{layer.name}/{name}", data=value)


def config_of(layer):
    if isinstance(layer, keras.layers.Dropout):
        return {"name": layer.name, "rate": 0.2}
    config = {"name": layer.name, "units": layer.units, "activation": layer.activation.__name__, "use_bias": True}
    return config


main()
