// The state machine of a transposed chunk, laid out so that its transitions are short and compress
// well (docs/format.md section 5.11).
//
// The input is a sequence of events, numbered in order of first appearance. Destinations that an
// event often leads to get states of their own in a list that is private to the event; all others
// share a public list. A list of more than 64 states is a tree in which frequent states are near
// the root.
#ifndef ARRAYRECORD_STATE_MACHINE_H_
#define ARRAYRECORD_STATE_MACHINE_H_

#include <cstdint>
#include <string>
#include <vector>

namespace arrayrecord {

struct StateMachine {
  static constexpr uint32_t kNoOp = UINT32_MAX;

  struct State {
    uint32_t event;  // or kNoOp
    uint32_t next;   // as it is stored: at least the number of states if implicit
  };

  std::vector<State> states;
  uint32_t first = 0;
  std::string transitions;
};

// `events` are in the order of the file, with numbers below `num_events`; there is at least one.
// The machine visits them backwards.
StateMachine BuildStateMachine(const std::vector<uint32_t>& events, uint32_t num_events);

}  // namespace arrayrecord

#endif  // ARRAYRECORD_STATE_MACHINE_H_
