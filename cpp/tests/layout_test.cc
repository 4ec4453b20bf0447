#include "layout.h"

#include <string>

#include "chunk.h"
#include "gtest/gtest.h"
#include "test_util.h"

namespace arrayrecord {
namespace {

const char kMagic[] = "\x10\xde\xc0\xeb\xfe\x84\xce\xc3\xc9\x71";

TEST(LayoutTest, SignatureOfTheFormat) {
  const std::string signature = Signature();
  ASSERT_EQ(signature.size(), 64u);
  EXPECT_EQ(signature.substr(0, 8), "\x83\xaf\x70\xd1\x0d\x88\x4a\x3f");
  EXPECT_EQ(signature[48], 's');
}

TEST(LayoutTest, Postscript) {
  EXPECT_EQ(SerializePostscript(64), std::string("\x08\x40") + kMagic);
  uint64_t offset = 0;
  auto parse = [&](const std::string& s) { return ParsePostscript(AsBytes(s), &offset).code(); };
  EXPECT_EQ(parse(SerializePostscript(uint64_t{1} << 40)), AR_OK);
  EXPECT_EQ(offset, uint64_t{1} << 40);
  EXPECT_EQ(parse(std::string(kMagic) + "\x08\x05\x08\x07"), AR_OK) << "the last one wins";
  EXPECT_EQ(offset, 7u);
  EXPECT_EQ(parse(std::string("\x08\x40\x1a\x02zz\x25zzzz\x29zzzzzzzz\x33\x08\x01\x34") + kMagic),
            AR_OK)
      << "unknown fields of every kind";
  for (const std::string& bad :
       {std::string(), std::string("\x08\x40"), std::string(kMagic),
        "\x0a\x01\x40" + std::string(kMagic), std::string("\x08\x40\x10\x05"), std::string("\x08"),
        std::string("\x00\x01", 2), std::string("\x0e\x01"), std::string("\x0f\x01"),
        std::string("\x1a\x05zz"), std::string("\x25zz"), std::string("\x33\x08\x01"),
        std::string("\x34"), std::string("\x33\x3c")}) {
    EXPECT_EQ(parse(bad), AR_DATA_LOSS);
  }
  EXPECT_EQ(parse(std::string(10000, '\x33')), AR_DATA_LOSS) << "deep groups do not overflow";
}

TEST(LayoutTest, FooterMetadata) {
  FooterMetadata m;
  m.num_chunks = 3;
  m.num_records = 300;
  EXPECT_EQ(m.Serialize(), std::string("\x0a\x07\x08\x01\x10\x03\x18\xac\x02", 9));
  m.has_writer_options = true;
  m.writer_options = "group_size:1";
  FooterMetadata back;
  const std::string bytes = m.Serialize();
  ASSERT_TRUE(back.Parse(AsBytes(bytes)).ok());
  EXPECT_EQ(back.num_chunks, 3u);
  EXPECT_EQ(back.num_records, 300u);
  EXPECT_TRUE(back.has_writer_options);
  EXPECT_EQ(back.writer_options, "group_size:1");

  auto parse = [&](const std::string& s) { return back.Parse(AsBytes(s)).code(); };
  EXPECT_EQ(parse(std::string("\x0a\x02\x10\x03\x0a\x02\x08\x01", 8)), AR_OK)
      << "two occurrences of the message are one";
  EXPECT_EQ(back.num_chunks, 3u);
  EXPECT_FALSE(back.has_writer_options);
  EXPECT_EQ(parse(""), AR_DATA_LOSS);
  EXPECT_EQ(parse(std::string("\x0a\x02\x10\x03")), AR_UNIMPLEMENTED) << "no version";
  EXPECT_EQ(parse(std::string("\x0a\x02\x08\x02")), AR_UNIMPLEMENTED) << "version 2";
  EXPECT_EQ(parse(std::string("\x0a\x03\x08\x01")), AR_DATA_LOSS);
  EXPECT_EQ(parse(std::string("\x0a\x02\x08\x81")), AR_DATA_LOSS);
}

TEST(LayoutTest, FooterEntry) {
  std::string bytes;
  FooterEntry{64, 0, 1}.AppendTo(&bytes);
  EXPECT_EQ(bytes, std::string("\x08\x40\x10\x00\x18\x01", 6)) << "zeros are written";
  FooterEntry entry;
  ASSERT_TRUE(entry.Parse(AsBytes(bytes)).ok());
  EXPECT_EQ(entry.chunk_offset, 64u);
  EXPECT_EQ(entry.num_records, 1u);
  EXPECT_EQ(entry.Parse(ByteSpan()).code(), AR_DATA_LOSS);
  EXPECT_EQ(entry.Parse(AsBytes("\x18\x01")).code(), AR_DATA_LOSS);
}

}  // namespace
}  // namespace arrayrecord
