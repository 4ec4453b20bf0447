#include "transpose_decoder.h"

#include <algorithm>
#include <cstring>
#include <string>

#include "codec.h"

namespace arrayrecord {
namespace {

// Far more than any writer nests, and little enough to be held.
constexpr size_t kMaxDepth = 1 << 20;
// Headers beyond this that compress better than any state machine does are not expanded: a state
// takes about ten times the two bytes that it needs there.
constexpr uint64_t kFreeHeaderSize = 4 << 20;
constexpr uint64_t kMaxHeaderRatio = 64;

enum class Kind : uint8_t {
  kNoOp,
  kNonProto,
  kSubmessageStart,
  kRecordStart,
  kVarint,        // bytes from the buffer
  kInlineVarint,  // one byte, in the state
  kFixed32,
  kFixed64,
  kString,
  kGroupTag,
  kSubmessageEnd,
};

// Node ids below this are not tags.
constexpr uint64_t kFirstTag = 8;
constexpr uint8_t kMaxVarintSubtype = 9;
constexpr uint8_t kFirstInlineSubtype = 10;
constexpr uint8_t kMaxInlineSubtype = 137;

struct State {
  Kind kind = Kind::kNoOp;
  uint8_t subtype = 0;
  uint8_t tag_size = 0;
  uint8_t tag[5] = {};
  uint32_t next : 31;
  uint32_t implicit : 1;  // moves on without a transition byte
  uint32_t buffer = 0;

  State() : next(0), implicit(0) {}
  bool has_buffer() const {
    return kind == Kind::kNonProto || kind == Kind::kVarint || kind == Kind::kFixed32 ||
           kind == Kind::kFixed64 || kind == Kind::kString;
  }
};

// The records grow from the end of a buffer to its beginning. The size that the chunk claims is
// allocated at once only where it does not look too large for the data.
class BackwardOutput {
 public:
  BackwardOutput(uint64_t size, uint64_t credible_size)
      : size_(size), capacity_(std::min(size, credible_size)), bytes_(capacity_) {
    at_ = bytes_.data() + capacity_;
  }

  uint64_t produced() const { return produced_; }
  uint64_t left() const { return size_ - produced_; }

  // Makes place for `n` bytes before those that are there.
  bool Extend(uint64_t n) {
    if (n > left()) return false;
    if (n > static_cast<uint64_t>(at_ - bytes_.data())) Grow(n);
    at_ -= n;
    produced_ += n;
    return true;
  }
  uint8_t* begin() { return at_; }
  bool Prepend(const uint8_t* data, uint64_t n) {
    if (!Extend(n)) return false;
    std::copy_n(data, n, at_);
    return true;
  }

  Buffer Release() { return std::move(bytes_); }

 private:
  void Grow(uint64_t n) {
    const uint64_t capacity = std::min(size_, std::max(2 * capacity_, produced_ + n));
    Buffer larger(capacity);
    std::copy_n(at_, produced_, larger.data() + capacity - produced_);
    bytes_ = std::move(larger);
    capacity_ = capacity;
    at_ = bytes_.data() + capacity_ - produced_;
  }

  const uint64_t size_;
  uint64_t capacity_;
  Buffer bytes_;
  uint8_t* at_;
  uint64_t produced_ = 0;
};

uint64_t SaturatingSum(uint64_t a, uint64_t b) { return a > UINT64_MAX - b ? UINT64_MAX : a + b; }
uint64_t SaturatingProduct(uint64_t a, uint64_t b) {
  return a > UINT64_MAX / b ? UINT64_MAX : a * b;
}

bool TakeVarint32(ByteSpan* in, uint32_t* value) {
  uint64_t v;
  const size_t before = in->size;
  if (!TakeVarint64(in, &v) || v > UINT32_MAX || before - in->size > 5) return false;
  *value = static_cast<uint32_t>(v);
  return true;
}

class Decoder {
 public:
  Decoder(uint64_t num_records, uint64_t decoded_size, uint64_t max_size)
      : num_records_(num_records), decoded_size_(decoded_size), left_to_own_(max_size) {}

  Status Decode(ByteSpan data, TransposedRecords* records);

 private:
  struct Open {
    uint64_t produced;  // output when its end was met
    const State* end;
  };

  Status Parse(ByteSpan data);
  Status ParseBuffers(ByteSpan* header, ByteSpan* data);
  Status ParseStates(ByteSpan* header);
  static Status Classify(uint64_t id, State* state);
  Status CheckNoImplicitCycle() const;
  Status Expand(ByteSpan block, uint64_t max_size, ByteSpan* plain);
  Status Run(BackwardOutput* out);
  Status Visit(const State& state, BackwardOutput* out);
  Status StartRecord(const BackwardOutput& out);
  // More than any header or transitions for such records need.
  uint64_t MaxMachineSize() const {
    return SaturatingSum(SaturatingProduct(SaturatingSum(decoded_size_, num_records_), 128), 64);
  }
  // Every byte of a value comes out; lengths of records that are no messages do not.
  uint64_t MaxValuesSize() const {
    return SaturatingSum(decoded_size_, SaturatingProduct(num_records_, kMaxVarint64));
  }
  static Status TooMuch() { return Corrupt("transposed chunk decodes to more than it should"); }
  static Status Short() { return Corrupt("transposed chunk: a buffer is too short"); }

  const uint64_t num_records_;
  const uint64_t decoded_size_;
  Codec codec_ = Codec::kNone;
  uint64_t left_to_own_;           // bytes
  std::vector<Buffer> owned_;      // decompressed blocks
  std::vector<ByteSpan> buffers_;  // what has not been consumed
  std::vector<State> states_;
  uint32_t first_ = 0;
  ByteSpan transitions_;
  std::vector<Open> stack_;
  uint64_t open_size_ = 0;        // bytes that the open submessages need at least
  std::vector<uint64_t> starts_;  // output produced when each record began, last record first
};

Status Decoder::Expand(ByteSpan block, uint64_t max_size, ByteSpan* plain) {
  uint64_t size;
  ByteSpan stream;
  AR_TRY(SplitBlock(codec_, block, &size, &stream));
  if (size > max_size) return Corrupt("transposed chunk: a block is larger than it can be");
  if (codec_ == Codec::kNone) {
    *plain = stream;
    return Status();
  }
  if (size > left_to_own_) {
    return Status(AR_RESOURCE_EXHAUSTED,
                  "the parts of a transposed chunk take more than max_chunk_size");
  }
  left_to_own_ -= size;
  AR_TRY(CheckPlausibleSize(codec_, block, size));
  owned_.emplace_back(size);
  AR_TRY(Decompress(codec_, block, owned_.back().data(), size));
  *plain = ByteSpan(owned_.back().data(), size);
  return Status();
}

Status Decoder::Parse(ByteSpan data) {
  if (data.size == 0) return Corrupt("transposed chunk without data");
  codec_ = static_cast<Codec>(data.Take(1).data[0]);
  uint64_t header_size;
  if (!TakeVarint64(&data, &header_size) || header_size > data.size) {
    return Corrupt("transposed chunk: the header runs past the end");
  }
  const uint64_t max_header_size =
      std::max(kFreeHeaderSize, SaturatingProduct(header_size, kMaxHeaderRatio));
  ByteSpan header;
  AR_TRY(Expand(data.Take(header_size), std::min(MaxMachineSize(), max_header_size), &header));
  AR_TRY(ParseBuffers(&header, &data));
  AR_TRY(ParseStates(&header));
  if (header.size != 0) return Corrupt("transposed chunk: bytes after the header");
  return Expand(data, MaxMachineSize(), &transitions_);
}

Status Decoder::ParseBuffers(ByteSpan* header, ByteSpan* data) {
  auto bad = [] { return Corrupt("transposed chunk: invalid buckets or buffers"); };
  uint32_t num_buckets, num_buffers;
  if (!TakeVarint32(header, &num_buckets) || !TakeVarint32(header, &num_buffers) ||
      uint64_t{num_buckets} + num_buffers > header->size) {
    return bad();
  }
  std::vector<ByteSpan> buckets(num_buckets);
  uint64_t left = MaxValuesSize();
  for (ByteSpan& bucket : buckets) {
    uint64_t size;
    if (!TakeVarint64(header, &size) || size > data->size) return bad();
    AR_TRY(Expand(data->Take(size), left, &bucket));
    left -= bucket.size;
  }
  if (num_buckets == 0 && num_buffers != 0) return bad();
  buffers_.resize(num_buffers);
  size_t k = 0;
  for (ByteSpan& buffer : buffers_) {
    uint64_t size;
    if (!TakeVarint64(header, &size) || size > buckets[k].size) return bad();
    buffer = buckets[k].Take(size);
    while (buckets[k].size == 0 && k + 1 < num_buckets) ++k;
  }
  if (num_buckets != 0 && (k + 1 != num_buckets || buckets[k].size != 0)) return bad();
  return Status();
}

Status Decoder::Classify(uint64_t id, State* state) {
  auto bad = [] { return Corrupt("transposed chunk: invalid state"); };
  if (id < kFirstTag) {
    if (id > 3) return bad();
    static constexpr Kind kSpecial[] = {Kind::kNoOp, Kind::kNonProto, Kind::kSubmessageStart,
                                        Kind::kRecordStart};
    state->kind = kSpecial[id];
    return Status();
  }
  uint64_t tag = id;
  switch (id % 8) {
    case 0:
      state->kind = Kind::kVarint;
      break;
    case 1:
      state->kind = Kind::kFixed64;
      break;
    case 2:
      state->kind = Kind::kString;
      break;
    case 3:
    case 4:
      state->kind = Kind::kGroupTag;
      break;
    case 5:
      state->kind = Kind::kFixed32;
      break;
    case 6:
      state->kind = Kind::kSubmessageEnd;
      tag = id - 4;
      break;
    default:
      return bad();
  }
  state->tag_size = static_cast<uint8_t>(PutVarint64(tag, state->tag));
  return Status();
}

Status Decoder::ParseStates(ByteSpan* header) {
  auto bad = [] { return Corrupt("transposed chunk: invalid state machine"); };
  uint32_t n = 0;
  TakeVarint32(header, &n);  // or there are none, and the first is not one of them
  if (uint64_t{2} * n > header->size) return bad();
  states_.resize(n);
  for (State& state : states_) {
    uint32_t id;
    if (!TakeVarint32(header, &id)) return bad();
    AR_TRY(Classify(id, &state));
  }
  for (State& state : states_) {
    uint32_t next;
    if (!TakeVarint32(header, &next) || next >= uint64_t{2} * n) return bad();
    state.implicit = next >= n;
    state.next = next >= n ? next - n : next;
  }
  for (State& state : states_) {
    if (state.kind != Kind::kVarint) continue;
    if (header->size == 0) return bad();
    state.subtype = header->Take(1).data[0];
    if (state.subtype > kMaxInlineSubtype) return bad();
    if (state.subtype > kMaxVarintSubtype) {
      state.kind = Kind::kInlineVarint;
      state.subtype -= kFirstInlineSubtype;
    }
  }
  for (State& state : states_) {
    if (!state.has_buffer()) continue;
    if (!TakeVarint32(header, &state.buffer) || state.buffer >= buffers_.size()) return bad();
  }
  if (!TakeVarint32(header, &first_) || first_ >= n) return bad();
  return CheckNoImplicitCycle();
}

// Implicit moves in a circle would never end.
Status Decoder::CheckNoImplicitCycle() const {
  std::vector<uint32_t> seen_by(states_.size(), 0);
  for (uint32_t i = 0; i < states_.size(); ++i) {
    uint32_t at = i;
    while (seen_by[at] == 0 && states_[at].implicit) {
      seen_by[at] = i + 1;
      at = states_[at].next;
    }
    if (states_[at].implicit && seen_by[at] == i + 1) {
      return Corrupt("transposed chunk: states that lead in a circle");
    }
  }
  return Status();
}

Status Decoder::StartRecord(const BackwardOutput& out) {
  if (!stack_.empty()) return Corrupt("transposed chunk: a record begins within a submessage");
  if (starts_.size() == num_records_) return Corrupt("transposed chunk with too many records");
  starts_.push_back(out.produced());
  return Status();
}

Status Decoder::Visit(const State& state, BackwardOutput* out) {
  switch (state.kind) {
    case Kind::kNoOp:
      return Status();
    case Kind::kNonProto: {
      uint32_t size;
      ByteSpan& lengths = buffers_.back();  // there is one: this state has a buffer
      ByteSpan& buffer = buffers_[state.buffer];
      if (!TakeVarint32(&lengths, &size) || size > buffer.size) return Short();
      if (!out->Prepend(buffer.Take(size).data, size)) return TooMuch();
      return StartRecord(*out);
    }
    case Kind::kRecordStart:
      return StartRecord(*out);
    case Kind::kSubmessageEnd:
      if (stack_.size() == kMaxDepth) return Corrupt("transposed chunk: nested too deeply");
      stack_.push_back({out->produced(), &state});
      open_size_ += state.tag_size + 1u;
      return open_size_ <= out->left() ? Status() : TooMuch();
    case Kind::kSubmessageStart: {
      if (stack_.empty()) return Corrupt("transposed chunk: a submessage begins that did not end");
      const Open open = stack_.back();
      stack_.pop_back();
      open_size_ -= open.end->tag_size + 1u;
      const uint64_t size = out->produced() - open.produced;
      uint8_t bytes[kMaxVarint64];
      if (size > UINT32_MAX) return Corrupt("transposed chunk: a submessage of 4 GiB");
      if (!out->Prepend(bytes, PutVarint64(size, bytes)) ||
          !out->Prepend(open.end->tag, open.end->tag_size)) {
        return TooMuch();
      }
      return Status();
    }
    case Kind::kVarint: {
      ByteSpan& buffer = buffers_[state.buffer];
      const uint64_t size = state.subtype + 1u;
      if (size > buffer.size) return Short();
      const uint8_t* from = buffer.Take(size).data;
      if (!out->Extend(size)) return TooMuch();
      uint8_t* to = out->begin();
      for (uint64_t i = 0; i + 1 < size; ++i) to[i] = from[i] | 0x80;
      to[size - 1] = from[size - 1];
      break;
    }
    case Kind::kInlineVarint:
      out->Prepend(&state.subtype, 1);  // where this does not fit, nor does the tag
      break;
    case Kind::kFixed32:
    case Kind::kFixed64: {
      ByteSpan& buffer = buffers_[state.buffer];
      const uint64_t size = state.kind == Kind::kFixed32 ? 4 : 8;
      if (size > buffer.size) return Short();
      if (!out->Prepend(buffer.Take(size).data, size)) return TooMuch();
      break;
    }
    case Kind::kString: {
      ByteSpan& buffer = buffers_[state.buffer];
      ByteSpan rest = buffer;
      uint32_t size;
      if (!TakeVarint32(&rest, &size) || size > rest.size) return Short();
      const uint64_t whole = buffer.size - rest.size + size;
      if (whole > UINT32_MAX) return Corrupt("transposed chunk: a string of 4 GiB");
      if (!out->Prepend(buffer.Take(whole).data, whole)) return TooMuch();
      break;
    }
    case Kind::kGroupTag:
      break;
  }
  return out->Prepend(state.tag, state.tag_size) ? Status() : TooMuch();
}

Status Decoder::Run(BackwardOutput* out) {
  // Each transition byte stands for up to four moves. Apart from those, visits make output, begin
  // records, or are the ends of submessages that will make some.
  const uint64_t moves = 4 * static_cast<uint64_t>(transitions_.size) + 1;
  uint64_t visits = 0;
  uint32_t repeat = 0;
  const State* state = &states_[first_];
  for (;;) {
    AR_TRY(Visit(*state, out));
    if (++visits > moves + 2 * (out->produced() + starts_.size()) + stack_.size()) {
      return Corrupt("transposed chunk: states that lead nowhere");
    }
    uint64_t next = state->next;
    if (!state->implicit) {
      if (repeat > 0) {
        --repeat;
      } else if (transitions_.size == 0) {
        return Status();
      } else {
        const uint8_t byte = transitions_.Take(1).data[0];
        next += byte >> 2;
        repeat = byte & 3;
        if (next >= states_.size()) return Corrupt("transposed chunk: a move to no state");
      }
    }
    state = &states_[next];
  }
}

Status Decoder::Decode(ByteSpan data, TransposedRecords* records) {
  const uint64_t data_size = data.size;
  AR_TRY(Parse(data));
  BackwardOutput out(decoded_size_, CredibleSize(data_size));
  AR_TRY(Run(&out));
  if (!stack_.empty()) return Corrupt("transposed chunk: a submessage does not begin");
  if (starts_.size() != num_records_) return Corrupt("transposed chunk with too few records");
  if (out.left() != 0) return Corrupt("transposed chunk decodes to less than it should");
  if (decoded_size_ != (starts_.empty() ? 0 : starts_.back())) {
    return Corrupt("transposed chunk: bytes before the first record");
  }
  records->sizes.resize(num_records_);
  uint64_t before = 0;
  for (uint64_t i = 0; i < num_records_; ++i) {
    records->sizes[num_records_ - 1 - i] = starts_[i] - before;
    before = starts_[i];
  }
  records->values = out.Release();
  return Status();
}

}  // namespace

Status DecodeTransposed(ByteSpan data, uint64_t num_records, uint64_t decoded_size,
                        uint64_t max_size, TransposedRecords* records) {
  return Decoder(num_records, decoded_size, max_size).Decode(data, records);
}

}  // namespace arrayrecord
