// SPDX-License-Identifier: Apache-2.0
// The boundary: C structs and statuses outside, values and exceptions inside. No word about files.
#ifndef FOLDER_CALL_HH
#define FOLDER_CALL_HH

#include <regstore.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <new>
#include <optional>
#include <string>
#include <string_view>

// What a call says when it does not say OK.
struct Failure {
    regstore_status status;
    std::string message;
    bool is_retryable;

    Failure(regstore_status with, std::string words)
        : status(with), message(std::move(words)),
          is_retryable(with == REGSTORE_TIMEOUT || with == REGSTORE_CANCELLED ||
                       with == REGSTORE_UNAVAILABLE || with == REGSTORE_NO_SPACE ||
                       with == REGSTORE_NO_MEMORY)
    {
    }
    Failure(regstore_status with, std::string words, bool retryable)
        : status(with), message(std::move(words)), is_retryable(retryable)
    {
    }
};

inline Failure from_errno(int error, const std::string &what)
{
    const char *name = strerrorname_np(error); // strerror() is not for threads
    const std::string words = "cannot " + what + ": " + (name != nullptr ? name : "?");
    switch (error) {
    case EACCES:
    case EPERM:
    case EROFS:
        return {REGSTORE_DENIED, words};
    case ENOSPC:
    case EDQUOT:
        return {REGSTORE_NO_SPACE, words};
    case ENOMEM:
        return {REGSTORE_NO_MEMORY, words};
    case ENAMETOOLONG:
        return {REGSTORE_INVALID, words};
    default:
        return {REGSTORE_UNAVAILABLE, words};
    }
}

// Copies an input struct; null is all zero (GROW-4). Each begins with its struct_size.
template <typename T> T take(const T *theirs)
{
    T mine{};
    if (theirs == nullptr)
        return mine;
    if (theirs->struct_size < sizeof mine) // minor 0 is all there is: nobody has less
        throw Failure(REGSTORE_INVALID, "a struct_size is too small");
    const auto *bytes = reinterpret_cast<const unsigned char *>(theirs);
    for (uint64_t i = sizeof mine; i < theirs->struct_size; i++)
        if (bytes[i] != 0)
            throw Failure(REGSTORE_UNSUPPORTED, "a field that this plugin does not know is set");
    std::memcpy(&mine, theirs, sizeof mine);
    return mine;
}

// Fills an output struct, no further than the host's goes, and never its struct_size (GROW-3).
template <typename T> void give(T *theirs, const T &mine)
{
    if (theirs == nullptr)
        return;
    const size_t skip = sizeof theirs->struct_size;
    const uint64_t end = theirs->struct_size < sizeof mine ? theirs->struct_size : sizeof mine;
    if (end > skip)
        std::memcpy(reinterpret_cast<char *>(theirs) + skip,
                    reinterpret_cast<const char *>(&mine) + skip, end - skip);
}

inline void refuse_unknown(uint64_t flags, uint64_t known)
{
    if ((flags & ~known) != 0)
        throw Failure(REGSTORE_UNSUPPORTED, "a flag that this plugin does not know is set");
}

// A call under way.
class Call
{
  public:
    Call() = default; // for what must be done whatever the host's call says
    explicit Call(const regstore_call *host)
    {
        const regstore_call mine = take(host);
        cancel_ = mine.cancel;
        if (mine.timeout_ms != 0 && mine.timeout_ms < INT64_MAX / 2000000)
            deadline_ = Clock::now() + std::chrono::milliseconds(mine.timeout_ms);
    }
    void check() const // asked between any two pieces of work (CALL-3)
    {
        if (cancel_ != nullptr && __atomic_load_n(cancel_, __ATOMIC_RELAXED) != 0)
            throw Failure(REGSTORE_CANCELLED, "cancelled by the caller");
        if (deadline_ && Clock::now() >= *deadline_)
            throw Failure(REGSTORE_TIMEOUT, "the time given for this call is over");
    }

  private:
    using Clock = std::chrono::steady_clock; // CLOCK_MONOTONIC
    const int32_t *cancel_ = nullptr;
    std::optional<Clock::time_point> deadline_;
};

inline regstore_error words_of(const Failure &failure)
{
    regstore_error words{};
    words.retryable = failure.is_retryable;
    failure.message.copy(words.message, sizeof words.message - 1);
    for (char &c : words.message) // a key may be anything (ERR-1)
        if (c != '\0' && (c < 0x20 || c >= 0x7f))
            c = '?';
    return words;
}

// Every function of the table is one of these: no exception leaves it.
template <typename Body> regstore_status boundary(const regstore_call *host, Body &&body) noexcept
{
    regstore_error *out = host->struct_size >= sizeof *host ? host->error : nullptr;
    const auto told = [out](regstore_status status, const char *words, bool retryable) {
        regstore_error error{};
        error.retryable = retryable;
        std::strncpy(error.message, words, sizeof error.message - 1);
        give(out, error);
        return status;
    };
    give(out, regstore_error{}); // ERR-1: cleared on entry
    try {
        body(Call(host));
        return REGSTORE_OK;
    } catch (const Failure &failure) {
        give(out, words_of(failure));
        return failure.status;
    } catch (const std::bad_alloc &) {
        return told(REGSTORE_NO_MEMORY, "out of memory", true);
    } catch (...) {
        return told(REGSTORE_INTERNAL, "an exception that nobody expected", false);
    }
}

inline bool starts_with(std::string_view text, std::string_view prefix)
{
    return text.substr(0, prefix.size()) == prefix;
}

// The bytes of the UTF-8 character that begins here; 0: none does, or a control character.
inline size_t character(std::string_view text)
{
    const auto byte = [text](size_t i) -> unsigned {
        return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u;
    };
    const unsigned first = byte(0);
    if (first < 0x80)
        return first >= 0x20 && first != 0x7f ? 1 : 0;
    if (first < 0xc2 || first > 0xf4)
        return 0;
    const size_t len = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    unsigned code = first & (0x7fu >> len);
    for (size_t i = 1; i < len; i++) {
        if ((byte(i) & 0xc0) != 0x80)
            return 0;
        code = code << 6 | (byte(i) & 0x3f);
    }
    static constexpr unsigned least[] = {0, 0, 0xa0, 0x800, 0x10000}; // U+0080 to U+009F: control
    const bool is_surrogate = code >= 0xd800 && code < 0xe000;
    return code < least[len] || code > 0x10ffff || is_surrogate ? 0 : len;
}

// What a key, a prefix and a start_after have in common.
inline void check_text(std::string_view text)
{
    if (text.size() >= REGSTORE_KEY_MAX)
        throw Failure(REGSTORE_INVALID, "a key of more than 1023 bytes (KEY-1)");
    while (!text.empty()) {
        const size_t len = character(text);
        if (len == 0)
            throw Failure(REGSTORE_INVALID, "a key is not UTF-8, or has a control character");
        text.remove_prefix(len);
    }
}

inline void check_key(std::string_view key)
{
    check_text(key);
    for (size_t begin = 0, end = 0; end != key.npos; begin = end + 1) {
        end = key.find('/', begin);
        const std::string_view part = key.substr(begin, end == key.npos ? end : end - begin);
        if (part.empty() || part == "." || part == "..")
            throw Failure(REGSTORE_INVALID, "a key has a part that is empty, '.' or '..'");
        if (part.size() > 255)
            throw Failure(REGSTORE_INVALID,
                          "a part of the key has more than the 255 bytes that a file's name may");
    }
}

inline void check_target(std::string_view key) // KEY-4
{
    check_key(key);
    if (key == "uploads" || starts_with(key, "uploads/"))
        throw Failure(REGSTORE_INVALID, "keys under 'uploads/' are the backend's (KEY-4)");
}

#endif
