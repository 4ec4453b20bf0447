#include "processors.h"

#include <algorithm>
#include <fstream>
#include <sstream>

#include "platform.h"

namespace arrayrecord {
namespace {

// 0 for no quota.
size_t RoundedUp(double quota, double period) {
  if (!(quota > 0) || !(period > 0)) return 0;
  const double processors = quota / period;
  if (processors > 1e6) return 0;
  const size_t whole = static_cast<size_t>(processors);
  return whole + (static_cast<double>(whole) < processors);
}

// The quota of one group: version 2 has both numbers in a file, version 1 one in each of two.
size_t QuotaOf(const std::string& directory) {
  double quota = 0, period = 0;
  std::ifstream both(directory + "/cpu.max");
  if (both >> quota >> period) return RoundedUp(quota, period);  // "max" is no number
  std::ifstream quota_file(directory + "/cpu.cfs_quota_us");
  std::ifstream period_file(directory + "/cpu.cfs_period_us");
  if (quota_file >> quota && period_file >> period) return RoundedUp(quota, period);
  return 0;
}

// The smallest quota of a group and those that it is in. In a container the path may be one of the
// host, of which only the root is there.
size_t QuotaOfPath(const std::string& root, std::string path) {
  size_t least = 0;
  for (;;) {
    const size_t quota = QuotaOf(root + path);
    if (quota != 0 && (least == 0 || quota < least)) least = quota;
    const size_t slash = path.rfind('/');
    if (slash == std::string::npos) return least;
    path.resize(slash);
  }
}

}  // namespace

size_t CgroupProcessors(const std::string& root, const std::string& proc_cgroup) {
  size_t least = 0;
  std::istringstream lines(proc_cgroup);
  for (std::string line; std::getline(lines, line);) {
    // number:controllers:path
    const size_t first = line.find(':');
    const size_t second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = "," + line.substr(first + 1, second - first - 1) + ",";
    const std::string path = line.substr(second + 1);
    size_t quota = 0;
    if (controllers == ",,") {
      quota = QuotaOfPath(root, path);
    } else if (controllers.find(",cpu,") != std::string::npos) {
      quota = QuotaOfPath(root + "/cpu", path);
      if (quota == 0) quota = QuotaOfPath(root + "/cpu,cpuacct", path);
    }
    if (quota != 0 && (least == 0 || quota < least)) least = quota;
  }
  return least;
}

size_t CountProcessors() {
  std::ifstream file("/proc/self/cgroup");
  std::ostringstream text;
  text << file.rdbuf();
  const size_t quota = CgroupProcessors("/sys/fs/cgroup", text.str());
  const size_t processors = std::max<size_t>(platform::UsableProcessors(), 1);
  return quota == 0 ? processors : std::min(quota, processors);
}

size_t Processors() {
  static const size_t processors = CountProcessors();
  return processors;
}

}  // namespace arrayrecord
