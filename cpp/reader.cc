#include "reader.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <vector>

#include "buffer.h"
#include "read_records.h"
#include "records_chunk.h"

namespace arrayrecord {
namespace {

// The records of a simple chunk, in memory. For the small chunks at the end of a file and the
// index; records for users go where users want them.
struct DecodedChunk {
  SimpleChunk simple;
  ThreadBuffer decoded{kDecodedChunk};  // empty if the chunk is not compressed
  ByteSpan values;

  Status Decode(const Chunk& chunk) {
    AR_TRY(chunk.VerifyData());
    AR_TRY(simple.Open(chunk));
    if (simple.num_records() == 0) return Corrupt("chunk without records").At(chunk.begin);
    values = ByteSpan(simple.plain_values(), simple.decoded_size());
    if (values.data != nullptr) return Status();
    uint8_t* out = decoded.Get(simple.decoded_size());
    values.data = out;
    return simple.DecodeValues(out).At(chunk.begin);
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

Status TooSmall() { return Status(AR_BUFFER_TOO_SMALL, "the record may not fit in the buffer"); }

// Positions are signed numbers to the operating system.
Status CheckSizeFits(uint64_t file_size) {
  if (file_size <= INT64_MAX) return Status();
  return Status(AR_INVALID_ARGUMENT, "a file of " + std::to_string(file_size) + " bytes");
}

Status CheckFileSize(uint64_t file_size, ByteSpan head) {
  AR_TRY(CheckSizeFits(file_size));
  if (file_size >= kMinFileSize && file_size % kTailSize == 0) return Status();
  if (file_size == kTailSize) {
    return HasSignature(head)
               ? CutOff(file_size, "the first block alone")
               : Foreign("one block of 64 KiB, and not the first one of such a file");
  }
  if (HasSignature(head)) return CutOff(file_size, "which is not a whole number of 64 KiB blocks");
  return Foreign(std::to_string(file_size) + " bytes do not make whole blocks of 64 KiB");
}

}  // namespace

Status LocateFooter(uint8_t* tail, size_t tail_size, uint64_t file_size, ByteSpan head,
                    uint64_t* footer_offset) {
  Status size_status = CheckFileSize(file_size, head);
  if (!size_status.ok() && file_size < kMinFileSize) return size_status;
  if (tail_size != kTailSize) {
    return Status(AR_INVALID_ARGUMENT,
                  "the tail of a file is 65536 bytes, not " + std::to_string(tail_size));
  }
  const uint64_t beyond = file_size % kTailSize;
  if (!size_status.ok() && beyond != 0 && file_size <= INT64_MAX) {
    // Is the file there, with something behind it?
    const uint64_t end = file_size - beyond;
    uint64_t ignored;
    if (!LocateFooter(tail, tail_size, end, head, &ignored).ok()) return size_status;
    return Corrupt("the file ends at " + std::to_string(end) + ", and " + std::to_string(beyond) +
                   " bytes that are no part of it follow")
        .At(end);
  }
  AR_TRY(std::move(size_status));
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
    if (offset < kSignatureEnd || offset >= tail_begin || !CanBeginChunk(offset)) {
      status = Corrupt("the postscript points to an impossible place, " + std::to_string(offset));
    } else {
      *footer_offset = offset;
      return Status();
    }
  }
  status = std::move(status).At(tail_begin).In("cannot read the postscript");
  // Without a head to look at, the benefit of the doubt.
  return head.size == 0 || HasSignature(head) ? std::move(status) : Foreign(status.message());
}

Status CheckIndexHead(const uint8_t* head, size_t size, uint64_t footer_offset,
                      uint64_t file_size) {
  AR_TRY(CheckSizeFits(file_size));
  if (file_size < kMinFileSize || footer_offset < kSignatureEnd ||
      footer_offset >= file_size - kTailSize) {
    return Status(AR_INVALID_ARGUMENT, "no index can begin there");
  }
  const uint64_t tail_begin = file_size - kTailSize;
  uint8_t copy[kChunkHeadSize];  // parsing takes what it may change
  size = std::min<size_t>(size, sizeof(copy));
  std::copy_n(head, size, copy);
  Chunk chunk;
  AR_TRY(ParseChunkHead(copy, size, footer_offset, tail_begin, &chunk));
  const ChunkHeader& header = chunk.header;
  if (header.type != ChunkType::kSimple || header.num_records == 0) {
    return Corrupt("it is another kind of chunk");
  }
  if (PaddedEnd(chunk.end) != tail_begin) {
    return Corrupt("it does not end where the tail begins, at " + std::to_string(tail_begin));
  }
  // No data chunk is shorter than its header, and no entry is longer than that.
  constexpr uint64_t kMaxEntry = 64, kMaxMetadata = 1 << 20;
  const uint64_t num_chunks = header.num_records - 1;
  if (num_chunks > footer_offset / kChunkHeaderSize) {
    return Corrupt("it has entries of " + std::to_string(num_chunks) +
                   " chunks, which have no room in the file");
  }
  if (header.decoded_data_size > kMaxMetadata + kMaxEntry * num_chunks) {
    return Corrupt("it claims " + std::to_string(header.decoded_data_size) + " bytes for " +
                   std::to_string(num_chunks) + " entries");
  }
  return Status();
}

Status Reader::Open(File file, const ReaderOptions& options, std::unique_ptr<Reader>* reader) {
  uint64_t file_size;
  AR_TRY(file.Size(&file_size));
  uint8_t head[kSignatureEnd] = {};
  if (file_size >= sizeof(head)) AR_TRY(file.ReadAt(0, head, sizeof(head)));
  const ByteSpan head_span(head, sizeof(head));
  if (file_size < kMinFileSize) return CheckFileSize(file_size, head_span);

  const uint64_t tail_begin = file_size / kTailSize * kTailSize - kTailSize;
  ThreadBuffer buffer(kEncodedChunk);
  uint8_t* bytes = buffer.Get(kTailSize);
  AR_TRY(file.ReadAt(tail_begin, bytes, kTailSize));
  uint64_t footer_offset;
  AR_TRY(LocateFooter(bytes, kTailSize, file_size, head_span, &footer_offset));

  uint8_t index_head[kChunkHeadSize];
  const uint64_t index_size = tail_begin - footer_offset;
  const uint64_t head_size = std::min<uint64_t>(sizeof(index_head), index_size);
  AR_TRY(file.ReadAt(footer_offset, index_head, head_size));
  AR_TRY(CheckIndexHead(index_head, head_size, footer_offset, file_size)
             .At(footer_offset)
             .In("cannot read the index"));
  bytes = buffer.Get(index_size);
  AR_TRY(file.ReadAt(footer_offset, bytes, index_size));

  std::unique_ptr<Reader> opened;
  AR_TRY(OpenIndex(bytes, index_size, footer_offset, file_size, options, &opened));
  if (options.mapped) AR_TRY(file.Map());
  opened->file_ = std::move(file);
  *reader = std::move(opened);
  return Status();
}

Status Reader::OpenIndex(uint8_t* footer, size_t footer_size, uint64_t footer_offset,
                         uint64_t file_size, const ReaderOptions& options,
                         std::unique_ptr<Reader>* reader) {
  // Whether an index can be there is looked at below.
  if (footer_size != file_size - kTailSize - footer_offset) {
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

Status Reader::OpenChunks(File file, const ar_piece* chunks, size_t n, const ReaderOptions& options,
                          std::unique_ptr<Reader>* reader) {
  if (file.is_open()) {
    uint64_t size;
    AR_TRY(file.Size(&size));
    if (n > 0 && chunks[n - 1].end > size) {
      return Status(AR_INVALID_ARGUMENT, "the chunks are not in the file");
    }
  }
  std::unique_ptr<Reader> opened(new Reader());
  opened->options_ = options;
  opened->footer_offset_ = n > 0 ? chunks[n - 1].end : kSignatureEnd;
  ChunkIndex& index = opened->index_;
  AR_TRY(index.Start(n, opened->footer_offset_, options.offloaded_index));
  uint64_t num_records = 0;
  for (size_t i = 0; i < n; ++i) {
    const ar_piece& chunk = chunks[i];
    AR_TRY(index.Add(chunk.begin, chunk.num_records, chunk.decoded_size));
    if (chunk.end <= chunk.begin || (i + 1 < n && chunk.end > chunks[i + 1].begin)) {
      return Corrupt("overlapping chunks").At(chunk.begin).InChunk(i);
    }
    if (i + 1 < n && chunk.end < chunks[i + 1].begin) {
      index.AddGap({chunk.end, chunks[i + 1].begin});
    }
    num_records += chunk.num_records;
  }
  AR_TRY(index.Finish(num_records));
  if (options.mapped && file.is_open()) AR_TRY(file.Map());
  opened->file_ = std::move(file);
  *reader = std::move(opened);
  return Status();
}

Status Reader::ReadFooter(uint8_t* bytes, uint64_t footer_offset, uint64_t file_size) {
  footer_offset_ = footer_offset;
  AR_TRY(CheckIndexHead(bytes, file_size - kTailSize - footer_offset, footer_offset, file_size));
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
    i += parsed;
    AR_TRY(std::move(status).InChunk(i));
  }
  AR_TRY(sizes.Finish());
  AR_TRY(index_.Finish(metadata_.num_records));
  return CheckGap();
}

// A gap comes before the last chunk or the index, and leaves the chunk before it some room.
Status Reader::CheckGap() {
  const Gap& gap = metadata_.gap;
  if (gap.begin == gap.end) return Status();
  const uint64_t n = index_.num_chunks();
  uint64_t before = kSignatureEnd;
  if (gap.end == footer_offset_) {
    if (n > 0) before = index_.Get(n - 1).begin + kChunkHeaderSize;
  } else if (n > 0 && gap.end == index_.Get(n - 1).begin) {
    if (n > 1) before = index_.Get(n - 2).begin + kChunkHeaderSize;
  } else {
    return Corrupt("the index tells of a gap where none can be");
  }
  if (gap.begin < before || gap.begin > gap.end) {
    return Corrupt("the index tells of a gap where none can be");
  }
  index_.AddGap(gap);
  return Status();
}

Status Reader::Metadata(ByteSpan bytes, TransposedRecords* metadata) const {
  const Status none(AR_NOT_FOUND, "the file has no metadata");
  const ChunkIndex::Extent extent = metadata_extent();
  const uint64_t available = extent.end - extent.begin;
  if (available < kChunkHeaderSize) return none.Clone();
  if (bytes.size != 0 ? bytes.size != available : !has_file()) {
    return Status(AR_INVALID_ARGUMENT, "the bytes given are not those of the metadata's extent");
  }
  uint8_t head[kChunkHeadSize];
  const uint64_t head_size = std::min<uint64_t>(sizeof(head), available);
  if (bytes.size == 0) {
    AR_TRY(file_.ReadAt(extent.begin, head, head_size));
  } else {
    std::copy_n(bytes.data, head_size, head);
  }
  Chunk chunk;
  AR_TRY(ParseChunkHead(head, head_size, extent.begin, extent.end, &chunk));
  if (chunk.header.type != ChunkType::kMetadata) return none.Clone();
  if (chunk.header.num_records != 0) return Corrupt("metadata chunk with records").At(extent.begin);
  AR_TRY(CheckRecordSize(chunk.header.decoded_data_size).At(extent.begin));
  const uint64_t size = chunk.end - extent.begin;
  Buffer copy(size);  // parsing may move bytes
  if (bytes.size == 0) {
    AR_TRY(file_.ReadAt(extent.begin, copy.data(), size));
  } else {
    std::copy_n(bytes.data, size, copy.data());
  }
  AR_TRY(ParseChunk(copy.data(), extent.begin, chunk.end, &chunk));
  AR_TRY(chunk.VerifyData());
  return DecodeTransposed(ByteSpan(chunk.data, chunk.header.data_size), 1,
                          chunk.header.decoded_data_size, options_.max_chunk_size, metadata)
      .At(extent.begin);
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

namespace {

uint64_t NewReaderId() {
  static std::atomic<uint64_t> last{0};
  return ++last;
}

Status TooLarge(const std::string& what, uint64_t size, const char* option, uint64_t limit) {
  return Status(AR_RESOURCE_EXHAUSTED, what + " of " + std::to_string(size) + " bytes; " + option +
                                           " is " + std::to_string(limit));
}

}  // namespace

Reader::Reader() : id_(NewReaderId()) {}

Reader::~Reader() { ChunkCache::Shared().Forget(id_); }

Status Reader::RecordTooLarge(uint64_t size) const {
  return TooLarge("a record", size, "max_record_size", options_.max_record_size);
}

Status Reader::CheckLarge(const IndexedChunk& chunk) const {
  if (chunk.num_records == 1) AR_TRY(CheckRecordSize(chunk.decoded_size));
  if (chunk.decoded_size > options_.max_chunk_size) {
    return TooLarge("a chunk with records", chunk.decoded_size, "max_chunk_size",
                    options_.max_chunk_size);
  }
  // The size of each takes memory, too.
  if (chunk.num_records > options_.max_chunk_size / sizeof(uint64_t)) {
    return TooLarge("a chunk whose list of records would be one", chunk.num_records * 8,
                    "max_chunk_size", options_.max_chunk_size);
  }
  return Status();
}

Status Reader::CheckHead(const IndexedChunk& chunk) const {
  uint8_t head[kChunkHeadSize];
  AR_TRY(file_.ReadAt(chunk.begin, head, sizeof(head)));
  Chunk parsed;
  AR_TRY(ParseChunkHead(head, sizeof(head), chunk.begin, chunk.end, &parsed));
  if (parsed.header.decoded_data_size == chunk.decoded_size) return Status();
  return Corrupt("chunk with records of " + std::to_string(parsed.header.decoded_data_size) +
                 " bytes where the index says " + std::to_string(chunk.decoded_size));
}

bool Reader::CanCache(const IndexedChunk& chunk) const {
  // As it is in the file, decoded, and where its records end.
  const uint64_t file_size = chunk.end - chunk.begin;
  const uint64_t limit = ChunkCache::Shared().limit();
  return file_size <= limit && chunk.decoded_size <= limit - file_size &&
         chunk.num_records * sizeof(uint64_t) <= limit - file_size - chunk.decoded_size;
}

Status Reader::Open(uint64_t number, const IndexedChunk& chunk,
                    std::shared_ptr<const OpenChunk>* open) const {
  ChunkCache& cache = ChunkCache::Shared();
  *open = cache.Find({id_, number});
  if (*open != nullptr) return Status();
  std::shared_ptr<OpenChunk> fresh = cache.New();
  AR_TRY(ReadChunks(chunk, chunk.end, &fresh->bytes));
  Chunk parsed;
  AR_TRY(ParseDataChunk(fresh->bytes.data(), chunk, &parsed));
  AR_TRY(fresh->Decode(parsed, options_.max_chunk_size));
  cache.Put({id_, number}, fresh);
  *open = std::move(fresh);
  return Status();
}

Status Reader::Get(uint64_t record, uint8_t* out, size_t out_size, size_t* size) const {
  AR_TRY(CheckRecord(record));
  if (!has_file()) return Status(AR_FAILED_PRECONDITION, "the reader has no file to read from");
  const uint64_t number = index_.ChunkOf(record);
  const IndexedChunk chunk = index_.Get(number);
  Status status = GetFrom(number, chunk, record, out, out_size, size);
  if (status.ok()) return status;
  return std::move(status).At(chunk.begin).InChunk(number).InRecord(record);
}

Status Reader::GetFrom(uint64_t number, const IndexedChunk& chunk, uint64_t record, uint8_t* out,
                       size_t out_size, size_t* size) const {
  AR_TRY(CheckLimits(chunk));
  if (chunk.num_records == 1) {
    *size = chunk.decoded_size;
    if (chunk.decoded_size > out_size) return TooSmall();
    ThreadBuffer buffer(kEncodedChunk);
    AR_TRY(ReadChunks(chunk, chunk.end, &buffer));
    Chunk parsed;
    AR_TRY(ParseDataChunk(buffer.data(), chunk, &parsed));
    RecordsChunk records;
    AR_TRY(records.Open(parsed, options_.max_chunk_size));
    return records.DecodeValues(out);
  }
  if (CanCache(chunk)) {
    std::shared_ptr<const OpenChunk> open;
    AR_TRY(Open(number, chunk, &open));
    const ByteSpan found = open->Record(record - index_.FirstRecord(number));
    AR_TRY(CheckRecordSize(found.size));
    *size = found.size;
    if (found.size > out_size) return TooSmall();
    std::copy_n(found.data, found.size, out);
    return Status();
  }
  *size = chunk.decoded_size;
  if (chunk.decoded_size > out_size) return TooSmall();
  RecordsRead read;
  AR_TRY(read.SetRange(*this, record, record + 1));
  uint64_t offsets[2];
  ReadProgress progress;
  AR_TRY(read.Next(out, out_size, 1, offsets, &progress));
  *size = offsets[1];
  return Status();
}

}  // namespace arrayrecord
