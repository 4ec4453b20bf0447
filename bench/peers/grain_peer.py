#!/usr/bin/env python3
"""Grain's loader as a peer: a shuffled epoch over ArrayRecord files, read ahead.

One thread for each processor was fastest in trials; the default is 16.
"""

import itertools
import os

from absl import logging

logging.set_verbosity(logging.ERROR)  # JAX is not missed

# pylint: disable=wrong-import-position
import grain

import peer


class GrainPeer(peer.Peer):

  versions = {
      'grain': peer.version_of('grain'),
      'array_record': peer.version_of('array_record'),
  }

  def loader(self, request):
    source = grain.sources.ArrayRecordDataSource(request['files'])
    options = grain.ReadOptions(num_threads=os.cpu_count(), prefetch_buffer_size=500)
    count = request['count'] * request['batch']

    def make():
      data = grain.MapDataset.source(source).shuffle(seed=1).repeat()
      yield from itertools.islice(data.to_iter_dataset(options), count)

    return make()


if __name__ == '__main__':
  GrainPeer().serve()
