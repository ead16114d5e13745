// SPDX-License-Identifier: Apache-2.0
// A store, and what each call on it and on its handles goes through.
#ifndef FOLDER_STORE_HH
#define FOLDER_STORE_HH

#include "staging.hh"

#include <atomic>
#include <memory>
#include <sys/mman.h>

// FORK-1 to FORK-3: a page that a fork wipes, and beside it, in what a fork copies, what was on it.
class ForkMark
{
  public:
    ForkMark()
    {
        void *page =
            mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (page == MAP_FAILED)
            throw std::bad_alloc();
        is_ours_ = new (page) std::atomic<bool>(false);
        if (madvise(page, bytes, MADV_WIPEONFORK) != 0) {
            (void)munmap(page, bytes); // cannot fail on what mmap gave; nor below
            throw Failure(REGSTORE_UNSUPPORTED, "this kernel has no MADV_WIPEONFORK");
        }
    }
    ForkMark(const ForkMark &) = delete;
    ForkMark &operator=(const ForkMark &) = delete;
    ~ForkMark()
    {
        (void)munmap(is_ours_, bytes);
    }
    bool is_inherited() const
    {
        return is_used_ && !*is_ours_;
    }
    void use()
    {
        if (is_inherited())
            throw Failure(REGSTORE_STATE, "the store was used before this process was forked");
        *is_ours_ = true; // first: who sees is_used_ sees this as well
        is_used_ = true;
    }

  private:
    static constexpr size_t bytes = 4096;
    std::atomic<bool> is_used_{false};
    std::atomic<bool> *is_ours_;
};

struct Store {
    Folder folder;
    std::string place; // names storage_path in tokens
    ForkMark mark;
};

// What the host holds. A shared_ptr is the count of THR-2: handles keep their store.
struct regstore_store {
    std::shared_ptr<Store> store;
};

// Each call on a store and on its handles.
template <typename Handle, typename Body>
regstore_status with(Handle *handle, const regstore_call *host_call, Body &&body) noexcept
{
    return boundary(host_call, [&](const Call &call) {
        handle->store->mark.use();
        body(call, handle->store->folder);
    });
}

using Blob = struct stat;

inline regstore_stat tell(const Blob &file)
{
    regstore_stat told{};
    told.length = static_cast<uint64_t>(file.st_size);
    told.mtime_ns = int64_t{file.st_mtim.tv_sec} * 1000000000 + file.st_mtim.tv_nsec;
    const std::string etag = std::to_string(file.st_ino) + '-' + std::to_string(told.mtime_ns) +
                             '-' + std::to_string(told.length);
    etag.copy(told.etag, sizeof told.etag - 1);
    return told;
}

// list.cc
std::vector<std::string> names_in(const Call &call, const std::filesystem::path &path);
regstore_status list_open(regstore_store *store, const regstore_call *host_call,
                          const regstore_list_opts *host_opts, regstore_list **out);
regstore_status list_next(regstore_list *list, const regstore_call *host_call, char *key,
                          size_t cap, regstore_stat *out);
void list_close(regstore_list *list);

#endif
