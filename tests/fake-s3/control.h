/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tests' own door, unsigned, for loopback only, and shut unless --control opens it.
 *
 *   POST   /_fake/fault?RULE                 faults.h has the rules
 *   DELETE /_fake/fault                      forgets them all, and what was struck
 *   GET    /_fake/struck                     how many requests have felt a fault since then
 *   GET    /_fake/busy                       how many requests are under way, the tests' own aside
 *   GET    /_fake/left?prefix=P              "object KEY BYTES" and "upload KEY ID"
 *   GET    /_fake/counts                     "PutObject 3" and so on: requests since the start
 *   GET    /_fake/refusals                   "NoSuchKey 1" and so on: those that were refused
 *   GET    /_fake/received                   "PutObject 1000" and so on: bytes of their bodies
 *   GET    /_fake/sent                       the same of the answers', as they were meant
 *   DELETE /_fake/counts                     all these from nought again
 *   POST   /_fake/clock?offset_ms=-900000    the server's clock from now on
 *   POST   /_fake/session?life_ms=8000       how long sessions to come will live; 0: as they ask;
 *                                            &expired=AccessDenied: what has ended is refused as
 *                                            Ceph does it, with that and no more
 *   DELETE /_fake/session                    all live ones end now
 *   POST   /_fake/page?most=5                lists have so few entries in an answer; 0: as asked
 *   POST   /_fake/bucket?name=N&region=R     a bucket in a region
 *   POST   /_fake/lock?name=N&on=1           object lock of a bucket (0: off): what is written
 *                                            there needs a Content-MD5 or an x-amz-checksum-
 *   POST   /_fake/parts?min=B&most=N&equal=1 what parts must be like: no smaller than B bytes, no
 *                                            more than N, all of one size (0: any) but the last
 */
#ifndef FAKE_S3_CONTROL_H
#define FAKE_S3_CONTROL_H

#include <stdbool.h>

struct exchange;

bool is_control(const struct exchange *x);
/* Under the server's lock. */
void control(struct exchange *x);

#endif
