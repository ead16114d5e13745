/* SPDX-License-Identifier: Apache-2.0 */
/* What a test cannot claim in a build whose sanitizer has memory, threads and locks of its own. */
#ifndef TEST_SANITIZED_H
#define TEST_SANITIZED_H

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define IS_ADDRESS_SANITIZED 1
#endif
#if __has_feature(thread_sanitizer)
#define IS_THREAD_SANITIZED 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#define IS_ADDRESS_SANITIZED 1
#endif
#if defined(__SANITIZE_THREAD__)
#define IS_THREAD_SANITIZED 1
#endif

#ifndef IS_ADDRESS_SANITIZED
#define IS_ADDRESS_SANITIZED 0
#endif
#ifndef IS_THREAD_SANITIZED
#define IS_THREAD_SANITIZED 0
#endif

#endif
