#include "layout.h"

#include <string>
#include <vector>

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
  auto parse = [&](const std::string& s) {
    const GuardedBytes bytes(s);
    return ParsePostscript(ByteSpan(bytes.data(), s.size()), &offset).code();
  };
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

  // Nothing else is wrong with these.
  const std::string good = SerializePostscript(64);
  for (const std::string& bad :
       {std::string("\x00\x01", 2), std::string("\x80\x80\x80\x80\x10\x05"), std::string("\x18"),
        std::string("\x98"), std::string("\x1a"), std::string("\x1a\x01"), std::string("\x1d"),
        std::string("\x1d\x01\x01\x01"), std::string("\x19\x01\x01\x01\x01\x01\x01\x01"),
        std::string("\x1a\x80"), std::string("\x1a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
        std::string("\x1a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02"), std::string("\x34"),
        std::string("\x33"), std::string("\x33\x3c"), std::string("\x33\x08\x34"),
        std::string("\x1e"), std::string("\x1f")}) {
    EXPECT_EQ(parse(good + bad), AR_DATA_LOSS) << testing::PrintToString(bad);
  }
  for (size_t depth : {99u, 100u, 101u, 102u}) {
    const std::string groups = std::string(depth, '\x33') + std::string(depth, '\x34');
    EXPECT_EQ(parse(good + groups), depth <= 100 ? AR_OK : AR_DATA_LOSS) << depth;
  }
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

  auto parse = [&](const std::string& s) {
    const GuardedBytes bytes(s);
    return back.Parse(ByteSpan(bytes.data(), s.size())).code();
  };
  EXPECT_EQ(parse(std::string("\x0a\x02\x10\x03\x0a\x02\x08\x01", 8)), AR_OK)
      << "two occurrences of the message are one";
  EXPECT_EQ(back.num_chunks, 3u);
  EXPECT_FALSE(back.has_writer_options);
  EXPECT_EQ(parse(""), AR_DATA_LOSS);
  EXPECT_EQ(parse("\x12\x02\x08\x01"), AR_DATA_LOSS) << "another field";
  EXPECT_EQ(parse("\x08\x01"), AR_DATA_LOSS) << "no message";
  EXPECT_EQ(parse(std::string("\x0a\x02\x10\x03")), AR_UNIMPLEMENTED) << "no version";
  EXPECT_EQ(parse(std::string("\x0a\x02\x08\x02")), AR_UNIMPLEMENTED) << "version 2";
  EXPECT_EQ(parse(std::string("\x0a\x03\x08\x01")), AR_DATA_LOSS);
  EXPECT_EQ(parse(std::string("\x0a\x02\x08\x81")), AR_DATA_LOSS);
}

TEST(LayoutTest, FieldsOfThisLibrary) {
  FooterMetadata m, back;
  m.digest = 0x8000000000000001;
  EXPECT_EQ(m.Serialize(), std::string("\x0a\x06\x08\x01\x10\x00\x18\x00", 8)) << "none";
  m.has_digest = true;
  std::string bytes = m.Serialize();
  EXPECT_EQ(bytes,
            std::string("\x0a\x14\x08\x01\x10\x00\x18\x00\xc2\x3e\x0b\x18\x81\x80\x80\x80\x80"
                        "\x80\x80\x80\x80\x01",
                        22));
  ASSERT_TRUE(back.Parse(AsBytes(bytes)).ok());
  EXPECT_TRUE(back.has_digest);
  EXPECT_EQ(back.digest, 0x8000000000000001);
  m.gap = {64, 1000};
  m.digest = 0;
  bytes = m.Serialize();
  ASSERT_TRUE(back.Parse(AsBytes(bytes)).ok());
  EXPECT_TRUE(back.has_digest) << "0 is a digest";
  EXPECT_EQ(back.digest, 0u);
  EXPECT_EQ(back.gap.begin, 64u);
  EXPECT_EQ(back.gap.end, 1000u);
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

// Entries with numbers of every length, and such as no known writer puts, between usual ones.
TEST(LayoutTest, ManyFooterEntries) {
  std::vector<FooterEntry> want;
  std::vector<std::string> records;
  for (unsigned bits = 0; bits < 64; ++bits) {
    for (unsigned other : {0u, 6u, 7u, 13u, 48u, 49u, 63u}) {
      const uint64_t value = ~uint64_t{0} >> (63 - bits), size = ~uint64_t{0} >> (63 - other);
      want.push_back({value, size, bits % 2 == 0 ? 1 : size});
      records.emplace_back();
      want.back().AppendTo(&records.back());
    }
    want.push_back({300, 0, 2});
    records.push_back(std::string("\x18\x02\x08\xac\x02", 5));  // another order
    want.push_back({64, 1, 3});
    records.push_back(std::string("\x08\xc0\x00\x10\x81\x00\x18\x03", 8));  // longer than needed
    want.push_back({64, 0, 1});
    records.push_back(std::string("\x08\x40\x20\x07\x18\x01", 6));  // other fields
    want.push_back({64, 0, 1});
    records.push_back(std::string("\x08\x40\x20\x87\x01\x18\x01", 7));
    want.push_back({64, 7, 0});
    records.push_back(std::string("\x08\x40\x10\x07\x20\x01", 6));
    want.push_back({64, 0, 1});
    records.push_back(std::string("\x08\x40\x18\x01", 4));  // fields left out, which are 0
    want.push_back({64, 7, 0});
    records.push_back(std::string("\x08\x40\x10\x07", 4));
    want.push_back({64, 7, 1});
    records.push_back(std::string("\x08\x40\x10\x07\x18\x01\x20\x01", 8));  // one more
    want.push_back({5, 1, 4});
    records.push_back(std::string("\x08\x40\x10\x01\x18\x04\x08\x05", 8));  // twice: the last one
  }
  std::string bytes;
  std::vector<uint64_t> sizes;
  for (const std::string& record : records) {
    bytes += record;
    sizes.push_back(record.size());
  }
  // On the heap, with nothing after the end that may be read.
  const std::vector<uint8_t> exact(bytes.begin(), bytes.end());
  ByteSpan in(exact.data(), exact.size());
  std::vector<FooterEntry> entries(want.size(), FooterEntry{9, 9, 9});
  size_t parsed = 0;
  ASSERT_EQ(TakeFooterEntries(sizes.data(), sizes.size(), &in, entries.data(), &parsed).message(),
            "");
  EXPECT_EQ(in.size, 0u);
  ASSERT_EQ(parsed, want.size());
  for (size_t i = 0; i < want.size(); ++i) {
    EXPECT_EQ(entries[i].chunk_offset, want[i].chunk_offset) << i;
    EXPECT_EQ(entries[i].decoded_data_size, want[i].decoded_data_size) << i;
    EXPECT_EQ(entries[i].num_records, want[i].num_records) << i;
  }
}

// Several bytes are looked at together, but none that is not there.
TEST(LayoutTest, NothingIsReadBehindFooterEntries) {
  for (const uint64_t offset : {uint64_t{64}, uint64_t{1} << 20, uint64_t{1} << 62}) {
    std::string entry;
    FooterEntry{offset, 7, 1}.AppendTo(&entry);
    for (const bool damaged : {false, true}) {
      if (damaged) entry.back() = '\x80';
      const GuardedBytes bytes(entry);
      const uint64_t size = entry.size();
      ByteSpan in(bytes.data(), size);
      FooterEntry parsed;
      size_t n = 0;
      EXPECT_EQ(TakeFooterEntries(&size, 1, &in, &parsed, &n).ok(), !damaged);
      EXPECT_TRUE(damaged || parsed.chunk_offset == offset);
    }
  }
}

TEST(LayoutTest, InvalidAmongManyFooterEntries) {
  std::string usual;
  FooterEntry{1 << 20, 100, 1}.AppendTo(&usual);
  const std::string kBad[] = {
      "",
      usual.substr(0, usual.size() - 1),  // cut off, though more bytes follow
      usual.substr(0, 3),
      std::string("\x10\x01\x18\x01", 4),  // no offset
      std::string("\x20\x40\x10\x07\x18\x01", 6),
      std::string("\x08") + std::string(10, '\xff') + std::string("\x10\x01\x18\x01", 4),
  };
  for (const std::string& bad : kBad) {
    for (size_t place = 0; place < 6; ++place) {
      std::string bytes;
      uint64_t sizes[6];
      for (size_t i = 0; i < 6; ++i) {
        const std::string& record = i == place ? bad : usual;
        bytes += record;
        sizes[i] = record.size();
      }
      const std::vector<uint8_t> exact(bytes.begin(), bytes.end());
      ByteSpan in(exact.data(), exact.size());
      FooterEntry entries[6];
      size_t parsed = 0;
      EXPECT_EQ(TakeFooterEntries(sizes, 6, &in, entries, &parsed).code(), AR_DATA_LOSS);
      EXPECT_EQ(parsed, place);
    }
  }
}

}  // namespace
}  // namespace arrayrecord
