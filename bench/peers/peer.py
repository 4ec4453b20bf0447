"""What the peers in Python have in common: one request a line, one answer a line.

See ../protocol.go for the fields. A peer is a subclass of Peer with a method for
each operation that it knows; the method gets everything ready, and returns an
iterable of the records, which does the operation while it is consumed. The clock
runs around that alone.
"""

import gc
import importlib.metadata
import itertools
import json
import mmap
import os
import platform
import struct
import sys
import time
import zlib

import numpy as np

OPERATIONS = ('write', 'sequential', 'read_all', 'batch', 'get', 'open', 'source',
              'loader', 'convert')


def tfrecords(name):
  """The records of an uncompressed TFRecord file."""
  records = []
  with open(name, 'rb') as file, mmap.mmap(
      file.fileno(), 0, access=mmap.ACCESS_READ) as data:
    position = 0
    while position < len(data):
      (size,) = struct.unpack_from('<Q', data, position)
      position += 12
      records.append(data[position:position + size])
      position += size + 4
  return records


def version_of(package):
  return importlib.metadata.version(package)


class Peer:
  """Answers requests. versions are of the packages that it measures."""

  versions = {}

  def __init__(self):
    self._kept = {}

  def keep(self, kind, key, make):
    """What make() returns, from an earlier request if it was for the same key."""
    if kind not in self._kept or self._kept[kind][0] != key:
      self._kept.pop(kind, None)
      self._kept[kind] = (key, make())
    return self._kept[kind][1]

  def records(self, request):
    """The records that are to be written."""
    name = request['source']
    return self.keep('source', name, lambda: tfrecords(name))

  def indices(self, request):
    """The file of record numbers."""
    name = request['indices']
    return self.keep('indices', name, lambda: np.fromfile(name, '<i8'))

  def batches(self, request):
    """The numbers of each call, as arrays."""
    indices, size = self.indices(request), request['batch']
    return [
        indices.take(range(k * size, (k + 1) * size), mode='wrap')
        for k in range(request['count'])
    ]

  def numbers(self, request):
    """The numbers of calls that read one record each."""
    return self.indices(request).take(range(request['count']), mode='wrap').tolist()

  def run(self, request):
    op = request['op']
    if op == 'hello':
      return {
          'operations': [op for op in OPERATIONS if hasattr(self, op)],
          'versions': {'Python': platform.python_version(), **self.versions},
      }
    if request.get('threads', 1) != 1:
      raise ValueError('one thread only')
    records = getattr(self, op)(request)
    gc.collect()  # what earlier requests left
    start = time.perf_counter()
    if request.get('verify'):
      crc, sizes = 0, []
      for record in records:
        crc = zlib.crc32(record, crc)
        sizes.append(len(record))
      answer = {'crc': crc}
    else:
      sizes = list(map(len, records))
      answer = {}
    seconds = time.perf_counter() - start
    return {'records': len(sizes), 'bytes': sum(sizes), 'seconds': seconds, **answer}

  def serve(self):
    # Whatever a library prints must not get between the answers.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), 'w')
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    for line in sys.stdin:
      request = json.loads(line)
      try:
        answer = self.run(request)
      except Exception as e:  # pylint: disable=broad-except
        answer = {'error': f'{type(e).__name__}: {e}'}
      print(json.dumps({'op': request['op'], **answer}), file=answers, flush=True)


class Opened:
  """Stands for an opened file: its length is the number of records."""

  def __init__(self, count):
    self._count = count

  def __len__(self):
    return self._count


def repeated(request, make):
  """The records of make(), as often as asked for."""
  return itertools.chain.from_iterable(make() for _ in range(request['count']))
