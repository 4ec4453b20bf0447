#!/usr/bin/env python3
"""Makes the files of testdata/ (see the README there).

Usage: make_testdata.py DIRECTORY

The same versions (requirements.txt) make the same bytes every time.
"""

import os
import random
import re
import sys

os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '3')
os.environ.setdefault('CUDA_VISIBLE_DEVICES', '')

from array_record.python import array_record_module
import numpy as np
from sklearn import datasets
import tensorflow as tf

import record_files

NUM_SHARDS = 3


def digit_examples():
  """The 1797 digits as serialized tf.train.Example, in the data set's order."""
  digits = datasets.load_digits()
  examples = []
  for i, (image, label) in enumerate(zip(digits.images, digits.target)):
    pixels = image.astype(np.uint8)
    feature = {
        'id': bytes_feature(f'digits/{i:04d}'.encode()),
        'image': bytes_feature(pixels.tobytes()),
        # A list whose length varies, as the record's does because of it.
        'ink': int64_feature(np.flatnonzero(pixels > 8)),
        'label': int64_feature([int(label)]),
        'mean': tf.train.Feature(
            float_list=tf.train.FloatList(value=[float(pixels.mean())])),
    }
    example = tf.train.Example(features=tf.train.Features(feature=feature))
    # The order of a map's entries is otherwise undefined.
    examples.append(example.SerializeToString(deterministic=True))
  return examples


def bytes_feature(value):
  return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))


def int64_feature(values):
  return tf.train.Feature(int64_list=tf.train.Int64List(value=values))


def write_tfrecord(path, compression, records):
  options = tf.io.TFRecordOptions(compression_type=compression)
  with tf.io.TFRecordWriter(path, options) as writer:
    for record in records:
      writer.write(record)


def make_tfrecords(directory, examples):
  for shard in range(NUM_SHARDS):
    begin = shard * len(examples) // NUM_SHARDS
    end = (shard + 1) * len(examples) // NUM_SHARDS
    name = f'digits-{shard:05d}-of-{NUM_SHARDS:05d}.tfrecord'
    write_tfrecord(os.path.join(directory, name), '', examples[begin:end])
  write_tfrecord(
      os.path.join(directory, 'digits-gzip.tfrecord.gz'), 'GZIP', examples)
  write_tfrecord(
      os.path.join(directory, 'digits-zlib.tfrecord.zlib'), 'ZLIB', examples)
  record_files.write_records(os.path.join(directory, 'digits.records'), examples)


WORDS = ('array record chunk group footer index offset hash block header '
         'stream shard reader writer length codec level window random batch').split()


def text_records(count, words_per_record):
  rng = random.Random(count * 1000 + words_per_record)
  return [
      f'{i:05d} {" ".join(rng.choices(WORDS, k=words_per_record))}\n'.encode()
      for i in range(count)
  ]


def mixed_sizes(count):
  """Lengths 0 and up, so that a chunk holds empty, short and longer records."""
  rng = random.Random(count)
  return [rng.randbytes(i * i % 97) for i in range(count)]


def make_array_record(directory, name, options, records):
  path = os.path.join(directory, name + '.arrayrecord')
  writer = array_record_module.ArrayRecordWriter(path, options)
  for record in records:
    writer.write(record)
  writer.close()

  # What stands beside the file is what upstream reads back from it.
  reader = array_record_module.ArrayRecordReader(path)
  if not reader.ok():
    raise RuntimeError(f'{path}: cannot be opened')
  if list(reader.read_all()) != records:
    raise RuntimeError(f'{path}: upstream does not read back what it wrote')
  writer_options = reader.writer_options_string()
  record_files.write_records(os.path.join(directory, name + '.records'), records)
  record_files.write_options(
      os.path.join(directory, name + '.options'),
      options=options,
      num_records=reader.num_records(),
      record_group_size=group_size(writer_options, len(records)),
      writer_options_string=writer_options,
  )
  reader.close()


def group_size(writer_options, num_records):
  """What the C++ reader's RecordGroupSize() says; Python has no such call.

  It is the size of the first chunk: 0 in an empty file, and less than the
  writer's group_size when the only chunk is short.
  """
  return min(int(re.match(r'group_size:(\d+),', writer_options)[1]), num_records)


def make_array_records(directory, examples):
  text = text_records(100, 12)
  for name, options, records in [
      ('digits-default', '', examples[:200]),
      ('digits-transpose-zstd-g256', 'group_size:256,transpose,zstd:3', examples[:300]),
      ('digits-transpose-brotli-g7',
       'group_size:7,transpose:true,transpose_bucket_size:4K,brotli:6', examples[:50]),
      ('digits-transpose-uncompressed-g256', 'group_size:256,transpose,uncompressed',
       examples[:50]),
      ('text-uncompressed-g1', 'group_size:1,uncompressed', text),
      ('text-zstd-window-g7', 'group_size:7,zstd:19,window_log:12', text),
      ('text-brotli-window-g1', 'group_size:1,brotli:9,window_log:16', text),
      ('text-brotli-g256', 'group_size:256,brotli', text_records(600, 12)),
      ('mixed-snappy-g7', 'group_size:7,snappy', mixed_sizes(100)),
      ('pad-uncompressed-g7', 'group_size:7,pad_to_block_boundary:true,uncompressed', text[:18]),
      ('pad-zstd-g256', 'group_size:256,pad_to_block_boundary:true', text_records(300, 12)),
      ('no-records', '', []),
      ('empty-records-g256', 'group_size:256', [b''] * 300),
      ('blocks-uncompressed-g2', 'group_size:2,uncompressed',
       [bytes([65 + i]) * n for i, n in enumerate((70000, 1, 40000, 65536, 0))]),
  ]:
    make_array_record(directory, name, options, records)


def main():
  if len(sys.argv) != 2:
    sys.exit(__doc__)
  directory = sys.argv[1]
  os.makedirs(directory, exist_ok=True)
  examples = digit_examples()
  make_tfrecords(directory, examples)
  make_array_records(directory, examples)


if __name__ == '__main__':
  main()
