#include "codec.h"

#include <snappy.h>
#include <zstd.h>

#include <algorithm>
#include <string>

#include "gtest/gtest.h"
#include "test_util.h"

namespace arrayrecord {
namespace {

const Compression kAll[] = {
    {Codec::kNone, 0, 0},     {Codec::kZstd, 3, 20},  {Codec::kZstd, -5, 10},
    {Codec::kZstd, 22, 31},   {Codec::kZstd, 0, 0},   {Codec::kBrotli, 0, 0},
    {Codec::kBrotli, 11, 10}, {Codec::kBrotli, 6, 0}, {Codec::kBrotli, 5, 30},
    {Codec::kSnappy, 1, 0},   {Codec::kSnappy, 2, 0}};

std::string Block(const Compression& c, const std::string& data) {
  std::string block;
  EXPECT_EQ(Compress(c, AsBytes(data), &block).message(), "");
  return block;
}

Status Expand(Codec codec, const std::string& block, size_t size, std::string* out) {
  out->assign(size, '\0');
  return Decompress(codec, AsBytes(block), Data(*out), size);
}

std::string Words(size_t n) {
  std::string s;
  for (size_t i = 0; s.size() < n; ++i) s += "word" + std::to_string(i * i % 1000) + " ";
  return s;
}

TEST(CodecTest, RoundTrip) {
  for (const Compression& c : kAll) {
    for (size_t n : {0u, 1u, 100u, 70000u, 3000000u}) {
      const std::string data = Words(n);
      const std::string block = Block(c, data);
      std::string out;
      EXPECT_EQ(Expand(c.codec, block, data.size(), &out).message(), "");
      EXPECT_EQ(out, data);
      EXPECT_TRUE(CheckPlausibleSize(c.codec, AsBytes(block), data.size()).ok());
    }
  }
}

// The table of docs/format.md, section 3.
TEST(CodecTest, BytesOfTheSmallestBlocks) {
  auto block = [](Codec codec, int level, const std::string& data) {
    return Block({codec, level, codec == Codec::kZstd ? 20 : 0}, data);
  };
  const std::string zero(1, '\0');
  EXPECT_EQ(block(Codec::kNone, 0, ""), "");
  EXPECT_EQ(block(Codec::kZstd, 3, ""),
            std::string("\x00\x28\xb5\x2f\xfd\x20\x00\x01\x00\x00", 10));
  EXPECT_EQ(block(Codec::kBrotli, 6, ""), std::string("\x00\x3b", 2));
  EXPECT_EQ(block(Codec::kSnappy, 1, ""), std::string("\x00\x00", 2));
  EXPECT_EQ(block(Codec::kZstd, 3, zero),
            std::string("\x01\x28\xb5\x2f\xfd\x20\x01\x09\x00\x00\x00", 11));
  EXPECT_EQ(block(Codec::kBrotli, 6, zero), std::string("\x01\x0b\x00\x80\x00\x03", 6));
  EXPECT_EQ(block(Codec::kSnappy, 1, zero), std::string("\x01\x01\x00\x00", 4));
}

// Bytes that are no stream at all are told from a stream of another size.
void ExpectInvalid(const Status& status) {
  EXPECT_EQ(status.code(), AR_DATA_LOSS);
  EXPECT_EQ(status.message().rfind("invalid ", 0), 0u) << status.message();
}

TEST(CodecTest, NoStreams) {
  for (Codec codec : {Codec::kZstd, Codec::kBrotli, Codec::kSnappy}) {
    for (const uint64_t size : {uint64_t{5}, uint64_t{1} << 30}) {
      std::string block, out;
      AppendVarint64(size, &block);
      block += std::string(20, '\xff');
      if (size == 5) ExpectInvalid(Expand(codec, block, size, &out));
      if (size != 5 && codec != Codec::kSnappy) {
        ExpectInvalid(CheckPlausibleSize(codec, AsBytes(block), size));
      }
    }
  }
}

// Anything but exactly the right number of bytes is damage.
TEST(CodecTest, WrongSizes) {
  const std::string data = Words(500);
  for (const Compression& c : kAll) {
    const std::string block = Block(c, data);
    std::string out;
    for (size_t size : {size_t{0}, size_t{1}, data.size() - 1, data.size() + 1, data.size() * 2}) {
      EXPECT_EQ(Expand(c.codec, block, size, &out).code(), AR_DATA_LOSS);
    }
    if (c.codec == Codec::kNone) continue;
    // The size before the stream lies, and the caller believes it.
    for (size_t size : {data.size() - 1, data.size() + 1, data.size() + 1000}) {
      std::string lying;
      AppendVarint64(size, &lying);
      lying += block.substr(VarintSize(data.size()));
      EXPECT_EQ(Expand(c.codec, lying, size, &out).code(), AR_DATA_LOSS);
    }
  }
}

TEST(CodecTest, TruncatedStreamsAndBytesBehindThem) {
  const std::string data = Words(300);
  for (const Compression& c : kAll) {
    if (c.codec == Codec::kNone) continue;
    const std::string block = Block(c, data);
    std::string out;
    for (size_t n = 0; n < block.size(); ++n) {
      EXPECT_EQ(Expand(c.codec, block.substr(0, n), data.size(), &out).code(), AR_DATA_LOSS) << n;
    }
    EXPECT_EQ(Expand(c.codec, "", data.size(), &out).message(), "compressed block without a size");
    if (c.codec == Codec::kZstd) {
      ExpectInvalid(Expand(c.codec, block.substr(0, block.size() - 1), data.size(), &out));
    }
    EXPECT_EQ(Expand(c.codec, block + "x", data.size(), &out).code(), AR_DATA_LOSS);
    EXPECT_EQ(Expand(c.codec, block + block, data.size(), &out).code(), AR_DATA_LOSS);
  }
}

TEST(CodecTest, ZstdFramesOfOtherWriters) {
  const std::string data = Words(5000);
  ZSTD_CCtx* context = ZSTD_createCCtx();
  ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1);
  ZSTD_CCtx_setParameter(context, ZSTD_c_contentSizeFlag, 0);
  std::string frame(ZSTD_compressBound(data.size()), '\0');
  frame.resize(ZSTD_compress2(context, frame.data(), frame.size(), data.data(), data.size()));
  ZSTD_freeCCtx(context);
  std::string block, out;
  AppendVarint64(data.size(), &block);
  EXPECT_TRUE(Expand(Codec::kZstd, block + frame, data.size(), &out).ok())
      << "a checksum and no content size";
  EXPECT_EQ(out, data);
  const std::string skippable("\x50\x2a\x4d\x18\x03\x00\x00\x00xyz", 11);
  EXPECT_EQ(Expand(Codec::kZstd, block + frame + skippable, data.size(), &out).code(), AR_DATA_LOSS)
      << "a second frame, if only of nothing";
  frame.back() ^= 1;
  EXPECT_EQ(Expand(Codec::kZstd, block + frame, data.size(), &out).code(), AR_DATA_LOSS)
      << "a wrong checksum";
  ExpectInvalid(Expand(Codec::kZstd, block + frame, data.size(), &out));
  EXPECT_TRUE(Expand(Codec::kZstd, std::string(1, '\0') + skippable, 0, &out).ok());
  EXPECT_EQ(Expand(Codec::kZstd, block + skippable, data.size(), &out).code(), AR_DATA_LOSS);
}

TEST(CodecTest, UnknownCodec) {
  std::string out;
  EXPECT_EQ(Expand(static_cast<Codec>('x'), "\x05hello", 5, &out).code(), AR_UNIMPLEMENTED);
  EXPECT_EQ(CheckPlausibleSize(static_cast<Codec>('x'), ByteSpan(), 5).code(), AR_UNIMPLEMENTED);
}

// Nobody allocates a terabyte because a few bytes say so.
TEST(CodecTest, ImplausibleSizesAreFoundOutWithoutMemory) {
  for (const Compression& c : kAll) {
    for (uint64_t claim : {uint64_t{1} << 30, uint64_t{1} << 40, uint64_t{1} << 63}) {
      std::string block;
      if (c.codec != Codec::kNone) AppendVarint64(claim, &block);
      block += Block(c, Words(1000)).substr(c.codec == Codec::kNone ? 0 : 2);
      const Status status = CheckPlausibleSize(c.codec, AsBytes(block), claim);
      EXPECT_EQ(status.code(), AR_DATA_LOSS);
      EXPECT_EQ(status.message().rfind("snappy", 0) == 0, c.codec == Codec::kSnappy)
          << status.message();
    }
  }
}

// The same damage to a stream that is read piece by piece, where a reader could wait for ever.
TEST(CodecTest, StreamsOfAnotherSize) {
  const std::string data = Words(3000);
  for (Codec codec : {Codec::kZstd, Codec::kBrotli}) {
    const std::string good = Block({codec, 1, 0}, data);
    const std::string stream = good.substr(VarintSize(data.size()));
    const auto code = [&](const std::string& bytes, uint64_t size, uint64_t piece) {
      std::string block, out(size, '\0');
      AppendVarint64(size, &block);
      block += bytes;
      BlockStream in;
      AR_TRY(in.Open(codec, AsBytes(block), size));
      for (uint64_t at = 0; at < size; at += piece) {
        AR_TRY(in.Read(Data(out) + at, std::min(piece, size - at)));
      }
      return out == data ? Status() : Status(AR_INTERNAL, "wrong data");
    };
    for (uint64_t piece : {uint64_t{100}, uint64_t{1} << 20}) {
      EXPECT_EQ(code(stream, data.size(), piece).message(), "");
      for (size_t n = 0; n < stream.size(); n += 7) {
        EXPECT_EQ(code(stream.substr(0, n), data.size(), piece).code(), AR_DATA_LOSS) << n;
      }
      EXPECT_EQ(code(stream + "x", data.size(), piece).code(), AR_DATA_LOSS);
      for (uint64_t size : {data.size() - 1, data.size() + 1, data.size() + 1000}) {
        EXPECT_EQ(code(stream, size, piece).code(), AR_DATA_LOSS) << size;
      }
    }
    BlockStream in;
    EXPECT_EQ(in.Open(codec, AsBytes(good), data.size() - 1).code(), AR_DATA_LOSS);
  }
}

TEST(CodecTest, DenseDataIsPlausible) {
  const std::string zeros(100 << 20, '\0');
  for (Codec codec : {Codec::kZstd, Codec::kBrotli}) {
    const std::string block = Block({codec, 3, 0}, zeros);
    ASSERT_LT(block.size(), zeros.size() / 1000);
    EXPECT_EQ(CheckPlausibleSize(codec, AsBytes(block), zeros.size()).message(), "");
    std::string out;
    ASSERT_TRUE(Expand(codec, block, zeros.size(), &out).ok());
    EXPECT_TRUE(out == zeros);
  }
}

// So few bytes are put into a frame without zstd's help, which must not show.
TEST(CodecTest, ZstdOfAFewBytesIsWhatZstdMakes) {
  for (int level : {-5, 1, 3, 19, 22}) {
    for (size_t n = 0; n <= 8; ++n) {
      for (int step : {0, 37}) {
        std::string plain;
        for (size_t i = 0; i < n; ++i) plain.push_back(static_cast<char>(i * step));
        std::string want(100, '\0'), got;
        want[0] = static_cast<char>(n);
        const size_t size =
            ZSTD_compress(&want[1], want.size() - 1, plain.data(), plain.size(), level);
        ASSERT_FALSE(ZSTD_isError(size));
        ASSERT_TRUE(Compress({Codec::kZstd, level, 20}, AsBytes(plain), &got).ok());
        EXPECT_EQ(got, want.substr(0, 1 + size)) << level << " " << n << " " << step;
      }
    }
  }
}

TEST(CodecTest, SnappyOfAFewBytesIsWhatSnappyMakes) {
  for (size_t n = 0; n <= 20; ++n) {
    for (int step : {0, 37}) {
      std::string plain, stream;
      for (size_t i = 0; i < n; ++i) plain.push_back(static_cast<char>(i * step));
      snappy::Compress(plain.data(), plain.size(), &stream);
      const std::string want = static_cast<char>(n) + stream;
      EXPECT_EQ(Block({Codec::kSnappy, 1, 0}, plain), want) << n << " " << step;
    }
  }
}

}  // namespace
}  // namespace arrayrecord
