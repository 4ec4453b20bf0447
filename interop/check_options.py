#!/usr/bin/env python3
"""Asks upstream what it makes of thousands of option strings.

  check_options.py DIR

Writes DIR/options.json: a list of objects with "kind" (reader or writer), "text"
and either "error", the message, or, for a writer, "recorded", the options as
the file has them. options_test.go compares them with this module. The strings
are the same in every run.
"""

import json
import os
import random
import sys
import tempfile

from array_record.python import array_record_module

WRITER_KEYS = ('default group_size max_parallelism saturation_delay_ms transpose '
               'transpose_bucket_size uncompressed brotli zstd snappy window_log '
               'pad_to_block_boundary').split()
READER_KEYS = ('max_parallelism readahead_buffer_size index_storage_option '
               'footer_prefetch_bytes').split()
WORDS = ['', 'auto', 'true', 'false', 'in_memory', 'offloaded', 'x', 'Auto', ' auto', 'auto ']
INTEGERS = ['0', '1', '2', '3', '-1', '+1', '-0', '+0', '6', '9', '10', '11', '12', '22', '23', '30',
            '31', '32', '-131072', '-131073', '2147483647', '2147483648', '-2147483649',
            '9223372036854775808', '007', ' 2', '2 ', '\t2\n', '+ 2', '- 2', '+-2', '1.0', '1_0']
REALS = ['0', '0.4', '0.5', '0.49999999999999994', '1.5', '1e3', '1e-3', '1E3', '1e', '1e+', '.5',
         '5.', '.', '-.', '-0.0', '-1', '1e999', '1e-999', '-1e999', '-1e-999', '1e308', '1e309',
         'inf', '-inf', '+inf', 'infinity', 'INF', 'nan', '-nan', 'NaN(1)', '0x10', '0X10', '0x',
         '0x1p4', '0x1P-4', '0x1p', '0x.8', '0x8.', '0x.', '0x.p1', '0x1.8p1', '-0x1', '-0x0',
         '+0x10', '0xa', '0xA', '0xe', '0xE', '0xb', '0xB', '0x1p9999', '0x1p-9999', '0x1p-1074',
         '0xfffffffffffffffff', '0x0p0', '0b1', '0o7', '1073741823.5', '1073741824',
         '1073741824.4', '1073741824.5', '1073741825', '0x40000000', '0x40000001',
         '18446744073709551615', '18446744073709551616', '1 ', ' 1', '+ 1', '1 1', '1,5', '1f', '1d',
         '1e5', '1_000', "1'000", '1p4', '0x1e3', '0x1k', '00x1', '0x0x1', '0x-1', '0x+1', '0x 1']
SUFFIXES = ['', '', '', 'B', 'b', 'k', 'K', 'M', 'm', 'G', 'T', 'P', 'E', 'KB', ' K', 'K ', 'Ki']


def value(rng):
  kind = rng.randrange(10)
  if kind < 2:
    return rng.choice(WORDS)
  if kind < 5:
    return rng.choice(INTEGERS)
  if kind < 9:
    return rng.choice(REALS) + rng.choice(SUFFIXES)
  # Anything of the characters that numbers have.
  return ''.join(rng.choices('0123456789aAbBeExXpP+-. kKMGinf', k=rng.randrange(1, 8)))


def option(rng, keys):
  key = rng.choice(keys)
  if rng.randrange(25) == 0:
    key = rng.choice(['', ' ' + key, key.upper(), 'nothing', key + ' '])
  if rng.randrange(6) == 0:
    return key
  return key + ':' + value(rng)


def likely(rng, kind):
  """An option that is right by itself: what two of them give is of interest."""
  if kind == 'reader':
    return rng.choice([
        'max_parallelism:0', 'max_parallelism:auto', 'readahead_buffer_size:0', 'readahead_buffer_size:1M',
        'index_storage_option', 'index_storage_option:in_memory', 'index_storage_option:offloaded',
        'index_storage_option:offloaded', 'footer_prefetch_bytes:0', 'footer_prefetch_bytes:0.4',
        'footer_prefetch_bytes:auto', 'footer_prefetch_bytes:64K'])
  return rng.choice([
      'default', 'default:x', 'group_size:7', 'max_parallelism:3', 'saturation_delay_ms:1', 'transpose',
      'transpose:false', 'transpose_bucket_size:0x1p9', 'uncompressed', 'brotli', 'brotli:0', 'zstd',
      'zstd:-5', 'snappy', 'snappy:2', 'window_log:auto', 'window_log:10', 'window_log:31',
      'pad_to_block_boundary', 'pad_to_block_boundary:true'])


def strings(rng, kind):
  keys = READER_KEYS if kind == 'reader' else WRITER_KEYS
  for key in keys:
    for v in WORDS + INTEGERS + REALS:
      yield f'{key}:{v}'
    for v in REALS:
      yield f'{key}:{v}{rng.choice(SUFFIXES)}'
  for _ in range(6000):
    pieces = [likely(rng, kind) if rng.randrange(3) else option(rng, keys)
              for _ in range(rng.randrange(1, 6))]
    yield rng.choice([',', ',', ',', ',,', ':']).join(pieces) + rng.choice(['', '', ','])


def answers(directory):
  path = os.path.join(directory, 'x.arrayrecord')
  array_record_module.ArrayRecordWriter(path, '').close()
  for kind in 'reader', 'writer':
    rng = random.Random(8)
    for text in dict.fromkeys(strings(rng, kind)):
      answer = {'kind': kind, 'text': text}
      try:
        if kind == 'reader':
          array_record_module.ArrayRecordReader(path, text).close()
        else:
          written = os.path.join(directory, 'y.arrayrecord')
          array_record_module.ArrayRecordWriter(written, text).close()
          reader = array_record_module.ArrayRecordReader(written)
          answer['recorded'] = reader.writer_options_string()
          reader.close()
      except ValueError as e:
        answer['error'] = str(e)
      yield answer


def main():
  if len(sys.argv) != 2:
    sys.exit(__doc__)
  os.makedirs(sys.argv[1], exist_ok=True)
  with tempfile.TemporaryDirectory() as directory:
    found = list(answers(directory))
  with open(os.path.join(sys.argv[1], 'options.json'), 'w', encoding='utf-8') as f:
    json.dump(found, f)
  print(f'options: {len(found)} strings, {sum("error" in a for a in found)} of them refused')


if __name__ == '__main__':
  main()
