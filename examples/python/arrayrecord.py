"""ArrayRecord files as a data source for Grain, over libarrayrecord's C interface.

Takes the place of array_record.python.array_record_data_source: the same class, keys and elements.
It needs Python 3.9 or newer and libarrayrecord.so.0 (`make install`), no compiler. The library is
looked for where the system looks, or at the path in the environment variable ARRAYRECORD_LIBRARY.

    source = arrayrecord.ArrayRecordDataSource(['train-00000-of-00002.arrayrecord', ...])
    source[7], source.__getitems__([3, 1, 4])
    grain.MapDataset.source(source).shuffle(seed=1).batch(32)
"""

import array
import bisect
import ctypes
import hashlib
from itertools import accumulate, repeat
import os
import re
import sys
import threading
import time

__all__ = ['ArrayRecordDataSource', 'ArrayRecordError']


# ---- The C interface: what is used of arrayrecord.h ----


class _Error(ctypes.Structure):
  _fields_ = [
      ('code', ctypes.c_int),
      ('os_errno', ctypes.c_int32),
      ('position', ctypes.c_uint64),
      ('chunk', ctypes.c_uint64),
      ('record', ctypes.c_uint64),
      ('message', ctypes.c_char * 512),
  ]


class _ReaderOptions(ctypes.Structure):
  _fields_ = [
      ('struct_size', ctypes.c_uint32),
      ('max_parallelism', ctypes.c_uint32),
      ('readahead_buffer_size', ctypes.c_uint64),
      ('readahead_memory', ctypes.c_uint64),
      ('footer_prefetch_bytes', ctypes.c_uint64),
      ('max_record_size', ctypes.c_uint64),
      ('max_chunk_size', ctypes.c_uint64),
      ('no_readahead', ctypes.c_int32),
      ('offloaded_index', ctypes.c_int32),
      ('mapped', ctypes.c_int32),
  ]


_OK = 0
_BUFFER_TOO_SMALL = 103
# Versions of the interface with the same major and minor number fit.
_VERSION = (0, 1)


def _load():
  suffix = '.0.dylib' if sys.platform == 'darwin' else '.so.0'
  path = os.environ.get('ARRAYRECORD_LIBRARY') or 'libarrayrecord' + suffix
  try:
    library = ctypes.CDLL(path)  # releases the GIL during calls
    # Takes no time, so letting other threads run would only cost some.
    at_once = ctypes.PyDLL(path)
  except OSError as e:
    raise ImportError(
        f'{e}: install libarrayrecord (make install), or set ARRAYRECORD_LIBRARY to its path') from e
  pointer, size, number = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_uint64
  error = ctypes.POINTER(_Error)
  for owner, name, result, arguments in (
      (library, 'ar_version', ctypes.c_uint32, []),
      (library, 'ar_reader_options_parse', ctypes.c_int,
       [ctypes.c_char_p, size, ctypes.POINTER(_ReaderOptions), error]),
      (library, 'ar_reader_open', ctypes.c_int,
       [ctypes.c_char_p, ctypes.POINTER(_ReaderOptions), pointer, error]),
      (library, 'ar_reader_free', None, [pointer]),
      (library, 'ar_reader_num_records', number, [pointer]),
      (library, 'ar_reader_get', ctypes.c_int, [pointer, number, pointer, size, pointer, error]),
      (at_once, 'ar_batch_create', ctypes.c_int, [pointer, error]),
      (library, 'ar_batch_read', ctypes.c_int,
       [pointer, pointer, pointer, size, ctypes.c_uint32, error]),
      (at_once, 'ar_batch_record', pointer, [pointer, size, pointer]),
      (library, 'ar_batch_free', None, [pointer]),
  ):
    function = getattr(owner, name)
    function.restype, function.argtypes = result, arguments
    setattr(library, name, function)
  library.to_bytes = ctypes.pythonapi.PyBytes_FromStringAndSize
  library.to_bytes.restype, library.to_bytes.argtypes = ctypes.py_object, [pointer, size]
  version = library.ar_version()
  if (version // 10000, version // 100 % 100) != _VERSION:
    raise ImportError(f'{path} is version {version}, which has another interface')
  return library


_library = _load()


class ArrayRecordError(Exception):
  """What the library says of a file. `code` is the number of an ar_code, `os_errno` the system's."""

  def __init__(self, message, code=0, os_errno=0):
    super().__init__(message, code, os_errno)
    self.code = code
    self.os_errno = os_errno

  def __str__(self):
    return self.args[0]


def _check(code, error, path):
  if code != _OK:
    message = error.message.decode('utf-8', 'replace')
    raise ArrayRecordError(f'{path}: {message}', code, error.os_errno)


# ---- fork: no call may be under way in another thread when the process forks ----

_under_way = set()  # threads
_forking = False
_fork_lock = threading.Lock()


def _enter():
  thread = threading.get_ident()
  _under_way.add(thread)
  while _forking:
    _under_way.discard(thread)
    with _fork_lock:  # until the fork is done
      pass
    _under_way.add(thread)
  return thread


def _before_fork():
  global _forking
  _fork_lock.acquire()
  _forking = True
  while _under_way:
    time.sleep(0.0001)


def _after_fork():
  global _forking
  _forking = False
  _fork_lock.release()


os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork)


# ---- Readers ----


class _Reader:
  """An open file, freed with the last reference: never under a thread that still reads."""

  def __init__(self, path, options):
    self.path = path
    self._handle = ctypes.c_void_p()
    error = _Error()
    parsed = _ReaderOptions(struct_size=ctypes.sizeof(_ReaderOptions))
    text = options.encode()
    _check(_library.ar_reader_options_parse(text, len(text), parsed, error), error, path)
    thread = _enter()
    try:
      code = _library.ar_reader_open(os.fsencode(path), parsed, ctypes.byref(self._handle), error)
    finally:
      _under_way.discard(thread)
    _check(code, error, path)

  def __del__(self, free=_library.ar_reader_free):
    if self._handle:
      free(self._handle)

  def __len__(self):
    return _library.ar_reader_num_records(self._handle)

  def get(self, position):
    room = _room
    thread = _enter()
    try:
      code = _library.ar_reader_get(
          self._handle, position, room.buffer, _ROOM, room.size_pointer, room.error_pointer)
    finally:
      _under_way.discard(thread)
    if code == _OK:
      return _library.to_bytes(room.buffer, room.size)
    if code == _BUFFER_TOO_SMALL:
      return self.batch(array.array('Q', (position,)))[0]
    _check(code, room.error, self.path)

  def batch(self, positions):
    """The records at `positions`, an array of type Q."""
    batch = ctypes.c_void_p()
    error = _Error()
    address, n = positions.buffer_info()
    _check(_library.ar_batch_create(ctypes.byref(batch), error), error, self.path)
    try:
      thread = _enter()
      try:
        code = _library.ar_batch_read(batch, self._handle, address, n, 0, error)
      finally:
        _under_way.discard(thread)
      _check(code, error, self.path)
      # For each record one call tells where it is and how large, the next makes it a bytes.
      size = ctypes.c_size_t()
      places = map(_library.ar_batch_record, repeat(batch), range(n), repeat(ctypes.byref(size)))
      return list(map(_library.to_bytes, places, repeat(size)))
    finally:
      _library.ar_batch_free(batch)


_ROOM = 1 << 16


class _Room(threading.local):
  """Where a thread's single records go."""

  def __init__(self):
    self._bytes = ctypes.create_string_buffer(_ROOM)
    self.buffer = ctypes.addressof(self._bytes)
    self.size = ctypes.c_size_t()
    self.size_pointer = ctypes.byref(self.size)
    self.error = _Error()
    self.error_pointer = ctypes.byref(self.error)


_room = _Room()


# ---- The data source ----


class ArrayRecordDataSource:
  """The records of files one after the other, by number. Any number of threads may use it.

  Args:
    paths: a path, or a sequence of them. `name[2:5]` are the records 2 to 4 of a file, as is an
      object with `filename`, `skip` and `take`.
    reader_options: names and values of options for the library's readers.

  Files are opened when they are needed. A source can be pickled, and used in children of fork: each
  process opens the files for itself, or goes on with those that were open. Leaving its `with` block
  closes the files; use afterwards opens them again.

  Raises:
    ArrayRecordError: for files that cannot be read.
    ValueError: for keys that no record has.
  """

  def __init__(self, paths, reader_options=None):
    if isinstance(paths, (str, os.PathLike)) or _is_instruction(paths):
      paths = [paths]
    self._options = ','.join(f'{key}:{value}' for key, value in (reader_options or {}).items())
    self._reset()
    self._files, self._starts, counts = [], [], []
    for path in paths:
      if _is_instruction(path):
        name, start, count = os.fspath(path.filename), path.skip, path.take
      elif part := re.fullmatch(r'(.*)\[(\d+):(\d+)\]', os.fspath(path), re.DOTALL):
        name, start = part[1], int(part[2])
        count = int(part[3]) - start
      else:
        name, start = os.fspath(path), 0
        reader = _Reader(name, self._options)
        count = len(reader)
        self._readers[len(self._files)] = reader
      if start < 0 or count < 0:
        raise ValueError(f'{path}: no range of records')
      self._files.append(name)
      self._starts.append(start)
      counts.append(count)
    if not self._files:
      raise ValueError('there are no paths')
    self._ends = list(accumulate(counts))

  def _reset(self):
    self._readers = {}
    self._opening = threading.Lock()

  def _reader(self, file):
    reader = self._readers.get(file)
    if reader is None:
      with self._opening:
        reader = self._readers.get(file)
        if reader is None:
          reader = self._readers[file] = _Reader(self._files[file], self._options)
    return reader

  def _locate(self, key):
    key = key.__index__()
    if not 0 <= key < self._ends[-1]:
      raise ValueError(f'record {key} of {self._ends[-1]}')
    file = bisect.bisect_right(self._ends, key)
    return file, key - (self._ends[file - 1] if file else 0) + self._starts[file]

  def __len__(self):
    return self._ends[-1]

  def __getitem__(self, record_key):
    file, position = self._locate(record_key)
    return self._reader(file).get(position)

  def __getitems__(self, record_keys):
    if not len(record_keys):
      return []
    if len(self._files) == 1:
      first, last = min(record_keys).__index__(), max(record_keys).__index__()
      if first >= 0 and last < len(self) and not self._starts[0]:
        return self._reader(0).batch(array.array('Q', record_keys))
    by_file = {}
    for index, key in enumerate(record_keys):
      file, position = self._locate(key)
      positions, indices = by_file.setdefault(file, (array.array('Q'), []))
      positions.append(position)
      indices.append(index)
    records = [b''] * len(record_keys)
    for file, (positions, indices) in by_file.items():
      for index, record in zip(indices, self._reader(file).batch(positions)):
        records[index] = record
    return records

  _getitems = __getitems__

  def __iter__(self):
    for begin in range(0, len(self), 1024):
      yield from self.__getitems__(range(begin, min(begin + 1024, len(self))))

  def __enter__(self):
    return self

  def __exit__(self, *_):
    self._readers = {}

  def __getstate__(self):
    state = self.__dict__.copy()
    del state['_readers'], state['_opening']
    return state

  def __setstate__(self, state):
    self.__dict__.update(state)
    self._reset()

  def __repr__(self):
    """That of upstream's class, by which Grain knows a checkpoint's source again."""
    digest = hashlib.sha1(''.join(self._files).encode('utf-8', 'surrogateescape')).hexdigest()
    return f'ArrayRecordDataSource(hash_of_paths={digest})'


def _is_instruction(path):
  return all(hasattr(path, name) for name in ('filename', 'skip', 'take'))
