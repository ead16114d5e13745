// SPDX-License-Identifier: Apache-2.0
// Lists: down and up the folders in the byte order of whole keys. Of each folder on the way the
// names are kept, and of no other.
#include "store.hh"

#include <algorithm>

namespace fs = std::filesystem;

// The names of a folder; none when it is gone meanwhile. Those of folders end in "/".
std::vector<std::string> names_in(const Call &call, const fs::path &path)
{
    std::vector<std::string> names;
    std::error_code error;
    for (fs::directory_iterator at(path, error), end; !error && at != end; at.increment(error)) {
        call.check();
        std::error_code unknown; // gone meanwhile: then it is no folder
        const bool is_folder = fs::is_directory(at->symlink_status(unknown));
        names.push_back(at->path().filename().string() + (is_folder ? "/" : ""));
    }
    if (error && error != std::errc::no_such_file_or_directory &&
        error != std::errc::not_a_directory)
        throw from_errno(error.value(), "read the folder '" + path.string() + "'");
    return names;
}

struct regstore_list {
    std::shared_ptr<Store> store;
    uint64_t flags;
    uint64_t left; // until the limit
    bool is_delimited;
    std::string prefix, after;

    void next(const Call &call);
    std::string key; // of the entry; empty at the end
    regstore_stat told{};

  private:
    struct Level {
        std::vector<std::string> names; // sorted
        size_t at;
        std::string path; // "" or ends in "/"
    };
    void descend(const Call &call, const std::string &path);
    void ascend();
    bool is_wanted(const std::string &at) const;
    bool step(const Call &call);

    std::vector<Level> levels_;
    size_t fold_ = 0; // the depth of a folder that is one entry if a key lies in it; 0: none
    bool is_begun_ = false;
};

// A folder sorts as its name with "/" behind it: so keys come in the order of their bytes.
void regstore_list::descend(const Call &call, const std::string &path)
{
    Level level{names_in(call, store->folder.at(path)), 0, path};
    std::sort(level.names.begin(), level.names.end());
    levels_.push_back(std::move(level));
}

void regstore_list::ascend()
{
    levels_.pop_back();
    if (levels_.size() < fold_)
        fold_ = 0;
}

// Is there anything to be listed at this key, or below it when it ends in "/"?
bool regstore_list::is_wanted(const std::string &at) const
{
    const bool is_folder = at.back() == '/';
    if (!starts_with(at, prefix) && !(is_folder && starts_with(prefix, at)))
        return false;
    if (starts_with(at, "uploads/") && !starts_with(prefix, "uploads/"))
        return false;
    if (!after.empty() && (flags & REGSTORE_LIST_AFTER_SUBTREE) != 0 && starts_with(at, after))
        return false;
    if (at <= after && !(is_folder && starts_with(after, at)))
        return false;
    try { // files of others, with names that are no keys, are passed over
        check_key(is_folder ? at.substr(0, at.size() - 1) : at);
        return true;
    } catch (const Failure &) {
        return false;
    }
}

// True: key and told are an entry. What fails leaves the list where it was.
bool regstore_list::step(const Call &call)
{
    Level &level = levels_.back();
    call.check();
    if (level.at == level.names.size()) {
        ascend();
        return false;
    }
    const std::string at = level.path + level.names[level.at];
    if (!is_wanted(at)) {
        level.at++;
        return false;
    }
    if (at.back() == '/') {
        const size_t depth = levels_.size();
        descend(call, at);
        levels_[depth - 1].at++;
        if (fold_ == 0 && is_delimited && at.size() > prefix.size())
            fold_ = levels_.size();
        return false;
    }
    try {
        told = tell(store->folder.look(at));
    } catch (const Failure &failure) {
        if (failure.status != REGSTORE_NOT_FOUND)
            throw;
        level.at++; // deleted meanwhile, or no file
        return false;
    }
    level.at++;
    key = at;
    return true;
}

void regstore_list::next(const Call &call)
{
    bool is_found = false;
    if (!is_begun_)
        descend(call, "");
    is_begun_ = true;
    while (!is_found && !levels_.empty() && left > 0)
        is_found = step(call);
    if (!is_found) {
        key.clear();
        told = regstore_stat{};
        return;
    }
    left--;
    if (fold_ == 0)
        return;
    key = levels_[fold_ - 1].path; // the first blob in it: the folder is the entry, and done with
    told = regstore_stat{};
    told.flags = REGSTORE_STAT_PREFIX;
    while (fold_ > 0)
        ascend();
}

regstore_status list_open(regstore_store *store, const regstore_call *host_call,
                          const regstore_list_opts *host_opts, regstore_list **out)
{
    return with(store, host_call, [&](const Call &call, const Folder &) {
        const regstore_list_opts opts = take(host_opts);
        refuse_unknown(opts.flags, REGSTORE_LIST_AFTER_SUBTREE);
        if (opts.delimiter != nullptr && std::string_view(opts.delimiter) != "/")
            throw Failure(REGSTORE_INVALID, "a delimiter other than '/'");
        auto list = std::make_unique<regstore_list>();
        list->store = store->store;
        list->flags = opts.flags;
        list->left = opts.limit != 0 ? opts.limit : UINT64_MAX;
        list->is_delimited = opts.delimiter != nullptr;
        list->prefix = opts.prefix != nullptr ? opts.prefix : "";
        list->after = opts.start_after != nullptr ? opts.start_after : "";
        check_text(list->prefix);
        check_text(list->after);
        call.check();
        *out = list.release();
    });
}

regstore_status list_next(regstore_list *list, const regstore_call *host_call, char *key,
                          size_t cap, regstore_stat *out)
{
    return with(list, host_call, [&](const Call &call, const Folder &) {
        if (cap < REGSTORE_KEY_MAX)
            throw Failure(REGSTORE_RANGE, "the buffer is too small for a key");
        list->next(call);
        std::memcpy(key, list->key.c_str(), list->key.size() + 1);
        give(out, list->told);
    });
}

void list_close(regstore_list *list)
{
    delete list;
}
