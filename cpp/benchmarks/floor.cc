// What the hardware allows: for each operation the bare loop that it cannot do without, straight on
// system calls, codec libraries and hashes, with memory that is there already. The library is
// measured against this.
//
//   floor --op=random --file=F [--threads=2] [--batch=1024] [--count=K] [--repeat=R] [--io=mmap]
//   floor --op=sequential --file=F ...     all chunks, as runs that the threads share
//   floor --op=get --file=F ...            `count` single records, one after the other per thread
//   floor --op=open --file=F ...           the index, read, verified and decompressed
//   floor --op=write --source=F.tfrecord [--file=OUT] [--codec=zstd:3] [--group_size=1]
//   floor --serve                          a request a line, as words or as JSON; an answer a line
//
// Each timing gives a line {"op": ..., "seconds": ..., "records": ..., "bytes": ...}. The clock
// starts when files are open, their index is known and the input of a write is in memory. Files
// must not change while a --serve that has read them is running.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <map>
#include <memory>
#include <numeric>
#include <random>

#include "fail.h"
#include "input.h"
#include "options.h"
#include "reads.h"
#include "request.h"
#include "writes.h"

namespace arrayrecord::floor {
namespace {

// Record numbers from the file of the request, or all of them in random order.
std::vector<uint64_t> Order(const Request& request, uint64_t num_records) {
  std::vector<uint64_t> order;
  if (!request.indices.empty()) {
    std::ifstream in(request.indices, std::ios::binary);
    for (uint64_t i; in.read(reinterpret_cast<char*>(&i), sizeof(i));) order.push_back(i);
    if (order.empty()) Fail("no record numbers in " + request.indices);
    if (*std::max_element(order.begin(), order.end()) >= num_records) Fail("numbers too large");
    return order;
  }
  order.resize(num_records);
  std::iota(order.begin(), order.end(), 0);
  std::shuffle(order.begin(), order.end(), std::mt19937_64(request.seed));
  return order;
}

class Program {
 public:
  // Does what is asked once and tells how it went, as JSON without a line's end.
  std::string Answer(const Request& request) {
    if (request.threads == 0 || request.count == 0 || request.batch == 0 ||
        request.group_size == 0) {
      Fail("threads, count, batch and group_size must be positive");
    }
    if (workers_ == nullptr || workers_->size() != request.threads) {
      workers_ = std::make_unique<Workers>(request.threads);
    }
    for (Worker& worker : workers_->all()) worker.records = worker.bytes = 0;
    double seconds;
    if (request.op == "open") {
      seconds = Open(request);
    } else if (request.op == "write") {
      seconds = WriteAll(request);
    } else {
      seconds = Read(request);
    }
    uint64_t records = 0, bytes = 0;
    for (const Worker& worker : workers_->all()) records += worker.records, bytes += worker.bytes;
    char line[200];
    std::snprintf(line, sizeof(line),
                  R"({"op": "%s", "seconds": %.9f, "records": %llu, "bytes": %llu})",
                  request.op.c_str(), seconds, static_cast<unsigned long long>(records),
                  static_cast<unsigned long long>(bytes));
    return line;
  }

 private:
  template <typename Work>
  static double Time(Work work) {
    const auto begin = std::chrono::steady_clock::now();
    work();
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  }

  double Read(const Request& request) {
    std::unique_ptr<Input>& input = inputs_[request.io + ":" + request.file];
    if (input == nullptr) input = std::make_unique<Input>(request.file, request.io == "mmap");
    if (request.op == "sequential") {
      return Time([&] {
        for (uint64_t k = 0; k < request.count; ++k) Sequential(*input, workers_.get());
      });
    }
    const std::vector<uint64_t>& order = CachedOrder(request, input->num_records);
    if (request.op == "get") {
      const double seconds =
          Time([&] { Gets(*input, order, next_, request.count, workers_.get()); });
      next_ += request.count;
      return seconds;
    }
    if (request.op != "random") Fail("unknown op " + request.op);
    const size_t batch = std::min<size_t>(request.batch, order.size());
    uint64_t largest = 0;
    for (const ChunkPlace& chunk : input->chunks) largest = std::max(largest, chunk.decoded_size);
    slab_.Reserve(std::min<uint64_t>(input->decoded_size, batch * largest));
    // Batch k has the record numbers from k * batch on, from the beginning again after the end.
    std::vector<uint64_t> records(request.count * batch);
    for (uint64_t& record : records) record = order[next_++ % order.size()];
    return Time([&] {
      for (uint64_t k = 0; k < request.count; ++k) {
        (input->group_size == 1 ? RandomBatch : RandomBatchOfGroups)(*input, &records[k * batch],
                                                                     batch, workers_.get(), &slab_);
      }
    });
  }

  double Open(const Request& request) {
    return Time([&] {
      for (uint64_t k = 0; k < request.count; ++k) {
        const int fd = OpenFile(request.file);
        const Footer footer(fd, FileSize(fd));
        close(fd);
        Worker& worker = workers_->all()[0];
        ++worker.records;
        worker.bytes += footer.sizes_size + footer.values_size;
      }
    });
  }

  double WriteAll(const Request& request) {
    std::unique_ptr<Records>& records =
        sources_[request.source + ":" + std::to_string(request.group_size)];
    if (records == nullptr) records = std::make_unique<Records>(request.source, request.group_size);
    WriterOptions options;
    Check(WriterOptions::Parse(request.codec, &options));
    options.group_size = static_cast<uint32_t>(request.group_size);
    double seconds = 0;
    for (uint64_t k = 0; k < request.count; ++k) {
      int fd = -1;
      if (!request.file.empty()) {
        fd = open(request.file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
        if (fd < 0) FailSystem(request.file);
      }
      seconds += Time([&] { Write(*records, options, fd, workers_.get()); });
      if (fd < 0) continue;
      close(fd);
      unlink(request.file.c_str());  // no reader would take it for a file
    }
    return seconds;
  }

  const std::vector<uint64_t>& CachedOrder(const Request& request, uint64_t num_records) {
    const std::string name =
        request.file + ":" + request.indices + ":" + std::to_string(request.seed);
    if (name != order_name_) {
      order_ = Order(request, num_records);
      order_name_ = name;
      next_ = 0;
    }
    return order_;
  }

  std::unique_ptr<Workers> workers_;
  std::map<std::string, std::unique_ptr<Input>> inputs_;
  std::map<std::string, std::unique_ptr<Records>> sources_;
  Slab slab_;
  std::string order_name_;
  std::vector<uint64_t> order_;
  uint64_t next_ = 0;  // place in the order
};

void Serve() {
  Program program;
  for (std::string line; std::getline(std::cin, line);) {
    if (line.empty()) continue;
    std::string answer;
    try {
      answer = program.Answer(Parse(line));
    } catch (const std::exception& e) {
      std::string why = e.what();
      std::replace(why.begin(), why.end(), '"', '\'');
      std::replace(why.begin(), why.end(), '\\', '/');
      answer = "{\"error\": \"" + why + "\"}";
    }
    std::cout << answer << std::endl;
  }
}

}  // namespace
}  // namespace arrayrecord::floor

int main(int argc, char** argv) {
  using namespace arrayrecord::floor;
  try {
    if (argc == 2 && std::string(argv[1]) == "--serve") {
      Serve();
      return 0;
    }
    const Request request = ParseWords(std::vector<std::string>(argv + 1, argv + argc));
    Program program;
    for (uint64_t k = 0; k < request.repeat; ++k) {
      std::cout << program.Answer(request) << std::endl;
    }
    return 0;
  } catch (const std::exception& e) {
    std::cerr << "floor: " << e.what() << "\n";
    return 1;
  }
}
