"""The two plain files that stand beside every ArrayRecord file made here.

X.records holds the records themselves: for each one its length as an unsigned
32-bit little-endian number, then its bytes. X.options says how the file was
made and what its reader reported, one "key: value" per line.
"""

import struct


def write_records(path, records):
  with open(path, 'wb') as f:
    for record in records:
      f.write(struct.pack('<I', len(record)))
      f.write(record)


def read_records(path):
  with open(path, 'rb') as f:
    data = f.read()
  records = []
  pos = 0
  while pos < len(data):
    if len(data) - pos < 4:
      raise ValueError(f'{path}: length cut short at offset {pos}')
    (size,) = struct.unpack_from('<I', data, pos)
    if len(data) - pos - 4 < size:
      raise ValueError(f'{path}: record {len(records)} cut short at offset {pos}')
    records.append(data[pos + 4:pos + 4 + size])
    pos += 4 + size
  return records


def write_options(path, **values):
  with open(path, 'w', encoding='utf-8') as f:
    for key, value in values.items():
      f.write(f'{key}: {value}'.rstrip() + '\n')


def read_options(path):
  values = {}
  with open(path, encoding='utf-8') as f:
    for line in f:
      key, _, value = line.rstrip('\n').partition(':')
      values[key] = value.strip()
  return values
