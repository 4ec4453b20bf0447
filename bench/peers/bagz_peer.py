#!/usr/bin/env python3
"""bagz as a peer: files of the same records in its own format, without checksums.

Small batches are read on one thread, which is faster in trials.
"""

import itertools
import re

import bagz

import peer

SMALL_BATCH = 4096


def compression(options):
  if 'uncompressed' in options:
    return bagz.CompressionNone()
  return bagz.CompressionZstd(level=int(re.search(r'zstd:(\d+)', options)[1]))


class BagzPeer(peer.Peer):

  versions = {'bagz': peer.version_of('bagz')}

  def _open(self, files, request):
    options = bagz.Reader.Options(
        compression=compression(request['options']),
        limits_storage=bagz.LimitsStorage.IN_MEMORY)
    if request.get('batch', SMALL_BATCH) < SMALL_BATCH:
      options.max_parallelism = 1
    return bagz.Reader(','.join(files), options)

  def write(self, request):
    records = self.records(request)
    options = bagz.Writer.Options(compression=compression(request['options']))

    def make():
      with bagz.Writer(request['file'], options) as writer:
        for record in records:
          writer.write(record)
          yield record

    return peer.repeated(request, make)

  def sequential(self, request):
    return peer.repeated(request, self._open([request['file']], request).__iter__)

  def read_all(self, request):
    return peer.repeated(request, self._open([request['file']], request).read)

  def _batches(self, reader, request):
    return itertools.chain.from_iterable(
        map(reader.read_indices, self.batches(request)))

  def batch(self, request):
    return self._batches(self._open([request['file']], request), request)

  def source(self, request):
    return self._batches(self._open(request['files'], request), request)

  def get(self, request):
    return map(self._open([request['file']], request).__getitem__, self.numbers(request))

  def open(self, request):
    return (
        peer.Opened(len(self._open([request['file']], request)))
        for _ in range(request['count']))


if __name__ == '__main__':
  BagzPeer().serve()
