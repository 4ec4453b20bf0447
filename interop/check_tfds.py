"""Opens datasets that arrayrecord-beam --tfds made with TensorFlow Datasets.

Usage: check_tfds.py DIRECTORY TFRECORD...
  DIRECTORY    holds the dataset digits, splits train (shuffled) and test
  TFRECORD...  the TFRecord files that both were made of
"""

import struct
import sys

import tensorflow_datasets as tfds


def tfrecords(name):
  with open(name, "rb") as f:
    while header := f.read(12):
      (length,) = struct.unpack("<Q", header[:8])
      yield f.read(length)
      f.read(4)


def main(directory, *files):
  want = [record for name in files for record in tfrecords(name)]
  builders = [
      tfds.builder("digits", data_dir=directory),
      tfds.builder_from_directory(f"{directory}/digits/1.0.0"),
  ]
  for builder in builders:
    assert builder.info.file_format == tfds.core.FileFormat.ARRAY_RECORD
    for split, shards in {"train": 3, "test": 2}.items():
      info = builder.info.splits[split]
      assert info.num_examples == len(want), info
      assert info.num_shards == shards, info
      assert info.num_bytes == sum(map(len, want)), info
      source = builder.as_data_source(split=split)
      assert len(source) == len(want)
      names = []
      for example in source:
        assert example["label"] in range(10)
        assert len(example["image"]) == 64
        assert example["mean"] == sum(example["image"]) / 64
        assert list(example["ink"]) == [i for i, v in enumerate(example["image"]) if v > 8], example
        names.append(example["id"])
      serialized = b"".join(want)
      assert len(set(names)) == len(want), "records are missing or there twice"
      assert all(name in serialized for name in names)
    # The order is that of the shards, whose names and lengths the description has.
    assert builder.as_data_source(split="train")[0] != builder.as_data_source(split="test")[0]
  print(f"tfds: {len(want)} records of each split opened")


main(*sys.argv[1:])
