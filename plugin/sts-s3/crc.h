/* SPDX-License-Identifier: Apache-2.0 */
/* CRC-32C (Castagnoli) and CRC-64/NVME.  Pure; a processor's own instruction is used where it has
 * one. */
#ifndef STSS3_CRC_H
#define STSS3_CRC_H

#include <stddef.h>
#include <stdint.h>

enum stss3_crc { STSS3_CRC32C, STSS3_CRC64NVME };

/* Of what crc is of, and these bytes behind it; the crc of nothing is 0. */
uint64_t stss3_crc(enum stss3_crc kind, uint64_t crc, const void *data, size_t len);
/* The same by tables alone, as on a processor that has nothing of the kind. */
uint64_t stss3_crc_by_table(enum stss3_crc kind, uint64_t crc, const void *data, size_t len);
/* Of a's bytes and b's behind them, which are b_bytes. */
uint64_t stss3_crc_join(enum stss3_crc kind, uint64_t a, uint64_t b, uint64_t b_bytes);

#endif
