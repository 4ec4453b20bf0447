#include "options.h"

#include <string>

#include "gtest/gtest.h"

namespace arrayrecord {
namespace {

// The full form, or the message.
std::string Written(const std::string& text) {
  WriterOptions options;
  Status status = WriterOptions::Parse(text, &options);
  if (!status.ok()) {
    EXPECT_EQ(status.code(), AR_INVALID_ARGUMENT);
    return status.message();
  }
  EXPECT_EQ(options.Validate().message(), "");
  return options.ToString();
}

std::string Full(const std::string& compression, const std::string& group = "1") {
  return "group_size:" + group + ",transpose:false,pad_to_block_boundary:false," + compression +
         ",max_parallelism:1";
}

const char kKeys[] =
    "default, group_size, max_parallelism, saturation_delay_ms, transpose, transpose_bucket_size, "
    "uncompressed, brotli, zstd, snappy, window_log, pad_to_block_boundary";

TEST(WriterOptionsTest, Valid) {
  const std::string defaults = Full("zstd:3,window_log:20");
  for (const char* text : {"", "default", "default,zstd", ",", "zstd:3"}) {
    EXPECT_EQ(Written(text), defaults) << text;
  }
  EXPECT_EQ(Written("default:anything,,zstd,"), defaults);
  EXPECT_EQ(Written("window_log:15"), Full("zstd:3,window_log:15"));
  EXPECT_EQ(Written("window_log:auto"), defaults);
  EXPECT_EQ(Written("brotli"), Full("brotli:6"));
  EXPECT_EQ(Written("window_log:24,brotli:9"), Full("brotli:9,window_log:24"));
  EXPECT_EQ(Written("zstd:0"), Full("zstd:0,window_log:20"));
  EXPECT_EQ(Written("zstd:-131072"), Full("zstd:-131072,window_log:20"));
  EXPECT_EQ(Written("snappy:1"), Full("snappy"));
  EXPECT_EQ(Written("uncompressed"), Full("uncompressed"));
  EXPECT_EQ(Written("group_size: 2"), Full("zstd:3,window_log:20", "2"));
  EXPECT_EQ(Written("group_size:+007 "), Full("zstd:3,window_log:20", "7"));
  EXPECT_EQ(Written("group_size:2147483647"), Full("zstd:3,window_log:20", "2147483647"));
  EXPECT_EQ(Written("transpose,uncompressed,transpose_bucket_size:1.5K,max_parallelism:3"),
            "group_size:1,transpose:true,pad_to_block_boundary:false,transpose_bucket_size:1536,"
            "uncompressed,max_parallelism:3");
  EXPECT_EQ(Written("pad_to_block_boundary"), defaults) << "no value means false here";
  EXPECT_EQ(Written("transpose:false,saturation_delay_ms:7"), defaults);
}

TEST(WriterOptionsTest, Messages) {
  EXPECT_EQ(Written(" zstd"), std::string("Unknown option  zstd, valid options: ") + kKeys);
  EXPECT_EQ(Written("Zstd"), std::string("Unknown option Zstd, valid options: ") + kKeys);
  EXPECT_EQ(Written("group_size:3,group_size:x"), "Option group_size is present more than once");
  EXPECT_EQ(Written("zstd,default"), "Option default must be first");
  EXPECT_EQ(Written("group_size"),
            "Option group_size: invalid value: (empty), valid values: integers in the range "
            "[1..2147483647]");
  EXPECT_EQ(Written("max_parallelism:0"),
            "Option max_parallelism: invalid value: 0, valid values: auto, integers in the range "
            "[1..2147483647]");
  EXPECT_EQ(Written("transpose:1"),
            "Option transpose: invalid value: 1, valid values: (empty), true, false");
  EXPECT_EQ(Written("uncompressed:3"),
            "Option uncompressed: invalid value: 3, valid values: (empty)");
  EXPECT_EQ(
      Written("brotli:12"),
      "Option brotli: invalid value: 12, valid values: (empty), integers in the range [0..11]");
  EXPECT_EQ(Written("window_log:31,brotli"),
            "Option window_log: invalid value: 31, valid values: auto, integers in the range "
            "[10..30]");
  EXPECT_EQ(Written("zstd,brotli"), "Option brotli conflicts with option zstd");
  EXPECT_EQ(Written("window_log:auto,snappy"), "Option snappy conflicts with option window_log");
  EXPECT_EQ(Written("uncompressed,window_log:15"),
            "Option window_log conflicts with option uncompressed");
  EXPECT_EQ(Written("zstd:99"),
            "Option zstd: invalid value: 99, valid values: (empty), integers in the range "
            "[-131072..22]");
  EXPECT_EQ(
      Written("transpose_bucket_size:0"),
      "Option transpose_bucket_size: invalid value: 0, valid values: auto, integers expressed "
      "as reals with optional suffix [BkKMGTPE], in the range [1..18446744073709551615]");
}

TEST(WriterOptionsTest, Integers) {
  for (const char* bad :
       {"0", "-1", "2147483648", "1.0", "0x10", "1e3", "1K", "+-1", "++1", "1 1"}) {
    EXPECT_NE(Written(std::string("group_size:") + bad).find("invalid value"), std::string::npos)
        << bad;
  }
}

TEST(WriterOptionsTest, ValuesThatWereNotParsed) {
  WriterOptions options;
  EXPECT_TRUE(options.Validate().ok());
  options.group_size = 0;
  EXPECT_EQ(options.Validate().code(), AR_INVALID_ARGUMENT);
  options = WriterOptions();
  options.compression = {Codec::kSnappy, 1, 20};
  EXPECT_EQ(options.Validate().message(), "Option window_log conflicts with option snappy");
  options.compression = {static_cast<Codec>('q'), 1, 0};
  EXPECT_EQ(options.Validate().code(), AR_INVALID_ARGUMENT);
  options.compression = {Codec::kZstd, 23, 0};
  EXPECT_EQ(options.Validate().code(), AR_INVALID_ARGUMENT);
  options.compression = {Codec::kZstd, 3, 32};
  EXPECT_EQ(options.Validate().code(), AR_INVALID_ARGUMENT);
  options = WriterOptions();
  options.transpose_bucket_size = 0;
  EXPECT_EQ(options.Validate().code(), AR_INVALID_ARGUMENT);
}

Status ReadOptions(const std::string& text, ReaderOptions* options) {
  return ReaderOptions::Parse(text, options);
}

// In the struct 0 is the default, and 1 byte as good as none.
TEST(ReaderOptionsTest, Bytes) {
  const struct {
    const char* text;
    uint64_t bytes;
  } kGood[] = {
      {"0", 1},      {"16M", 16 << 20},   {"1.5K", 1536}, {"1.5k", 1536},   {"0.5", 1},
      {"1e3", 1000}, {"1024B", 1024},     {"-0", 1},      {" 7", 7},        {"+1G", 1 << 30},
      {"0.4", 1},    {"auto", 0},         {"0x10", 16},   {"0x10K", 16384}, {"0x1p4", 16},
      {"0X1P4", 16}, {"+0x1.8p1k", 3072}, {"0xBB", 11},   {" 0x10 ", 16}};
  for (const std::string key : {"readahead_buffer_size", "footer_prefetch_bytes"}) {
    for (const auto& good : kGood) {
      ReaderOptions o;
      EXPECT_EQ(ReadOptions(key + ":" + good.text, &o).message(), "");
      EXPECT_EQ(key == "readahead_buffer_size" ? o.readahead_buffer_size : o.footer_prefetch_bytes,
                good.bytes)
          << key << ":" << good.text;
      EXPECT_EQ(key == "readahead_buffer_size" ? o.footer_prefetch_bytes : o.readahead_buffer_size,
                0u);
    }
    for (const char* bad :
         {"", "16MB", "1 K ", "nan", "-1", "0x", "2G", "inf", "1e999", "K", "1KK"}) {
      ReaderOptions o;
      EXPECT_EQ(ReadOptions(key + ":" + bad, &o).code(), AR_INVALID_ARGUMENT) << bad;
    }
  }
}

TEST(ReaderOptionsTest, TheRest) {
  ReaderOptions o;
  ASSERT_TRUE(ReadOptions("", &o).ok());
  EXPECT_EQ(o.readahead_buffer_size, ReaderOptions::kAutoReadahead);
  EXPECT_EQ(o.max_parallelism, 0u);
  EXPECT_FALSE(o.no_readahead);
  EXPECT_FALSE(o.offloaded_index);
  ASSERT_TRUE(ReadOptions("max_parallelism:0,index_storage_option:offloaded", &o).ok());
  EXPECT_EQ(o.max_parallelism, 1u);
  EXPECT_TRUE(o.no_readahead);
  EXPECT_TRUE(o.offloaded_index);
  ASSERT_TRUE(ReadOptions("index_storage_option,max_parallelism:auto", &o).ok());
  EXPECT_FALSE(o.offloaded_index);
  EXPECT_FALSE(o.no_readahead);
  ASSERT_TRUE(ReadOptions("max_parallelism:3", &o).ok());
  EXPECT_EQ(o.max_parallelism, 3u);
  EXPECT_FALSE(o.no_readahead);
  EXPECT_EQ(ReadOptions("default", &o).message(),
            "Unknown option default, valid options: max_parallelism, readahead_buffer_size, "
            "index_storage_option, footer_prefetch_bytes");
  EXPECT_EQ(ReadOptions("index_storage_option:disk", &o).message(),
            "Option index_storage_option: invalid value: disk, valid values: (empty), in_memory, "
            "offloaded");
  o = ReaderOptions();
  o.max_parallelism = uint32_t{1} << 31;
  EXPECT_EQ(o.Validate().code(), AR_INVALID_ARGUMENT);
  o = ReaderOptions();
  o.readahead_buffer_size = (1 << 30) + 1;
  EXPECT_EQ(o.Validate().code(), AR_INVALID_ARGUMENT);
  o = ReaderOptions();
  o.footer_prefetch_bytes = (1 << 30) + 1;
  EXPECT_EQ(o.Validate().code(), AR_INVALID_ARGUMENT);
}

}  // namespace
}  // namespace arrayrecord
