// How much of the machine the process may use.
#ifndef ARRAYRECORD_PROCESSORS_H_
#define ARRAYRECORD_PROCESSORS_H_

#include <cstddef>
#include <string>

namespace arrayrecord {

// The processors that the process may run on, or what the quota of its control group comes to if
// that is less; at least 1. Asked of the system once, and each time.
size_t Processors();
size_t CountProcessors();

// The quota of the control groups in `proc_cgroup` (the text of /proc/self/cgroup), in processors,
// rounded up; 0 if there is none. The groups' files lie below `root` (/sys/fs/cgroup).
size_t CgroupProcessors(const std::string& root, const std::string& proc_cgroup);

}  // namespace arrayrecord

#endif  // ARRAYRECORD_PROCESSORS_H_
