#include "options.h"

#include <locale.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <functional>
#include <iterator>
#include <limits>
#include <string>
#include <vector>

namespace arrayrecord {
namespace {

constexpr int64_t kMaxInt32 = std::numeric_limits<int32_t>::max();
constexpr uint64_t kMaxReadahead = uint64_t{1} << 30;
constexpr uint64_t kMaxFooterPrefetch = uint64_t{1} << 30;

bool IsSpace(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

std::string_view Trim(std::string_view s) {
  while (!s.empty() && IsSpace(s.front())) s.remove_prefix(1);
  while (!s.empty() && IsSpace(s.back())) s.remove_suffix(1);
  return s;
}

// A leading plus is allowed, but not one before a minus.
bool DropPlus(std::string_view* s) {
  if (s->empty() || s->front() != '+') return true;
  s->remove_prefix(1);
  return s->empty() || (s->front() != '-' && s->front() != '+');
}

bool ParseInt(std::string_view text, int64_t min, int64_t max, int64_t* out) {
  text = Trim(text);
  if (!DropPlus(&text)) return false;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *out);
  return error == std::errc() && end == text.data() + text.size() && *out >= min && *out <= max;
}

// A number as the C language writes it, decimal or hexadecimal, "inf" and "nan" too; what is beyond
// a double is infinite or zero. Whatever the locale of the process is, '.' is the decimal point.
bool ParseReal(std::string_view text, double* out) {
  static const locale_t kLocale = newlocale(LC_ALL_MASK, "C", nullptr);
  // strtod skips space, which may not stand behind a sign.
  if (kLocale == nullptr || text.empty() || IsSpace(text.front())) return false;
  const std::string copy(text);
  char* end;
  *out = strtod_l(copy.c_str(), &end, kLocale);
  return end == copy.c_str() + copy.size();
}

// A real number with an optional binary suffix, rounded to whole bytes.
bool ParseBytes(std::string_view text, uint64_t min, uint64_t max, uint64_t* out) {
  double unit = 1;
  constexpr std::string_view kSuffixes = "BKMGTPE";
  if (!text.empty()) {
    char last = text.back() == 'k' ? 'K' : text.back();
    size_t power = kSuffixes.find(last);
    if (power != std::string_view::npos) {
      unit = std::ldexp(1.0, static_cast<int>(10 * power));
      text.remove_suffix(1);
    }
  }
  text = Trim(text);
  double number;
  if (!DropPlus(&text) || !ParseReal(text, &number)) return false;
  if (std::isnan(number) || number < 0) return false;
  double bytes = std::round(number * unit);
  *out = bytes >= 18446744073709551616.0 ? std::numeric_limits<uint64_t>::max()
                                         : static_cast<uint64_t>(bytes);
  return *out >= min && *out <= max;
}

// Describes what a value may be, for parsing and for messages, as a list of alternatives.
class ValueParser {
 public:
  ValueParser& Word(std::string_view word, std::function<void()> set) {
    Describe(word.empty() ? "(empty)" : std::string(word));
    alternatives_.push_back([=](std::string_view value) {
      if (value != word) return false;
      set();
      return true;
    });
    return *this;
  }
  ValueParser& Int(int64_t min, int64_t max, std::function<void(int64_t)> set) {
    Describe("integers in the range [" + std::to_string(min) + ".." + std::to_string(max) + "]");
    alternatives_.push_back([=](std::string_view value) {
      int64_t number;
      if (!ParseInt(value, min, max, &number)) return false;
      set(number);
      return true;
    });
    return *this;
  }
  ValueParser& Bytes(uint64_t min, uint64_t max, std::function<void(uint64_t)> set) {
    Describe("integers expressed as reals with optional suffix [BkKMGTPE], in the range [" +
             std::to_string(min) + ".." + std::to_string(max) + "]");
    alternatives_.push_back([=](std::string_view value) {
      uint64_t number;
      if (!ParseBytes(value, min, max, &number)) return false;
      set(number);
      return true;
    });
    return *this;
  }
  // Accepts anything, to be looked at later.
  ValueParser& Later(std::function<void(std::string_view)> keep) {
    alternatives_.push_back([=](std::string_view value) {
      keep(value);
      return true;
    });
    return *this;
  }

  Status Parse(std::string_view key, std::string_view value) const {
    for (const auto& alternative : alternatives_) {
      if (alternative(value)) return Status();
    }
    return Status(AR_INVALID_ARGUMENT, "Option " + std::string(key) + ": invalid value: " +
                                           (value.empty() ? "(empty)" : std::string(value)) +
                                           ", valid values: " + description_);
  }

 private:
  void Describe(std::string text) {
    if (!description_.empty()) description_ += ", ";
    description_ += text;
  }

  std::vector<std::function<bool(std::string_view)>> alternatives_;
  std::string description_;
};

struct CodecRange {
  std::string_view key;
  Codec codec;
  int default_level, min_level, max_level;
  int min_window_log, max_window_log;
};

constexpr CodecRange kCodecs[] = {{"uncompressed", Codec::kNone, 0, 0, -1, 0, -1},
                                  {"brotli", Codec::kBrotli, 6, 0, 11, 10, 30},
                                  {"zstd", Codec::kZstd, 3, -131072, 22, 10, 31},
                                  {"snappy", Codec::kSnappy, 1, 1, 2, 0, -1}};
constexpr size_t kDefaultCodec = 2;

struct Option {
  std::string_view key;
  ValueParser value;
  bool seen = false;
};

Status ParseOptions(std::string_view text, std::vector<Option> known) {
  bool first = true;
  while (!text.empty()) {
    size_t comma = text.find(',');
    std::string_view piece = text.substr(0, comma);
    text.remove_prefix(comma == std::string_view::npos ? text.size() : comma + 1);
    if (piece.empty()) continue;
    size_t colon = piece.find(':');
    std::string_view key = piece.substr(0, colon);
    std::string_view value =
        colon == std::string_view::npos ? std::string_view() : piece.substr(colon + 1);
    Option* option = nullptr;
    for (Option& o : known) {
      if (o.key == key) option = &o;
    }
    if (option == nullptr) {
      std::string message = "Unknown option " + std::string(key) + ", valid options: ";
      for (const Option& o : known) {
        if (&o != &known.front()) message += ", ";
        message += o.key;
      }
      return Status(AR_INVALID_ARGUMENT, message);
    }
    if (option->seen) {
      return Status(AR_INVALID_ARGUMENT,
                    "Option " + std::string(key) + " is present more than once");
    }
    if (key == "default" && !first) {
      return Status(AR_INVALID_ARGUMENT, "Option default must be first");
    }
    option->seen = true;
    AR_TRY(option->value.Parse(key, value));
    first = false;
  }
  return Status();
}

// The compression options, looked at after everything else, as upstream does: which codec it is,
// and that it is one; then everything in the order given, for what a window log may be depends on
// the codec, wherever that stands.
class CompressionOptions {
 public:
  std::function<void(std::string_view)> Keep(std::string_view key) {
    return [this, key](std::string_view value) { given_.push_back({key, value}); };
  }

  Status Parse(Compression* c) const {
    const CodecRange* codec = &kCodecs[kDefaultCodec];
    bool codec_given = false, window_given = false;
    for (const auto& [key, value] : given_) {
      if (key == "window_log") continue;
      if (codec_given) return Conflict(key, codec->key);
      codec_given = true;
      codec = FindCodec(key);
    }
    *c = {codec->codec, codec->default_level, 0};
    const bool has_window = codec->min_window_log <= codec->max_window_log;
    bool codec_seen = false;
    for (const auto& [key, value] : given_) {
      const bool is_window = key == "window_log";
      if (!has_window && (is_window ? codec_seen : window_given)) {
        return Conflict(key, is_window ? codec->key : "window_log");
      }
      (is_window ? window_given : codec_seen) = true;
      if (!is_window) {
        AR_TRY(ParseLevel(*codec, value, c));
      } else if (has_window) {
        AR_TRY(ValueParser()
                   .Word("auto", [] {})
                   .Int(codec->min_window_log, codec->max_window_log,
                        [&](int64_t v) { c->window_log = static_cast<int>(v); })
                   .Parse(key, value));
      }
    }
    // Frames of large chunks would otherwise want windows that small readers cannot afford.
    if (c->codec == Codec::kZstd && c->window_log == 0) c->window_log = 20;
    return Status();
  }

 private:
  struct Given {
    std::string_view key, value;
  };

  static Status Conflict(std::string_view key, std::string_view other) {
    return Status(AR_INVALID_ARGUMENT,
                  "Option " + std::string(key) + " conflicts with option " + std::string(other));
  }

  static const CodecRange* FindCodec(std::string_view key) {
    return std::find_if(std::begin(kCodecs), std::end(kCodecs),
                        [&](const CodecRange& range) { return range.key == key; });
  }

  static Status ParseLevel(const CodecRange& codec, std::string_view value, Compression* c) {
    ValueParser parser;
    parser.Word("", [] {});
    if (codec.min_level <= codec.max_level) {
      parser.Int(codec.min_level, codec.max_level,
                 [c](int64_t v) { c->level = static_cast<int>(v); });
    }
    return parser.Parse(codec.key, value);
  }

  std::vector<Given> given_;
};

}  // namespace

Status WriterOptions::Parse(std::string_view text, WriterOptions* options) {
  WriterOptions o;
  CompressionOptions compression;
  auto set = [](auto* field) { return [field](auto v) { *field = v; }; };
  auto flag = [](bool* field, bool value) { return [=] { *field = value; }; };
  auto nothing = [] {};
  AR_TRY(ParseOptions(
      text,
      {{"default", ValueParser().Later([](std::string_view) {})},
       {"group_size", ValueParser().Int(1, kMaxInt32, set(&o.group_size))},
       {"max_parallelism",
        ValueParser().Word("auto", nothing).Int(1, kMaxInt32, set(&o.max_parallelism))},
       {"saturation_delay_ms", ValueParser().Int(1, kMaxInt32, set(&o.saturation_delay_ms))},
       {"transpose", ValueParser()
                         .Word("", flag(&o.transpose, true))
                         .Word("true", flag(&o.transpose, true))
                         .Word("false", flag(&o.transpose, false))},
       {"transpose_bucket_size",
        ValueParser().Word("auto", nothing).Bytes(1, UINT64_MAX, set(&o.transpose_bucket_size))},
       {"uncompressed", ValueParser().Later(compression.Keep("uncompressed"))},
       {"brotli", ValueParser().Later(compression.Keep("brotli"))},
       {"zstd", ValueParser().Later(compression.Keep("zstd"))},
       {"snappy", ValueParser().Later(compression.Keep("snappy"))},
       {"window_log", ValueParser().Later(compression.Keep("window_log"))},
       {"pad_to_block_boundary", ValueParser()
                                     .Word("", flag(&o.pad_to_block_boundary, false))
                                     .Word("true", flag(&o.pad_to_block_boundary, true))
                                     .Word("false", flag(&o.pad_to_block_boundary, false))}}));
  AR_TRY(compression.Parse(&o.compression));
  *options = o;
  return Status();
}

namespace {

Status CheckRange(std::string_view key, int64_t value, int64_t min, int64_t max) {
  if (value >= min && value <= max) return Status();
  return ValueParser().Int(min, max, [](int64_t) {}).Parse(key, std::to_string(value));
}

Status PrefetchConflict() {
  return Status(AR_INVALID_ARGUMENT,
                "footer_prefetch_bytes > 0 is only supported with index_storage_option:in_memory.");
}

}  // namespace

Status WriterOptions::Validate() const {
  AR_TRY(CheckRange("group_size", group_size, 1, kMaxInt32));
  AR_TRY(CheckRange("max_parallelism", max_parallelism, 0, kMaxInt32));
  AR_TRY(CheckRange("saturation_delay_ms", saturation_delay_ms, 1, kMaxInt32));
  if (transpose_bucket_size == 0) return CheckRange("transpose_bucket_size", 0, 1, INT64_MAX);
  for (const CodecRange& range : kCodecs) {
    if (range.codec != compression.codec) continue;
    const bool has_levels = range.min_level <= range.max_level;
    if (has_levels) {
      AR_TRY(CheckRange(range.key, compression.level, range.min_level, range.max_level));
    }
    if (compression.window_log == 0) return Status();
    if (range.min_window_log > range.max_window_log) {
      return Status(AR_INVALID_ARGUMENT,
                    "Option window_log conflicts with option " + std::string(range.key));
    }
    return CheckRange("window_log", compression.window_log, range.min_window_log,
                      range.max_window_log);
  }
  return Status(AR_INVALID_ARGUMENT, "unknown compression");
}

std::string WriterOptions::ToString() const {
  std::string s = "group_size:" + std::to_string(group_size);
  s += transpose ? ",transpose:true" : ",transpose:false";
  s += pad_to_block_boundary ? ",pad_to_block_boundary:true" : ",pad_to_block_boundary:false";
  if (transpose) s += ",transpose_bucket_size:" + std::to_string(transpose_bucket_size);
  switch (compression.codec) {
    case Codec::kNone:
      s += ",uncompressed";
      break;
    case Codec::kBrotli:
      s += ",brotli:" + std::to_string(compression.level);
      break;
    case Codec::kZstd:
      s += ",zstd:" + std::to_string(compression.level);
      break;
    case Codec::kSnappy:
      s += ",snappy";
      break;
  }
  if (compression.window_log != 0) s += ",window_log:" + std::to_string(compression.window_log);
  s += ",max_parallelism:" + std::to_string(max_parallelism == 0 ? 1 : max_parallelism);
  return s;
}

Status ReaderOptions::Validate() const {
  if (readahead_buffer_size > kMaxReadahead) {
    return Status(AR_INVALID_ARGUMENT, "Option readahead_buffer_size: more than 1G");
  }
  if (footer_prefetch_bytes > kMaxFooterPrefetch) {
    return Status(AR_INVALID_ARGUMENT, "Option footer_prefetch_bytes: more than 1G");
  }
  if (offloaded_index && footer_prefetch_bytes > 1) return PrefetchConflict();
  return CheckRange("max_parallelism", max_parallelism, 0, kMaxInt32);
}

Status ReaderOptions::Parse(std::string_view text, ReaderOptions* options) {
  ReaderOptions o;
  bool prefetch = false;
  // 0 is the default in the struct; 1 byte is as good as none.
  AR_TRY(ParseOptions(
      text,
      {{"max_parallelism", ValueParser()
                               .Word("auto", [] {})
                               .Int(0, kMaxInt32,
                                    [&o](int64_t v) {
                                      o.no_readahead = v == 0;
                                      o.max_parallelism = v == 0 ? 1 : static_cast<uint32_t>(v);
                                    })},
       {"readahead_buffer_size",
        ValueParser()
            .Word("auto", [] {})
            .Bytes(0, kMaxReadahead,
                   [&o](uint64_t v) { o.readahead_buffer_size = std::max<uint64_t>(v, 1); })},
       {"index_storage_option", ValueParser()
                                    .Word("", [&o] { o.offloaded_index = false; })
                                    .Word("in_memory", [&o] { o.offloaded_index = false; })
                                    .Word("offloaded", [&o] { o.offloaded_index = true; })},
       {"footer_prefetch_bytes",
        ValueParser().Word("auto", [] {}).Bytes(0, kMaxFooterPrefetch, [&o, &prefetch](uint64_t v) {
          prefetch = v > 0;
          o.footer_prefetch_bytes = std::max<uint64_t>(v, 1);
        })}}));
  if (o.offloaded_index && prefetch) return PrefetchConflict();
  *options = o;
  return Status();
}

}  // namespace arrayrecord
