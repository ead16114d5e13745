/* SPDX-License-Identifier: Apache-2.0 */
/*
 * layout.h: how the layout tests say what a header had, in C11 and in C++11. Beside regstore.h.
 */
#ifndef LAYOUT_H
#define LAYOUT_H

#ifdef __cplusplus
#include <type_traits>
#define ASSERT static_assert
#define IS_TYPE(s, field, ...) (std::is_same<decltype(regstore_##s::field), __VA_ARGS__>::value)
#else
#define ASSERT _Static_assert
#define IS_TYPE(s, field, ...)                                                                     \
    _Generic(&((struct regstore_##s *)0)->field, __typeof__(__VA_ARGS__) *: 1, default: 0)
#endif

#define NUMBER(name, value) ASSERT((name) == (value), #name " was " #value)
/* A struct may have grown since (GROW-1), never within a minor. */
#define SIZE(minor, s, size)                                                                       \
    ASSERT(REGSTORE_ABI_MINOR == (minor) ? sizeof(struct regstore_##s) == (size)                   \
                                         : sizeof(struct regstore_##s) >= (size),                  \
           "size of regstore_" #s)
/* The struct of an extension, whose name has a number of its own and no minors. */
#define GROWS(s, size) ASSERT(sizeof(struct regstore_##s) >= (size), "size of regstore_" #s)
#define FROZEN(s, size) ASSERT(sizeof(struct regstore_##s) == (size), "size of regstore_" #s)
#define FIELD(s, field, at, ...)                                                                   \
    ASSERT(offsetof(struct regstore_##s, field) == (at), "offset of regstore_" #s "." #field);     \
    ASSERT(IS_TYPE(s, field, __VA_ARGS__), "type of regstore_" #s "." #field)

#endif
