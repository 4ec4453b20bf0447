#include "reads.h"

#include <algorithm>

namespace arrayrecord::floor {

namespace {

constexpr size_t kAhead = 4;  // chunks on their way from memory

}  // namespace

void RandomBatch(const Input& in, const uint64_t* records, size_t n, Workers* workers, Slab* slab) {
  slab->used = 0;
  std::vector<uint64_t> sorted(records, records + n);
  std::sort(sorted.begin(), sorted.end());
  Turns turns(n, n / (8 * workers->size()));
  workers->Run([&](Worker* worker, size_t) {
    for (size_t i, end; turns.Next(&i, &end);) {
      while (i < end) {
        const uint64_t begin = in.chunks[sorted[i]].begin;
        size_t run_end = i + 1;
        while (run_end < end && sorted[run_end] == sorted[run_end - 1] + 1 &&
               in.chunks[sorted[run_end]].end - begin <= Input::kRunBytes / 2) {
          ++run_end;
        }
        const uint8_t* bytes = in.Bytes(begin, in.chunks[sorted[run_end - 1]].end, &worker->chunk);
        for (; i < run_end; ++i) {
          if (i + kAhead < end) in.Prefetch(in.chunks[sorted[i + kAhead]]);
          const ChunkPlace& chunk = in.chunks[sorted[i]];
          const View view(in.Joined(chunk, bytes + (chunk.begin - begin), &worker->joined));
          floor::Decompress(view.codec, view.values, view.decoded_size, worker->decompressor,
                            slab->Take(view.decoded_size));
          worker->bytes += view.decoded_size;
          ++worker->records;
        }
      }
    }
  });
}

void RandomBatchOfGroups(const Input& in, const uint64_t* records, size_t n, Workers* workers,
                         Slab* slab) {
  slab->used = 0;
  std::vector<uint64_t> sorted(records, records + n);
  std::sort(sorted.begin(), sorted.end());
  std::vector<size_t> parts;  // where the records of each chunk begin, and the end
  for (size_t i = 0; i < n; ++i) {
    if (i == 0 || sorted[i] / in.group_size != sorted[i - 1] / in.group_size) parts.push_back(i);
  }
  parts.push_back(n);
  Turns turns(parts.size() - 1, 1);
  workers->Run([&](Worker* worker, size_t) {
    for (size_t part, end; turns.Next(&part, &end);) {
      const ChunkPlace& chunk = in.Of(sorted[parts[part]]);
      const View view = in.Load(chunk, worker);
      DecodeSizes(view, worker);
      const uint8_t* values = PlainValues(view, worker);
      uint64_t at = chunk.first_record;
      for (size_t i = parts[part]; i < parts[part + 1]; ++i) {
        for (; at < sorted[i]; ++at) values += worker->sizes[at - chunk.first_record];
        const uint64_t size = worker->sizes[at - chunk.first_record];
        Copy(values, size, slab->Take(size));
        worker->bytes += size;
        ++worker->records;
      }
    }
  });
}

void Sequential(const Input& in, Workers* workers) {
  Turns turns(in.runs.size() - 1, 1);
  workers->Run([&](Worker* worker, size_t) {
    for (size_t run, run_end; turns.Next(&run, &run_end);) {
      const size_t first = in.runs[run], end = in.runs[run + 1];
      const uint64_t begin = in.chunks[first].begin;
      const uint8_t* bytes = in.Bytes(begin, in.chunks[end - 1].end, &worker->chunk);
      uint64_t size = 0;
      for (size_t i = first; i < end; ++i) size += in.chunks[i].decoded_size;
      uint8_t* out = worker->slab.Get(size);
      for (size_t i = first; i < end; ++i) {
        const ChunkPlace& chunk = in.chunks[i];
        const View view(in.Joined(chunk, bytes + (chunk.begin - begin), &worker->joined));
        DecodeSizes(view, worker);
        floor::Decompress(view.codec, view.values, view.decoded_size, worker->decompressor, out);
        out += view.decoded_size;
        worker->records += view.num_records;
      }
      worker->bytes += size;
    }
  });
}

void Gets(const Input& in, const std::vector<uint64_t>& order, uint64_t first, uint64_t count,
          Workers* workers) {
  workers->Run([&](Worker* worker, size_t number) {
    for (uint64_t k = number; k < count; k += workers->size()) {
      const uint64_t record = order[(first + k) % order.size()];
      const ChunkPlace& chunk = in.Of(record);
      const View view = in.Load(chunk, worker);
      uint64_t size = view.decoded_size;
      if (view.num_records == 1) {
        floor::Decompress(view.codec, view.values, size, worker->decompressor,
                          worker->slab.Get(size));
      } else {
        DecodeSizes(view, worker);
        const uint8_t* values = PlainValues(view, worker);
        const uint64_t in_chunk = record - chunk.first_record;
        for (uint64_t i = 0; i < in_chunk; ++i) values += worker->sizes[i];
        size = worker->sizes[in_chunk];
        Copy(values, size, worker->slab.Get(size));
      }
      worker->bytes += size;
      ++worker->records;
    }
  });
}

}  // namespace arrayrecord::floor
