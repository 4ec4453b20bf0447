#!/usr/bin/env python3
"""tf.data as a peer: TFRecord files, and ArrayRecord files made from them.

Records come out of tf.data in batches, which is much faster than one by one.
"""

import itertools
import os

os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '3')
os.environ.setdefault('TF_ENABLE_ONEDNN_OPTS', '0')  # which it would tell about
os.environ.setdefault('CUDA_VISIBLE_DEVICES', '')

# pylint: disable=wrong-import-position
from array_record.python import array_record_module
import tensorflow as tf

import peer

BATCH = 1024


def tfrecords(name):
  data = tf.data.TFRecordDataset(name, buffer_size=1 << 20)
  data = data.batch(BATCH).prefetch(tf.data.AUTOTUNE)
  return itertools.chain.from_iterable(data.as_numpy_iterator())


class TfDataPeer(peer.Peer):

  versions = {
      'tensorflow': tf.__version__,
      'array_record': peer.version_of('array_record'),
  }

  def write(self, request):
    records = self.records(request)

    def make():
      with tf.io.TFRecordWriter(request['file']) as writer:
        for record in records:
          writer.write(record)
          yield record

    return peer.repeated(request, make)

  def sequential(self, request):
    return peer.repeated(request, lambda: tfrecords(request['file']))

  def convert(self, request):
    def make():
      writer = array_record_module.ArrayRecordWriter(request['file'], request['options'])
      for record in tfrecords(request['source']):
        writer.write(record)
        yield record
      writer.close()

    return peer.repeated(request, make)


if __name__ == '__main__':
  TfDataPeer().serve()
