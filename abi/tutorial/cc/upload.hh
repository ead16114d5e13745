// SPDX-License-Identifier: Apache-2.0
// An upload: the states that regstore.h draws, and the token that carries it to another process.
#ifndef FOLDER_UPLOAD_HH
#define FOLDER_UPLOAD_HH

#include "staging.hh"

class Upload
{
  public:
    // place names the store in tokens; folder outlives the upload.
    Upload(const Folder &folder, std::string place, const regstore_upload_opts &opts);
    uint64_t offset() const
    {
        return staging_->offset();
    }
    std::string digest() const
    {
        return "sha256:" + staging_->digest();
    }
    bool keeps_sha256() const
    {
        return (flags_ & REGSTORE_UPLOAD_SHA256) != 0;
    }
    void write(const Call &call, const char *bytes, size_t len);
    std::string suspend(const Call &call);
    struct stat commit(const Call &call, const regstore_commit_opts &opts);
    void abort(const Call &call);
    void release(bool is_inherited)
    {
        staging_->release(is_inherited);
    }

  private:
    enum class State { open, sealed, committed, suspended, aborting, aborted, lost };
    void read_token(const std::string &token);
    std::string token() const;
    void must_be(State one, State other, State third) const;
    std::string choose_key(const char *asked) const;
    void compare(const char *wanted) const;
    struct stat make_blob(const Call &call, const std::string &key, bool if_absent);
    template <typename Body> auto settling(Body &&body);

    const Folder &folder_;
    std::string place_;
    State state_ = State::open;
    bool is_resumed_ = false;
    uint64_t flags_ = 0;
    std::string id_;
    std::string key_;    // told at open, or empty
    std::string target_; // of the commit that failed or succeeded; empty when none did
    std::optional<Staging> staging_;
    struct stat committed_ = {};
};

#endif
