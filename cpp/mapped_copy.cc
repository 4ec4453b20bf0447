#include "mapped_copy.h"

#include <pthread.h>

#include <atomic>
#include <csetjmp>
#include <csignal>
#include <cstring>
#include <mutex>

#include "platform.h"

namespace arrayrecord {
namespace {

// What the thread is copying. The handler reads it, so its memory must be there without allocating.
struct Copying {
  sigjmp_buf* failed = nullptr;  // null: nothing
  const uint8_t* begin = nullptr;
  const uint8_t* end = nullptr;
  sigset_t mask = {};  // of signals, when it failed
};
__attribute__((tls_model("initial-exec"))) thread_local Copying copying;

struct sigaction previous;

void OnBusError(int signal, siginfo_t* info, void* context) {
  const uint8_t* at = static_cast<const uint8_t*>(info->si_addr);
  if (copying.failed != nullptr && at >= copying.begin && at < copying.end) {
    // Leaves the copy alone, which has nothing to clean up.
    platform::BlockedBefore(context, &copying.mask);
    siglongjmp(*copying.failed, 1);
  }
  // Handlers expect what they have asked for when they were installed.
  sigset_t mask = previous.sa_mask;
  if ((previous.sa_flags & SA_NODEFER) == 0) sigaddset(&mask, signal);
  pthread_sigmask(SIG_BLOCK, &mask, nullptr);  // until this handler returns
  if ((previous.sa_flags & SA_SIGINFO) != 0) {
    previous.sa_sigaction(signal, info, context);
  } else if (previous.sa_handler != SIG_DFL && previous.sa_handler != SIG_IGN) {
    previous.sa_handler(signal);
  } else {
    // The process ends when the signal comes again, from the same instruction or from here.
    std::signal(signal, SIG_DFL);
    std::raise(signal);
  }
}

}  // namespace

void CatchBusErrors() {
  static std::once_flag once;
  std::call_once(once, [] {
    struct sigaction action = {};
    action.sa_sigaction = OnBusError;
    // On the thread's signal stack if it has one: the stacks of goroutines are small.
    action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
    sigaction(SIGBUS, nullptr, &previous);
    sigaction(SIGBUS, &action, nullptr);
  });
}

bool CopyMapped(const uint8_t* from, size_t size, uint8_t* to) {
  sigjmp_buf failed;
  if (sigsetjmp(failed, /*savemask=*/0) != 0) {
    copying.failed = nullptr;
    pthread_sigmask(SIG_SETMASK, &copying.mask, nullptr);  // sanitizers block signals in handlers
    return false;
  }
  copying.begin = from;
  copying.end = from + size;
  copying.failed = &failed;
  std::atomic_signal_fence(std::memory_order_seq_cst);
  std::memcpy(to, from, size);
  std::atomic_signal_fence(std::memory_order_seq_cst);
  copying.failed = nullptr;
  return true;
}

}  // namespace arrayrecord
