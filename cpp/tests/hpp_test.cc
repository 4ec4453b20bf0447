// The C++ layer, as programs use it: this includes nothing else of the core.

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <string>
#include <type_traits>
#include <vector>

#include "arrayrecord.hpp"
#include "gtest/gtest.h"

namespace {

using arrayrecord::Error;
using arrayrecord::Reader;
using arrayrecord::Writer;

static_assert(!std::is_copy_constructible_v<Reader> && std::is_move_constructible_v<Reader>);
static_assert(!std::is_copy_constructible_v<Writer> && std::is_move_constructible_v<Writer>);
static_assert(std::is_move_constructible_v<arrayrecord::Batch>);
static_assert(std::is_move_constructible_v<arrayrecord::Scan>);

class HppTest : public testing::Test {
 protected:
  HppTest() : path_(testing::TempDir() + "/hpp-" + std::to_string(getpid()) + ".arrayrecord") {
    records_ = {"apple", "", "cherry", std::string(4096, 'a'), std::string(4097, 'b')};
    for (int i = 0; i < 100; ++i) records_.push_back("record " + std::to_string(i));
    records_.push_back(std::string(5 << 20, 'c'));  // more than is made room for at first
  }
  ~HppTest() override { unlink(path_.c_str()); }

  void Write(const arrayrecord::WriterOptions& options = {}) {
    Writer writer(path_, options);
    for (const std::string& record : records_) writer.write(record);
    writer.close();
  }

  std::string path_;
  std::vector<std::string> records_;
};

TEST_F(HppTest, OneRecord) {
  for (const char* options : {"", "group_size:7,zstd:5", "group_size:256,snappy", "brotli:1"}) {
    Write(options);
    const Reader reader(path_);
    ASSERT_EQ(reader.size(), records_.size());
    EXPECT_FALSE(reader.empty());
    std::string again;
    for (size_t i = 0; i < records_.size(); ++i) {
      EXPECT_EQ(reader[i], records_[i]) << options << i;
      ASSERT_TRUE(reader.try_get(i, &again)) << options << i;
      EXPECT_EQ(again, records_[i]) << options << i;
    }
  }
}

TEST_F(HppTest, WhatTheFileTells) {
  Write("group_size:7,uncompressed");
  const Reader reader(path_);
  EXPECT_EQ(reader.group_size(), 7u);
  EXPECT_EQ(reader.writer_options().substr(0, 12), "group_size:7");
  EXPECT_EQ(ar_reader_num_records(reader.handle()), records_.size());
}

TEST_F(HppTest, Batch) {
  Write("group_size:3");
  std::optional<Reader> reader(path_);
  arrayrecord::Batch batch = reader->batch({4, 0, 4, 1});
  const arrayrecord::Batch none = reader->batch(std::vector<uint64_t>());
  const uint64_t behind = records_.size();
  arrayrecord::Batch again = reader->batch({1, 2});
  ASSERT_TRUE(reader->try_read(&again, std::vector<uint64_t>{3}.data(), 1));
  EXPECT_EQ(std::vector<std::string>(again.begin(), again.end()),
            std::vector<std::string>{records_[3]});
  EXPECT_EQ(reader->try_read(&again, &behind, 1).error().code(), AR_OUT_OF_RANGE);
  EXPECT_TRUE(again.empty());
  reader.reset();  // a batch may outlive it
  EXPECT_EQ(batch.size(), 4u);
  EXPECT_EQ(batch[2], records_[4]);
  EXPECT_EQ(std::vector<std::string>(batch.begin(), batch.end()),
            (std::vector<std::string>{records_[4], records_[0], records_[4], records_[1]}));
  EXPECT_TRUE(none.empty());
  EXPECT_EQ(none.begin(), none.end());
}

TEST_F(HppTest, Scan) {
  Write("group_size:10");
  const Reader reader(path_);
  std::vector<std::string> all;
  for (std::string_view record : reader.scan()) all.emplace_back(record);
  EXPECT_EQ(all, records_);

  std::vector<std::string> some;
  arrayrecord::Scan part = reader.scan(2, 5);
  while (auto record = part.next()) some.emplace_back(*record);
  EXPECT_EQ(some, std::vector<std::string>(records_.begin() + 2, records_.begin() + 5));
  EXPECT_FALSE(part.next());

  arrayrecord::Scan none = reader.scan(5, 5);
  EXPECT_EQ(none.begin(), none.end());
  arrayrecord::Scan counted = reader.scan();
  EXPECT_EQ(std::count(counted.begin(), counted.end(), std::string_view("")), 1);
}

TEST_F(HppTest, AnEmptyFile) {
  records_.clear();
  Write();
  const Reader reader(path_);
  EXPECT_TRUE(reader.empty());
  for (std::string_view record : reader.scan()) FAIL() << record;
}

template <typename Call>
Error Thrown(Call call) {
  try {
    call();
  } catch (const Error& error) {
    return error;
  }
  ADD_FAILURE() << "nothing was thrown";
  return Error(ar_error{});
}

TEST_F(HppTest, ErrorsAsExceptions) {
  EXPECT_EQ(Thrown([&] { Reader missing(path_); }).code(), AR_NOT_FOUND);
  Write();
  const Reader reader(path_);
  const Error behind = Thrown([&] { reader[records_.size()]; });
  EXPECT_EQ(behind.code(), AR_OUT_OF_RANGE);
  EXPECT_STREQ(behind.code_name(), "OUT_OF_RANGE");
  EXPECT_EQ(behind.what(), behind.message());
  EXPECT_EQ(Thrown([&] { reader.batch({0, records_.size()}); }).code(), AR_OUT_OF_RANGE);
  EXPECT_EQ(Thrown([&] { reader.scan(3, 2); }).code(), AR_OUT_OF_RANGE);
  EXPECT_EQ(Thrown([&] { Reader r(path_, "nonsense"); }).code(), AR_INVALID_ARGUMENT);
  EXPECT_EQ(Thrown([&] { Writer w(path_, "nonsense"); }).code(), AR_INVALID_ARGUMENT);
  EXPECT_EQ(Thrown([&] { Writer w(path_ + "/none/out"); }).os_errno() != 0, true);
  const std::exception& as_any_other = behind;
  EXPECT_NE(std::string(as_any_other.what()).find(std::to_string(records_.size())),
            std::string::npos);
}

TEST_F(HppTest, ErrorsAsResults) {
  arrayrecord::Result<Reader> missing = Reader::try_open(path_);
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code(), AR_NOT_FOUND);
  EXPECT_THROW(missing.value(), Error);

  arrayrecord::Result<Writer> writer = Writer::try_create(path_, "uncompressed");
  ASSERT_TRUE(writer);
  EXPECT_TRUE(writer->try_write("one"));
  EXPECT_TRUE(writer->try_close());
  EXPECT_EQ(writer->try_close().error().code(), AR_FAILED_PRECONDITION);

  const Reader reader = Reader::try_open(path_).value();
  EXPECT_EQ(*reader.try_get(0), "one");
  EXPECT_EQ(reader.try_get(1).error().code(), AR_OUT_OF_RANGE);
  EXPECT_EQ(reader.try_batch({1}).error().code(), AR_OUT_OF_RANGE);
  EXPECT_EQ(reader.try_scan(0, 2).error().code(), AR_OUT_OF_RANGE);
  arrayrecord::Scan scan = *reader.try_scan(0, 1);
  EXPECT_EQ(**scan.try_next(), "one");
  EXPECT_FALSE(scan.try_next()->has_value());
}

TEST_F(HppTest, DamageTellsWhere) {
  Write("group_size:10,uncompressed");
  FILE* file = fopen(path_.c_str(), "r+");
  ASSERT_NE(file, nullptr);
  fseek(file, 300, SEEK_SET);  // in the first chunk
  fputc('!', file);
  fclose(file);
  const Reader reader(path_);
  std::string record = "before";
  const arrayrecord::Result<arrayrecord::Done> result = reader.try_get(3, &record);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code(), AR_DATA_LOSS);
  EXPECT_NE(result.error().position(), AR_NONE);
  EXPECT_EQ(result.error().chunk(), 0u);
  EXPECT_TRUE(record.empty());
  EXPECT_EQ(Thrown([&] {
              for (std::string_view r : reader.scan()) (void)r;
            }).code(),
            AR_DATA_LOSS);
}

TEST_F(HppTest, AWriterThatWasNotClosedLeavesNothing) {
  { Writer(path_).write("gone"); }
  EXPECT_NE(access(path_.c_str(), F_OK), 0);
}

TEST_F(HppTest, OptionsAsStructs) {
  arrayrecord::WriterOptions options;
  options.group_size = 5;
  options.compression = AR_SNAPPY;
  Write(options);
  arrayrecord::ReaderOptions reader_options("max_parallelism:1");
  reader_options.max_record_size = 4096;
  const Reader reader(path_, reader_options);
  EXPECT_EQ(reader.group_size(), 5u);
  EXPECT_EQ(reader[3], records_[3]);
  EXPECT_EQ(reader.try_get(4).error().code(), AR_RESOURCE_EXHAUSTED);
  ar_reader_options plain = {};
  plain.struct_size = sizeof(plain);
  EXPECT_EQ(Reader(path_, plain)[0], records_[0]);
}

TEST_F(HppTest, ObjectsMove) {
  Write();
  Reader reader(path_);
  Reader moved(std::move(reader));
  arrayrecord::Scan scan = moved.scan();
  arrayrecord::Scan next = std::move(scan);
  EXPECT_EQ(next.next(), records_[0]);
  reader = std::move(moved);
  EXPECT_EQ(reader[2], records_[2]);
}

}  // namespace
