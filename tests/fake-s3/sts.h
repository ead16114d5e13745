/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FAKE_S3_STS_H
#define FAKE_S3_STS_H

#include <stdbool.h>

struct exchange;

/* Which operation the form means, once it is there. False: refused. */
bool sts_read_form(struct exchange *x);

#endif
