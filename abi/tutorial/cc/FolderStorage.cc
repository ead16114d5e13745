// SPDX-License-Identifier: Apache-2.0
// FolderStorage in C++: blobs as files in one folder.
//
//   <storage_path>/<key>              a blob
//   <storage_path>/uploads/<id>-<key> an upload that is not finished
//
// call.hh is the boundary, store.hh what each call goes through, staging.* the file of an upload,
// upload.* its states and tokens, list.cc what it says, and this all the rest.
#include "store.hh"
#include "upload.hh"

#include <algorithm>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

namespace fs = std::filesystem;

std::vector<std::string> Folder::uploads(const Call &call) const
{
    return names_in(call, root / "uploads");
}

struct regstore_upload {
    std::shared_ptr<Store> store;
    Upload upload;
};

struct regstore_reader {
    std::shared_ptr<Store> store;
    File file; // what replaces the blob is another file: we go on with ours
    uint64_t at, end;
};

namespace
{

// --- the store ---

constexpr uint64_t features = REGSTORE_F_ATOMIC_IF_ABSENT;
constexpr size_t root_max = 3000; // with the longest key it is a path that the kernel takes
constexpr size_t read_bytes = size_t{1} << 20;

constexpr regstore_param params[] = {
    {"storage_path", nullptr,
     "The folder that holds the blobs, beginning with '/'. Its last part is made when missing.",
     REGSTORE_PARAM_REQUIRED | REGSTORE_PARAM_PATH},
    {nullptr, nullptr, nullptr, 0},
};

fs::path root_from(const regstore_pair *settings, size_t n)
{
    std::optional<std::string> path;
    for (size_t i = 0; i < n; i++) {
        if (std::string_view(settings[i].key) != "storage_path")
            throw Failure(REGSTORE_CONFIG, std::string(settings[i].key) +
                                               ": no such setting, there is only storage_path");
        if (path)
            throw Failure(REGSTORE_CONFIG, "storage_path: given twice");
        path = settings[i].value;
    }
    if (!path)
        throw Failure(REGSTORE_CONFIG, "storage_path: missing");
    if (!starts_with(*path, "/") || path->size() > root_max)
        throw Failure(REGSTORE_CONFIG, "storage_path: must begin with '/', and not be too long");
    fs::path root = "/"; // one place has one name: "/a//b/" is "/a/b"
    for (const fs::path &part : fs::path(*path).relative_path())
        if (!part.empty())
            root /= part;
    return root;
}

regstore_status store_open(const regstore_call *host_call, const regstore_host *host,
                           const regstore_pair *settings, size_t n, regstore_store **out)
{
    return boundary(host_call, [&](const Call &) {
        // We log and measure nothing, so of the host only its size is looked at (GROW-2).
        if (host != nullptr && host->struct_size < sizeof *host)
            throw Failure(REGSTORE_INVALID, "host.struct_size is too small");
        auto store = std::make_shared<Store>();
        store->folder.root = root_from(settings, n);
        store->place = sha256_of(store->folder.root.native());
        *out = new regstore_store{std::move(store)};
    });
}

uint64_t store_features(const regstore_store *)
{
    return features;
}

void store_close(regstore_store *store)
{
    delete store;
}

regstore_status stat_blob(regstore_store *store, const regstore_call *host_call, const char *key,
                          regstore_stat *out)
{
    return with(store, host_call, [&](const Call &call, const Folder &folder) {
        check_key(key);
        call.check();
        give(out, tell(folder.look(key)));
    });
}

regstore_status delete_blobs(regstore_store *store, const regstore_call *host_call,
                             const char *const *keys, size_t n, regstore_status *results)
{
    std::optional<Failure> first;
    const regstore_status status =
        with(store, host_call, [&](const Call &call, const Folder &folder) {
            for (size_t i = 0; i < n; i++) {
                regstore_status one = REGSTORE_OK;
                try {
                    check_key(keys[i]);
                    call.check();
                    folder.remove(keys[i]);
                } catch (const Failure &failure) {
                    one = failure.status; // and does not save the others (DEL-1)
                    if (!first)
                        first = failure;
                }
                if (results != nullptr)
                    results[i] = one;
            }
            if (first)
                throw *first;
        });
    if (status != REGSTORE_OK && !first && results != nullptr)
        std::fill_n(results, n, status); // nothing was begun
    return status;
}

// --- check ---

// The way of a blob, through the functions that any blob goes through.
void check_by_writing(const Call &call, const Folder &folder)
{
    const std::string probe = "regstore check", name = staging_name(new_id(), "");
    const std::string key = "regstore-check-" + name;
    Staging staging(folder, name);
    const auto clean_up = [&] {
        staging.release(false);
        staging.remove();
        folder.remove(key);
    };
    try {
        staging.append(call, probe.data(), probe.size());
        Blob blob = staging.publish(call, key, true);
        std::string back(probe.size(), '\0');
        const File file = folder.open(key, blob);
        if (pread(file.fd(), back.data(), back.size(), 0) != static_cast<ssize_t>(probe.size()) ||
            back != probe)
            throw Failure(REGSTORE_CORRUPT, "other bytes came back than were written");
    } catch (const Failure &) {
        try {
            clean_up();
        } catch (const Failure &) { // what failed first is told
        }
        throw;
    }
    clean_up();
}

std::string check_folder(const Call &call, const Folder &folder)
{
    Blob file;
    call.check();
    if (stat(folder.root.c_str(), &file) != 0) {
        if (errno != ENOENT)
            throw from_errno(errno, "look at storage_path");
        return "storage_path is not there yet, and will be made by the first upload";
    }
    if (!S_ISDIR(file.st_mode))
        throw Failure(REGSTORE_CONFIG, "storage_path is no folder");
    if (access(folder.root.c_str(), R_OK | W_OK | X_OK) != 0)
        throw from_errno(errno, "read, write and enter storage_path");
    return "storage_path is a folder that we may write to";
}

regstore_status check(regstore_store *store, const regstore_call *host_call,
                      const regstore_check_opts *host_opts)
{
    return with(store, host_call, [&](const Call &call, const Folder &folder) {
        const regstore_check_opts opts = take(host_opts);
        refuse_unknown(opts.flags, REGSTORE_CHECK_WRITE);
        const auto step = [&opts](const char *name, const char *advice, auto &&body) {
            try {
                const std::string found = body();
                if (opts.step != nullptr)
                    opts.step(opts.ctx, name, REGSTORE_OK, found.c_str(), "");
            } catch (const Failure &failure) {
                const regstore_error words = words_of(failure);
                if (opts.step != nullptr)
                    opts.step(opts.ctx, name, failure.status, words.message, advice);
                throw;
            }
        };
        step("storage_path", "Name a folder of the registry's own user.",
             [&] { return check_folder(call, folder); });
        if ((opts.flags & REGSTORE_CHECK_WRITE) != 0)
            step("write", "The file system must have room, and locks.", [&] {
                check_by_writing(call, folder);
                return std::string("a probe came back and is gone again");
            });
    });
}

// --- uploads ---

regstore_status upload_open(regstore_store *store, const regstore_call *host_call,
                            const regstore_upload_opts *host_opts, regstore_upload **out)
{
    return with(store, host_call, [&](const Call &call, const Folder &folder) {
        const regstore_upload_opts opts = take(host_opts);
        call.check();
        *out = new regstore_upload{store->store, Upload(folder, store->store->place, opts)};
    });
}

regstore_status upload_write(regstore_upload *upload, const regstore_call *host_call,
                             const void *buf, size_t len)
{
    return with(upload, host_call, [&](const Call &call, const Folder &) {
        upload->upload.write(call, static_cast<const char *>(buf), len);
    });
}

uint64_t upload_offset(const regstore_upload *upload)
{
    return upload->upload.offset();
}

regstore_status upload_digest(const regstore_upload *upload, const char *algorithm, char *digest,
                              size_t cap)
try {
    if (upload->store->mark.is_inherited())
        return REGSTORE_STATE;
    if (std::string_view(algorithm) != "sha256" || !upload->upload.keeps_sha256())
        return REGSTORE_UNSUPPORTED;
    const std::string text = upload->upload.digest();
    if (cap <= text.size())
        return REGSTORE_RANGE;
    std::memcpy(digest, text.c_str(), text.size() + 1);
    return REGSTORE_OK;
} catch (const std::bad_alloc &) {
    return REGSTORE_NO_MEMORY;
}

regstore_status upload_suspend(regstore_upload *upload, const regstore_call *host_call, char *token,
                               size_t cap, uint64_t *kept)
{
    return with(upload, host_call, [&](const Call &call, const Folder &) {
        if (cap < REGSTORE_TOKEN_MAX)
            throw Failure(REGSTORE_RANGE, "the buffer is too small for a token");
        const std::string text = upload->upload.suspend(call);
        std::memcpy(token, text.c_str(), text.size() + 1);
        *kept = upload->upload.offset();
    });
}

regstore_status upload_commit(regstore_upload *upload, const regstore_call *host_call,
                              const regstore_commit_opts *host_opts, regstore_stat *out)
{
    return with(upload, host_call, [&](const Call &call, const Folder &) {
        give(out, tell(upload->upload.commit(call, take(host_opts))));
    });
}

regstore_status upload_abort(regstore_upload *upload, const regstore_call *host_call)
{
    return with(upload, host_call,
                [&](const Call &call, const Folder &) { upload->upload.abort(call); });
}

void upload_close(regstore_upload *upload)
{
    if (upload != nullptr)
        upload->upload.release(upload->store->mark.is_inherited());
    delete upload;
}

// --- reading ---

regstore_status read_open(regstore_store *store, const regstore_call *host_call, const char *key,
                          const regstore_read_opts *host_opts, regstore_reader **reader,
                          regstore_stat *out)
{
    return with(store, host_call, [&](const Call &call, const Folder &folder) {
        const regstore_read_opts opts = take(host_opts);
        refuse_unknown(opts.flags, 0);
        check_key(key);
        call.check();
        Blob blob;
        File file = folder.open(key, blob);
        const regstore_stat told = tell(blob);
        if (opts.etag != nullptr && std::string_view(opts.etag) != told.etag)
            throw Failure(REGSTORE_CONFLICT, "it is another blob by now");
        const uint64_t at = std::min(opts.offset, told.length), rest = told.length - at;
        const uint64_t end = at + (opts.length != 0 ? std::min(opts.length, rest) : rest);
        *reader = new regstore_reader{store->store, std::move(file), at, end};
        give(out, told);
    });
}

regstore_status read_next(regstore_reader *reader, const regstore_call *host_call, void *buf,
                          size_t cap, size_t *got)
{
    return with(reader, host_call, [&](const Call &call, const Folder &) {
        call.check();
        const size_t len = std::min<uint64_t>({cap, reader->end - reader->at, read_bytes});
        const ssize_t n = pread(reader->file.fd(), buf, len, static_cast<off_t>(reader->at));
        if (n < 0)
            throw from_errno(errno, "read a blob");
        if (n == 0 && len > 0) // READ-2
            throw Failure(REGSTORE_CORRUPT, "the file of a blob has become shorter");
        reader->at += static_cast<uint64_t>(n);
        *got = static_cast<size_t>(n);
    });
}

void read_close(regstore_reader *reader)
{
    delete reader;
}

// --- purge ---

constexpr uint64_t kinds = REGSTORE_PURGE_OBJECTS | REGSTORE_PURGE_UPLOADS;

bool is_old(const Blob &file, uint64_t age_s)
{
    timespec now;                              // of the clock that dates files
    (void)clock_gettime(CLOCK_REALTIME, &now); // cannot fail
    const int64_t age =
        int64_t{now.tv_sec} - file.st_mtim.tv_sec - (now.tv_nsec < file.st_mtim.tv_nsec ? 1 : 0);
    return age >= 0 && static_cast<uint64_t>(age) >= age_s;
}

// Locked, so that nobody goes on with it in the same moment. An upload that somebody holds lives.
void purge_one(const fs::path &path, bool is_upload, const regstore_purge_opts &opts,
               regstore_purged &told)
{
    Blob file;
    if (lstat(path.c_str(), &file) != 0 || !S_ISREG(file.st_mode))
        return; // gone meanwhile, or nothing of ours
    if (!is_old(file, opts.older_than_s)) {
        told.spared++;
        return;
    }
    const File held(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
    if (!held && errno == ENOENT)
        return;
    if (!held)
        throw from_errno(errno, "open '" + path.string() + "'");
    if (flock(held.fd(), LOCK_EX | LOCK_NB) != 0 || fstat(held.fd(), &file) != 0 ||
        !is_old(file, opts.older_than_s)) {
        told.spared++;
        return;
    }
    if ((opts.flags & REGSTORE_PURGE_DRY_RUN) == 0 && unlink(path.c_str()) != 0) {
        if (errno == ENOENT)
            return;
        throw from_errno(errno, "remove '" + path.string() + "'");
    }
    (is_upload ? told.uploads : told.objects)++;
    told.bytes += static_cast<uint64_t>(file.st_size);
}

regstore_status purge(regstore_store *store, const regstore_call *host_call,
                      const regstore_purge_opts *host_opts, regstore_purged *out)
{
    regstore_purged told{};
    const regstore_status status =
        with(store, host_call, [&](const Call &call, const Folder &folder) {
            const regstore_purge_opts opts = take(host_opts);
            refuse_unknown(opts.flags, kinds | REGSTORE_PURGE_DRY_RUN);
            if (opts.older_than_s == 0)
                throw Failure(REGSTORE_INVALID, "older_than_s 0 is what is being written");
            const uint64_t wanted = (opts.flags & kinds) != 0 ? opts.flags : kinds;
            std::optional<Failure> first;
            for (const std::string &name : folder.uploads(call)) {
                const bool is_upload = is_staging_name(name);
                call.check();
                if ((wanted & (is_upload ? REGSTORE_PURGE_UPLOADS : REGSTORE_PURGE_OBJECTS)) == 0)
                    continue;
                try {
                    purge_one(folder.upload(name), is_upload, opts, told);
                } catch (const Failure &failure) { // the others are purged all the same
                    told.failed++;
                    if (!first)
                        first = failure;
                }
            }
            if (first)
                throw *first;
        });
    give(out, told); // on failure too (PURGE-3)
    return status;
}

constexpr regstore_plugin make_table()
{
    regstore_plugin table{}; // extension, copy and presign stay null: not offered
    table.struct_size = sizeof table;
    table.abi_minor = REGSTORE_ABI_MINOR;
    table.features = features;
    table.name = "FolderStorage";
    table.version = "1.0";
    table.description = "Blobs as files in a folder: the backend of the tutorial, in C++.";
    table.params = params;
    table.store_open = store_open;
    table.store_features = store_features;
    table.store_close = store_close;
    table.check = check;
    table.upload_open = upload_open;
    table.upload_write = upload_write;
    table.upload_offset = upload_offset;
    table.upload_digest = upload_digest;
    table.upload_suspend = upload_suspend;
    table.upload_commit = upload_commit;
    table.upload_abort = upload_abort;
    table.upload_close = upload_close;
    table.read_open = read_open;
    table.read_next = read_next;
    table.read_close = read_close;
    table.stat = stat_blob;
    table.delete_blobs = delete_blobs;
    table.list_open = list_open;
    table.list_next = list_next;
    table.list_close = list_close;
    table.purge = purge;
    return table;
}

} // namespace

REGSTORE_EXPORT const regstore_plugin *regstore_plugin_v1(void)
{
    static constexpr regstore_plugin table = make_table();
    return &table;
}
