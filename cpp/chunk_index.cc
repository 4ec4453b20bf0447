#include "chunk_index.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <new>
#include <string>

#include "chunk.h"
#include "platform.h"

namespace arrayrecord {

Status WordArray::Allocate(size_t words, bool in_file) {
  Free();
  if (words == 0) return Status();
  if (words > SIZE_MAX / sizeof(uint64_t)) throw std::bad_alloc();
  const size_t bytes = words * sizeof(uint64_t);
  if (!in_file) {
    data_ = static_cast<uint64_t*>(std::calloc(words, sizeof(uint64_t)));
    if (data_ == nullptr) throw std::bad_alloc();
  } else {
    const char* dir = std::getenv("TMPDIR");
    std::string name = std::string(dir != nullptr && *dir != '\0' ? dir : "/tmp");
    name += "/arrayrecord-index-XXXXXX";
    int fd = platform::OpenTemporary(&name);
    if (fd < 0) return Status::Io(errno, "temporary file for the offloaded index, " + name);
    unlink(name.c_str());
    // Reserving the blocks now turns a full disk into an error here and not a signal later.
    int failed = platform::Reserve(fd, bytes);
    void* map =
        failed ? MAP_FAILED : mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (!failed && map == MAP_FAILED) failed = errno;
    close(fd);
    if (failed) return Status::Io(failed, "temporary file for the offloaded index, " + name);
    data_ = static_cast<uint64_t*>(map);
    mapped_ = true;
  }
  size_ = words;
  return Status();
}

void WordArray::Free() {
  if (mapped_) {
    munmap(data_, size_ * sizeof(uint64_t));
  } else {
    std::free(data_);
  }
  data_ = nullptr;
  size_ = 0;
  mapped_ = false;
}

Status WordArray::Assign(const std::vector<uint64_t>& words, bool in_file) {
  AR_TRY(Allocate(words.size(), in_file));
  std::copy(words.begin(), words.end(), data_);
  return Status();
}

bool PackedSizes::Add(const FooterEntry* chunks, size_t n) {
  uint64_t sum = sum_;
  bool too_large = false;
  while (n > 0) {
    const size_t count = std::min<size_t>(n, kAtOnce - num_sizes_);
    uint64_t* const sizes = sizes_ + num_sizes_;
    for (size_t i = 0; i < count; ++i) {
      sizes[i] = chunks[i].decoded_data_size;
      too_large |= __builtin_add_overflow(sum, sizes[i], &sum);
    }
    sum_ = sum;
    num_sizes_ += count;
    if (num_sizes_ == kAtOnce) Pack();
    chunks += count;
    n -= count;
  }
  return !too_large;
}

void PackedSizes::Pack() {
  uint64_t base = sizes_[0], largest = sizes_[0];
  for (size_t i = 1; i < num_sizes_; ++i) {
    base = std::min(base, sizes_[i]);
    largest = std::max(largest, sizes_[i]);
  }
  const uint64_t range = largest - base;
  const unsigned bits = range == 0 ? 0 : 64 - static_cast<unsigned>(__builtin_clzll(range));
  const size_t begin = new_words_.size();
  new_headers_.insert(new_headers_.end(), {packed_sum_, base, begin});
  packed_sum_ = sum_;
  if (bits > 0) {
    new_words_.resize(begin + bits);
    uint64_t* to = &new_words_[begin];
    uint64_t word = 0;
    unsigned used = 0;
    for (size_t i = 0; i < num_sizes_; ++i) {
      const uint64_t above = sizes_[i] - base;
      word |= above << used;
      used += bits;
      if (used >= 64) {
        *to++ = word;
        used -= 64;
        word = used == 0 ? 0 : above >> (bits - used);  // what did not fit
      }
    }
    if (used > 0) *to = word;
  }
  num_sizes_ = 0;
}

Status PackedSizes::Finish(bool in_file) {
  if (num_sizes_ > 0) Pack();
  new_headers_.insert(new_headers_.end(), {sum_, 0, new_words_.size()});
  AR_TRY(headers_.Assign(new_headers_, in_file));
  AR_TRY(words_.Assign(new_words_, in_file));
  new_headers_ = {};
  new_words_ = {};
  return Status();
}

uint64_t PackedSizes::SumOf(uint64_t n) const {
  const uint64_t header = kHeader * (n / kAtOnce);
  uint64_t sum = headers_[header];
  for (uint64_t i = 0; i < n % kAtOnce; ++i) sum += Get(header, i);
  return sum;
}

Status ChunkIndex::Start(uint64_t num_chunks, uint64_t end, bool offloaded) {
  num_chunks_ = num_chunks;
  end_ = end;
  offloaded_ = offloaded;
  // One value more: the end of the last chunk.
  const uint64_t values = num_chunks + 1;
  low_bits_ = 0;
  while (end >> (low_bits_ + 1) >= values) ++low_bits_;
  AR_TRY(low_.Allocate((values * low_bits_ + 63) / 64 + 1, offloaded));
  AR_TRY(high_.Allocate((values + (end >> low_bits_)) / 64 + 1, offloaded));
  return samples_.Allocate(values / kSampling + 1, offloaded);
}

Status ChunkIndex::Add(uint64_t offset, uint64_t count, uint64_t decoded_size) {
  const uint64_t chunk = added_;
  if (offset < kSignatureEnd || offset >= end_ || offset <= last_offset_ ||
      !CanBeginChunk(offset)) {
    return Corrupt("index entry with an impossible chunk offset " + std::to_string(offset))
        .InChunk(chunk);
  }
  // No chunk can end before its header does, nor be shorter than it has records.
  if (chunk > 0 &&
      (offset - last_offset_ < kChunkHeaderSize || offset - last_offset_ < last_count_)) {
    return Corrupt("index entries with overlapping chunks").InChunk(chunk);
  }
  if (count == 0) return Corrupt("index entry of a chunk without records").InChunk(chunk);
  if (count > end_ - offset) {
    return Corrupt("index entry of a chunk with more records than bytes").InChunk(chunk);
  }
  if (chunk == 0) group_size_ = count;
  if (!sizes_.Add(decoded_size)) return TooLarge();
  // A short chunk is ordinary as the last one; a long one nowhere.
  if (!uneven_ && ((chunk > 0 && last_count_ != group_size_) || count > group_size_)) {
    AR_TRY(BecomeUneven());
  }
  if (uneven_) first_record_[chunk + 1] = num_records_ + count;
  Append(offset);
  num_records_ += count;
  last_count_ = count;
  last_offset_ = offset;
  return Status();
}

Status ChunkIndex::Add(const FooterEntry* chunks, size_t n) {
  if (n == 0) return Status();
  if (!AreAlike(chunks, n)) {
    for (size_t i = 0; i < n; ++i) {
      AR_TRY(Add(chunks[i].chunk_offset, chunks[i].num_records, chunks[i].decoded_data_size));
    }
    return Status();
  }
  if (!sizes_.Add(chunks, n)) return TooLarge();
  Append(chunks, n);
  num_records_ += n * group_size_;
  last_offset_ = chunks[n - 1].chunk_offset;
  return Status();
}

bool ChunkIndex::AreAlike(const FooterEntry* chunks, size_t n) const {
  if (added_ == 0 || uneven_ || last_count_ != group_size_) return false;
  const uint64_t distance = std::max(kChunkHeaderSize, group_size_);
  uint64_t last = last_offset_;
  bool alike = true;
  for (size_t i = 0; i < n; ++i) {
    const uint64_t offset = chunks[i].chunk_offset;
    // Without branches, which would cost more than they save.
    alike &= (offset > last) & (offset - last >= distance) & CanBeginChunk(offset) &
             (chunks[i].num_records == group_size_);
    last = offset;
  }
  // They increase, so only the last one can be too large.
  return alike && last < end_ && group_size_ <= end_ - last;
}

Status ChunkIndex::TooLarge() {
  return Corrupt("index entries with records of more than 2^64 bytes");
}

Status ChunkIndex::BecomeUneven() {
  AR_TRY(first_record_.Allocate(num_chunks_ + 1, offloaded_));
  for (uint64_t c = 0; c < added_; ++c) first_record_[c] = c * group_size_;
  first_record_[added_] = num_records_;
  uneven_ = true;
  return Status();
}

Status ChunkIndex::Finish(uint64_t num_records) {
  if (num_records_ != num_records) {
    return Corrupt("the index has " + std::to_string(num_records_) + " records, its header says " +
                   std::to_string(num_records));
  }
  Append(end_);
  return sizes_.Finish(offloaded_);
}

void ChunkIndex::Append(uint64_t value) {
  if (low_bits_ != 0) {
    uint64_t low = value & ((uint64_t{1} << low_bits_) - 1);
    uint64_t bit = added_ * low_bits_;
    low_[bit / 64] |= low << bit % 64;
    if (bit % 64 + low_bits_ > 64) low_[bit / 64 + 1] |= low >> (64 - bit % 64);
  }
  uint64_t place = (value >> low_bits_) + added_;
  high_[place / 64] |= uint64_t{1} << place % 64;
  if (added_ % kSampling == 0) samples_[added_ / kSampling] = place;
  ++added_;
}

void ChunkIndex::Append(const FooterEntry* chunks, size_t n) {
  // Words are put together in variables and stored when they are full.
  const unsigned low_bits = low_bits_;
  const uint64_t low_mask = (uint64_t{1} << low_bits) - 1;
  uint64_t added = added_;
  uint64_t* low_at = &low_[added * low_bits / 64];
  unsigned low_used = added * low_bits % 64;
  uint64_t low = *low_at;
  uint64_t high_at = ((chunks[0].chunk_offset >> low_bits) + added) / 64;
  uint64_t high = high_[high_at];
  for (size_t i = 0; i < n; ++i) {
    const uint64_t value = chunks[i].chunk_offset;
    const uint64_t low_part = value & low_mask;
    low |= low_part << low_used;
    low_used += low_bits;
    if (low_used >= 64) {
      *low_at++ = low;
      low_used -= 64;
      low = low_part >> (low_bits - low_used);  // what did not fit
    }
    const uint64_t place = (value >> low_bits) + added;
    if (place / 64 != high_at) {
      high_[high_at] = high;
      high_at = place / 64;
      high = 0;
    }
    high |= uint64_t{1} << place % 64;
    if (added % kSampling == 0) samples_[added / kSampling] = place;
    ++added;
  }
  added_ = added;
  *low_at = low;
  high_[high_at] = high;
}

uint64_t ChunkIndex::Select(uint64_t i) const {
  uint64_t place = samples_[i / kSampling];
  uint64_t to_skip = i % kSampling;
  uint64_t word = place / 64;
  uint64_t bits = high_[word] & (~uint64_t{0} << place % 64);
  for (;;) {
    uint64_t ones = static_cast<uint64_t>(__builtin_popcountll(bits));
    if (to_skip < ones) break;
    to_skip -= ones;
    bits = high_[++word];
  }
  for (; to_skip > 0; --to_skip) bits &= bits - 1;
  return word * 64 + static_cast<uint64_t>(__builtin_ctzll(bits));
}

ChunkIndex::Extent ChunkIndex::Neighbours(uint64_t i) const {
  uint64_t place = Select(i);
  uint64_t begin = (place - i) << low_bits_ | Low(i);
  // The next 1 is nearly always in the same word.
  uint64_t word = (place + 1) / 64;
  uint64_t bits = high_[word] & (~uint64_t{0} << (place + 1) % 64);
  while (bits == 0) bits = high_[++word];
  place = word * 64 + static_cast<uint64_t>(__builtin_ctzll(bits));
  const uint64_t next = (place - (i + 1)) << low_bits_ | Low(i + 1);
  return {begin, gaps_.empty() ? next : EndBefore(next)};
}

uint64_t ChunkIndex::EndBefore(uint64_t next) const {
  const auto gap = std::lower_bound(gaps_.begin(), gaps_.end(), next,
                                    [](const Gap& g, uint64_t end) { return g.end < end; });
  return gap != gaps_.end() && gap->end == next ? gap->begin : next;
}

ChunkIndex::Walk::Walk(const ChunkIndex& index, uint64_t chunk) : index_(&index), number_(chunk) {
  const uint64_t place = index.Select(chunk);
  begin_ = (place - chunk) << index.low_bits_ | index.Low(chunk);
  word_ = place / 64;
  bits_ = index.high_[word_] & (~uint64_t{0} << place % 64);
  bits_ &= bits_ - 1;
  FindEnd();
}

uint64_t ChunkIndex::RunOf(uint64_t chunk, uint64_t file_bytes, uint64_t decoded_bytes) const {
  const uint64_t begin = Offset(chunk), decoded = sizes_.SumOf(chunk);
  auto fits = [&](uint64_t end) {
    return Offset(end) - begin <= file_bytes && sizes_.SumOf(end) - decoded <= decoded_bytes;
  };
  // Doubling, then halving: the cost is that of the run, not of the file.
  uint64_t low = chunk + 1;  // what fits, or must do
  uint64_t step = 1;
  while (step < num_chunks_ - low && fits(low + step)) {
    low += step;
    step *= 2;
  }
  uint64_t high = std::min(num_chunks_, low + step);
  while (low < high) {
    const uint64_t middle = high - (high - low) / 2;
    if (fits(middle)) {
      low = middle;
    } else {
      high = middle - 1;
    }
  }
  return low;
}

uint64_t ChunkIndex::ChunkOf(uint64_t record) const {
  if (!uneven_) return group_size_ == 1 ? record : record / group_size_;
  uint64_t low = 0, high = num_chunks_ - 1;
  while (low < high) {
    uint64_t middle = high - (high - low) / 2;
    if (first_record_[middle] <= record) {
      low = middle;
    } else {
      high = middle - 1;
    }
  }
  return low;
}

size_t ChunkIndex::bytes() const {
  return (low_.size() + high_.size() + samples_.size() + first_record_.size()) * sizeof(uint64_t) +
         sizes_.bytes();
}

}  // namespace arrayrecord
