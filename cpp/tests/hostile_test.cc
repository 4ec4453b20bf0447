// Small files in which one number after the other is replaced by others, with every hash right:
// what somebody who means harm can do, and what no hash notices. They are read from bytes, from a
// file and from a mapped file.
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "codec.h"
#include "gtest/gtest.h"
#include "test_util.h"
#include "transpose_util.h"

namespace arrayrecord {
namespace {

// What a number may be instead.
std::set<uint64_t> Others(uint64_t right) {
  std::set<uint64_t> others = {0,
                               right - kChunkHeaderSize,
                               right - 1,
                               right + 1,
                               right + kBlockHeaderSize,
                               right + kChunkHeaderSize,
                               2 * right,
                               kTailSize,
                               (uint64_t{1} << 32) + 1,  // over the limit of a chunk
                               kMaxRecordsInChunk,
                               uint64_t{1} << 63,
                               UINT64_MAX};
  others.erase(right);
  return others;
}

// Puts together a file, and calls its numbers by their names on the way; number `target` becomes
// `other`.
class Forge {
 public:
  explicit Forge(size_t target = SIZE_MAX, uint64_t other = 0) : target_(target), other_(other) {}

  // The right values of all numbers, and the name of the one that was replaced.
  const std::vector<uint64_t>& numbers() const { return numbers_; }
  const std::string& replaced() const { return replaced_; }

  uint64_t Number(const std::string& name, uint64_t right) {
    numbers_.push_back(right);
    if (numbers_.size() - 1 != target_) return right;
    replaced_ = name;
    return other_;
  }

  // Appends a chunk, of which index and header may say different things, or lie together.
  void AddChunk(ChunkType type, const std::string& data, uint64_t num_records,
                uint64_t decoded_size) {
    const uint64_t begin = bytes_.size();
    num_records = Number("records in header and index", num_records);
    decoded_size = Number("decoded size in header and index", decoded_size);
    index_.push_back({Number("offset", begin), Number("decoded size in the index", decoded_size),
                      Number("records in the index", num_records)});
    Put(type, data, num_records, decoded_size);
  }

  void AddRecords(Codec codec, const Records& records) {
    uint64_t decoded_size = 0;
    for (const std::string& record : records) decoded_size += record.size();
    AddChunk(ChunkType::kSimple, SimpleData(codec, records), records.size(), decoded_size);
  }

  std::string Finish() {
    FooterMetadata metadata;
    metadata.num_chunks = Number("chunks in the index", index_.size());
    uint64_t num_records = 0;
    for (const FooterEntry& entry : index_) num_records += entry.num_records;
    metadata.num_records = Number("records of all chunks", num_records);
    Records records = {metadata.Serialize()};
    for (const FooterEntry& entry : index_) {
      records.emplace_back();
      entry.AppendTo(&records.back());
    }
    const uint64_t footer = bytes_.size();
    PutRecords(records);
    Pad();
    PutRecords({SerializePostscript(Number("footer offset", footer))});
    Pad();
    return bytes_;
  }

 private:
  std::string SimpleData(Codec codec, const Records& records) {
    std::string sizes, values;
    for (const std::string& record : records) {
      // That of the only record is not looked at.
      const uint64_t size = record.size();
      AppendVarint64(records.size() == 1 ? size : Number("size of a record", size), &sizes);
      values += record;
    }
    const std::string sizes_block = Block(codec, sizes, records.size() > 1);
    std::string data(1, static_cast<char>(Number("codec", static_cast<uint64_t>(codec)) & 0xff));
    AppendVarint64(Number("size of the sizes", sizes_block.size()), &data);
    return data + sizes_block + Block(codec, values, true);
  }

  std::string Block(Codec codec, const std::string& plain, bool matters) {
    std::string block;
    EXPECT_TRUE(Compress({codec, 1, 0}, AsBytes(plain), &block).ok());
    if (codec == Codec::kNone || !matters) return block;
    std::string claim;
    AppendVarint64(Number("size before a compressed block", plain.size()), &claim);
    return claim + block.substr(VarintSize(plain.size()));
  }

  void PutRecords(const Records& records) {
    uint64_t size = 0;
    for (const std::string& record : records) size += record.size();
    Put(ChunkType::kSimple, SimpleData(Codec::kNone, records), records.size(), size);
  }

  void Put(ChunkType type, std::string data, uint64_t num_records, uint64_t decoded_size) {
    const uint64_t begin = bytes_.size();
    ChunkHeader header;
    header.type = static_cast<ChunkType>(Number("type", static_cast<uint64_t>(type)) & 0xff);
    header.num_records = Number("records in the header", num_records) & kMaxRecordsInChunk;
    header.decoded_data_size = Number("decoded size in the header", decoded_size);
    const uint64_t data_size = Number("data size", data.size());
    // More records than a few do not make the file longer: they are a lie.
    ChunkHeader placed = header;
    placed.num_records = std::min<uint64_t>(header.num_records, 40);
    bytes_ += PlaceChunk(begin, placed, data);
    if (data_size < data.size()) data.resize(data_size);
    header.data_size = data_size;
    header.data_hash = Hash(data.data(), data.size());
    // In front of a block header, and in the first block header after it.
    uint8_t encoded[kChunkHeaderSize];
    header.Encode(encoded);
    const uint64_t here = begin % kBlockSize == 0 ? begin + kBlockHeaderSize : begin;
    const uint64_t front = std::min<uint64_t>(kChunkHeaderSize, kBlockSize - here % kBlockSize);
    std::copy_n(encoded, front, Data(bytes_) + here);
    std::copy_n(encoded + front, kChunkHeaderSize - front,
                Data(bytes_) + here + front + kBlockHeaderSize);
    for (uint64_t at = (begin + kBlockSize - 1) / kBlockSize * kBlockSize; at < bytes_.size();
         at += kBlockSize) {
      BlockHeader block;
      block.previous_chunk = Number("begin in a block header", at - begin);
      block.next_chunk = Number("end in a block header", bytes_.size() - at);
      block.Encode(Data(bytes_) + at);
    }
  }

  // Nobody looks at what is there.
  void Pad() { bytes_.resize(PaddedEnd(bytes_.size())); }

  const size_t target_;
  const uint64_t other_;
  std::vector<uint64_t> numbers_;
  std::string replaced_;
  std::string bytes_ = Signature();
  std::vector<FooterEntry> index_;
};

// Every number of the file that `make` puts together: any other is an error on every path.
void ReplaceEveryNumber(const std::function<std::string(Forge*)>& make, const Records& want) {
  Forge right;
  Records back;
  ASSERT_EQ(ReadFile(make(&right), &back).message(), "");
  ASSERT_EQ(back, want);
  for (size_t i = 0; i < right.numbers().size(); ++i) {
    for (const uint64_t other : Others(right.numbers()[i])) {
      Forge forge(i, other);
      const std::string file = make(&forge);
      // Where the other number is the same in as many bits as there are.
      const bool is_byte = forge.replaced() == "type" || forge.replaced() == "codec";
      const uint64_t mask = is_byte                                       ? 0xff
                            : forge.replaced() == "records in the header" ? kMaxRecordsInChunk
                                                                          : UINT64_MAX;
      if ((other & mask) == right.numbers()[i]) continue;
      // Two records or one: the sizes of a chunk with one record are not looked at.
      if (other == 1 && forge.replaced() == "records in header and index") continue;
      Records wrong;
      const Status status = ReadFile(file, &wrong);
      // Memory may not run out before somebody looks: that is for limits to say.
      EXPECT_TRUE(!status.ok() && (status.code() != AR_RESOURCE_EXHAUSTED ||
                                   status.message().find("max_") != std::string::npos))
          << forge.replaced() << " (number " << i << "): " << other << " instead of "
          << right.numbers()[i] << ": " << status.message();
    }
  }
}

TEST(HostileFileTest, SmallChunks) {
  ReplaceEveryNumber(
      [](Forge* forge) {
        forge->AddRecords(Codec::kNone, {"a", "bcd"});
        forge->AddRecords(Codec::kZstd, {std::string(50, 'x'), "yz"});
        forge->AddRecords(Codec::kNone, {"", "efg"});
        return forge->Finish();
      },
      {"a", "bcd", std::string(50, 'x'), "yz", "", "efg"});
}

TEST(HostileFileTest, OneRecordAChunkAndAnUnevenIndex) {
  ReplaceEveryNumber(
      [](Forge* forge) {
        forge->AddRecords(Codec::kSnappy, {std::string(100, 's')});
        forge->AddRecords(Codec::kBrotli, {std::string(100, 'b')});
        forge->AddRecords(Codec::kNone, {"c", "d", "e"});
        return forge->Finish();
      },
      {std::string(100, 's'), std::string(100, 'b'), "c", "d", "e"});
}

TEST(HostileFileTest, TransposedChunk) {
  ReplaceEveryNumber(
      [](Forge* forge) {
        forge->AddChunk(ChunkType::kTransposed, SixRecordsTransposed().Data(Codec::kZstd), 6, 22);
        return forge->Finish();
      },
      SixRecords());
}

// The header of the second chunk has a block header in it, as has the data of the first.
TEST(HostileFileTest, ChunksInTwoBlocks) {
  const std::string first(65400, '1'), second(30, '2');
  ReplaceEveryNumber(
      [&](Forge* forge) {
        forge->AddRecords(Codec::kNone, {first});
        forge->AddRecords(Codec::kNone, {second});
        return forge->Finish();
      },
      {first, second});
}

// Metadata in front of the records, read from the file, from a mapped one, and from bytes.
Status ReadMetadata(const std::string& before_records, uint64_t max_record_size = 1000) {
  RawFile raw;
  raw.bytes += before_records;
  raw.AddRecords({"a record"});
  const std::string file = raw.Finish();
  Status result;
  for (const bool mapped : {false, true}) {
    ReaderOptions options;
    options.mapped = mapped;
    options.max_record_size = max_record_size;
    auto reader = OpenFile(file, options);
    const ChunkIndex::Extent extent = reader->metadata_extent();
    const std::string bytes = file.substr(extent.begin, extent.end - extent.begin);
    TransposedRecords metadata;
    result = reader->Metadata(ByteSpan(), &metadata);
    EXPECT_EQ(reader->Metadata(bytes.empty() ? ByteSpan() : AsBytes(bytes), &metadata).code(),
              result.code());
  }
  return result;
}

TEST(HostileMetadataTest, OtherChunksInItsPlace) {
  TransposedParts parts;  // field 1 with the number 5
  parts.AddState(3, 0);
  parts.AddState(8, 2, 0, 0);
  parts.first = 1;
  parts.buckets = {"\x05"};
  parts.buffer_sizes = {1};
  const std::string data = parts.Data();
  ChunkHeader header;
  header.type = ChunkType::kMetadata;
  header.decoded_data_size = 2;
  const std::string good = PlaceChunk(kSignatureEnd, header, data);
  EXPECT_EQ(ReadMetadata(good).message(), "");
  EXPECT_EQ(ReadMetadata(good, 2).message(), "");
  const Status too_large = ReadMetadata(good, 1);
  EXPECT_EQ(too_large.code(), AR_RESOURCE_EXHAUSTED);
  EXPECT_NE(too_large.message().find("max_record_size"), std::string::npos);
  EXPECT_EQ(ReadMetadata("").code(), AR_NOT_FOUND);
  EXPECT_EQ(ReadMetadata(std::string(kChunkHeaderSize - 1, '\0')).code(), AR_NOT_FOUND);
  EXPECT_EQ(ReadMetadata(std::string(kChunkHeaderSize, '\0')).code(), AR_DATA_LOSS);

  std::string flipped = good;
  flipped[kChunkHeaderSize + data.find('\x05')] ^= 1;
  EXPECT_EQ(ReadMetadata(flipped).code(), AR_DATA_LOSS);
  ChunkHeader other = header;
  other.num_records = 1;
  EXPECT_EQ(ReadMetadata(PlaceChunk(kSignatureEnd, other, data)).code(), AR_DATA_LOSS);
  for (uint64_t size : {0u, 1u, 3u}) {
    other = header;
    other.decoded_data_size = size;
    EXPECT_EQ(ReadMetadata(PlaceChunk(kSignatureEnd, other, data)).code(), AR_DATA_LOSS) << size;
  }
  other = header;
  other.type = ChunkType::kPadding;
  EXPECT_EQ(ReadMetadata(PlaceChunk(kSignatureEnd, other, data)).code(), AR_NOT_FOUND);
}

}  // namespace
}  // namespace arrayrecord
