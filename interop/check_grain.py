#!/usr/bin/env python3
"""Checks data sources and samplers against Grain and upstream's data source.

  check_grain.py checkpoints DIR
      Writes DIR/checkpoints.json: states of Grain's data loader, over settings,
      workers and batches, with the records that it visits next.

  check_grain.py compare DIR
      DIR was made by sampling_test.go: shards *.arrayrecord, all their records in
      order in all.records, and in orders.json what this module's sampler visits
      at each of some steps, for many settings (-1 where the step is one of an
      empty shard). Grain must visit the same records, and Grain's and upstream's
      data sources must find the same records under the same keys. The exit code
      is 1 if anything differs.
"""

import glob
import itertools
import json
import os
import random
import sys

from absl import flags
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


class Numbers:
  """A data source in which each record is its key."""

  def __init__(self, count):
    self._count = count

  def __len__(self):
    return self._count

  def __getitem__(self, key):
    return int(key)

  def __repr__(self):
    return f'Numbers({self._count})'


def flattened(batches):
  return [int(key) for batch in batches
          for key in (batch if hasattr(batch, '__len__') else [batch])]


def checkpoint(case, workers, batch, taken):
  """The state after some batches of a shard, and what comes then."""
  loader = grain.DataLoader(
      data_source=Numbers(case['num_records']), sampler=grain_sampler(case),
      worker_count=workers, operations=[grain.Batch(batch)] if batch else [])
  iterator = iter(loader)
  got = list(itertools.islice(iterator, taken))
  state = iterator.get_state()
  restored = iter(loader)
  restored.set_state(state)
  # With workers, a batch has the records of one: what comes next is the order
  # of the sampler in complete rounds only.
  count = 12 // max(batch, 1) // max(workers, 1) * max(workers, 1)
  following = flattened(itertools.islice(restored, count))
  return dict(case, workers=workers, batch=batch, taken=len(got), state=state.decode(),
              next=sorted(following) if batch and workers else following)


def write_checkpoints(directory):
  os.makedirs(directory, exist_ok=True)
  settings = dict(drop_remainder=False, shuffle=True, num_epochs=3, seed=5)
  cases = []
  for n, index, count in ((50, 0, 1), (50, 1, 3), (3, 1, 5), (100_000, 2, 4)):
    case = dict(settings, num_records=n, shard_index=index, shard_count=count)
    for batch, taken in itertools.product((0, 4), (0, 1, 5, 13, 1000)):
      if n < 100_000 or taken < 1000:
        cases.append(checkpoint(case, 0, batch, taken))
    cases.append(checkpoint(dict(case, shuffle=False, drop_remainder=True), 0, 0, 2))
    cases.append(checkpoint(dict(case, num_epochs=0), 0, 0, 29))
  case = dict(settings, num_records=200, shard_index=1, shard_count=2)
  for workers, batch, taken in ((1, 0, 3), (2, 0, 0), (2, 0, 7), (2, 3, 3), (3, 4, 6), (3, 4, 7)):
    cases.append(checkpoint(case, workers, batch, taken))
  with open(os.path.join(directory, 'checkpoints.json'), 'w', encoding='utf-8') as f:
    json.dump(cases, f)
  print(f'checkpoints: {len(cases)} states of Grain')
  return 0


def grain_key(sampler, step):
  try:
    return sampler[step].record_key
  except ZeroDivisionError:  # what Grain says of an empty shard
    return -1


def check_orders(path):
  with open(path) as f:
    cases = json.load(f)
  failures = compared = 0
  for case in cases:
    sampler = grain_sampler(case)
    for step, key in case['keys']:
      compared += 1
      theirs = grain_key(sampler, step)
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


def compare(directory):
  return check_orders(os.path.join(directory, 'orders.json')) + check_sources(directory)


COMMANDS = {'checkpoints': write_checkpoints, 'compare': compare}


def main():
  command = COMMANDS.get(sys.argv[1] if len(sys.argv) == 3 else None)
  if command is None:
    sys.exit(__doc__)
  flags.FLAGS(sys.argv[:1])  # Grain's workers want them parsed
  sys.exit(1 if command(sys.argv[2]) else 0)


if __name__ == '__main__':
  main()
