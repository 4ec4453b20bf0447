#include "reader.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "buffer.h"
#include "records_chunk.h"

namespace arrayrecord {
namespace {

// The records of a simple chunk, in memory. For the small chunks at the end of a file and the
// index; records for users go where users want them.
struct DecodedChunk {
  SimpleChunk simple;
  std::unique_ptr<uint8_t[]> decoded;  // null if the chunk is not compressed
  ByteSpan values;

  Status Decode(const Chunk& chunk) {
    if (chunk.header.type != ChunkType::kSimple) {
      return Corrupt("chunk of type " + std::to_string(static_cast<int>(chunk.header.type)) +
                     " where records should be")
          .At(chunk.begin);
    }
    AR_TRY(chunk.VerifyData());
    AR_TRY(simple.Open(chunk));
    if (simple.num_records() == 0) return Corrupt("chunk without records").At(chunk.begin);
    values = ByteSpan(simple.plain_values(), simple.decoded_size());
    if (values.data != nullptr) return Status();
    decoded.reset(new uint8_t[simple.decoded_size()]);
    values.data = decoded.get();
    return simple.DecodeValues(decoded.get()).At(chunk.begin);
  }
};

// Of the index: few enough to stay in the processor's nearest cache from one step to the next.
constexpr size_t kEntriesAtOnce = 64;

bool HasSignature(ByteSpan head) {
  const std::string signature = Signature();
  return head.size >= signature.size() &&
         std::memcmp(head.data, signature.data(), signature.size()) == 0;
}

Status CutOff(uint64_t file_size, const char* what) {
  return Status(AR_TRUNCATED,
                "the file is cut off: " + std::to_string(file_size) + " bytes, " + what);
}

Status Foreign(const std::string& why) {
  return Status(AR_NOT_ARRAYRECORD, "not an ArrayRecord file: " + why);
}

Status TooSmall() { return Status(AR_BUFFER_TOO_SMALL, "the record is larger than the buffer"); }

// Positions are signed numbers to the operating system.
Status CheckSizeFits(uint64_t file_size) {
  if (file_size <= INT64_MAX) return Status();
  return Status(AR_INVALID_ARGUMENT, "a file of " + std::to_string(file_size) + " bytes");
}

Status CheckFileSize(uint64_t file_size, ByteSpan head) {
  AR_TRY(CheckSizeFits(file_size));
  if (file_size >= kMinFileSize && file_size % kTailSize == 0) return Status();
  if (HasSignature(head)) return CutOff(file_size, "which is not a whole number of 64 KiB blocks");
  return Foreign(std::to_string(file_size) + " bytes do not make whole blocks of 64 KiB");
}

}  // namespace

Status LocateFooter(uint8_t* tail, size_t tail_size, uint64_t file_size, ByteSpan head,
                    uint64_t* footer_offset) {
  AR_TRY(CheckFileSize(file_size, head));
  if (tail_size != kTailSize) {
    return Status(AR_INVALID_ARGUMENT,
                  "the tail of a file is 65536 bytes, not " + std::to_string(tail_size));
  }
  const uint64_t tail_begin = file_size - kTailSize;
  BlockHeader block;
  if (block.Decode(tail) && (block.previous_chunk != 0 || block.next_chunk > kTailSize)) {
    return CutOff(file_size, "and they end inside a chunk");
  }
  Chunk chunk;
  Status status = ParseChunk(tail, tail_begin, file_size, &chunk);
  if (status.ok()) status = chunk.VerifyData();
  if (status.ok()) {
    // Nothing is damaged here; the chunk may still be another one than the last of a file.
    DecodedChunk decoded;
    uint64_t offset = 0;
    status = decoded.Decode(chunk);
    std::vector<uint64_t> sizes(chunk.header.num_records);
    if (status.ok()) status = decoded.simple.DecodeSizes(sizes.data());
    if (status.ok()) status = ParsePostscript(decoded.values.Take(sizes[0]), &offset);
    if (!status.ok()) return CutOff(file_size, "and the last block is no postscript");
    if (offset >= kSignatureEnd && offset < tail_begin && CanBeginChunk(offset)) {
      *footer_offset = offset;
      return Status();
    }
    status = Corrupt("the postscript points to an impossible place, " + std::to_string(offset));
  }
  status = std::move(status).At(tail_begin).In("cannot read the postscript");
  // Without a head to look at, the benefit of the doubt.
  return head.size == 0 || HasSignature(head) ? std::move(status) : Foreign(status.message());
}

Status DecodeMetadata(ByteSpan bytes, TransposedRecords* metadata) {
  // Parsing may move the bytes, which are not ours to move.
  std::unique_ptr<uint8_t[]> copy(new uint8_t[bytes.size]);
  std::copy_n(bytes.data, bytes.size, copy.get());
  Chunk chunk;
  AR_TRY(ParseChunk(copy.get(), kSignatureEnd, kSignatureEnd + bytes.size, &chunk));
  if (chunk.header.type != ChunkType::kMetadata) {
    return Status(AR_NOT_FOUND, "the file has no metadata");
  }
  if (chunk.header.num_records != 0) {
    return Corrupt("metadata chunk with records").At(kSignatureEnd);
  }
  AR_TRY(chunk.VerifyData());
  return DecodeTransposed(ByteSpan(chunk.data, chunk.header.data_size), 1,
                          chunk.header.decoded_data_size, metadata)
      .At(kSignatureEnd);
}

Status Reader::Open(File file, const ReaderOptions& options, std::unique_ptr<Reader>* reader) {
  uint64_t file_size;
  AR_TRY(file.Size(&file_size));
  uint8_t head[kSignatureEnd] = {};
  if (file_size >= sizeof(head)) AR_TRY(file.ReadAt(0, head, sizeof(head)));
  const ByteSpan head_span(head, sizeof(head));
  AR_TRY(CheckFileSize(file_size, head_span));

  const uint64_t tail_begin = file_size - kTailSize;
  std::unique_ptr<uint8_t[]> bytes(new uint8_t[kTailSize]);
  AR_TRY(file.ReadAt(tail_begin, bytes.get(), kTailSize));
  uint64_t footer_offset;
  AR_TRY(LocateFooter(bytes.get(), kTailSize, file_size, head_span, &footer_offset));
  bytes.reset(new uint8_t[tail_begin - footer_offset]);
  AR_TRY(file.ReadAt(footer_offset, bytes.get(), tail_begin - footer_offset));

  AR_TRY(OpenIndex(bytes.get(), tail_begin - footer_offset, footer_offset, file_size, options,
                   reader));
  if (options.mapped) AR_TRY(file.Map());
  (*reader)->file_ = std::move(file);
  return Status();
}

Status Reader::OpenIndex(uint8_t* footer, size_t footer_size, uint64_t footer_offset,
                         uint64_t file_size, const ReaderOptions& options,
                         std::unique_ptr<Reader>* reader) {
  AR_TRY(CheckSizeFits(file_size));
  if (file_size < kMinFileSize || footer_offset > file_size - kTailSize ||
      footer_size != file_size - kTailSize - footer_offset) {
    return Status(AR_INVALID_ARGUMENT, "the bytes given are not those from index to tail");
  }
  std::unique_ptr<Reader> opened(new Reader());
  opened->options_ = options;
  AR_TRY(opened->ReadFooter(footer, footer_offset, file_size)
             .At(footer_offset)
             .In("cannot read the index"));
  *reader = std::move(opened);
  return Status();
}

Status Reader::ReadFooter(uint8_t* bytes, uint64_t footer_offset, uint64_t file_size) {
  footer_offset_ = footer_offset;
  Chunk chunk;
  AR_TRY(ParseChunk(bytes, footer_offset, file_size - kTailSize, &chunk));
  DecodedChunk decoded;
  AR_TRY(decoded.Decode(chunk));
  RecordSizes sizes;
  AR_TRY(sizes.Open(decoded.simple));
  uint64_t size_of[kEntriesAtOnce];
  AR_TRY(sizes.Next(size_of, 1));
  AR_TRY(metadata_.Parse(decoded.values.Take(size_of[0])));
  const uint64_t num_chunks = decoded.simple.num_records() - 1;
  if (metadata_.num_chunks != num_chunks) {
    return Corrupt("it has " + std::to_string(num_chunks) + " entries, its header says " +
                   std::to_string(metadata_.num_chunks));
  }
  AR_TRY(index_.Start(num_chunks, footer_offset, options_.offloaded_index));
  FooterEntry entries[kEntriesAtOnce];
  for (uint64_t i = 0; i < num_chunks;) {
    const size_t n = std::min<uint64_t>(kEntriesAtOnce, num_chunks - i);
    AR_TRY(sizes.Next(size_of, n));
    size_t parsed = 0;
    Status status = TakeFooterEntries(size_of, n, &decoded.values, entries, &parsed);
    AR_TRY(index_.Add(entries, parsed));
    for (size_t k = 0; k < parsed; ++k) claimed_size_ += entries[k].decoded_data_size;
    i += parsed;
    AR_TRY(std::move(status).InChunk(i));
  }
  AR_TRY(sizes.Finish());
  return index_.Finish(metadata_.num_records);
}

Status Reader::CheckRecord(uint64_t record) const {
  if (record < num_records()) return Status();
  return Status(AR_OUT_OF_RANGE, "record " + std::to_string(record) + " of a file with " +
                                     std::to_string(num_records()))
      .InRecord(record);
}

Status Reader::CheckRange(uint64_t begin, uint64_t end) const {
  if (begin <= end && end <= num_records()) return Status();
  return Status(AR_OUT_OF_RANGE, "records [" + std::to_string(begin) + ", " + std::to_string(end) +
                                     ") of a file with " + std::to_string(num_records()));
}

Status Reader::Get(uint64_t record, uint8_t* out, size_t out_size, size_t* size) const {
  AR_TRY(CheckRecord(record));
  if (!has_file()) return Status(AR_FAILED_PRECONDITION, "the reader has no file to read from");
  const uint64_t number = index_.ChunkOf(record);
  const uint64_t num_records = index_.RecordsIn(number);
  Status status = num_records == 1
                      ? GetOnly(number, out, out_size, size)
                      : GetOneOf(number, record - index_.FirstRecord(number), out, out_size, size);
  if (status.ok()) return status;
  const uint64_t begin = index_.extent(number, number + 1).begin;
  return std::move(status).At(begin).InChunk(number).InRecord(record);
}

Status Reader::ReadChunk(uint64_t number, Buffer* buffer, Chunk* chunk) const {
  const ChunkIndex::Extent extent = index_.extent(number, number + 1);
  uint8_t* bytes = buffer->Get(extent.end - extent.begin);
  AR_TRY(file_.ReadAt(extent.begin, bytes, extent.end - extent.begin));
  return ParseChunk(bytes, extent.begin, extent.end, chunk);
}

Status Reader::GetOnly(uint64_t number, uint8_t* out, size_t out_size, size_t* size) const {
  Chunk chunk;
  AR_TRY(ReadChunk(number, &Buffer::OfThread<kEncodedChunk>(), &chunk));
  RecordsChunk records;
  AR_TRY(records.Open(chunk, 1));
  *size = records.decoded_size();
  if (*size > out_size) return TooSmall();
  return records.DecodeValues(out);
}

Status Reader::GetOneOf(uint64_t number, uint64_t in_chunk, uint8_t* out, size_t out_size,
                        size_t* size) const {
  std::shared_ptr<const OpenChunk> open = cache_.Find(number);
  if (open == nullptr) {
    std::shared_ptr<OpenChunk> fresh = cache_.New();
    Chunk chunk;
    AR_TRY(ReadChunk(number, &fresh->bytes, &chunk));
    AR_TRY(fresh->Decode(chunk, index_.RecordsIn(number)));
    cache_.Put(number, fresh);
    open = std::move(fresh);
  }
  const ByteSpan record = open->Record(in_chunk);
  *size = record.size;
  if (*size > out_size) return TooSmall();
  std::copy_n(record.data, record.size, out);
  return Status();
}

}  // namespace arrayrecord
