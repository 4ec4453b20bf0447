#!/usr/bin/env python3
"""Upstream's array_record package as a peer.

  array_record_peer.py best
      As its documentation advises for each way of access. Where the advice
      leaves a choice, what was fastest in trials: 1 MiB of readahead for each
      thread when reading in order, seek and read for one record.

  array_record_peer.py default
      The options' defaults, and one record by its number, read([i]). Writing
      and the data source are the same as above.
"""

import itertools
import sys

from array_record.python import array_record_data_source
from array_record.python import array_record_module

import peer


class DefaultPeer(peer.Peer):

  versions = {'array_record': peer.version_of('array_record')}
  sequential_options = ''
  random_options = ''

  def _open(self, request, options):
    return array_record_module.ArrayRecordReader(request['file'], options)

  def sequential(self, request):
    reader = self._open(request, self.sequential_options)
    count = reader.num_records()

    def make():
      reader.seek(0)
      return itertools.starmap(reader.read, itertools.repeat((), count))

    return peer.repeated(request, make)

  def read_all(self, request):
    return peer.repeated(request, self._open(request, self.sequential_options).read_all)

  def batch(self, request):
    reader = self._open(request, self.random_options)
    batches = [batch.tolist() for batch in self.batches(request)]
    return itertools.chain.from_iterable(map(reader.read, batches))

  def get(self, request):
    reader = self._open(request, self.random_options)
    return (reader.read([i])[0] for i in self.numbers(request))


class BestPeer(DefaultPeer):

  sequential_options = 'readahead_buffer_size:1M,max_parallelism:auto'
  random_options = 'readahead_buffer_size:0,max_parallelism:0'

  def get(self, request):
    reader = self._open(request, self.random_options)

    def read(i):
      reader.seek(i)
      return reader.read()

    return map(read, self.numbers(request))

  def write(self, request):
    records = self.records(request)

    def make():
      writer = array_record_module.ArrayRecordWriter(request['file'], request['options'])
      for record in records:
        writer.write(record)
        yield record
      writer.close()

    return peer.repeated(request, make)

  def open(self, request):
    def make(_):
      reader = self._open(request, self.random_options)
      opened = peer.Opened(reader.num_records())
      reader.close()
      return opened

    return map(make, range(request['count']))

  def source(self, request):
    source = array_record_data_source.ArrayRecordDataSource(request['files'])
    batches = [batch.tolist() for batch in self.batches(request)]
    return itertools.chain.from_iterable(map(source.__getitems__, batches))


if __name__ == '__main__':
  {'best': BestPeer, 'default': DefaultPeer}[sys.argv[1]]().serve()
