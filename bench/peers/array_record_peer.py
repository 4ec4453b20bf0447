#!/usr/bin/env python3
"""Upstream's array_record package as a peer.

  array_record_peer.py best
      As its documentation advises for each way of access. Where the advice
      leaves a choice, what was fastest in trials: 1 MiB of readahead for each
      thread when reading in order, seek and read for one record.

  array_record_peer.py default
      The options' defaults, and one record by its number, read([i]).
"""

import itertools
import sys

from array_record.python import array_record_data_source
from array_record.python import array_record_module

import peer

SEQUENTIAL = 'readahead_buffer_size:1M,max_parallelism:auto'
RANDOM = 'readahead_buffer_size:0,max_parallelism:0'


class ArrayRecordPeer(peer.Peer):

  versions = {'array_record': peer.version_of('array_record')}

  def __init__(self, best):
    super().__init__()
    self._best = best

  def _open(self, request, options):
    return array_record_module.ArrayRecordReader(
        request['file'], options if self._best else '')

  def write(self, request):
    records = self.records(request)

    def make():
      writer = array_record_module.ArrayRecordWriter(request['file'], request['options'])
      for record in records:
        writer.write(record)
        yield record
      writer.close()

    return peer.repeated(request, make)

  def sequential(self, request):
    reader = self._open(request, SEQUENTIAL)
    count = reader.num_records()

    def make():
      reader.seek(0)
      return itertools.starmap(reader.read, itertools.repeat((), count))

    return peer.repeated(request, make)

  def read_all(self, request):
    return peer.repeated(request, self._open(request, SEQUENTIAL).read_all)

  def batch(self, request):
    reader = self._open(request, RANDOM)
    batches = [batch.tolist() for batch in self.batches(request)]
    return itertools.chain.from_iterable(map(reader.read, batches))

  def get(self, request):
    reader = self._open(request, RANDOM)
    numbers = self.numbers(request)
    if not self._best:
      return (reader.read([i])[0] for i in numbers)

    def read(i):
      reader.seek(i)
      return reader.read()

    return map(read, numbers)

  def open(self, request):
    def make(_):
      reader = self._open(request, RANDOM)
      opened = peer.Opened(reader.num_records())
      reader.close()
      return opened

    return map(make, range(request['count']))

  def source(self, request):
    source = array_record_data_source.ArrayRecordDataSource(request['files'])
    batches = [batch.tolist() for batch in self.batches(request)]
    return itertools.chain.from_iterable(map(source.__getitems__, batches))


if __name__ == '__main__':
  ArrayRecordPeer({'best': True, 'default': False}[sys.argv[1]]).serve()
