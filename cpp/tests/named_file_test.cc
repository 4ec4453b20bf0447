// Files of writers by name: what is on the disk, and when, and what a crash leaves. The system
// calls of this program go through the functions below, which note them, make them fail, or end the
// process; those that are let through are real.
#include "named_file.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdarg>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <vector>

#include "arrayrecord.h"
#include "gtest/gtest.h"
#include "test_util.h"

namespace {

// Asked about each call below `watched`; gives the errno with which it fails, 0 lets it happen.
std::function<int(const std::string& call)> hook;
std::string watched;

std::string Relative(const std::string& path) {
  if (watched.empty() || path.compare(0, watched.size(), watched) != 0) return "";
  std::string rest = path.substr(watched.size());
  while (!rest.empty() && rest[0] == '/') rest.erase(0, 1);
  if (rest.compare(0, 1, "#") == 0) return "(unnamed)";
  return rest.empty() ? "." : rest;
}

std::string OfDescriptor(int fd) {
  char path[4096];
  const std::string link = "/proc/self/fd/" + std::to_string(fd);
  const ssize_t n = readlink(link.c_str(), path, sizeof(path));
  return n < 0 ? "" : Relative(std::string(path, static_cast<size_t>(n)));
}

bool Fails(const std::string& name, const std::string& path, const std::string& to = "") {
  if ((path.empty() && to.empty()) || !hook) return false;
  const auto ask = hook;
  hook = nullptr;  // it may make calls itself
  const int code = ask(name + (path.empty() ? "" : " " + path) + (to.empty() ? "" : " " + to));
  hook = ask;
  if (code != 0) errno = code;
  return code != 0;
}

template <typename... Args>
int Call(long number, Args... args) {
  return static_cast<int>(syscall(number, args...));
}

}  // namespace

extern "C" {

int open(const char* path, int flags, ...) {
  mode_t mode = 0;
  if ((flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE) {
    va_list args;
    va_start(args, flags);
    mode = va_arg(args, mode_t);
    va_end(args);
    const bool unnamed = (flags & O_TMPFILE) == O_TMPFILE;
    if (Fails(unnamed ? "create-unnamed" : "create", Relative(path))) return -1;
  }
  return Call(SYS_openat, AT_FDCWD, path, flags, mode);
}

int fsync(int fd) { return Fails("sync", OfDescriptor(fd)) ? -1 : Call(SYS_fsync, fd); }

int flock(int fd, int operation) {
  return Fails("lock", OfDescriptor(fd)) ? -1 : Call(SYS_flock, fd, operation);
}

int fchmod(int fd, mode_t mode) noexcept {
  return Fails("chmod", OfDescriptor(fd)) ? -1 : Call(SYS_fchmod, fd, mode);
}

int linkat(int from_dir, const char* from, int to_dir, const char* to, int flags) noexcept {
  if (Fails("link", "", Relative(to))) return -1;
  return Call(SYS_linkat, from_dir, from, to_dir, to, flags);
}

int link(const char* from, const char* to) noexcept {
  if (Fails("link", Relative(from), Relative(to))) return -1;
  return Call(SYS_linkat, AT_FDCWD, from, AT_FDCWD, to, 0);
}

int rename(const char* from, const char* to) noexcept {
  if (Fails("rename", Relative(from), Relative(to))) return -1;
  return Call(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
}

int renameat2(int from_dir, const char* from, int to_dir, const char* to, unsigned flags) noexcept {
  if (Fails("rename-exclusively", Relative(from), Relative(to))) return -1;
  return Call(SYS_renameat2, from_dir, from, to_dir, to, flags);
}

int unlink(const char* path) noexcept {
  return Fails("unlink", Relative(path)) ? -1 : Call(SYS_unlinkat, AT_FDCWD, path, 0);
}

}  // extern "C"

namespace arrayrecord {
namespace {

using Calls = std::vector<std::string>;
using Paths = std::vector<std::string>;

// A file system and a task for a writer.
struct Scene {
  const char* name;
  const char* old;  // what has the name already, null for nothing
  bool no_overwrite;
  bool unnamed_files;
  bool exclusive_renames;
  Calls calls;  // T stands for a hidden name
};

const Scene kScenes[] = {
    {"new without unnamed files",
     nullptr,
     false,
     false,
     true,
     {"create T", "sync T", "rename T out", "sync ."}},
    {"replace without unnamed files",
     "old",
     false,
     false,
     true,
     {"create T", "chmod T", "sync T", "rename T out", "sync ."}},
    {"exclusive by links",
     nullptr,
     true,
     false,
     false,
     {"create T", "sync T", "link T out", "sync .", "unlink T"}},
#if !defined(ARRAYRECORD_PORTABLE)  // which knows of neither
    {"new",
     nullptr,
     false,
     true,
     true,
     {"create-unnamed .", "sync (unnamed)", "link out", "sync ."}},
    {"replace",
     "old",
     false,
     true,
     true,
     {"create-unnamed .", "chmod (unnamed)", "sync (unnamed)", "link out", "link T", "rename T out",
      "sync ."}},
    {"exclusive",
     nullptr,
     true,
     true,
     true,
     {"create-unnamed .", "sync (unnamed)", "link out", "sync ."}},
    {"exclusive without unnamed files",
     nullptr,
     true,
     false,
     true,
     {"create T", "sync T", "rename-exclusively T out", "sync ."}},
#endif
};

// Where a hidden name begins in a text, npos if none is there.
size_t FindHidden(const std::string& text) {
  const std::string before = ".arrayrecord-", random = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567",
                    after = ".tmp";
  const size_t begin = text.find(before);
  if (begin == std::string::npos) return begin;
  const size_t end = text.find_first_not_of(random, begin + before.size());
  return end == begin + before.size() + 26 && text.compare(end, after.size(), after) == 0
             ? begin
             : std::string::npos;
}

constexpr size_t kHiddenSize = 43;

std::string Simplified(std::string call) {
  const size_t at = FindHidden(call);
  return at == std::string::npos ? call : call.replace(at, kHiddenSize, "T");
}

Status WriteFile(const std::string& path, const WriterOptions& options, const char* record) {
  std::unique_ptr<Sink> sink;
  AR_TRY(NamedFileSink::Create(path, options, &sink));
  std::unique_ptr<Writer> writer;
  AR_TRY(Writer::Create(options, std::move(sink), &writer));
  const uint64_t size = std::string(record).size();
  AR_TRY(writer->Write(reinterpret_cast<const uint8_t*>(record), &size, 1));
  return writer->Close();
}

Records Read(const std::string& path) {
  Records records;
  EXPECT_EQ(ReadFile(ReadWholeFile(path), &records).message(), "") << path;
  return records;
}

Paths FilesIn(const std::string& dir) {
  Paths names;
  for (const auto& entry : std::filesystem::directory_iterator(dir)) {
    names.push_back(entry.path().filename());
  }
  return names;
}

// A directory for one writer of DIR/out.
class Stage {
 public:
  explicit Stage(const Scene& scene) : scene_(scene), dir_(TempDir()) {
    options_.max_parallelism = 1;  // no threads, which would not survive a fork
    options_.no_overwrite = scene.no_overwrite;
    if (scene.old != nullptr) {
      EXPECT_TRUE(WriteFile(out(), WriterOptions(), scene.old).ok());
      EXPECT_EQ(chmod(out().c_str(), 0604), 0);
    }
    watched = dir_;
  }
  ~Stage() {
    watched.clear();
    std::filesystem::remove_all(dir_);
  }

  const std::string& dir() const { return dir_; }
  std::string out() const { return dir_ + "/out"; }
  WriterOptions& options() { return options_; }

  // Writes the file, asking about each call that the file system has.
  Status Play(std::function<int(const std::string&)> ask) {
    hook = [&, ask](const std::string& call) {
      const std::string name = call.substr(0, call.find(' '));
      if (name == "create-unnamed" && !scene_.unnamed_files) return EOPNOTSUPP;
      if (name == "rename-exclusively" && !scene_.exclusive_renames) return EINVAL;
      return ask(call);
    };
    Status status = WriteFile(out(), options_, "new");
    hook = nullptr;
    return status;
  }

 private:
  const Scene& scene_;
  const std::string dir_;
  WriterOptions options_;
};

TEST(NamedFileTest, SyncedBeforeAndAfterItIsNamed) {
  for (const Scene& scene : kScenes) {
    for (bool sync : {true, false}) {
      Stage stage(scene);
      stage.options().no_sync = !sync;
      Calls calls, want;
      ASSERT_EQ(stage
                    .Play([&](const std::string& call) {
                      if (call.compare(0, 4, "lock") != 0) {
                        calls.push_back(Simplified(call));
                      }
                      return 0;
                    })
                    .message(),
                "");
      for (const std::string& call : scene.calls) {
        if (sync || call.compare(0, 4, "sync") != 0) want.push_back(call);
      }
      EXPECT_EQ(calls, want) << scene.name;
      EXPECT_EQ(FilesIn(stage.dir()), Paths{"out"}) << scene.name;
      struct stat info;
      ASSERT_EQ(stat(stage.out().c_str(), &info), 0);
      if (scene.old != nullptr) {
        EXPECT_EQ(info.st_mode & 0777, 0604u) << scene.name;
      }
    }
  }
}

TEST(NamedFileTest, KilledAtEachStep) {
  for (const Scene& scene : kScenes) {
    for (int step = 0;; ++step) {
      Stage stage(scene);
      const pid_t child = fork();
      ASSERT_GE(child, 0);
      if (child == 0) {
        int n = 0;
        const Status status = stage.Play([&](const std::string&) {
          if (n++ == step) kill(getpid(), SIGKILL);
          return 0;
        });
        _exit(status.ok() ? 0 : 1);
      }
      int how = 0;
      ASSERT_EQ(waitpid(child, &how, 0), child);
      if (WIFEXITED(how)) {
        EXPECT_EQ(WEXITSTATUS(how), 0) << scene.name;
        EXPECT_GE(step, 5) << scene.name;
        break;
      }
      int hidden = 0;
      bool out = false;
      for (const std::string& name : FilesIn(stage.dir())) {
        if (name == "out") {
          out = true;
          continue;
        }
        ++hidden;
        EXPECT_EQ(FindHidden(name), 0u) << name;
        EXPECT_EQ(name.size(), kHiddenSize);
        // Nobody has it any more.
        const int fd = open((stage.dir() + "/" + name).c_str(), O_RDWR);
        EXPECT_EQ(flock(fd, LOCK_EX | LOCK_NB), 0);
        close(fd);
      }
      EXPECT_LE(hidden, 1) << scene.name << ", step " << step;
      if (out) {
        const Records records = Read(stage.out());
        EXPECT_TRUE(records == Records{"new"} ||
                    (scene.old != nullptr && records == Records{scene.old}))
            << scene.name << ", step " << step;
      } else {
        EXPECT_EQ(scene.old, nullptr) << scene.name << ", step " << step;
      }
      EXPECT_TRUE(WriteFile(stage.out(), WriterOptions(), "later").ok());
      EXPECT_EQ(Read(stage.out()), Records{"later"});
    }
  }
}

TEST(NamedFileTest, EachCallFails) {
  for (const Scene& scene : kScenes) {
    for (int step = 0;; ++step) {
      Stage stage(scene);
      std::string failed;
      int n = 0;
      const Status status = stage.Play([&](const std::string& call) {
        if (call.compare(0, 6, "unlink") == 0) return 0;
        if (n++ != step) return 0;
        failed = call;
        return EIO;
      });
      if (failed.empty()) {
        EXPECT_GE(step, 5) << scene.name;
        break;
      }
      const std::string when = std::string(scene.name) + ", " + failed;
      if (failed == "create-unnamed .") {
        EXPECT_TRUE(status.ok()) << when << ": there is another way";
        EXPECT_EQ(FilesIn(stage.dir()), Paths{"out"}) << when;
        continue;
      }
      EXPECT_EQ(status.code(), AR_IO) << when;
      EXPECT_NE(status.message().find(stage.out()), std::string::npos) << status.message();
      if (scene.old == nullptr) {
        EXPECT_EQ(FilesIn(stage.dir()), Paths{}) << when;
      } else {
        EXPECT_EQ(FilesIn(stage.dir()), Paths{"out"}) << when;
        EXPECT_EQ(Read(stage.out()), Records{failed == "sync ." ? "new" : scene.old}) << when;
      }
    }
  }
}

TEST(NamedFileTest, FullDisk) {
  Stage stage(kScenes[0]);
  const Status status =
      stage.Play([&](const std::string& call) { return call[0] == 's' ? ENOSPC : 0; });
  EXPECT_EQ(status.code(), AR_IO);
  EXPECT_NE(status.message().find("No space left on device"), std::string::npos);
  EXPECT_EQ(FilesIn(stage.dir()), Paths{});
}

// A hidden file is in use as long as it is locked; one that was removed before it was locked is
// made again.
TEST(NamedFileTest, LockedWhileItHasAHiddenName) {
  for (const Scene& scene : kScenes) {
    Stage stage(scene);
    bool removed = false;
    ASSERT_EQ(stage
                  .Play([&](const std::string& call) {
                    for (const std::string& name : FilesIn(stage.dir())) {
                      if (name == "out") continue;
                      const std::string path = stage.dir() + "/" + name;
                      const int fd = open(path.c_str(), O_RDWR);
                      const bool free = flock(fd, LOCK_EX | LOCK_NB) == 0;
                      EXPECT_EQ(free, call.compare(0, 4, "lock") == 0) << call;
                      if (free && !removed) {
                        removed = true;
                        unlink(path.c_str());
                      }
                      close(fd);
                    }
                    return 0;
                  })
                  .message(),
              "")
        << scene.name;
    EXPECT_EQ(removed, !scene.unnamed_files) << scene.name;
    EXPECT_EQ(Read(stage.out()), Records{"new"});
    EXPECT_EQ(FilesIn(stage.dir()), Paths{"out"});
  }
}

TEST(NamedFileTest, NoOverwriteLosesToWhoeverWasFirst) {
  for (const Scene& scene : kScenes) {
    if (!scene.no_overwrite) continue;
    Stage stage(scene);
    const Status late = stage.Play([&](const std::string& call) {
      if (call.compare(0, 4, "sync") == 0 && !std::filesystem::exists(stage.out())) {
        EXPECT_TRUE(WriteFile(stage.out(), WriterOptions(), "first").ok());
      }
      return 0;
    });
    ar_error error;
    EXPECT_EQ(late.CopyTo(&error), AR_IO) << scene.name;
    EXPECT_EQ(error.os_errno, EEXIST) << scene.name;
    EXPECT_EQ(Read(stage.out()), Records{"first"});
    EXPECT_EQ(FilesIn(stage.dir()), Paths{"out"});
    const Status again = stage.Play([](const std::string&) { return 0; });
    EXPECT_EQ(again.CopyTo(&error), AR_IO) << scene.name;
    EXPECT_EQ(error.os_errno, EEXIST) << scene.name;
  }
}

TEST(NamedFileTest, LongNamesLinksAndOtherKindsOfFiles) {
  Stage stage(kScenes[0]);
  const std::string longest = stage.dir() + "/" + std::string(255, 'n');
  for (int i = 0; i < 2; ++i) EXPECT_EQ(WriteFile(longest, WriterOptions(), "x").message(), "");
  EXPECT_EQ(Read(longest), Records{"x"});
  EXPECT_EQ(unlink(longest.c_str()), 0);

  ASSERT_EQ(mkdir((stage.dir() + "/sub").c_str(), 0777), 0);
  ASSERT_EQ(symlink("sub/real", (stage.dir() + "/link").c_str()), 0);
  EXPECT_EQ(WriteFile(stage.dir() + "/link", WriterOptions(), "x").code(), AR_NOT_FOUND)
      << "a link to nothing";
  EXPECT_TRUE(WriteFile(stage.dir() + "/sub/real", WriterOptions(), "x").ok());
  EXPECT_TRUE(WriteFile(stage.dir() + "/link", WriterOptions(), "through").ok());
  EXPECT_EQ(Read(stage.dir() + "/sub/real"), Records{"through"});
  EXPECT_TRUE(std::filesystem::is_symlink(stage.dir() + "/link"));

  for (const std::string& path : {std::string("/dev/null"), stage.dir(), stage.dir() + "/missing/x",
                                  stage.dir() + "/", std::string(), stage.dir() + "/.."}) {
    EXPECT_FALSE(WriteFile(path, WriterOptions(), "x").ok()) << path;
  }
  EXPECT_TRUE(std::filesystem::is_character_file("/dev/null"));
}

// The C header's writers are made so, with its options.
TEST(NamedFileTest, ThroughTheCHeader) {
  Stage stage(kScenes[0]);
  const auto write = [&](const ar_writer_options& options, bool close, ar_error* error) {
    ar_writer* writer = nullptr;
    ar_code code = ar_writer_create(stage.out().c_str(), &options, &writer, error);
    if (code != AR_OK) return code;
    const uint64_t size = 1;
    code = ar_writer_write(writer, "x", &size, 1, error);
    if (code == AR_OK && close) code = ar_writer_close(writer, error);
    ar_writer_free(writer);
    return code;
  };
  ar_writer_options options = {};
  options.struct_size = sizeof(options);
  options.max_parallelism = 1;
  ar_error error;
  EXPECT_EQ(write(options, false, &error), AR_OK);
  EXPECT_EQ(FilesIn(stage.dir()), Paths{}) << "freed without a close";

  for (int no_sync : {1, 0}) {
    int syncs = 0;
    hook = [&](const std::string& call) {
      syncs += call.compare(0, 4, "sync") == 0;
      return 0;
    };
    options.no_sync = no_sync;
    EXPECT_EQ(write(options, true, &error), AR_OK);
    hook = nullptr;
    EXPECT_EQ(syncs, no_sync != 0 ? 0 : 2) << "the file and its directory";
    EXPECT_EQ(FilesIn(stage.dir()), Paths{"out"});
  }

  options.no_overwrite = 1;
  EXPECT_EQ(write(options, true, &error), AR_IO);
  EXPECT_EQ(error.os_errno, EEXIST);
  EXPECT_EQ(Read(stage.out()), Records{"x"});
  options.no_overwrite = 0;
  hook = [](const std::string& call) {
    return call.compare(0, 4, "sync") == 0 && call != "sync ." ? ENOSPC : 0;
  };
  EXPECT_EQ(write(options, true, &error), AR_IO);
  hook = nullptr;
  EXPECT_EQ(error.os_errno, ENOSPC);
  EXPECT_NE(std::string(error.message).find(stage.out()), std::string::npos) << error.message;
  EXPECT_EQ(Read(stage.out()), Records{"x"});
}

// The working directory counts when the file is created, not when it is closed.
TEST(NamedFileTest, WorkingDirectoryChanges) {
  Stage stage(kScenes[0]);
  const std::string before = std::filesystem::current_path();
  ASSERT_EQ(chdir(stage.dir().c_str()), 0);
  NamedFile file;
  ASSERT_TRUE(file.Create("out", NamedFile::Options()).ok());
  ASSERT_EQ(chdir(before.c_str()), 0);
  ASSERT_TRUE(file.Publish().ok());
  EXPECT_EQ(FilesIn(stage.dir()), Paths{"out"});
}

}  // namespace
}  // namespace arrayrecord
