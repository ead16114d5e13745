// SPDX-License-Identifier: Apache-2.0
#include "upload.hh"

#include <charconv>
#include <vector>

namespace
{

constexpr uint64_t known_flags = REGSTORE_UPLOAD_SHA256 | REGSTORE_UPLOAD_SOLE;
// In a token, beside those:
constexpr uint64_t has_key = 0x10000;   // the key was told at open
constexpr uint64_t is_sealed = 0x20000; // a commit has failed

constexpr std::string_view digits = "0123456789abcdef";

Failure damaged()
{
    return {REGSTORE_INVALID, "the token is damaged, or of another backend"};
}

bool is_hex(std::string_view text, size_t len)
{
    return text.size() == len && text.find_first_not_of(digits) == text.npos;
}

std::string to_hex(uint64_t number)
{
    char text[17];
    return {text, std::to_chars(text, text + sizeof text, number, 16).ptr};
}

uint64_t number_in(std::string_view text)
{
    uint64_t number = 0;
    const char *end = text.data() + text.size();
    const auto read = std::from_chars(text.data(), end, number, 16);
    if (read.ec != std::errc() || read.ptr != end)
        throw damaged();
    return number;
}

std::vector<std::string> fields_of(const std::string &token)
{
    std::vector<std::string> fields;
    for (size_t begin = 0, end = 0; end != token.npos; begin = end + 1) {
        end = token.find(':', begin);
        fields.push_back(token.substr(begin, end == token.npos ? end : end - begin));
    }
    return fields;
}

} // namespace

Upload::Upload(const Folder &folder, std::string place, const regstore_upload_opts &opts)
    : folder_(folder), place_(std::move(place))
{
    refuse_unknown(opts.flags, known_flags);
    if (opts.token != nullptr && (opts.flags != 0 || opts.key != nullptr))
        throw Failure(REGSTORE_INVALID, "flags or a key beside a token, which has them");
    if ((opts.flags & REGSTORE_UPLOAD_SOLE) != 0 && opts.key == nullptr)
        throw Failure(REGSTORE_INVALID, "UPLOAD_SOLE needs a key");
    if (opts.key != nullptr)
        check_target(opts.key);
    if (opts.token != nullptr) {
        read_token(opts.token);
        return;
    }
    flags_ = opts.flags;
    key_ = opts.key != nullptr ? opts.key : "";
    id_ = new_id();
    staging_.emplace(folder_, staging_name(id_, key_));
}

// "folder1:place:id:flags:offset:digest:key in hex:checksum"
std::string Upload::token() const
{
    const std::string &key = key_.empty() ? target_ : key_; // when there are both, they agree
    const uint64_t flags =
        flags_ | (key_.empty() ? 0 : has_key) | (state_ == State::sealed ? is_sealed : 0);
    std::string text = "folder1:" + place_ + ':' + id_ + ':' + to_hex(flags) + ':' +
                       to_hex(offset()) + ':' + staging_->digest() + ':';
    for (const char c : key) {
        text += digits[static_cast<unsigned char>(c) >> 4];
        text += digits[static_cast<unsigned char>(c) & 15];
    }
    return text + ':' + sha256_of(text);
}

// The checksum is against accidents. Against a forger (TOK-6) each field is looked at: the id is
// hex, so that it names nothing but a file in uploads/.
void Upload::read_token(const std::string &token)
{
    const std::vector<std::string> field = fields_of(token);
    if (field.size() != 8 || field[0] != "folder1" || !is_hex(field[2], 32) ||
        !is_hex(field[5], 64) || !is_hex(field[6], field[6].size()) || field[6].size() % 2 != 0 ||
        sha256_of(std::string_view(token).substr(0, token.rfind(':'))) != field[7])
        throw damaged();
    if (field[1] != place_)
        throw Failure(REGSTORE_INVALID, "the token is of another storage_path");
    const uint64_t flags = number_in(field[3]), offset = number_in(field[4]);
    if ((flags & ~(known_flags | has_key | is_sealed)) != 0 || offset > INT64_MAX)
        throw damaged();
    std::string key;
    for (size_t i = 0; i < field[6].size(); i += 2)
        key += static_cast<char>(number_in(std::string_view(field[6]).substr(i, 2)));
    if (!key.empty())
        check_target(key);
    is_resumed_ = true;
    flags_ = flags & known_flags;
    id_ = field[2];
    if ((flags & has_key) != 0)
        key_ = key;
    if ((flags & is_sealed) != 0) {
        target_ = key;
        state_ = State::sealed;
    }
    staging_.emplace(folder_, staging_name(id_, key_), offset, field[5]);
}

void Upload::must_be(State one, State other, State third) const
{
    if (state_ != one && state_ != other && state_ != third)
        throw Failure(REGSTORE_STATE, "not in this state of the upload");
}

// GONE, and CONFLICT that does not pass, end an upload.
template <typename Body> auto Upload::settling(Body &&body)
{
    try {
        return body();
    } catch (const Failure &failure) {
        if (failure.status == REGSTORE_GONE ||
            (failure.status == REGSTORE_CONFLICT && !failure.is_retryable)) {
            state_ = State::lost;
            release(false);
        }
        throw;
    }
}

void Upload::write(const Call &call, const char *bytes, size_t len)
{
    must_be(State::open, State::open, State::open);
    call.check();
    if (len > 0)
        settling([&] { staging_->append(call, bytes, len); });
}

std::string Upload::suspend(const Call &call)
{
    must_be(State::open, State::sealed, State::sealed);
    call.check();
    settling([&] { staging_->keep(); });
    std::string text = token();
    state_ = State::suspended;
    release(false);
    return text;
}

std::string Upload::choose_key(const char *asked) const
{
    const std::string key = asked != nullptr ? asked : key_;
    if (key.empty())
        throw Failure(REGSTORE_INVALID, "commit needs a key: upload_open had none");
    check_target(key);
    if (!key_.empty() && key != key_)
        throw Failure(REGSTORE_INVALID, "the upload was opened for another key (UP-2)");
    if (!target_.empty() && key != target_)
        throw Failure(REGSTORE_STATE, "a commit went to '" + target_ + "' already");
    return key;
}

void Upload::compare(const char *wanted) const // COM-1
{
    if (wanted == nullptr)
        return;
    if (!keeps_sha256() || !starts_with(wanted, "sha256:") || !is_hex(wanted + 7, 64))
        throw Failure(REGSTORE_INVALID, "no sha256 digest, or upload_open did not ask for it");
    if (digest() != wanted)
        throw Failure(REGSTORE_DIGEST, "the bytes are not those of " + std::string(wanted));
}

struct stat Upload::make_blob(const Call &call, const std::string &key, bool if_absent)
try {
    return staging_->publish(call, key, if_absent);
} catch (const Failure &failure) {
    if (failure.status == REGSTORE_GONE)
        return staging_->prove(call, key); // COM-2: was it this commit, whose answer was lost?
    if (failure.status != REGSTORE_EXISTS || !is_resumed_ || offset() != 0)
        throw;
    // TOK-1: a token at offset 0 has no file to be gone; its empty blob is the one that it made.
    const struct stat file = folder_.look(key);
    if (file.st_size != 0)
        throw;
    try {
        staging_->remove();
    } catch (const Failure &) { // COM-3: it is purge's
    }
    return file;
}

struct stat Upload::commit(const Call &call, const regstore_commit_opts &opts)
{
    const State before = state_;
    const bool had_target = !target_.empty();
    refuse_unknown(opts.flags, REGSTORE_COMMIT_IF_ABSENT);
    must_be(State::open, State::sealed, State::committed);
    const std::string key = choose_key(opts.key);
    compare(opts.digest);
    if (before == State::committed)
        return committed_;
    target_ = key;
    state_ = State::sealed;
    try {
        committed_ = settling(
            [&] { return make_blob(call, key, (opts.flags & REGSTORE_COMMIT_IF_ABSENT) != 0); });
    } catch (const Failure &failure) {
        const bool is_refused =
            failure.status == REGSTORE_INVALID || failure.status == REGSTORE_UNSUPPORTED;
        if (is_refused)
            state_ = before; // nothing was done
        if (failure.status == REGSTORE_EXISTS || (is_refused && !had_target))
            target_.clear(); // any key may come next
        throw;
    }
    state_ = State::committed;
    release(false);
    return committed_;
}

void Upload::abort(const Call &call)
{
    if (state_ == State::committed || state_ == State::aborted)
        return; // ABO-2, ABO-1
    if (state_ == State::suspended)
        throw Failure(REGSTORE_STATE, "not in this state of the upload");
    state_ = State::aborting;
    call.check();
    staging_->remove();
    if ((flags_ & REGSTORE_UPLOAD_SOLE) != 0)
        for (const std::string &name : folder_.uploads(call))
            if (is_staging_name(name) && name.substr(32) == staging_name("", key_))
                Staging(folder_, name).remove();
    state_ = State::aborted;
    release(false);
}
