/* SPDX-License-Identifier: Apache-2.0 */
/* Rules by backends, side by side, as one HTML page that needs nothing else. */
#ifndef CONFORMANCE_PAGE_H
#define CONFORMANCE_PAGE_H

#include <stdio.h>

#include "page_read.h"

void page_write(FILE *out, const struct page_run *runs, size_t n);

#endif
