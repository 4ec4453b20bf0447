#include "transpose_encoder.h"

#include <algorithm>
#include <deque>
#include <memory>
#include <unordered_map>
#include <vector>

#include "state_machine.h"

namespace arrayrecord {
namespace {

constexpr size_t kMaxDepth = 100;
constexpr uint8_t kMaxInlineValue = 3;
constexpr uint8_t kFirstInlineSubtype = 10;

// Node ids in the file that are not tags.
constexpr uint32_t kNonProtoId = 1;
constexpr uint32_t kStartId = 2;
constexpr uint32_t kMessageId = 3;

enum WireType { kVarint, kFixed64, kString, kStartGroup, kEndGroup, kFixed32 };

// Takes a varint in its shortest form off the front.
bool TakeCanonical(ByteSpan* in, uint64_t max, uint64_t* value) {
  const uint8_t* begin = in->data;
  if (!TakeVarint64(in, value) || *value > max) return false;
  return static_cast<size_t>(in->data - begin) == VarintSize(*value);
}

// Whether the bytes are a message that can be put together again from its fields.
bool IsMessage(ByteSpan in) {
  std::vector<uint32_t> groups;
  while (in.size > 0) {
    uint64_t tag, value;
    if (!TakeCanonical(&in, UINT32_MAX, &tag) || tag >> 3 == 0) return false;
    size_t skip = 0;
    switch (tag & 7) {
      case kVarint:
        if (!TakeCanonical(&in, UINT64_MAX, &value)) return false;
        break;
      case kFixed64:
        skip = 8;
        break;
      case kFixed32:
        skip = 4;
        break;
      case kString:
        if (!TakeCanonical(&in, UINT32_MAX, &value)) return false;
        skip = value;
        break;
      case kStartGroup:
        groups.push_back(static_cast<uint32_t>(tag >> 3));
        break;
      case kEndGroup:
        if (groups.empty() || groups.back() != tag >> 3) return false;
        groups.pop_back();
        break;
      default:
        return false;
    }
    if (skip > in.size) return false;
    in.Take(skip);
  }
  return groups.empty();
}

// Items in the order in which the decoder wants them: the last one first.
class BackwardBuffer {
 public:
  // Makes place for an item of `n` bytes before the others.
  uint8_t* Prepend(size_t n) {
    if (n > capacity_ - size_) {
      const size_t capacity = std::max(2 * capacity_, size_ + n + 16);
      std::unique_ptr<uint8_t[]> larger(new uint8_t[capacity]);
      std::copy_n(begin(), size_, larger.get() + capacity - size_);
      bytes_ = std::move(larger);
      capacity_ = capacity;
    }
    size_ += n;
    return bytes_.get() + capacity_ - size_;
  }
  void Prepend(const uint8_t* data, size_t n) { std::copy_n(data, n, Prepend(n)); }
  ByteSpan span() const { return ByteSpan(begin(), size_); }
  size_t size() const { return size_; }

 private:
  const uint8_t* begin() const { return bytes_.get() + capacity_ - size_; }

  std::unique_ptr<uint8_t[]> bytes_;
  size_t capacity_ = 0;
  size_t size_ = 0;
};

// A path of tags from the root of a message.
struct Node {
  uint32_t parent;
  uint32_t tag;
  BackwardBuffer data;
  uint32_t buffer = 0;  // its number in the file
};

// What a state does: the value of a field, or the beginning or end of something.
struct EventType {
  uint32_t id;  // as in the file
  uint32_t node;
  bool has_subtype;
  uint8_t subtype;
  bool has_buffer;
};

class Encoder {
 public:
  Status Add(ByteSpan record);
  Status Write(const Compression& compression, uint64_t bucket_size, std::string* out);

 private:
  // Numbers of the nodes that are not paths.
  static constexpr uint32_t kRoot = UINT32_MAX;

  uint32_t NodeOf(uint32_t parent, uint32_t tag) {
    auto [at, is_new] = node_numbers_.try_emplace(uint64_t{parent} << 32 | tag,
                                                  static_cast<uint32_t>(nodes_.size()));
    if (is_new) {
      nodes_.emplace_back();
      nodes_.back().parent = parent;
      nodes_.back().tag = tag;
    }
    return at->second;
  }

  // The number of the event with this id at a node.
  uint32_t EventOf(const EventType& type) {
    // A node has values, or beginnings and ends of submessages, or both.
    const uint64_t what = type.id == nodes_[type.node].tag ? 0 : type.id == kStartId ? 1 : 2;
    const uint64_t key = uint64_t{type.node} << 10 | what << 8 | type.subtype;
    auto [at, is_new] = event_numbers_.try_emplace(key, static_cast<uint32_t>(event_types_.size()));
    if (is_new) event_types_.push_back(type);
    return at->second;
  }

  void Note(const EventType& type) { events_.push_back(EventOf(type)); }
  void AddField(uint32_t node, uint32_t tag, ByteSpan* in);

  std::deque<Node> nodes_;
  std::unordered_map<uint64_t, uint32_t> node_numbers_;
  std::vector<EventType> event_types_;
  std::unordered_map<uint64_t, uint32_t> event_numbers_;
  std::vector<uint32_t> events_;  // in the order of the file
  BackwardBuffer lengths_;        // of the records that are kept whole
};

Status Encoder::Add(ByteSpan record) {
  if (record.size >= UINT32_MAX - kMaxVarint64) {
    return Status(AR_RESOURCE_EXHAUSTED, "a record of " + std::to_string(record.size) +
                                             " bytes is too large for a transposed chunk");
  }
  if (events_.size() + record.size > UINT32_MAX) {
    return Status(AR_RESOURCE_EXHAUSTED, "too many fields for a transposed chunk");
  }
  if (!IsMessage(record)) {
    const uint32_t node = NodeOf(kRoot, kNonProtoId);
    Note({kNonProtoId, node, false, 0, true});
    nodes_[node].data.Prepend(record.data, record.size);
    uint8_t length[kMaxVarint64];
    lengths_.Prepend(length, PutVarint64(record.size, length));
    return Status();
  }
  const uint32_t message = NodeOf(kRoot, kMessageId);
  Note({kMessageId, message, false, 0, false});

  struct Frame {
    ByteSpan rest;  // of the message around
    uint32_t parent;
    uint32_t end;  // the event at its end
  };
  std::vector<Frame> frames;
  std::vector<uint32_t> group_parents;
  uint32_t parent = kRoot;
  ByteSpan in = record;
  for (;;) {
    while (in.size > 0) {
      uint64_t tag64 = 0;
      TakeVarint64(&in, &tag64);
      const uint32_t tag = static_cast<uint32_t>(tag64);
      const uint32_t node = NodeOf(parent, tag);
      switch (tag & 7) {
        case kStartGroup:
          Note({tag, node, false, 0, false});
          group_parents.push_back(parent);
          parent = node;
          break;
        case kEndGroup:
          Note({tag, node, false, 0, false});
          parent = group_parents.back();
          group_parents.pop_back();
          break;
        case kString: {
          ByteSpan value = in;
          uint64_t size = 0;
          TakeVarint64(&value, &size);
          value.size = size;
          if (size > 0 && frames.size() + group_parents.size() < kMaxDepth && IsMessage(value)) {
            Note({kStartId, node, false, 0, false});
            // Numbered now, before the fields inside.
            const uint32_t end = EventOf({tag + 4, node, false, 0, false});
            in.Take(static_cast<size_t>(value.data - in.data) + size);
            frames.push_back({in, parent, end});
            in = value;
            parent = node;
            break;
          }
          AddField(node, tag, &in);
          break;
        }
        default:
          AddField(node, tag, &in);
      }
    }
    if (frames.empty()) return Status();
    events_.push_back(frames.back().end);
    in = frames.back().rest;
    parent = frames.back().parent;
    frames.pop_back();
  }
}

// A field with a value that is kept as it is.
void Encoder::AddField(uint32_t node, uint32_t tag, ByteSpan* in) {
  size_t size = 0;
  switch (tag & 7) {
    case kVarint: {
      uint64_t value = 0;
      const uint8_t* bytes = in->data;
      TakeVarint64(in, &value);
      if (value <= kMaxInlineValue) {
        const uint8_t subtype = static_cast<uint8_t>(kFirstInlineSubtype + value);
        Note({tag, node, true, subtype, false});
        return;
      }
      size = static_cast<size_t>(in->data - bytes);
      Note({tag, node, true, static_cast<uint8_t>(size - 1), true});
      uint8_t* to = nodes_[node].data.Prepend(size);
      for (size_t i = 0; i < size; ++i) to[i] = bytes[i] & 0x7f;
      return;
    }
    case kFixed32:
      size = 4;
      break;
    case kFixed64:
      size = 8;
      break;
    default: {  // a string, with its length
      ByteSpan value = *in;
      uint64_t length = 0;
      TakeVarint64(&value, &length);
      size = static_cast<size_t>(value.data - in->data) + length;
    }
  }
  // A string and a submessage of one tag have the same node, but not the same event.
  Note({tag, node, false, 0, true});
  nodes_[node].data.Prepend(in->Take(size).data, size);
}

// Buffers of one kind of value, from the smallest to the largest, and how they share buckets.
struct Class {
  std::vector<Node*> nodes;
  std::vector<uint64_t> bucket_sizes;

  void Arrange(uint64_t bucket_size) {
    std::sort(nodes.begin(), nodes.end(), [](const Node* a, const Node* b) {
      if (a->data.size() != b->data.size()) return a->data.size() < b->data.size();
      // The root counts as less than all paths.
      const uint64_t a_parent = a->parent + uint32_t{1}, b_parent = b->parent + uint32_t{1};
      return a_parent != b_parent
                 ? static_cast<uint32_t>(a_parent) < static_cast<uint32_t>(b_parent)
                 : a->tag < b->tag;
    });
    uint64_t remaining = 0;
    for (const Node* node : nodes) remaining += node->data.size();
    uint64_t current = 0;
    for (size_t i = nodes.size(); i > 0; --i) {
      const uint64_t size = nodes[i - 1]->data.size();
      if (current > 0 && current + size / 2 >= bucket_size) {
        bucket_sizes.push_back(current);
        current = 0;
      }
      current += size;
      remaining -= size;
      if (remaining <= bucket_size / 2) {
        current += remaining;
        break;
      }
    }
    if (current > 0) bucket_sizes.push_back(current);
    std::reverse(bucket_sizes.begin(), bucket_sizes.end());
  }
};

Status Encoder::Write(const Compression& compression, uint64_t bucket_size, std::string* out) {
  if (compression.codec == Codec::kNone) bucket_size = UINT64_MAX;
  enum { kVarints, kFixed32s, kFixed64s, kStrings, kNonProtos, kNumClasses };
  Class classes[kNumClasses];
  for (Node& node : nodes_) {
    if (node.data.size() == 0) continue;
    int c = kStrings;
    if (node.parent == kRoot && node.tag == kNonProtoId) {
      c = kNonProtos;
    } else if ((node.tag & 7) == kVarint) {
      c = kVarints;
    } else if ((node.tag & 7) == kFixed32) {
      c = kFixed32s;
    } else if ((node.tag & 7) == kFixed64) {
      c = kFixed64s;
    }
    classes[c].nodes.push_back(&node);
  }

  std::vector<ByteSpan> buffers;
  std::vector<uint64_t> bucket_sizes;
  for (Class& c : classes) {
    c.Arrange(bucket_size);
    for (Node* node : c.nodes) {
      node->buffer = static_cast<uint32_t>(buffers.size());
      buffers.push_back(node->data.span());
    }
    bucket_sizes.insert(bucket_sizes.end(), c.bucket_sizes.begin(), c.bucket_sizes.end());
  }
  if (lengths_.size() > 0) {
    buffers.push_back(lengths_.span());
    bucket_sizes.push_back(lengths_.size());
  }

  std::string header, buckets, bucket, block;
  AppendVarint64(bucket_sizes.size(), &header);
  AppendVarint64(buffers.size(), &header);
  size_t next_buffer = 0;
  for (uint64_t size : bucket_sizes) {
    bucket.clear();
    while (bucket.size() < size) {
      const ByteSpan buffer = buffers[next_buffer++];
      bucket.append(reinterpret_cast<const char*>(buffer.data), buffer.size);
    }
    const size_t before = buckets.size();
    AR_TRY(Compress(compression, AsBytes(bucket), &buckets));
    AppendVarint64(buckets.size() - before, &header);
  }
  for (const ByteSpan& buffer : buffers) AppendVarint64(buffer.size, &header);

  const StateMachine machine =
      BuildStateMachine(events_, static_cast<uint32_t>(event_types_.size()));
  auto type_of = [this](const StateMachine::State& s) {
    return s.event == StateMachine::kNoOp ? nullptr : &event_types_[s.event];
  };
  AppendVarint64(machine.states.size(), &header);
  for (const auto& s : machine.states) {
    AppendVarint64(type_of(s) != nullptr ? type_of(s)->id : 0, &header);
  }
  for (const auto& s : machine.states) AppendVarint64(s.next, &header);
  for (const auto& s : machine.states) {
    const EventType* type = type_of(s);
    if (type != nullptr && type->has_subtype) header.push_back(static_cast<char>(type->subtype));
  }
  for (const auto& s : machine.states) {
    const EventType* type = type_of(s);
    if (type != nullptr && type->has_buffer) AppendVarint64(nodes_[type->node].buffer, &header);
  }
  AppendVarint64(machine.first, &header);

  out->push_back(static_cast<char>(compression.codec));
  AR_TRY(Compress(compression, AsBytes(header), &block));
  AppendVarint64(block.size(), out);
  *out += block;
  *out += buckets;
  return Compress(compression, AsBytes(machine.transitions), out);
}

}  // namespace

Status AppendTransposedData(const Compression& compression, uint64_t bucket_size, ByteSpan values,
                            const uint64_t* sizes, size_t n, std::string* out) {
  Encoder encoder;
  for (size_t i = 0; i < n; ++i) AR_TRY(encoder.Add(values.Take(sizes[i])));
  return encoder.Write(compression, bucket_size, out);
}

Status AppendTransposedChunk(const Compression& compression, uint64_t bucket_size, ByteSpan values,
                             const uint64_t* sizes, size_t n, std::string* out) {
  const size_t begin = out->size();
  out->append(kChunkHeaderSize, '\0');
  AR_TRY(AppendTransposedData(compression, bucket_size, values, sizes, n, out));
  SealChunk(ChunkType::kTransposed, n, values.size, begin, out);
  return Status();
}

}  // namespace arrayrecord
