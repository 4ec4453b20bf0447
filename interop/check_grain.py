#!/usr/bin/env python3
"""Checks data sources and samplers against Grain and upstream's data source.

  check_grain.py DIR

DIR was made by sampling_test.go: shards *.arrayrecord, all their records in
order in all.records, and in orders.json what this module's sampler visits at
each of some steps, for many settings. Grain must visit the same records, and
Grain's and upstream's data sources must find the same records under the same
keys. The exit code is 1 if anything differs.
"""

import glob
import json
import os
import random
import sys

from array_record.python import array_record_data_source
import grain.python as grain

import record_files


def grain_sampler(case):
  return grain.IndexSampler(
      num_records=case['num_records'],
      shard_options=grain.ShardOptions(
          shard_index=case['shard_index'],
          shard_count=case['shard_count'],
          drop_remainder=case['drop_remainder'],
      ),
      shuffle=case['shuffle'],
      num_epochs=case['num_epochs'] or None,
      seed=case['seed'],
  )


def check_orders(path):
  with open(path) as f:
    cases = json.load(f)
  failures = compared = 0
  for case in cases:
    sampler = grain_sampler(case)
    for step, key in case['keys']:
      compared += 1
      theirs = sampler[step].record_key
      if theirs != key:
        failures += 1
        settings = {k: v for k, v in case.items() if k != 'keys'}
        print(f'{settings}: step {step}: {key} here, {theirs} in Grain')
        break
  print(f'orders: {len(cases)} settings, {compared} steps, {failures} differ')
  # Where Grain's shuffle is no permutation, ours must still be one: the test
  # of that is on the Go side. Here is the proof that Grain's is none.
  broken = grain.IndexSampler(
      num_records=2**16 + 1, shuffle=True, num_epochs=1, seed=1,
      shard_options=grain.NoSharding())
  keys = {broken[i].record_key for i in range(2**16 + 1)}
  if len(keys) == 2**16 + 1:
    print('Grain now permutes 65,537 records: docs/sampling.md is out of date')
    failures += 1
  return failures


def check_sources(directory):
  paths = sorted(glob.glob(os.path.join(directory, '*.arrayrecord')))
  want = record_files.read_records(os.path.join(directory, 'all.records'))
  keys = random.Random(1).choices(range(len(want)), k=1000)
  failures = 0
  for name, make in {
      'Grain': grain.ArrayRecordDataSource,
      'upstream': array_record_data_source.ArrayRecordDataSource,
  }.items():
    source = make(paths)
    if len(source) != len(want):
      print(f'{name}: {len(source)} records, {len(want)} expected')
      failures += 1
      continue
    wrong = [k for k, r in zip(keys, source.__getitems__(keys)) if r != want[k]]
    wrong += [k for k in keys[:50] if source[k] != want[k]]
    if wrong:
      print(f'{name}: other records under the keys {wrong[:10]}')
      failures += 1
    print(f'{name} data source: {len(paths)} shards, {len(keys) + 50} reads')
  return failures


def main():
  if len(sys.argv) != 2:
    sys.exit(__doc__)
  failures = check_orders(os.path.join(sys.argv[1], 'orders.json'))
  failures += check_sources(sys.argv[1])
  sys.exit(1 if failures else 0)


if __name__ == '__main__':
  main()
