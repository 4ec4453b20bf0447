#!/usr/bin/env python3
"""The Python half of the check against upstream's array_record package.

  check_upstream.py write DIR
      Writes files with upstream's writer, over codecs, group sizes, padding and
      kinds of records. X.arrayrecord comes with X.records and X.options.

  check_upstream.py read DIR
      Reads every X.arrayrecord of DIR with upstream's reader, in every way it
      has, and compares the result with X.records and X.options.

  check_upstream.py compare OURS UPSTREAM
      Compares the bytes of the files of UPSTREAM with those of the same name in
      OURS. Uncompressed files must be equal, since the format determines them
      (given equal writer options). Compressed ones may differ, which is only
      reported: a codec may compress the same bytes in many ways. Transposed ones
      must not be over 2 % larger.

  check_upstream.py movies FILE
      Compares the examples of FILE, a JSON object on each line, with the data of
      which upstream's Beam demo makes its tf.train.Examples.

The exit code is 1 if anything failed. interop_test.go is the Go half, run.sh
runs both.
"""

import itertools
import json
import os
import random
import re
import runpy
import struct
import sys

from array_record.python import array_record_module

import record_files

CODECS = ('uncompressed', 'zstd', 'brotli', 'snappy')
GROUP_SIZES = (1, 2, 7, 256)
MAX_SIZE = 300 * 1024

# Settings that the product of codecs, group sizes and padding does not have.
EXTRA_OPTIONS = {
    'default': '',
    'default-keyword': 'default',
    'zstd-1': 'group_size:7,zstd:1',
    'zstd-minus-5': 'group_size:7,zstd:-5',
    'zstd-19-window': 'group_size:256,zstd:19,window_log:12',
    'zstd-window-31': 'group_size:7,zstd,window_log:31',
    'window-auto': 'group_size:7,window_log:auto',
    'brotli-0': 'group_size:7,brotli:0',
    'brotli-11-window': 'group_size:256,brotli:11,window_log:16',
    'brotli-window-30': 'group_size:7,brotli,window_log:30',
    'snappy-2': 'group_size:7,snappy:2',
    'transpose-uncompressed': 'group_size:256,transpose,uncompressed',
    'transpose-uncompressed-g1': 'transpose:true,uncompressed',
    'transpose-uncompressed-pad':
        'group_size:7,transpose,uncompressed,pad_to_block_boundary:true',
    'transpose-zstd': 'group_size:256,transpose,zstd:3',
    'transpose-zstd-g1': 'transpose',
    'transpose-brotli-buckets':
        'group_size:7,transpose,brotli:3,transpose_bucket_size:4K',
    'transpose-snappy': 'group_size:7,transpose,snappy,transpose_bucket_size:1',
    'group-larger-than-file': 'group_size:100000',
}


# Records, by kind. A record count is given because padding with small groups
# makes 64 KiB of file for each of them.


def text(count):
  words = 'array record chunk group index offset hash block shard reader'.split()
  rng = random.Random(1)
  return [
      f'{i} {" ".join(rng.choices(words, k=rng.randrange(30)))}'.encode()
      for i in range(count)
  ]


def protos(count):
  """Messages of an integer, a name, a double and a nested pair."""
  rng = random.Random(2)

  def varint(n):
    out = bytearray()
    while n > 127:
      out.append(n & 127 | 128)
      n >>= 7
    return bytes(out + bytes([n]))

  def message(i):
    name = f'item {rng.randrange(1000)}'.encode()
    nested = b'\x08' + varint(i * 37) + b'\x10' + varint(rng.randrange(1 << 40))
    return (b'\x08' + varint(i) + b'\x12' + varint(len(name)) + name + b'\x19' +
            struct.pack('<d', rng.random()) + b'\x22' + varint(len(nested)) + nested)

  return [message(i) for i in range(count)]


def examples(count):
  """tf.train.Examples of an image's bytes, a label, a name and some floats."""
  rng = random.Random(5)

  def field(number, content):
    size, tag = len(content), number << 3 | 2
    length = bytearray()
    while size > 127:
      length.append(size & 127 | 128)
      size >>= 7
    return bytes([tag]) + bytes(length + bytes([size])) + content

  def feature(name, kind, content):
    return field(1, field(1, name) + field(2, field(kind, field(1, content))))

  return [
      field(1, feature(b'image', 1, bytes(rng.randrange(17) for _ in range(64)))
            + feature(b'label', 3, bytes([rng.randrange(10)]))
            + feature(b'name', 1, b'digits/%05d' % i)
            + feature(b'mean', 2, struct.pack('<3f', *(rng.random() for _ in range(3)))))
      for i in range(count)
  ]


def random_bytes(count):
  rng = random.Random(3)
  return [rng.randbytes(rng.randrange(1000)) for _ in range(count)]


def empty(count):
  return [b''] * count


def sizes(count):
  """From nothing to beyond several blocks, around a block's size too."""
  rng = random.Random(4)
  wanted = [0, 1, MAX_SIZE, 65400, 65425, 65472, 65512, 65536, 70000, 3, 0, 131072]
  records = []
  for i, size in enumerate(itertools.islice(itertools.cycle(wanted), min(count, 14))):
    # Half of them barely compress, the others do very well.
    records.append(rng.randbytes(size) if i % 2 else (b'%d ' % i * size)[:size])
  return records


def blocks(count):
  """Repetitions far apart in what does not repeat: snappy finds them at level 2."""
  rng = random.Random(6)
  alphabet = bytes(range(33, 127))
  known = [bytes(rng.choices(alphabet, k=64)) for _ in range(200)]
  return [b''.join(rng.choices(known, k=40)) for _ in range(count)]


def no_records(count):
  del count
  return []


KINDS = {
    'text': text,
    'protos': protos,
    'random': random_bytes,
    'empty': empty,
    'sizes': sizes,
    'none': no_records,
}


def matrix():
  """Yields (name, options, records)."""
  for codec, group_size, pad, kind in itertools.product(
      CODECS, GROUP_SIZES, (False, True), KINDS):
    name = f'{codec}-g{group_size}-{"pad-" if pad else ""}{kind}'
    options = (f'group_size:{group_size},'
               f'pad_to_block_boundary:{"true" if pad else "false"},{codec}')
    yield name, options, KINDS[kind](40 if pad and group_size < 256 else 600)
  for name, options in EXTRA_OPTIONS.items():
    yield f'extra-{name}', options, text(600)
  for codec in ('snappy', 'snappy:2'):  # docs/compatibility.md has their sizes
    yield f'blocks-{codec.replace(":", "-")}', f'group_size:256,{codec}', blocks(2000)
  for codec, kind, count in itertools.product(
      CODECS, (examples, protos), (10_000,)):
    yield (f'transpose-{codec}-{kind.__name__}', f'group_size:256,transpose,{codec}',
           kind(count))


def write(directory):
  os.makedirs(directory, exist_ok=True)
  count = 0
  for name, options, records in matrix():
    base = os.path.join(directory, name)
    writer = array_record_module.ArrayRecordWriter(base + '.arrayrecord', options)
    for record in records:
      writer.write(record)
    writer.close()
    reader = array_record_module.ArrayRecordReader(base + '.arrayrecord')
    record_files.write_records(base + '.records', records)
    record_files.write_options(
        base + '.options',
        options=options,
        num_records=reader.num_records(),
        writer_options_string=reader.writer_options_string(),
    )
    reader.close()
    count += 1
  print(f'write: {count} files by upstream in {directory}')
  return True


class Mismatch(Exception):
  """What upstream's reader gives is not what was written."""


def expect_equal(what, got, want):
  if got != want:
    raise Mismatch(f'{what}: {shortened(got)} instead of {shortened(want)}')


def shortened(value):
  if isinstance(value, list):
    return f'{len(value)} records'
  if isinstance(value, bytes) and len(value) > 40:
    return f'{len(value)} bytes {value[:16]!r}...'
  return repr(value)


def expect_records(what, got, want):
  expect_equal(f'{what}: number of records', len(got), len(want))
  for i, (g, w) in enumerate(zip(got, want)):
    expect_equal(f'{what}: record {i} of {len(want)}', g, w)


def expect_end(what, call):
  try:
    got = call()
  except IndexError:
    return
  raise Mismatch(f'{what}: {shortened(got)} instead of IndexError')


def check_file(base):
  """Reads one file in every way; returns how many records were compared."""
  want = record_files.read_records(base + '.records')
  options = record_files.read_options(base + '.options')
  path = base + '.arrayrecord'
  reader = array_record_module.ArrayRecordReader(path)
  if not reader.ok():
    raise Mismatch('cannot be opened')
  n = len(want)
  compared = 0
  expect_equal('num_records', reader.num_records(), n)
  expect_equal('num_records in .options', int(options['num_records']), n)
  check_writer_options(reader.writer_options_string(), options)

  for i, record in enumerate(want):
    expect_equal('record_index', reader.record_index(), i)
    expect_equal(f'sequential read, record {i}', reader.read(), record)
    compared += 1
  expect_end('read at the end', reader.read)

  expect_records('read_all', reader.read_all(), want)
  compared += n
  if n == 0:
    reader.close()
    return compared

  rng = random.Random(n)
  for count in (1, 2, 17, n, 2 * n):
    indices = [rng.randrange(n) for _ in range(count)]
    expect_records(f'{count} random indices', reader.read(indices), [want[i] for i in indices])
    compared += count
  for _ in range(10):
    begin = rng.randrange(n)
    end = rng.randrange(begin, n) + 1
    expect_records(f'range {begin} to {end}', reader.read(begin, end), want[begin:end])
    compared += end - begin
  expect_records('range of negative numbers', reader.read(-n, -1 if n > 1 else n), want[:max(n - 1, 1)])
  for _ in range(20):
    i = rng.randrange(n)
    reader.seek(i)
    expect_equal(f'seek, record {i}', reader.read(), want[i])
    compared += 1
  reader.close()

  # Without a thread pool's readahead, the reader takes another way.
  reader = array_record_module.ArrayRecordReader(path, 'max_parallelism:0')
  expect_records('sequential read without readahead', [reader.read() for _ in range(n)], want)
  compared += n
  reader.close()
  return compared


def check_writer_options(got, options):
  """max_parallelism is the writer's own business unless the options set it."""
  want = options['writer_options_string']
  if 'max_parallelism' not in options['options']:
    number = re.compile(r'(?<=,max_parallelism:)[1-9][0-9]*$')
    got, want = number.sub('N', got), number.sub('N', want)
  expect_equal('writer_options_string', got, want)


def names(directory):
  suffix = '.arrayrecord'
  found = sorted(f[:-len(suffix)] for f in os.listdir(directory) if f.endswith(suffix))
  if not found:
    raise SystemExit(f'{directory}: no *{suffix} files')
  return found


def read(directory):
  failed = 0
  compared = 0
  found = names(directory)
  for name in found:
    try:
      compared += check_file(os.path.join(directory, name))
    except (Mismatch, OSError, ValueError, RuntimeError, IndexError, KeyError) as e:
      failed += 1
      print(f'FAIL read {name}: {type(e).__name__}: {e}')
  print(f'read: {len(found)} files of {directory} by upstream, '
        f'{compared} records compared, {failed} files failed')
  return not failed


def compare(ours, upstream):
  equal = different = failed = 0
  found = names(upstream)
  for name in found:
    determined = ',uncompressed' in record_files.read_options(
        os.path.join(upstream, name + '.options'))['writer_options_string']
    try:
      a, b = (contents(os.path.join(d, name + '.arrayrecord')) for d in (ours, upstream))
    except OSError as e:
      failed += 1
      print(f'FAIL compare {name}: {e}')
      continue
    if a == b:
      equal += 1
      continue
    first = next((i for i, (x, y) in enumerate(zip(a, b)) if x != y), min(len(a), len(b)))
    what = (f'{name}: {len(a)} bytes, upstream {len(b)}; chunks end at {chunks_end(a)}, '
            f'upstream {chunks_end(b)}; first difference at {first}')
    if determined or is_less_dense(name, a, b):
      failed += 1
      print(f'FAIL compare {what}')
    else:
      different += 1
      print(f'differs {what}')
  print(f'compare: {len(found)} files, {equal} equal, {different} compressed differently, '
        f'{failed} failed')
  return not failed


def is_less_dense(name, ours, upstream):
  """Whether a file of transposed chunks is over 2 % larger than upstream's."""
  return 'transpose' in name and chunks_end(ours) > 1.02 * chunks_end(upstream)


def chunks_end(file):
  """The footer's offset, as the postscript says; file sizes are rounded up."""
  block = file[-65536:]
  # Block header, chunk header, no compression, 3 sizes of a byte, field 1.
  pos = 24 + 40 + 1 + 1 + 3
  if len(block) < 65536 or block[pos] != 0x08:
    return 'unknown'
  offset = shift = 0
  while True:
    pos += 1
    offset |= (block[pos] & 127) << shift
    shift += 7
    if block[pos] < 128 or shift > 63:
      return offset


def movies(path):
  """Compares values; floats are 32-bit ones in an Example."""
  package = os.path.dirname(os.path.dirname(array_record_module.__file__))
  # By its path: the package that it is in wants Beam.
  upstream = runpy.run_path(os.path.join(package, 'beam', 'testdata.py'))['data']

  def float32(value):
    return struct.unpack('<f', struct.pack('<f', value))[0] if isinstance(value, float) else value

  def lists(example):
    return {k: [float32(x) for x in (v if isinstance(v, list) else [v])]
            for k, v in example.items()}

  with open(path, encoding='utf-8') as f:
    ours = [lists(json.loads(line)) for line in f]
  theirs = [lists(example) for example in upstream]
  if ours != theirs:
    print(f'FAIL movies: {ours}, upstream {theirs}')
  else:
    print(f'movies: {len(ours)} examples equal')
  return ours == theirs


def contents(path):
  with open(path, 'rb') as f:
    return f.read()


COMMANDS = {'write': (write, 1), 'read': (read, 1), 'compare': (compare, 2), 'movies': (movies, 1)}


def main(args):
  command, count = COMMANDS.get(args[0] if args else '', (None, 0))
  if command is None or len(args) != 1 + count:
    sys.exit(__doc__)
  sys.exit(0 if command(*args[1:]) else 1)


if __name__ == '__main__':
  main(sys.argv[1:])
