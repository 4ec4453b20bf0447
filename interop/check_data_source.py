#!/usr/bin/env python3
"""Checks examples/python, the data source over libarrayrecord, against upstream's class and Grain.

  check_data_source.py check DIR
      The files *.arrayrecord below DIR must give the same elements through both
      classes, alone, in batches, after pickling, in children of fork, in processes
      that were spawned, and through Grain's DataLoader and MapDataset. The exit
      code is 1 if anything differs.

  check_data_source.py speed DIR
      Writes files to DIR, and prints how many times as fast as upstream's class
      batches of 1,024 records and single ones are read, by turns in one run.

ARRAYRECORD_LIBRARY is the path of the library.
"""

import collections
import glob
import itertools
import multiprocessing
import os
import pickle
import random
import signal
import sys
import threading
import time
import unittest

from absl import flags
from absl import logging
from array_record.python import array_record_data_source as upstream
from array_record.python import array_record_module

logging.set_verbosity(logging.FATAL)  # JAX is not missed, nor smaller groups

# pylint: disable=wrong-import-position
import grain

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '../examples/python'))
import arrayrecord

Instruction = collections.namedtuple('Instruction', 'filename skip take examples_in_shard')

directory = None


def write(name, records, options='group_size:1'):
  path = os.path.join(directory, name)
  writer = array_record_module.ArrayRecordWriter(path, options)
  for record in records:
    writer.write(record)
  writer.close()
  return path


def numbered(name, count, options='group_size:1'):
  return write(name, (b'%s %d' % (name.encode(), i) * (i % 7) for i in range(count)), options)


def elements(source):
  return source.__getitems__(range(len(source)))


class DataSourceTest(unittest.TestCase):

  def setUp(self):
    self.paths = [numbered('a', 700), numbered('none', 0), numbered('b', 301, 'group_size:7')]
    self.ours = arrayrecord.ArrayRecordDataSource(self.paths)
    self.theirs = upstream.ArrayRecordDataSource(self.paths)

  def test_files_of_upstream_and_of_this_module(self):
    files = glob.glob(os.path.join(directory, 'files', '**', '*.arrayrecord'), recursive=True)
    self.assertGreater(len(files), 15)
    records = 0
    for path in files:
      ours = arrayrecord.ArrayRecordDataSource(path)
      theirs = upstream.ArrayRecordDataSource(path)
      self.assertEqual(len(ours), len(theirs), path)
      self.assertEqual(elements(ours), elements(theirs) if len(theirs) else [], path)
      records += len(ours)
    print(f'{len(files)} files, {records} records')

  def test_keys(self):
    for key in (0, 1, 699, 700, 1000):
      self.assertEqual(self.ours[key], self.theirs[key])
    for key in (-1, 1001):
      for source in (self.ours, self.theirs):
        with self.assertRaises(ValueError):
          source[key]  # pylint: disable=pointless-statement
        with self.assertRaises(ValueError):
          source.__getitems__([0, key])
    for keys in ([3], [5, 900, 5, 0, 999, 700], [1000, 999], []):
      self.assertEqual(list(self.ours.__getitems__(keys)),
                       list(self.theirs.__getitems__(keys)) if keys else [])
    one = arrayrecord.ArrayRecordDataSource(self.paths[0])
    self.assertEqual(one.__getitems__([5, 5, 1]), [self.ours[5], self.ours[5], self.ours[1]])
    for keys in ([700], [-1], [0, 700], [-1, 0]):
      with self.assertRaises(ValueError):
        one.__getitems__(keys)
    self.assertEqual(list(self.ours), elements(self.theirs))

  def test_parts_of_files(self):
    parts = [self.paths[0] + '[3:9]', Instruction(self.paths[2], 10, 5, 301), self.paths[0]]
    ours = arrayrecord.ArrayRecordDataSource(parts)
    theirs = upstream.ArrayRecordDataSource(parts)
    self.assertEqual(elements(ours), elements(theirs))
    self.assertEqual(ours[10], theirs[10])
    part = arrayrecord.ArrayRecordDataSource(self.paths[0] + '[3:9]')
    self.assertEqual(part.__getitems__([0, 5]), [ours[0], ours[5]])
    for wrong in (self.paths[0] + '[9:3]', Instruction(self.paths[0], -1, 5, 700)):
      with self.assertRaises(ValueError):
        arrayrecord.ArrayRecordDataSource(wrong)
    # What the file does not have is found out when it is read, as by upstream.
    behind = arrayrecord.ArrayRecordDataSource(self.paths[0] + '[698:703]')
    self.assertEqual(behind[1], self.ours[699])
    with self.assertRaises(arrayrecord.ArrayRecordError):
      behind[2]  # pylint: disable=pointless-statement

  def test_the_name_that_checkpoints_have(self):
    self.assertEqual(repr(self.ours), repr(self.theirs))

  def test_large_and_empty_records(self):
    large = [b'', b'x' * 65536, b'y' * 65537, os.urandom(9_000_000), b'']
    source = arrayrecord.ArrayRecordDataSource(write('large', large))
    self.assertEqual([source[i] for i in range(5)], large)
    self.assertEqual(elements(source), large)

  def test_errors_name_the_file(self):
    missing = os.path.join(directory, 'missing')
    with self.assertRaisesRegex(arrayrecord.ArrayRecordError, 'missing') as raised:
      arrayrecord.ArrayRecordDataSource(missing)
    self.assertEqual(pickle.loads(pickle.dumps(raised.exception)).code, 5)
    with open(self.paths[0], 'rb') as f:
      data = bytearray(f.read())
    # The first chunks, behind the signature of the file.
    for i in range(100, 4000):
      data[i] ^= 1
    damaged = os.path.join(directory, 'damaged')
    with open(damaged, 'wb') as f:
      f.write(data)
    source = arrayrecord.ArrayRecordDataSource(damaged)
    with self.assertRaisesRegex(arrayrecord.ArrayRecordError, 'damaged'):
      source[0]  # pylint: disable=pointless-statement
    with self.assertRaisesRegex(arrayrecord.ArrayRecordError, 'damaged'):
      elements(source)
    self.assertEqual(source[699], self.ours[699])
    with self.assertRaises(ValueError):
      arrayrecord.ArrayRecordDataSource([])

  def test_reader_options(self):
    options = {'max_parallelism': 1}
    self.assertEqual(elements(arrayrecord.ArrayRecordDataSource(self.paths, options)),
                     elements(upstream.ArrayRecordDataSource(self.paths, options)))
    with self.assertRaisesRegex(arrayrecord.ArrayRecordError, 'nonsense'):
      arrayrecord.ArrayRecordDataSource(self.paths, {'nonsense': 1})

  def test_files_are_closed_and_opened_again(self):
    def open_files():
      return sum(os.path.realpath(f'/proc/self/fd/{fd}').startswith(directory)
                 for fd in os.listdir('/proc/self/fd'))
    self.ours = None
    before = open_files()
    with arrayrecord.ArrayRecordDataSource(self.paths) as source:
      first = source[0]
      self.assertGreater(open_files(), before)
    self.assertEqual(open_files(), before)
    self.assertEqual(source[0], first)
    del source
    self.assertEqual(open_files(), before)

  def test_closing_while_threads_read(self):
    want = elements(self.theirs)
    done, wrong = threading.Event(), []
    def read():
      while not done.is_set():
        i = random.randrange(len(want))
        if self.ours[i] != want[i] or self.ours.__getitems__([i, 0]) != [want[i], want[0]]:
          wrong.append(i)
    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
      thread.start()
    for _ in range(200):
      with self.ours:
        pass
    done.set()
    for thread in threads:
      thread.join()
    self.assertEqual(wrong, [])

  def test_pickling(self):
    self.assertEqual(self.ours[5], self.theirs[5])  # a reader is open
    other = pickle.loads(pickle.dumps(self.ours))
    self.assertEqual(elements(other), elements(self.theirs))
    self.assertEqual(repr(other), repr(self.ours))

  def test_processes(self):
    want = elements(self.theirs)
    self.assertEqual(self.ours[0], want[0])
    for method in ('fork', 'spawn', 'forkserver'):
      with multiprocessing.get_context(method).Pool(2) as pool:
        self.assertEqual(pool.map(self.ours.__getitem__, range(300)), want[:300], method)
        self.assertEqual(pool.apply(elements, (self.ours,)), want, method)

  def test_fork_while_threads_read(self):
    want = elements(self.theirs)
    done = threading.Event()
    def read():
      while not done.is_set():
        elements(self.ours)
    threads = [threading.Thread(target=read) for _ in range(3)]
    for thread in threads:
      thread.start()
    try:
      for _ in range(30):
        child = os.fork()
        if child == 0:
          signal.alarm(60)  # for what must not happen, a lock that nobody holds
          os._exit(0 if elements(self.ours) == want and self.ours[7] == want[7] else 1)
        self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), 0)
    finally:
      done.set()
      for thread in threads:
        thread.join()

  def test_other_threads_run_while_the_library_waits(self):
    fifo = os.path.join(directory, 'fifo')
    if os.path.exists(fifo):  # from an earlier run
      os.unlink(fifo)
    os.mkfifo(fifo)
    errors = []
    def wait():
      try:
        arrayrecord.ArrayRecordDataSource(fifo)  # opening waits for somebody who writes
      except arrayrecord.ArrayRecordError as e:
        errors.append(e)
    signal.alarm(60)  # ends the process if this thread never runs again
    thread = threading.Thread(target=wait)
    thread.start()
    os.close(os.open(fifo, os.O_WRONLY))
    thread.join()
    signal.alarm(0)
    self.assertEqual(len(errors), 1)

  def test_grain_map_dataset(self):
    def batches(source):
      data = grain.MapDataset.source(source).seed(3).shuffle().batch(16)
      return [list(batch) for batch in data]
    self.assertEqual(batches(self.ours), batches(self.theirs))
    def in_processes(source):
      data = grain.MapDataset.source(source).seed(3).shuffle().to_iter_dataset()
      return list(data.mp_prefetch(grain.MultiprocessingOptions(num_workers=2)))
    self.assertEqual(in_processes(self.ours), in_processes(self.theirs))

  def test_grain_data_loader(self):
    def loaded(source, workers):
      loader = grain.DataLoader(
          data_source=source, worker_count=workers,
          sampler=grain.samplers.IndexSampler(
              num_records=len(source), shuffle=True, seed=5, num_epochs=2,
              shard_options=grain.sharding.NoSharding()))
      return list(loader)
    for workers in (0, 2):
      self.assertEqual(loaded(self.ours, workers), loaded(self.theirs, workers))

  def test_checkpoints_of_upstreams_class_go_on_with_this_one(self):
    def loader(source):
      return grain.DataLoader(
          data_source=source, worker_count=0,
          sampler=grain.samplers.IndexSampler(
              num_records=len(source), shuffle=True, seed=5, num_epochs=1,
              shard_options=grain.sharding.NoSharding()))
    theirs = iter(loader(self.theirs))
    list(itertools.islice(theirs, 100))
    ours = iter(loader(self.ours))
    ours.set_state(theirs.get_state())
    self.assertEqual(list(ours), list(theirs))


def speed():
  rng = random.Random(1)
  words = [rng.randbytes(6) for _ in range(200)]
  count = 65536
  print('| options | batch of 1,024: ours | upstream | ratio | one record: ours | upstream | ratio |')
  print('|---|---|---|---|---|---|---|')
  for options in ('group_size:1,uncompressed', 'group_size:1,zstd:3', 'group_size:1,brotli:6'):
    path = write('speed', (b' '.join(rng.choices(words, k=20 + i % 40)) for i in range(count)),
                 options)
    sources = [arrayrecord.ArrayRecordDataSource(path), upstream.ArrayRecordDataSource(path)]
    batches, singles = ([], []), ([], [])
    for _ in range(50):
      keys = rng.sample(range(count), 1024)
      for i, source in enumerate(sources):
        begin = time.perf_counter()
        source.__getitems__(keys)
        batches[i].append(time.perf_counter() - begin)
        begin = time.perf_counter()
        for key in keys[:50]:
          source[key]  # pylint: disable=pointless-statement
        singles[i].append((time.perf_counter() - begin) / 50)
    cells = [options]
    for times in (batches, singles):
      ours, theirs = (sorted(t)[len(t) // 2] * 1e6 for t in times)
      cells += [f'{ours:,.1f} µs', f'{theirs:,.0f} µs', f'{theirs / ours:.1f}×']
    print('| ' + ' | '.join(cells) + ' |')


def main():
  global directory
  directory = os.path.realpath(sys.argv[2])
  os.makedirs(directory, exist_ok=True)
  flags.FLAGS(sys.argv[:1])
  if sys.argv[1] == 'speed':
    speed()
    return 0
  result = unittest.main(argv=sys.argv[:1], exit=False).result
  return 0 if result.wasSuccessful() else 1


if __name__ == '__main__':
  if len(sys.argv) != 3 or sys.argv[1] not in ('check', 'speed'):
    sys.exit(__doc__)
  sys.exit(main())
