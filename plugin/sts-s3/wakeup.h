/* SPDX-License-Identifier: Apache-2.0 */
/* A gap of libcurl: curl_multi_init() makes a pair of sockets to wake a poll with, and lets every
 * program that the host executes inherit it (curl 7.88; its issue 13618). */
#ifndef STSS3_WAKEUP_H
#define STSS3_WAKEUP_H

#include <curl/curl.h>

/* Finds that pair by what a wake-up does to it, and makes it close-on-exec.  To be called before
 * the handle is used. */
void stss3_wakeup_close_on_exec(CURLM *multi);

#endif
