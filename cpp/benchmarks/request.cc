#include "request.h"

#include <cctype>
#include <iterator>
#include <sstream>
#include <stdexcept>

namespace arrayrecord::floor {
namespace {

uint64_t Number(const std::string& name, const std::string& value) {
  size_t end = 0;
  try {
    const uint64_t n = std::stoull(value, &end);
    if (end == value.size() && value[0] != '-') return n;
  } catch (const std::logic_error&) {
  }
  throw std::invalid_argument(name + ": not a number: " + value);
}

void Set(const std::string& name, const std::string& value, Request* request) {
  if (name == "op") {
    request->op = value;
  } else if (name == "file") {
    request->file = value;
  } else if (name == "io") {
    if (value != "pread" && value != "mmap") throw std::invalid_argument("io: pread or mmap");
    request->io = value;
  } else if (name == "threads") {
    request->threads = Number(name, value);
  } else if (name == "batch") {
    request->batch = Number(name, value);
  } else if (name == "count") {
    request->count = Number(name, value);
  } else if (name == "repeat") {
    request->repeat = Number(name, value);
  } else if (name == "seed") {
    request->seed = Number(name, value);
  } else if (name == "indices") {
    request->indices = value;
  } else if (name == "source") {
    request->source = value;
  } else if (name == "codec") {
    request->codec = value;
  } else if (name == "group_size") {
    request->group_size = Number(name, value);
  } else {
    throw std::invalid_argument("unknown option " + name);
  }
}

// Takes one flat JSON object apart: strings, numbers, booleans; no escapes but of one character.
class FlatJson {
 public:
  explicit FlatJson(const std::string& text) : in_(text) {}

  void Parse(Request* request) {
    Expect('{');
    if (Peek() == '}') return;
    for (;;) {
      const std::string name = String();
      Expect(':');
      Set(name, Peek() == '"' ? String() : Word(), request);
      if (Peek() == '}') return;
      Expect(',');
    }
  }

 private:
  char Peek() {
    in_ >> std::ws;
    return static_cast<char>(in_.peek());
  }
  void Expect(char c) {
    if (Peek() != c)
      throw std::invalid_argument(std::string("JSON: no ") + c + " where it must be");
    in_.get();
  }
  std::string String() {
    Expect('"');
    std::string out;
    for (int c; (c = in_.get()) != '"';) {
      if (c == '\\') c = in_.get();
      if (c < 0) throw std::invalid_argument("JSON: a string does not end");
      out.push_back(static_cast<char>(c));
    }
    return out;
  }
  std::string Word() {
    std::string out;
    for (char c = Peek(); std::isalnum(c) || c == '.' || c == '-'; c = Peek()) {
      out.push_back(static_cast<char>(in_.get()));
    }
    return out;
  }

  std::istringstream in_;
};

}  // namespace

Request ParseWords(const std::vector<std::string>& words) {
  Request request;
  for (const std::string& word : words) {
    const size_t equals = word.find('=');
    if (word.compare(0, 2, "--") != 0 || equals == std::string::npos) {
      throw std::invalid_argument("not --name=value: " + word);
    }
    Set(word.substr(2, equals - 2), word.substr(equals + 1), &request);
  }
  return request;
}

Request Parse(const std::string& line) {
  const size_t first = line.find_first_not_of(" \t");
  if (first != std::string::npos && line[first] == '{') {
    Request request;
    FlatJson(line).Parse(&request);
    return request;
  }
  std::istringstream in(line);
  return ParseWords({std::istream_iterator<std::string>(in), {}});
}

}  // namespace arrayrecord::floor
