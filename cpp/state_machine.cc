#include "state_machine.h"

#include <algorithm>
#include <queue>
#include <unordered_map>

namespace arrayrecord {
namespace {

constexpr uint32_t kMaxOffset = 63;
constexpr uint32_t kListSize = kMaxOffset + 1;
// Fewer moves than this do not pay for a state of their own.
constexpr uint64_t kCommon = 10;
constexpr uint32_t kNone = UINT32_MAX;

struct Destination {
  uint32_t event;
  uint64_t count;
  bool listed = false;
  uint32_t position = kNone;  // state in the private list
};

struct Event {
  std::vector<Destination> destinations;  // by event number
  uint64_t in = 0;                        // moves into it that no private list has taken over
  uint32_t base = 0;
  bool has_list = false;
  uint32_t exit = kNone;  // no-op that leads from the private list to the public one
  uint64_t exit_count = 0;
  uint32_t public_position = kNone;
};

// An event or a no-op that is to get a state.
struct Entry {
  uint64_t weight;
  uint64_t order;  // breaks ties: the larger one first
  uint32_t event;  // or kNoOp
  uint32_t block;  // of a no-op in a tree: first state of the block it leads to, else kNone
  uint32_t block_size;
};

struct HeaviestLast {
  bool operator()(const Entry& a, const Entry& b) const {
    return a.weight != b.weight ? a.weight > b.weight : a.order < b.order;
  }
};

class Builder {
 public:
  Builder(const std::vector<uint32_t>& events, uint32_t num_events)
      : sequence_(events), events_(num_events) {}

  StateMachine Build() {
    CountMoves();
    ChoosePrivateLists();
    LayOutPublicList();
    for (uint32_t e = 0; e < events_.size(); ++e) ChooseBase(e);
    Connect();
    WriteTransitions();
    for (uint32_t s = 0; s < machine_.states.size(); ++s) {
      if (machine_.states[s].event != sequence_.back()) continue;
      machine_.first = s;
      break;
    }
    return std::move(machine_);
  }

 private:
  void CountMoves() {
    std::unordered_map<uint64_t, uint64_t> counts;
    for (size_t i = sequence_.size() - 1; i > 0; --i) {
      ++counts[uint64_t{sequence_[i]} << 32 | sequence_[i - 1]];
    }
    for (const auto& [move, count] : counts) {
      events_[move >> 32].destinations.push_back({static_cast<uint32_t>(move), count});
      events_[static_cast<uint32_t>(move)].in += count;
    }
    for (Event& e : events_) {
      std::sort(e.destinations.begin(), e.destinations.end(),
                [](const Destination& a, const Destination& b) { return a.event < b.event; });
    }
    // Decoding begins there, so it needs a state even if nothing leads to it.
    Event& first = events_[sequence_.back()];
    if (first.in == 0) first.in = 1;
  }

  void ChoosePrivateLists() {
    auto take = [this](Destination* d) {
      d->listed = true;
      events_[d->event].in -= d->count;
    };
    for (Event& a : events_) {
      for (Destination& d : a.destinations) {
        if (d.count >= kCommon) take(&d);
      }
    }
    for (Event& a : events_) {
      Destination* missing = nullptr;
      size_t num_listed = 0;
      for (Destination& d : a.destinations) {
        if (!d.listed && d.count == events_[d.event].in) take(&d);
        if (d.listed) {
          ++num_listed;
        } else {
          missing = &d;
        }
      }
      if (num_listed == 0) continue;
      a.has_list = true;
      const size_t num_missing = a.destinations.size() - num_listed;
      if (num_missing == 1) take(missing);
      std::vector<Entry> entries;
      for (const Destination& d : a.destinations) {
        if (d.listed) {
          entries.push_back({d.count, d.event, d.event, kNone, 0});
        } else {
          a.exit_count += d.count;
        }
      }
      if (a.exit_count > 0) {
        entries.push_back({a.exit_count, kNone, StateMachine::kNoOp, kNone, 0});
      }
      a.base = LayOut(std::move(entries));
      // Find out who stands where.
      for (uint32_t s = a.base; s < machine_.states.size(); ++s) {
        const uint32_t event = machine_.states[s].event;
        if (event != StateMachine::kNoOp) {
          Find(&a, event)->position = s;
        } else if (block_of_[s] == kNone) {
          a.exit = s;
        }
      }
    }
  }

  static Destination* Find(Event* a, uint32_t event) {
    return &*std::lower_bound(a->destinations.begin(), a->destinations.end(), event,
                              [](const Destination& d, uint32_t e) { return d.event < e; });
  }

  void LayOutPublicList() {
    std::vector<Entry> entries;
    for (uint32_t e = 0; e < events_.size(); ++e) {
      if (events_[e].in > 0) entries.push_back({events_[e].in, e, e, kNone, 0});
    }
    public_base_ = static_cast<uint32_t>(machine_.states.size());
    if (entries.empty()) return;
    LayOut(std::move(entries));
    for (uint32_t s = public_base_; s < machine_.states.size(); ++s) {
      const uint32_t event = machine_.states[s].event;
      if (event != StateMachine::kNoOp) events_[event].public_position = s;
    }
  }

  // Appends a list, as a tree if it is long, and returns its first state.
  uint32_t LayOut(std::vector<Entry> entries) {
    const uint32_t begin = static_cast<uint32_t>(machine_.states.size());
    uint32_t k = static_cast<uint32_t>(entries.size());
    if (k > kListSize) k += (k - 2) / kMaxOffset;
    machine_.states.resize(begin + k);
    block_of_.resize(begin + k, kNone);
    leader_.resize(begin + k, kNone);
    std::priority_queue<Entry, std::vector<Entry>, HeaviestLast> queue(HeaviestLast(),
                                                                       std::move(entries));
    uint32_t at = begin + k;
    uint32_t size = (k - 1) % kListSize + 1;
    uint64_t num_blocks = 0;
    for (;;) {
      uint64_t weight = 0;
      for (uint32_t i = 0; i < size; ++i) {
        const Entry entry = queue.top();
        queue.pop();
        weight += entry.weight;
        --at;
        machine_.states[at] = {entry.event, 0};
        block_of_[at] = entry.block;
        for (uint32_t s = 0; s < entry.block_size; ++s) leader_[entry.block + s] = at;
      }
      if (queue.empty()) return begin;
      queue.push({weight, events_.size() + num_blocks++, StateMachine::kNoOp, at, size});
      size = kListSize;
    }
  }

  void ChooseBase(uint32_t e) {
    Event& a = events_[e];
    if (!a.has_list) {
      a.base = LowestBase(a);
    } else if (a.exit != kNone) {
      exit_base_[a.exit] = LowestBase(a);
    }
  }

  // The smallest index, in the deepest block from which all public destinations can be reached,
  // that is needed there.
  uint32_t LowestBase(const Event& a) const {
    uint32_t block = kNone;
    uint32_t lowest = kNone;
    for (const Destination& d : a.destinations) {
      if (d.listed) continue;
      uint32_t p = events_[d.event].public_position;
      while (block == kNone || block > p || p > block + kMaxOffset) {
        if (block == kNone || block > p) {
          uint32_t c;
          if (block == kNone) {
            c = leader_[p];
          } else {
            c = leader_[block];
            lowest = std::min(lowest, c);
            c = leader_[c];
          }
          block = c == kNone ? public_base_ : block_of_[c];
        } else {
          p = leader_[p];
        }
      }
      lowest = std::min(lowest, p);
    }
    return lowest == kNone ? 0 : lowest;
  }

  bool IsImplicit(uint32_t event) const {
    // After the last event to be decoded the decoder must be able to stop.
    return event != sequence_.front() && events_[event].destinations.size() == 1;
  }

  void Connect() {
    const uint32_t n = static_cast<uint32_t>(machine_.states.size());
    for (uint32_t s = 0; s < n; ++s) {
      StateMachine::State& state = machine_.states[s];
      if (state.event != StateMachine::kNoOp) {
        state.next = events_[state.event].base + (IsImplicit(state.event) ? n : 0);
      } else if (block_of_[s] != kNone) {
        state.next = block_of_[s];
      } else {
        state.next = exit_base_.at(s);
      }
    }
  }

  void WriteTransitions() {
    for (size_t i = sequence_.size() - 1; i > 0; --i) {
      Event& a = events_[sequence_[i]];
      if (IsImplicit(sequence_[i])) continue;
      const Destination* d = Find(&a, sequence_[i - 1]);
      if (d->position != kNone) {
        MoveTo(a.base, d->position);
      } else if (a.exit != kNone) {
        MoveTo(a.base, a.exit);
        MoveTo(exit_base_.at(a.exit), events_[d->event].public_position);
      } else {
        MoveTo(a.base, events_[d->event].public_position);
      }
    }
    Flush();
  }

  // Goes to state `p` from a place whose next state is `base`, through the no-ops of the tree.
  void MoveTo(uint32_t base, uint32_t p) {
    steps_.clear();
    while (p < base || p > base + kMaxOffset) {
      const uint32_t c = leader_[p];
      steps_.push_back(p - block_of_[c]);
      p = c;
    }
    Step(p - base);
    for (size_t i = steps_.size(); i > 0; --i) Step(steps_[i - 1]);
  }

  // Up to three moves of offset 0 are told in the low bits of the byte before.
  void Step(uint32_t offset) {
    if (offset == 0 && has_pending_ && (pending_ & 3) < 3) {
      ++pending_;
      return;
    }
    Flush();
    pending_ = static_cast<uint8_t>(offset << 2);
    has_pending_ = true;
  }

  void Flush() {
    if (has_pending_) machine_.transitions.push_back(static_cast<char>(pending_));
    has_pending_ = false;
  }

  const std::vector<uint32_t>& sequence_;
  std::vector<Event> events_;
  StateMachine machine_;
  std::vector<uint32_t> block_of_;  // of no-ops in a tree: the block they lead to
  std::vector<uint32_t> leader_;    // the no-op that leads to the block of a state
  std::unordered_map<uint32_t, uint32_t> exit_base_;
  uint32_t public_base_ = 0;
  std::vector<uint32_t> steps_;
  uint8_t pending_ = 0;
  bool has_pending_ = false;
};

}  // namespace

StateMachine BuildStateMachine(const std::vector<uint32_t>& events, uint32_t num_events) {
  return Builder(events, num_events).Build();
}

}  // namespace arrayrecord
