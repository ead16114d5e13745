// SPDX-License-Identifier: Apache-2.0
#include "staging.hh"

#include <cstdio>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/random.h>
#include <unistd.h>
#include <vector>

namespace fs = std::filesystem;

namespace
{

constexpr size_t piece_bytes = 256 << 10; // written or read between two looks at cancel
constexpr unsigned rename_tries = 16;

std::string hex_of(const unsigned char *bytes, size_t len)
{
    static constexpr char digits[] = "0123456789abcdef";
    std::string text;
    for (size_t i = 0; i < len; i++) {
        text += digits[bytes[i] >> 4];
        text += digits[bytes[i] & 15];
    }
    return text;
}

Failure not_found(const std::string &key)
{
    return {REGSTORE_NOT_FOUND, "there is no blob '" + key + "'"};
}

Failure busy()
{
    return {REGSTORE_CONFLICT, "another handle is writing this upload", true};
}

Failure gone()
{
    return {REGSTORE_GONE, "the upload was committed, aborted or purged"};
}

void hash_on(const Call &call, int fd, uint64_t end, uint64_t &at, Sha256 &sha)
{
    std::vector<char> bytes(at < end ? piece_bytes : 0);
    while (at < end) {
        call.check();
        const size_t len = std::min<uint64_t>(end - at, bytes.size());
        const ssize_t n = pread(fd, bytes.data(), len, static_cast<off_t>(at));
        if (n < 0)
            throw from_errno(errno, "read an upload");
        if (n == 0)
            throw Failure(REGSTORE_CONFLICT, "another handle has cut off these bytes");
        sha.update(bytes.data(), static_cast<size_t>(n));
        at += static_cast<uint64_t>(n);
    }
}

// The folder may be taken by a delete at once; then the caller's next step says ENOENT.
void make_folders(const fs::path &root, const fs::path &folder)
{
    std::error_code error;
    fs::create_directory(root, error); // its last part alone: what is above is the operator's
    if (error == std::errc::no_such_file_or_directory)
        throw Failure(REGSTORE_CONFIG, "storage_path: there is no folder above it");
    if (error)
        throw from_errno(error.value(), "make the folder '" + root.string() + "'");
    fs::create_directories(folder, error);
    if (error == std::errc::not_a_directory || error == std::errc::file_exists)
        throw Failure(REGSTORE_CONFLICT, "'" + folder.string() + "' is another key (KEY-3)");
    if (error && error != std::errc::no_such_file_or_directory)
        throw from_errno(error.value(), "make the folder '" + folder.string() + "'");
}

} // namespace

std::string Sha256::hex() const
{
    unsigned char hash[SHA256_DIGEST_LENGTH];
    SHA256_CTX copy = state_;
    SHA256_Final(hash, &copy);
    return hex_of(hash, sizeof hash);
}

std::string sha256_of(std::string_view text)
{
    Sha256 sha;
    sha.update(text.data(), text.size());
    return sha.hex();
}

File::~File()
{
    if (fd_ >= 0)
        (void)close(fd_); // what had to be safe was synced
}

File Folder::open(const std::string &key, struct stat &file) const
{
    // O_NONBLOCK: a pipe that somebody put there does not hold us up.
    File found(::open(at(key).c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
    if (!found && errno != ENOENT && errno != ENOTDIR && errno != ELOOP && errno != ENXIO)
        throw from_errno(errno, "open '" + key + "'");
    if (!found || fstat(found.fd(), &file) != 0 || !S_ISREG(file.st_mode))
        throw not_found(key);
    return found;
}

struct stat Folder::look(const std::string &key) const
{
    struct stat file;
    const bool is_there = lstat(at(key).c_str(), &file) == 0;
    if (!is_there && errno != ENOENT && errno != ENOTDIR)
        throw from_errno(errno, "look at '" + key + "'");
    if (!is_there || !S_ISREG(file.st_mode))
        throw not_found(key);
    return file;
}

// The folders that are empty now go with the blob: a key may have their name one day (KEY-3).
void Folder::remove(const std::string &key) const
{
    fs::path path = at(key);
    if (unlink(path.c_str()) != 0) {
        if (errno == ENOENT || errno == ENOTDIR || errno == EISDIR)
            return; // there was no blob
        throw from_errno(errno, "delete '" + key + "'");
    }
    if (starts_with(key, "uploads/"))
        return;
    for (path = path.parent_path(); path != root && rmdir(path.c_str()) == 0;)
        path = path.parent_path();
}

std::string new_id()
{
    unsigned char random[16];
    if (getrandom(random, sizeof random, 0) != static_cast<ssize_t>(sizeof random))
        throw Failure(REGSTORE_INTERNAL, "the system gives no random numbers");
    return hex_of(random, sizeof random);
}

std::string staging_name(std::string_view id, std::string_view key)
{
    return std::string(id) + '-' + sha256_of(key);
}

bool is_staging_name(std::string_view name)
{
    return name.size() == 32 + 1 + 64 && name[32] == '-' &&
           name.find_first_not_of("0123456789abcdef-") == name.npos;
}

// A forked child may have a copy of the descriptor, which would keep the lock.
void Staging::release(bool is_inherited)
{
    if (file_ && !is_inherited)
        (void)flock(file_.fd(), LOCK_UN); // the close unlocks as well, but for that copy
    file_ = File();
}

// Opens and locks the file. Between the two it may have become a blob: then it lost this name.
void Staging::lock()
{
    const fs::path path = folder_.upload(name_);
    const bool is_new = offset_ == 0;
    if (is_new)
        make_folders(folder_.root, path.parent_path());
    File file(::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW | (is_new ? O_CREAT : 0), 0666));
    if (!file && errno == ENOENT && !is_new)
        throw gone();
    if (!file)
        throw from_errno(errno, "open '" + path.string() + "'");
    if (flock(file.fd(), LOCK_EX | LOCK_NB) != 0)
        throw errno == EWOULDBLOCK ? busy() : from_errno(errno, "lock '" + path.string() + "'");
    struct stat held, named;
    if (fstat(file.fd(), &held) != 0 || lstat(path.c_str(), &named) != 0 ||
        held.st_ino != named.st_ino)
        throw busy(); // the next try will tell what became of it
    file_ = std::move(file);
}

// After this the file is ours, and has what the token vouches for and nothing else.
void Staging::hold(const Call &call)
{
    if (is_ours_)
        return;
    if (!file_)
        lock();
    // What was hashed before the time was over is not hashed again.
    hash_on(call, file_.fd(), offset_, hashed_, sha_);
    if (offset_ > 0 && sha_.hex() != token_digest_)
        throw Failure(REGSTORE_CONFLICT, "another handle has overwritten these bytes");
    if (ftruncate(file_.fd(), static_cast<off_t>(offset_)) != 0)
        throw from_errno(errno, "shorten an upload");
    is_ours_ = true;
}

void Staging::append(const Call &call, const char *bytes, size_t len)
{
    hold(call);
    while (len > 0) {
        call.check();
        const ssize_t n =
            pwrite(file_.fd(), bytes, std::min(len, piece_bytes), static_cast<off_t>(offset_));
        if (n < 0)
            throw from_errno(errno, "write an upload");
        sha_.update(bytes, static_cast<size_t>(n));
        offset_ += static_cast<uint64_t>(n);
        bytes += n;
        len -= static_cast<size_t>(n);
    }
}

// A sync that failed has marked the pages clean: the next one says OK and means nothing. So the
// first answer counts for good, and the host begins again.
void Staging::sync(int fd)
{
    if (!is_lost_ && fsync(fd) == 0)
        return;
    Failure failure = is_lost_ ? Failure(REGSTORE_UNAVAILABLE, "the disk did not take these bytes")
                               : from_errno(errno, "write to disk");
    failure.is_retryable = false;
    is_lost_ = true;
    throw failure;
}

// The entries on the way to a file, up to that of storage_path: else a power cut takes the name.
void Staging::sync_folders(fs::path path)
{
    do {
        path = path.parent_path();
        const bool is_above = path == folder_.root.parent_path();
        const File folder(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
        if (!folder && !is_above) // the one above may be closed to us, and is not ours
            throw from_errno(errno, "open '" + path.string() + "'");
        if (folder)
            sync(folder.fd());
        if (is_above)
            return;
    } while (path.has_relative_path());
}

void Staging::sync_bytes()
{
    struct stat file;
    if (fstat(file_.fd(), &file) != 0)
        throw from_errno(errno, "look at an upload");
    if (file.st_nlink == 0)
        throw gone();
    // A write that failed may have left some; without need it would change the time.
    if (static_cast<uint64_t>(file.st_size) > offset_ &&
        ftruncate(file_.fd(), static_cast<off_t>(offset_)) != 0)
        throw from_errno(errno, "shorten an upload");
    sync(file_.fd());
}

// Where nothing was written since the token, the token is good as it is: no I/O.
void Staging::keep()
{
    if (!is_ours_ || offset_ == 0)
        return;
    sync_bytes();
    sync_folders(folder_.upload(name_));
}

// The one moment at which everything happens is renameat2(). A link() for IF_ABSENT would leave a
// second name, by which a later handle could write into the blob.
struct stat Staging::publish(const Call &call, const std::string &key, bool if_absent)
{
    const fs::path from = folder_.upload(name_), to = folder_.at(key);
    const unsigned flags = if_absent ? RENAME_NOREPLACE : 0;
    struct stat file;
    hold(call);
    sync_bytes();
    for (unsigned i = 0; i < rename_tries; i++) {
        call.check();
        make_folders(folder_.root, to.parent_path());
        if (renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), flags) == 0) {
            if (fstat(file_.fd(), &file) != 0)
                throw from_errno(errno, "look at '" + key + "'");
            sync_folders(to);
            return file;
        }
        const int error = errno;
        if (error == EEXIST && lstat(to.c_str(), &file) == 0 && S_ISREG(file.st_mode))
            throw Failure(REGSTORE_EXISTS, "'" + key + "' has a blob");
        if (error == EEXIST || error == EISDIR || error == ENOTEMPTY) {
            if (rmdir(to.c_str()) == 0 || errno == ENOENT || errno == ENOTDIR)
                continue; // it was an empty folder, left by a process that died
            throw Failure(REGSTORE_CONFLICT, "other keys lie under '" + key + "' (KEY-3)");
        }
        if (error == ENOTDIR)
            throw Failure(REGSTORE_CONFLICT, "'" + key + "' lies under another key (KEY-3)");
        if (error == ENOENT && lstat(from.c_str(), &file) == 0)
            continue; // a delete took the folder, which was empty
        throw error == ENOENT ? gone() : from_errno(error, "rename to '" + key + "'");
    }
    throw Failure(REGSTORE_UNAVAILABLE, "others delete the folder of '" + key + "' all the time");
}

// The upload is gone. Was it this commit, whose answer was lost? By the file that we hold, or by
// reading what is there.
struct stat Staging::prove(const Call &call, const std::string &key)
try {
    struct stat file, held;
    const File blob = folder_.open(key, file);
    const bool is_same_file = file_ && fstat(file_.fd(), &held) == 0 &&
                              held.st_ino == file.st_ino && held.st_dev == file.st_dev;
    if (!is_same_file) {
        Sha256 theirs;
        uint64_t at = 0;
        const bool is_as_long = static_cast<uint64_t>(file.st_size) == offset_;
        if (is_as_long)
            hash_on(call, blob.fd(), offset_, at, theirs);
        if (!is_as_long || theirs.hex() != digest())
            throw Failure(REGSTORE_CONFLICT, "the upload is gone, '" + key + "' is another's");
    }
    sync_folders(folder_.at(key)); // who renamed it may have died before
    return file;
} catch (const Failure &failure) {
    if (failure.status == REGSTORE_NOT_FOUND)
        throw gone();
    throw;
}

void Staging::remove()
{
    const fs::path path = folder_.upload(name_);
    if (unlink(path.c_str()) != 0 && errno != ENOENT && errno != ENOTDIR)
        throw from_errno(errno, "remove '" + path.string() + "'");
}
