// Every limit in the tables of docs/format.md, sections 8.2 and 8.3: the value at it is taken, the
// one beyond is refused with the whole message; and every pair of compression options.
#include <random>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "options.h"

namespace arrayrecord {
namespace {

std::string WriterMessage(const std::string& text) {
  WriterOptions options;
  return WriterOptions::Parse(text, &options).message();
}

std::string ReaderMessage(const std::string& text) {
  ReaderOptions options;
  return ReaderOptions::Parse(text, &options).message();
}

std::string Integers(const std::string& range) { return "integers in the range [" + range + "]"; }

std::string Reals(const std::string& range) {
  return "integers expressed as reals with optional suffix [BkKMGTPE], in the range [" + range +
         "]";
}

struct Limit {
  std::string before, key;
  std::vector<std::string> good, bad;
  std::string valid;
};

void Check(const Limit& limit, std::string (*message)(const std::string&)) {
  for (const std::string& value : limit.good) {
    EXPECT_EQ(message(limit.before + limit.key + ":" + value), "");
  }
  for (const std::string& value : limit.bad) {
    EXPECT_EQ(message(limit.before + limit.key + ":" + value),
              "Option " + limit.key + ": invalid value: " + (value.empty() ? "(empty)" : value) +
                  ", valid values: " + limit.valid);
  }
}

TEST(OptionsLimitsTest, Writer) {
  const std::string positive = Integers("1..2147483647");
  const Limit kLimits[] = {
      {"", "group_size", {"1", "2147483647"}, {"", "0", "-1", "2147483648", "auto"}, positive},
      {"",
       "max_parallelism",
       {"auto", "1", "2147483647"},
       {"", "0", "-1", "2147483648", "Auto"},
       "auto, " + positive},
      {"", "saturation_delay_ms", {"1", "2147483647"}, {"", "0", "2147483648", "auto"}, positive},
      {"",
       "transpose",
       {"", "true", "false"},
       {"1", "True", " true", "auto"},
       "(empty), true, false"},
      {"",
       "pad_to_block_boundary",
       {"", "true", "false"},
       {"0", "TRUE", "yes"},
       "(empty), true, false"},
      {"",
       "transpose_bucket_size",
       {"auto", "1", "0.5", "16E", "18446744073709551615", "1e99", "inf", "1e999", "0x10", "0x1p-1",
        "0x1p9999", "0xBB"},
       {"", "0", "0.4", "-1", "-inf", "-1e999", "nan", "1KB", "K", "1e-999", "auto ", "0xB", "0x",
        "0x1p-2", "0x1p-9999", "-0x1", "0x-1", "+ 1", "1\t1"},
       "auto, " + Reals("1..18446744073709551615")},
      {"", "uncompressed", {""}, {"0", "1", "true", "auto"}, "(empty)"},
      {"", "brotli", {"", "0", "11"}, {"-1", "12", "auto"}, "(empty), " + Integers("0..11")},
      {"",
       "zstd",
       {"", "-131072", "0", "22"},
       {"-131073", "23", "auto"},
       "(empty), " + Integers("-131072..22")},
      {"", "snappy", {"", "1", "2"}, {"0", "3"}, "(empty), " + Integers("1..2")},
      {"", "window_log", {"auto", "10", "31"}, {"", "9", "32"}, "auto, " + Integers("10..31")},
      {"zstd,", "window_log", {"auto", "10", "31"}, {"", "9", "32"}, "auto, " + Integers("10..31")},
      {"brotli,",
       "window_log",
       {"auto", "10", "30"},
       {"", "9", "31"},
       "auto, " + Integers("10..30")},
  };
  for (const Limit& limit : kLimits) Check(limit, WriterMessage);
}

TEST(OptionsLimitsTest, Reader) {
  const std::vector<std::string> sizes = {"auto",       "0",      "-0",         "0.4",
                                          "1G",         "1024M",  "1073741824", "1073741824.4",
                                          "0x40000000", "0x1p30", "1e-999",     "-1e-999"};
  const std::vector<std::string> no_sizes = {
      "", "1073741825", "1073741824.5", "0x40000001", "2G", "-1", "-1e999", "16MB", "inf", "nan"};
  const Limit kLimits[] = {
      {"",
       "max_parallelism",
       {"auto", "0", "2147483647"},
       {"", "-1", "2147483648"},
       "auto, " + Integers("0..2147483647")},
      {"", "readahead_buffer_size", sizes, no_sizes, "auto, " + Reals("0..1073741824")},
      {"", "footer_prefetch_bytes", sizes, no_sizes, "auto, " + Reals("0..1073741824")},
      {"",
       "index_storage_option",
       {"", "in_memory", "offloaded"},
       {"memory", "IN_MEMORY", "offloaded "},
       "(empty), in_memory, offloaded"},
  };
  for (const Limit& limit : kLimits) Check(limit, ReaderMessage);
}

// Numbers beyond what a double holds have a sign, and are large or small, whatever they look like.
TEST(OptionsLimitsTest, LongNumbers) {
  const std::string zeros(400, '0');
  auto bucket = [](const std::string& value) {
    WriterOptions options;
    options.transpose_bucket_size = 4711;
    Status status = WriterOptions::Parse("transpose_bucket_size:" + value, &options);
    return status.ok() ? options.transpose_bucket_size : 4711;
  };
  EXPECT_EQ(bucket("1" + zeros), UINT64_MAX);
  EXPECT_EQ(bucket("1" + zeros + "e-1"), UINT64_MAX) << "10^399";
  EXPECT_EQ(bucket("1" + zeros + "e-400"), 1u);
  EXPECT_EQ(bucket("0." + zeros + "1"), 4711u) << "that is 0";
  EXPECT_EQ(bucket("0." + zeros + "1e401"), 1u);
  EXPECT_EQ(bucket("-1" + zeros), 4711u);
}

const char* const kCompressions[] = {"uncompressed", "brotli", "zstd", "snappy", "window_log:auto"};

std::string Key(const std::string& option) { return option.substr(0, option.find(':')); }

// At most one codec, and a window only where there is one - in any order, with others between.
TEST(OptionsLimitsTest, EveryPairOfCompressionOptions) {
  for (const std::string a : kCompressions) {
    for (const std::string b : kCompressions) {
      const std::string message = WriterMessage(a + ",group_size:2," + b);
      if (a == b) {
        EXPECT_EQ(message, "Option " + Key(a) + " is present more than once");
        continue;
      }
      const bool window = Key(a) == "window_log" || Key(b) == "window_log";
      const std::string codec = Key(a) == "window_log" ? b : a;
      if (window && (codec == "zstd" || codec == "brotli")) {
        EXPECT_EQ(message, "");
      } else {
        EXPECT_EQ(message, "Option " + Key(b) + " conflicts with option " + Key(a));
      }
    }
  }
}

TEST(OptionsLimitsTest, WhichErrorComesFirst) {
  EXPECT_EQ(WriterMessage("zstd:99,nothing").find("Unknown option nothing"), 0u)
      << "keys before compression";
  EXPECT_EQ(WriterMessage("zstd:99,group_size:0").find("Option group_size"), 0u);
  EXPECT_EQ(WriterMessage("group_size:x,group_size:y").find("Option group_size: invalid"), 0u);
  EXPECT_EQ(WriterMessage("zstd,zstd:99"), "Option zstd is present more than once");
  EXPECT_EQ(WriterMessage("zstd,default:x"), "Option default must be first");
  EXPECT_EQ(WriterMessage(",,default,default"), "Option default is present more than once");
  EXPECT_EQ(WriterMessage(",,default"), "") << "empty pieces are nothing";
  // Two codecs before all values, a window log in its turn.
  EXPECT_EQ(WriterMessage("zstd:99,brotli"), "Option brotli conflicts with option zstd");
  EXPECT_EQ(WriterMessage("window_log:auto,snappy,zstd"),
            "Option zstd conflicts with option snappy");
  EXPECT_EQ(WriterMessage("snappy:3,window_log:x").find("Option snappy: invalid"), 0u);
  EXPECT_EQ(WriterMessage("window_log:x,snappy:3"),
            "Option snappy conflicts with option window_log");
  EXPECT_EQ(WriterMessage("window_log:99,zstd:99").find("Option window_log: invalid"), 0u);
  EXPECT_EQ(WriterMessage("zstd:99,window_log:99").find("Option zstd: invalid"), 0u);
  EXPECT_EQ(ReaderMessage("index_storage_option:offloaded,footer_prefetch_bytes:1,x")
                .find("Unknown option x"),
            0u);
}

// What is prefetched could not be kept: upstream says so, and this library in the same words. A
// size that nobody named is no reason to refuse.
TEST(OptionsLimitsTest, NoPrefetchForAnOffloadedIndex) {
  const std::string conflict =
      "footer_prefetch_bytes > 0 is only supported with index_storage_option:in_memory.";
  const std::string offloaded = "index_storage_option:offloaded";
  for (const std::string size :
       {"", "footer_prefetch_bytes:auto", "footer_prefetch_bytes:0", "footer_prefetch_bytes:0.4"}) {
    EXPECT_EQ(ReaderMessage(offloaded + "," + size), "") << size;
    EXPECT_EQ(ReaderMessage(size + "," + offloaded), "") << size;
  }
  for (const std::string size : {"0.5", "1", "64K", "1G"}) {
    EXPECT_EQ(ReaderMessage(offloaded + ",footer_prefetch_bytes:" + size), conflict);
    EXPECT_EQ(ReaderMessage("footer_prefetch_bytes:" + size + "," + offloaded), conflict);
    EXPECT_EQ(ReaderMessage("footer_prefetch_bytes:" + size + ",index_storage_option"), "");
  }
  ReaderOptions options;
  options.offloaded_index = true;
  EXPECT_EQ(options.Validate().message(), "");
  options.footer_prefetch_bytes = 1;
  EXPECT_EQ(options.Validate().message(), "") << "1 stands for none in the struct";
  options.footer_prefetch_bytes = 2;
  EXPECT_EQ(options.Validate().message(), conflict);
  options.offloaded_index = false;
  EXPECT_EQ(options.Validate().message(), "");
}

TEST(OptionsLimitsTest, FailedParsingLeavesTheOptionsAlone) {
  WriterOptions writer;
  writer.group_size = 17;
  EXPECT_FALSE(WriterOptions::Parse("group_size:5,zstd:99", &writer).ok());
  EXPECT_EQ(writer.group_size, 17u);
  ReaderOptions reader;
  reader.max_parallelism = 17;
  EXPECT_FALSE(ReaderOptions::Parse("max_parallelism:5,x", &reader).ok());
  EXPECT_EQ(reader.max_parallelism, 17u);
}

// Whatever is recorded in a file can be given to another writer and means the same there.
TEST(OptionsLimitsTest, FullFormsParseToThemselves) {
  std::mt19937 rng(31);
  const std::vector<std::string> pieces[] = {
      {"", "group_size:1", "group_size:77"},
      {"", "transpose", "transpose:false"},
      {"", "transpose_bucket_size:1.5K", "transpose_bucket_size:inf"},
      {"", "pad_to_block_boundary:true"},
      {"", "max_parallelism:9", "max_parallelism:auto"},
      {"uncompressed", "brotli", "brotli:0,window_log:30", "zstd:-131072", "zstd:0,window_log:31",
       "zstd", "window_log:10", "snappy:2", ""}};
  for (int i = 0; i < 2000; ++i) {
    std::string text;
    for (const auto& choices : pieces) text += choices[rng() % choices.size()] + ",";
    WriterOptions options, again;
    ASSERT_EQ(WriterOptions::Parse(text, &options).message(), "") << text;
    ASSERT_EQ(options.Validate().message(), "") << text;
    ASSERT_EQ(WriterOptions::Parse(options.ToString(), &again).message(), "") << text;
    ASSERT_EQ(again.ToString(), options.ToString());
    ASSERT_EQ(again.compression.codec, options.compression.codec);
    ASSERT_EQ(again.compression.window_log, options.compression.window_log);
  }
}

}  // namespace
}  // namespace arrayrecord
