// SPDX-License-Identifier: Apache-2.0
// The file of an upload: one writer at a time, by a lock; its bytes proved by their hash when
// another process goes on with them; and the rename that makes it a blob.
#ifndef FOLDER_STAGING_HH
#define FOLDER_STAGING_HH

#include "call.hh"

// Deprecated, and right here: EVP reads openssl.cnf, which is I/O where there must be none, and
// takes locks that a forked child may find locked.
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/sha.h>

#include <filesystem>
#include <sys/stat.h>
#include <utility>
#include <vector>

class Sha256
{
  public:
    Sha256()
    {
        SHA256_Init(&state_);
    }
    void update(const void *bytes, size_t len)
    {
        SHA256_Update(&state_, bytes, len);
    }
    std::string hex() const; // of the bytes so far

  private:
    SHA256_CTX state_;
};
std::string sha256_of(std::string_view text);

// Owns a descriptor.
class File
{
  public:
    File() = default;
    explicit File(int fd) : fd_(fd)
    {
    }
    File(File &&other) noexcept : fd_(std::exchange(other.fd_, -1))
    {
    }
    File &operator=(File &&other) noexcept
    {
        std::swap(fd_, other.fd_);
        return *this;
    }
    ~File();
    int fd() const
    {
        return fd_;
    }
    explicit operator bool() const
    {
        return fd_ >= 0;
    }

  private:
    int fd_ = -1;
};

// A folder with blobs in it, and with uploads in uploads/.
struct Folder {
    std::filesystem::path root;

    std::filesystem::path at(std::string_view key) const
    {
        return root / key;
    }
    std::filesystem::path upload(std::string_view name) const
    {
        return root / "uploads" / name;
    }
    // Throw NOT_FOUND when there is nothing, or what is there is no file.
    File open(const std::string &key, struct stat &file) const;
    struct stat look(const std::string &key) const;
    void remove(const std::string &key) const;
    std::vector<std::string> uploads(const Call &call) const; // the names in uploads/
};

std::string new_id();
// The key is in the name for those who know no token (UPLOAD_SOLE); "" when it comes at commit.
std::string staging_name(std::string_view id, std::string_view key);
bool is_staging_name(std::string_view name);

class Staging
{
  public:
    Staging(const Folder &folder, std::string name) : folder_(folder), name_(std::move(name))
    {
    }
    // Goes on where a token says; that the bytes are those is seen when the file is held.
    Staging(const Folder &folder, std::string name, uint64_t offset, std::string digest)
        : folder_(folder), name_(std::move(name)), offset_(offset), token_digest_(std::move(digest))
    {
    }
    uint64_t offset() const
    {
        return offset_;
    }
    std::string digest() const
    {
        return is_ours_ || offset_ == 0 ? sha_.hex() : token_digest_;
    }
    void append(const Call &call, const char *bytes, size_t len);
    void keep(); // for suspend: outlives a power cut
    struct stat publish(const Call &call, const std::string &key, bool if_absent);
    struct stat prove(const Call &call, const std::string &key); // COM-2
    void remove();
    void release(bool is_inherited);

  private:
    void hold(const Call &call);
    void lock();
    void sync_bytes();
    void sync(int fd);
    void sync_folders(std::filesystem::path path);

    const Folder &folder_;
    std::string name_; // in uploads/
    File file_;        // open and locked (TOK-5), or empty
    uint64_t offset_ = 0;
    uint64_t hashed_ = 0; // how many of these sha_ has seen
    std::string token_digest_;
    Sha256 sha_;
    bool is_ours_ = false; // the file is held, and the bytes before offset_ are those we mean
    bool is_lost_ = false; // a sync failed: the next one would say OK and mean nothing
};

#endif
