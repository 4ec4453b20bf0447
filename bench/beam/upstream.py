"""Converts TFRecords by array_record's Beam transform, on Python Beam's DirectRunner.

Usage: upstream.py PATTERN PREFIX NUM_SHARDS
"""

import sys

import apache_beam as beam
from apache_beam.coders import coders
from array_record.beam import arrayrecordio


def main(pattern, prefix, num_shards):
  with beam.Pipeline(runner="DirectRunner") as p:
    _ = (
        p
        | beam.io.ReadFromTFRecord(pattern)
        | arrayrecordio.WriteToArrayRecord(
            prefix, coder=coders.ToBytesCoder(), num_shards=int(num_shards), file_name_suffix=".array_record"
        )
    )


main(*sys.argv[1:])
