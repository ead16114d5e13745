/* SPDX-License-Identifier: Apache-2.0 */
/* Purge against uploads that are days old and alive, by the clock of regstore-fake-s3. */
#ifndef TEST_OLD_UPLOADS_H
#define TEST_OLD_UPLOADS_H

#include <check.h>

TCase *old_uploads_case(void);

#endif
