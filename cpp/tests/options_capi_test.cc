// The option structs of the C header: they may be longer or shorter than the library's, and 0 is
// the default in every field.
#include <cstddef>
#include <cstring>
#include <string>
#include <vector>

#include "arrayrecord.h"
#include "gtest/gtest.h"

namespace {

constexpr char kDefaults[] =
    "group_size:1,transpose:false,pad_to_block_boundary:false,zstd:3,window_log:20,"
    "max_parallelism:1";

std::string Format(const ar_writer_options* options) {
  char text[512];
  ar_error error = {};
  const ar_code code = ar_writer_options_format(options, text, sizeof(text), &error);
  ar_error checked = {};
  EXPECT_EQ(ar_writer_options_check(options, &checked), code);
  EXPECT_STREQ(checked.message, error.message);
  return code == AR_OK ? text : std::string(ar_code_name(code)) + ": " + error.message;
}

std::string Check(const ar_reader_options* options) {
  ar_error error = {};
  const ar_code code = ar_reader_options_check(options, &error);
  return code == AR_OK ? "" : std::string(ar_code_name(code)) + ": " + error.message;
}

ar_writer_options WriterOptions() {
  ar_writer_options o = {};
  o.struct_size = sizeof(o);
  return o;
}

ar_reader_options ReaderOptions() {
  ar_reader_options o = {};
  o.struct_size = sizeof(o);
  return o;
}

TEST(OptionsCapiTest, ZeroIsTheDefault) {
  EXPECT_EQ(Format(nullptr), kDefaults);
  ar_writer_options writer = WriterOptions();
  EXPECT_EQ(Format(&writer), kDefaults);
  ar_reader_options reader = ReaderOptions();
  EXPECT_EQ(Check(nullptr), "");
  EXPECT_EQ(Check(&reader), "");
}

TEST(OptionsCapiTest, Level0IsALevel) {
  ar_writer_options o = WriterOptions();
  o.compression = AR_BROTLI;
  EXPECT_NE(Format(&o).find(",brotli:6,"), std::string::npos);
  o.level = AR_LEVEL_0;
  EXPECT_NE(Format(&o).find(",brotli:0,"), std::string::npos);
  o.compression = AR_DEFAULT_COMPRESSION;
  EXPECT_NE(Format(&o).find(",zstd:0,"), std::string::npos);
  o.compression = AR_SNAPPY;
  EXPECT_EQ(Format(&o).find("INVALID_ARGUMENT: Option snappy"), 0u) << Format(&o);

  o = WriterOptions();
  ASSERT_EQ(ar_writer_options_parse("brotli:0", 8, &o, nullptr), AR_OK);
  EXPECT_EQ(o.level, AR_LEVEL_0);
  EXPECT_EQ(o.window_log, 0);
  EXPECT_NE(Format(&o).find(",brotli:0,max"), std::string::npos);
}

TEST(OptionsCapiTest, CompressionsThatAreNone) {
  for (int value : {1, -1, int{'q'}, 256 + 'z'}) {
    ar_writer_options o = WriterOptions();
    std::memcpy(&o.compression, &value, sizeof(value));
    EXPECT_EQ(Format(&o).find("INVALID_ARGUMENT: unknown compression"), 0u) << value;
  }
}

// What an earlier version of the header has are the first fields.
TEST(OptionsCapiTest, ShorterStructs) {
  ar_writer_options writer = WriterOptions();
  writer.group_size = 7;
  writer.max_parallelism = 3;
  writer.struct_size = offsetof(ar_writer_options, max_parallelism);
  EXPECT_NE(Format(&writer).find("group_size:7,"), std::string::npos);
  EXPECT_NE(Format(&writer).find("max_parallelism:1"), std::string::npos) << "not looked at";

  ar_reader_options reader = ReaderOptions();
  reader.readahead_buffer_size = UINT64_MAX;
  EXPECT_NE(Check(&reader), "");
  reader.struct_size = offsetof(ar_reader_options, readahead_buffer_size);
  EXPECT_EQ(Check(&reader), "");

  // Nothing behind the end is written.
  std::vector<uint8_t> bytes(sizeof(ar_reader_options), 0xee);
  uint32_t size = offsetof(ar_reader_options, readahead_buffer_size);
  std::memcpy(bytes.data(), &size, sizeof(size));
  ASSERT_EQ(ar_reader_options_parse("max_parallelism:5", 17,
                                    reinterpret_cast<ar_reader_options*>(bytes.data()), nullptr),
            AR_OK);
  for (size_t i = size; i < bytes.size(); ++i) ASSERT_EQ(bytes[i], 0xee) << i;
  uint32_t threads;
  std::memcpy(&threads, bytes.data() + offsetof(ar_reader_options, max_parallelism), 4);
  EXPECT_EQ(threads, 5u);
}

// What a later version has must not be set: its meaning is not known.
TEST(OptionsCapiTest, LongerStructs) {
  struct Later {
    ar_reader_options known;
    uint64_t unknown;
  } later = {};
  later.known.struct_size = sizeof(later);
  EXPECT_EQ(Check(&later.known), "");
  later.unknown = 1;
  EXPECT_EQ(Check(&later.known),
            "INVALID_ARGUMENT: options that this version of the library does not know");
  ASSERT_EQ(ar_reader_options_parse("", 0, &later.known, nullptr), AR_OK);
  EXPECT_EQ(later.unknown, 0u) << "the whole struct is set";
  EXPECT_EQ(later.known.struct_size, sizeof(later));
}

TEST(OptionsCapiTest, ASizeThatIsNotSet) {
  ar_writer_options writer = {};
  ar_reader_options reader = {};
  for (uint32_t size : {0u, 3u}) {
    writer.struct_size = reader.struct_size = size;
    const std::string want = "INVALID_ARGUMENT: struct_size of options is not set";
    EXPECT_EQ(Format(&writer), want);
    EXPECT_EQ(Check(&reader), want);
    EXPECT_EQ(ar_writer_options_parse("", 0, &writer, nullptr), AR_INVALID_ARGUMENT);
    EXPECT_EQ(ar_reader_options_parse("", 0, &reader, nullptr), AR_INVALID_ARGUMENT);
  }
}

TEST(OptionsCapiTest, WhatIsParsedCanBeUsed) {
  for (const char* text : {"", "max_parallelism:0", "readahead_buffer_size:0",
                           "footer_prefetch_bytes:1G", "index_storage_option:offloaded",
                           "footer_prefetch_bytes:0,index_storage_option:offloaded"}) {
    ar_reader_options o = ReaderOptions();
    ASSERT_EQ(ar_reader_options_parse(text, std::strlen(text), &o, nullptr), AR_OK) << text;
    EXPECT_EQ(Check(&o), "") << text;
  }
  ar_reader_options o = ReaderOptions();
  o.offloaded_index = 1;
  o.footer_prefetch_bytes = 2;
  EXPECT_EQ(Check(&o),
            "INVALID_ARGUMENT: footer_prefetch_bytes > 0 is only supported with "
            "index_storage_option:in_memory.");
  o.footer_prefetch_bytes = 1;
  EXPECT_EQ(Check(&o), "");
  o.footer_prefetch_bytes = 0;
  o.readahead_buffer_size = (1 << 30) + 1;
  EXPECT_NE(Check(&o), "");
  ar_writer_options w = WriterOptions();
  EXPECT_EQ(ar_writer_options_parse("zstd:99", 7, &w, nullptr), AR_INVALID_ARGUMENT);
  EXPECT_EQ(w.level, 0) << "untouched";
}

}  // namespace
